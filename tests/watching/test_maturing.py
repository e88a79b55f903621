"""How well a model does is said as far as it is known, and no further."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from stockade.definitions.spine import CENSORED, NEGATIVE, PENDING, POSITIVE
from stockade.watching.maturing import Deciding, outcome_measures
from stockade.watching.past import Found

FIRST, DAYS, A_DAY = np.datetime64("2026-01-05"), 90, 100
MATURITY = timedelta(days=20)
LAST = FIRST + np.timedelta64(DAYS - 1, "D")
US = "datetime64[us]"


def decided(*, seed: int, foretold: float = 1.0) -> tuple[pd.DataFrame, np.ndarray]:
    """Decisions with reports after up to twenty days, and which will be reported in the end.

    Probabilities are `foretold` times what is true, but in Brazil, where they are a third of it.
    """
    draw = np.random.default_rng(seed)
    n = DAYS * A_DAY
    at = FIRST.astype(US) + (np.arange(n) * (86_400 // A_DAY) * 1_000_000).astype("timedelta64[us]")
    country = np.where(draw.random(n) < 0.3, "BR", "DE")
    risk = draw.beta(0.5, 8, n) * np.where(country == "BR", 1.5, 1.0)
    positive = draw.random(n) < risk
    known = at + (draw.random(n) * 20 * 86_400e6).astype("timedelta64[us]")
    reported = positive & (known < LAST.astype(US) + np.timedelta64(1, "D"))
    probability = foretold * risk * np.where(country == "BR", 1 / 3, 1.0)
    return pd.DataFrame(
        {
            "decided_at": at, "known_at": pd.Series(known).where(reported),
            "score": probability, "probability": probability,
            "action": np.where(probability > 0.15, "review", "allow"),
            "state": np.where(reported, POSITIVE, np.where(
                at < LAST.astype(US) - np.timedelta64(20, "D"), NEGATIVE, PENDING)),
            "entity": np.arange(n), "slice country": country,
        }
    ), positive  # fmt: skip


def measured(rows: pd.DataFrame, promised: float = 0.0) -> dict[tuple[str, str, str], Found]:
    of = Deciding(name="returns", maturity=MATURITY, capacity=20, passed="allow",
                  promised=(("roc_auc", promised),))  # fmt: skip
    return {(o.measure, o.column, o.slice): o for o in outcome_measures(rows, LAST, of)}


def test_what_is_pending_is_an_estimate_with_an_interval() -> None:
    held = 0
    rows, positive = decided(seed=1)
    day = rows["decided_at"].to_numpy().astype("datetime64[D]")
    found = measured(rows)
    pending = [column for measure, column, _ in found if measure == "positives_expected"]
    for one in pending:
        guess = found["positives_expected", one, ""]
        known = found["positives_known", one, ""]
        assert guess.estimated
        assert not known.estimated
        assert known.value <= guess.low <= guess.value <= guess.high
        held += guess.low <= positive[day == np.datetime64(one)].sum() <= guess.high

    assert len(pending) >= 17
    assert held / len(pending) > 0.75
    # The curve of delays: half are known after ten days of twenty.
    halfway = str(LAST - np.timedelta64(9, "D"))
    assert found["share_known", halfway, ""].value == pytest.approx(0.5, abs=0.1)
    assert not any(o.estimated for o in found.values() if o.measure != "positives_expected")


def test_a_calibration_that_is_off_beyond_chance_is_a_gap() -> None:
    rows, _ = decided(seed=2)
    rows = rows[rows["slice country"] == "DE"]
    good = measured(rows)
    bad = measured(rows.assign(probability=rows["probability"] / 2))

    assert good["calibration_gap", "", ""].value < 0.1
    assert bad["calibration_ratio", "", ""].value == pytest.approx(0.5, abs=0.1)
    assert bad["calibration_gap", "", ""].value > 0.4


def test_slices_are_judged_by_themselves() -> None:
    found = measured(decided(seed=3)[0])

    here, there = (found["calibration_ratio", "", f"country={one}"] for one in ("DE", "BR"))
    assert here.low < 1 < here.high
    assert there.high < 0.6
    assert found["stopped_share", "", "country=BR"].value < (
        found["stopped_share", "", "country=DE"].value
    )
    assert ("false_alarm_share", "", "country=DE") in found


def test_a_metric_below_all_that_was_promised_is_a_gap() -> None:
    rows, _ = decided(seed=4)

    assert measured(rows, promised=0.5)["metric_gap", "roc_auc", ""].value < 0
    assert measured(rows, promised=0.99)["metric_gap", "roc_auc", ""].value > 0


def test_what_was_stopped_before_it_could_be_known_counts_for_nothing() -> None:
    rows, _ = decided(seed=5)
    blocked = rows.assign(state=CENSORED)

    assert measured(blocked) == {}
