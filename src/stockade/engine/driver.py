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
from pyspark.util import inheritable_thread_target

from stockade.definitions.source import EventSource
from stockade.engine.bind import Track
from stockade.engine.layout import Keyed, SpineProfile
from stockade.engine.patterns import Pattern, kernel_of, tables_of
from stockade.engine.shuffle import Kernel, extended, extended_schema, keyed_moments
from stockade.engine.tracks import Shape, countable, fields_of, track_kernel, travelling

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
    """The rows of each spine that has no more than so many."""
    asked = [spine.limit(n + 1) for spine, n in zip(spines, rows, strict=True)]
    pairs = zip(_read(asked), rows, strict=True)
    return [table if table.num_rows <= n else None for table, n in pairs]


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
        self._scans = _scans(track for one in asked for track in one.tracks)
        self._patterns: list[tuple[Pattern, list[int | None]]] = []
        frames = [scan.frame(profile) for scan in self._scans]
        for pattern in (pattern for one in asked for pattern in one.patterns):
            if self._places(pattern) is None:
                places: list[int | None] = []
                for side in tables_of(pattern, profile):
                    places.append(None if side is None else len(frames))
                    frames += [] if side is None else [side.rows]
                self._patterns.append((pattern, places))
        self._tables = _read(frames)

    def parts(self, asked: Asked) -> Iterator[_Part]:
        """What one spine's features are computed from."""
        for pattern in asked.patterns:
            places = self._places(pattern) or []
            yield _Part(
                pattern.spine_keys, kernel_of(pattern, audit=asked.audit),
                pattern.fields(audit=asked.audit),
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
    def _masks(self) -> Mapping[str, str]:
        """The filter of any of them -> its column."""
        wheres = dict.fromkeys(where for one in self.tracks for where in one.masks)
        return {where: f"m{n}" for n, where in enumerate(wheres)}

    @property
    def _whole(self) -> Track:
        """A track that has what any of them needs."""
        return Track(
            source=self.source,
            events=self.events,
            spine_keys=(),
            source_keys=tuple(dict.fromkeys(k for one in self.tracks for k in one.source_keys)),
            views={str(n): one.outputs for n, one in enumerate(self.tracks)},
            values={name: kind for one in self.tracks for name, kind in one.values.items()},
            masks=self._masks,
        )

    def frame(self, profile: SpineProfile) -> DataFrame:
        """The rows that some decision may count, with the columns that some track needs."""
        whole = self._whole
        timed = countable(whole, self.events, profile)
        keys = (F.col(key).alias(f"k_{key}") for key in whole.source_keys)
        return timed.select(*keys, *travelling(whole, timed))

    def rows(self, track: Track, table: pa.Table) -> pa.Table:
        """What one of the tracks needs, under its own names."""
        masks = self._masks
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
    rows, fields = spine, list[pa.Field]()
    for part in parts:
        fields += part.fields
        if spine.num_rows == 0:
            made = [pa.array([], one.type) for one in part.fields]
        else:
            keyed = keyed_moments(spine, part.spine_keys, asked.decided_at)
            made = part.kernel({0: pa.table(keyed), **part.tables})
        rows = extended(rows, part.fields, made)
    schema = extended_schema(asked.spine.schema, fields)
    frame = asked.spine.sparkSession.createDataFrame(rows, schema)
    # Spark's optimiser would itself compute, row by row and each column in steps as many as there
    # are columns before it, whatever is selected from rows that it was given, unless something
    # stands between: this leaves the partitions as they are.
    return frame.coalesce(_PARTITIONS)
