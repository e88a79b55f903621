"""Which rows are learnt from, and which judge."""

from datetime import timedelta

import numpy as np
import pytest

from stockade.errors import DataError
from stockade.learning.split import time_split

DAY = np.timedelta64(1, "D")


def noons(count: int) -> np.ndarray:
    return (np.datetime64("2026-03-01T12:00:00", "us") + np.arange(count) * DAY).astype(
        "datetime64[us]"
    )


def alternating(count: int) -> np.ndarray:
    return np.arange(count) % 2 == 0


def test_validation_is_the_last_whole_days_and_the_gap_is_in_neither_side() -> None:
    split = time_split(
        noons(10), alternating(10), validation=timedelta(days=3), gap=timedelta(days=2)
    )

    assert split.validation.tolist() == [7, 8, 9]
    assert split.train.tolist() == [0, 1, 2, 3, 4]


def test_a_decision_exactly_one_gap_before_validation_is_not_learnt_from() -> None:
    midnights = noons(10).astype("datetime64[D]").astype("datetime64[us]")

    split = time_split(
        midnights, alternating(10), validation=timedelta(days=3), gap=timedelta(days=2)
    )

    assert split.train.tolist() == [0, 1, 2, 3, 4]
    assert midnights[5] == midnights[7] - 2 * DAY


def test_sides_are_in_order_of_time_whatever_the_order_of_rows() -> None:
    shuffled = np.array([3, 0, 5, 1, 4, 2])

    split = time_split(
        noons(6)[shuffled], shuffled % 2 == 0, validation=timedelta(days=2), gap=timedelta(0)
    )

    assert shuffled[split.train].tolist() == [0, 1, 2, 3]
    assert shuffled[split.validation].tolist() == [4, 5]


def test_an_empty_side_says_how_many_rows_and_what_to_change() -> None:
    with pytest.raises(DataError, match=r"training side has 0 rows.*shorten the validation period "
                       r"\(9 days\).*gap is 2 days"):  # fmt: skip
        time_split(noons(10), alternating(10), validation=timedelta(days=9), gap=timedelta(days=2))


def test_a_side_of_one_class_says_how_many_positives() -> None:
    labels = np.array([True, False] * 3 + [False] * 4)

    with pytest.raises(DataError, match="validation side has 3 rows, 0 of them positive"):
        time_split(noons(10), labels, validation=timedelta(days=3), gap=timedelta(0))


def test_both_sides_at_fault_are_told_together() -> None:
    with pytest.raises(ExceptionGroup) as refused:
        time_split(noons(4), np.ones(4, bool), validation=timedelta(days=2), gap=timedelta(0))

    assert len(refused.value.exceptions) == 2


def test_no_rows_at_all_is_an_error() -> None:
    with pytest.raises(DataError, match="there are no rows"):
        time_split(noons(0), alternating(0), validation=timedelta(days=1), gap=timedelta(0))
