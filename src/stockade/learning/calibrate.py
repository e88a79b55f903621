"""Probabilities that mean what they say, from the scores of a later time."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from stockade.decisions import Calibration, Numbers

Labels = NDArray[np.bool_]

# Isotonic fits and the knots they leave: enough that nothing is lost, few enough to be stored.
_BINS = 1000
_GRID = 200
# With fewer of either class a curve would be drawn through noise.
_LEAST = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationChoice:
    """A fitted calibration, and how the methods did on rows later than those they were fitted on.

    Attributes:
        calibration: the best method's, fitted on all rows.
        losses: method -> mean log loss on the last third; empty where there were too few rows.
    """

    calibration: Calibration
    losses: Mapping[str, float]


def choose_calibration(
    scores: Numbers, labels: Labels, weights: Numbers | None = None
) -> CalibrationChoice:
    """Fit each method on the first two thirds, judge it on the last, take the best; fit on all.

    The methods: none; Platt's sigmoid (Platt 1999) on the score's log odds; isotonic regression
    (Zadrozny & Elkan 2002); and inductive Venn-Abers predictors (Vovk & Petej 2014), whose pair of
    probabilities becomes the one with the least regret, p1 / (1 - p0 + p1).

    Args:
        scores: n scores in [0, 1] in order of time, of decisions that the model was not fitted on.
        labels: what became of them.
        weights: how often each counts; once where None.
    """
    times = np.ones(len(scores)) if weights is None else weights
    cut = len(scores) * 2 // 3
    if min(_rarest(labels[:cut]), _rarest(labels[cut:])) < _LEAST:
        return CalibrationChoice(calibration=Calibration.none(), losses={})
    losses = {
        method: log_loss(
            labels[cut:], fit(scores[:cut], labels[:cut], times[:cut])(scores[cut:]), times[cut:]
        )
        for method, fit in METHODS.items()
    }
    best = min(losses, key=lambda method: losses[method])
    return CalibrationChoice(calibration=METHODS[best](scores, labels, times), losses=losses)


def log_loss(labels: Labels, probabilities: Numbers, weights: Numbers | None = None) -> float:
    """Mean log loss; a probability of 0 or 1 counts as one of 1e-6 from it."""
    bounded = np.clip(probabilities, 1e-6, 1 - 1e-6)
    losses = np.where(labels, np.log(bounded), np.log1p(-bounded))
    return float(-np.average(losses, weights=weights))


def _none(_scores: Numbers, _labels: Labels, _weights: Numbers) -> Calibration:
    return Calibration.none()


def _platt(scores: Numbers, labels: Labels, weights: Numbers) -> Calibration:
    model = LogisticRegression(C=1e6, max_iter=1000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(_log_odds(scores)[:, None], labels, sample_weight=weights)
    knots = _knots(scores)
    slope, intercept = float(model.coef_[0, 0]), float(np.asarray(model.intercept_)[0])
    # Scores that mislead are worth nothing; turned round they would be a fluke.
    logit = max(slope, 0.0) * _log_odds(knots) + intercept
    return Calibration("platt", knots, 1 / (1 + np.exp(-logit)))


def _isotonic(scores: Numbers, labels: Labels, weights: Numbers) -> Calibration:
    centres, means, counts = _binned(scores, labels, weights)
    fitted = _rising(centres, means, counts)
    # A bin of nothing but honest decisions does not make the next one honest for certain.
    least = 1 / (len(labels) + 2)
    return Calibration("isotonic", centres, np.clip(fitted.predict(centres), least, 1 - least))


def _venn_abers(scores: Numbers, labels: Labels, weights: Numbers) -> Calibration:
    centres, means, counts = _binned(scores, labels, weights)
    knots = _knots(scores)
    both = np.empty((2, len(knots)))
    for outcome in (0, 1):
        for n, knot in enumerate(knots):
            fitted = _rising(
                np.append(centres, knot), np.append(means, outcome), np.append(counts, 1)
            )
            both[outcome, n] = fitted.predict([knot])[0]
    merged = both[1] / (1 - both[0] + both[1])
    return Calibration("venn-abers", knots, np.maximum.accumulate(merged))


METHODS: Mapping[str, Callable[[Numbers, Labels, Numbers], Calibration]] = {
    "none": _none,
    "platt": _platt,
    "isotonic": _isotonic,
    "venn-abers": _venn_abers,
}


def _rising(scores: Numbers, means: Numbers, counts: Numbers) -> IsotonicRegression:
    fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    fitted.fit(scores, means, sample_weight=counts)
    return fitted


def _binned(scores: Numbers, labels: Labels, weights: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Mean score, share of positives and weight of bins of like scores; equal scores share one."""
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, _BINS + 1)))
    bins = np.searchsorted(edges, scores, side="left")
    counts = np.bincount(bins, weights=weights).astype(np.float64)
    kept = counts > 0
    counts = counts[kept]
    centres = np.bincount(bins, weights=scores * weights)[kept] / counts
    return centres, np.bincount(bins, weights=labels * weights)[kept] / counts, counts


def _knots(scores: Numbers) -> Numbers:
    """Scores to draw a curve through: half by rank, half by size, and both ends."""
    ranks = np.quantile(scores, np.linspace(0, 1, _GRID // 2))
    return np.unique(np.concatenate([[0.0, 1.0], ranks, np.linspace(0, 1, _GRID // 2)]))


def _log_odds(scores: Numbers) -> Numbers:
    bounded = np.clip(scores, 1e-9, 1 - 1e-9)
    return np.log(bounded) - np.log1p(-bounded)


def _rarest(labels: Labels) -> int:
    positives = int(labels.sum())
    return min(positives, len(labels) - positives)
