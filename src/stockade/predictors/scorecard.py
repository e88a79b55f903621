"""Points that are added up."""

import json
from dataclasses import dataclass
from typing import Self

import numpy as np

from stockade.predictors.model import Files, Matrix, Scores, UnsafeModelError


@dataclass(frozen=True, slots=True)
class Scale:
    """What one input adds to the log odds.

    Attributes:
        edges: ascending; a value lies in the first bin whose edge it does not exceed.
        points: one per bin, and at the end those of a missing value.
        centre: the mean over the rows that were fitted.
    """

    edges: Scores
    points: Scores
    centre: float

    def __call__(self, column: Matrix) -> Scores:
        """The points of n values."""
        missing = np.isnan(column)
        bins = np.searchsorted(self.edges, np.where(missing, 0.0, column), side="left")
        return self.points[np.where(missing, len(self.edges) + 1, bins)]


@dataclass(frozen=True, slots=True, eq=False)
class Scorecard:
    """Logistic regression on binned inputs: each bin has its points, and they are added up."""

    inputs: tuple[str, ...]
    scales: tuple[Scale, ...]
    intercept: float

    @property
    def algorithm(self) -> str:
        """Which learner made it."""
        return "logistic"

    def predict(self, rows: Matrix) -> Scores:
        """One probability per row; the same in whichever batch it is computed."""
        logit = np.full(len(rows), self.intercept)
        for j, scale in enumerate(self.scales):
            logit += scale(rows[:, j])
        # exp(700) is the last power of e that a double holds with room to spare.
        return 1.0 / (1.0 + np.exp(-np.clip(logit, -700.0, 700.0)))

    def contributions(self, rows: Matrix) -> Scores:
        """Points less their mean: the Shapley values of a sum."""
        columns = [scale(rows[:, j]) - scale.centre for j, scale in enumerate(self.scales)]
        return np.stack(columns, axis=1) if columns else np.zeros((len(rows), 0))

    def files(self) -> Files:
        """One JSON file; Python's text of a double reads back as the same double."""
        scales = [
            {"edges": one.edges.tolist(), "points": one.points.tolist(), "centre": one.centre}
            for one in self.scales
        ]
        content = {"inputs": list(self.inputs), "intercept": self.intercept, "scales": scales}
        return {"model.json": json.dumps(content, indent=1).encode()}

    @classmethod
    def from_files(cls, inputs: tuple[str, ...], files: Files) -> Self:
        """The points that `files` wrote."""
        try:
            content = json.loads(files["model.json"])
            scales = tuple(
                Scale(
                    np.asarray(one["edges"], np.float64),
                    np.asarray(one["points"], np.float64),
                    float(one["centre"]),
                )
                for one in content["scales"]
            )
            whole = all(len(one.points) == len(one.edges) + 2 for one in scales)
            if tuple(content["inputs"]) != inputs or len(scales) != len(inputs) or not whole:
                raise UnsafeModelError(
                    "model file 'model.json' was fitted on other columns than its manifest lists: "
                    "register the model again"
                )
            return cls(inputs, scales, float(content["intercept"]))
        except (ValueError, KeyError, TypeError) as fault:
            raise UnsafeModelError("model file 'model.json' is not a scorecard") from fault
