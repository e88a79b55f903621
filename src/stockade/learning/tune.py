"""Search for the parameters that do best on the validation period."""

import json
import logging
import math
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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

from stockade.champion import Predictor
from stockade.definitions.model import Choice, Metric, ModelSpec, Range
from stockade.errors import StockadeError
from stockade.learning.classic import spark_trials_search
from stockade.learning.data import LearningData
from stockade.learning.evaluate import evaluate
from stockade.learning.models import Value, check_spec, fit
from stockade.learning.split import Split
from stockade.learning.trial import Objective, Trial, load_side, lost_trial, save_sides, trial_of

Runner = Literal["batch", "spark", "serial"]
Progress = Callable[[int, int, float | None], None]


class TrainingFailedError(StockadeError):
    """Raised when a search ends without a model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The logistic regression on the same split."""

    trial: Trial
    model: Predictor


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A finished search: every trial, in the order of proposal, and the baseline."""

    metric: Metric
    trials: tuple[Trial, ...]
    baseline: Baseline

    @property
    def best(self) -> Trial:
        """The trial with the highest metric; of equals, the earliest."""
        return max(
            (trial for trial in self.trials if trial.evaluation is not None),
            key=lambda trial: (self.value(trial), -trial.number),
        )

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
            beyond parallelism 1, and it needs classic Spark. `serial` runs here, without Spark.
        parallelism: how many trials run at once.
        deadline: the longest that one trial's fit may take.
        scratch: a folder that every worker can read, for the rows; the machine's temporary folder
            does where driver and workers are one machine.
        spark: the session; the active one if None.
    """

    runner: Runner = "batch"
    parallelism: int = 2
    deadline: timedelta = timedelta(minutes=20)
    scratch: Path | None = None
    spark: SparkSession | None = None


def tune(
    spec: ModelSpec,
    data: LearningData,
    split: Split,
    *,
    running: Running | None = None,
    trials: int | None = None,
    progress: Progress | None = None,
) -> Study:
    """Search `spec.search` with TPE, and fit the baseline.

    A trial fails alone, with its reason; the search goes on.

    Args:
        spec: ranges, metric, seed, number of trials.
        data: the rows.
        split: which of them to fit on and to judge by.
        running: where and how many at a time.
        trials: how many, instead of `spec.trials`.
        progress: called as trials end with how many did, how many there are, and the best metric.

    Raises:
        DefinitionError: the space has a parameter that XGBoost does not know.
        TrainingFailedError: not one trial succeeded; all reasons are given.
    """
    check_spec(spec)
    running = running or Running()
    total = spec.trials if trials is None else trials
    baseline = fit_baseline(spec, data, split)
    with (
        quiet_hyperopt(),
        tempfile.TemporaryDirectory(prefix="stockade-rows-", dir=running.scratch) as folder,
    ):
        save_sides(data, split, Path(folder))
        objective = Objective(
            folder=folder,
            inputs=data.inputs,
            metric=spec.metric,
            capacity=spec.review_capacity,
            seed=spec.seed,
            deadline=running.deadline,
        )
        ended = search(spec, objective, total, running=running, progress=progress)
        load_side.cache_clear()
    study = Study(metric=spec.metric, trials=ended, baseline=baseline)
    _require_a_success(spec, study)
    return study


def fit_baseline(spec: ModelSpec, data: LearningData, split: Split) -> Baseline:
    """The logistic regression that the search must beat, on the same sides."""
    began, begun = time.time(), time.monotonic()
    late = data.take(split.validation)
    model = fit({}, "logistic", data.take(split.train), seed=spec.seed)
    judged = evaluate(
        late.labels,
        model.predict(late.rows),
        late.decided_at,
        entities=late.entities,
        capacity=spec.review_capacity,
    )
    took = time.monotonic() - begun
    trial = Trial(number=-1, params={}, evaluation=judged, reason=None, began=began, seconds=took)
    return Baseline(trial=trial, model=model)


def search(
    spec: ModelSpec,
    objective: Callable[[Mapping[str, Any]], dict[str, Any]],
    total: int,
    *,
    running: Running,
    progress: Progress | None = None,
) -> tuple[Trial, ...]:
    """The trials of a search with any objective that returns Hyperopt's result."""
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
        size = 1
        if running.runner == "batch":
            run, size = partial(_run_on_spark, objective, _session(running)), running.parallelism
        ended = _ask_and_tell(run, space, suggest, total=total, size=size, seed=spec.seed,
                              report=report)  # fmt: skip
    return tuple(
        trial_of(number, _params(space, document), document["result"], document["misc"])
        for number, document in enumerate(ended)
    )


@contextmanager
def quiet_hyperopt() -> Generator[None, None, None]:
    """Keep Hyperopt's log off the terminal: it writes to stderr by a handler of its own."""
    loggers = [logging.getLogger(name) for name in ("hyperopt", "hyperopt-spark", "hyperopt.tpe")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


Run = Callable[[Sequence[Mapping[str, Any]]], list[dict[str, Any]]]


def _ask_and_tell(
    run: Run,
    space: Mapping[str, Any],
    suggest: Callable[..., Any],
    *,
    total: int,
    size: int,
    seed: int,
    report: Progress,
) -> list[dict[str, Any]]:
    """Ask for `size` points, evaluate them, tell what came of them; until there are `total`."""
    history, domain = Trials(), Domain(_not_called, space)
    seeds = np.random.default_rng(seed)
    best: float | None = None
    while len(history.trials) < total:
        asked: list[dict[str, Any]] = []
        for _ in range(min(size, total - len(history.trials))):
            # One at a time: asked for several, TPE answers with one once it has left its start.
            ids = history.new_trial_ids(1)
            asked += suggest(ids, domain, history, int(seeds.integers(2**31 - 1)))
        points = [space_eval(space, spec_from_misc(one["misc"])) for one in asked]
        for document, result in zip(asked, run(points), strict=True):
            document["state"], document["result"] = JOB_STATE_DONE, result
            if result["status"] == "ok":
                best = max(-result["loss"], -math.inf if best is None else best)
        history.insert_trial_docs(asked)
        history.refresh()
        report(len(history.trials), total, best)
    return list(history.trials)


def _run_here(objective: Callable[..., Any], points: Sequence[Mapping[str, Any]]) -> list[Any]:
    return [objective(point) for point in points]


def _run_on_spark(
    objective: Callable[..., Any], spark: SparkSession, points: Sequence[Mapping[str, Any]]
) -> list[Any]:
    """One task per point; the points travel in the function, the results back as JSON."""
    given = [dict(point) for point in points]

    def evaluate_points(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
        for batch in batches:
            numbers = [int(number) for number in batch.column("id").to_numpy()]
            results = [json.dumps(objective(given[number])) for number in numbers]
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


def _not_called(_: object) -> None:
    raise NotImplementedError


def _silent(_ended: int, _total: int, _best: float | None) -> None:
    return
