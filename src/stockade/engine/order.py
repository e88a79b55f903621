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

# Up to here moving rows one by one is fastest; from here on counting digits is, at any length.
_SMALL, _LARGE = 24, 2_048
_BITS = 11
_DIGIT = np.uint64((1 << _BITS) - 1)


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
        elif high - low >= _LARGE:
            _radix_sort(order, time, low, high)
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
def _radix_sort(order: Integers, time: Integers, low: int, high: int) -> None:
    """Stable, in time linear in the rows: eleven bits of the time at once, the lowest first."""
    rows = order[low:high].copy()
    left = time[rows]
    # As unsigned numbers from the earliest on, so that no span of times overflows.
    left -= left.min()
    digits = left.view(np.uint64)
    span = digits.max()
    other_rows, other_digits = np.empty_like(rows), np.empty_like(digits)
    place = np.empty(1 << _BITS, np.int64)
    shift = np.uint64(0)
    while shift < 64 and span >> shift > 0:
        place[:] = 0
        for i in range(rows.size):
            place[(digits[i] >> shift) & _DIGIT] += 1
        begin = 0
        for digit in range(place.size):
            begin, place[digit] = begin + place[digit], begin
        for i in range(rows.size):
            digit = (digits[i] >> shift) & _DIGIT
            at = place[digit]
            place[digit] = at + 1
            other_rows[at] = rows[i]
            other_digits[at] = digits[i]
        rows, other_rows = other_rows, rows
        digits, other_digits = other_digits, digits
        shift += np.uint64(_BITS)
    order[low:high] = rows


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
