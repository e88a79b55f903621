"""Score decisions with a champion, in Arrow batches on Spark's workers."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from stockade.champion import PROBABILITY, SCORE, Champion, input_matrix, require_finite
from stockade.errors import (
    SchemaError,
    raise_all,
    require_columns,
)
from stockade.ngrams import by_input
from stockade.predictors import Scores, cached_predictor
from stockade.scoring.reasons import REASONS_TYPE, Wording

ACTION, PROPENSITY, REASONS = "action", "propensity", "reasons"
MODEL_NAME, MODEL_VERSION = "model_name", "model_version"
_LOT, _LOSS = "_lot", "_loss"
_NUMBERS = (T.NumericType, T.BooleanType)


def score(
    frame: DataFrame,
    champion: Champion,
    *,
    id_columns: Sequence[str],
    decided_at: str,
    explain: int = 0,
    explain_all: bool = False,
) -> DataFrame:
    """One score per row.

    Args:
        frame: n rows with the id columns, the decision's time, all of the model's inputs, and the
            amount at risk where the model has a policy.
        champion: the model.
        id_columns: what identifies a decision; carried over.
        decided_at: the decision's time; carried over.
        explain: how many reasons to give for each decision or, with a policy, for each that
            something is done about, or would be but for the lot; 0 for none.
        explain_all: whether decisions that a policy lets pass are given reasons, too.

    Returns:
        n rows: the id columns, `decided_at`, `score` (double, 0 to 1, by which to rank),
        `probability` (double, calibrated), with a policy `action` (string) and `propensity`
        (double, the chance that the lot had of choosing that action), with `explain` `reasons`
        (see `stockade.scoring.reasons`), `model_name` (string) and `model_version` (integer).
        A null input is a missing value, as it was in training. The lot is drawn by a hash of the
        model's name and the id: scoring again decides the same.

    Raises:
        ColumnNotFoundError: an input, an id column, the time or the amount is missing.
        SchemaError: an input is not a number, or a carried column has an output's name.
        DataError: when the rows are read: an infinite input, or a score that is not finite.
    """
    who = f"model '{champion.name}' version {champion.version}"
    carried = tuple(dict.fromkeys((*id_columns, decided_at)))
    loss = () if champion.rule is None else (champion.rule.policy.loss,)
    needed = (*carried, *champion.inputs, *loss)
    require_columns(frame.columns, *needed, where=f"the input of {who}")
    outputs = _outputs(champion, explain=explain)
    words = {*champion.categories, *champion.texts}
    numbers = [name for name in champion.inputs if name not in words]
    _check_types(frame, carried, (*numbers, *loss), outputs, who=who)
    wanted = [F.col(name) for name in dict.fromkeys((*carried, *champion.inputs))]
    if loss:
        lot = F.pmod(F.xxhash64(F.lit(champion.name), *id_columns), F.lit(_LOTS)) / F.lit(_LOTS)
        wanted += [lot.alias(_LOT), F.col(loss[0]).cast("double").alias(_LOSS)]
    fields = [*(frame.schema[name] for name in carried), *outputs]
    return frame.select(*wanted).mapInArrow(
        scorer(champion, carried, explain=explain, explain_all=explain_all, who=who),
        T.StructType(fields),
    )


_LOTS = 1 << 40


def _outputs(champion: Champion, *, explain: int) -> list[T.StructField]:
    fields = [
        T.StructField(SCORE, T.DoubleType(), nullable=False),
        T.StructField(PROBABILITY, T.DoubleType(), nullable=False),
    ]
    if champion.rule is not None:
        fields += [
            T.StructField(ACTION, T.StringType(), nullable=False),
            T.StructField(PROPENSITY, T.DoubleType(), nullable=False),
        ]
    if explain:
        fields.append(T.StructField(REASONS, REASONS_TYPE, nullable=False))
    return [
        *fields,
        T.StructField(MODEL_NAME, T.StringType(), nullable=False),
        T.StructField(MODEL_VERSION, T.IntegerType(), nullable=False),
    ]


def _check_types(
    frame: DataFrame,
    carried: Iterable[str],
    numbers: Iterable[str],
    outputs: Iterable[T.StructField],
    *,
    who: str,
) -> None:
    written = {field.name for field in outputs}
    faults = [
        SchemaError(f"the input of {who} has a column '{name}', which is an output: rename it")
        for name in carried
        if name in written
    ]
    faults += [
        SchemaError(
            f"the input of {who}: '{name}' is {frame.schema[name].dataType.simpleString()}, and "
            "the model was trained on a number: restore the definition, or retrain it"
        )
        for name in dict.fromkeys(numbers)
        if not isinstance(frame.schema[name].dataType, _NUMBERS)
    ]
    raise_all(f"the input of {who} does not fit", faults)


def scorer(
    champion: Champion,
    carried: tuple[str, ...],
    *,
    explain: int,
    who: str,
    explain_all: bool = False,
) -> Callable[[Iterable[pa.RecordBatch]], Iterable[pa.RecordBatch]]:
    """The function that workers run; it carries plain data only, the model as bytes."""
    name, version = champion.name, champion.version
    algorithm, inputs, read = champion.algorithm, champion.inputs, champion.columns
    files = tuple(champion.files.items())
    calibration, rule = champion.calibration, champion.rule
    categories, texts = dict(champion.categories), dict(champion.texts)
    words = Wording(
        inputs=inputs,
        meanings=dict(champion.meanings),
        population=dict(champion.population),
        categories=categories,
        texts=tuple(texts),
    )

    def score_batches(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
        model = cached_predictor(algorithm, read, files)
        for batch in batches:
            rows = pa.Table.from_batches([batch])
            matrix = input_matrix(
                rows, inputs, who=f"the input of {who}", categories=categories, texts=texts
            )
            scores = model.predict(matrix)
            require_finite(scores, who=who, inputs=inputs)
            probabilities = calibration(scores)
            columns = {one: batch.column(one) for one in carried}
            columns[SCORE] = pa.array(scores, pa.float64())
            columns[PROBABILITY] = pa.array(probabilities, pa.float64())
            asked = np.arange(len(scores))
            if rule is not None:
                loss, lot = (_doubles(batch.column(one)) for one in (_LOSS, _LOT))
                chosen = rule.choose(probabilities, loss, lot)
                names = pa.array([action.name for action in rule.policy.actions], pa.string())
                columns[ACTION] = names.take(pa.array(chosen.action, pa.int64()))
                columns[PROPENSITY] = pa.array(chosen.propensity, pa.float64())
                if not explain_all:
                    due = rule.due(probabilities, loss)
                    asked = np.flatnonzero((chosen.action > 0) | (due > 0))
            if explain:
                # Shapley values take a hundred times longer than scores.
                told = matrix[asked]
                _, added = by_input(model.contributions(told), read, texts)
                _, values = by_input(told.astype(np.float64), read, texts)
                columns[REASONS] = words.reasons(
                    values, added, explain, asked=asked, of=len(scores)
                )
            columns[MODEL_NAME] = pa.array([name] * len(scores), pa.string())
            columns[MODEL_VERSION] = pa.array([version] * len(scores), pa.int32())
            yield pa.RecordBatch.from_pydict(columns)

    return score_batches


def _doubles(column: pa.Array) -> Scores:
    """Null as NaN."""
    return column.cast(pa.float64()).to_numpy(zero_copy_only=False)
