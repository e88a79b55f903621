"""Entities that share attributes: components and neighbours as of each decision.

Components that grow and fall apart are followed offline: links stand in a tree over the moments
that are asked for, each in the few nodes that cover its life, and one walk through the tree joins
on the way down and takes back on the way up.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from stockade.definitions.measure import Measure
from stockade.definitions.window import Lifetime, microseconds
from stockade.engine.crowds import Spans, crowds
from stockade.engine.matching import Matched
from stockade.engine.order import sort_by_entity_and_time
from stockade.engine.program import FOREVER

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# numba's decorator is untyped, and inside a kernel everything is a machine number: kernels are
# checked by tests against the reference, not by types.
# pyright: reportUntypedFunctionDecorator=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportArgumentType=false, reportMissingParameterType=false, reportUnknownParameterType=false
# pyright: reportReturnType=false, reportCallIssue=false, reportAttributeAccessIssue=false


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ties:
    """n links of entities to attributes, in any order; codes from 0."""

    entity: Integers
    attribute: Integers
    when: Spans


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Notes:
    """n labels of entities, in any order."""

    entity: Integers
    when: Spans


@dataclass(frozen=True, slots=True, eq=False)
class _Components:
    """Per question: the component's entities, its labelled others, its latest clocks."""

    size: Integers
    labelled: Integers
    event_at: Integers
    known_at: Integers


def joining(ties: Ties, hub: int | None) -> Ties:
    """The links that ever count, and whose attribute was no hub when they became known."""
    joins = ties.when.begin < ties.when.end
    if hub is not None:
        joins &= crowds(ties.attribute, ties.entity, ties.when) <= hub
    return Ties(
        entity=ties.entity[joins], attribute=ties.attribute[joins], when=ties.when.take(joins)
    )


def link(
    ties: Ties,
    notes: Notes,
    key: Integers,
    time: Integers,
    measures: Sequence[Measure],
    *,
    entities: int,
) -> Matched:
    """Measures of decisions (`key`, -1 for none; `time`) among links that join.

    Args:
        ties: what `joining` left.
        notes: labels.
        key, time: the decisions.
        measures: each of one window.
        entities: how many codes of entities there are.
    """
    asked = np.flatnonzero(key >= 0)
    lags = sorted({_window(one) for one in measures if one.kind == "component_growth"} | {0})
    moments = np.concatenate([time[asked] - lag for lag in lags])
    all_of = _components(ties, notes, np.tile(key[asked], len(lags)), moments, entities)
    n = asked.size
    at = {lag: slice(i * n, (i + 1) * n) for i, lag in enumerate(lags)}
    index = _NeighbourIndex.of(ties, notes, entities)
    columns: list[pa.Array] = []
    for one in measures:
        valid = np.ones(n, np.bool_)
        labelled = all_of.labelled[at[0]]
        match one.kind:
            case "component_size":
                values = all_of.size[at[0]]
            case "component_growth":
                values = all_of.size[at[0]] - all_of.size[at[_window(one)]]
            case "component_labelled":
                values = labelled
            case "component_labelled_share":
                strength = one.strength or 0.0
                base = all_of.size[at[0]] - 1 + strength
                valid = base > 0
                values = (labelled + strength * (one.prior or 0.0)) / np.where(valid, base, 1.0)
            case _:
                near = index.count(key[asked], time[asked], _window(one))
                values = near[int(one.kind == "labelled_neighbours")]
        columns.append(_placed(values, valid, asked, key.size))
    clocks: list[pa.Array] = []
    for latest in (all_of.event_at, all_of.known_at):
        most = latest.reshape(len(lags), n).max(axis=0)
        clocks.append(_placed(most, most != -FOREVER, asked, key.size))
    return Matched(columns, *clocks)


def _window(measure: Measure) -> int:
    (window,) = measure.windows
    return -1 if isinstance(window, Lifetime) else microseconds(window)


def _placed(values: Integers | Floats, valid: Flags, asked: Integers, rows: int) -> pa.Array:
    """The values in the decisions' order, null where nothing was asked."""
    wide, there = np.zeros(rows, values.dtype), np.zeros(rows, np.bool_)
    wide[asked], there[asked] = values, valid
    return pa.array(wide, mask=~there)


# --- components ---


def _components(
    ties: Ties, notes: Notes, entity: Integers, time: Integers, entities: int
) -> _Components:
    moments, moment_of = np.unique(time, return_inverse=True)
    labelled = _merged(notes, entities)
    begin = np.concatenate([ties.when.begin, labelled.when.begin])
    end = np.concatenate([ties.when.end, labelled.when.end])
    low, high = np.searchsorted(moments, begin), np.searchsorted(moments, end)
    size = 1 << max(0, int(moments.size - 1).bit_length())
    node_start, items = _covers(low, high, size)
    by_moment, moment_start = sort_by_entity_and_time(
        moment_of.astype(np.int64), np.zeros(time.size, np.int64), moments.size
    )
    attributes = int(ties.attribute.max()) + 1 if ties.attribute.size else 0
    # A label has no other end.
    other = np.concatenate([ties.attribute + entities, np.full(labelled.entity.size, -1)])
    found = _walk(
        node_start, items, size,
        np.concatenate([ties.entity, labelled.entity]), other.astype(np.int64),
        np.concatenate([ties.when.time, labelled.when.time]),
        np.concatenate([ties.when.shown, labelled.when.shown]),
        moment_start, by_moment, entity, entities, entities + attributes,
    )  # fmt: skip
    return _Components(*found)


def _merged(notes: Notes, entities: int) -> Notes:
    """Labels of one entity that overlap in time as one; it bears the latest clocks of the first.

    An entity is labelled or not: two labels do not count twice.
    """
    counts = notes.when.begin < notes.when.end
    order, start = sort_by_entity_and_time(
        np.where(counts, notes.entity, -1), notes.when.begin, entities
    )
    when = notes.when.take(order)
    kept = _union(start, when.begin, when.end.copy())
    rows, end = kept
    return Notes(
        entity=notes.entity[order][rows],
        when=Spans(when.time[rows], when.shown[rows], when.gone[rows], when.begin[rows], end),
    )


@njit(cache=True, nogil=True)
def _union(start: Integers, begin: Integers, end: Integers) -> tuple[Integers, Integers]:
    rows, ends = np.empty(begin.size, np.int64), np.empty(begin.size, np.int64)
    n = 0
    for k in range(start.size - 1):
        first = n
        for i in range(start[k], start[k + 1]):
            if n > first and begin[i] <= ends[n - 1]:
                ends[n - 1] = max(ends[n - 1], end[i])
            else:
                rows[n], ends[n] = i, end[i]
                n += 1
    return rows[:n], ends[:n]


@njit(cache=True, nogil=True)
def _covers(low: Integers, high: Integers, size: int) -> tuple[Integers, Integers]:
    """For each node of the tree over moments, the rows that count throughout it."""
    start = np.zeros(2 * size + 1, np.int64)
    items = np.empty(0, np.int64)
    place = start
    for turn in range(2):
        for i in range(low.size):
            a, b = low[i] + size, high[i] + size
            while a < b:
                if a & 1:
                    if turn == 0:
                        start[a + 1] += 1
                    else:
                        items[place[a]] = i
                        place[a] += 1
                    a += 1
                if b & 1:
                    b -= 1
                    if turn == 0:
                        start[b + 1] += 1
                    else:
                        items[place[b]] = i
                        place[b] += 1
                a >>= 1
                b >>= 1
        if turn == 0:
            start = np.cumsum(start)
            place = start.copy()
            items = np.empty(start[-1], np.int64)
    return start, items


@njit(cache=True, nogil=True)
def _walk(
    node_start: Integers, items: Integers, size: int, one: Integers, other: Integers,
    time: Integers, shown: Integers, moment_start: Integers, by_moment: Integers,
    asked: Integers, entities: int, nodes: int,
) -> tuple[Integers, Integers, Integers, Integers]:  # fmt: skip
    """Through the tree: join at each node what counts throughout it, answer at its leaves."""
    found_size, found_labelled = np.zeros(asked.size, np.int64), np.zeros(asked.size, np.int64)
    found_event, found_known = np.zeros(asked.size, np.int64), np.zeros(asked.size, np.int64)
    parent = np.arange(nodes)
    weight = np.ones(nodes, np.int64)
    people, labelled = np.zeros(nodes, np.int64), np.zeros(nodes, np.int64)
    people[:entities] = 1
    own = np.zeros(entities, np.int64)
    event, known = np.full(nodes, -FOREVER), np.full(nodes, -FOREVER)
    # What was done: the root that took, the root or entity that was taken, the root's clocks.
    did_root, did_child = np.empty(one.size, np.int64), np.empty(one.size, np.int64)
    did_event, did_known = np.empty(one.size, np.int64), np.empty(one.size, np.int64)
    done = 0
    stack, marks = np.empty(256, np.int64), np.empty(256, np.int64)
    stack[0], marks[0], top = 1, -1, 1
    while top > 0:
        top -= 1
        node = stack[top]
        if marks[top] >= 0:
            while done > marks[top]:
                done -= 1
                root, child = did_root[done], did_child[done]
                event[root], known[root] = did_event[done], did_known[done]
                if child < 0:
                    labelled[root] -= 1
                    own[-child - 1] -= 1
                elif child != root:
                    parent[child] = child
                    weight[root] -= weight[child]
                    people[root] -= people[child]
                    labelled[root] -= labelled[child]
            continue
        stack[top], marks[top] = node, done
        top += 1
        for i in range(node_start[node], node_start[node + 1]):
            item = items[i]
            root = one[item]
            while parent[root] != root:
                root = parent[root]
            child = root
            if other[item] < 0:
                child = -one[item] - 1
            else:
                child = other[item]
                while parent[child] != child:
                    child = parent[child]
                if weight[child] > weight[root]:
                    root, child = child, root
            did_root[done], did_child[done] = root, child
            did_event[done], did_known[done] = event[root], known[root]
            done += 1
            event[root], known[root] = max(event[root], time[item]), max(known[root], shown[item])
            if child < 0:
                labelled[root] += 1
                own[-child - 1] += 1
            elif child != root:
                parent[child] = root
                weight[root] += weight[child]
                people[root] += people[child]
                labelled[root] += labelled[child]
                event[root] = max(event[root], event[child])
                known[root] = max(known[root], known[child])
        if node < size:
            stack[top], marks[top] = 2 * node + 1, -1
            stack[top + 1], marks[top + 1] = 2 * node, -1
            top += 2
            continue
        moment = node - size
        if moment >= moment_start.size - 1:
            continue
        for j in range(moment_start[moment], moment_start[moment + 1]):
            q = by_moment[j]
            root = asked[q]
            while parent[root] != root:
                root = parent[root]
            found_size[q] = people[root]
            found_labelled[q] = labelled[root] - own[asked[q]]
            found_event[q], found_known[q] = event[root], known[root]
    return found_size, found_labelled, found_event, found_known


# --- neighbours ---


@dataclass(frozen=True, slots=True, eq=False)
class _NeighbourIndex:
    """Links by entity and by attribute, labels by entity, each in order of time."""

    ties: Ties
    notes: Notes
    of_entity: Integers
    entity_start: Integers
    of_attribute: Integers
    attribute_start: Integers
    of_note: Integers
    note_start: Integers

    @classmethod
    def of(cls, ties: Ties, notes: Notes, entities: int) -> "_NeighbourIndex":
        """Sort once for all measures."""
        attributes = int(ties.attribute.max()) + 1 if ties.attribute.size else 0
        return cls(
            ties, notes,
            *sort_by_entity_and_time(ties.entity, ties.when.time, entities),
            *sort_by_entity_and_time(ties.attribute, ties.when.time, attributes),
            *sort_by_entity_and_time(notes.entity, notes.when.time, entities),
        )  # fmt: skip

    def count(self, key: Integers, time: Integers, window: int) -> tuple[Integers, Integers]:
        """Others that share an attribute within the window, and how many of them are labelled."""
        ties, notes = self.ties, self.notes
        return _neighbours(
            key, time, window, ties.entity, ties.attribute, ties.when.time, ties.when.begin,
            ties.when.end, self.of_entity, self.entity_start, self.of_attribute,
            self.attribute_start, self.of_note, self.note_start, notes.when.begin, notes.when.end,
        )  # fmt: skip


@njit(cache=True, nogil=True)
def _from(order: Integers, low: int, high: int, time: Integers, edge: int) -> int:
    """The first place of `order[low:high]` whose time is not below the edge."""
    while low < high:
        middle = (low + high) // 2
        if time[order[middle]] < edge:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def _neighbours(
    key: Integers, at: Integers, window: int, entity: Integers, attribute: Integers,
    time: Integers, begin: Integers, end: Integers, of_entity: Integers, entity_start: Integers,
    of_attribute: Integers, attribute_start: Integers, of_note: Integers, note_start: Integers,
    note_begin: Integers, note_end: Integers,
) -> tuple[Integers, Integers]:  # fmt: skip
    near, labelled = np.zeros(key.size, np.int64), np.zeros(key.size, np.int64)
    met = np.full(entity_start.size - 1, -1)
    visited = np.full(max(attribute_start.size - 1, 1), -1)
    for q in range(key.size):
        k, t = key[q], at[q]
        met[k] = q
        edge = -FOREVER if window < 0 else t - window
        for i in range(_from(of_entity, entity_start[k], entity_start[k + 1], time, edge),
                       entity_start[k + 1]):  # fmt: skip
            mine = of_entity[i]
            if time[mine] >= t:
                break
            a = attribute[mine]
            if begin[mine] > t or end[mine] <= t or visited[a] == q:
                continue
            visited[a] = q
            for j in range(_from(of_attribute, attribute_start[a], attribute_start[a + 1], time,
                                 edge), attribute_start[a + 1]):  # fmt: skip
                theirs = of_attribute[j]
                if time[theirs] >= t:
                    break
                other = entity[theirs]
                if begin[theirs] > t or end[theirs] <= t or met[other] == q:
                    continue
                met[other] = q
                near[q] += 1
                for n in range(note_start[other], note_start[other + 1]):
                    note = of_note[n]
                    if note_begin[note] <= t < note_end[note]:
                        labelled[q] += 1
                        break
    return near, labelled
