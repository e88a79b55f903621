"""What each aggregate function asks for, and what it refuses."""

from collections.abc import Callable
from functools import partial

import pytest

from stockade import (
    LIFETIME,
    Aggregate,
    Category,
    count,
    count_distinct,
    days,
    entropy,
    first,
    hours,
    last,
    last_n,
    max_,
    mean,
    min_,
    quantile,
    seconds_since_first,
    seconds_since_last,
    stddev,
    sum_,
    top_share,
    variance,
)
from stockade.definitions.aggregate import Kind
from stockade.errors import DefinitionError

Make = Callable[..., Aggregate]
W = (days(1),)


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("count", count),
        ("sum", sum_),
        ("mean", mean),
        ("stddev", stddev),
        ("variance", variance),
        ("min", min_),
        ("max", max_),
        ("first", first),
        ("last", last),
        ("count_distinct", count_distinct),
        ("entropy", entropy),
        ("top_share", top_share),
        ("seconds_since_last", seconds_since_last),
        ("seconds_since_first", seconds_since_first),
    ],
)
def test_a_function_asks_for_what_it_is_called(kind: Kind, make: Make) -> None:
    rail = Category(column="rail", values="ach")

    made = make("amount", windows=iter((hours(1), LIFETIME)), where="ok", delay=days(2), by=rail)

    assert made == Aggregate(
        kind=kind, value="amount", windows=(hours(1), LIFETIME), where="ok", delay=days(2), by=rail
    )
    assert make("amount", windows=W) == Aggregate(kind=kind, value="amount", windows=W, where=None)


@pytest.mark.parametrize("make", [count, seconds_since_last, seconds_since_first])
def test_events_may_be_counted_and_timed_without_a_column(make: Make) -> None:
    assert make(windows=W).value is None


def test_an_array_and_a_quantile_have_a_number_of_their_own() -> None:
    assert last_n("amount", n=1, windows=W) == Aggregate(
        kind="last_n", value="amount", windows=W, where=None, n=1
    )
    for q in (0, 0.5, 1):
        made = quantile("amount", q=q, windows=W)
        assert made == Aggregate(kind="quantile", value="amount", windows=W, where=None, q=q)
        assert isinstance(made.q, float)


def test_a_category_may_have_values_in_capitals_and_of_digits() -> None:
    assert Category(column="code", values=("R10", "04", "x" * 62)).values[:2] == ("R10", "04")


@pytest.mark.parametrize("make", [sum_, min_, max_, first, last, partial(last_n, n=3)])
def test_decimals_stay_decimals_only_where_it_is_asked_for(make: Make) -> None:
    assert make("amount", windows=W).exact is False
    assert make("amount", windows=W, exact=True).exact is True


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Category(column="a b", values="x"), "by: column name 'a b' must be letters"),
        (lambda: Category(column="rail", values=()), "by 'rail': name each wanted value once$"),
        (
            lambda: Category(column="rail", values=("ach", "ach")),
            "by 'rail': name each wanted value once$",
        ),
        *(
            (
                lambda value=value: Category(column="rail", values=(value,)),
                f"by 'rail': value '{value}' must be letters, digits and '_', at most 62: it "
                "becomes a part of a feature's name$",
            )
            for value in ("a-b", "", "x" * 63)
        ),
        (lambda: sum_("a b", windows=W), "sum: column name 'a b' must be letters"),
        (
            lambda: Aggregate(kind="mean", value=None, where=None, windows=W),
            "mean needs the column that it measures$",
        ),
        (
            lambda: count(where=" ", windows=W),
            "count: where is empty; leave it out to count every event$",
        ),
        (
            lambda: count(windows=()),
            r"count has no windows: give windows=\(days\(7\),\) or \(LIFETIME,\)$",
        ),
        (lambda: count(windows=(hours(24), days(1))), "count names a window twice$"),
        (lambda: count(windows=W, delay=-days(1)), "count: delay '-1 day, 0:00:00' must not be"),
        (
            lambda: Aggregate(kind="last_n", value="a", where=None, windows=W),
            "last_n: n must be at least 1, not None$",
        ),
        (lambda: last_n("a", n=0, windows=W), "last_n: n must be at least 1, not 0$"),
        (
            lambda: Aggregate(kind="quantile", value="a", where=None, windows=W),
            "quantile: q must be between 0 and 1, not None$",
        ),
        (lambda: quantile("a", q=1.01, windows=W), "quantile: q must be between 0 and 1, not 1.01"),
        (lambda: quantile("a", q=-0.01, windows=W), "quantile: q must be between 0 and 1, not -0"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_remedy(make: Make, said: str) -> None:
    with pytest.raises(DefinitionError, match=f"^{said}"):
        make()
