"""Intervals that hold, slices that add up, and money."""

import numpy as np
import pytest

from stockade import Action, Policy
from stockade.decisions import DecisionRule
from stockade.learning.data import LearningData, from_arrays
from stockade.learning.quality import by_slice, intervals, outcomes
from tests.learning.samples import training_data

DAY = np.timedelta64(86_400, "s")


def grouped(entities: int, seed: int) -> tuple[LearningData, np.ndarray]:
    """Ten rows of each entity, which share one label and one score."""
    random = np.random.default_rng(seed)
    entity = np.repeat(np.arange(entities), 10)
    label = random.random(entities) < 0.2
    score = label + random.normal(0, 1.0, entities)
    times = np.datetime64("2026-03-01", "us") + random.integers(0, 30, entity.size) * DAY
    data = from_arrays(score[entity][:, None], label[entity], times, inputs=["x"], entities=entity)
    return data, data.rows[:, 0].astype(np.float64)


@pytest.mark.slow
def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    from sklearn.metrics import roc_auc_score

    big, scores = grouped(40_000, seed=99)
    truth = roc_auc_score(big.labels, scores)

    held = 0
    for seed in range(40):
        found = intervals(*grouped(150, seed), capacity=5, seed=seed)["roc_auc"]
        held += found.low <= truth <= found.high

    # 36 of 40 expected; rows drawn one by one would hold it in about 15.
    assert held >= 30


def test_slices_add_up_to_the_whole() -> None:
    data = training_data()
    kind = np.where(data.rows[:, 3] > 0, "new", "old").astype("U64")
    sliced = LearningData(
        inputs=data.inputs, rows=data.rows, labels=data.labels, decided_at=data.decided_at,
        entities=data.entities, slices={"kind": kind},
    )  # fmt: skip
    probabilities = np.full(len(data), 0.25)
    flagged = data.rows[:, 0] > 20

    whole, *parts = by_slice(sliced, data.rows[:, 0], probabilities, flagged)

    assert [(part.column, part.value) for part in parts] == [("kind", "new"), ("kind", "old")]
    assert sum(part.rows for part in parts) == whole.rows == len(data)
    assert sum(part.positives for part in parts) == whole.positives == data.positives
    assert sum(part.flagged * part.rows for part in parts) == pytest.approx(flagged.sum())
    assert whole.expected == 0.25
    assert whole.observed == pytest.approx(data.positives / len(data))


def test_money_by_hand() -> None:
    policy = Policy(
        loss="amount",
        actions=(
            Action(name="allow"),
            Action(name="review", cost=5, prevented=0.5, friction=1),
        ),
    )
    rule = DecisionRule(policy=policy, mean_loss=100.0, price=0, explored=0)
    data = from_arrays(
        np.zeros((4, 1)), np.array([True, True, False, True]),
        np.datetime64("2026-03-01", "us") + np.arange(4) * DAY, inputs=["x"],
    )  # fmt: skip
    priced = LearningData(
        inputs=data.inputs, rows=data.rows, labels=data.labels, decided_at=data.decided_at,
        entities=data.entities, losses=np.array([10.0, 20.0, 30.0, np.nan]),
    )  # fmt: skip

    allow, review = outcomes(priced, rule, np.array([0, 1, 1, 1]))

    assert (allow.decisions, allow.at_risk, allow.prevented, allow.net) == (1, 10, 0, 0)
    assert (review.decisions, review.positives, review.at_risk) == (3, 2, 120)
    assert (review.prevented, review.cost, review.friction) == (60, 15, 1)
    assert review.net == 44
