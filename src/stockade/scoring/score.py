"""Score decisions with a champion, in Arrow batches on Spark's workers."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import types as T

from stockade.champion import (
    Champion,
    cached_predictor,
    input_matrix,
    require_finite,
)
from stockade.errors import (
    FingerprintMismatchError,
    SchemaError,
    raise_all,
    require_columns,
)

SCORE, MODEL_NAME, MODEL_VERSION = "score", "model_name", "model_version"
_NUMBERS = (T.NumericType, T.BooleanType)


def score(
    frame: DataFrame, champion: Champion, *, id_columns: Sequence[str], decided_at: str
) -> DataFrame:
    """One score per row.

    Args:
        frame: n rows with the id columns, the decision's time and all of the model's inputs.
        champion: the model.
        id_columns: what identifies a decision; carried over.
        decided_at: the decision's time; carried over.

    Returns:
        n rows: the id columns, `decided_at`, `score` (double), `model_name` (string) and
        `model_version` (integer). A null input is a missing value, as it was in training.

    Raises:
        ColumnNotFoundError: an input, an id column or the time is missing.
        SchemaError: an input is not a number, or a carried column has an output's name.
        DataError: when the rows are read: an infinite input, or a score that is not finite.
    """
    who = f"model '{champion.name}' version {champion.version}"
    carried = tuple(dict.fromkeys((*id_columns, decided_at)))
    require_columns(frame.columns, *carried, *champion.inputs, where=f"the input of {who}")
    _check_types(frame, carried, champion.inputs, who=who)
    wanted = tuple(dict.fromkeys((*carried, *champion.inputs)))
    fields = [frame.schema[name] for name in carried]
    fields += [
        T.StructField(SCORE, T.DoubleType(), nullable=False),
        T.StructField(MODEL_NAME, T.StringType(), nullable=False),
        T.StructField(MODEL_VERSION, T.IntegerType(), nullable=False),
    ]
    return frame.select(*wanted).mapInArrow(
        _scorer(champion, carried, who=who), T.StructType(fields)
    )


def check_fingerprints(champion: Champion, current: Mapping[str, str]) -> None:
    """Refuse to score with features that are not those the model was trained with.

    Args:
        champion: the model.
        current: feature -> fingerprint of the definitions as they are now.

    Raises:
        FingerprintMismatchError: names every feature that changed, is missing, or is new.
    """
    trained = champion.fingerprints
    both = trained.keys() & current.keys()
    differing = {
        "changed": sorted(name for name in both if trained[name] != current[name]),
        "missing": sorted(trained.keys() - current.keys()),
        "new": sorted(current.keys() - trained.keys()),
    }
    told = [f"{what}: {_quoted(names)}" for what, names in differing.items() if names]
    if told:
        raise FingerprintMismatchError(
            f"model '{champion.name}' version {champion.version} was trained with other "
            f"definitions ({'; '.join(told)}): retrain it, or restore the definition"
        )


def _check_types(
    frame: DataFrame, carried: Iterable[str], inputs: Iterable[str], *, who: str
) -> None:
    faults = [
        SchemaError(f"the input of {who} has a column '{name}', which is an output: rename it")
        for name in carried
        if name in (SCORE, MODEL_NAME, MODEL_VERSION)
    ]
    faults += [
        SchemaError(
            f"the input of {who}: '{name}' is {frame.schema[name].dataType.simpleString()}, and "
            "the model was trained on a number: restore the definition, or retrain it"
        )
        for name in inputs
        if not isinstance(frame.schema[name].dataType, _NUMBERS)
    ]
    raise_all(f"the input of {who} does not fit", faults)


def _scorer(
    champion: Champion, carried: tuple[str, ...], *, who: str
) -> Callable[[Iterable[pa.RecordBatch]], Iterable[pa.RecordBatch]]:
    """The function that workers run; it carries plain data only, the model as bytes."""
    name, version = champion.name, champion.version
    algorithm, inputs = champion.algorithm, champion.inputs
    files = tuple(champion.files.items())

    def score_batches(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
        model = cached_predictor(algorithm, inputs, files)
        for batch in batches:
            rows = pa.Table.from_batches([batch])
            scores = model.predict(input_matrix(rows, inputs, who=f"the input of {who}"))
            require_finite(scores, who=who, inputs=inputs)
            columns = {one: batch.column(one) for one in carried}
            columns[SCORE] = pa.array(scores, pa.float64())
            columns[MODEL_NAME] = pa.array([name] * len(scores), pa.string())
            columns[MODEL_VERSION] = pa.array([version] * len(scores), pa.int32())
            yield pa.RecordBatch.from_pydict(columns)

    return score_batches


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
