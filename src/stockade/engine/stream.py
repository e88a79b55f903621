"""Windows as a stream of events that come and go, and the aggregates that can follow it exactly."""

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

_NEVER = np.int64(2**62)


@njit(cache=True, nogil=True)
def membership(
    low: Integers,
    high: Integers,
    query_time: Integers,
    query_start: Integers,
    event_start: Integers,
    visible_from: Integers,
    visible_until: Integers,
    by_from: Integers,
    by_until: Integers,
) -> tuple[Integers, Integers]:
    """Which events enter and leave the window `[low, high)` between one query and the next.

    Args:
        low, high: per query, positions among the events; not decreasing within an entity.
        query_time, query_start, event_start: queries in order, and each entity's ranges.
        visible_from, visible_until: per event; empty where every event is always visible.
        by_from, by_until: events of each entity in order of the two; the same ranges.

    Returns:
        (steps, end): `steps[:end[q]]` leads to query q's window from nothing; a step `i + 1`
        adds event i, `-(i + 1)` removes it. Each entity's window is emptied after its last query.
    """
    dynamic = visible_from.size > 0
    steps = np.empty(1024, np.int64)
    n = 0
    end = np.empty(query_time.size, np.int64)
    active = np.zeros(visible_from.size, np.bool_)
    for k in range(query_start.size - 1):
        first, last = query_start[k], query_start[k + 1]
        if first == last:
            continue
        begin, stop = event_start[k], event_start[k + 1]
        a = b = begin
        entering = leaving = begin
        for q in range(first, last):
            # Room for the worst that this query can add: every event of the entity, twice over.
            wanted = n + (b - a) + (high[q] - low[q]) + 2
            if dynamic:
                wanted += 2 * (stop - begin)
            if wanted > steps.size:
                grown = np.empty(max(2 * steps.size, wanted), np.int64)
                grown[:n] = steps[:n]
                steps = grown
            if dynamic:
                t = query_time[q]
                while entering < stop and visible_from[by_from[entering]] <= t:
                    i = by_from[entering]
                    entering += 1
                    if visible_until[i] > visible_from[i]:
                        active[i] = True
                        if a <= i < b:
                            steps[n] = i + 1
                            n += 1
                while leaving < stop and visible_until[by_until[leaving]] <= t:
                    i = by_until[leaving]
                    leaving += 1
                    if active[i]:
                        active[i] = False
                        if a <= i < b:
                            steps[n] = -(i + 1)
                            n += 1
            new_a = low[q]
            new_b = max(high[q], new_a)
            for i in range(a, min(new_a, b)):
                if not dynamic or active[i]:
                    steps[n] = -(i + 1)
                    n += 1
            for i in range(max(b, new_a), new_b):
                if not dynamic or active[i]:
                    steps[n] = i + 1
                    n += 1
            a, b = new_a, new_b
            end[q] = n
        wanted = n + (b - a)
        if wanted > steps.size:
            grown = np.empty(max(2 * steps.size, wanted), np.int64)
            grown[:n] = steps[:n]
            steps = grown
        for i in range(a, b):
            if not dynamic or active[i]:
                steps[n] = -(i + 1)
                n += 1
    return steps[:n], end


@njit(cache=True, nogil=True)
def follow_sums(steps: Integers, end: Integers, limbs: Integers) -> tuple[Integers, Integers]:
    """Per query: how many events, and the exact sum of each row of `limbs`."""
    width = limbs.shape[0]
    count = np.empty(end.size, np.int64)
    sums = np.empty((width, end.size), np.int64)
    total = np.zeros(width, np.int64)
    held = 0
    s = 0
    for q in range(end.size):
        while s < end[q]:
            step = steps[s]
            s += 1
            if step > 0:
                held += 1
                for j in range(width):
                    total[j] += limbs[j, step - 1]
            else:
                held -= 1
                for j in range(width):
                    total[j] -= limbs[j, -step - 1]
        count[q] = held
        for j in range(width):
            sums[j, q] = total[j]
    return count, sums


@njit(cache=True, nogil=True)
def follow_categories(
    steps: Integers, end: Integers, code: Integers, codes: int, with_entropy: bool
) -> tuple[Integers, Integers, Integers, Floats]:
    """Per query: events, distinct codes, the largest number of one code, entropy in nats.

    The largest number follows from how many codes have each number; entropy from the sum of
    c ln c, carried in two doubles so that coming and going leaves no residue.
    """
    m = end.size
    count, distinct = np.empty(m, np.int64), np.empty(m, np.int64)
    largest, entropy = np.empty(m, np.int64), np.empty(m, np.float64)
    number = np.zeros(codes, np.int64)
    having = np.zeros(16, np.int64)
    held = kinds = most = 0
    high = low = 0.0
    s = 0
    for q in range(m):
        while s < end[q]:
            step = steps[s]
            s += 1
            c = code[abs(step) - 1]
            before = number[c]
            after = before + 1 if step > 0 else before - 1
            number[c] = after
            if after >= having.size:
                grown = np.zeros(2 * having.size, np.int64)
                grown[: having.size] = having
                having = grown
            if before > 0:
                having[before] -= 1
            if after > 0:
                having[after] += 1
            if step > 0:
                held += 1
                kinds += before == 0
                most = max(most, after)
            else:
                held -= 1
                kinds -= after == 0
                if most > 0 and having[most] == 0:
                    most -= 1
            if with_entropy:
                high, low = _add(high, low, _c_log_c(after) - _c_log_c(before))
                if held == 0:
                    high = low = 0.0
        count[q], distinct[q], largest[q] = held, kinds, most
        if not with_entropy or held == 0:
            entropy[q] = np.nan
        elif kinds == 1:
            entropy[q] = 0.0
        else:
            entropy[q] = np.log(held) - (high + low) / held
    return count, distinct, largest, entropy


@njit(cache=True, nogil=True)
def _c_log_c(c: int) -> float:
    return c * np.log(c) if c > 1 else 0.0


@njit(cache=True, nogil=True)
def _add(high: float, low: float, x: float) -> tuple[float, float]:
    total = high + x
    part = total - high
    low += (high - (total - part)) + (x - part)
    return total, low


@njit(cache=True, nogil=True)
def follow_quantile(
    steps: Integers,
    end: Integers,
    rank: Integers,
    base: Integers,
    size: Integers,
    ordered: Floats,
    share: float,
) -> tuple[Integers, Floats]:
    """Per query: events and their exact quantile, linear between neighbours.

    Args:
        steps, end: the stream.
        rank: per event, its place by value among its entity's events.
        base, size: per event, where its entity's places begin and how many there are.
        ordered: values by entity and place.
        share: between 0 and 1.

    A binary indexed tree over each entity's places counts those present below any place.
    """
    m = end.size
    count, found = np.empty(m, np.int64), np.full(m, np.nan)
    tree = np.zeros(ordered.size + 1, np.int64)
    held = 0
    s = 0
    where = width = np.int64(0)
    for q in range(m):
        while s < end[q]:
            step = steps[s]
            s += 1
            i = abs(step) - 1
            change = 1 if step > 0 else -1
            held += change
            where, width = base[i], size[i]
            place = rank[i] + 1
            while place <= width:
                tree[where + place - 1] += change
                place += place & -place
        count[q] = held
        if held > 0:
            position = (held - 1) * share
            below = np.int64(np.floor(position))
            fraction = position - below
            low = ordered[where + _nth(tree, where, width, below)]
            found[q] = low
            if fraction > 0:
                high = ordered[where + _nth(tree, where, width, below + 1)]
                if high != low:
                    found[q] = low + (high - low) * fraction
    return count, found


@njit(cache=True, nogil=True)
def _nth(tree: Integers, where: int, width: int, n: int) -> int:
    """The place of the n-th event present (from 0), by descending the tree."""
    place = 0
    bit = 1
    while bit * 2 <= width:
        bit *= 2
    left = n + 1
    while bit > 0:
        further = place + bit
        if further <= width and tree[where + further - 1] < left:
            place = further
            left -= tree[where + further - 1]
        bit //= 2
    return place


@njit(cache=True, nogil=True)
def follow_ends(
    steps: Integers, end: Integers, events: int, want: int
) -> tuple[Integers, Integers]:
    """Per query: the first event present, and the last `want` of them; -1 where there is none.

    A tree of 64-bit words, each bit saying whether the word below holds anything, finds the
    neighbour of any event in as many steps as the tree has levels.
    """
    levels = 1
    words = (events + 63) // 64
    size = words
    while words > 1:
        words = (words + 63) // 64
        size += words
        levels += 1
    offset = np.empty(levels + 1, np.int64)
    offset[0] = 0
    words = events
    for level in range(levels):
        words = (words + 63) // 64
        offset[level + 1] = offset[level] + words
    bits = np.zeros(max(offset[levels], 1), np.uint64)
    first = np.full(end.size, -1, np.int64)
    last = np.full((end.size, want), -1, np.int64)
    s = 0
    for q in range(end.size):
        while s < end[q]:
            step = steps[s]
            s += 1
            _flip(bits, offset, levels, abs(step) - 1, step > 0)
        i = _highest(bits, offset, levels)
        nth = 0
        while i >= 0 and nth < want:
            last[q, nth] = i
            nth += 1
            i = _before(bits, offset, levels, i) if nth < want else -1
        if last[q, 0] >= 0:
            first[q] = _lowest(bits, offset, levels)
    return first, last


_ONE = np.uint64(1)


@njit(cache=True, nogil=True)
def _flip(bits: NDArray[np.uint64], offset: Integers, levels: int, i: int, on: bool) -> None:
    for level in range(levels):
        word = offset[level] + (i >> 6)
        bit = _ONE << np.uint64(i & 63)
        if on:
            was = bits[word]
            bits[word] = was | bit
            if was != 0:
                return
        else:
            bits[word] &= ~bit
            if bits[word] != 0:
                return
        i >>= 6


@njit(cache=True, nogil=True)
def _top(word: np.uint64) -> int:
    n = 0
    x = word
    for shift in (32, 16, 8, 4, 2, 1):
        moved = x >> np.uint64(shift)
        if moved != 0:
            n += shift
            x = moved
    return n


@njit(cache=True, nogil=True)
def _bottom(word: np.uint64) -> int:
    return _top(word & (~word + _ONE))


@njit(cache=True, nogil=True)
def _highest(bits: NDArray[np.uint64], offset: Integers, levels: int) -> int:
    i = 0
    for level in range(levels - 1, -1, -1):
        word = bits[offset[level] + i]
        if word == 0:
            return -1
        i = (i << 6) + _top(word)
    return i


@njit(cache=True, nogil=True)
def _lowest(bits: NDArray[np.uint64], offset: Integers, levels: int) -> int:
    i = 0
    for level in range(levels - 1, -1, -1):
        word = bits[offset[level] + i]
        if word == 0:
            return -1
        i = (i << 6) + _bottom(word)
    return i


@njit(cache=True, nogil=True)
def _before(bits: NDArray[np.uint64], offset: Integers, levels: int, i: int) -> int:
    """The highest event present below i, or -1."""
    for level in range(levels):
        below = bits[offset[level] + (i >> 6)] & ((_ONE << np.uint64(i & 63)) - _ONE)
        if below != 0:
            j = ((i >> 6) << 6) + _top(below)
            for down in range(level - 1, -1, -1):
                j = (j << 6) + _top(bits[offset[down] + j])
            return j
        i >>= 6
    return -1
