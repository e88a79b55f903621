"""What is small is computed on the driver: each table is read once, and nothing is shuffled.

A shuffle of a few thousand rows costs what it takes to plan it and to start its tasks. What the
tasks would compute is computed here by the same kernels, of one bucket that holds everything.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import reduce
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.util import inheritable_thread_target

from stockade.definitions.source import EventSource
from stockade.engine.bind import Track
from stockade.engine.layout import Keyed, SpineProfile, any_of, in_reach
from stockade.engine.patterns import Pattern, prepared
from stockade.engine.revisions import clocks
from stockade.engine.shuffle import MOMENT, Kernel
from stockade.engine.tracks import Shape, fields_of, track_kernel, travelling

# pyarrow's stubs know neither masked index arrays nor dictionary arrays behind `Array`.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportReturnType=false

# Of a small query most is planning: while one is planned, another runs.
_READERS = 4
# More than Spark cuts given rows into.
_PARTITIONS = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A spine, and what is asked of it; `bind` has checked that they fit.

    Attributes:
        spine: decision moments.
        decided_at: its time column.
        tracks, patterns: what its features are computed from.
        audit: whether each view's latest clocks are asked for, too.
    """

    spine: DataFrame
    decided_at: str
    tracks: tuple[Track, ...]
    patterns: tuple[Pattern, ...]
    audit: bool

    @property
    def keyed(self) -> list[Keyed]:
        """All that meets the spine by its keys."""
        return [*self.tracks, *self.patterns]


class _Part(NamedTuple):
    """Views that one kernel computes: of one entity, or of one pattern."""

    spine_keys: tuple[str, ...]
    kernel: Kernel
    fields: Sequence[pa.Field]
    tables: Mapping[int, pa.Table]


def heads(spines: Sequence[DataFrame], rows: Sequence[int]) -> list[pa.Table | None]:
    """The rows of each spine that has no more than so many; none are read where that is 0."""
    asked = [spine.limit(n + 1) for spine, n in zip(spines, rows, strict=True) if n > 0]
    found = iter(_read(asked))
    tables = [next(found) if n > 0 else None for n in rows]
    pairs = zip(tables, rows, strict=True)
    return [None if table is None or table.num_rows > n else table for table, n in pairs]


def at_once(asked: Sequence[tuple[Asked, pa.Table]]) -> Iterator[tuple[DataFrame, SpineProfile]]:
    """The rows of each spine with all features, in the spine's order, and the spine's profile.

    Args:
        asked: what is asked, and the rows of its spine.
    """
    profiles = [_profile(rows, one.keyed, decided_at=one.decided_at) for one, rows in asked]
    scans = _Scans([one for one, _ in asked], _together(profiles))
    for (one, rows), profile in zip(asked, profiles, strict=True):
        yield _featured(one, rows, scans.parts(one)), profile


class _Scans:
    """The tables of all that is asked, each scanned once."""

    def __init__(self, asked: Sequence[Asked], profile: SpineProfile) -> None:
        self._profile = profile
        self._scans = _scans(track for one in asked for track in one.tracks)
        self._patterns: list[tuple[Pattern, list[int | None]]] = []
        frames = [scan.frame(profile) for scan in self._scans]
        for pattern in (pattern for one in asked for pattern in one.patterns):
            if self._places(pattern) is None:
                places: list[int | None] = []
                for side in prepared(pattern, profile, audit=False).tables:
                    places.append(None if side is None else len(frames))
                    frames += [] if side is None else [side.rows]
                self._patterns.append((pattern, places))
        self._tables = _read(frames)

    def parts(self, asked: Asked) -> Iterator[_Part]:
        """What one spine's features are computed from."""
        for pattern in asked.patterns:
            kernel = prepared(pattern, self._profile, audit=asked.audit).kernel
            places = self._places(pattern) or []
            yield _Part(
                pattern.spine_keys, kernel, pattern.fields(audit=asked.audit),
                {tag: self._tables[n] for tag, n in enumerate(places, 1) if n is not None},
            )  # fmt: skip
        for spine_keys in dict.fromkeys(track.spine_keys for track in asked.tracks):
            tracks = [track for track in asked.tracks if track.spine_keys == spine_keys]
            shapes = [Shape.of(track, audit=asked.audit) for track in tracks]
            tables = {tag: self._rows(track) for tag, track in enumerate(tracks, start=1)}
            yield _Part(spine_keys, track_kernel(shapes), fields_of(shapes), tables)

    def _places(self, pattern: Pattern) -> list[int | None] | None:
        """Where the tables of a pattern are, if they have been asked for."""
        for known, places in self._patterns:
            same = all(a is b for a, b in zip(known.frames, pattern.frames, strict=False))
            if same and known.view == pattern.view:
                return places
        return None

    def _rows(self, track: Track) -> pa.Table:
        for scan, table in zip(self._scans, self._tables, strict=False):
            if scan.holds(track):
                return scan.rows(track, table)
        raise AssertionError(f"source '{track.source.name}' was not read")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scan:
    """All that is asked of the rows of one source."""

    source: EventSource
    events: DataFrame
    tracks: list[Track] = field(default_factory=list[Track])

    def holds(self, track: Track) -> bool:
        return self.events is track.events and self.source == track.source

    @property
    def _whole(self) -> Track:
        """A track that has what any of them needs."""
        wheres = dict.fromkeys(where for one in self.tracks for where in one.masks)
        return Track(
            source=self.source,
            events=self.events,
            spine_keys=(),
            source_keys=tuple(dict.fromkeys(k for one in self.tracks for k in one.source_keys)),
            views={str(n): one.outputs for n, one in enumerate(self.tracks)},
            values={name: kind for one in self.tracks for name, kind in one.values.items()},
            masks={where: f"m{n}" for n, where in enumerate(wheres)},
        )

    def frame(self, profile: SpineProfile) -> DataFrame:
        """The rows that some decision may count, with the columns that some track needs."""
        whole = self._whole
        timed = clocks(self.source, self.events).where(in_reach(whole, profile))
        if all(output.mask for output in whole.outputs):
            timed = timed.where(any_of(whole.masks))
        keys = (F.col(key).alias(f"k_{key}") for key in whole.source_keys)
        return timed.select(*keys, *travelling(whole, timed))

    def rows(self, track: Track, table: pa.Table) -> pa.Table:
        """What one of the tracks needs, under its own names."""
        masks = self._whole.masks
        keys = {f"_k{i}": table.column(f"k_{key}") for i, key in enumerate(track.source_keys)}
        mine = {own: table.column(masks[where]) for where, own in track.masks.items()}
        kept = [
            name
            for name in table.column_names
            if not name.startswith("k_") and name not in masks.values()
        ]
        rows = pa.table(keys | {name: table.column(name) for name in kept} | mine)
        if not all(output.mask for output in track.outputs):
            return rows
        # Others may need the rest, and what none of the views can use is no latest clock of theirs.
        return rows.filter(reduce(pc.or_, mine.values()))


def _scans(tracks: Iterable[Track]) -> list[_Scan]:
    scans: list[_Scan] = []
    for track in tracks:
        scan = next((one for one in scans if one.holds(track)), None)
        if scan is None:
            scan = _Scan(source=track.source, events=track.events)
            scans.append(scan)
        scan.tracks.append(track)
    return scans


def _read(frames: Sequence[DataFrame]) -> list[pa.Table]:
    """The rows of each, several read at a time."""
    if not frames:
        return []
    spark = frames[0].sparkSession
    read = inheritable_thread_target(spark)(DataFrame.toArrow)
    with ThreadPoolExecutor(_READERS) as pool:
        return list(pool.map(read, frames))


def _profile(spine: pa.Table, keyed: Iterable[Keyed], *, decided_at: str) -> SpineProfile:
    """As `layout.profile_spine`, of rows that are here."""
    moment = spine.column(decided_at).cast(pa.int64())
    ends = pc.min_max(moment)
    groups = sorted({one.spine_keys for one in keyed})
    return SpineProfile(
        rows=spine.num_rows,
        first=ends["min"].as_py(),
        last=ends["max"].as_py(),
        timeless=moment.null_count,
        keyless={keys: spine.num_rows - spine.select(keys).drop_null().num_rows for keys in groups},
    )


def _together(profiles: Sequence[SpineProfile]) -> SpineProfile:
    """One from the first decision of any spine to the last."""
    first = [one.first for one in profiles if one.first is not None]
    last = [one.last for one in profiles if one.last is not None]
    return SpineProfile(
        rows=sum(one.rows for one in profiles), first=min(first, default=None),
        last=max(last, default=None), timeless=0, keyless={},
    )  # fmt: skip


def _featured(asked: Asked, spine: pa.Table, parts: Iterable[_Part]) -> DataFrame:
    """The spine's rows with the columns of every part."""
    fields: list[pa.Field] = []
    columns: list[pa.Array] = []
    moment = spine.column(asked.decided_at).cast(pa.int64())
    for part in parts:
        fields += part.fields
        if spine.num_rows == 0:
            columns += [pa.array([], one.type) for one in part.fields]
            continue
        keys = {f"_k{i}": spine.column(key) for i, key in enumerate(part.spine_keys)}
        made = part.kernel({0: pa.table(keys | {MOMENT: moment}), **part.tables})
        columns += [one.cast(to.type) for one, to in zip(made, part.fields, strict=True)]
    rows = spine
    for one, column in zip(fields, columns, strict=True):
        rows = rows.append_column(one.name, column)
    kinds = from_arrow_schema(pa.schema(fields)).fields
    schema = T.StructType([*asked.spine.schema.fields, *kinds])
    made = asked.spine.sparkSession.createDataFrame(rows, schema)
    # Spark's optimiser would itself compute, row by row and each column in steps as many as there
    # are columns before it, whatever is selected from rows that it was given, unless something
    # stands between: this leaves the partitions as they are.
    return made.coalesce(_PARTITIONS)
