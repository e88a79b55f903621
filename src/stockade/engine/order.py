"""Rows in order of entity and time, and where each decision's windows begin and end in them."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Integers = NDArray[np.int64]

# numba's decorator is untyped, and inside a kernel everything is a machine number: kernels are
# checked by tests against the reference, not by types.
# pyright: reportUntypedFunctionDecorator=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportArgumentType=false, reportMissingParameterType=false, reportUnknownParameterType=false

_SMALL = 24


@njit(cache=True, nogil=True)
def sort_by_entity_and_time(
    entity: Integers, time: Integers, entities: int
) -> tuple[Integers, Integers]:
    """The order of rows by entity, then time (stable), and where each entity begins.

    A counting sort by entity keeps the rows' order, and event logs mostly are in order of time:
    only entities that are not get sorted. Rows with entity -1 are left out.
    """
    start = np.zeros(entities + 1, np.int64)
    for i in range(entity.size):
        if entity[i] >= 0:
            start[entity[i] + 1] += 1
    for k in range(entities):
        start[k + 1] += start[k]
    order = np.empty(start[entities], np.int64)
    place = start[:-1].copy()
    for i in range(entity.size):
        k = entity[i]
        if k >= 0:
            order[place[k]] = i
            place[k] += 1
    for k in range(entities):
        low, high = start[k], start[k + 1]
        if _is_sorted(order, time, low, high):
            continue
        if high - low <= _SMALL:
            _insertion_sort(order, time, low, high)
        else:
            part = order[low:high].copy()
            order[low:high] = part[np.argsort(time[part], kind="mergesort")]
    return order, start


@njit(cache=True, nogil=True)
def _is_sorted(order: Integers, time: Integers, low: int, high: int) -> bool:
    for i in range(low + 1, high):  # noqa: SIM110 -- compiled: a loop is the fast form
        if time[order[i]] < time[order[i - 1]]:
            return False
    return True


@njit(cache=True, nogil=True)
def _insertion_sort(order: Integers, time: Integers, low: int, high: int) -> None:
    for i in range(low + 1, high):
        row = order[i]
        j = i
        while j > low and time[order[j - 1]] > time[row]:
            order[j] = order[j - 1]
            j -= 1
        order[j] = row


@njit(cache=True, nogil=True)
def first_at_or_after(
    query_time: Integers,
    query_start: Integers,
    event_time: Integers,
    event_start: Integers,
    offset: int,
) -> Integers:
    """For each query the first event of its entity with `time >= query time + offset`.

    Two pointers: each entity's queries and events are read once, in order.
    """
    found = np.empty(query_time.size, np.int64)
    for k in range(query_start.size - 1):
        i, high = event_start[k], event_start[k + 1]
        for q in range(query_start[k], query_start[k + 1]):
            edge = query_time[q] + offset
            while i < high and event_time[i] < edge:
                i += 1
            found[q] = i
    return found
