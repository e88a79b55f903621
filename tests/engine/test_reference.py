"""The reference against values worked out by hand: it is what everything else is held to."""

import math
from decimal import Decimal
from itertools import product

import pyarrow as pa
import pytest

from stockade.definitions.aggregate import Kind
from stockade.engine.program import Output, result_type
from stockade.engine.reference import ReferenceEvent, Revision, value_at, visibility
from stockade.errors import DataError

NAN, INF = math.nan, math.inf


def test_a_window_begins_with_its_first_instant_and_ends_before_the_decision() -> None:
    assert ask("last_n", (89, 1), (90, 2), (99, 3), (100, 4)) == [3, 2]


def test_the_inclusive_boundary_is_the_mirror_image() -> None:
    assert ask("last_n", (90, 1), (91, 2), (100, 3), (101, 4), inclusive=True) == [3, 2]


def test_a_delay_moves_both_ends() -> None:
    assert ask("last_n", (84, 1), (85, 2), (94, 3), (95, 4), delay=5) == [3, 2]


def test_a_lifetime_has_no_beginning() -> None:
    assert ask("count", (-(2**50), 1), (99, 1), (100, 1), window=None) == 2


def test_an_event_counts_from_when_it_is_known_until_it_is_superseded() -> None:
    events = [
        ReferenceEvent(time=95, value=1, visible_from=100, visible_until=101),
        ReferenceEvent(time=95, value=2, visible_from=101),
        ReferenceEvent(time=95, value=4, visible_from=96, visible_until=100),
    ]

    assert value_at(output("sum", pa.int64()), 100, events) == 1


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("count", 0), ("sum", 0), ("count_distinct", 0), ("mean", None), ("stddev", None),
        ("min", None), ("first", None), ("last_n", None), ("entropy", None), ("top_share", None),
        ("seconds_since_last", None), ("quantile", None), ("latest", None),
    ],
)  # fmt: skip
def test_an_empty_window_is_zero_for_counts_and_sums_and_null_for_the_rest(
    kind: Kind, expected: object
) -> None:
    assert ask(kind) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("count", 4), ("sum", 12), ("mean", 3.0), ("variance", 6.0), ("min", 1), ("max", 6),
        ("first", 4), ("last", 6), ("last_n", [6, 1, 1]), ("count_distinct", 3),
        ("top_share", 0.5), ("entropy", 1.5 * math.log(2)), ("quantile", 1.0),
        ("seconds_since_last", 1e-6), ("seconds_since_first", 8e-6), ("latest", 6),
    ],
)  # fmt: skip
def test_nulls_are_ignored(kind: Kind, expected: object) -> None:
    found = ask(kind, (92, 4), (93, None), (94, 1), (97, 1), (99, 6))

    assert found == pytest.approx(expected, rel=1e-15)


def test_latest_takes_a_null_for_a_value_and_the_largest_of_an_instant() -> None:
    assert ask("latest", (95, 1), (96, None)) is None
    assert ask("latest", (96, -(2**63)), (96, None)) == -(2**63)


def test_of_one_instant_the_first_is_the_smallest_and_the_last_the_largest() -> None:
    assert ask("first", (96, 2), (96, 1), (96, 3)) == 1
    assert ask("last", (96, 2), (96, 3), (96, 1)) == 3
    assert ask("last", (96, "z"), (96, "é"), type=pa.string()) == "é"


def test_nan_is_above_every_number_and_one_value() -> None:
    rows = [(95, NAN), (96, INF), (97, NAN), (98, -0.0), (99, 0.0)]

    assert math.isnan(float(str(ask("max", *rows, type=pa.float64()))))
    assert ask("min", *rows, type=pa.float64()) == 0.0
    assert ask("count_distinct", *rows, type=pa.float64()) == 3


def test_infinities_add_up_as_ieee_says() -> None:
    assert ask("sum", (98, INF), (99, 1.0), type=pa.float64()) == INF
    assert math.isnan(float(str(ask("sum", (98, INF), (99, -INF), type=pa.float64()))))
    assert math.isnan(float(str(ask("stddev", (98, INF), (99, 1.0), type=pa.float64()))))


def test_one_value_has_no_standard_deviation() -> None:
    assert ask("stddev", (99, 5)) is None
    assert ask("stddev", (98, 1), (99, 3)) == math.sqrt(2)


def test_a_quantile_lies_between_its_neighbours() -> None:
    assert ask("quantile", (96, 10), (97, 20), (98, 40), q=0.75) == 30.0


def test_sums_are_exact_or_refused() -> None:
    cents = pa.decimal128(38, 2)
    large = Decimal("9" * 36 + ".99")

    assert ask("sum", (98, Decimal("0.10")), (99, Decimal("0.20")), type=cents) == 0.3
    assert ask("sum", (98, large), (99, Decimal("-0.01")), type=cents, exact=True) == Decimal(
        "9" * 36 + ".98"
    )
    with pytest.raises(DataError, match="more than 38 digits"):
        ask("sum", (98, large), (99, Decimal("0.01")), type=cents, exact=True)
    with pytest.raises(DataError, match="does not fit bigint"):
        ask("sum", (98, 2**63 - 1), (99, 1))


def test_at_any_time_the_highest_version_known_counts_unless_it_retracts() -> None:
    arrivals = product((1, 2, 3), repeat=3)
    for known, retracted in product(arrivals, product((False, True), repeat=3)):
        revisions = [
            Revision(version=v, available_at=a, retracted=r)
            for v, (a, r) in enumerate(zip(known, retracted, strict=True))
        ]
        for t in range(5):
            best = max((r for r in revisions if r.available_at <= t), key=version, default=None)
            counts = [] if best is None or best.retracted else [best.version]
            shown = enumerate(visibility(revisions))
            assert [i for i, (low, high) in shown if low <= t < high] == counts


def version(revision: Revision) -> int:
    return revision.version


def output(
    kind: Kind,
    type: pa.DataType,
    *,
    window: int | None = 10,
    delay: int = 0,
    inclusive: bool = False,
    exact: bool = False,
    q: float = 0.25,
) -> Output:
    return Output(
        name="f", kind=kind, value="v", mask=None, window=window, delay=delay,
        inclusive=inclusive, n=3, q=q, type=result_type(kind, type, exact=exact, who="f"),
    )  # fmt: skip


def ask(
    kind: Kind,
    *rows: tuple[int, object],
    type: pa.DataType | None = None,
    window: int | None = 10,
    delay: int = 0,
    inclusive: bool = False,
    exact: bool = False,
    q: float = 0.25,
) -> object:
    """The feature at 100 of events (time, value)."""
    wanted = output(
        kind, type or pa.int64(), window=window, delay=delay, inclusive=inclusive, exact=exact, q=q
    )
    return value_at(wanted, 100, [ReferenceEvent(time=t, value=value) for t, value in rows])
