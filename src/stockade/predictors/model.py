"""What a fitted model is to those who use it: numbers in, probabilities out."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stockade.errors import StockadeError

# Spark's Python workers import this package: no mlflow, scikit-learn or hyperopt in it.

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
