"""What reviewing more would find, and how steady a model is from day to day."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stockade.decisions import Numbers
from stockade.learning.data import LearningData
from stockade.learning.evaluate import areas
from stockade.learning.quality import LEAST_POSITIVES

_POINTS = 60
LIFT_SHARES = (0.001, 0.01, 0.05, 0.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayQuality:
    """One day of the test period.

    Attributes:
        day: which; UTC.
        rows, positives, flagged: decisions, those that turned out positive, those acted on.
        expected: the sum of the probabilities.
        roc_auc: how it ranks the day; None with too few positives to tell.
    """

    day: str
    rows: int
    positives: int
    expected: float
    flagged: int
    roc_auc: float | None


def gains(late: LearningData, scores: Numbers) -> list[tuple[float, float, float]]:
    """Share reviewed, the highest scores first; share of positives found; of their amounts."""
    order = np.argsort(-scores, kind="stable")
    found = late.labels[order].astype(np.float64)
    amounts = found if late.losses is None else found * np.nan_to_num(late.losses[order])
    # Close together where few are reviewed: there the curve is read.
    ends = np.unique(np.ceil(len(order) * np.linspace(0, 1, _POINTS) ** 3).astype(int))
    shares = [
        np.append(0.0, np.cumsum(each) / max(each.sum(), 1e-300)) for each in (found, amounts)
    ]
    return [(float(end / len(order)), float(shares[0][end]), float(shares[1][end])) for end in ends]


def lift(late: LearningData, scores: Numbers) -> list[tuple[float, float]]:
    """Share reviewed, the highest scores first; how many times more positives than by lot."""
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum(late.labels[order])
    ends = [max(1, round(len(order) * share)) for share in LIFT_SHARES]
    return [
        (share, float(found[end - 1] / end / late.labels.mean()))
        for share, end in zip(LIFT_SHARES, ends, strict=True)
    ]


def day_by_day(
    late: LearningData, scores: Numbers, probabilities: Numbers, flagged: NDArray[np.bool_]
) -> list[DayQuality]:
    """One line per day that has decisions."""
    days = late.decided_at.astype("datetime64[D]")
    lines: list[DayQuality] = []
    for day in np.unique(days):
        rows = days == day
        positives = int(late.labels[rows].sum())
        enough = LEAST_POSITIVES <= positives < int(rows.sum())
        lines.append(
            DayQuality(
                day=str(day),
                rows=int(rows.sum()),
                positives=positives,
                expected=float(probabilities[rows].sum()),
                flagged=int(flagged[rows].sum()),
                roc_auc=areas(late.labels[rows], scores[rows])[1] if enough else None,
            )
        )
    return lines
