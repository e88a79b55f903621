"""A decision is explained down to the events behind each reason."""

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from stockade.champion import Champion
from stockade.engine.contributions import as_number
from stockade.errors import DataError, DefinitionError
from stockade.reporting.explanation import decision_html
from stockade.scoring.decision import ExplainedDecision, explain_decision
from stockade.scoring.predictions import Scoring, write_predictions
from stockade.scoring.recorded import model_of_decision, named_id, recorded_decision
from stockade.store.tables import Tables
from stockade.target import Target
from tests.building.samples import at
from tests.reporting.browser import looked_over
from tests.scoring.samples import INPUTS, SPEC, fill, taught

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def champion() -> Champion:
    return taught()


@pytest.fixture(scope="module")
def held(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    tables = Tables(spark, Target.local(tmp_path_factory.mktemp("decisions")))
    fill(tables)
    return tables


@pytest.fixture(scope="module")
def found(held: Tables, champion: Champion) -> ExplainedDecision:
    return explain_decision(held, champion, {"payment_id": 2}, reasons=len(INPUTS))


def test_each_reason_is_followed_down_to_events(found: ExplainedDecision) -> None:
    reasons = {one.input: one for one in found.reasons}
    values = {one.feature: one for reason in found.reasons for one in reason.values}
    assert {"ratio", "tier", "amount"} <= set(reasons)
    assert found.decided_at == at("2026-03-03")
    tier = values["profile.tier"]
    assert (tier.value, [one.part for one in tier.events if one.part]) == (2, [2])
    mean = values["account_payments.mean_amount_2d"]
    assert (mean.value, sorted(as_number(one.part) or 0 for one in mean.events)) == (20, [5, 15])
    assert mean.misses[0].columns["amount"] == 99.0
    ratio = reasons["ratio"]
    assert ratio.operands == {"amount": 60.0, "mean_amount_2d": 20.0}
    assert (ratio.undivided, [one.feature for one in ratio.values]) == (
        {"amount": 60.0}, ["account_payments.mean_amount_2d"],
    )  # fmt: skip
    assert reasons["amount"].undivided == {"amount": 60.0}
    assert not reasons["amount"].values


def test_the_policy_weighs_the_amount_and_the_price_of_capacity(found: ExplainedDecision) -> None:
    allow, review = found.policy
    p = found.probability
    assert p == pytest.approx(found.score / 2)
    assert found.at_risk == 60.0
    assert (allow.cost, review.cost) == (
        pytest.approx(p * 60), pytest.approx(1.5 + p * 60 * 0.1),
    )  # fmt: skip
    assert (allow.price, review.price) == (0.0, 90.0)
    # It would be reviewed but for the price of capacity; and is explained all the same.
    assert review.cost < allow.cost
    assert (found.action, allow.standing, review.standing) == ("allow", "the least, taken", "")
    assert found.reasons


def test_the_page_shows_what_is_known(found: ExplainedDecision, tmp_path: Path) -> None:
    page = decision_html(found)

    assert "account_payments.mean_amount_2d = 20.0" in page
    assert "it lies on the window" in page
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(re.findall(r' id="([^"]+)"', page))
    assert not re.search(r"(src|href)=\"(?!#)", page)
    path = tmp_path / "decision.html"
    path.write_text(page, encoding="utf-8")
    seen = looked_over(path, tmp_path)
    assert (seen["faults"], seen["console"], seen["violations"]) == ([], [], [])


def test_what_is_on_record_is_compared(
    held: Tables, champion: Champion, found: ExplainedDecision
) -> None:
    assert recorded_decision(held, SPEC, "2") is None
    with pytest.raises(DataError, match=r"no model has scored .*: name the model \(payment_return"):
        model_of_decision(held, [SPEC], "2")
    days = {"since": date(2026, 3, 3), "until": date(2026, 3, 4)}
    both = [Scoring(spec=SPEC, champion=champion, shadow=apart) for apart in (False, True)]
    acted_on, apart = write_predictions(held, both, **days)

    assert apart.table == f"{acted_on.table}_shadow"
    assert sorted(held.read(apart.table).collect()) == sorted(held.read(acted_on.table).collect())
    assert model_of_decision(held, [SPEC], "2") is SPEC
    on_record = recorded_decision(held, SPEC, "2", day=date(2026, 3, 3))
    assert on_record is not None
    assert (on_record.version, on_record.action) == (3, found.action)
    assert replace(found, recorded=on_record).as_recorded
    now = replace(found, recorded=replace(on_record, score=0.25))
    assert now.standing.startswith("on record its score is 0.2500")


def test_an_id_that_does_not_name_one_decision_is_refused(held: Tables, champion: Champion) -> None:
    with pytest.raises(DataError, match="has 0 decisions of that id"):
        explain_decision(held, champion, {"payment_id": 7})
    with pytest.raises(DefinitionError, match="are named by payment_id: give each as"):
        named_id(SPEC, {"payment": 2})
