"""The winner of a search, judged on a period that the search has not seen."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stockade.champion import Champion
from stockade.decisions import Calibration, DecisionRule, Numbers, fit_rule
from stockade.definitions.model import Algorithm, ModelSpec
from stockade.learning.calibrate import CalibrationChoice, choose_calibration
from stockade.learning.curves import DayQuality, day_by_day, gains, lift
from stockade.learning.data import LearningData, appended
from stockade.learning.evaluate import Evaluation, calibration_error, reliability
from stockade.learning.fits import Fits
from stockade.learning.models import Params
from stockade.learning.quality import (
    ActionOutcome,
    Interval,
    SliceQuality,
    by_slice,
    evaluate_rows,
    flagged_rows,
    intervals,
    outcomes,
    value_recall,
)
from stockade.learning.recent import (
    TREATMENTS,
    Cohort,
    Unlabelled,
    fit_as_negatives,
    fit_with_young,
)
from stockade.learning.rival import Rival, judge_rival
from stockade.learning.rules import RulesQuality, judge_rules
from stockade.learning.split import Split
from stockade.ngrams import by_input, input_of
from stockade.predictors import Predictor

Flags = NDArray[np.bool_]

_DAY = "datetime64[D]"
_POINTS, _SAMPLE = 60, 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningPoint:
    """How well the winner does when it learns from its latest rows only.

    Attributes:
        since: the first day that it learns from.
        rows, positives: how many rows that are, and how many of them positive.
        evaluation: on the test period.
    """

    since: str
    rows: int
    positives: int
    evaluation: Evaluation


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """The winner fitted with another treatment of decisions without a label, on the test period.

    Attributes:
        name: what was done with them.
        rows: how many were added to the mature ones, or to the test period.
        evaluation: how it does.
    """

    name: str
    rows: int
    evaluation: Evaluation


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """All that is known of how good a model is, from its test period.

    Attributes:
        first, last: the period's first and last day.
        evaluation: of the winner, as fitted on what was known when the period began.
        baseline: of the logistic regression, likewise.
        intervals: metric -> where it lies with 90 % confidence.
        calibration: how scores become probabilities.
        calibration_losses: method -> log loss when it was chosen, on validation periods.
        uncalibrated_error: the calibration error of the bare scores.
        reliability: mean probability, share of positives, rows; by twentieths.
        gains: share of decisions reviewed, the highest scores first; share of positives found;
            share of their amounts found (of their number where amounts are unknown).
        lift: share of decisions reviewed, the highest scores first; how many times more positives
            are among them than among as many by lot.
        importance: input -> mean absolute contribution to the log odds, the largest first.
        slices: how it does where; first of all rows.
        outcomes: what the policy's actions were worth; empty without a policy.
        days: the period day by day.
        metric: what the search maximised.
        missing: input -> share of rows without it, in training and on the test period.
        microseconds: how long one row took to score.
        unlabelled: what decisions without a label would have changed.
        cohorts: what is known, on the build date, of the days too young for their label.
        learning: the winner fitted on the latest part of its rows only; the largest part last.
        rival: the champion of that day on the same period; None where there was none, or where
            its features are not in the training set.
        rules: the model's rules on the same period; None without rules.
        value_recall: share of the positives' amounts that reviews at capacity find; None where
            amounts are unknown.
    """

    first: str
    last: str
    evaluation: Evaluation
    baseline: Evaluation
    intervals: Mapping[str, Interval]
    calibration: str
    calibration_losses: Mapping[str, float]
    uncalibrated_error: float
    reliability: Sequence[tuple[float, float, int]]
    gains: Sequence[tuple[float, float, float]]
    lift: Sequence[tuple[float, float]]
    importance: Mapping[str, float]
    slices: Sequence[SliceQuality]
    outcomes: Sequence[ActionOutcome]
    days: Sequence[DayQuality]
    metric: str
    missing: Mapping[str, tuple[float, float]]
    microseconds: float = field(compare=False)
    unlabelled: Sequence[Treatment]
    cohorts: Sequence[Cohort]
    learning: Sequence[LearningPoint]
    rival: Rival | None
    rules: RulesQuality | None = None
    value_recall: float | None = None

    def document(self) -> dict[str, Any]:
        """As plain JSON types."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What the validation periods taught beside the parameters: probabilities and decisions."""

    choice: CalibrationChoice
    rule: DecisionRule | None

    @property
    def calibration(self) -> Calibration:
        """How scores become probabilities."""
        return self.choice.calibration


def fit_decisions(
    spec: ModelSpec,
    algorithm: Algorithm,
    params: Params,
    data: LearningData,
    folds: Sequence[Split],
    *,
    fits: Fits,
) -> Fitted:
    """Calibration and decision rule, from the validation periods of the search.

    Each period is scored by a model that was fitted on what was known before it.
    """
    late = data.take(slice(folds[0].validation.start, folds[-1].validation.stop))
    models = fits.all(
        [partial(fits, spec, params, algorithm, data.take(fold.train)) for fold in folds]
    )
    scores = np.concatenate(
        [
            model.predict(data.rows[fold.validation])
            for model, fold in zip(models, folds, strict=True)
        ]
    )
    choice = choose_calibration(scores, late.labels, late.weights)
    if spec.policy is None or late.losses is None:
        return Fitted(choice=choice, rule=None)
    rule = fit_rule(
        spec.policy,
        choice.calibration(scores),
        late.losses,
        days=late.decided_at.astype(_DAY),
        entities=late.entities,
        capacity=spec.review_capacity,
    )
    return Fitted(choice=choice, rule=rule)


def judge_winner(
    spec: ModelSpec,
    algorithm: Algorithm,
    params: Params,
    data: LearningData,
    test: Split,
    fitted: Fitted,
    *,
    unlabelled: Unlabelled,
    champion: Champion | None = None,
    fits: Fits,
) -> Judgement:
    """Fit on what was known when the test period began, and judge on the period."""
    known, late = data.take(test.train), data.take(test.validation)
    young = unlabelled.young
    treated = _treated(spec, algorithm, params, known, unlabelled, fits=fits)
    latest = _latest(known)
    model, baseline, *others = fits.all(
        [
            partial(fit_with_young, spec, params, algorithm, known, young, fit=fits),
            partial(fits, spec, {}, "logistic", known),
            *treated.values(),
            *(partial(fits, spec, params, algorithm, part) for part in latest),
        ]
    )
    judged = [evaluate_rows(spec, late, one.predict(late.rows), None) for one in others]
    begun = time.perf_counter()
    scores = model.predict(late.rows)
    took = (time.perf_counter() - begun) / len(late)
    probabilities = fitted.calibration(scores)
    flagged = flagged_rows(spec, fitted.rule, late, scores, probabilities)
    return Judgement(
        first=str(late.decided_at[0].astype(_DAY)),
        last=str(late.decided_at[-1].astype(_DAY)),
        evaluation=evaluate_rows(spec, late, scores, probabilities),
        baseline=evaluate_rows(spec, late, baseline.predict(late.rows), None),
        intervals=intervals(late, scores, capacity=spec.review_capacity, seed=spec.seed),
        calibration=fitted.calibration.method,
        calibration_losses=fitted.choice.losses,
        uncalibrated_error=calibration_error(late.labels, scores, late.weights),
        reliability=reliability(late.labels, probabilities, late.weights),
        gains=gains(late, scores),
        lift=lift(late, scores),
        importance=_importance(model, late),
        slices=by_slice(late, scores, probabilities, flagged),
        outcomes=_outcomes(fitted.rule, late, probabilities),
        days=day_by_day(late, scores, probabilities, flagged),
        metric=spec.metric,
        missing={
            input_of(name, late.texts): (
                float(np.isnan(known.rows[:, j]).mean()),
                float(np.isnan(late.rows[:, j]).mean()),
            )
            for j, name in enumerate(late.inputs)
        },
        microseconds=took * 1e6,
        unlabelled=[
            Treatment(name=name, rows=rows, evaluation=one)
            for (name, rows), one in zip(treated, judged[: len(treated)], strict=True)
        ]
        + _bounds(spec, model, late, unlabelled.cut_during, scores),
        learning=[
            _learning_point(part, one)
            for part, one in zip(latest, judged[len(treated) :], strict=True)
        ],
        cohorts=() if unlabelled.newest is None else unlabelled.newest.cohorts(),
        rival=None if champion is None else judge_rival(spec, champion, late, scores, flagged),
        rules=judge_rules(spec, late, scores),
        value_recall=value_recall(late, scores, capacity=spec.review_capacity),
    )


def _treated(
    spec: ModelSpec,
    algorithm: Algorithm,
    params: Params,
    known: LearningData,
    unlabelled: Unlabelled,
    *,
    fits: Fits,
) -> Mapping[tuple[str, int], Callable[[], Predictor]]:
    """Each treatment, by name and number of rows added; with nothing to treat, none."""
    treated: dict[tuple[str, int], Callable[[], Predictor]] = {}
    fit = partial(fit_with_young, spec, params, algorithm, known, unlabelled.young, fit=fits)
    wrong = partial(fit_as_negatives, spec, params, algorithm, known, fit=fits)
    young, before = unlabelled.young, unlabelled.cut_before
    if young is not None:
        for how, name in TREATMENTS.items():
            rows = 0 if how == "drop" else len(young.telling)
            treated[f"young: {name}", rows] = partial(fit, how=how)
        name = "young: taken for honest where nothing is reported"
        treated[name, len(young.rows)] = partial(wrong, young.rows)
    if before is not None:
        treated["censored: taken for honest", len(before)] = partial(wrong, before)
    return treated


def _bounds(
    spec: ModelSpec,
    model: Predictor,
    late: LearningData,
    during: LearningData | None,
    scores: Numbers,
) -> list[Treatment]:
    """The model on the test period, its censored decisions judged as if all were of one kind."""
    if during is None:
        return []
    theirs = np.concatenate([scores, model.predict(during.rows)])
    both = appended(late, during, np.ones(len(during)))
    found: list[Treatment] = []
    for outcome, name in ((False, "honest"), (True, "fraud")):
        labels = np.concatenate([late.labels, np.full(len(during), outcome)])
        bound = evaluate_rows(spec, replace(both, labels=labels), theirs, None)
        name = f"censored: judged as if all were {name}"
        found.append(Treatment(name=name, rows=len(during), evaluation=bound))
    return found


def _latest(known: LearningData) -> list[LearningData]:
    """The latest eighth, quarter, half and all of the rows; parts of one class are left out."""
    parts = [
        known.take(slice(len(known) - len(known) // part, len(known))) for part in (8, 4, 2, 1)
    ]
    return [part for part in parts if part.positives not in (0, len(part))]


def _learning_point(latest: LearningData, evaluation: Evaluation) -> LearningPoint:
    return LearningPoint(
        since=str(latest.decided_at[0].astype(_DAY)),
        rows=len(latest),
        positives=latest.positives,
        evaluation=evaluation,
    )


def _outcomes(
    rule: DecisionRule | None, late: LearningData, probabilities: Numbers
) -> list[ActionOutcome]:
    if rule is None or late.losses is None:
        return []
    return outcomes(late, rule, rule.due(probabilities, late.losses))


def _importance(model: Predictor, late: LearningData) -> Mapping[str, float]:
    step = max(1, len(late) // _SAMPLE)
    inputs, added = by_input(
        model.contributions(np.ascontiguousarray(late.rows[::step])), late.inputs, late.texts
    )
    mean = np.abs(added).mean(axis=0)
    order = np.argsort(-mean, kind="stable")
    return {inputs[j]: float(mean[j]) for j in order}
