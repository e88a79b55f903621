"""Which rows are learnt from, and which judge."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stockade.errors import DataError
from stockade.learning.data import LearningData, from_arrays
from stockade.learning.split import Periods, walk_forward

DAY = np.timedelta64(1, "D")
NOON = np.datetime64("2026-03-01T12:00:00", "us")


def rows(moments: np.ndarray, labels: np.ndarray | None = None) -> LearningData:
    turns = np.arange(len(moments)) % 2 == 0 if labels is None else labels
    return from_arrays(np.zeros((len(moments), 1)), turns, moments, inputs=["x"])


def noons(count: int) -> np.ndarray:
    return NOON + np.arange(count) * DAY


def walk(
    data: LearningData, *, validation: int = 3, folds: int = 1, test: int = 2, gap: int = 2
) -> Periods:
    return walk_forward(
        data,
        validation=timedelta(days=validation),
        folds=folds,
        test=timedelta(days=test),
        gap=timedelta(days=gap),
    )


def test_each_period_is_of_whole_days_and_each_gap_is_in_neither_side() -> None:
    periods = walk(rows(noons(16)), folds=2)

    assert periods.test.validation == slice(14, 16)
    # The labels of days 12 and 13 are not known yet when the test period begins.
    assert periods.test.train == slice(0, 12)
    assert [fold.validation for fold in periods.folds] == [slice(6, 9), slice(9, 12)]
    assert [fold.train for fold in periods.folds] == [slice(0, 4), slice(0, 7)]


def test_a_decision_exactly_one_gap_before_a_period_is_not_learnt_from() -> None:
    midnights = noons(14).astype("datetime64[D]").astype("datetime64[us]")

    periods = walk(rows(midnights))

    assert periods.folds[0].validation.start == 7
    assert midnights[5] == midnights[7] - 2 * DAY
    assert periods.folds[0].train == slice(0, 5)


@settings(max_examples=100, deadline=None)
@given(
    hours=st.lists(st.integers(0, 40 * 24), min_size=200, max_size=300),
    validation=st.integers(1, 5), folds=st.integers(1, 4), test=st.integers(1, 5),
    gap=st.integers(0, 60),
)  # fmt: skip
def test_nothing_is_learnt_or_chosen_by_that_was_not_known(
    hours: list[int], validation: int, folds: int, test: int, gap: int
) -> None:
    moments = np.sort(NOON + np.array(hours) * np.timedelta64(1, "h"))
    data = rows(moments)
    try:
        periods = walk_forward(
            data, validation=timedelta(days=validation), folds=folds,
            test=timedelta(days=test), gap=timedelta(hours=gap),
        )  # fmt: skip
    except (DataError, ExceptionGroup):
        return

    maturity = np.timedelta64(gap, "h")
    for one in (*periods.folds, periods.test):
        begins = moments[one.validation.start].astype("datetime64[D]")
        assert moments[one.train.stop - 1] + maturity < begins
    begins = moments[periods.test.validation.start].astype("datetime64[D]")
    assert moments[periods.folds[-1].validation.stop - 1] + maturity < begins
    for early, late in zip(periods.folds, periods.folds[1:], strict=False):
        assert early.validation.stop == late.validation.start


def test_an_empty_side_says_how_many_rows_and_what_to_change() -> None:
    with pytest.raises(DataError, match=r"training side of fold 1 of 1 has 0 rows.*longer period.*"
                       r"1 x 9 days of validation.*gap of 2 days"):  # fmt: skip
        walk(rows(noons(13)), validation=9)


def test_a_side_of_one_class_says_how_many_positives() -> None:
    labels = np.array([True, False] * 6 + [False] * 2)

    with pytest.raises(DataError, match="test side has 2 rows, 0 of them positive"):
        walk(rows(noons(14), labels))


def test_all_sides_at_fault_are_told_together() -> None:
    with pytest.raises(ExceptionGroup) as refused:
        walk(rows(noons(14), np.ones(14, bool)))

    assert len(refused.value.exceptions) == 4


def test_no_rows_at_all_is_an_error() -> None:
    with pytest.raises(DataError, match="there are no rows"):
        walk(rows(noons(0)))
