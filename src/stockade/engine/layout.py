"""How the work is cut: how many buckets, and which keys are too big for one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Protocol

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from stockade.engine.bind import Track
from stockade.engine.slices import Slices, find_slices

# About a second of kernel time and a few hundred megabytes of a worker's memory.
BUCKET_ROWS = 600_000
# A key with more events than this is cut into slices of time: two buckets' worth, as a slice also
# brings along what its first decisions still count.
HOT_ROWS = 2 * BUCKET_ROWS
# Links or transfers that hang together are not cut: about 300 bytes of a task's memory each.
COMPONENT_ROWS = 8_000_000
# A day of an investigator's questions; a night's decisions touch most events anyway.
FEW_ROWS = 1_000

_TRACK = "_track"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpineProfile:
    """What one pass over the spine tells.

    Attributes:
        rows: how many decisions.
        first, last: microseconds of the earliest and latest decision; None without any.
        timeless: rows whose decision time is null.
        keyless: entity key columns -> rows with a null among them. Their features are all null.
    """

    rows: int
    first: int | None
    last: int | None
    timeless: int
    keyless: Mapping[tuple[str, ...], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How one shuffle is cut.

    Attributes:
        buckets: into how many parts.
        slices: the keys that are cut into slices of time, the first of the buckets; None if no
            key is.
    """

    buckets: int
    slices: Slices | None = None


class Keyed(Protocol):
    """Anything that meets a spine by its keys."""

    @property
    def spine_keys(self) -> tuple[str, ...]:
        """The spine's columns."""
        ...


def profile_spine(spine: DataFrame, tracks: Sequence[Keyed], *, decided_at: str) -> SpineProfile:
    """Count a spine's rows and nulls and find its first and last decision; one Spark job."""
    groups = sorted({track.spine_keys for track in tracks})
    moment = F.unix_micros(decided_at)
    row = spine.agg(
        F.count(F.lit(1)),
        F.min(moment),
        F.max(moment),
        F.count_if(F.col(decided_at).isNull()),
        *(
            F.count_if(reduce(lambda a, b: a | b, (F.col(key).isNull() for key in keys)))
            for keys in groups
        ),
    ).first()
    rows, first, last, timeless, *keyless = row or (0, None, None, 0)
    return SpineProfile(
        rows=rows, first=first, last=last, timeless=timeless,
        keyless=dict(zip(groups, keyless, strict=False)),
    )  # fmt: skip


def in_reach(track: Track, profile: SpineProfile) -> Column:
    """Whether an event can count for any decision of the spine, by its time alone.

    The column is compared as it is stored, so that files and row groups outside are skipped.
    """
    if profile.first is None or profile.last is None:
        return F.lit(False)
    moment = F.col(track.source.event_time)
    # Up to and including the last decision: the inclusive boundary counts that instant.
    before = moment <= F.timestamp_micros(F.lit(profile.last))
    if track.reach is None:
        return before
    return before & (moment >= F.timestamp_micros(F.lit(profile.first - track.reach)))


def count_events(tracks: Sequence[Track], profile: SpineProfile) -> list[int]:
    """How many events of each track are in reach; one Spark job that reads their times only."""
    if not tracks:
        return []
    marked = [
        track.events.where(in_reach(track, profile)).select(F.lit(n).alias(_TRACK))
        for n, track in enumerate(tracks)
    ]
    found = reduce(DataFrame.unionAll, marked).groupBy(_TRACK).count().collect()
    counts = {row[_TRACK]: row["count"] for row in found}
    return [counts.get(n, 0) for n in range(len(tracks))]


def plan_layout(
    tracks: Sequence[Track],
    pruned: Sequence[DataFrame],
    counts: Sequence[int],
    profile: SpineProfile,
    *,
    bucket_rows: int = BUCKET_ROWS,
    hot_rows: int = HOT_ROWS,
) -> Layout:
    """Size one shuffle, and look for hot keys only where there can be any.

    Args:
        tracks: all that one entity's features are computed from.
        pruned: their events with `_time`, as they will travel.
        counts: how many events each has; see `count_events`.
        profile: of the spine.
        bucket_rows: rows that one bucket should hold.
        hot_rows: events that one key may have before it is cut. A key is cut only where every
            window ends somewhere: a lifetime would need all of its past in every slice.
    """
    slices: Slices | None = None
    rows = profile.rows + sum(counts)
    bounded = all(track.reach is not None for track in tracks)
    if sum(counts) > hot_rows and bounded and profile.first is not None:
        slices = find_slices(tracks, pruned, first=profile.first, hot_rows=hot_rows)
    sliced = (slices.rows, slices.buckets) if slices else (0, 0)
    # Two at least: one would leave the second core of even the smallest machine idle.
    others = max(2, -(-max(rows - sliced[0], 0) // bucket_rows))
    return Layout(buckets=sliced[1] + others, slices=slices)
