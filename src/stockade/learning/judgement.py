"""The winner of a search, judged on a period that the search has not seen."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
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
from stockade.learning.models import Fit, Params, fit_spec
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
    fit: Fit = fit_spec,
) -> Fitted:
    """Calibration and decision rule, from the validation periods of the search.

    Each period is scored by a model that was fitted on what was known before it.
    """
    late = data.take(slice(folds[0].validation.start, folds[-1].validation.stop))
    scores = np.concatenate(
        [
            fit(spec, params, algorithm, data.take(fold.train)).predict(data.rows[fold.validation])
            for fold in folds
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
    fit: Fit = fit_spec,
) -> Judgement:
    """Fit on what was known when the test period began, and judge on the period."""
    known, late = data.take(test.train), data.take(test.validation)
    model = fit_with_young(spec, params, algorithm, known, unlabelled.young, fit=fit)
    baseline = fit_spec(spec, {}, "logistic", known)
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
        unlabelled=_treatments(spec, algorithm, params, known, late, unlabelled, scores, fit=fit),
        learning=_learning_curve(spec, algorithm, params, known, late, fit=fit),
        cohorts=() if unlabelled.newest is None else unlabelled.newest.cohorts(),
        rival=None if champion is None else judge_rival(spec, champion, late, scores, flagged),
        rules=judge_rules(spec, late, scores),
        value_recall=value_recall(late, scores, capacity=spec.review_capacity),
    )


def _treatments(
    spec: ModelSpec,
    algorithm: Algorithm,
    params: Params,
    known: LearningData,
    late: LearningData,
    unlabelled: Unlabelled,
    scores: Numbers,
    *,
    fit: Fit,
) -> list[Treatment]:
    """Each on the test period; with nothing to treat, none."""
    found: list[Treatment] = []

    def judged(name: str, model: Predictor, rows: int) -> None:
        evaluation = evaluate_rows(spec, late, model.predict(late.rows), None)
        found.append(Treatment(name=name, rows=rows, evaluation=evaluation))

    young, before, during = unlabelled.young, unlabelled.cut_before, unlabelled.cut_during
    if young is not None:
        for how, name in TREATMENTS.items():
            model = fit_with_young(spec, params, algorithm, known, young, how=how, fit=fit)
            judged(f"young: {name}", model, 0 if how == "drop" else len(young.telling))
        wrong = fit_as_negatives(spec, params, algorithm, known, young.rows, fit=fit)
        judged("young: taken for honest where nothing is reported", wrong, len(young.rows))
    if before is not None:
        wrong = fit_as_negatives(spec, params, algorithm, known, before, fit=fit)
        judged("censored: taken for honest", wrong, len(before))
    if during is not None:
        model = fit_with_young(spec, params, algorithm, known, young, fit=fit)
        theirs = np.concatenate([scores, model.predict(during.rows)])
        both = appended(late, during, np.ones(len(during)))
        for outcome, name in ((False, "honest"), (True, "fraud")):
            labels = np.concatenate([late.labels, np.full(len(during), outcome)])
            bound = evaluate_rows(spec, replace(both, labels=labels), theirs, None)
            name = f"censored: judged as if all were {name}"
            found.append(Treatment(name=name, rows=len(during), evaluation=bound))
    return found


def _learning_curve(
    spec: ModelSpec,
    algorithm: Algorithm,
    params: Params,
    known: LearningData,
    late: LearningData,
    *,
    fit: Fit,
) -> list[LearningPoint]:
    """An eighth, a quarter, a half and all of the rows; parts of one class are left out."""
    points: list[LearningPoint] = []
    for part in (8, 4, 2, 1):
        latest = known.take(slice(len(known) - len(known) // part, len(known)))
        if latest.positives in (0, len(latest)):
            continue
        scores = fit(spec, params, algorithm, latest).predict(late.rows)
        points.append(
            LearningPoint(
                since=str(latest.decided_at[0].astype(_DAY)),
                rows=len(latest),
                positives=latest.positives,
                evaluation=evaluate_rows(spec, late, scores, None),
            )
        )
    return points


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
