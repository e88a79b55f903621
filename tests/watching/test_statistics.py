"""Distances between counts, what chance alone does, and what a series should be."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stockade.watching.drift import compared
from stockade.watching.tally import Shape, added, bin_floor, counts, number_bins, tally
from stockade.watching.thresholds import LEAST_DAYS, excess, expected, limit

MONDAY = np.datetime64("2026-03-02")
COUNTS = st.dictionaries(
    st.sampled_from(["=a", "=b", "=c", "null"]), st.integers(1, 10_000), min_size=1
)


def test_equal_distributions_lie_nowhere_from_each_other() -> None:
    same = compared({"=a": 30, "=b": 70}, {"=a": 30, "=b": 70})

    assert (same.psi, same.jensen_shannon, same.kolmogorov_smirnov) == (0, 0, 0)


def test_the_index_is_the_textbooks() -> None:
    found = compared({"=a": 200_000, "=b": 800_000}, {"=a": 500_000, "=b": 500_000})

    wanted = (0.2 - 0.5) * np.log(0.2 / 0.5) + (0.8 - 0.5) * np.log(0.8 / 0.5)
    assert found.psi == pytest.approx(wanted, rel=1e-4)
    assert found.kolmogorov_smirnov == pytest.approx(0.3, rel=1e-4)


@given(today=COUNTS, before=COUNTS)
def test_distances_are_never_negative_and_the_metric_ends_at_one(
    today: dict[str, int], before: dict[str, int]
) -> None:
    found = compared(today, before)

    assert found.psi >= 0
    assert 0 <= found.jensen_shannon <= 1
    assert found.today.sum() == pytest.approx(1)


def test_chance_alone_rarely_exceeds_the_noise() -> None:
    draw = np.random.default_rng(1)
    shares = np.array([0.5, 0.3, 0.15, 0.05])
    over = 0
    for _ in range(500):
        sides = [
            dict(zip("abcd", map(float, draw.multinomial(n, shares)), strict=True))
            for n in (2_000, 10_000)
        ]
        found = compared(*sides)
        over += found.psi > found.noise(0.05)

    assert 10 <= over <= 45  # 25 are expected


def test_bins_of_size_keep_order_and_sign() -> None:
    values = np.array([-100.0, -1.0, 0.0, 0.01, 1.0, 100.0, 1e30])
    bins = number_bins(values)

    assert list(bins) == sorted(bins)
    assert bin_floor(int(bins[2])) == 0.0
    for value, code in zip(values, bins, strict=True):
        assert abs(bin_floor(int(code))) <= abs(value) * (1 + 1e-9)


def test_tallies_of_parts_add_up_to_that_of_the_whole() -> None:
    rows = pa.table(
        {
            "on_day": pa.array([date(2026, 3, 1)] * 3 + [date(2026, 3, 2)]),
            "amount": pa.array([1.0, None, float("nan"), 1.0]),
            "country": ["DE", "FR", None, "DE"],
        }
    )
    shape = Shape(numbers=("amount",), texts=("country",), slices=("country",))
    whole = tally(rows, shape).to_pandas()
    parts = added(tally(rows[:2], shape).to_pandas(), tally(rows[2:], shape).to_pandas())

    columns = ["on_day", "column", "slice", "bin"]
    assert whole.sort_values(columns).to_numpy().tolist() == (
        parts.sort_values(columns).to_numpy().tolist()
    )
    amounts = whole[(whole["column"] == "amount") & (whole["slice"] == "")]
    assert counts(amounts) == {str(number_bins(np.array([1.0]))[0]): 2, "null": 2}


def test_a_weekday_is_compared_with_its_own_kind() -> None:
    days = MONDAY + np.arange(56)
    weekend = (np.arange(56) % 7) >= 5
    values = np.where(weekend, 50.0, 100.0)

    monday = expected(days, values, on=MONDAY + np.timedelta64(56, "D"))
    saturday = expected(days, values, on=MONDAY + np.timedelta64(61, "D"))

    assert monday is not None
    assert saturday is not None
    assert (monday.value, saturday.value) == (100.0, 50.0)


def test_nothing_is_said_of_a_young_series() -> None:
    days = MONDAY + np.arange(LEAST_DAYS - 1)

    assert expected(days, np.ones(LEAST_DAYS - 1), on=days[-1] + np.timedelta64(1, "D")) is None


def test_more_series_are_given_wider_limits() -> None:
    assert limit(0.5, series=10) < limit(0.5, series=1_000)


@pytest.mark.parametrize(
    ("way", "value", "off"), [("up", 3, 2), ("up", 0, 0), ("down", 0, 1), ("both", 0, 1)]
)
def test_only_the_direction_that_matters_counts(way: str, value: float, off: float) -> None:
    assert excess(value, 1.0, way) == off
