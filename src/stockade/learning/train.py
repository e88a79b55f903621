"""From a training set to a registered model."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

import numpy as np
import pyarrow as pa

from stockade.champion import Predictor
from stockade.definitions.model import Algorithm, ModelSpec
from stockade.learning.data import Columns, LearningData, learning_data
from stockade.learning.evaluate import Evaluation
from stockade.learning.models import Value, check_spec, fit
from stockade.learning.split import Split, time_split
from stockade.learning.tracking import (
    Destination,
    Manifest,
    StudyRun,
    study_run,
    validation_metrics,
)
from stockade.learning.trial import Trial
from stockade.learning.tune import Progress, Running, Study, tune


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """What a model is pinned to when it is trained.

    Attributes:
        definitions_json: the definitions that the training set was built with.
        fingerprints: feature -> fingerprint.
        inputs: what the model sees, in order.
        training_table, training_version: the table and its version.
        built_at: the training set's build date; decides which labels are mature. Without it, they
            are those of decisions before the first pending one.
    """

    definitions_json: str
    fingerprints: Mapping[str, str]
    inputs: tuple[str, ...]
    training_table: str
    training_version: str
    built_at: datetime | None = None

    def __post_init__(self) -> None:
        """Copy what a caller could change."""
        object.__setattr__(self, "inputs", tuple(self.inputs))
        object.__setattr__(self, "fingerprints", MappingProxyType(dict(self.fingerprints)))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedModel:
    """A model that was registered, and how it came about.

    Attributes:
        name, version: in the registry.
        run_id: the study's MLflow run.
        algorithm, params: of the winner.
        validation: of the winner's trial, fitted on the training side only.
        baseline: of the logistic regression.
        trials: every trial of the search.
        rows, positives: what the registered model was finally fitted on.
        training_rows, validation_rows: the two sides of the split.
        pending, immature, censored: rows left out for want of a mature label, or of any.
    """

    name: str
    version: int
    run_id: str
    algorithm: Algorithm
    params: Mapping[str, Value]
    validation: Evaluation
    baseline: Evaluation
    trials: tuple[Trial, ...]
    rows: int
    positives: int
    training_rows: int
    validation_rows: int
    pending: int
    immature: int
    censored: int


def train(
    spec: ModelSpec,
    table: pa.Table,
    *,
    pinned: Pinned,
    destination: Destination,
    running: Running | None = None,
    trials: int | None = None,
    progress: Progress | None = None,
) -> TrainedModel:
    """Search, choose, fit the choice on everything known, and register it.

    The winner is the trial with the best metric on the validation period, or the logistic
    baseline where no trial beats it: of equals, the simpler. It is then fitted again, with the
    same parameters and seed, on all rows with a mature label, the gap's and the validation
    period's included: what is being fought changes, and a model without the last weeks would
    begin stale. What that gains cannot be measured on the rows it was gained from, so the metrics
    that are logged with the model are those of its trial, and named `validation_...`.

    Args:
        spec: what to search and how to judge.
        table: the training set: inputs, label, decision time, and the reviewed entity.
        pinned: what scoring will hold the model to.
        destination: where it is recorded.
        running: where trials run.
        trials: how many, instead of `spec.trials`.
        progress: see `tune`.

    Raises:
        StockadeError: the table, the split or the search is at fault; the run ends FAILED if it
            had begun, and nothing is registered.
    """
    check_spec(spec)
    data, split = _prepare(spec, table, pinned)
    tags = {
        "stockade.model": spec.name,
        "stockade.training_table": pinned.training_table,
        "stockade.training_version": pinned.training_version,
        "stockade.metric": spec.metric,
        "stockade.runner": (running or Running()).runner,
    }
    with study_run(destination, name=f"{spec.name} study", tags=tags) as run:
        run.log(params=_study_params(spec, data, split))
        study = tune(spec, data, split, running=running, trials=trials, progress=progress)
        algorithm, winner = _winner(study)
        _log_study(run, study)
        model = fit_winner(spec, study, data)
        run.log(metrics=validation_metrics(winner), tags={"stockade.algorithm": algorithm})
        manifest = _manifest(spec, pinned, winner, data)
        version = run.register(model, manifest, _example(data))
        run.log(tags={"stockade.version": version})
    return _trained(
        study, data, split, winner=winner, algorithm=algorithm, version=version,
        run_id=run.run_id, name=destination.registered_model,
    )  # fmt: skip


def fit_winner(spec: ModelSpec, study: Study, data: LearningData) -> Predictor:
    """The study's winner, fitted on all of `data`; what `train` registers."""
    algorithm, winner = _winner(study)
    return fit(winner.params, algorithm, data, seed=spec.seed)


def learning_columns(spec: ModelSpec, inputs: tuple[str, ...]) -> Columns:
    """What is read of a model's training set, and what it means."""
    label = spec.training_set.label
    return Columns(
        inputs=inputs,
        label=label.name,
        decided_at=spec.training_set.spine.decided_at,
        state=label.state,
        entity=spec.review_entity,
    )


def _prepare(spec: ModelSpec, table: pa.Table, pinned: Pinned) -> tuple[LearningData, Split]:
    label = spec.training_set.label
    columns = learning_columns(spec, pinned.inputs)
    data = learning_data(table, columns, maturity=label.maturity, built_at=pinned.built_at)
    split = time_split(data.decided_at, data.labels, validation=spec.validation, gap=label.maturity)
    return data, split


def _winner(study: Study) -> tuple[Algorithm, Trial]:
    best, baseline = study.best, study.baseline.trial
    if study.value(best) > study.value(baseline):
        return "xgboost", best
    return "logistic", baseline


def _log_study(run: StudyRun, study: Study) -> None:
    run.log_trial(study.baseline.trial, name="baseline", algorithm="logistic")
    for trial in study.trials:
        run.log_trial(trial, name=f"trial {trial.number:03d}", algorithm="xgboost")


def _study_params(spec: ModelSpec, data: LearningData, split: Split) -> Mapping[str, object]:
    return {
        "metric": spec.metric,
        "review_capacity": spec.review_capacity,
        "review_entity": spec.review_entity or "each decision",
        "validation": spec.validation,
        "gap": spec.training_set.label.maturity,
        "seed": spec.seed,
        "training_rows": len(split.train),
        "validation_rows": len(split.validation),
        "rows": len(data),
        "positives": data.positives,
        "pending": data.pending,
        "immature": data.immature,
        "censored": data.censored,
    } | {f"search.{name}": one for name, one in spec.search.items()}


def _manifest(spec: ModelSpec, pinned: Pinned, winner: Trial, data: LearningData) -> Manifest:
    first, last = data.decided_at[0], data.decided_at[-1]
    return Manifest(
        inputs=pinned.inputs,
        fingerprints=pinned.fingerprints,
        definitions_json=pinned.definitions_json,
        training_table=pinned.training_table,
        training_version=pinned.training_version,
        label=spec.training_set.label.name,
        metrics=validation_metrics(winner),
        params=winner.params,
        seed=spec.seed,
        trained_on=f"{len(data)} decisions from {first} to {last} (UTC), all with mature labels",
    )


def _example(data: LearningData) -> Mapping[str, float]:
    """A made-up row, each column's median: an example must not be a real person's decision."""
    example: dict[str, float] = {}
    for j, name in enumerate(data.inputs):
        known = data.rows[:, j][~np.isnan(data.rows[:, j])]
        example[name] = float(np.median(known)) if len(known) else 0.0
    return example


def _trained(
    study: Study,
    data: LearningData,
    split: Split,
    *,
    winner: Trial,
    algorithm: Algorithm,
    version: int,
    run_id: str,
    name: str,
) -> TrainedModel:
    return TrainedModel(
        name=name,
        version=version,
        run_id=run_id,
        algorithm=algorithm,
        params=winner.params,
        validation=winner.judged(),
        baseline=study.baseline.trial.judged(),
        trials=study.trials,
        rows=len(data),
        positives=data.positives,
        training_rows=len(split.train),
        validation_rows=len(split.validation),
        pending=data.pending,
        immature=data.immature,
        censored=data.censored,
    )
