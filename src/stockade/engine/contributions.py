"""What each event adds to a value, so that the parts make the whole."""

import math
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from stockade.engine import reference
from stockade.engine.program import Output
from stockade.engine.reference import ReferenceEvent

# An event's part: a number that is added to the others, or, of an aggregate that picks events,
# the value that was picked. None adds nothing.
Part = object

_PICKS = frozenset({"first", "last", "last_n", "latest", "min", "max"})


def parts(output: Output, counted: Sequence[ReferenceEvent], decided_at: int) -> list[Part]:
    """What each of the events that count adds to the feature's value.

    Args:
        output: the feature.
        counted: all events that count, in any order.
        decided_at: microseconds.

    Returns:
        One part per event, in their order. `whole` makes the value of them. Of
        `count_distinct`, the earliest event of each value adds one; of `variance` and `stddev`,
        each event its share of the squared distances; of `entropy`, its value's surprise; of
        `top_share`, each event with the commonest value. Of several events that would do,
        aggregates that pick take the earliest, of one instant the first listed.
    """
    measured = [
        n for n, event in enumerate(counted) if output.value is None or event.value is not None
    ]
    found: list[Part] = [None] * len(counted)
    if not measured and output.kind != "latest":
        return found
    for n, part in _of_measured(output, counted, measured, decided_at):
        found[n] = part
    return found


def whole(output: Output, given: Sequence[Part]) -> object:
    """The value that the parts make; nothing where no event adds anything."""
    added = [part for part in given if part is not None]
    if output.kind == "last_n":
        ordered: list[tuple[int, object]] = sorted(added)  # type: ignore[type-var]
        return [value for _, value in ordered] if ordered else None
    if output.kind in _PICKS:
        return added[0] if added else None
    if output.kind in ("count", "count_distinct"):
        return sum(int(part) for part in added)  # type: ignore[call-overload]
    if output.kind == "sum":
        return reference.total(output, added)
    if not added:
        return None
    numbers = [float(part) for part in added]  # type: ignore[arg-type]
    if not all(map(math.isfinite, numbers)):
        return math.nan if any(map(math.isnan, numbers)) or len(set(numbers)) > 1 else numbers[0]
    return math.fsum(numbers)


def _of_measured(
    output: Output, counted: Sequence[ReferenceEvent], measured: Sequence[int], decided_at: int
) -> list[tuple[int, Part]]:
    kind, n = output.kind, len(measured)
    values = [counted[i].value for i in measured]
    if kind == "count":
        return [(i, 1) for i in measured]
    if kind == "sum":
        return list(zip(measured, values, strict=True))
    if kind == "count_distinct":
        first: dict[object, int] = {}
        for i in sorted(measured, key=lambda i: counted[i].time):
            first.setdefault(reference.identity(counted[i].value), i)
        return [(i, 1) for i in first.values()]
    if kind in ("entropy", "top_share"):
        return _of_shares(kind, measured, values)
    if kind in ("mean", "variance", "stddev"):
        whole_value = reference.aggregate(output, counted, decided_at)
        return _of_moments(output, whole_value, measured, values, n)
    if kind == "quantile":
        return _of_quantile(output, counted, measured)
    return _picked(output, counted, measured, decided_at)


def _of_shares(
    kind: str, measured: Sequence[int], values: Sequence[object]
) -> list[tuple[int, Part]]:
    identities = [reference.identity(value) for value in values]
    counts, n = Counter(identities), len(values)
    if kind == "entropy":
        return [
            (i, -math.log(counts[one] / n) / n) for i, one in zip(measured, identities, strict=True)
        ]
    # Of equally common values, the one that is listed first.
    top = max(counts, key=lambda one: counts[one])
    return [(i, 1 / n) for i, one in zip(measured, identities, strict=True) if one == top]


def _of_moments(
    output: Output, value: object, measured: Sequence[int], values: Sequence[object], n: int
) -> list[tuple[int, Part]]:
    if value is None:
        return []
    whole_value = float(value)  # type: ignore[arg-type]
    numbers = [float(one) for one in values]  # type: ignore[arg-type]
    if not math.isfinite(whole_value) or not all(map(math.isfinite, numbers)):
        return [(measured[0], whole_value)]
    if output.kind == "mean":
        return [(i, float(Fraction(one) / n)) for i, one in zip(measured, values, strict=True)]  # type: ignore[arg-type]
    mean = sum(map(Fraction, numbers), Fraction(0)) / n
    squares = [(Fraction(one) - mean) ** 2 for one in numbers]
    every = sum(squares, Fraction(0))
    if not every:
        return [(i, 0.0) for i in measured]
    return [(i, whole_value * float(one / every)) for i, one in zip(measured, squares, strict=True)]


def _of_quantile(
    output: Output, counted: Sequence[ReferenceEvent], measured: Sequence[int]
) -> list[tuple[int, Part]]:
    ranked = sorted(
        ((float(str(counted[i].value)), i) for i in measured),
        key=lambda one: (reference.rank(one[0]), counted[one[1]].time),
    )
    position = (len(ranked) - 1) * (output.q or 0.0)
    below, share = math.floor(position), position - math.floor(position)
    low, first = ranked[below]
    high, second = ranked[below + 1] if share else (low, first)
    if high == low or not (math.isfinite(low) and math.isfinite(high)):
        value = reference.quantile([number for number, _ in ranked], output.q or 0.0)
        return [(first, value)]
    return [(first, low * (1 - share)), (second, high * share)]


def _picked(
    output: Output, counted: Sequence[ReferenceEvent], measured: Sequence[int], decided_at: int
) -> list[tuple[int, Part]]:
    """The events whose value is the feature's, or is in it."""
    value = reference.aggregate(output, counted, decided_at)
    if output.kind in ("seconds_since_last", "seconds_since_first"):
        pick = max if output.kind == "seconds_since_last" else min
        return [(pick(measured, key=lambda i: counted[i].time), value)]
    if output.kind == "latest":
        if value is None:
            return []
        newest = max(event.time for event in counted)
        chosen = [i for i in measured if counted[i].time == newest]
        return [(max(chosen, key=lambda i: reference.rank(counted[i].value)), value)]
    by_time = sorted(measured, key=lambda i: (counted[i].time, reference.rank(counted[i].value)))
    if output.kind == "last_n":
        elements: list[object] = list(value)  # type: ignore[call-overload]
        return [
            (i, (n, one)) for n, (i, one) in enumerate(zip(by_time[::-1], elements, strict=False))
        ]
    if output.kind == "first":
        return [(by_time[0], value)]
    if output.kind == "last":
        return [(by_time[-1], value)]
    pick = min if output.kind == "min" else max
    return [(pick(by_time, key=lambda i: reference.rank(counted[i].value)), value)]


def as_number(part: Part) -> float | None:
    """A part as a number, where it is one."""
    if isinstance(part, bool) or not isinstance(part, int | float | Decimal):
        return None
    return float(part)
