"""Young decisions: how much of their label is known, and models that learn from them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from stockade.definitions.spine import CENSORED
from stockade.errors import DataError, DefinitionError
from stockade.learning.data import Columns, learning_data
from stockade.learning.evaluate import evaluate
from stockade.learning.models import fit_spec
from stockade.learning.recent import (
    censored_data,
    completion,
    fit_as_negatives,
    fit_with_young,
    young_data,
)
from stockade.learning.train import train
from stockade.learning.tune import Running
from tests.learning.samples import (
    PINNED,
    SPEC,
    destination,
    spec_with,
    training_table,
)

DAY = 86_400_000_000
AT = datetime(2026, 3, 31, tzinfo=UTC)
MATURITY = timedelta(days=20)
COLUMNS = Columns(
    inputs=("x",), label="bad", decided_at="at", state="bad__state", known_at="bad__known_at"
)
PLAIN = spec_with(fixed={"n_estimators": 30}, negatives=1.0)
PARAMS = {"n_estimators": 30, "max_depth": 2}


def slowly_reported(rows: int = 30_000, *, seed: int = 0) -> pa.Table:
    """Thirty days of decisions whose reports take a week on average, twenty days at most."""
    random = np.random.default_rng(seed)
    x = random.normal(size=rows)
    bad = random.random(rows) < 1 / (1 + np.exp(3 - 1.5 * x))
    age = random.integers(0, 30 * DAY, rows)
    delay = np.minimum(random.gamma(2.0, 3.5, rows), 20) * DAY
    at = np.datetime64(AT.replace(tzinfo=None), "us") - age.astype("timedelta64[us]")
    known = at + np.where(bad, delay, 20 * DAY).astype(np.int64).astype("timedelta64[us]")
    zoned = pa.timestamp("us", tz="UTC")
    return pa.table(
        {
            "x": pa.array(x),
            "bad": pa.array(bad),
            "at": pa.array(at).cast(zoned),
            "bad__state": pa.array(np.where(bad, "positive", "negative")),
            "bad__known_at": pa.array(known).cast(zoned),
        }
    )


def test_the_curve_is_the_product_limit_by_definition() -> None:
    random = np.random.default_rng(1)
    age = random.integers(1, 40, 400)
    delay = random.integers(0, 40, 400)
    seen = delay <= age
    delay, age = delay[seen], age[seen]

    found = completion(delay, age)

    for k in range(len(found.delays)):
        share = 1.0
        for later in found.delays[k + 1 :]:
            at_risk = ((delay <= later) & (later <= age)).sum()
            share *= 1 - (delay == later).sum() / at_risk
        assert found.shares[k] == pytest.approx(share, rel=1e-12)


def test_the_curve_is_right_where_counting_the_reports_is_not() -> None:
    random = np.random.default_rng(2)
    age = random.uniform(0, 30, 40_000)
    delay = np.minimum(random.gamma(2.0, 3.5, 40_000), 20)
    seen = delay <= age
    curve = completion((delay[seen] * DAY).astype(np.int64), (age[seen] * DAY).astype(np.int64))

    days = np.array([1, 3, 7, 14])
    truth = np.array([(delay <= day).mean() for day in days])
    counted = np.array([(delay[seen] <= day).mean() for day in days])

    found = curve.share(days * DAY, maturity=MATURITY)
    np.testing.assert_allclose(found, truth, atol=0.01)
    assert np.abs(counted - truth).max() > 0.05
    assert curve.share(np.array([20 * DAY]), maturity=MATURITY)[0] == 1.0
    assert completion(np.zeros(0, np.int64), np.zeros(0, np.int64)).share(
        np.array([DAY]), maturity=MATURITY
    ) == [1.0]


def test_a_young_days_positives_are_foretold_with_an_honest_interval() -> None:
    inside = days = 0
    for seed in range(12):
        table = slowly_reported(12_000, seed=seed)
        young = young_data(table, COLUMNS, at=AT, maturity=MATURITY)
        assert young is not None
        day = table.column("at").to_numpy().astype("datetime64[D]").astype(str)
        bad = table.column("bad").to_numpy()
        for cohort in young.cohorts()[1:]:
            if cohort.expected is None or cohort.low is None or cohort.high is None:
                assert cohort.share < 0.05
                continue
            days += 1
            inside += bool(cohort.low <= bad[day == cohort.day].sum() <= cohort.high)
    assert days > 150
    assert 0.84 < inside / days < 0.96


def test_nothing_that_became_known_later_is_used() -> None:
    table = slowly_reported(4_000)
    at = AT - timedelta(days=8)
    moment = np.datetime64(at.replace(tzinfo=None), "us")
    later = table.column("bad__known_at").to_numpy() > moment
    index = table.column_names.index("bad")
    other = table.set_column(index, "bad", pa.array(table.column("bad").to_numpy() & ~later))

    one, two = (young_data(each, COLUMNS, at=at, maturity=MATURITY) for each in (table, other))

    assert one is not None
    assert two is not None
    assert (one.rows.decided_at < moment).all()
    np.testing.assert_array_equal(one.rows.labels, two.rows.labels)
    np.testing.assert_array_equal(one.share, two.share)


def test_models_that_count_young_reports_say_the_right_number_and_naive_ones_do_not() -> None:
    table = slowly_reported()
    young = young_data(table, COLUMNS, at=AT, maturity=MATURITY)
    known = learning_data(table, COLUMNS, maturity=MATURITY, built_at=AT)
    assert young is not None
    x = np.random.default_rng(9).normal(size=(20_000, 1)).astype(np.float32)
    truth = float((1 / (1 + np.exp(3 - 1.5 * x))).mean())

    complete, importance = (
        fit_with_young(PLAIN, PARAMS, "xgboost", known, young, how=how).predict(x).mean()
        for how in ("complete", "importance")
    )
    naive = fit_as_negatives(PLAIN, PARAMS, "xgboost", known, young.rows).predict(x).mean()

    assert complete == pytest.approx(truth, rel=0.06)
    assert importance == pytest.approx(truth, rel=0.06)
    assert naive < 0.8 * truth
    dropped = fit_with_young(PLAIN, PARAMS, "xgboost", known, young, how="drop")
    np.testing.assert_array_equal(
        dropped.predict(x), fit_spec(PLAIN, PARAMS, "xgboost", known).predict(x)
    )


@pytest.mark.slow
def test_a_study_says_what_decisions_without_a_label_would_have_changed(tmp_path: Path) -> None:
    table = training_table()
    states = np.array(table.column("returned__state").to_pylist(), object)
    cut = np.random.default_rng(4).random(len(states)) < 0.1
    labels = pa.array(table.column("returned").to_pylist(), mask=cut)
    table = table.set_column(table.column_names.index("returned"), "returned", labels)
    table = table.set_column(
        table.column_names.index("returned__state"), "returned__state",
        pa.array(np.where(cut, CENSORED, states).tolist()),
    )  # fmt: skip
    built = replace(PINNED, built_at=datetime(2026, 3, 21, tzinfo=UTC))

    found = train(
        replace(SPEC, recent="complete"), table, pinned=built,
        destination=destination(tmp_path), running=Running(runner="serial"), trials=1,
    ).judgement  # fmt: skip

    by_name = {one.name: one for one in found.unlabelled}
    assert list(by_name) == [
        "young: dropped",
        "young: weighted by the completion curve",
        "young: weighted by importance",
        "young: taken for honest where nothing is reported",
        "censored: taken for honest",
        "censored: judged as if all were honest",
        "censored: judged as if all were fraud",
    ]
    # The one that the definition asks for is the one that was judged.
    asked = by_name["young: weighted by the completion curve"].evaluation
    assert asked.average_precision == found.evaluation.average_precision
    low, high = (by_name[f"censored: judged as if all were {kind}"] for kind in ("honest", "fraud"))
    assert low.evaluation.rows == high.evaluation.rows == found.evaluation.rows + low.rows
    assert high.evaluation.positives == found.evaluation.positives + high.rows
    assert [cohort.day for cohort in found.cohorts] == ["2026-03-19", "2026-03-20"]
    assert sum(cohort.reported for cohort in found.cohorts) > 0


def test_propensities_give_back_what_blocking_took_away() -> None:
    table = slowly_reported()
    x, bad = (table.column(name).to_numpy() for name in ("x", "bad"))
    passed = np.where(x > 1, 0.1, 1.0)
    seen = np.random.default_rng(5).random(len(x)) < passed
    table = table.append_column("passed", pa.array(passed)).filter(pa.array(seen))

    data = learning_data(table, replace(COLUMNS, propensity="passed"))

    assert data.weights is not None
    share = float(np.average(data.labels, weights=data.weights))
    assert share == pytest.approx(bad.mean(), rel=0.06)
    assert data.labels.mean() < 0.8 * bad.mean()
    scores = data.rows[:, 0].astype(np.float64)
    got = evaluate(data.labels, scores, data.decided_at, capacity=10, weights=data.weights)
    whole = learning_data(slowly_reported(), COLUMNS)
    truth = evaluate(
        whole.labels, whole.rows[:, 0].astype(np.float64), whole.decided_at, capacity=10
    )
    assert got.average_precision == pytest.approx(truth.average_precision, rel=0.06)


@pytest.mark.parametrize("wrong", [0.0, -0.1, 1.5, None])
def test_a_propensity_that_is_none_is_refused(wrong: float | None) -> None:
    table = slowly_reported(100)
    column = pa.array([0.5] * 99 + [wrong], pa.float64())

    with pytest.raises(DataError, match="propensity 'passed' is not above 0 and at most 1 in 1"):
        learning_data(table.append_column("passed", column), replace(COLUMNS, propensity="passed"))


def test_a_treatment_that_is_none_is_refused() -> None:
    with pytest.raises(DefinitionError, match="recent 'keep' is not one of"):
        spec_with(recent="keep")


def test_without_young_or_censored_rows_there_is_nothing_to_treat() -> None:
    table = slowly_reported(200)
    first = AT - timedelta(days=60)

    assert young_data(table, COLUMNS, at=first, maturity=MATURITY) is None
    assert censored_data(table, COLUMNS, since=first, until=AT) is None
