"""Fits whose rows are shared out among workers: as good as in one place, and lost alone."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession
from sklearn.metrics import roc_auc_score

from stockade.errors import DefinitionError
from stockade.learning.classic import FitLostError, FitOnSpark, NoSparkContextError
from stockade.learning.models import fit
from stockade.learning.registry import load_model
from stockade.learning.tracking import CHALLENGER
from stockade.learning.train import train
from stockade.learning.tune import Running, tune
from tests.learning.samples import (
    INPUTS,
    PINNED,
    SPEC,
    destination,
    spec_with,
    training_data,
    training_table,
)
from tests.learning.test_tune import folds

pytestmark = pytest.mark.slow
PARAMS = {"n_estimators": 30, "max_depth": 4}


@pytest.fixture(autouse=True)
def _classic(spark: SparkSession) -> None:
    if not hasattr(spark, "sparkContext"):
        pytest.skip("xgboost.spark needs a SparkContext, and this session is Spark Connect")


def on_spark(spark: SparkSession, **changes: object) -> FitOnSpark:
    fields = {"workers": 2, "deadline": timedelta(minutes=5), "scratch": None} | changes
    return FitOnSpark(spark=spark, **fields)  # type: ignore[arg-type]


def test_shared_out_rows_teach_as_much_as_rows_in_one_place(spark: SparkSession) -> None:
    rows, test = training_data(20_000), training_data(20_000, seed=5)

    shared = on_spark(spark).fit({**PARAMS, "seeds": 2}, rows, seed=1)
    alone = fit({**PARAMS, "seeds": 2}, "xgboost", rows, seed=1)

    one, other = (roc_auc_score(test.labels, model.predict(test.rows)) for model in (shared, alone))
    assert one == pytest.approx(other, abs=0.01)
    assert shared.inputs == INPUTS
    assert len(shared.boosters) == 2


def test_weights_and_missing_values_arrive_as_they_are(spark: SparkSession) -> None:
    rows = training_data(20_000)
    weighted = replace(rows, weights=np.where(rows.labels, 5.0, 1.0))

    model = on_spark(spark).fit(PARAMS, weighted, seed=1)

    alone = fit(PARAMS, "xgboost", weighted, seed=1)
    assert np.isnan(rows.rows).any()
    assert model.predict(rows.rows).mean() == pytest.approx(
        alone.predict(rows.rows).mean(), rel=0.02
    )


def test_a_study_on_shared_out_rows_ends_in_a_registered_model(
    spark: SparkSession, tmp_path: Path
) -> None:
    found = train(
        SPEC, training_table(), pinned=PINNED, destination=destination(tmp_path),
        running=Running(runner="distributed", parallelism=2, spark=spark), trials=2,
    )  # fmt: skip

    assert [trial.reason for trial in found.trials] == [None, None]
    model = load_model(destination(tmp_path), CHALLENGER).predictor()
    assert np.isfinite(model.predict(training_data().rows)).all()


def test_a_fit_that_is_late_is_lost_alone(spark: SparkSession) -> None:
    spec = spec_with(search={}, fixed={"n_estimators": 200_000})
    running = Running(
        runner="distributed", parallelism=2, deadline=timedelta(seconds=2), spark=spark
    )

    with pytest.raises(Exception, match="it took over 0:00:02"):
        tune(spec, training_data(), folds(), running=running, trials=1)
    assert spark.range(3).count() == 3


def test_what_cannot_be_shared_out_is_refused(spark: SparkSession) -> None:
    with pytest.raises(FitLostError, match="needs as many slots, and this machine's Spark has 2"):
        on_spark(spark, workers=9).fit(PARAMS, training_data(), seed=1)
    with pytest.raises(DefinitionError, match="no parameter 'max_depht'"):
        on_spark(spark).fit({"max_depht": 3}, training_data(), seed=1)
    running = Running(runner="distributed", spark=object())  # type: ignore[arg-type]
    with pytest.raises(NoSparkContextError, match="runner 'distributed' needs a SparkContext"):
        tune(SPEC, training_data(), folds(), running=running)
