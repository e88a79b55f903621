"""Blocks of sixteen events, of sixteen blocks, and so on: sums and extremes of any range.

Nothing is ever subtracted, so nothing cancels: a range is the union of the whole blocks inside it.
Sums of values and of their squares are carried in two doubles each (Knuth's TwoSum, Dekker's
product): about 106 bits, so that the rounded result does not depend on how events fall into blocks.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

# numba's decorator is untyped, and inside a kernel everything is a machine number: kernels are
# checked by tests against the reference, not by types.
# pyright: reportUntypedFunctionDecorator=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportArgumentType=false, reportMissingParameterType=false, reportUnknownParameterType=false

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

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


# Splits a double into two halves of 26 bits, whose products are exact.
_SPLIT = 134217729.0


@njit(cache=True, nogil=True)
def _square(x: float) -> tuple[float, float]:
    """The product x * x and what rounding lost of it."""
    p = x * x
    wide = _SPLIT * x
    high = wide - (wide - x)
    low = x - high
    return p, ((high * high - p) + 2.0 * high * low) + low * low


@njit(cache=True, nogil=True)
def _plus(high: float, low: float, more: float, rest: float) -> tuple[float, float]:
    s, c = _two_sum(high, more)
    c += low + rest
    total = s + c
    return total, c - (total - s)


# A running sum: number of values, their sum and the sum of their squares, two doubles each.
_Sum = tuple[int, float, float, float, float]


@njit(cache=True, nogil=True)
def _leaves(sums: _Sum, values: Floats, active: Flags, low: int, high: int) -> _Sum:
    """The sum with the events `[low, high)` that are active."""
    n, s, c, q, r = sums
    dynamic = active.size > 0
    for i in range(low, high):
        if dynamic and not active[i]:
            continue
        n += 1
        s, lost = _two_sum(s, values[i])
        c += lost
        square, rounded = _square(values[i])
        q, lost = _two_sum(q, square)
        r += lost + rounded
    return n, s, c, q, r


@njit(cache=True, nogil=True)
def _block(sums: _Sum, blocks: Floats, count: Integers, at: int) -> _Sum:
    """The sum with one block."""
    n, s, c, q, r = sums
    s, c = _plus(s, c, blocks[at, 0], blocks[at, 1])
    q, r = _plus(q, r, blocks[at, 2], blocks[at, 3])
    return n + count[at], s, c, q, r


@njit(cache=True, nogil=True)
def _range(
    sums: _Sum,
    values: Floats,
    active: Flags,
    offset: Integers,
    count: Integers,
    blocks: Floats,
    low: int,
    high: int,
) -> _Sum:
    """The sum with all active events of `[low, high)`."""
    a, b = (low + _FAN - 1) >> _SHIFT, high >> _SHIFT
    if a >= b:
        return _leaves(sums, values, active, low, high)
    sums = _leaves(sums, values, active, low, a << _SHIFT)
    sums = _leaves(sums, values, active, b << _SHIFT, high)
    level = 1
    while a < b:
        at = offset[level]
        top = level == offset.size - 2
        while a < b and (top or a & (_FAN - 1)):
            sums = _block(sums, blocks, count, at + a)
            a += 1
        while a < b and b & (_FAN - 1):
            b -= 1
            sums = _block(sums, blocks, count, at + b)
        a >>= _SHIFT
        b >>= _SHIFT
        level += 1
    return sums


@njit(cache=True, nogil=True)
def _rebuild(
    values: Floats,
    active: Flags,
    offset: Integers,
    count: Integers,
    blocks: Floats,
    level: int,
    block: int,
) -> None:
    """One block from what is below it."""
    sums = (0, 0.0, 0.0, 0.0, 0.0)
    low = block << _SHIFT
    if level == 1:
        sums = _leaves(sums, values, active, low, min(low + _FAN, values.size))
    else:
        below = offset[level - 1]
        for child in range(low, min(low + _FAN, offset[level] - below)):
            sums = _block(sums, blocks, count, below + child)
    _store(sums, offset[level] + block, count, blocks)


@njit(cache=True, nogil=True)
def _store(sums: _Sum, at: int, count: Integers, blocks: Floats) -> None:
    n, s, c, q, r = sums
    count[at] = n
    blocks[at, 0], blocks[at, 1] = _plus(s, c, 0.0, 0.0)
    blocks[at, 2], blocks[at, 3] = _plus(q, r, 0.0, 0.0)


@njit(cache=True, nogil=True)
def _spread(n: int, s: float, c: float, q: float, r: float) -> float:
    """The sum of squared deviations from the mean: sum of squares less n times the mean's square.

    With 106 bits that is right to a double where the mean is less than ten million standard
    deviations from zero. Values that are equal to 49 bits are taken as equal.
    """
    if not (np.isfinite(q) and np.isfinite(r)):
        return np.nan
    mean = s / n
    product, lost = _square(mean)
    # Deviations of the sum from n equal values, so that the mean's own rounding is made good.
    whole = mean * n
    split = _SPLIT * mean
    high = split - (split - mean)
    low = mean - high
    error = (high * n - whole) + low * n
    left = ((s - whole) - error) + c
    square = product * n
    split = _SPLIT * product
    high = split - (split - product)
    low = product - high
    rounded = (high * n - square) + low * n
    apart, rest = _two_sum(q, -square)
    found = apart + (rest + (r - rounded - lost * n) - 2.0 * mean * left - left * left / n)
    return found if found > q * 2.0**-96 else 0.0


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
        count, sum, squared deviations; each (windows, queries). Where squares overflow, the
        deviations are NaN.
    """
    windows, m = low.shape
    offset = _levels(values.size)
    count = np.zeros(max(offset[-1], 1), np.int64)
    blocks = np.zeros((max(offset[-1], 1), 4))
    dynamic = visible_from.size > 0
    active = np.zeros(visible_from.size, np.bool_)
    if not dynamic:
        for level in range(1, offset.size - 1):
            for block in range(offset[level + 1] - offset[level]):
                _rebuild(values, active, offset, count, blocks, level, block)
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
                    if visible_until[i] > visible_from[i]:
                        active[i] = True
                        _insert(values[i], i, offset, count, blocks)
                while leaving < stop and visible_until[by_until[leaving]] <= t:
                    i = by_until[leaving]
                    leaving += 1
                    if active[i]:
                        active[i] = False
                        block = i
                        for level in range(1, offset.size - 1):
                            block >>= _SHIFT
                            _rebuild(values, active, offset, count, blocks, level, block)
            sums = (0, 0.0, 0.0, 0.0, 0.0)
            upper = high[q]
            for w in range(windows):
                lower = low[w, q]
                if lower < upper:
                    sums = _range(sums, values, active, offset, count, blocks, lower, upper)
                    upper = lower
                n, s, c, square, rest = sums
                out_n[w, q] = n
                s, c = _plus(s, c, 0.0, 0.0)
                # A sum beyond a double is an infinity; its remainder means nothing then.
                out_s[w, q] = s if np.isfinite(s) else sums[1]
                square, rest = _plus(square, rest, 0.0, 0.0)
                out_m[w, q] = _spread(n, s, c, square, rest) if n > 1 else 0.0
    return out_n, out_s, out_m


@njit(cache=True, nogil=True)
def _insert(x: float, i: int, offset: Integers, count: Integers, blocks: Floats) -> None:
    """Add one event to every block above it."""
    square, rounded = _square(x)
    block = i
    for level in range(1, offset.size - 1):
        block >>= _SHIFT
        at = offset[level] + block
        count[at] += 1
        blocks[at, 0], blocks[at, 1] = _plus(blocks[at, 0], blocks[at, 1], x, 0.0)
        blocks[at, 2], blocks[at, 3] = _plus(blocks[at, 2], blocks[at, 3], square, rounded)


@njit(cache=True, nogil=True)
def _rebuild_extremes(  # noqa: ANN202 -- for float64 and int64 alike
    values,  # noqa: ANN001
    active: Flags,
    offset: Integers,
    least,  # noqa: ANN001
    most,  # noqa: ANN001
    level: int,
    block: int,
    empty_least,  # noqa: ANN001
    empty_most,  # noqa: ANN001
):
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
def extremes(  # noqa: ANN201 -- for float64 and int64 alike
    values,  # noqa: ANN001
    empty_least,  # noqa: ANN001
    empty_most,  # noqa: ANN001
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
                            values,
                            active,
                            offset,
                            least,
                            most,
                            level,
                            block,
                            empty_least,
                            empty_most,
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
