"""The rules of time and of each aggregate in plain Python: written to be read and believed.

The kernels are tested against this, and the oracle on Spark computes its values with it.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction

import pyarrow as pa

from stockade.engine.program import FOREVER, Output
from stockade.errors import DataError

_WIDE = Context(prec=120)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceEvent:
    """One event of one entity.

    Attributes:
        time: event time, microseconds.
        value: what is measured; None is null.
        visible_from, visible_until: it may count at t where `visible_from <= t < visible_until`.
    """

    time: int
    value: object = None
    visible_from: int = -FOREVER
    visible_until: int = FOREVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One revision of one event: its version, when it was known, and whether it takes it back."""

    version: int
    available_at: int
    retracted: bool = False


def visibility(revisions: Sequence[Revision]) -> list[tuple[int, int]]:
    """For each revision of one event, when it counts: `[from, until)`, empty where it never does.

    At any time the highest version known by then counts; while that is a retraction, none does.
    """
    found: list[tuple[int, int]] = []
    for revision in revisions:
        higher = [one.available_at for one in revisions if one.version > revision.version]
        until = min(higher, default=FOREVER)
        if revision.retracted or until < revision.available_at:
            until = revision.available_at
        found.append((revision.available_at, until))
    return found


def value_at(output: Output, decided_at: int, events: Iterable[ReferenceEvent]) -> object:
    """The feature at a decision, from all events of its entity that pass the filter."""
    counted = [
        event
        for event in events
        if in_window(output, decided_at, event.time)
        and event.visible_from <= decided_at < event.visible_until
    ]
    return aggregate(output, counted, decided_at)


def in_window(output: Output, decided_at: int, time: int) -> bool:
    """Whether an event of that time lies in the output's window before the decision."""
    end = decided_at - output.delay
    begin = -math.inf if output.window is None else end - output.window
    if output.inclusive:
        return begin < time <= end
    return begin <= time < end


def aggregate(output: Output, counted: Sequence[ReferenceEvent], decided_at: int) -> object:
    """The aggregate of the events that count, in any order."""
    kind = output.kind
    if kind == "latest":
        return _leave(output, _latest(counted))
    if output.value is not None:
        counted = [event for event in counted if event.value is not None]
    values = [event.value for event in counted]
    if kind == "count":
        return len(counted)
    if kind == "count_distinct":
        return len({identity(value) for value in values})
    if kind == "sum":
        return total(output, values)
    if not counted:
        return None
    if kind == "seconds_since_last":
        return (decided_at - max(event.time for event in counted)) / 1e6
    if kind == "seconds_since_first":
        return (decided_at - min(event.time for event in counted)) / 1e6
    if kind in ("first", "last", "last_n"):
        return _picked(output, counted)
    if kind == "min":
        return _leave(output, min(values, key=rank))
    if kind == "max":
        return _leave(output, max(values, key=rank))
    if kind in ("entropy", "top_share"):
        return _of_shares(kind, values)
    return _statistic(output, values)


def total(output: Output, values: Sequence[object]) -> object:
    """The sum: exact for whole numbers and decimals, rounded once for doubles."""
    if any(isinstance(value, float) for value in values):
        return _total(values)
    exact = sum((Fraction(value) for value in values), Fraction(0))  # type: ignore[arg-type]
    if pa.types.is_decimal(output.type):
        unscaled = int(exact * 10**output.type.scale)
        if abs(unscaled) >= 10**38:
            raise DataError(f"feature '{output.name}': a sum has more than 38 digits")
        return _WIDE.scaleb(Decimal(unscaled), -output.type.scale)
    if pa.types.is_integer(output.type):
        if not -(2**63) <= exact < 2**63:
            raise DataError(f"feature '{output.name}': a sum does not fit bigint")
        return int(exact)
    return float(exact)


def _total(values: Sequence[object]) -> float:
    numbers = [float(value) for value in values]  # type: ignore[arg-type]
    if all(map(math.isfinite, numbers)):
        return _nearest(sum(map(Fraction, numbers), Fraction(0)))
    odd = {number for number in numbers if math.isinf(number)}
    if any(map(math.isnan, numbers)) or len(odd) > 1:
        return math.nan
    return odd.pop()


def _statistic(output: Output, values: Sequence[object]) -> float | None:
    numbers = [float(value) for value in values]  # type: ignore[arg-type]
    n = len(numbers)
    finite = all(map(math.isfinite, numbers))
    if output.kind == "quantile":
        return quantile(sorted(numbers, key=rank), output.q or 0.0)
    if output.kind == "mean":
        if not finite:
            return _total(numbers)
        return float(sum(map(Fraction, values), Fraction(0)) / n)  # type: ignore[arg-type]
    if n < 2:
        return None
    if not finite:
        return math.nan
    mean = sum(map(Fraction, numbers), Fraction(0)) / n
    variance = _nearest(sum(((Fraction(x) - mean) ** 2 for x in numbers), Fraction(0)) / (n - 1))
    return math.sqrt(variance) if output.kind == "stddev" else variance


def _nearest(exact: Fraction) -> float:
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def quantile(ordered: Sequence[float], q: float) -> float:
    """By linear interpolation between neighbours."""
    position = (len(ordered) - 1) * q
    below = math.floor(position)
    low = ordered[below]
    if position == below:
        return low
    high = ordered[below + 1]
    return low if high == low else low + (high - low) * (position - below)


def _of_shares(kind: str, values: Sequence[object]) -> float:
    counts = Counter(map(identity, values)).values()
    if kind == "top_share":
        return max(counts) / len(values)
    shares = [count / len(values) for count in counts]
    return -math.fsum(share * math.log(share) for share in shares) or 0.0


def _picked(output: Output, counted: Sequence[ReferenceEvent]) -> object:
    """Events by time, those of one instant by value."""
    ordered = sorted(counted, key=lambda event: (event.time, rank(event.value)))
    if output.kind == "first":
        return _leave(output, ordered[0].value)
    if output.kind == "last":
        return _leave(output, ordered[-1].value)
    return [_leave(output, event.value) for event in ordered[::-1][: output.n]]


def _latest(counted: Sequence[ReferenceEvent]) -> object:
    if not counted:
        return None
    newest = max(event.time for event in counted)
    values = [event.value for event in counted if event.time == newest and event.value is not None]
    return max(values, key=rank) if values else None


def rank(value: object) -> tuple[int, object]:
    """NaN above every number; strings by their UTF-8 bytes; -0.0 beside 0.0."""
    if isinstance(value, float) and math.isnan(value):
        return (1, 0)
    return (0, value.encode() if isinstance(value, str) else value)


def identity(value: object) -> object:
    """Equal for values that count as one: NaN is NaN, and -0.0 is 0.0."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else value + 0.0
    return value


def _leave(output: Output, value: object) -> object:
    """Decimals leave as double unless the output is decimal."""
    kind = output.type.value_type if pa.types.is_list(output.type) else output.type
    if isinstance(value, Decimal) and not pa.types.is_decimal(kind):
        return float(value)
    if isinstance(value, float):
        return value + 0.0
    return value
