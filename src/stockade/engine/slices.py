"""Keys with too many events for one task: cut by time, each slice a bucket of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from stockade.engine.bind import Track
from stockade.engine.revisions import EVENT

# pyarrow's stubs know neither masked index arrays nor dictionary arrays behind `Array`.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportReturnType=false

Integers = NDArray[np.int64]

# A key that is just big enough is estimated from this many of its rows: to about 3 %.
_SAMPLE = 1_000
# Cuts are looked for this finely within a slice.
_STEPS = 16
_FIRST = "_first"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slices:
    """The keys that are cut, and where.

    Attributes:
        keys: rows (`_hot0`..., `_first`): the parts of such a key, and the bucket of its first
            slice.
        edges: first bucket -> the times at which its key is cut, increasing. Slice i is bucket
            `first + i` and holds the decisions in `[edges[i - 1], edges[i])`, the outermost being
            open, with every event that one of them may count: some travel more than once.
        rows: how many events the keys have, about.
    """

    keys: DataFrame
    edges: Mapping[int, Integers]
    rows: int

    @property
    def buckets(self) -> int:
        """How many slices there are in all; their buckets come first."""
        return sum(edges.size + 1 for edges in self.edges.values())

    def placed(
        self, rows: DataFrame, keys: Sequence[str], other: Column
    ) -> tuple[DataFrame, Column]:
        """The rows, and their bucket: a cut key's first, else `other`."""
        same = [F.col(f"_hot{i}") == F.col(name) for i, name in enumerate(keys)]
        joined = rows.join(F.broadcast(self.keys), same, "left")
        return joined, F.coalesce(F.col(_FIRST), other + F.lit(self.buckets))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spread:
    """Sends the rows of cut keys to their slices, on their way into the shuffle.

    Attributes:
        edges: of `Slices`.
        time: the rows' time, microseconds.
        reach: how long after its time a row may still count, microseconds; 0 for decisions.
    """

    edges: Mapping[int, Integers]
    time: str
    reach: int

    def __call__(self, rows: pa.Table, bucket: Integers) -> tuple[Integers, Integers]:
        """Positions among the rows, some more than once, and the bucket of each."""
        copies = np.ones(bucket.size, np.int64)
        lowest = bucket.astype(np.int64)
        time = pc.fill_null(rows.column(self.time), 0).to_numpy()
        for first, edges in self.edges.items():
            mine = np.flatnonzero(bucket == first)
            if mine.size:
                slice_ = np.searchsorted(edges, time[mine], side="right")
                last = np.searchsorted(edges, time[mine] + self.reach, side="right")
                lowest[mine] += slice_
                copies[mine] += last - slice_
        at = np.repeat(np.arange(bucket.size), copies)
        begin = np.cumsum(copies) - copies
        return at, lowest[at] + np.arange(at.size) - begin[at]


def find_slices(
    tracks: Sequence[Track], pruned: Sequence[DataFrame], *, first: int, hot_rows: int
) -> Slices | None:
    """Look for keys with more than `hot_rows` events in a sample, and cut them; one Spark job.

    Args:
        tracks: all that one entity's features are computed from; each with a reach.
        pruned: their events with `_time`.
        first: microseconds of the earliest decision: there is nothing to cut before it.
        hot_rows: events that a slice should have.
    """
    share = min(1.0, _SAMPLE / hot_rows)
    sampled = [
        (events if share == 1.0 else events.sample(share, seed=0)).select(
            *(F.col(key).alias(f"_hot{i}") for i, key in enumerate(track.source_keys)), EVENT
        )
        for track, events in zip(tracks, pruned, strict=True)
    ]
    keys = [name for name in sampled[0].columns if name != EVENT]
    wanted = hot_rows * share
    found = (
        reduce(DataFrame.unionAll, sampled)
        .groupBy(*keys)
        .agg(F.collect_list(EVENT).alias(EVENT))
        .where((F.size(EVENT) > wanted) & reduce(lambda a, b: a & b, map(_known, keys)))
        .collect()
    )
    reach = max(track.reach or 0 for track in tracks)
    edges: dict[int, Integers] = {}
    rows: list[tuple[object, ...]] = []
    events, buckets = 0, 0
    for *key, times in found:
        cuts = cut(np.sort(np.array(times)), first=first, reach=reach, wanted=wanted)
        if cuts.size:
            edges[buckets] = cuts
            rows.append((*key, buckets))
            events += int(len(times) / share)
            buckets += cuts.size + 1
    if not rows:
        return None
    types = [sampled[0].schema[name] for name in keys]
    schema = T.StructType([*types, T.StructField(_FIRST, T.IntegerType())])
    return Slices(
        keys=pruned[0].sparkSession.createDataFrame(rows, schema), edges=edges, rows=events
    )


def cut(times: Integers, *, first: int, reach: int, wanted: float) -> Integers:
    """Where to cut, so that each slice has `wanted` events and twice those that it brings along.

    Args:
        times: a sample of one key's events, in order.
        first: no edge lies before it.
        reach: a slice brings along the events of so long before it.
        wanted: events of the sample.

    Returns:
        Increasing edges, as many as there can be; what is brought along is half of the events at
        most, however they crowd.
    """
    brought = np.arange(times.size) - np.searchsorted(times, times - reach)
    begin = int(np.searchsorted(times, first))
    step = max(1, int(wanted / _STEPS))
    edges: list[int] = []
    for at in range(begin + step, times.size, step):
        # What is left must be worth a slice, too.
        if times.size - at < wanted / 2:
            break
        if at - begin >= max(wanted, 2 * brought[at]) and times[at] > times[begin]:
            edges.append(int(times[at]))
            begin = at
    return np.array(edges, np.int64)


def _known(key: str) -> Column:
    return F.col(key).isNotNull()
