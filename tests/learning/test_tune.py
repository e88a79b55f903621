"""The search: repeatable, complete, and not stopped by a trial that fails."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyspark.sql import SparkSession

from stockade import Choice, ModelSpec, Uniform
from stockade.errors import DefinitionError
from stockade.learning import trial as trial_module
from stockade.learning.classic import NoSparkContextError, SearchStoppedError
from stockade.learning.evaluate import Evaluation
from stockade.learning.models import fit
from stockade.learning.split import Split, walk_forward
from stockade.learning.trial import Objective, Trial, judge, save_rows, trial_of
from stockade.learning.tune import Record, Running, Study, TrainingFailedError, search, tune
from tests.learning.samples import INPUTS, MATURITY, SPEC, spec_with, training_data

SERIAL = Running(runner="serial", parallelism=1)


@pytest.fixture
def classic(spark: SparkSession) -> SparkSession:
    if not hasattr(spark, "sparkContext"):
        pytest.skip("SparkTrials needs a SparkContext")
    return spark


@pytest.fixture(params=["batch", "spark"])
def running(request: pytest.FixtureRequest, spark: SparkSession) -> Running:
    if request.param == "spark":
        request.getfixturevalue("classic")
    return Running(runner=request.param, spark=spark)


def folds(spec: ModelSpec = SPEC) -> tuple[Split, ...]:
    return walk_forward(
        training_data(), validation=spec.validation, folds=spec.folds, test=spec.test, gap=MATURITY
    ).folds


def study(spec: ModelSpec = SPEC, *, running: Running = SERIAL) -> Study:
    return tune(spec, training_data(), folds(spec), running=running)


def test_every_trial_is_in_the_study_and_the_best_has_the_highest_metric() -> None:
    found = study()

    values = [found.value(trial) for trial in found.trials]
    assert [trial.number for trial in found.trials] == [0, 1, 2, 3]
    assert found.value(found.best) == max(values)
    assert all(trial.params["n_estimators"] == 12 for trial in found.trials)


def test_the_baseline_is_judged_on_the_same_rows() -> None:
    found = study()

    baseline, best = found.baseline.judged(), found.best.judged()
    assert (baseline.rows, baseline.positives) == (best.rows, best.positives)
    assert baseline.rows == sum(fold.validation.stop - fold.validation.start for fold in folds())


def test_the_same_seed_gives_the_same_search() -> None:
    first, second = study(), study()

    assert [trial.params for trial in first.trials] == [trial.params for trial in second.trials]
    assert [first.value(one) for one in first.trials] == [
        second.value(one) for one in second.trials
    ]


def test_progress_tells_ended_total_and_best() -> None:
    told: list[tuple[int, int, float | None]] = []

    found = tune(
        SPEC, training_data(), folds(), running=SERIAL,
        progress=lambda ended, total, best: told.append((ended, total, best)),
    )  # fmt: skip

    assert [(ended, total) for ended, total, _ in told] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert told[-1][2] == found.value(found.best)


def test_a_trial_that_raises_fails_alone_with_its_reason() -> None:
    policies = Choice(options=("depthwise", "nonsense"))

    found = study(spec_with(search={"grow_policy": policies}, trials=8))

    failed = [trial for trial in found.trials if trial.failed]
    assert {trial.params["grow_policy"] for trial in failed} == {"nonsense"}
    assert all("nonsense" in str(trial.reason) for trial in failed)
    assert found.best.params["grow_policy"] == "depthwise"
    assert len(found.trials) == 8


def test_a_trial_whose_scores_are_not_numbers_fails() -> None:
    rates = Choice(options=(0.1, math.nan))

    found = study(spec_with(search={"learning_rate": rates}, trials=8))

    failed = [trial for trial in found.trials if trial.failed]
    assert failed
    assert all(math.isnan(float(trial.params["learning_rate"])) for trial in failed)
    assert all("not finite" in str(trial.reason) for trial in failed)


def test_a_metric_that_is_nan_is_a_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = trial_module.evaluate

    def nan(*args: object, **named: object) -> Evaluation:
        return replace(real(*args, **named), average_precision=math.nan)  # type: ignore[arg-type]

    monkeypatch.setattr(trial_module, "evaluate", nan)
    result = objective(tmp_path)({"n_estimators": 2})

    assert result["status"] == "fail"
    assert "average_precision is nan" in result["reason"]


def objective(folder: Path) -> Objective:
    save_rows(training_data(), folder)
    return Objective(
        folder=str(folder), inputs=INPUTS, folds=folds(), metric="average_precision",
        capacity=5, seed=0,
    )  # fmt: skip


def test_a_trial_below_the_bar_is_stopped_after_its_latest_fold(tmp_path: Path) -> None:
    whole = objective(tmp_path)({"n_estimators": 2})
    stopped = objective(tmp_path)({"n_estimators": 2}, [0.99])
    passed = objective(tmp_path)({"n_estimators": 2}, [0.01])

    assert len(whole["folds"]) == len(passed["folds"]) == 2
    assert stopped["folds"] == whole["folds"][:1]
    assert stopped["reason"].startswith("stopped after 1 of 2 folds: average_precision 0.")
    trial = trial_of(0, {}, stopped, {})
    assert (trial.stopped, trial.failed, trial.evaluation) == (True, False, None)


def test_folds_are_judged_with_what_was_known_before_each(tmp_path: Path) -> None:
    data = training_data()

    result = objective(tmp_path)({"n_estimators": 2})

    for fold, judged in zip(reversed(folds()), result["folds"], strict=True):
        model = fit({"n_estimators": 2}, "xgboost", data.take(fold.train), seed=0)
        assert asdict(judge(model, data.take(fold.validation), capacity=5)) == judged


def test_hopeless_trials_are_stopped_by_the_median_of_those_before(tmp_path: Path) -> None:
    one = objective(tmp_path)({"n_estimators": 2})["folds"][0]
    given: list[Sequence[float]] = []

    def falling(_: Mapping[str, Any], bars: Sequence[float]) -> dict[str, Any]:
        given.append(bars)
        values = [0.9 - 0.1 * len(given), 0.5]
        result: dict[str, Any] = {"status": "ok", "began": 0.0, "seconds": 0.0}
        if bars and values[0] < bars[0]:
            return result | {"loss": -values[0], "stopped": True, "reason": "stopped",
                             "folds": [one | {"average_precision": values[0]}]}  # fmt: skip
        scored = [one | {"average_precision": value} for value in values]
        return result | {"loss": -sum(values) / 2, "folds": scored}

    ended = search(SPEC, falling, 8, running=SERIAL)

    assert [list(bars) for bars in given[:5]] == [[]] * 5
    assert given[5] == given[7] == pytest.approx((0.6,))
    assert [trial.stopped for trial in ended] == [False] * 5 + [True] * 3


def test_what_is_on_record_is_not_evaluated_again() -> None:
    whole = study(spec_with(trials=6))
    ended: dict[int, dict[str, Any]] = {}
    calls: list[int] = []

    def remember(trial: Trial, result: Mapping[str, Any]) -> None:
        ended[trial.number] = dict(result)

    def counted(params: Mapping[str, Any], _: Sequence[float]) -> dict[str, Any]:
        calls.append(1)
        return {"status": "fail", "reason": str(dict(params)), "began": 0.0, "seconds": 0.0}

    tune(
        spec_with(trials=6), training_data(), folds(), running=SERIAL,
        record=Record(ended=remember),
    )  # fmt: skip
    known = {number: result for number, result in ended.items() if number < 5}
    resumed = search(spec_with(trials=6), counted, 6, running=SERIAL, record=Record(known=known))

    assert len(calls) == 1
    assert [one.params for one in resumed] == [one.params for one in whole.trials]
    assert [one.evaluation for one in resumed[:5]] == [one.evaluation for one in whole.trials[:5]]


@pytest.mark.parametrize("begin", [{"max_depth": 3, "learning_rate": 0.11, "n_estimators": 12}])
def test_a_search_begins_where_it_is_told_to(begin: dict[str, float]) -> None:
    found = tune(SPEC, training_data(), folds(), running=SERIAL, begin=begin)

    first = found.trials[0].params
    assert first == begin
    assert type(first["max_depth"]) is int
    # The others are proposed from there, and the same again.
    again = tune(SPEC, training_data(), folds(), running=SERIAL, begin=begin)
    assert [one.params for one in again.trials] == [one.params for one in found.trials]


@pytest.mark.parametrize(
    "begin", [{}, {"max_depth": 9, "learning_rate": 0.1}, {"max_depth": "x", "learning_rate": 0.1}]
)
def test_a_point_that_the_search_would_not_propose_is_left_out(begin: dict[str, Any]) -> None:
    found = tune(SPEC, training_data(), folds(), running=SERIAL, begin=begin)

    assert [one.params for one in found.trials] == [one.params for one in study().trials]


def test_a_choice_can_be_begun_with() -> None:
    spec = spec_with(search={"grow_policy": Choice(options=("depthwise", "lossguide"))}, trials=2)

    found = tune(
        spec, training_data(), folds(spec), running=SERIAL, begin={"grow_policy": "lossguide"}
    )

    assert found.trials[0].params["grow_policy"] == "lossguide"


def test_all_trials_failing_is_one_error_with_the_reasons_counted() -> None:
    with pytest.raises(TrainingFailedError, match=r"all 4 trials failed: 4 times: .*nonsense"):
        study(spec_with(search={"grow_policy": Choice(options=("nonsense",))}))


@pytest.mark.slow
def test_a_trial_that_takes_too_long_fails() -> None:
    with pytest.raises(TrainingFailedError, match="4 times: took over 0:00:00"):
        study(running=Running(runner="serial", deadline=timedelta(0)))


def test_a_misspelt_parameter_is_refused_before_anything_runs() -> None:
    with pytest.raises(DefinitionError, match="did you mean 'max_depth'"):
        study(spec_with(search={"max_dpeth": Uniform(low=2, high=4, whole=True)}))


def test_ranges_are_kept_to_and_whole_ones_reach_both_ends() -> None:
    spec = spec_with(
        search={
            "depth": Uniform(low=2, high=4, whole=True),
            "trees": Uniform(low=1, high=3, whole=True, log=True),
            "rate": Uniform(low=0.01, high=0.1, log=True),
            "kind": Choice(options=("a", 2, 0.5)),
        },
        fixed={},
    )

    def one(_: Mapping[str, Any], __: object) -> dict[str, Any]:
        return {"status": "fail", "reason": "none", "began": 0.0, "seconds": 0.0}

    points = [trial.params for trial in search(spec, one, 150, running=SERIAL)]

    assert {point["depth"] for point in points} == {2, 3, 4}
    assert {point["trees"] for point in points} == {1, 2, 3}
    assert {point["kind"] for point in points} == {"a", 2, 0.5}
    assert all(0.01 <= float(point["rate"]) <= 0.1 for point in points)
    assert {type(point["depth"]) for point in points} == {int}


def test_the_search_learns_from_what_it_saw() -> None:
    spec = spec_with(search={"x": Uniform(low=-10, high=10)}, fixed={})

    evaluation = asdict(study(spec_with(trials=1)).best.judged())

    def parabola(point: Mapping[str, Any], _: object) -> dict[str, Any]:
        loss = (point["x"] - 3) ** 2
        result = {"status": "ok", "loss": loss, "folds": [evaluation]}
        return result | {"began": 0.0, "seconds": 0.0}

    ended = search(spec, parabola, 60, running=SERIAL)

    missed = [abs(float(trial.params["x"]) - 3) for trial in ended]
    by_chance = (7**2 + 13**2) / 40
    assert sum(missed[30:]) / 30 < 0.75 * by_chance


@pytest.mark.slow
def test_trials_run_on_spark_and_none_is_lost(running: Running) -> None:
    policies = {"grow_policy": Choice(options=("depthwise", "nonsense"))}
    spec = spec_with(search={**SPEC.search, **policies})
    told: list[int] = []

    found = tune(
        spec, training_data(), folds(), running=running,
        progress=lambda ended, _total, _best: told.append(ended),
    )  # fmt: skip

    assert len(found.trials) == 4
    assert told[-1] == 4
    for trial in found.trials:
        assert trial.failed == (trial.params["grow_policy"] == "nonsense")


@pytest.mark.slow
def test_batches_on_spark_make_the_study_that_is_made_here_one_after_the_other(
    spark: SparkSession,
) -> None:
    # The first five proposals are random; those after them follow from what was found.
    spec = spec_with(trials=8)
    here = study(spec, running=Running(runner="serial", parallelism=2))
    there = study(spec, running=Running(runner="batch", parallelism=2, spark=spark))

    assert [trial.params for trial in there.trials] == [trial.params for trial in here.trials]
    assert [there.value(one) for one in there.trials] == [here.value(one) for one in here.trials]


@pytest.mark.slow
def test_a_worker_that_dies_is_a_failed_trial(running: Running) -> None:
    def die(point: Mapping[str, Any], _: object = ()) -> dict[str, Any]:
        if point["grow_policy"] == "nonsense":
            os._exit(3)
        return {"status": "fail", "reason": "alive", "began": 0.0, "seconds": 0.0}

    policies = {"grow_policy": Choice(options=("depthwise", "nonsense"))}
    one_at_a_time = replace(running, parallelism=1)

    ended = search(spec_with(search=policies, fixed={}), die, 5, running=one_at_a_time)

    reasons = {trial.params["grow_policy"]: str(trial.reason) for trial in ended}
    assert reasons["depthwise"] == "alive"
    assert reasons["nonsense"].startswith("the worker was lost")
    assert len(ended) == 5


class DeathError(BaseException):
    """What even a careful thread does not catch."""


@pytest.mark.slow
def test_a_search_whose_dispatcher_dies_ends_with_an_error(classic: SparkSession) -> None:
    def die(_ended: int, _total: int, _best: float | None) -> None:
        raise DeathError("of the dispatcher")

    with pytest.raises(SearchStoppedError, match=r"DeathError: of the dispatcher.* runner 'batch'"):
        tune(
            SPEC, training_data(), folds(), running=Running(runner="spark", spark=classic),
            progress=die,
        )  # fmt: skip


def test_a_session_without_a_spark_context_is_told_what_to_use() -> None:
    connect = SimpleNamespace()  # Connect's session has no such attribute either

    with pytest.raises(NoSparkContextError, match="use runner 'batch' or 'serial'"):
        study(running=Running(runner="spark", spark=connect))  # type: ignore[arg-type]
