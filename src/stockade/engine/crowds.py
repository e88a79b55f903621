"""Rows that count for a while, how many share something at a moment, and what hangs together."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from stockade.engine.order import sort_by_entity_and_time
from stockade.engine.program import FOREVER

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

# numba's decorator is untyped, and inside a kernel everything is a machine number: kernels are
# checked by tests against the reference, not by types.
# pyright: reportUntypedFunctionDecorator=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportArgumentType=false, reportMissingParameterType=false, reportUnknownParameterType=false
# pyright: reportReturnType=false, reportCallIssue=false, reportAttributeAccessIssue=false

PAIRS = pa.schema([("_node", pa.int64()), ("_root", pa.int64())])
PAIRS_DDL = "_node long, _root long"
_FOLD_ROWS = 1 << 18


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """When n rows happened and count.

    Attributes:
        time: event time, microseconds.
        shown, gone: known from, and superseded at.
        begin, end: a row counts at t where `begin <= t < end`.
    """

    time: Integers
    shown: Integers
    gone: Integers
    begin: Integers
    end: Integers

    def take(self, rows: Integers | Flags) -> "Spans":
        """Some of the rows."""
        return Spans(
            self.time[rows], self.shown[rows], self.gone[rows], self.begin[rows], self.end[rows]
        )


def spans(time: Integers, shown: Integers, gone: Integers, memory: int | None = None) -> Spans:
    """Rows count once they happened and are known, until superseded or older than `memory`."""
    end = gone if memory is None else np.minimum(gone, time + (memory + 1))
    return Spans(time, shown, gone, np.maximum(time + 1, shown), end)


def crowds(group: Integers, member: Integers, when: Spans) -> Integers:
    """For each row, how many members of its group count at the moment at which the row begins to.

    0 for a row that never counts.
    """
    counts = when.begin < when.end
    if not counts.any():
        return np.zeros(group.size, np.int64)
    groups, members = int(group.max()) + 1, int(member.max()) + 1
    _, pair = np.unique(group * members + member, return_inverse=True)
    counted = np.where(counts, group, -1)
    by_begin, start = sort_by_entity_and_time(counted, when.begin, groups)
    by_end, _ = sort_by_entity_and_time(counted, when.end, groups)
    return _crowds(start, by_begin, by_end, when.begin, when.end, pair.astype(np.int64))


@njit(cache=True, nogil=True)
def _crowds(
    start: Integers, by_begin: Integers, by_end: Integers, begin: Integers, end: Integers,
    pair: Integers,
) -> Integers:  # fmt: skip
    found = np.zeros(begin.size, np.int64)
    rows = np.zeros(begin.size, np.int64)
    for k in range(start.size - 1):
        i, leaves, crowd = start[k], start[k], 0
        while i < start[k + 1]:
            now, first = begin[by_begin[i]], i
            while i < start[k + 1] and begin[by_begin[i]] == now:
                one = pair[by_begin[i]]
                rows[one] += 1
                crowd += rows[one] == 1
                i += 1
            while leaves < start[k + 1] and end[by_end[leaves]] <= now:
                one = pair[by_end[leaves]]
                rows[one] -= 1
                crowd -= rows[one] == 0
                leaves += 1
            for j in range(first, i):
                found[by_begin[j]] = crowd
    return found


def contracted(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """A `mapInArrow` function: pairs of nodes -> each node with the least node that it reaches.

    What it makes are pairs again: partitions may be contracted first, then all of them in one.
    """
    known = root = np.empty(0, np.int64)
    waiting: list[tuple[Integers, Integers]] = []
    rows = 0
    for batch in batches:
        waiting.append((batch.column(0).to_numpy(), batch.column(1).to_numpy()))
        rows += batch.num_rows
        # As many new pairs as there are nodes, so that all nodes are not sorted for a few.
        if rows > max(known.size, _FOLD_ROWS):
            known, root = _folded(known, root, waiting)
            waiting, rows = [], 0
    known, root = _folded(known, root, waiting)
    if known.size:
        yield from pa.table([known, root], schema=PAIRS).to_batches(max_chunksize=1 << 16)


def _folded(
    known: Integers, root: Integers, pairs: list[tuple[Integers, Integers]]
) -> tuple[Integers, Integers]:
    one = np.concatenate([known, *(pair[0] for pair in pairs)])
    other = np.concatenate([root, *(pair[1] for pair in pairs)])
    nodes = np.unique(np.concatenate([one, other]))
    joined = _roots(np.searchsorted(nodes, one), np.searchsorted(nodes, other), nodes.size)
    return nodes, nodes[joined]


@njit(cache=True, nogil=True)
def _roots(one: Integers, other: Integers, nodes: int) -> Integers:
    """For each node the least that a path of pairs reaches."""
    parent = np.arange(nodes)
    for i in range(one.size):
        a, b = one[i], other[i]
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = parent[a]
        while parent[b] != b:
            parent[b] = parent[parent[b]]
            b = parent[b]
        if a < b:
            parent[b] = a
        else:
            parent[a] = b
    # A parent is never greater than its child.
    for a in range(nodes):
        parent[a] = parent[parent[a]]
    return parent


def latest_known(time: Integers, when: list[Spans]) -> tuple[Integers, Integers]:
    """Of all rows that began to count by each moment, the latest event time and availability.

    `-FOREVER` where there is none.
    """
    begin = np.concatenate([one.begin for one in when])
    order = np.argsort(begin, kind="stable")
    place = np.searchsorted(begin[order], time, side="right")
    found: list[Integers] = []
    for part in ([one.time for one in when], [one.shown for one in when]):
        ever = np.maximum.accumulate(np.append(-FOREVER, np.concatenate(part)[order]))
        found.append(ever[place])
    return found[0], found[1]
