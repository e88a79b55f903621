"""What a threshold or a capacity would have brought, held against sums done by hand."""

from datetime import datetime

import numpy as np
import pandas as pd
import pytest

from stockade import Action, Policy
from stockade.analysis import what_if
from stockade.decisions import fit_rule
from stockade.errors import DataError, DefinitionError

POLICY = Policy(
    loss="amount",
    actions=(
        Action(name="approve"),
        Action(name="review", cost=5.0, prevented=0.9, friction=1.0, capped=True),
        Action(name="decline", prevented=1.0, friction=50.0),
    ),
)
FIRST, SECOND = datetime(2026, 3, 1, 9), datetime(2026, 3, 2, 9)  # noqa: DTZ001 -- UTC, as given


def six() -> pd.DataFrame:
    return pd.DataFrame(
        [
            (FIRST, 0.9, 100.0, True, "ann"),
            (FIRST, 0.8, 10.0, False, "ann"),  # the same entity, the same day: one alert
            (FIRST, 0.1, 50.0, True, "bob"),
            (SECOND, 0.7, 20.0, None, "cid"),  # stopped: nobody knows
            (SECOND, 0.6, None, False, "dee"),
            (SECOND, 0.2, 30.0, False, "eve"),
        ],
        columns=["decided_at", "probability", "loss", "label", "entity"],
    )


def test_a_threshold_is_counted_as_by_hand() -> None:
    (line,) = what_if(six(), POLICY, thresholds=[0.5]).table.to_dict("records")

    assert line["alerts_a_day"] == 3 / 2
    assert line["known"] == pytest.approx(3 / 4)
    assert line["precision"] == pytest.approx(1 / 3)
    assert line["recall"] == pytest.approx(1 / 2)
    assert line["at_risk"] == 150
    assert line["prevented"] == pytest.approx(0.9 * 100)
    assert line["cost"] == 4 * 5
    assert line["friction"] == 2 * 1
    assert line["net"] == pytest.approx(90 - 20 - 2)
    assert line["recall_low"] <= line["recall"] <= line["recall_high"]


def test_a_threshold_that_nothing_reaches_brings_nothing_and_says_so() -> None:
    (line,) = what_if(six(), POLICY, thresholds=[0.95]).table.to_dict("records")

    assert line["alerts_a_day"] == line["net"] == line["recall"] == 0
    assert np.isnan(line["precision"])
    assert np.isnan(line["known"])


def many(seed: int = 0, rows: int = 6_000) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    probability = draw.beta(0.3, 6, rows)
    days = pd.to_datetime("2026-03-01") + pd.to_timedelta(draw.integers(0, 30, rows), unit="D")
    return pd.DataFrame(
        {
            "decided_at": days, "probability": probability, "loss": draw.lognormal(5, 1, rows),
            "label": draw.random(rows) < probability, "entity": np.arange(rows),
        }
    )  # fmt: skip


def test_more_capacity_finds_more_and_its_reviews_fit_into_it() -> None:
    rows = many()
    found = what_if(rows, POLICY, capacities=[5, 20, 80]).table

    assert found["recall"].is_monotonic_increasing
    assert found["net"].is_monotonic_increasing
    for line in found.itertuples():
        rule = fit_rule(
            POLICY, rows["probability"].to_numpy(), rows["loss"].to_numpy(),
            days=rows["decided_at"].to_numpy().astype("datetime64[D]"),
            entities=rows["entity"].to_numpy(), capacity=line.capacity,
        )  # fmt: skip
        due = rule.due(rows["probability"].to_numpy(), rows["loss"].to_numpy())
        assert (due == 1).sum() / 30 <= line.capacity
        assert line.alerts_a_day == pytest.approx((due > 0).sum() / 30)


def test_intervals_hold_the_truth_about_nine_times_of_ten() -> None:
    # Of all decisions of this kind, the share of those at 0.3 or above that turn out positive.
    draw = np.random.default_rng(9).beta(0.3, 6, 2_000_000)
    truth = draw[draw >= 0.3].mean()
    held = []
    for seed in range(60):
        (line,) = what_if(many(seed), POLICY, thresholds=[0.3]).table.to_dict("records")
        held.append(line["precision_low"] <= truth <= line["precision_high"])

    assert 0.78 <= np.mean(held) <= 0.99


def test_what_makes_no_sense_is_refused() -> None:
    free = Policy(loss="amount", actions=(Action(name="approve"), Action(name="hold", cost=1.0)))

    with pytest.raises(DefinitionError, match="thresholds or capacities, one of the two"):
        what_if(six(), POLICY, thresholds=[0.5], capacities=[3])
    with pytest.raises(DefinitionError, match="no action of the policy is capped: try thresholds"):
        what_if(six(), free, capacities=[3])
    with pytest.raises(DataError, match="each with a probability"):
        what_if(six().assign(probability=np.nan), POLICY, thresholds=[0.5])
