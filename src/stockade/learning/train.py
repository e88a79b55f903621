"""From a training set to a registered model."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

import numpy as np
import pyarrow as pa

from stockade.champion import Champion
from stockade.definitions.model import RULES_SCORE, Algorithm, ModelSpec
from stockade.learning.card import CardFacts, card_markdown
from stockade.learning.data import Columns, LearningData, categories_of, learning_data
from stockade.learning.evaluate import Evaluation
from stockade.learning.figures import card_figures
from stockade.learning.judgement import Fitted, Judgement, fit_decisions, judge_winner
from stockade.learning.markdown import page
from stockade.learning.models import Value, check_spec, learner_of
from stockade.learning.recent import Unlabelled, fit_with_young, unlabelled
from stockade.learning.registry import load_model
from stockade.learning.split import Periods, walk_forward
from stockade.learning.tracking import (
    Destination,
    Manifest,
    ModelNotFoundError,
    study_run,
    validation_metrics,
)
from stockade.learning.trial import Trial
from stockade.learning.tune import Progress, Record, Running, Study, tune
from stockade.ngrams import input_of
from stockade.predictors import UnsafeModelError


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """What a model is pinned to when it is trained.

    Attributes:
        definitions_json: the definitions that the training set was built with.
        fingerprints: feature -> fingerprint.
        inputs: what the model sees, in order.
        training_table, training_version: the table and its version.
        training_place: its folder, or its name in the catalog.
        content_hash: of its rows.
        meanings: input -> what it means, for people.
        built_at: the training set's build date; decides which labels are mature. Without it, they
            are those of decisions before the first pending one.
    """

    definitions_json: str
    fingerprints: Mapping[str, str]
    inputs: tuple[str, ...]
    training_table: str
    training_version: str
    training_place: str
    content_hash: str
    meanings: Mapping[str, str] = field(default_factory=dict[str, str])
    built_at: datetime | None = None

    def __post_init__(self) -> None:
        """Copy what a caller could change."""
        object.__setattr__(self, "inputs", tuple(self.inputs))
        for name in ("fingerprints", "meanings"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedModel:
    """A model that was registered, and how it came about.

    Attributes:
        name, version: in the registry.
        run_id: the study's MLflow run.
        algorithm, params: of the winner.
        judgement: how it does on the test period.
        validation: the mean over the folds of the winner's trial.
        baseline: the same of the logistic regression.
        trials: every trial of the search.
        resumed: how many of them an earlier, interrupted call had evaluated.
        rows, positives: what the registered model was finally fitted on.
        training_rows, validation_rows: of the latest fold, and of all validation periods.
        pending, immature, censored: rows left out for want of a mature label, or of any.
    """

    name: str
    version: int
    run_id: str
    algorithm: Algorithm
    params: Mapping[str, Value]
    judgement: Judgement
    validation: Evaluation
    baseline: Evaluation
    trials: tuple[Trial, ...]
    resumed: int
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

    The winner is the trial with the best metric on the validation periods, or the logistic
    baseline, or the blend of both: of equals, the simpler. Fitted on what was known when the
    test period began, it is judged on that period: these metrics, named `test_...`, are the
    model's, and the search has seen nothing of them. Then it is fitted again, with the same
    parameters and seed, on all rows with a mature label, the test period's included: what is being
    fought changes, and a model without the last weeks would begin stale.

    The search begins with the champion's parameters, where there is one.

    Killed and called again with the same arguments, it goes on where it was.

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
    running = running or Running()
    data, periods, without = _prepare(spec, table, pinned)
    tags = {
        "stockade.model": spec.name,
        "stockade.training_table": pinned.training_table,
        "stockade.training_version": pinned.training_version,
        "stockade.metric": spec.metric,
        "stockade.runner": running.runner,
    }
    champion = _comparable(destination, pinned)
    begin = None if champion is None else champion.params
    fits = running.fits()
    said = f"{spec!r} {pinned!r} {trials} {running.runner} {running.parallelism} {begin!r}"
    key = hashlib.sha256(said.encode()).hexdigest()
    with study_run(destination, name=f"{spec.name} study", study=key, tags=tags) as run:
        run.log(params=_study_params(spec, data, periods))
        run.log_training_set(
            pinned.training_table, pinned.training_version,
            place=pinned.training_place, content_hash=pinned.content_hash, rows=table.num_rows,
        )  # fmt: skip
        study = tune(
            spec, data, periods.folds, running=running, trials=trials, progress=progress,
            begin=begin, fits=fits,
            record=Record(
                known=run.known,
                ended=lambda trial, result: run.log_trial(
                    trial, algorithm=learner_of(trial.params), result=result
                ),
            ),
        )  # fmt: skip
        for beside, learner in ((study.baseline, "logistic"), (study.blend, "blend")):
            if beside is not None and beside.number not in run.known:
                run.log_trial(beside, algorithm=learner, result={})
        algorithm, winner = study.winner
        fitted = fit_decisions(spec, algorithm, winner.params, data, periods.folds, fits=fits)
        judgement = judge_winner(
            spec, algorithm, winner.params, data, periods.test, fitted,
            unlabelled=without, champion=champion, fits=fits,
        )  # fmt: skip
        model = fit_with_young(spec, winner.params, algorithm, data, without.newest, fit=fits)
        metrics = {**validation_metrics(winner), **_test_metrics(judgement)}
        run.log(metrics=metrics, tags={"stockade.algorithm": algorithm})
        run.log_files("card", _card(spec, study, pinned, data, judgement))
        manifest = _manifest(spec, pinned, winner, data, metrics, fitted, judgement)
        version = run.register(model, manifest, _example(data))
        run.log(tags={"stockade.version": version})
    latest = periods.folds[-1]
    return TrainedModel(
        name=destination.registered_model,
        version=version,
        run_id=run.run_id,
        algorithm=algorithm,
        params=winner.params,
        judgement=judgement,
        validation=winner.judged(),
        baseline=study.baseline.judged(),
        trials=study.trials,
        resumed=sum(number >= 0 for number in run.known),
        rows=len(data),
        positives=data.positives,
        training_rows=latest.train.stop,
        validation_rows=latest.validation.stop - periods.folds[0].validation.start,
        pending=data.pending,
        immature=data.immature,
        censored=data.censored,
    )


def _test_metrics(judgement: Judgement) -> dict[str, float]:
    named = {
        "test": judgement.evaluation.numbers(),
        "test_baseline": judgement.baseline.numbers(),
        "test_low": {name: one.low for name, one in judgement.intervals.items()},
        "test_high": {name: one.high for name, one in judgement.intervals.items()},
    }
    if judgement.value_recall is not None:
        named["test"] = {**named["test"], "value_recall_at_capacity": judgement.value_recall}
    return {
        f"{period}_{name}": value for period, of in named.items() for name, value in of.items()
    } | {
        f"test_{what}_{line.action}": getattr(line, what)
        for line in judgement.outcomes
        for what in ("net", "prevented", "friction")
    }


def learning_columns(spec: ModelSpec, inputs: tuple[str, ...]) -> Columns:
    """What is read of a model's training set, and what it means."""
    label = spec.training_set.label
    return Columns(
        inputs=inputs,
        label=label.name,
        decided_at=spec.training_set.spine.decided_at,
        state=label.state,
        known_at=label.known_at,
        propensity=spec.propensity,
        entity=spec.review_entity,
        loss=None if spec.policy is None else spec.policy.loss,
        rules=None if spec.rules is None else RULES_SCORE,
        slices=spec.slices,
        texts=spec.texts,
    )


def _prepare(
    spec: ModelSpec, table: pa.Table, pinned: Pinned
) -> tuple[LearningData, Periods, Unlabelled]:
    label = spec.training_set.label
    columns = learning_columns(spec, pinned.inputs)
    columns = replace(columns, categories=categories_of(table, columns))
    data = learning_data(table, columns, maturity=label.maturity, built_at=pinned.built_at)
    periods = walk_forward(
        data, validation=spec.validation, folds=spec.folds, test=spec.test, gap=label.maturity
    )
    without = unlabelled(
        table, columns,
        begins=periods.test_begins, built_at=pinned.built_at, maturity=label.maturity,
    )  # fmt: skip
    return data, periods, without


def _study_params(spec: ModelSpec, data: LearningData, periods: Periods) -> Mapping[str, object]:
    return {
        "metric": spec.metric,
        "review_capacity": spec.review_capacity,
        "review_entity": spec.review_entity or "each decision",
        "validation": spec.validation,
        "folds": spec.folds,
        "test": spec.test,
        "gap": spec.training_set.label.maturity,
        "seed": spec.seed,
        "training_rows": [fold.train.stop for fold in periods.folds],
        "validation_rows": [fold.validation.stop - fold.validation.start for fold in periods.folds],
        "rows": len(data),
        "positives": data.positives,
        "pending": data.pending,
        "immature": data.immature,
        "censored": data.censored,
    } | {f"search.{name}": one for name, one in spec.search.items()}


def _manifest(
    spec: ModelSpec,
    pinned: Pinned,
    winner: Trial,
    data: LearningData,
    metrics: Mapping[str, float],
    fitted: Fitted,
    judgement: Judgement,
) -> Manifest:
    return Manifest(
        inputs=pinned.inputs,
        fingerprints=pinned.fingerprints,
        definitions_json=pinned.definitions_json,
        training_table=pinned.training_table,
        training_version=pinned.training_version,
        label=spec.training_set.label.name,
        metrics=metrics,
        calibration=fitted.calibration,
        rule=fitted.rule,
        judgement=judgement.document(),
        population=_population(data),
        meanings=pinned.meanings,
        categories=data.categories,
        texts=data.texts,
        params=winner.params,
        seed=spec.seed,
        trained_on=_trained_on(data),
    )


def _comparable(destination: Destination, pinned: Pinned) -> Champion | None:
    """The champion, if its features are computed as those of this training set are."""
    try:
        champion = load_model(destination)
    except (ModelNotFoundError, UnsafeModelError):
        # The gates will say that there was no comparison.
        return None
    same = all(pinned.fingerprints.get(k) == v for k, v in champion.fingerprints.items())
    return champion if same else None


def _card(
    spec: ModelSpec, study: Study, pinned: Pinned, data: LearningData, judgement: Judgement
) -> Mapping[str, bytes]:
    """The model card as Markdown and as one HTML file, its figures, and its numbers as JSON."""
    algorithm, winner = study.winner
    facts = CardFacts(
        spec=spec,
        algorithm=algorithm,
        params=winner.params,
        training=f"version {pinned.training_version} of table `{pinned.training_table}`: "
        f"{_trained_on(data)}",
        left_out={"pending": data.pending, "immature": data.immature, "censored": data.censored},
        fingerprints=pinned.fingerprints,
        meanings=pinned.meanings,
        trials=(
            len(study.trials),
            sum(trial.failed for trial in study.trials),
            sum(trial.stopped for trial in study.trials),
        ),
    )
    markdown, figures = card_markdown(facts, judgement), card_figures(judgement)
    return {
        "model_card.md": markdown.encode(),
        "model_card.html": page(markdown, figures).encode(),
        "judgement.json": json.dumps(judgement.document(), indent=1).encode(),
    } | {f"{caption.split(':')[0].lower().replace(' ', '_')}.png": png
         for caption, png in figures.items()}  # fmt: skip


def _trained_on(data: LearningData) -> str:
    first, last = (data.decided_at[n].astype("datetime64[s]") for n in (0, -1))
    return f"{len(data):,} decisions from {first} to {last} (UTC), all with mature labels"


def _population(data: LearningData) -> Mapping[str, tuple[float, ...]]:
    """The percentiles 1 to 99 of each input; none of an input that is never known.

    The extremes are left out: they would be somebody's.
    """
    percents = np.arange(1, 100)
    known = {name: data.rows[~np.isnan(data.rows[:, j]), j] for j, name in enumerate(data.inputs)}
    return {
        name: tuple(np.percentile(values, percents).astype(float)) if len(values) else ()
        for name, values in known.items()
        if name not in data.categories and input_of(name, data.texts) == name
    }


def _example(data: LearningData) -> Mapping[str, float | str]:
    """A made-up row, each column's median or commonest value.

    An example must not be a real person's decision.
    """
    example: dict[str, float | str] = dict.fromkeys(data.texts, "")
    for j, name in enumerate(data.inputs):
        if input_of(name, data.texts) in data.texts:
            continue
        if name in data.categories:
            example[name] = next(iter(data.categories[name]), "")
            continue
        known = data.rows[:, j][~np.isnan(data.rows[:, j])]
        example[name] = float(np.median(known)) if len(known) else 0.0
    return example
