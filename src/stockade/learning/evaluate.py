"""How good scores are: as a ranking, and as a queue that people can work off."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stockade.definitions.model import METRICS, Metric
from stockade.errors import DataError, UnknownNameError, hint
from stockade.learning.data import Codes, Instants


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What scores were worth on one period.

    Attributes:
        average_precision: area under the precision-recall curve, as a step function.
        roc_auc: chance that a positive outranks a negative.
        precision_at_capacity: mean over days of (positive entities found) / `capacity`.
        recall_at_capacity: positive entities found / all positive entities.
        brier: mean squared distance of the probability from 0 or 1 (Brier 1950).
        calibration_error: mean distance between mean probability and share of positives, over
            twenty bins of equally many rows.
        capacity: how many entities are reviewed a day.
        days: days that have rows; others are no working days and do not count.
        rows, positives: decisions, and those that turned out positive.
        entities, positive_entities, found_entities: what is reviewed, likewise.
    """

    average_precision: float
    roc_auc: float
    precision_at_capacity: float
    recall_at_capacity: float
    brier: float
    calibration_error: float
    capacity: int
    days: int
    rows: int
    positives: int
    entities: int
    positive_entities: int
    found_entities: int

    def metric(self, name: Metric) -> float:
        """The named metric; more is better for each."""
        if name not in METRICS:
            raise UnknownNameError(f"metric '{name}' is not one: {hint(name, METRICS)}")
        return float(getattr(self, name))

    def numbers(self) -> Mapping[str, float]:
        """Name -> number, metrics and counts."""
        return {name: float(value) for name, value in asdict(self).items()}


def evaluate(
    labels: NDArray[np.bool_],
    scores: NDArray[np.float64],
    decided_at: Instants,
    *,
    entities: Codes | None = None,
    capacity: int,
    probabilities: NDArray[np.float64] | None = None,
    weights: NDArray[np.float64] | None = None,
) -> Evaluation:
    """Judge one score per row.

    Args:
        labels: what became of each decision.
        scores: higher is more suspicious.
        decided_at: when; days are UTC days.
        entities: code of what is reviewed; the row itself where None.
        capacity: how many entities are reviewed a day.
        probabilities: the scores, calibrated; the scores themselves where None.
        weights: how often each row counts, once where None. What is found at capacity is counted
            unweighted: a queue holds the decisions that there were.

    Raises:
        DataError: a score is not finite, or the rows are of one class.
    """
    bad = int((~np.isfinite(scores)).sum())
    if bad:
        raise DataError(f"evaluation: {bad} of {len(scores)} scores are not finite numbers")
    positives = int(labels.sum())
    if positives in (0, len(labels)):
        raise DataError(
            f"evaluation: {positives} of {len(labels)} rows are positive, and both classes are "
            "needed: choose a longer period"
        )
    codes = np.arange(len(labels), dtype=np.int64) if entities is None else entities
    found = found_per_day(labels, scores, decided_at, codes=codes, capacity=capacity)
    positive_entities = len(np.unique(codes[labels]))
    believed = scores if probabilities is None else probabilities
    average_precision, roc_auc = areas(labels, scores, weights)
    return Evaluation(
        average_precision=average_precision,
        roc_auc=roc_auc,
        precision_at_capacity=float(np.mean(found / capacity)),
        recall_at_capacity=float(found.sum() / positive_entities),
        brier=float(np.average((believed - labels) ** 2, weights=weights)),
        calibration_error=calibration_error(labels, believed, weights),
        capacity=capacity,
        days=len(found),
        rows=len(labels),
        positives=positives,
        entities=len(np.unique(codes)),
        positive_entities=positive_entities,
        found_entities=int(found.sum()),
    )


def areas(
    labels: NDArray[np.bool_],
    scores: NDArray[np.floating],
    weights: NDArray[np.float64] | None = None,
) -> tuple[float, float]:
    """Average precision and ROC AUC, to the bit as scikit-learn computes them.

    Its own functions check what they are given at twenty times the cost, and a bootstrap asks
    hundreds of times.

    Args:
        labels: of both classes.
        scores: finite, one per row.
        weights: how often each row counts, above zero; once where None.
    """
    order = np.argsort(-scores, kind="stable")
    labels, scores = labels[order], scores[order]
    times = np.ones(len(order)) if weights is None else weights[order]
    # Rows of one score are taken together.
    ends = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
    true, false = np.cumsum(labels * times)[ends], np.cumsum(~labels * times)[ends]
    recall = np.append((true / true[-1])[::-1], 0.0)
    precision = (true / (true + false))[::-1]
    # Of the ROC curve only the ends of its straight lines.
    bends = (np.diff(true, 2) != 0) | (np.diff(false, 2) != 0)
    corners = np.flatnonzero(np.r_[True, bends, True])[: len(ends)]
    up, right = np.append(0.0, true[corners]) / true[-1], np.append(0.0, false[corners]) / false[-1]
    return (
        max(0.0, float(-np.sum(np.diff(recall) * precision))),
        float(np.sum(np.diff(right) * (up[1:] + up[:-1]) / 2.0)),
    )


def reliability(
    labels: NDArray[np.bool_],
    scores: NDArray[np.float64],
    weights: NDArray[np.float64] | None = None,
    *,
    bins: int = 20,
) -> list[tuple[float, float, int]]:
    """Mean score, share of positives and rows, of bins of equally many rows by score."""
    order = np.argsort(scores, kind="stable")
    times = np.ones(len(scores)) if weights is None else weights
    return [
        (
            float(np.average(scores[part], weights=times[part])),
            float(np.average(labels[part], weights=times[part])),
            len(part),
        )
        for part in np.array_split(order, bins)
        if len(part)
    ]


def calibration_error(
    labels: NDArray[np.bool_],
    scores: NDArray[np.float64],
    weights: NDArray[np.float64] | None = None,
) -> float:
    """Mean distance between mean score and share of positives, over those bins."""
    binned = reliability(labels, scores, weights)
    return sum(abs(mean - share) * rows for mean, share, rows in binned) / len(labels)


def mean_evaluation(evaluations: Sequence[Evaluation]) -> Evaluation:
    """One for several periods: metrics are averaged, each period counting alike; counts added."""
    numbers = [asdict(one) for one in evaluations]
    joined: dict[str, Any] = {}
    for name, value in numbers[0].items():
        values = [one[name] for one in numbers]
        joined[name] = float(np.mean(values)) if isinstance(value, float) else sum(values)
    return Evaluation(**{**joined, "capacity": evaluations[0].capacity})


def found_per_day(
    labels: NDArray[np.bool_],
    scores: NDArray[np.float64],
    decided_at: Instants,
    *,
    codes: Codes,
    capacity: int,
    amounts: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Positive entities found on each day that has rows; with `amounts`, what theirs sum up to.

    The Fraud Detection Handbook's card precision: per day an entity's score is its highest, the
    `capacity` highest are reviewed (of equal scores the lower code first), and an entity that was
    found is not reviewed again. Of an entity that is found, the amounts of that day's positive rows
    count; one that is not known counts nothing.
    """
    days = decided_at.astype("datetime64[D]")
    # One sort brings an entity's rows of a day together, the highest score first.
    order = np.lexsort((-scores, codes, days))
    day, code = days[order], codes[order]
    first = np.r_[True, (day[1:] != day[:-1]) | (code[1:] != code[:-1])]
    begins = np.flatnonzero(first)
    top = scores[order][begins]
    hit = np.maximum.reduceat(labels[order].astype(np.int8), begins).astype(np.bool_)
    worth = hit.astype(np.float64)
    if amounts is not None:
        worth = np.add.reduceat(np.where(labels, np.nan_to_num(amounts), 0.0)[order], begins)
    day, code = day[begins], code[begins]
    bounds = np.flatnonzero(np.r_[True, day[1:] != day[:-1], True])
    found = np.zeros(int(codes.max()) + 1, np.bool_)
    counts = np.zeros(len(bounds) - 1)
    # Days depend on each other through `found`; the loop is over days, not rows.
    for n, (low, high) in enumerate(pairwise(bounds)):
        left = low + np.flatnonzero(~found[code[low:high]])
        reviewed = left[np.argsort(-top[left], kind="stable")[:capacity]]
        caught = reviewed[hit[reviewed]]
        found[code[caught]] = True
        counts[n] = worth[caught].sum()
    return counts
