"""Blocks of sixteen events, of sixteen blocks, and so on: sums and extremes of any range.

Nothing is ever subtracted, so nothing cancels: a range is the union of the whole blocks inside it.
Sums are carried in two doubles (Knuth's TwoSum), squared deviations are merged by the rule of
Chan, Golub and LeVeque (1979).
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

# numba's decorator is untyped: kernels are checked by tests against the reference, not by types.
# pyright: reportUntypedFunctionDecorator=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

_SHIFT = 4
_FAN = 1 << _SHIFT


@njit(cache=True, nogil=True)
def _levels(n: int) -> Integers:
    """Where each level's blocks begin in one flat array; level 0 is the events themselves."""
    sizes = [0]
    while n > 1:
        n = (n + _FAN - 1) >> _SHIFT
        sizes.append(n)
    offset = np.zeros(len(sizes) + 1, np.int64)
    for level in range(1, len(sizes)):
        offset[level + 1] = offset[level] + sizes[level]
    return offset


@njit(cache=True, nogil=True)
def _two_sum(a: float, b: float) -> tuple[float, float]:
    s = a + b
    part = s - a
    return s, (a - (s - part)) + (b - part)


@njit(cache=True, nogil=True)
def _merge(
    n1: int, s1: float, c1: float, m1: float, n2: int, s2: float, c2: float, m2: float
) -> tuple[int, float, float, float]:
    if n2 == 0:
        return n1, s1, c1, m1
    if n1 == 0:
        return n2, s2, c2, m2
    n = n1 + n2
    apart = (s2 + c2) / n2 - (s1 + c1) / n1
    s, c = _two_sum(s1, s2)
    c += c1 + c2
    high = s + c
    low = c - (high - s)
    return n, high, low, m1 + m2 + apart * apart * (n1 * (n2 / n))


@njit(cache=True, nogil=True)
def _leaves(
    values: Floats, active: NDArray[np.bool_], low: int, high: int
) -> tuple[int, float, float, float]:
    """A few neighbouring events; deviations from one of them lose no more than four bits."""
    dynamic = active.size > 0
    n = 0
    s = c = around = square = pivot = 0.0
    for i in range(low, high):
        if dynamic and not active[i]:
            continue
        x = values[i]
        if n == 0:
            pivot = x
        n += 1
        s, rest = _two_sum(s, x)
        c += rest
        apart = x - pivot
        around += apart
        square += apart * apart
    if n < 2:
        return n, s, c, 0.0
    return n, s, c, max(square - around * around / n, 0.0)


@njit(cache=True, nogil=True)
def _moments_of(
    values: Floats,
    active: NDArray[np.bool_],
    offset: Integers,
    count: Integers,
    total: Floats,
    rest: Floats,
    square: Floats,
    low: int,
    high: int,
) -> tuple[int, float, float, float]:
    """Count, sum (two doubles) and squared deviations of the events `[low, high)`."""
    n, s, c, m = 0, 0.0, 0.0, 0.0
    inner_low, inner_high = (low + _FAN - 1) >> _SHIFT, high >> _SHIFT
    if inner_low >= inner_high:
        if high - low <= _FAN:
            return _leaves(values, active, low, high)
        middle = inner_low << _SHIFT
        n, s, c, m = _leaves(values, active, low, middle)
        n2, s2, c2, m2 = _leaves(values, active, middle, high)
        return _merge(n, s, c, m, n2, s2, c2, m2)
    if low < inner_low << _SHIFT:
        n, s, c, m = _leaves(values, active, low, inner_low << _SHIFT)
    if inner_high << _SHIFT < high:
        n2, s2, c2, m2 = _leaves(values, active, inner_high << _SHIFT, high)
        n, s, c, m = _merge(n, s, c, m, n2, s2, c2, m2)
    level = 1
    a, b = inner_low, inner_high
    while a < b:
        at = offset[level]
        top = level == offset.size - 2
        while a < b and (top or a & (_FAN - 1)):
            i = at + a
            n, s, c, m = _merge(n, s, c, m, count[i], total[i], rest[i], square[i])
            a += 1
        while a < b and b & (_FAN - 1):
            b -= 1
            i = at + b
            n, s, c, m = _merge(n, s, c, m, count[i], total[i], rest[i], square[i])
        a >>= _SHIFT
        b >>= _SHIFT
        level += 1
    return n, s, c, m


@njit(cache=True, nogil=True)
def _rebuild_moments(
    values: Floats,
    active: NDArray[np.bool_],
    offset: Integers,
    count: Integers,
    total: Floats,
    rest: Floats,
    square: Floats,
    level: int,
    block: int,
) -> None:
    """One block from what is below it."""
    at = offset[level] + block
    if level == 1:
        high = min((block + 1) << _SHIFT, values.size)
        n, s, c, m = _leaves(values, active, block << _SHIFT, high)
    else:
        n, s, c, m = 0, 0.0, 0.0, 0.0
        below = offset[level - 1]
        width = offset[level] - below
        for child in range(block << _SHIFT, min((block + 1) << _SHIFT, width)):
            i = below + child
            n, s, c, m = _merge(n, s, c, m, count[i], total[i], rest[i], square[i])
    count[at], total[at], rest[at], square[at] = n, s, c, m


@njit(cache=True, nogil=True)
def moments(
    values: Floats,
    low: Integers,
    high: Integers,
    query_time: Integers,
    query_start: Integers,
    event_start: Integers,
    visible_from: Integers,
    visible_until: Integers,
    by_from: Integers,
    by_until: Integers,
) -> tuple[Integers, Floats, Floats]:
    """Count, sum and squared deviations of several nested windows per query.

    Args:
        values: of the events, in order of entity and time; finite.
        low: (windows, queries), the shortest window first; `high`: (queries).
        query_time, query_start, event_start: queries in order, and each entity's ranges.
        visible_from, visible_until, by_from, by_until: as for `membership`; empty where every
            event is always visible.

    Returns:
        count, sum, squared deviations; each (windows, queries).
    """
    windows, m = low.shape
    offset = _levels(values.size)
    size = max(offset[-1], 1)
    count = np.zeros(size, np.int64)
    total, rest, square = np.zeros(size), np.zeros(size), np.zeros(size)
    dynamic = visible_from.size > 0
    active = np.zeros(visible_from.size, np.bool_)
    if not dynamic:
        for level in range(1, offset.size - 1):
            for block in range(offset[level + 1] - offset[level]):
                _rebuild_moments(values, active, offset, count, total, rest, square, level, block)
    out_n = np.zeros((windows, m), np.int64)
    out_s, out_m = np.zeros((windows, m)), np.zeros((windows, m))
    for k in range(query_start.size - 1):
        entering = leaving = event_start[k]
        stop = event_start[k + 1]
        for q in range(query_start[k], query_start[k + 1]):
            if dynamic:
                t = query_time[q]
                while entering < stop and visible_from[by_from[entering]] <= t:
                    i = by_from[entering]
                    entering += 1
                    if visible_until[i] <= visible_from[i]:
                        continue
                    active[i] = True
                    x = values[i]
                    block = i
                    for level in range(1, offset.size - 1):
                        block >>= _SHIFT
                        at = offset[level] + block
                        count[at], total[at], rest[at], square[at] = _merge(
                            count[at], total[at], rest[at], square[at], 1, x, 0.0, 0.0
                        )
                while leaving < stop and visible_until[by_until[leaving]] <= t:
                    i = by_until[leaving]
                    leaving += 1
                    if not active[i]:
                        continue
                    active[i] = False
                    block = i
                    for level in range(1, offset.size - 1):
                        block >>= _SHIFT
                        _rebuild_moments(
                            values, active, offset, count, total, rest, square, level, block
                        )
            n, s, c, square_sum = 0, 0.0, 0.0, 0.0
            upper = high[q]
            for w in range(windows):
                lower = low[w, q]
                if lower < upper:
                    n2, s2, c2, m2 = _moments_of(
                        values, active, offset, count, total, rest, square, lower, upper
                    )
                    n, s, c, square_sum = _merge(n, s, c, square_sum, n2, s2, c2, m2)
                    upper = lower
                out_n[w, q] = n
                # A sum beyond a double is an infinity; its remainder means nothing then.
                out_s[w, q] = s + c if np.isfinite(s) else s
                out_m[w, q] = square_sum
    return out_n, out_s, out_m


@njit(cache=True, nogil=True)
def _rebuild_extremes(values, active, offset, least, most, level, block, empty_least, empty_most):
    at = offset[level] + block
    low_found, high_found = empty_least, empty_most
    if level == 1:
        for i in range(block << _SHIFT, min((block + 1) << _SHIFT, values.size)):
            if active.size == 0 or active[i]:
                low_found = min(low_found, values[i])
                high_found = max(high_found, values[i])
    else:
        below = offset[level - 1]
        width = offset[level] - below
        for child in range(block << _SHIFT, min((block + 1) << _SHIFT, width)):
            low_found = min(low_found, least[below + child])
            high_found = max(high_found, most[below + child])
    least[at], most[at] = low_found, high_found


@njit(cache=True, nogil=True)
def extremes(
    values,
    empty_least,
    empty_most,
    low: Integers,
    high: Integers,
    query_time: Integers,
    query_start: Integers,
    event_start: Integers,
    visible_from: Integers,
    visible_until: Integers,
    by_from: Integers,
    by_until: Integers,
):
    """Smallest and largest value of several nested windows per query; arguments as `moments`.

    `values` is float64 without NaN, or int64; an empty window gives `empty_least` (as large as a
    value may be) and `empty_most` (as small). Each result is (windows, queries).
    """
    windows, m = low.shape
    offset = _levels(values.size)
    size = max(offset[-1], 1)
    least = np.full(size, empty_least)
    most = np.full(size, empty_most)
    dynamic = visible_from.size > 0
    active = np.zeros(visible_from.size, np.bool_)
    if not dynamic:
        for level in range(1, offset.size - 1):
            for block in range(offset[level + 1] - offset[level]):
                _rebuild_extremes(
                    values, active, offset, least, most, level, block, empty_least, empty_most
                )
    out_least = np.full((windows, m), empty_least)
    out_most = np.full((windows, m), empty_most)
    for k in range(query_start.size - 1):
        entering = leaving = event_start[k]
        stop = event_start[k + 1]
        for q in range(query_start[k], query_start[k + 1]):
            if dynamic:
                t = query_time[q]
                while entering < stop and visible_from[by_from[entering]] <= t:
                    i = by_from[entering]
                    entering += 1
                    if visible_until[i] <= visible_from[i]:
                        continue
                    active[i] = True
                    block = i
                    for level in range(1, offset.size - 1):
                        block >>= _SHIFT
                        at = offset[level] + block
                        least[at] = min(least[at], values[i])
                        most[at] = max(most[at], values[i])
                while leaving < stop and visible_until[by_until[leaving]] <= t:
                    i = by_until[leaving]
                    leaving += 1
                    if not active[i]:
                        continue
                    active[i] = False
                    block = i
                    for level in range(1, offset.size - 1):
                        block >>= _SHIFT
                        _rebuild_extremes(
                            values, active, offset, least, most, level, block,
                            empty_least, empty_most,
                        )
            smallest, largest = empty_least, empty_most
            upper = high[q]
            for w in range(windows):
                lower = low[w, q]
                if lower < upper:
                    a, b = lower, upper
                    level = 0
                    while a < b:
                        at = offset[level]
                        top = level == offset.size - 2
                        while a < b and (top or a & (_FAN - 1)):
                            if level > 0:
                                smallest = min(smallest, least[at + a])
                                largest = max(largest, most[at + a])
                            elif not dynamic or active[a]:
                                smallest = min(smallest, values[a])
                                largest = max(largest, values[a])
                            a += 1
                        while a < b and b & (_FAN - 1):
                            b -= 1
                            if level > 0:
                                smallest = min(smallest, least[at + b])
                                largest = max(largest, most[at + b])
                            elif not dynamic or active[b]:
                                smallest = min(smallest, values[b])
                                largest = max(largest, values[b])
                        a >>= _SHIFT
                        b >>= _SHIFT
                        level += 1
                    upper = lower
                out_least[w, q], out_most[w, q] = smallest, largest
    return out_least, out_most
