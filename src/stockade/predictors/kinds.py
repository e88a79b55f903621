"""Every kind of model, and the one that a set of files holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np

from stockade.predictors.boosters import BoosterMean
from stockade.predictors.isolation import IsolationForest
from stockade.predictors.light import LightTrees
from stockade.predictors.model import Files, Matrix, Predictor, Scores, UnsafeModelError
from stockade.predictors.scorecard import Scorecard

Trees = BoosterMean | LightTrees


@dataclass(frozen=True, slots=True, eq=False)
class Blend:
    """Trees and scorecard together: the mean of their log odds."""

    trees: Predictor
    scorecard: Predictor

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
        trees = {name: content for name, content in files.items() if name != "model.json"}
        rest = {name: content for name, content in files.items() if name not in trees}
        if not trees:
            raise UnsafeModelError("a blend without a model of trees: register the model again")
        light = all(name.endswith(".txt") for name in trees)
        kind = LightTrees if light else BoosterMean
        return cls(kind.from_files(inputs, trees), Scorecard.from_files(inputs, rest))


def _log_odds(scores: Scores) -> Scores:
    bounded = np.clip(scores, 1e-9, 1 - 1e-9)
    return np.log(bounded) - np.log1p(-bounded)


def predictor_from_files(algorithm: str, inputs: Sequence[str], files: Files) -> Predictor:
    """The model that `Predictor.files` wrote; reads data, runs no code of the files."""
    kind = _KINDS.get(algorithm)
    if kind is None:
        known = ", ".join(f"'{name}'" for name in _KINDS)
        raise UnsafeModelError(f"algorithm '{algorithm}' is not one: known: {known}")
    return kind.from_files(tuple(inputs), files)


_KINDS: Mapping[str, type[BoosterMean | LightTrees | IsolationForest | Scorecard | Blend]] = {
    "blend": Blend,
    "isolation": IsolationForest,
    "lightgbm": LightTrees,
    "logistic": Scorecard,
    "xgboost": BoosterMean,
}


@lru_cache(maxsize=4)
def cached_predictor(
    algorithm: str, inputs: tuple[str, ...], files: tuple[tuple[str, bytes], ...]
) -> Predictor:
    """The same, read once per process: a Python worker lives through many Spark tasks."""
    return predictor_from_files(algorithm, inputs, dict(files))
