"""Generated small histories: keys, ties, late and corrected events, odd numbers, empty sides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TypeVar

import pyarrow as pa
from hypothesis import strategies as st

from stockade.definitions.aggregate import Kind
from stockade.engine.program import FOREVER, Output, result_type

Choice = TypeVar("Choice")

# Few instants, so that ties and boundaries are common.
SPAN = 24
WINDOWS = (1, 3, 8, 20, None)
DELAYS = (0, 1, 4)

MONEY = pa.decimal128(20, 4)
WIDE = pa.decimal128(38, 10)

VALUES: Mapping[str, tuple[pa.DataType, Sequence[object]]] = {
    "double": (pa.float64(), (0.0, -0.0, 1.0, 2.5, -3.25, 1e15, -1e-9, 0.1, 1e308)),
    "odd": (pa.float64(), (0.0, 1.5, -2.0, float("nan"), float("inf"), float("-inf"))),
    "whole": (pa.int64(), (0, 1, -1, 7, 2**40, -(2**40), 2**62, -(2**62))),
    "money": (MONEY, tuple(map(Decimal, ("0", "0.0001", "-0.0001", "999.99", "-12.5", "1e15")))),
    "wide": (
        WIDE,
        tuple(map(Decimal, (
            "0", "1234567890123456789012345.0123456789", "-0.0000000001", "99.9",
            "-1234567890123456789012345.0123456788", "9999999999999999999999999999",
        ))),
    ),
    "text": (pa.string(), ("", "a", "b", "é", "z", "Z")),
    "flag": (pa.bool_(), (False, True)),
    "day": (pa.date32(), tuple(date(2026, 1, 1) + timedelta(days=n) for n in range(5))),
}  # fmt: skip

_NUMBERS = ("double", "odd", "whole", "money", "wide")
_KINDS: Mapping[Kind, Sequence[str]] = {
    "count": tuple(VALUES),
    "sum": _NUMBERS,
    "mean": _NUMBERS,
    "stddev": _NUMBERS,
    "variance": _NUMBERS,
    "min": (*_NUMBERS, "day"),
    "max": (*_NUMBERS, "day"),
    "first": tuple(VALUES),
    "last": tuple(VALUES),
    "last_n": tuple(VALUES),
    "latest": tuple(VALUES),
    "count_distinct": tuple(VALUES),
    "entropy": tuple(VALUES),
    "top_share": tuple(VALUES),
    "seconds_since_last": ("double",),
    "seconds_since_first": ("double",),
    "quantile": _NUMBERS,
}
_EXACT = ("sum", "min", "max", "first", "last", "last_n", "latest")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One generated event."""

    key: int
    time: int
    known: int
    until: int
    mask: bool
    value: object


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Events and decisions of a few entities, and what is asked of them."""

    column: str
    clocks: str  # "one", "known", "revised"
    settling: int
    events: tuple[Event, ...]
    decisions: tuple[tuple[int | None, int | None], ...]
    outputs: tuple[Output, ...]


class Digits:
    """Choices read off one whole number: one draw of Hypothesis instead of one for each."""

    def __init__(self, number: int) -> None:
        self._left = number

    def choose(self, options: Sequence[Choice]) -> Choice:
        self._left, digit = divmod(self._left, len(options))
        return options[digit]


_NUMBERS_DRAWN = st.integers(0, 2**48)


def _event(number: int, column: str) -> Event:
    digits = Digits(number)
    time = digits.choose(range(SPAN + 1))
    known = time + digits.choose((0, 0, 0, 1, 2, 9, -1))
    lasts = digits.choose((None, None, None, 0, 1, 3, 8))
    return Event(
        key=digits.choose((0, 0, 1, 2)),
        time=time,
        known=known,
        until=FOREVER if lasts is None else known + lasts,
        mask=digits.choose((True, False)),
        value=digits.choose((*VALUES[column][1], None)),
    )


def _output(number: int, column: str) -> Output:
    digits = Digits(number)
    kinds: list[Kind] = [kind for kind, columns in _KINDS.items() if column in columns]
    kind = digits.choose(kinds)
    exact = kind in _EXACT and digits.choose((False, True))
    rows = kind in ("count", "seconds_since_last", "seconds_since_first")
    return Output(
        name="f",
        kind=kind,
        value=None if rows and digits.choose((False, True)) else "v",
        mask=digits.choose((None, "m")),
        window=digits.choose(WINDOWS),
        delay=digits.choose(DELAYS),
        inclusive=digits.choose((False, True)),
        n=digits.choose((1, 2, 4)) if kind == "last_n" else None,
        q=digits.choose((0.5, 0.0, 0.25, 0.9, 1.0)) if kind == "quantile" else None,
        type=result_type(kind, VALUES[column][0], exact=exact or kind == "latest", who="f"),
    )


@st.composite
def histories(draw: st.DrawFn) -> History:
    """A column, its clocks, up to ten events of three entities, up to four decisions."""
    digits = Digits(draw(_NUMBERS_DRAWN))
    column = digits.choose(tuple(VALUES))
    asked = [Digits(number) for number in draw(st.lists(_NUMBERS_DRAWN, max_size=4))]
    return History(
        column=column,
        clocks=digits.choose(("one", "known", "revised")),
        settling=digits.choose((0, 0, 1, 5)),
        events=tuple(_event(n, column) for n in draw(st.lists(_NUMBERS_DRAWN, max_size=10))),
        decisions=tuple(
            (one.choose((0, 0, 0, 1, 1, 2, 3, None)), one.choose((*range(SPAN + 3), None)))
            for one in asked
        ),
        outputs=tuple(
            _output(n, column) for n in draw(st.lists(_NUMBERS_DRAWN, min_size=1, max_size=3))
        ),
    )
