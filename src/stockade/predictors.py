"""Fitted models as numbers: how they predict, and their files."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, Self

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from stockade.errors import StockadeError

# Spark's Python workers import this: no mlflow, scikit-learn or hyperopt here.

Matrix = NDArray[np.float32]
Scores = NDArray[np.float64]
Files = Mapping[str, bytes]


class UnsafeModelError(StockadeError):
    """Raised when a model's files are not the registered ones or could run code."""


class Predictor(Protocol):
    """A fitted model: numbers in, probabilities out."""

    @property
    def algorithm(self) -> str:
        """Which learner made it."""
        ...

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns of `predict`'s matrix, in order."""
        ...

    def predict(self, rows: Matrix) -> Scores:
        """One probability per row; the same to the bit however rows are batched."""
        ...

    def contributions(self, rows: Matrix) -> Scores:
        """What each input (a column) adds to a row's log odds, against an average row."""
        ...

    def files(self) -> Files:
        """File name -> content: all there is to the model, as data."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class BoosterMean:
    """Gradient-boosted trees; of several seeds, the mean probability."""

    inputs: tuple[str, ...]
    boosters: tuple[xgb.Booster, ...]

    @property
    def algorithm(self) -> str:
        """Which learner made it."""
        return "xgboost"

    def predict(self, rows: Matrix) -> Scores:
        """Mean probability over the seeds; NaN is a missing value."""
        if len(rows) == 0:
            return np.empty(0)
        total = np.zeros(len(rows))
        for booster in self.boosters:
            total += np.asarray(booster.inplace_predict(rows, validate_features=False))
        return total / len(self.boosters)

    def contributions(self, rows: Matrix) -> Scores:
        """Exact Shapley values of the trees (Lundberg et al. 2020); the mean over the seeds."""
        total = np.zeros((len(rows), len(self.inputs)))
        if len(rows) == 0:
            return total
        matrix = xgb.DMatrix(
            rows,
            feature_names=list(self.inputs),
            feature_types=self.boosters[0].feature_types,
            enable_categorical=True,
            nthread=1,
        )
        for booster in self.boosters:
            # The last column is the average row's log odds.
            total += np.asarray(booster.predict(matrix, pred_contribs=True))[:, :-1]
        return total / len(self.boosters)

    def files(self) -> Files:
        """One `ubj` file per seed."""
        many = len(self.boosters) > 1
        return {
            f"model-{n}.ubj" if many else "model.ubj": bytes(booster.save_raw("ubj"))
            for n, booster in enumerate(self.boosters)
        }

    @classmethod
    def from_files(cls, inputs: tuple[str, ...], files: Files) -> Self:
        """The trees that `files` wrote; one thread, so that a worker keeps to its core."""
        boosters: list[xgb.Booster] = []
        for name in sorted(files, key=lambda name: (len(name), name)):
            booster = xgb.Booster({"nthread": 1})
            try:
                booster.load_model(bytearray(files[name]))
            except xgb.core.XGBoostError as fault:
                raise UnsafeModelError(
                    f"model file '{name}' is not a whole xgboost model"
                ) from fault
            if tuple(booster.feature_names or ()) != inputs:
                raise UnsafeModelError(
                    f"model file '{name}' was fitted on other columns than its manifest lists: "
                    "register the model again"
                )
            boosters.append(booster)
        return cls(inputs, tuple(boosters))


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


@dataclass(frozen=True, slots=True, eq=False)
class Blend:
    """Trees and scorecard together: the mean of their log odds."""

    trees: BoosterMean
    scorecard: Scorecard

    @property
    def algorithm(self) -> str:
        """Which learners made it."""
        return "blend"

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns of the rows, in order."""
        return self.trees.inputs

    def predict(self, rows: Matrix) -> Scores:
        """One probability per row."""
        odds = [_log_odds(one.predict(rows)) for one in (self.trees, self.scorecard)]
        return 1.0 / (1.0 + np.exp(-(odds[0] + odds[1]) / 2))

    def contributions(self, rows: Matrix) -> Scores:
        """The mean of both parts' Shapley values: log odds are added, and so are these."""
        return (self.trees.contributions(rows) + self.scorecard.contributions(rows)) / 2

    def files(self) -> Files:
        """Those of both parts, whose names differ."""
        return {**self.trees.files(), **self.scorecard.files()}

    @classmethod
    def from_files(cls, inputs: tuple[str, ...], files: Files) -> Self:
        """The parts that `files` wrote."""
        trees = {name: content for name, content in files.items() if name.endswith(".ubj")}
        rest = {name: content for name, content in files.items() if name not in trees}
        if not trees:
            raise UnsafeModelError("a blend without a model of trees: register the model again")
        return cls(BoosterMean.from_files(inputs, trees), Scorecard.from_files(inputs, rest))


def _log_odds(scores: Scores) -> Scores:
    bounded = np.clip(scores, 1e-9, 1 - 1e-9)
    return np.log(bounded) - np.log1p(-bounded)


def predictor_from_files(algorithm: str, inputs: Sequence[str], files: Files) -> Predictor:
    """The model that `Predictor.files` wrote; reads data, runs no code of the files."""
    if algorithm == "xgboost":
        return BoosterMean.from_files(tuple(inputs), files)
    if algorithm == "logistic":
        return Scorecard.from_files(tuple(inputs), files)
    if algorithm == "blend":
        return Blend.from_files(tuple(inputs), files)
    raise UnsafeModelError(
        f"algorithm '{algorithm}' is not one: known: 'blend', 'logistic', 'xgboost'"
    )


@lru_cache(maxsize=4)
def cached_predictor(
    algorithm: str, inputs: tuple[str, ...], files: tuple[tuple[str, bytes], ...]
) -> Predictor:
    """The same, read once per process: a Python worker lives through many Spark tasks."""
    return predictor_from_files(algorithm, inputs, dict(files))
