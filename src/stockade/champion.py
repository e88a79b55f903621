"""Fitted models as numbers: how they predict, their files, and the registered one in use."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Protocol, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xgboost as xgb
from numpy.typing import NDArray

from stockade.decisions import Calibration, DecisionRule
from stockade.definitions.model import Algorithm
from stockade.errors import DataError, SchemaError, StockadeError, raise_all, require_columns

# This module is below `learning`, which fits, and `scoring`, which predicts: neither imports the
# other. Spark's Python workers import it, so it must not import mlflow, scikit-learn or hyperopt.

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
        matrix = xgb.DMatrix(rows, feature_names=list(self.inputs), nthread=1)
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


@dataclass(frozen=True, slots=True, eq=False)
class Logistic:
    """Logistic regression on standardised numbers, a missing one replaced by the median.

    `medians`, `means`, `scales` and `weights` have one value per input; `missing_weights` is what
    a missing value itself adds, 0 for a column that missed none when it was fitted.
    """

    inputs: tuple[str, ...]
    medians: Scores
    means: Scores
    scales: Scores
    weights: Scores
    missing_weights: Scores
    intercept: float

    @property
    def algorithm(self) -> str:
        """Which learner made it."""
        return "logistic"

    def predict(self, rows: Matrix) -> Scores:
        """One probability per row.

        Column by column, not `rows @ weights`: BLAS adds in an order that depends on the number
        of rows, and a score must not depend on the batch that it was computed in.
        """
        logit = np.full(len(rows), self.intercept)
        for j in range(len(self.inputs)):
            logit += self._added(j, rows[:, j])
        # exp(700) is the last power of e that a double holds with room to spare.
        return 1.0 / (1.0 + np.exp(-np.clip(logit, -700.0, 700.0)))

    def contributions(self, rows: Matrix) -> Scores:
        """Weight times standardised value: the Shapley values of a linear model."""
        columns = [self._added(j, rows[:, j]) for j in range(len(self.inputs))]
        return np.stack(columns, axis=1) if columns else np.zeros((len(rows), 0))

    def _added(self, j: int, column: Matrix) -> Scores:
        """What input j adds to the log odds."""
        value = column.astype(np.float64)
        missing = np.isnan(value)
        value[missing] = self.medians[j]
        by_value = (value - self.means[j]) / self.scales[j] * self.weights[j]
        return by_value + missing * self.missing_weights[j]

    def files(self) -> Files:
        """One JSON file; Python's text of a double reads back as the same double."""
        numbers = {name: getattr(self, name).tolist() for name in _LOGISTIC_COLUMNS}
        content = {"inputs": list(self.inputs), "intercept": self.intercept} | numbers
        return {"model.json": json.dumps(content, indent=1).encode()}

    @classmethod
    def from_files(cls, inputs: tuple[str, ...], files: Files) -> Self:
        """The numbers that `files` wrote."""
        try:
            content = json.loads(files["model.json"])
            numbers = {name: np.asarray(content[name], np.float64) for name in _LOGISTIC_COLUMNS}
            whole = all(column.shape == (len(inputs),) for column in numbers.values())
            if tuple(content["inputs"]) != inputs or not whole:
                raise UnsafeModelError(
                    "model file 'model.json' was fitted on other columns than its manifest lists: "
                    "register the model again"
                )
            return cls(inputs=inputs, intercept=float(content["intercept"]), **numbers)
        except (ValueError, KeyError, TypeError) as fault:
            raise UnsafeModelError("model file 'model.json' is not a logistic model") from fault


_LOGISTIC_COLUMNS = ("medians", "means", "scales", "weights", "missing_weights")


def predictor_from_files(algorithm: str, inputs: Sequence[str], files: Files) -> Predictor:
    """The model that `Predictor.files` wrote; reads data, runs no code of the files."""
    if algorithm == "xgboost":
        return BoosterMean.from_files(tuple(inputs), files)
    if algorithm == "logistic":
        return Logistic.from_files(tuple(inputs), files)
    raise UnsafeModelError(f"algorithm '{algorithm}' is not one: known: 'logistic', 'xgboost'")


@lru_cache(maxsize=4)
def cached_predictor(
    algorithm: str, inputs: tuple[str, ...], files: tuple[tuple[str, bytes], ...]
) -> Predictor:
    """The same, read once per process: a Python worker lives through many Spark tasks."""
    return predictor_from_files(algorithm, inputs, dict(files))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Champion:
    """A registered model with all that scoring needs; a plain value, read from safe files.

    Attributes:
        name: its name in the model registry.
        version: its version there.
        run_id: the MLflow run that made it.
        algorithm, params: what was fitted, and how.
        inputs: the columns that it reads, in order.
        fingerprints: feature -> fingerprint of the definition that it was trained with.
        definitions_json: the pinned definitions, as `stockade.definitions.fingerprint.to_json`.
        training_table, training_version: what it learnt from.
        label: what it predicts.
        metrics: of its search and of its test period, named `validation_` and `test_`.
        calibration: how its scores become probabilities.
        rule: what is done about them, or None.
        judgement: how it did on its test period, as `stockade.learning.judgement` tells it.
        population: input -> its percentiles 1 to 99 in training.
        meanings: input -> what it means, in words.
        files: model file -> content.
    """

    name: str
    version: int
    run_id: str
    algorithm: Algorithm
    params: Mapping[str, str | int | float]
    inputs: tuple[str, ...]
    fingerprints: Mapping[str, str]
    definitions_json: str
    training_table: str
    training_version: str
    label: str
    metrics: Mapping[str, float]
    files: Files
    calibration: Calibration
    rule: DecisionRule | None
    judgement: Mapping[str, Any]
    population: Mapping[str, Scores]
    meanings: Mapping[str, str]

    def __post_init__(self) -> None:
        """Copy what a caller could change."""
        object.__setattr__(self, "inputs", tuple(self.inputs))
        copied = ("fingerprints", "metrics", "files", "judgement", "population", "meanings")
        for name in ("params", *copied):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def predictor(self) -> Predictor:
        """The model itself."""
        return cached_predictor(self.algorithm, self.inputs, tuple(self.files.items()))


def sha256(content: bytes) -> str:
    """The content's SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def input_matrix(rows: pa.Table, inputs: Sequence[str], *, who: str) -> Matrix:
    """The named columns as one float32 matrix, NULL as NaN; training and scoring share it.

    Raises:
        ColumnNotFoundError: a column is missing.
        SchemaError: a column is neither a number nor a boolean; all such are named together.
        DataError: a column holds an infinite value, or one beyond float32's 3.4e38.
    """
    require_columns(rows.column_names, *inputs, where=who)
    require_numbers({name: rows.schema.field(name).type for name in inputs}, who=who)
    matrix = np.empty((rows.num_rows, len(inputs)), np.float32)
    for j, name in enumerate(inputs):
        doubles = pc.cast(rows.column(name), pa.float64(), safe=False)
        with np.errstate(over="ignore"):
            matrix[:, j] = doubles.to_numpy()
    infinite = np.isinf(matrix).sum(axis=0)
    raise_all(
        f"{who} holds infinite values",
        [
            DataError(
                f"{who}: input '{name}' is infinite, or too large for float32, in {infinite[j]} "
                "rows: bound it in its definition, or make it null"
            )
            for j, name in enumerate(inputs)
            if infinite[j]
        ],
    )
    return matrix


def require_numbers(types: Mapping[str, pa.DataType], *, who: str) -> None:
    """Raise one error for all inputs that a model cannot read."""
    faults = [
        SchemaError(
            f"{who}: input '{name}' is {kind}, and a model reads numbers and booleans: "
            "hide it, or derive a number from it"
        )
        for name, kind in types.items()
        if not _is_number(kind)
    ]
    raise_all(f"{who} has inputs that are not numbers", faults)


def require_finite(scores: Scores, *, who: str, inputs: Iterable[str]) -> None:
    """Raise when a prediction is NaN or infinite."""
    bad = int((~np.isfinite(scores)).sum())
    if bad:
        raise DataError(
            f"{who} gave {bad} of {len(scores)} rows no finite score from inputs "
            f"{', '.join(inputs)}: do not use this version; train again"
        )


def _is_number(kind: pa.DataType) -> bool:
    return (
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_boolean(kind)
    )
