"""How sure the figures are, for whom they hold, and what they are worth in money."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stockade.decisions import DecisionRule, Numbers
from stockade.definitions.model import METRICS, ModelSpec
from stockade.learning.data import LearningData
from stockade.learning.evaluate import Evaluation, areas, evaluate, found_per_day

_RESAMPLES = 200
_LEVEL = 0.90
# What a slice with fewer positives shows is chance.
LEAST_POSITIVES = 10
# A normal variable lies beyond so many deviations on either side once in twenty times.
TAIL = 1.645


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Where a metric lies with 90 % confidence."""

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """By how much a metric is higher: on average, and where that lies with 90 % confidence."""

    mean: float
    low: float
    high: float


def intervals(
    data: LearningData, scores: Numbers, *, capacity: int, seed: int = 0
) -> Mapping[str, Interval]:
    """Bootstrap intervals that know that rows are not independent.

    Days and entities are both drawn anew, each with a Poisson(1) weight, and a row counts as often
    as its day times its entity (the product weights of Owen & Eckles 2012): fraud comes in waves
    and in series, and rows drawn one by one would make the intervals far too narrow. What is found
    at capacity depends on days alone.

    Args:
        data: the rows, in order of time.
        scores: one per row.
        capacity: how many entities are reviewed a day.
        seed: of the draws.
    """
    drawn = _drawn(data, [scores], capacity=capacity, seed=seed)
    return {name: _interval(values[:, 0]) for name, values in drawn.items() if len(values)}


def differences(
    data: LearningData, ours: Numbers, theirs: Numbers, *, capacity: int, seed: int = 0
) -> Mapping[str, Difference]:
    """How much better one model's scores are than another's, on the same draws of `intervals`."""
    drawn = _drawn(data, [ours, theirs], capacity=capacity, seed=seed)
    gains = {name: values[:, 0] - values[:, 1] for name, values in drawn.items() if len(values)}
    return {
        name: Difference(
            mean=float(gain.mean()), low=_interval(gain).low, high=_interval(gain).high
        )
        for name, gain in gains.items()
    }


def _drawn(
    data: LearningData, models: Sequence[Numbers], *, capacity: int, seed: int
) -> Mapping[str, NDArray[np.float64]]:
    """Metric -> draws x models."""
    random = np.random.default_rng(seed)
    _, day = np.unique(data.decided_at.astype("datetime64[D]"), return_inverse=True)
    _, entity = np.unique(data.entities, return_inverse=True)
    found = [
        found_per_day(data.labels, scores, data.decided_at, codes=data.entities, capacity=capacity)
        for scores in models
    ]
    positive_entities = len(np.unique(data.entities[data.labels]))
    drawn: dict[str, list[list[float]]] = {name: [] for name in METRICS}
    own = np.ones(len(data)) if data.weights is None else data.weights
    for _ in range(_RESAMPLES):
        days = random.poisson(1.0, int(day.max()) + 1)
        weights = days[day] * random.poisson(1.0, int(entity.max()) + 1)[entity]
        kept = np.flatnonzero(weights)
        labels, times = data.labels[kept], weights[kept] * own[kept]
        if labels.all() or not labels.any():
            continue
        under = [areas(labels, scores[kept], times) for scores in models]
        drawn["average_precision"].append([each[0] for each in under])
        drawn["roc_auc"].append([each[1] for each in under])
        # Per drawn day: of its reviews, and of an average day's positives.
        per_day = [float((each * days).sum() / days.sum()) for each in found]
        drawn["precision_at_capacity"].append([each / capacity for each in per_day])
        drawn["recall_at_capacity"].append(
            [min(1.0, each * len(days) / positive_entities) for each in per_day]
        )
    return {name: np.array(values) for name, values in drawn.items()}


def _interval(values: NDArray[np.float64]) -> Interval:
    low, high = np.percentile(values, (50 * (1 - _LEVEL), 50 * (1 + _LEVEL)))
    return Interval(low=float(low), high=float(high))


def flagged_rows(
    spec: ModelSpec,
    rule: DecisionRule | None,
    late: LearningData,
    scores: Numbers,
    probabilities: Numbers,
) -> NDArray[np.bool_]:
    """The rows that somebody would have acted on: the policy's, or each day's highest scores.

    What the lot decides would only add noise to a judgement: actions are those that were due.
    """
    if rule is not None and late.losses is not None:
        return rule.due(probabilities, late.losses) > 0
    flagged = np.zeros(len(late), np.bool_)
    days = late.decided_at.astype("datetime64[D]")
    for day in np.unique(days):
        rows = np.flatnonzero(days == day)
        flagged[rows[np.argsort(-scores[rows], kind="stable")[: spec.review_capacity]]] = True
    return flagged


def evaluate_rows(
    spec: ModelSpec, late: LearningData, scores: Numbers, probabilities: Numbers | None
) -> Evaluation:
    """The same for rows of a training set, as the model's definition judges."""
    return evaluate(
        late.labels,
        scores,
        late.decided_at,
        entities=late.entities,
        capacity=spec.review_capacity,
        probabilities=probabilities,
        weights=late.weights,
    )


def value_recall(late: LearningData, scores: Numbers, *, capacity: int) -> float | None:
    """Share of the positives' amounts that reviews at capacity find; None without amounts.

    Found are the amounts of a day's positive decisions whose entity is reviewed that day.
    """
    if late.losses is None:
        return None
    at_risk = float(np.nan_to_num(late.losses[late.labels]).sum())
    found = found_per_day(
        late.labels, scores, late.decided_at,
        codes=late.entities, capacity=capacity, amounts=late.losses,
    )  # fmt: skip
    return float(found.sum()) / at_risk if at_risk else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceQuality:
    """How a model does where one column has one value.

    Attributes:
        column, value: which rows.
        rows, positives: how many.
        expected: the mean probability; calibrated means near `observed`.
        observed: the share of positives.
        average_precision, roc_auc: None with too few positives to tell.
        flagged: share of rows with another action than the first.
        false_alarms: share of honest rows among these; unequal ones burden some customers more.
        found: share of positives among these.
    """

    column: str
    value: str
    rows: int
    positives: int
    expected: float
    observed: float
    average_precision: float | None
    roc_auc: float | None
    flagged: float
    false_alarms: float | None
    found: float | None


def by_slice(
    data: LearningData, scores: Numbers, probabilities: Numbers, flagged: NDArray[np.bool_]
) -> list[SliceQuality]:
    """One line per column and value of `data.slices`; the first line is of all rows.

    Args:
        data: n rows.
        scores: by which they are ranked.
        probabilities: the scores, calibrated.
        flagged: which of them are acted on.
    """
    chosen = [("", "all", np.ones(len(data), np.bool_))]
    chosen += [
        (column, str(value), values == value)
        for column, values in data.slices.items()
        for value in np.unique(values)
    ]
    return [
        _slice(column, value, data.labels[rows], scores[rows], probabilities[rows], flagged[rows])
        for column, value, rows in chosen
    ]


def _slice(
    column: str,
    value: str,
    labels: NDArray[np.bool_],
    scores: Numbers,
    probabilities: Numbers,
    alarm: NDArray[np.bool_],
) -> SliceQuality:
    positives = int(labels.sum())
    enough = LEAST_POSITIVES <= positives < len(labels)
    average_precision, roc_auc = areas(labels, scores) if enough else (None, None)
    return SliceQuality(
        column=column,
        value=value,
        rows=len(labels),
        positives=positives,
        expected=float(probabilities.mean()),
        observed=float(labels.mean()),
        average_precision=average_precision,
        roc_auc=roc_auc,
        flagged=float(alarm.mean()),
        false_alarms=float(alarm[~labels].mean()) if positives < len(labels) else None,
        found=float(alarm[labels].mean()) if positives else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionOutcome:
    """What became of the decisions that one action was chosen for, as the policy counts.

    Attributes:
        action: its name.
        decisions, positives: how many, and how many of them turned out positive.
        at_risk: the positives' amounts.
        prevented: the part of it that the action spares.
        cost: of acting.
        friction: what it cost with honest decisions.
    """

    action: str
    decisions: int
    positives: int
    at_risk: float
    prevented: float
    cost: float
    friction: float

    @property
    def net(self) -> float:
        """What was spared, less what it cost."""
        return self.prevented - self.cost - self.friction


def outcomes(
    data: LearningData, rule: DecisionRule, actions: NDArray[np.int64]
) -> list[ActionOutcome]:
    """One line per action of the policy, in its order; `data.losses` must be there."""
    if data.losses is None:
        return []
    losses = rule.losses(data.losses)
    lines: list[ActionOutcome] = []
    for number, action in enumerate(rule.policy.actions):
        chosen = actions == number
        labels = data.labels[chosen]
        at_risk = float(losses[chosen][labels].sum())
        lines.append(
            ActionOutcome(
                action=action.name,
                decisions=len(labels),
                positives=int(labels.sum()),
                at_risk=at_risk,
                prevented=at_risk * action.prevented,
                cost=action.cost * len(labels),
                friction=action.friction * int((~labels).sum()),
            )
        )
    return lines
