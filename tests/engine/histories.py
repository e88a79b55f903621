"""Generated small histories: keys, ties, late and corrected events, odd numbers, empty sides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import pyarrow as pa
from hypothesis import strategies as st

from stockade.definitions.aggregate import Kind
from stockade.engine.program import FOREVER, Output, result_type

# Few instants, so that ties and boundaries are common.
SPAN = 24
WINDOWS = (1, 3, 8, 20, None)
DELAYS = (0, 1, 4)

MONEY = pa.decimal128(20, 4)
WIDE = pa.decimal128(38, 10)

VALUES: Mapping[str, tuple[pa.DataType, st.SearchStrategy[object]]] = {
    "double": (
        pa.float64(),
        st.sampled_from([0.0, -0.0, 1.0, 1.0, 2.5, -3.25, 1e15, -1e-9, 0.1, 1e308]),
    ),
    "odd": (
        pa.float64(),
        st.sampled_from([0.0, 1.5, -2.0, float("nan"), float("inf"), float("-inf")]),
    ),
    "whole": (pa.int64(), st.sampled_from([0, 1, -1, 7, 2**40, -(2**40), 2**62 // 24])),
    "money": (MONEY, st.decimals(-1000, 1000, places=4, allow_nan=False)),
    "wide": (
        WIDE,
        st.sampled_from(
            [Decimal(0), Decimal("1234567890123456789012345.0123456789"), Decimal("-0.0000000001"),
             Decimal("-1234567890123456789012345.0123456788"), Decimal("99.9")]
        ),
    ),
    "text": (pa.string(), st.sampled_from(["", "a", "b", "é", "z", "Z"])),
    "flag": (pa.bool_(), st.booleans()),
    "day": (pa.date32(), st.integers(0, 5).map(lambda n: date(2026, 1, 1) + timedelta(days=n))),
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


@st.composite
def events(draw: st.DrawFn, column: str) -> Event:
    time = draw(st.integers(-2, SPAN))
    known = time + draw(st.sampled_from([-1, 0, 0, 0, 1, 2, 9]))
    lasts = draw(st.sampled_from([FOREVER, FOREVER, FOREVER, 0, 1, 3, 8]))
    return Event(
        key=draw(st.integers(0, 2)),
        time=time,
        known=known,
        until=FOREVER if lasts == FOREVER else known + lasts,
        mask=draw(st.booleans()),
        value=draw(st.one_of(st.none(), VALUES[column][1])),
    )


@st.composite
def outputs(draw: st.DrawFn, column: str) -> Output:
    kind = draw(st.sampled_from([kind for kind, columns in _KINDS.items() if column in columns]))
    exact = kind in _EXACT and draw(st.booleans())
    plain = kind in ("count", "seconds_since_last", "seconds_since_first") and draw(st.booleans())
    return Output(
        name="f",
        kind=kind,
        value=None if plain else "v",
        mask=draw(st.sampled_from([None, "m"])),
        window=draw(st.sampled_from(WINDOWS)),
        delay=draw(st.sampled_from(DELAYS)),
        inclusive=draw(st.booleans()),
        n=draw(st.integers(1, 4)) if kind == "last_n" else None,
        q=draw(st.sampled_from([0.0, 0.25, 0.5, 0.9, 1.0])) if kind == "quantile" else None,
        type=result_type(kind, VALUES[column][0], exact=exact or kind == "latest", who="f"),
    )


@st.composite
def histories(draw: st.DrawFn) -> History:
    column = draw(st.sampled_from(tuple(VALUES)))
    moments = st.one_of(st.none(), *[st.integers(-1, SPAN + 2)] * 5)
    keys = st.one_of(st.none(), *[st.integers(0, 3)] * 5)
    return History(
        column=column,
        clocks=draw(st.sampled_from(["one", "known", "revised"])),
        settling=draw(st.sampled_from([0, 0, 1, 5])),
        events=tuple(draw(st.lists(events(column), max_size=14))),
        decisions=tuple(draw(st.lists(st.tuples(keys, moments), max_size=5))),
        outputs=tuple(draw(st.lists(outputs(column), min_size=1, max_size=4))),
    )
