"""The registered model in use, and the numbers that it reads."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stockade.decisions import Calibration, DecisionRule
from stockade.definitions.model import Algorithm
from stockade.errors import DataError, SchemaError, raise_all, require_columns
from stockade.ngrams import hashed_ngrams, matrix_columns
from stockade.predictors import Files, Matrix, Predictor, Scores, cached_predictor

# This module is below `learning`, which fits, and `scoring`, which predicts: neither imports the
# other. Spark's Python workers import it, so it must not import mlflow, scikit-learn or hyperopt.


# Columns of a predictions table: by which to rank, and what it means once calibrated.
SCORE, PROBABILITY = "score", "probability"


def predictions_table(model: str, *, shadow: bool = False) -> str:
    """Where a model's predictions are; a shadow's are nobody's to act on."""
    return f"{model}_predictions" + ("_shadow" if shadow else "")


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
        categories: input of text -> the values that were learnt; a number stands for each.
        texts: input of text -> how many columns its pieces are hashed into.
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
    categories: Mapping[str, tuple[str, ...]]
    texts: Mapping[str, int] = field(default_factory=dict[str, int])

    def __post_init__(self) -> None:
        """Copy what a caller could change."""
        object.__setattr__(self, "inputs", tuple(self.inputs))
        mappings = ("params", "fingerprints", "metrics", "files", "judgement", "population")
        for name in (*mappings, "meanings", "categories", "texts"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    @property
    def columns(self) -> tuple[str, ...]:
        """What the model itself reads: one for each input, and several for each text."""
        return matrix_columns(self.inputs, self.texts)

    def predictor(self) -> Predictor:
        """The model itself."""
        return cached_predictor(self.algorithm, self.columns, tuple(self.files.items()))


def sha256(content: bytes) -> str:
    """The content's SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def input_matrix(
    rows: pa.Table,
    inputs: Sequence[str],
    *,
    who: str,
    categories: Mapping[str, tuple[str, ...]] | None = None,
    texts: Mapping[str, int] | None = None,
) -> Matrix:
    """The named columns as one float32 matrix, NULL as NaN; training and scoring share it.

    A text input is the place of its value among its `categories`; one that is not there is
    missing, like NULL. One of `texts` is as many columns as its pieces are hashed into.

    Raises:
        ColumnNotFoundError: a column is missing.
        SchemaError: a column is neither a number nor a boolean; all such are named together.
        DataError: a column holds an infinite value, or one beyond float32's 3.4e38.
    """
    require_columns(rows.column_names, *inputs, where=who)
    kinds, texts = categories or {}, texts or {}
    _require_inputs(rows, inputs, kinds, texts, who=who)
    columns = matrix_columns(inputs, texts)
    matrix = np.empty((rows.num_rows, len(columns)), np.float32)
    for name in inputs:
        column = rows.column(name)
        if name in texts:
            j = columns.index(f"{name}#0")
            matrix[:, j : j + texts[name]] = hashed_ngrams(column, texts[name])
            continue
        j = columns.index(name)
        if name in kinds:
            column = pc.index_in(
                pc.cast(column, pa.string()), value_set=pa.array(kinds[name], pa.string())
            )
        doubles = pc.cast(column, pa.float64(), safe=False)
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
            for j, name in enumerate(columns)
            if infinite[j]
        ],
    )
    return matrix


def is_text(kind: pa.DataType) -> bool:
    """Whether a column holds text, be it dictionary-encoded."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _require_inputs(
    rows: pa.Table,
    inputs: Sequence[str],
    categories: Mapping[str, tuple[str, ...]],
    texts: Mapping[str, int],
    *,
    who: str,
) -> None:
    types = {name: rows.schema.field(name).type for name in inputs}
    raise_all(
        f"{who} has inputs that are not text",
        [
            SchemaError(f"{who}: input '{name}' is {types[name]}, and text is to be hashed")
            for name in texts
            if name in types and not is_text(types[name])
        ],
    )
    numbers = {
        name: kind for name, kind in types.items() if name not in categories and name not in texts
    }
    require_numbers(numbers, who=who)


def require_numbers(types: Mapping[str, pa.DataType], *, who: str) -> None:
    """Raise one error for all inputs that a model cannot read."""
    faults = [
        SchemaError(
            f"{who}: input '{name}' is {kind}, and a model reads numbers, booleans and text: "
            "hide it, or derive one of these from it"
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
