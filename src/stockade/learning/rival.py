"""The champion on the challenger's test period, and whose decision would change."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stockade.champion import Champion
from stockade.decisions import Numbers
from stockade.definitions.model import ModelSpec
from stockade.learning.data import LearningData
from stockade.learning.evaluate import Evaluation
from stockade.learning.quality import (
    Difference,
    by_slice,
    differences,
    evaluate_rows,
    flagged_rows,
)
from stockade.predictors import Matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class Swaps:
    """Whose decision changes: flagged by both, by the new model only, by the old one only."""

    both: int
    both_positives: int
    gained: int
    gained_positives: int
    lost: int
    lost_positives: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """The champion on the challenger's test period.

    It may have learnt from a part of that period, which only makes it harder to beat.

    Attributes:
        version: which.
        evaluation: how it does.
        difference: by how much the challenger's metric is higher, on the same draws.
        slices: `column: value` -> ROC AUC, None with too few positives.
        swaps: whose decision would change.
    """

    version: int
    evaluation: Evaluation
    difference: Difference
    slices: Mapping[str, float | None]
    swaps: Swaps


def judge_rival(
    spec: ModelSpec,
    champion: Champion,
    late: LearningData,
    ours: Numbers,
    flagged: NDArray[np.bool_],
) -> Rival | None:
    """How the champion does where the challenger has these scores; None if inputs are missing."""
    if not set(champion.columns) <= set(late.inputs):
        return None
    scores = champion.predictor().predict(_as_learnt(champion, late))
    probabilities = champion.calibration(scores)
    theirs = flagged_rows(spec, champion.rule, late, scores, probabilities)
    gained, lost = flagged & ~theirs, theirs & ~flagged
    return Rival(
        version=champion.version,
        evaluation=evaluate_rows(spec, late, scores, probabilities),
        difference=differences(late, ours, scores, capacity=spec.review_capacity, seed=spec.seed)[
            spec.metric
        ],
        slices={
            f"{line.column}: {line.value}": line.roc_auc
            for line in by_slice(late, scores, probabilities, theirs)[1:]
        },
        swaps=Swaps(
            both=int((flagged & theirs).sum()),
            both_positives=int(late.labels[flagged & theirs].sum()),
            gained=int(gained.sum()),
            gained_positives=int(late.labels[gained].sum()),
            lost=int(lost.sum()),
            lost_positives=int(late.labels[lost].sum()),
        ),
    )


def _as_learnt(champion: Champion, late: LearningData) -> Matrix:
    """The rows as the champion reads them: its own inputs, its own numbers for categories."""
    rows = np.ascontiguousarray(late.rows[:, [late.inputs.index(one) for one in champion.columns]])
    for j, name in enumerate(champion.columns):
        if name not in champion.categories:
            continue
        places = {value: n for n, value in enumerate(champion.categories[name])}
        ours = [places.get(value, np.nan) for value in late.categories.get(name, ())]
        known = ~np.isnan(rows[:, j])
        rows[known, j] = np.array(ours, np.float32)[rows[known, j].astype(np.int64)]
    return rows
