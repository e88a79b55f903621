"""Each rule of the kernels by an example, on one clock and on two."""

import math
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from stockade.definitions.aggregate import Kind
from stockade.engine.bucket import Bucket, Events, Queries, compute
from stockade.engine.program import FOREVER, Output, result_type
from stockade.errors import DataError

NAN, INF = math.nan, math.inf
Row = tuple[int, object, *tuple[int, ...]]


@pytest.mark.slow
def test_a_window_begins_with_its_first_instant_and_ends_before_the_decision() -> None:
    assert ask("last_n", (89, 1), (90, 2), (99, 3), (100, 4)) == [3, 2]


def test_the_inclusive_boundary_is_the_mirror_image() -> None:
    assert ask("last_n", (90, 1), (91, 2), (100, 3), (101, 4), inclusive=True) == [3, 2]


def test_a_delay_moves_both_ends() -> None:
    assert ask("last_n", (84, 1), (85, 2), (94, 3), (95, 4), delay=5) == [3, 2]


def test_a_lifetime_has_no_beginning() -> None:
    assert ask("count", (-(2**50), 1), (99, 1), (100, 1), window=None) == 2


def test_an_event_settles_at_the_very_moment_that_its_delay_has_passed() -> None:
    found = bucket([(96, 1), (97, 2), (98, 4)], settling=3).compute([feature("sum")])

    assert found[0].to_pylist() == [3]


def test_an_event_counts_from_when_it_is_known_until_it_is_superseded() -> None:
    rows = (
        (95, 1, 100, 101),  # known just in time
        (95, 2, 101),  # a moment too late
        (95, 4, 96, 100),  # superseded at the decision
        (95, 8, 100, 100),  # superseded before anyone saw it
    )

    assert ask("sum", *rows) == 1


@pytest.mark.parametrize(
    "kind", ["sum", "mean", "min", "max", "first", "last", "count_distinct", "top_share"]
)
def test_a_late_or_superseded_event_leaves_no_trace_in_any_aggregate(kind: Kind) -> None:
    rows = ((93, 7), (95, 3), (96, 99, 101), (92, 99, 93, 100), (97, 5))

    assert ask(kind, *rows) == ask(kind, *(row for row in rows if row[1] != 99))


@pytest.mark.parametrize("kind", ["first", "last", "last_n", "latest"])
def test_of_one_instant_the_value_decides_and_not_the_order_of_rows(kind: Kind) -> None:
    expected: dict[str, object] = {"first": 1, "last": 3, "last_n": [3, 2, 1], "latest": 3}

    for one, two, three in ((1, 2, 3), (3, 1, 2), (2, 3, 1)):
        for extra in ((), (96,)):  # one clock, two clocks
            rows: list[Row] = [(96, one, *extra), (96, two, *extra), (96, three, *extra)]
            assert ask(kind, *rows) == expected[kind]


def test_text_of_one_instant_is_ordered_by_its_bytes() -> None:
    assert ask("last", (96, "z"), (96, "é"), (96, "Z"), type=pa.string()) == "é"


def test_the_latest_value_may_be_null_but_not_beside_another() -> None:
    lowest = -(2**63)

    assert ask("latest", (95, 1), (96, None)) is None
    assert ask("latest", (96, lowest), (96, None)) == lowest
    assert ask("latest", (96, None), (96, lowest)) == lowest


def test_only_a_null_key_or_time_gives_null_instead_of_an_empty_window() -> None:
    queries = Queries(
        key=np.array([0, -1, 0]), time=np.array([50, 100, 100]), valid=np.array([True, True, False])
    )
    found = compute(events([(99, 1)]), queries, [feature("count"), feature("mean")], entities=1)

    assert [column.to_pylist() for column in found] == [[0, None, None], [None, None, None]]


@pytest.mark.parametrize("type", [pa.int64(), pa.float64(), pa.decimal128(10, 2)])
def test_an_empty_window_is_zero_for_counts_and_sums_and_null_for_the_rest(
    type: pa.DataType,
) -> None:
    zero: tuple[Kind, ...] = ("count", "sum", "count_distinct")
    null: tuple[Kind, ...] = (
        "mean", "stddev", "variance", "min", "max", "first", "last", "last_n", "latest",
        "entropy", "top_share", "quantile", "seconds_since_last", "seconds_since_first",
    )  # fmt: skip
    for rows in ([], [(80, 1)], [(80, 1, 80)]):  # none, too old, too old on two clocks
        one = bucket(rows, type)
        found = one.compute([feature(kind, type) for kind in (*zero, *null)])
        assert [column.to_pylist() for column in found] == [[0]] * 3 + [[None]] * len(null)


def test_infinities_and_nan_leave_with_the_event_that_brought_them() -> None:
    rows = [(1, INF), (2, 1.0), (3, NAN), (4, 2.0), (5, -INF)]
    for clock in ("one", "two"):
        known = [(time, value, time) if clock == "two" else (time, value) for time, value in rows]
        decided = np.array([2, 3, 4, 5, 6])
        queries = Queries(key=np.zeros(5, np.int64), time=decided, valid=None)
        total = feature("sum", pa.float64(), window=1)
        (found,) = compute(events(known, pa.float64()), queries, [total], entities=1)
        np.testing.assert_array_equal(found.to_numpy(), [INF, 1.0, NAN, 2.0, -INF])


def test_nan_is_above_every_number_and_one_value() -> None:
    rows = ((95, NAN), (96, INF), (97, NAN), (98, -0.0), (99, 0.0))

    assert math.isnan(float(str(ask("max", *rows, type=pa.float64()))))
    assert math.isnan(float(str(ask("quantile", *rows, type=pa.float64(), q=1.0))))
    assert ask("min", *rows, type=pa.float64()) == 0.0
    assert ask("count_distinct", *rows, type=pa.float64()) == 3


def test_the_least_of_nothing_but_nan_is_nan() -> None:
    for kind in ("min", "max"):
        for extra in ((), (96,)):
            rows: list[Row] = [(96, NAN, *extra), (96, NAN, *extra)]
            assert math.isnan(float(str(ask(kind, *rows, type=pa.float64()))))


def test_one_value_has_no_standard_deviation() -> None:
    assert ask("stddev", (99, 5)) is None
    assert ask("stddev", (98, 1), (99, 3)) == math.sqrt(2)


def test_a_quantile_lies_between_its_neighbours() -> None:
    assert ask("quantile", (96, 10), (97, 20), (98, 40), q=0.75) == 30.0


def test_whole_numbers_that_do_not_fit_are_refused_by_name_and_without_a_value() -> None:
    assert ask("sum", (97, 2**63 - 1), (98, 2**63 - 1), (99, -(2**63))) == 2**63 - 2
    with pytest.raises(DataError, match="feature 'f': a sum does not fit bigint") as fault:
        ask("sum", (98, 2**63 - 1), (99, 1))
    assert "9223372036854775" not in str(fault.value)


def test_the_ends_of_bigint_are_values_like_any_other() -> None:
    lowest, highest = -(2**63), 2**63 - 1

    assert ask("min", (98, highest)) == highest
    assert ask("max", (98, lowest)) == lowest
    assert ask("mean", (97, highest), (98, lowest)) == -0.5


@pytest.mark.parametrize("type", [pa.int8(), pa.int16(), pa.int32()])
def test_narrow_whole_numbers_are_measured_too(type: pa.DataType) -> None:
    assert ask("min", (97, -5), (98, None), (99, 3), type=type) == -5
    assert ask("sum", (97, 127), (98, 127), type=type) == 254


@pytest.mark.parametrize("kind", ["sum", "mean", "min", "first", "last", "latest", "quantile"])
@pytest.mark.parametrize(
    ("text", "precision", "scale"),
    [
        ("736794.07", 18, 2),  # pyarrow's cast gives 736794.0700000001
        ("0.000641342400000000", 38, 18),
        ("-12345678901234567890.123456789012345678", 38, 18),
        ("99999999999999999999999999999999999999", 38, 0),
    ],
)
def test_a_decimal_leaves_as_the_nearest_double(
    kind: Kind, text: str, precision: int, scale: int
) -> None:
    found = ask(kind, (99, Decimal(text)), type=pa.decimal128(precision, scale), exact=False)

    assert found == float(text)


def test_exact_decimals_keep_every_digit_or_are_refused() -> None:
    cents, large = pa.decimal128(38, 2), Decimal("9" * 36 + ".99")
    almost = Decimal("9" * 36 + ".98")

    assert ask("sum", (98, large), (99, Decimal("-0.01")), type=cents, exact=True) == almost
    assert ask("max", (98, large), (99, almost), type=cents, exact=True) == large
    with pytest.raises(DataError, match="feature 'f': a sum has more than 38 digits"):
        ask("sum", (98, large), (99, Decimal("0.01")), type=cents, exact=True)


def test_a_sum_that_overflows_on_the_way_arrives() -> None:
    for extra in ((), (96,)):
        rows: list[Row] = [(96, x, *extra) for x in (1e308, 1e308, -1e308)]
        assert ask("sum", *rows, type=pa.float64()) == 1e308
        assert ask("mean", *rows[:2], type=pa.float64()) == 1e308


def test_values_far_from_zero_keep_their_variance() -> None:
    far = 1.7e15

    assert ask("variance", *((90 + i, far + i) for i in range(3)), type=pa.float64()) == 1.0
    assert ask("variance", *((90 + i, far) for i in range(3)), type=pa.float64()) == 0.0


def test_the_order_of_rows_does_not_change_a_sum() -> None:
    draw = np.random.default_rng(4)
    values = draw.normal(0, 1, 500) * 10.0 ** draw.integers(-8, 9, 500)

    for clock in ((), (0,)):
        found = {
            ask("sum", *((95, x, *clock) for x in draw.permutation(values)), type=pa.float64())
            for _ in range(5)
        }
        assert found == {math.fsum(values)}


def test_views_of_one_bucket_may_differ_in_windows() -> None:
    shared = bucket([(88, 1.0), (95, 2.0), (99, 4.0)], pa.float64())
    for window, expected in ((2, 4.0), (6, 6.0), (20, 7.0)):
        wanted = [feature(kind, pa.float64(), window=window) for kind in ("sum", "max")]
        assert [column.to_pylist() for column in shared.compute(wanted)] == [[expected], [4.0]]


def test_nothing_in_nothing_out() -> None:
    kinds: tuple[Kind, ...] = ("count", "sum", "max", "last", "count_distinct", "quantile")
    for type in (pa.float64(), pa.int64(), pa.decimal128(10, 2)):
        wanted = [feature(kind, type) for kind in kinds]
        nobody = Queries(key=np.empty(0, np.int64), time=np.empty(0, np.int64), valid=None)
        found = compute(events([], type), nobody, wanted, entities=0)
        assert [len(column) for column in found] == [0] * len(kinds)
        assert [column.type for column in found] == [output.type for output in wanted]


def test_the_audit_sees_what_counted_and_nothing_later() -> None:
    rows: list[Row] = [(93, 1, 99), (95, 1, 96), (97, 1, 101), (100, 1, 100)]

    event, known = bucket(rows).latest_used([feature("count")])

    assert (event.to_pylist(), known.to_pylist()) == ([95], [99])


def feature(
    kind: Kind,
    type: pa.DataType | None = None,
    *,
    window: int | None = 10,
    delay: int = 0,
    inclusive: bool = False,
    exact: bool = False,
    q: float = 0.25,
) -> Output:
    return Output(
        name="f", kind=kind, value="v", mask=None, window=window, delay=delay,
        inclusive=inclusive, n=3, q=q,
        type=result_type(kind, type or pa.int64(), exact=exact, who="f"),
    )  # fmt: skip


def events(
    rows: Sequence[Row],
    type: pa.DataType | None = None,
    *,
    settling: int = 0,
) -> Events:
    """Rows are (time, value), or with a second clock (…, known from[, superseded at])."""
    two = any(len(row) > 2 for row in rows)
    whole = [(*row, *(row[0], FOREVER)[len(row) - 2 :]) for row in rows]
    return Events(
        key=np.zeros(len(rows), np.int64),
        time=np.array([row[0] for row in rows], np.int64),
        visible_from=np.array([row[2] for row in whole], np.int64) if two else None,
        visible_until=np.array([row[3] for row in whole], np.int64) if two else None,
        settling=settling,
        values={"v": pa.array([row[1] for row in rows], type or pa.int64())},
        masks={},
    )


def bucket(rows: Sequence[Row], type: pa.DataType | None = None, *, settling: int = 0) -> Bucket:
    at_100 = Queries(key=np.array([0]), time=np.array([100]), valid=None)
    return Bucket(events(rows, type, settling=settling), at_100, entities=1)


def ask(
    kind: Kind,
    *rows: Row,
    type: pa.DataType | None = None,
    window: int | None = 10,
    delay: int = 0,
    inclusive: bool = False,
    exact: bool = True,
    q: float = 0.25,
) -> object:
    """The feature at 100."""
    wanted = feature(kind, type, window=window, delay=delay, inclusive=inclusive, exact=exact, q=q)
    (found,) = bucket(rows, type).compute([wanted])
    return found.to_pylist()[0]
