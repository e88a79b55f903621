"""Metrics against hand computation and against the Fraud Detection Handbook's own loop."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from stockade.errors import DataError
from stockade.learning.evaluate import areas, evaluate, found_per_day

DAY_ONE = np.datetime64("2026-03-01T08:00:00", "us")
DAY_THREE = np.datetime64("2026-03-03T08:00:00", "us")


def card_precision(rows: pd.DataFrame, k: int) -> float:
    """The handbook's, as published: a loop over days."""
    found: set[int] = set()
    daily: list[float] = []
    for _, day in rows.groupby("day"):
        left = day[~day.entity.isin(found)]
        by = left.groupby("entity").agg(score=("score", "max"), label=("label", "max"))
        top = by.sort_values("score", ascending=False, kind="stable").head(k)
        hit = top.index[top.label]
        daily.append(len(hit) / k)
        found |= set(hit)
    return float(np.mean(daily))


def test_average_precision_and_auc_by_hand() -> None:
    labels = np.array([True, False, True, False])
    scores = np.array([0.9, 0.8, 0.7, 0.1])

    got = evaluate(labels, scores, np.repeat(DAY_ONE, 4), capacity=2)

    # Positives are first and third: (1/1 + 2/3) / 2; of four pairs one is in the wrong order.
    assert got.average_precision == pytest.approx(5 / 6)
    assert got.roc_auc == pytest.approx(3 / 4)
    assert (got.precision_at_capacity, got.recall_at_capacity) == (0.5, 0.5)


def test_areas_are_scikit_learns_to_the_bit() -> None:
    random = np.random.default_rng(3)
    for rows in (2, 3, 50, 2000):
        for scores in (random.random(rows), np.round(random.random(rows), 1), np.zeros(rows)):
            labels = np.r_[True, False, random.random(rows - 2) < 0.2]
            for weights in (None, random.random(rows) + 0.1, random.poisson(1.0, rows) + 1.0):
                got = areas(labels, scores, weights)

                assert got == (
                    average_precision_score(labels, scores, sample_weight=weights),
                    roc_auc_score(labels, scores, sample_weight=weights),
                )


def test_an_entity_is_reviewed_once_a_day_by_its_highest_score() -> None:
    labels = np.array([False, True, False, True])
    scores = np.array([0.9, 0.2, 0.8, 0.1])
    entities = np.array([0, 0, 1, 2])

    got = evaluate(labels, scores, np.repeat(DAY_ONE, 4), entities=entities, capacity=2)

    assert got.found_entities == 1  # entity 0, found through its negative row's score
    assert (got.precision_at_capacity, got.recall_at_capacity) == (0.5, 0.5)


def test_an_entity_that_was_found_leaves_room_for_the_next() -> None:
    labels = np.array([True, False, True, True])
    scores = np.array([0.9, 0.1, 0.9, 0.5])
    entities = np.array([0, 1, 0, 2])
    decided_at = np.array([DAY_ONE, DAY_ONE, DAY_THREE, DAY_THREE])

    got = evaluate(labels, scores, decided_at, entities=entities, capacity=1)

    assert got.found_entities == 2
    assert got.recall_at_capacity == 1.0


def test_a_day_without_rows_does_not_count() -> None:
    labels = np.array([True, False, True, False])
    scores = np.array([0.9, 0.1, 0.9, 0.1])
    decided_at = np.array([DAY_ONE, DAY_ONE, DAY_THREE, DAY_THREE])

    got = evaluate(labels, scores, decided_at, capacity=1)

    assert (got.days, got.precision_at_capacity) == (2, 1.0)


def test_capacity_beyond_the_days_entities_still_divides_by_capacity() -> None:
    labels = np.array([True, False])

    got = evaluate(labels, np.array([0.9, 0.1]), np.repeat(DAY_ONE, 2), capacity=10)

    assert got.precision_at_capacity == pytest.approx(0.1)


def test_equal_scores_are_reviewed_in_the_order_of_entities() -> None:
    labels = np.array([True, False, False])
    entities = np.array([2, 0, 1])

    got = evaluate(labels, np.full(3, 0.5), np.repeat(DAY_ONE, 3), entities=entities, capacity=2)

    assert got.found_entities == 0


@pytest.mark.parametrize("seed", range(30))
def test_precision_at_capacity_is_the_handbooks_card_precision(seed: int) -> None:
    random = np.random.default_rng(seed)
    rows = int(random.integers(5, 400))
    labels = random.random(rows) < random.uniform(0.05, 0.5)
    labels[:2] = [True, False]
    # Few distinct scores: ties are the rule. Few days of many: some have no rows.
    scores = random.integers(0, random.integers(2, 40), rows) / 8
    entities = random.integers(0, random.integers(2, 60), rows)
    seconds = random.integers(0, 9 * 86_400, rows).astype("timedelta64[s]")
    decided_at = (DAY_ONE + seconds).astype("datetime64[us]")
    k = int(random.integers(1, 8))
    frame = pd.DataFrame({"entity": entities, "score": scores, "label": labels})
    frame["day"] = decided_at.astype("datetime64[D]").astype("datetime64[s]")

    got = evaluate(labels, scores, decided_at, entities=entities, capacity=k)

    assert got.precision_at_capacity == pytest.approx(card_precision(frame, k), abs=1e-15)
    assert got.positive_entities == len(set(entities[labels]))


def test_a_score_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(DataError, match="1 of 2 scores are not finite"):
        evaluate(np.array([True, False]), np.array([np.nan, 1]), np.repeat(DAY_ONE, 2), capacity=1)


def test_one_class_is_refused_with_counts() -> None:
    with pytest.raises(DataError, match="2 of 2 rows are positive"):
        evaluate(np.array([True, True]), np.array([0.1, 1]), np.repeat(DAY_ONE, 2), capacity=1)


def test_of_an_entity_that_is_found_that_days_amounts_count_once() -> None:
    day = np.array(["2026-01-01"] * 4 + ["2026-01-02"] * 2, "datetime64[us]")
    labels = np.array([True, True, False, True, True, True])
    amounts = np.array([100.0, 20.0, 7.0, np.nan, 500.0, 60.0])
    scores = np.array([0.9, 0.1, 0.8, 0.7, 0.9, 0.5])
    codes = np.array([1, 1, 2, 3, 1, 4])

    found = found_per_day(labels, scores, day, codes=codes, capacity=1, amounts=amounts)

    # The first day entity 1 with both of its frauds; the second it is not reviewed again.
    assert found.tolist() == [120.0, 60.0]
