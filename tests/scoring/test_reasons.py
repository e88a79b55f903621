"""A score's reasons in words."""

import numpy as np
import pytest

from stockade.scoring.reasons import Wording

WORDS = Wording(
    inputs=("amount", "logins", "returns"),
    meanings={"amount": "the amount in dollars."},
    population={"amount": np.arange(1.0, 100.0), "logins": np.zeros(99)},
    categories={},
)


def texts(rows: list[list[float]], contributions: list[list[float]], count: int) -> list[list[str]]:
    whole = {"asked": np.arange(len(rows)), "of": len(rows)}
    found = WORDS.reasons(np.array(rows, np.float32), np.array(contributions), count, **whole)
    return [[reason["text"] for reason in row or []] for row in found.to_pylist()]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (250.0, "250, more than in 99 % of decisions"),
        (98.5, "98.5, more than in 98 % of decisions"),
        (1.0, "1, less than in 98 % of decisions"),
        (0.5, "0.5, less than in 99 % of decisions"),
        (50.0, "50, which is common"),
        (np.nan, "not known"),
        (1234567.8, "1,234,568, more than in 99 % of decisions"),
    ],
)
def test_a_value_is_told_with_how_usual_it_is(value: float, words: str) -> None:
    assert texts([[value, 0, 0]], [[1, 0, 0]], 1) == [[f"the amount in dollars: {words}"]]


def test_what_lowers_a_score_is_no_reason_and_the_weightiest_is_first() -> None:
    assert texts([[1, 0, 5], [2, 0, 5]], [[0.5, -1, 2], [-1, -1, -1]], 3) == [
        ["returns: 5", "the amount in dollars: 1, less than in 98 % of decisions"],
        [],
    ]


def test_a_constant_is_common_and_no_rows_have_no_reasons() -> None:
    assert texts([[1, 0, 5]], [[0, 1, 0]], 3) == [["logins: 0, which is common"]]
    empty = WORDS.reasons(
        np.empty((0, 3), np.float32), np.empty((0, 3)), 2, asked=np.arange(0), of=0
    )
    assert len(empty) == 0


def test_rows_that_were_not_asked_about_have_none() -> None:
    found = WORDS.reasons(
        np.array([[50, 0, 0], [250, 0, 0]], np.float32), np.array([[1.0, 0, 0], [2.0, 0, 0]]), 1,
        asked=np.array([1, 3]), of=5,
    )  # fmt: skip

    assert [len(row) for row in found.to_pylist()] == [0, 1, 0, 1, 0]
    assert [row[0]["contribution"] for row in found.to_pylist() if row] == [1.0, 2.0]
