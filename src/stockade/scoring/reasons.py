"""Why a score is high, in the words of the features' definitions."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import types as T

from stockade.predictors import Scores

# pyarrow's stubs do not know every form of `from_arrays`.
# pyright: reportCallIssue=false, reportArgumentType=false

# `contribution` is in log odds: 0.7 doubles them. `value` is null where nothing is known.
REASONS_TYPE = T.ArrayType(
    T.StructType(
        [
            T.StructField("input", T.StringType(), nullable=False),
            T.StructField("value", T.DoubleType()),
            T.StructField("contribution", T.DoubleType(), nullable=False),
            T.StructField("text", T.StringType(), nullable=False),
        ]
    ),
    containsNull=False,
)
_REASON = pa.struct(
    [
        pa.field("input", pa.string(), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("contribution", pa.float64(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """What is needed to put a contribution into words.

    Attributes:
        inputs: the model's, in order.
        meanings: input -> what it means; an input without one is called by its name.
        population: input -> its percentiles 1 to 99 in training.
        categories: input of text -> its values, for which the numbers 0, 1, 2, ... stand.
        texts: inputs of text that are hashed; what is written is not repeated.
    """

    inputs: tuple[str, ...]
    meanings: Mapping[str, str]
    population: Mapping[str, Scores]
    categories: Mapping[str, tuple[str, ...]]
    texts: tuple[str, ...] = ()

    def reasons(
        self,
        rows: Scores,
        contributions: Scores,
        count: int,
        *,
        asked: NDArray[np.int64],
        of: int,
    ) -> pa.Array:
        """Per row up to `count` reasons, the weightiest first; inputs that lower a score are none.

        Args:
            rows: n x inputs, NaN where nothing is known.
            contributions: n x inputs, in log odds.
            count: how many.
            asked: their places, ascending, in a batch of `of` rows; the others have no reasons.
            of: the batch's length.
        """
        count = min(count, len(self.inputs))
        order = np.argsort(-contributions, axis=1, kind="stable")[:, :count]
        added = np.take_along_axis(contributions, order, axis=1)
        values = np.take_along_axis(rows, order, axis=1)
        given = added > 0
        column, value = order[given], values[given]
        texts = np.empty(len(column), dtype=object)
        for j in np.unique(column):
            mine = column == j
            texts[mine] = self._texts(self.inputs[j], value[mine])
            if self.inputs[j] in self.categories or self.inputs[j] in self.texts:
                # A place in a list says nothing to anyone.
                value[mine] = np.nan
        structs = pa.StructArray.from_arrays(
            [
                pa.array(np.array(self.inputs, dtype=object)[column], pa.string()),
                pa.array(value, pa.float64(), from_pandas=True),
                pa.array(added[given], pa.float64()),
                pa.array(texts, pa.string()),
            ],
            fields=list(_REASON),
        )
        counts = np.zeros(of, np.int64)
        counts[asked] = given.sum(axis=1)
        ends = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        kind = pa.list_(pa.field("element", _REASON, nullable=False))
        return pa.ListArray.from_arrays(pa.array(ends), structs, type=kind)

    def _texts(self, name: str, values: Scores) -> list[str]:
        """One sentence per value of an input."""
        meaning = self.meanings.get(name, "").strip().rstrip(".") or name
        if name in self.texts:
            said = ("not known" if np.isnan(one) else "what is written there" for one in values)
            return [f"{meaning}: {text}" for text in said]
        if name in self.categories:
            words = self.categories[name]
            return [
                f"{meaning}: {'not known' if np.isnan(one) else words[int(one)]}" for one in values
            ]
        known = self.population.get(name, np.empty(0))
        below = np.searchsorted(known, values, side="left")
        up_to = np.searchsorted(known, values, side="right")
        return [
            f"{meaning}: {_standing(value, low, high, len(known))}"
            for value, low, high in zip(values, below, up_to, strict=True)
        ]


def _standing(value: float, below: int, up_to: int, percentiles: int) -> str:
    """The value, and how usual it is."""
    if np.isnan(value):
        return "not known"
    number = f"{value:,.0f}" if value == round(value) or abs(value) >= 1000 else f"{value:.3g}"
    if not percentiles:
        return number
    if below >= percentiles // 2 + 1:
        return f"{number}, more than in {below} % of decisions"
    if up_to <= percentiles // 2:
        return f"{number}, less than in {100 - up_to - 1} % of decisions"
    return f"{number}, which is common"
