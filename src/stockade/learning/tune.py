"""Search for the parameters that do best on the validation period."""

import json
import logging
import math
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from hyperopt import Trials, hp, space_eval, tpe
from hyperopt.base import JOB_STATE_DONE, Domain, spec_from_misc
from hyperopt.pyll import scope
from pyspark.sql import SparkSession

from stockade.definitions.model import Algorithm, Choice, Metric, ModelSpec, Range
from stockade.errors import DefinitionError, StockadeError
from stockade.learning.child import as_text
from stockade.learning.classic import (
    FitOnSpark,
    classic_session,
    objective_on_spark,
    spark_trials_search,
)
from stockade.learning.data import LearningData
from stockade.learning.evaluate import mean_evaluation
from stockade.learning.fits import Fits
from stockade.learning.isolated import Isolated
from stockade.learning.models import Value, check_spec, learner_of, learners_of
from stockade.learning.split import Split
from stockade.learning.trial import Objective, Trial, judge, lost_trial, save_rows, trial_of

# Their numbers as trials.
BASELINE, BLEND = -1, -2

Runner = Literal["batch", "spark", "distributed", "serial"]
Progress = Callable[[int, int, float | None], None]
# With fewer trials their median says little.
_MEDIAN_OF = 5


def _forget(_trial: Trial, _result: Mapping[str, Any]) -> None:
    return


class TrainingFailedError(StockadeError):
    """Raised when a search ends without a model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A finished search: every trial, in the order of proposal, the baseline, and the blend.

    The blend is of the best trial and the baseline; None where there is no best one.
    """

    metric: Metric
    trials: tuple[Trial, ...]
    baseline: Trial
    blend: Trial | None

    @property
    def best(self) -> Trial:
        """The trial with the highest metric; of equals, the earliest."""
        return max(
            (trial for trial in self.trials if trial.evaluation is not None),
            key=lambda trial: (self.value(trial), -trial.number),
        )

    @property
    def winner(self) -> tuple[Algorithm, Trial]:
        """The best of baseline, trials and blend: of equals, the simpler.

        Where no trial has learnt from labels, it is the best trial: the others did.
        """
        found: tuple[Algorithm, Trial] = ("logistic", self.baseline)
        trees = learner_of(self.best.params)
        if trees == "isolation":
            return trees, self.best
        rest: list[tuple[Algorithm, Trial | None]] = [(trees, self.best), ("blend", self.blend)]
        for algorithm, trial in rest:
            if trial is not None and self.value(trial) > self.value(found[1]):
                found = (algorithm, trial)
        return found

    def value(self, trial: Trial) -> float:
        """The trial's metric; minus infinity where it failed."""
        return -math.inf if trial.evaluation is None else trial.evaluation.metric(self.metric)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """How trials are run.

    Attributes:
        runner: `batch` asks TPE for `parallelism` points and evaluates them as the tasks of one
            Spark job: the same seed gives the same search, and it runs on Spark Connect. `spark`
            is Hyperopt's SparkTrials: no waiting for the slowest of a batch, but not repeatable
            beyond parallelism 1, and it needs classic Spark. `distributed` fits one trial after
            the other, each on `parallelism` workers that hold a part of the rows each
            (`xgboost.spark`): for sets that no worker holds whole; it needs classic Spark too.
            `serial` runs here, without Spark.
        parallelism: how many trials run at once; `serial` takes as many proposals at a time, one
            after the other, so that its study is that of `batch`. Outside the search as many models
            are fitted at once, if the driver has the cores; on workers, one.
        deadline: the longest that one trial may take.
        scratch: a folder that every worker can read, for the rows; the machine's temporary folder
            does where driver and workers are one machine.
        spark: the session; the active one if None.
    """

    runner: Runner = "batch"
    parallelism: int = 2
    deadline: timedelta = timedelta(minutes=20)
    scratch: Path | None = None
    spark: SparkSession | None = None

    def fits(self) -> Fits:
        """How models are fitted outside the search."""
        if self.runner == "distributed":
            return Fits(self.on_spark().fit_spec)
        return Fits(at_once=min(self.parallelism, os.cpu_count() or 1))

    def on_spark(self) -> FitOnSpark:
        """Fits whose rows are shared out among the workers."""
        return FitOnSpark(
            spark=classic_session(self.spark, runner=self.runner),
            workers=self.parallelism,
            deadline=self.deadline,
            scratch=self.scratch,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is kept of a search while it runs.

    Attributes:
        known: trial number -> result, of trials that ended before the search was interrupted.
        ended: told of each new trial, with its result.
    """

    known: Mapping[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])
    ended: Callable[[Trial, Mapping[str, Any]], None] = _forget


def tune(
    spec: ModelSpec,
    data: LearningData,
    folds: Sequence[Split],
    *,
    running: Running | None = None,
    trials: int | None = None,
    progress: Progress | None = None,
    record: Record | None = None,
    begin: Mapping[str, Value] | None = None,
    fits: Fits | None = None,
) -> Study:
    """Search `spec.search` with TPE; judge the baseline, and its blend with the best trial.

    A trial fails alone, with its reason; the search goes on. Where there are several folds, a
    trial that does worse on the first ones than half of those before it is stopped (the median
    rule of Golovin et al. 2017), except by SparkTrials, whose trials know nothing of each other.

    Args:
        spec: ranges, metric, seed, number of trials.
        data: the rows.
        folds: which of them to fit on and to judge by, oldest first.
        running: where and how many at a time.
        trials: how many, instead of `spec.trials`.
        progress: called as trials end with how many did, how many there are, and the best metric.
        record: what ended before the search was interrupted, and where to keep what ends now.
        begin: a point to try first, say the champion's, if the search may propose it.
        fits: makes the baseline and the blend; as `running` says if None.

    Raises:
        DefinitionError: the space has a parameter that a learner does not know.
        TrainingFailedError: not one trial succeeded; all reasons are given.
    """
    check_spec(spec)
    running = running or Running()
    if running.runner == "distributed" and learners_of(spec) != ("xgboost",):
        raise DefinitionError(
            f"model '{spec.name}': runner 'distributed' shares rows out for xgboost only: leave "
            "lightgbm out of the search, or use runner 'batch'"
        )
    total = spec.trials if trials is None else trials
    fits = fits or running.fits()
    baseline = _beside(spec, "logistic", {}, data, folds, number=BASELINE, fits=fits)
    with (
        quiet_hyperopt(),
        tempfile.TemporaryDirectory(prefix="stockade-rows-", dir=running.scratch) as folder,
    ):
        save_rows(data, Path(folder))
        objective = Objective(
            folder=folder,
            inputs=data.inputs,
            folds=tuple(folds),
            metric=spec.metric,
            capacity=spec.review_capacity,
            seed=spec.seed,
            negatives=spec.negatives,
            categories=tuple(data.categories.items()),
            monotone=tuple(spec.monotone.items()),
        )
        whole = Isolated(objective=as_text(objective), deadline=running.deadline)
        if running.runner == "distributed":
            whole = objective_on_spark(objective, running.on_spark())
        ended = search(
            spec, whole, total,
            running=running, progress=progress, record=record, begin=begin,
        )  # fmt: skip
    study = Study(metric=spec.metric, trials=ended, baseline=baseline, blend=None)
    _require_a_success(spec, study)
    if learner_of(study.best.params) == "isolation":
        return study
    blend = _beside(spec, "blend", study.best.params, data, folds, number=BLEND, fits=fits)
    return replace(study, blend=blend)


def _beside(
    spec: ModelSpec,
    algorithm: Algorithm,
    params: Mapping[str, Value],
    data: LearningData,
    folds: Sequence[Split],
    *,
    number: int,
    fits: Fits,
) -> Trial:
    """One that TPE did not propose, on the same folds."""
    began, begun = time.time(), time.monotonic()
    # The latest first, as a trial has them.
    latest = folds[::-1]
    models = fits.all(
        [partial(fits, spec, params, algorithm, data.take(fold.train)) for fold in latest]
    )
    judged = tuple(
        judge(model, data.take(fold.validation), capacity=spec.review_capacity)
        for model, fold in zip(models, latest, strict=True)
    )
    return Trial(
        number=number,
        params=params,
        evaluation=mean_evaluation(judged),
        folds=judged,
        stopped=False,
        reason=None,
        began=began,
        seconds=time.monotonic() - begun,
    )


def search(
    spec: ModelSpec,
    objective: Callable[..., dict[str, Any]],
    total: int,
    *,
    running: Running,
    progress: Progress | None = None,
    record: Record | None = None,
    begin: Mapping[str, Value] | None = None,
) -> tuple[Trial, ...]:
    """The trials of a search with any objective that returns Hyperopt's result.

    The objective is called with the point and, except by SparkTrials, with the bars below which
    it may stop. SparkTrials begins where TPE does, wherever `begin` is.
    """
    space = {name: _space(name, one) for name, one in spec.search.items()} | dict(spec.fixed)
    report = progress or _silent
    # TPE's first proposals are random. Its own 20 would make a search of 20 a random search.
    suggest = partial(tpe.suggest, n_startup_jobs=max(5, min(20, total // 4)), verbose=False)
    if running.runner == "spark":
        ended = spark_trials_search(
            objective, space, suggest,
            total=total, parallelism=running.parallelism, seed=spec.seed,
            spark=running.spark, report=report,
        )  # fmt: skip
    else:
        run = partial(_run_here, objective)
        if running.runner == "batch":
            run = partial(_run_on_spark, objective, _session(running))
        # Asked for as many at a time, the runner here finds what the parallel one finds.
        size = 1 if running.runner == "distributed" else running.parallelism
        ended = _ask_and_tell(
            run, space, suggest, total=total, size=size, seed=spec.seed, metric=spec.metric,
            report=report, record=record or Record(),
            begin=None if begin is None else _as_proposed(spec.search, begin),
        )  # fmt: skip
    return tuple(
        trial_of(number, _params(space, document), document["result"], document["misc"])
        for number, document in enumerate(ended)
    )


@contextmanager
def quiet_hyperopt() -> Generator[None, None, None]:
    """Keep Hyperopt's log off the terminal: it writes to stderr by a handler of its own.

    Likewise what NumPy 2.5 says of Hyperopt's code.
    """
    loggers = [logging.getLogger(name) for name in ("hyperopt", "hyperopt-spark", "hyperopt.tpe")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=DeprecationWarning, module="hyperopt")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


Point = Mapping[str, Any]
Run = Callable[[Sequence[Point], Sequence[float]], list[dict[str, Any]]]


def _ask_and_tell(
    run: Run,
    space: Mapping[str, Any],
    suggest: Callable[..., Any],
    *,
    total: int,
    size: int,
    seed: int,
    metric: Metric,
    report: Progress,
    record: Record,
    begin: Mapping[str, float] | None,
) -> list[dict[str, Any]]:
    """Ask for `size` points, evaluate them, tell what came of them; until there are `total`.

    The proposals follow from the seed and from what came of earlier ones, so a search that was
    interrupted proposes the same points again, and takes from the record what came of them.
    """
    # Points are only asked for: nothing calls a function.
    history, domain = Trials(), Domain(None, space)
    seeds = np.random.default_rng(seed)
    best: float | None = None
    while len(history.trials) < total:
        asked: list[dict[str, Any]] = []
        for _ in range(min(size, total - len(history.trials))):
            # One at a time: asked for several, TPE answers with one once it has left its start.
            ids = history.new_trial_ids(1)
            if begin is not None and ids == [0]:
                asked += _document(history, domain, begin)
                continue
            asked += suggest(ids, domain, history, int(seeds.integers(2**31 - 1)))
        points = [_params(space, one) for one in asked]
        known = [record.known.get(one["tid"]) for one in asked]
        new = [n for n, result in enumerate(known) if result is None]
        bars = _bars([one["result"] for one in history.trials], metric)
        for n, result in zip(new, run([points[n] for n in new], bars) if new else [], strict=True):
            known[n] = result
            record.ended(trial_of(asked[n]["tid"], points[n], result, {}), result)
        for document, result in zip(asked, known, strict=True):
            document["state"], document["result"] = JOB_STATE_DONE, result
            if result is not None and result["status"] == "ok" and not result.get("stopped"):
                best = max(-result["loss"], -math.inf if best is None else best)
        history.insert_trial_docs(asked)
        history.refresh()
        report(len(history.trials), total, best)
    return list(history.trials)


def _as_proposed(
    search: Mapping[str, Range], point: Mapping[str, Value]
) -> Mapping[str, float] | None:
    """The point in Hyperopt's numbers; None if the search would never propose it."""
    numbers: dict[str, float] = {}
    for name, one in search.items():
        value = point.get(name)
        if isinstance(one, Choice):
            if value not in one.options:
                return None
            numbers[name] = one.options.index(value)
        elif isinstance(value, str) or value is None or not one.low <= value <= one.high:
            return None
        else:
            numbers[name] = value
    return numbers


def _document(history: Trials, domain: Domain, numbers: Mapping[str, float]) -> list[Any]:
    """Trial 0 at this point, as TPE would have proposed it."""
    misc = {
        "tid": 0,
        "cmd": domain.cmd,
        "workdir": domain.workdir,
        "idxs": {name: [0] for name in numbers},
        "vals": {name: [number] for name, number in numbers.items()},
    }
    return list(history.new_trial_docs([0], [None], [{"status": "new"}], [misc]))


def _bars(results: Sequence[Mapping[str, Any]], metric: Metric) -> tuple[float, ...]:
    """For each number of folds but the last, the median of the whole trials' means over them."""
    whole = [
        [float(fold[metric]) for fold in result["folds"]]
        for result in results
        if result["status"] == "ok" and not result.get("stopped") and result.get("folds")
    ]
    if len(whole) < _MEDIAN_OF:
        return ()
    means = np.cumsum(whole, axis=1) / np.arange(1, len(whole[0]) + 1)
    return tuple(float(bar) for bar in np.median(means, axis=0)[:-1])


def _run_here(
    objective: Callable[..., Any], points: Sequence[Point], bars: Sequence[float]
) -> list[Any]:
    return [objective(point, bars) for point in points]


def _run_on_spark(
    objective: Callable[..., Any],
    spark: SparkSession,
    points: Sequence[Point],
    bars: Sequence[float],
) -> list[Any]:
    """One task per point; the points travel in the function, the results back as JSON."""
    given = [dict(point) for point in points]

    def evaluate_points(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
        for batch in batches:
            numbers = [int(number) for number in batch.column("id").to_numpy()]
            results = [json.dumps(objective(given[number], bars)) for number in numbers]
            yield pa.RecordBatch.from_pydict({"id": numbers, "result": results})

    tasks = spark.range(0, len(given), 1, len(given))
    try:
        rows = tasks.mapInArrow(evaluate_points, "id long, result string").collect()
    except Exception as fault:  # the objective never raises: a worker is gone
        return [lost_trial(fault) for _ in given]
    return [json.loads(row.result) for row in sorted(rows, key=lambda row: row.id)]


def _session(running: Running) -> SparkSession:
    spark = running.spark or SparkSession.getActiveSession()
    if spark is None:
        raise TrainingFailedError(
            f"runner '{running.runner}' needs a Spark session and none is active: "
            "start one, or use runner 'serial'"
        )
    return spark


def _space(name: str, one: Range) -> object:
    """Hyperopt's expression for a range."""
    if isinstance(one, Choice):
        return hp.choice(name, list(one.options))
    if not one.whole:
        if one.log:
            return hp.loguniform(name, math.log(one.low), math.log(one.high))
        return hp.uniform(name, one.low, one.high)
    # Rounding gives the ends half the chance of the rest, unless half a step is added outside.
    low, high = math.ceil(one.low) - 0.4999, math.floor(one.high) + 0.4999
    if one.log:
        return scope.int(hp.qloguniform(name, math.log(max(low, 0.5001)), math.log(high), 1))
    return scope.int(hp.quniform(name, low, high, 1))


def _params(space: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Value]:
    point = space_eval(space, spec_from_misc(document["misc"]))
    return {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in point.items()
    }


def _require_a_success(spec: ModelSpec, study: Study) -> None:
    if any(trial.evaluation is not None for trial in study.trials):
        return
    reasons: dict[str, int] = {}
    for trial in study.trials:
        reasons[str(trial.reason)] = reasons.get(str(trial.reason), 0) + 1
    listed = "; ".join(f"{count} times: {reason}" for reason, count in reasons.items())
    raise TrainingFailedError(
        f"model '{spec.name}': all {len(study.trials)} trials failed: {listed}: "
        "correct the search space or the training set"
    )


def _silent(_ended: int, _total: int, _best: float | None) -> None:
    return
