"""Money in and out of many entities, matched first in, first out, as of each decision."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from stockade.definitions.measure import Measure
from stockade.definitions.window import Lifetime, microseconds
from stockade.engine.order import sort_by_entity_and_time
from stockade.engine.program import FOREVER
from stockade.errors import DataError

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# numba's decorator is untyped, and inside a kernel everything is a machine number: kernels are
# checked by tests against the reference, not by types.
# pyright: reportUntypedFunctionDecorator=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportArgumentType=false, reportMissingParameterType=false, reportUnknownParameterType=false
# pyright: reportReturnType=false, reportCallIssue=false, reportAttributeAccessIssue=false

_DWELL_MEAN, _PASS_THROUGH, _MATCHED, _UNMATCHED, _AGE, _OLDEST, _QUANTILE = range(7)
_CODES = {
    "dwell_mean": _DWELL_MEAN, "pass_through": _PASS_THROUGH, "matched": _MATCHED,
    "unmatched": _UNMATCHED, "unmatched_age": _AGE, "unmatched_oldest": _OLDEST,
    "dwell_quantile": _QUANTILE,
}  # fmt: skip
_MILLION = 1_000_000
# Beyond this a running total of one entity could leave 64 bits.
_MOST = 2**62


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moves:
    """n credits and debits of a bucket, in any order.

    Attributes:
        key: entity codes from 0; -1 for an entity that no decision asks for.
        time: event time, microseconds.
        shown, gone: it counts at t where `shown <= t < gone` and `time < t`.
        debit: whether money went out.
        amount: in units of 10**-scale, not negative.
        scale: of `amount`.
    """

    key: Integers
    time: Integers
    shown: Integers
    gone: Integers
    debit: Flags
    amount: Integers
    scale: int


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """Per decision, one column per measure, and the latest clocks of what counted."""

    columns: list[pa.Array]
    event_at: pa.Array
    known_at: pa.Array


def match(
    moves: Moves, key: Integers, time: Integers, measures: Sequence[Measure], *, entities: int
) -> Matched:
    """Measures of matched money for decisions (`key`, -1 for none; `time`), in their order.

    Raises:
        DataError: an entity's credits add up to more than 64 bits hold.

    The matches of an entity are a stack in order of the debits. A move that becomes known late, or
    is superseded, takes back the matches from its own time on, and they are made again: cost
    follows what changed, not history. Prefix sums beside the stack answer windows.
    """
    # Credits first: those of a debit's own instant are there for it.
    first = np.argsort(moves.debit, kind="stable")
    order, start = sort_by_entity_and_time(moves.key[first], moves.time[first], entities)
    at = first[order]
    shown, gone, amount = moves.shown[at], moves.gone[at], moves.amount[at]
    by_shown, _ = sort_by_entity_and_time(moves.key[at], shown, entities)
    by_gone, _ = sort_by_entity_and_time(moves.key[at], gone, entities)
    asked, asked_start = sort_by_entity_and_time(key, time, entities)
    window = np.array([_window(one) for one in measures], np.int64)
    kinds = np.array([_CODES[one.kind] for one in measures], np.int64)
    within = np.array(
        [0 if one.within is None else microseconds(one.within) for one in measures], np.int64
    )
    found = _follow(
        start, moves.time[at], moves.debit[at], amount, shown, gone, by_shown, by_gone,
        asked_start, time[asked], kinds, window, within, bool((kinds == _QUANTILE).any()),
    )  # fmt: skip
    whole, double, valid, event_at, known_at, kept, ends, dwell, left, money, fits = found
    if not fits:
        raise DataError(
            "the money of one entity adds up to more than 64 bits hold: measure it in a coarser "
            "unit, such as decimal(18, 2)"
        )
    place = np.full(key.size, -1, np.int64)
    place[asked] = np.arange(asked.size)
    back = pa.array(place, mask=place < 0)
    columns: list[pa.Array] = []
    for m, one in enumerate(measures):
        if kinds[m] == _QUANTILE:
            parts = round((one.q or 0.0) * _MILLION)
            double[m], valid[m] = _quantiles(
                asked_start, time[asked], kept, ends, dwell, left, money, int(window[m]), parts
            )
        values = double[m]
        if kinds[m] in (_MATCHED, _UNMATCHED):
            values = _unscaled(whole[m], moves.scale)
        columns.append(pa.array(values, mask=~valid[m]).take(back))
    clocks = (pa.array(one, mask=one == -FOREVER).take(back) for one in (event_at, known_at))
    return Matched(columns, *clocks)


def _window(measure: Measure) -> int:
    (window,) = measure.windows
    return -1 if isinstance(window, Lifetime) else microseconds(window)


def _unscaled(whole: Integers, scale: int) -> Floats:
    """The nearest doubles; beyond what a double holds exactly, Python divides."""
    unit = 10**scale
    found = whole.astype(np.float64) / float(unit)
    for i in np.flatnonzero(np.abs(whole) > 2**53):
        found[i] = int(whole[i]) / unit
    return found


@njit(cache=True, nogil=True)
def _two_sum(high: float, low: float, x: float) -> tuple[float, float]:
    """A sum in two doubles, so that the difference of two of them keeps its digits."""
    total = high + x
    part = total - high
    rest = (high - (total - part)) + (x - part)
    return total, low + rest


@njit(cache=True, nogil=True)
def _product(a: int, b: int) -> tuple[float, float]:
    """A * b of whole numbers as a double and what it lacks."""
    x, y = float(a), float(b)
    p = x * y
    c = 134217729.0 * x
    xh = c - (c - x)
    xl = x - xh
    c = 134217729.0 * y
    yh = c - (c - y)
    yl = y - yh
    rest = ((xh * yh - p) + xh * yl + xl * yh) + xl * yl
    return p, rest + float(a - np.int64(x)) * y


@njit(cache=True, nogil=True)
def _first_at(values: Integers, count: int, edge: int) -> int:
    """The first of the sorted `values[:count]` that is not below the edge."""
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if values[middle] < edge:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def _room(size: int) -> Integers:
    return np.empty(size, np.int64)


@njit(cache=True, nogil=True)
def _grown(values: Integers) -> Integers:
    more = np.empty(values.size * 2, np.int64)
    more[: values.size] = values
    return more


@njit(cache=True, nogil=True)
def _follow(
    start: Integers, time: Integers, debit: Flags, amount: Integers, shown: Integers,
    gone: Integers, by_shown: Integers, by_gone: Integers, asked_start: Integers,
    asked: Integers, kinds: Integers, window: Integers, within: Integers, wants_log: bool,
) -> tuple[
    Integers, Floats, Flags, Integers, Integers, Integers, Integers,
    Integers, Integers, Integers, bool,
]:  # fmt: skip
    """Keep the matches of each entity as they are known at its decisions, and measure them."""
    queries, measures = asked.size, kinds.size
    whole = np.zeros((measures, queries), np.int64)
    double = np.zeros((measures, queries), np.float64)
    valid = np.zeros((measures, queries), np.bool_)
    event_at = np.full(queries, -FOREVER)
    known_at = np.full(queries, -FOREVER)
    kept, ends = np.zeros(queries, np.int64), np.zeros(queries, np.int64)
    log_dwell, log_left, log_money = _room(1024), _room(1024), _room(1024)
    logged = 0
    most = 0
    for k in range(start.size - 1):
        most = max(most, start[k + 1] - start[k])
    # The stack of matches, and sums of its beginning.
    m_credit, m_left = _room(most + 1), _room(most + 1)
    m_money, m_event = _room(most + 1), _room(most + 1)
    m_total = np.zeros(most + 2, np.int64)
    m_high, m_low = np.zeros(most + 2), np.zeros(most + 2)
    m_within = np.zeros((measures, most + 2), np.int64)
    # The credits, and sums of their beginning.
    c_time, c_money = _room(most + 1), _room(most + 1)
    c_used, c_event = _room(most + 1), _room(most + 1)
    c_total = np.zeros(most + 2, np.int64)
    c_high, c_low = np.zeros(most + 2), np.zeros(most + 2)
    counts = np.zeros(start[-1], np.bool_)
    fits = True
    for k in range(start.size - 1):
        low, high = start[k], start[k + 1]
        appears, leaves, done = low, low, low
        matches, credits, head = 0, 0, 0
        last_event, last_known = -FOREVER, -FOREVER
        origin = time[low] if low < high else 0
        for q in range(asked_start[k], asked_start[k + 1]):
            t = asked[q]
            changed = done
            while appears < high and shown[by_shown[appears]] <= t:
                i = by_shown[appears]
                counts[i] = True
                changed = min(changed, i)
                appears += 1
            while leaves < high and gone[by_gone[leaves]] <= t:
                i = by_gone[leaves]
                counts[i] = False
                changed = min(changed, i)
                leaves += 1
            before = matches
            if changed < done:
                while matches > 0 and m_event[matches - 1] >= changed:
                    matches -= 1
                    head = m_credit[matches]
                    c_used[head] -= m_money[matches]
                while credits > 0 and c_event[credits - 1] >= changed:
                    credits -= 1
                head = min(head, credits)
                done = changed
            kept[q] = min(before, matches)
            while done < high and time[done] < t:
                i = done
                done += 1
                if not counts[i]:
                    continue
                last_event, last_known = max(last_event, time[i]), max(last_known, shown[i])
                if amount[i] == 0:
                    continue
                if not debit[i]:
                    c = credits
                    c_time[c], c_money[c], c_used[c], c_event[c] = time[i], amount[i], 0, i
                    if amount[i] >= _MOST - c_total[c]:
                        fits = False
                        break
                    c_total[c + 1] = c_total[c] + amount[i]
                    p, rest = _product(amount[i], time[i] - origin)
                    h, r = _two_sum(c_high[c], c_low[c], p)
                    c_high[c + 1], c_low[c + 1] = h, r + rest
                    credits += 1
                    continue
                wanted = amount[i]
                while wanted > 0 and head < credits:
                    part = min(wanted, c_money[head] - c_used[head])
                    n, dwell = matches, time[i] - c_time[head]
                    m_credit[n], m_left[n], m_money[n], m_event[n] = head, time[i], part, i
                    m_total[n + 1] = m_total[n] + part
                    p, rest = _product(part, dwell)
                    h, r = _two_sum(m_high[n], m_low[n], p)
                    m_high[n + 1], m_low[n + 1] = h, r + rest
                    for m in range(measures):
                        quick = part if dwell <= within[m] else 0
                        m_within[m, n + 1] = m_within[m, n] + quick
                    if wants_log:
                        if logged == log_dwell.size:
                            log_dwell, log_left = _grown(log_dwell), _grown(log_left)
                            log_money = _grown(log_money)
                        log_dwell[logged], log_left[logged] = dwell, time[i]
                        log_money[logged] = part
                        logged += 1
                    matches += 1
                    wanted -= part
                    c_used[head] += part
                    if c_used[head] == c_money[head]:
                        head += 1
            if not fits:
                break
            event_at[q], known_at[q], ends[q] = last_event, last_known, logged
            for m in range(measures):
                kind = kinds[m]
                begin = 0
                if kind == _PASS_THROUGH:
                    c = 0 if window[m] < 0 else _first_at(c_time, credits, t - window[m])
                    base = c_total[credits] - c_total[c]
                    if base > 0:
                        n = _first_at(m_credit, matches, c)
                        quick = m_within[m, matches] - m_within[m, n]
                        double[m, q], valid[m, q] = quick / base, True
                    continue
                if kind in (_MATCHED, _DWELL_MEAN):
                    begin = 0 if window[m] < 0 else _first_at(m_left, matches, t - window[m])
                    whole[m, q] = m_total[matches] - m_total[begin]
                    valid[m, q] = kind == _MATCHED or whole[m, q] > 0
                    if whole[m, q] > 0:
                        spent = (m_high[matches] - m_high[begin]) + (m_low[matches] - m_low[begin])
                        double[m, q] = spent / whole[m, q] / 1e6
                    continue
                if kind == _UNMATCHED:
                    rest_money = c_total[credits] - c_total[head]
                    if head < credits:
                        rest_money -= c_used[head]
                    whole[m, q], valid[m, q] = rest_money, True
                elif kind == _OLDEST and head < credits:
                    double[m, q], valid[m, q] = (t - c_time[head]) / 1e6, True
                elif kind == _AGE and head < credits:
                    partial = c_money[head] - c_used[head]
                    rest_money = c_total[credits] - c_total[head + 1] + partial
                    weighted = (c_high[credits] - c_high[head + 1]) + (
                        c_low[credits] - c_low[head + 1]
                    )
                    weighted += float(partial) * float(c_time[head] - origin)
                    double[m, q] = (float(t - origin) - weighted / rest_money) / 1e6
                    valid[m, q] = True
        if not fits:
            break
    return (
        whole, double, valid, event_at, known_at, kept, ends,
        log_dwell[:logged], log_left[:logged], log_money[:logged], fits,
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _add(tree: Integers, place: int, weight: int) -> None:
    i = place + 1
    while i < tree.size:
        tree[i] += weight
        i += i & -i


@njit(cache=True, nogil=True)
def _reaching(tree: Integers, wanted: int) -> int:
    """The first place at which the running total of the tree reaches `wanted`."""
    place, step = 0, 1
    while step * 2 < tree.size:
        step *= 2
    while step > 0:
        ahead = place + step
        if ahead < tree.size and tree[ahead] < wanted:
            place = ahead
            wanted -= tree[ahead]
        step //= 2
    return place


@njit(cache=True, nogil=True)
def _quantiles(
    asked_start: Integers, asked: Integers, kept: Integers, ends: Integers, dwell: Integers,
    left: Integers, money: Integers, window: int, parts: int,
) -> tuple[Floats, Flags]:  # fmt: skip
    """The stack of matches once more, its window in a Fenwick tree by dwell."""
    found, valid = np.zeros(asked.size), np.zeros(asked.size, np.bool_)
    logged = 0
    for k in range(asked_start.size - 1):
        first, last = asked_start[k], asked_start[k + 1]
        if first == last or ends[last - 1] == logged:
            continue
        base, logged = logged, ends[last - 1]
        lengths = np.unique(dwell[base:logged])
        rank = np.searchsorted(lengths, dwell[base:logged])
        tree = np.zeros(lengths.size + 1, np.int64)
        stack = np.empty(logged - base, np.int64)
        begin, top, made, total = 0, 0, base, 0
        for q in range(first, last):
            while top > kept[q]:
                top -= 1
                if top >= begin:
                    one = stack[top]
                    _add(tree, rank[one - base], -money[one])
                    total -= money[one]
            begin = min(begin, top)
            while made < ends[q]:
                stack[top] = made
                _add(tree, rank[made - base], money[made])
                total += money[made]
                top += 1
                made += 1
            while window >= 0 and begin < top and left[stack[begin]] < asked[q] - window:
                one = stack[begin]
                _add(tree, rank[one - base], -money[one])
                total -= money[one]
                begin += 1
            if total > 0:
                wanted = (total // _MILLION) * parts
                wanted += ((total % _MILLION) * parts + _MILLION - 1) // _MILLION
                found[q] = lengths[_reaching(tree, max(wanted, 1))] / 1e6
                valid[q] = True
    return found, valid
