"""A training set in memory, as numbers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from stockade.champion import input_matrix, is_text
from stockade.definitions.spine import CENSORED
from stockade.errors import DataError, EmptyTableError, SchemaError, require_columns
from stockade.ngrams import matrix_columns
from stockade.predictors import Matrix

# More values of one column would be a table that nobody reads.
_VALUES = 12

# A text input's values, at most and at least.
_CATEGORIES, _LEAST_ROWS, _MOST_VALUES = 64, 20, 1_000

Categories = Mapping[str, tuple[str, ...]]
Instants = NDArray[np.datetime64]
Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LearningData:
    """Labelled decisions in order of time, as numbers.

    Attributes:
        inputs: the columns of `rows`, in order; of a text, those that it is hashed into.
        rows: float32, one row per decision; NaN where nothing is known.
        labels: true where the decision turned out positive.
        decided_at: when each was decided; microseconds, UTC.
        entities: code of what is reviewed, in the order of its values; the row's own number
            where each decision is reviewed for itself.
        weights: how much each row counts in fitting, or None for all alike.
        losses: the amount at risk in each decision, NaN where unknown; None without a policy.
        rules: what the model's rules say of each decision; None without rules.
        categories: input of text -> its values; a row holds the place of its own, NaN for others.
        texts: input of text -> how many columns of `rows` it is.
        slices: column -> value in words, for judging by it.
        pending: how many rows were left out because their label is not known yet.
        immature: how many labelled rows were left out because others of their age are pending.
        censored: how many rows were left out because their outcome cannot be known.
    """

    inputs: tuple[str, ...]
    rows: Matrix
    labels: NDArray[np.bool_]
    decided_at: Instants
    entities: Codes
    weights: NDArray[np.float64] | None = None
    losses: NDArray[np.float64] | None = None
    rules: NDArray[np.float64] | None = None
    slices: Mapping[str, NDArray[np.str_]] = field(default_factory=dict[str, NDArray[np.str_]])
    categories: Categories = field(default_factory=dict[str, tuple[str, ...]])
    texts: Mapping[str, int] = field(default_factory=dict[str, int])
    pending: int = 0
    immature: int = 0
    censored: int = 0

    def __len__(self) -> int:
        """How many decisions."""
        return len(self.labels)

    @property
    def positives(self) -> int:
        """How many of them turned out positive."""
        return int(self.labels.sum())

    @property
    def kinds(self) -> list[str]:
        """Per input XGBoost's word for it: `c`, a category, or `q`, a quantity."""
        return ["c" if name in self.categories else "q" for name in self.inputs]

    def take(self, index: NDArray[np.int64] | slice) -> "LearningData":
        """Only these rows, in this order; a slice copies nothing."""
        return LearningData(
            inputs=self.inputs,
            rows=self.rows[index],
            labels=self.labels[index],
            decided_at=self.decided_at[index],
            entities=self.entities[index],
            weights=None if self.weights is None else self.weights[index],
            losses=None if self.losses is None else self.losses[index],
            rules=None if self.rules is None else self.rules[index],
            slices={name: values[index] for name, values in self.slices.items()},
            categories=self.categories,
            texts=self.texts,
        )


def sampled(data: LearningData, negatives: float, *, seed: int) -> LearningData:
    """All positives and a share of the negatives, by lot, weighted by the inverse of the share.

    The same rows, share and seed give the same sample.
    """
    if negatives == 1.0:
        return data
    lots = np.random.default_rng(seed).random(len(data))
    chosen = np.flatnonzero(data.labels | (lots < negatives))
    part = data.take(chosen)
    weights = np.where(part.labels, 1.0, 1.0 / negatives)
    return replace(part, weights=weights if part.weights is None else part.weights * weights)


def appended(data: LearningData, other: LearningData, weights: NDArray[np.float64]) -> LearningData:
    """Both, for fitting; a row of `other` counts as often as its weight says."""
    one = np.ones(len(data)) if data.weights is None else data.weights
    two = weights if other.weights is None else weights * other.weights
    return LearningData(
        inputs=data.inputs,
        rows=np.concatenate([data.rows, other.rows]),
        labels=np.concatenate([data.labels, other.labels]),
        decided_at=np.concatenate([data.decided_at, other.decided_at]),
        entities=np.concatenate([data.entities, other.entities]),
        weights=np.concatenate([one, two]),
        categories=data.categories,
        texts=data.texts,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which columns of a training set mean what.

    Attributes:
        inputs: what the model sees, in order.
        label: boolean, or a whole number 0 or 1; null while pending or censored.
        state: the label's state, which tells the two apart; None where nothing is censored.
        decided_at: the decision's time.
        entity: what is reviewed, or None for the decision itself.
        known_at: when the label was known, or None where nobody asks.
        propensity: the chance with which the decision was let through, so that its outcome can be
            seen: above 0, at most 1; a row counts as 1 / propensity. None where none was cut short.
        loss: the amount at risk, or None.
        rules: what the model's rules say, or None.
        slices: what to judge by.
        categories: input of text -> the values to tell apart; those of the table itself if None.
        texts: input of text -> how many columns to hash it into.
    """

    inputs: tuple[str, ...]
    label: str
    decided_at: str
    state: str | None = None
    entity: str | None = None
    known_at: str | None = None
    propensity: str | None = None
    loss: str | None = None
    rules: str | None = None
    slices: tuple[str, ...] = ()
    categories: Categories | None = None
    texts: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def meanings(self) -> tuple[str, ...]:
        """All but the inputs."""
        optional = (
            self.state, self.entity, self.known_at, self.propensity, self.loss, self.rules,
            *self.slices,
        )  # fmt: skip
        return (self.label, self.decided_at, *(name for name in optional if name is not None))

    @property
    def names(self) -> tuple[str, ...]:
        """Every column that is read, once."""
        return tuple(dict.fromkeys((*self.inputs, *self.meanings)))


def learning_data(
    table: pa.Table,
    columns: Columns,
    *,
    maturity: timedelta = timedelta(0),
    built_at: datetime | None = None,
) -> LearningData:
    """The table's rows whose label is known, by time (ties in the table's order).

    A label that is pending or censored is never a negative. Nor are rows used whose label is known
    while their contemporaries' is pending: in the last days before the build only positives are,
    and a period with nothing but positives teaches and measures nonsense. So every row decided
    later than `built_at - maturity` is left out or, where `built_at` is not given, every row from
    the first pending one on.

    Raises:
        ColumnNotFoundError: a column is missing.
        SchemaError: an input is not a number, a time is not a UTC instant, a label not a boolean.
        EmptyTableError: no row is left.
    """
    who = "training set"
    require_columns(table.column_names, *columns.meanings, where=who)
    decided_at = instants_of(table, columns.decided_at, who=who)
    label = table.column(columns.label)
    known = label.is_valid().to_numpy()
    censored = are_censored(table, columns.state)
    pending = ~known & ~censored
    old_enough = _mature(decided_at, pending, maturity=maturity, built_at=built_at)
    mature = known & old_enough
    immature = int((known & ~old_enough).sum())
    if not mature.any():
        raise EmptyTableError(
            f"{who} has no row with a mature label: of {len(pending)} rows {int(pending.sum())} "
            f"are pending, {immature} as young as those, {int(censored.sum())} censored: build it "
            "later, or from an earlier start"
        )
    index = np.flatnonzero(mature)
    index = index[np.argsort(decided_at[index], kind="stable")]
    taken = table.take(pa.array(index, pa.int64()))
    categories = columns.categories
    if categories is None:
        categories = categories_of(table, columns)
    return LearningData(
        inputs=matrix_columns(columns.inputs, columns.texts),
        rows=input_matrix(
            taken, columns.inputs, who=who, categories=categories, texts=columns.texts
        ),
        labels=_labels(taken, columns.label, who=who),
        decided_at=decided_at[index],
        entities=_codes(taken, columns.entity),
        weights=_weights(taken, columns.propensity, who=who),
        losses=None if columns.loss is None else _doubles(taken, columns.loss, who=who),
        rules=None
        if columns.rules is None
        else np.nan_to_num(_doubles(taken, columns.rules, who=who)),
        slices={name: _in_words(taken.column(name)) for name in columns.slices},
        categories=categories,
        texts=columns.texts,
        pending=int(pending.sum()),
        immature=immature,
        censored=int(censored.sum()),
    )


def categories_of(table: pa.Table, columns: Columns) -> Categories:
    """Input of text -> its commonest values, the commonest first (of equals, by name).

    Texts that are hashed are no categories.

    What few decisions have in common is no category, and might name somebody: it is as good as
    missing.

    Raises:
        DataError: a column has so many values that it identifies instead of telling kinds apart.
    """
    found: dict[str, tuple[str, ...]] = {}
    for name in columns.inputs:
        if name not in table.column_names or name in columns.texts:
            continue
        if not is_text(table.schema.field(name).type):
            continue
        texts = pc.cast(table.column(name), pa.string()).drop_null().to_pylist()
        counted = Counter(str(value) for value in texts)
        if len(counted) > _MOST_VALUES:
            raise DataError(
                f"training set: input '{name}' has {len(counted):,} different values, and more "
                f"than {_MOST_VALUES:,} tell decisions apart, not kinds of them: hide it, "
                "derive a feature from it, or let the model's `texts` hash it"
            )
        common = [value for value, rows in counted.items() if rows >= _LEAST_ROWS]
        common.sort(key=lambda value: (-counted[value], value))
        found[name] = tuple(common[:_CATEGORIES])
    return found


def are_censored(table: pa.Table, state: str | None) -> NDArray[np.bool_]:
    """Which rows we cut short, by the column with the label's state; none without one."""
    if state is None:
        return np.zeros(table.num_rows, np.bool_)
    return pc.is_in(table.column(state), value_set=pa.array([CENSORED])).to_numpy()


def _mature(
    decided_at: Instants,
    pending: NDArray[np.bool_],
    *,
    maturity: timedelta,
    built_at: datetime | None,
) -> NDArray[np.bool_]:
    if built_at is not None:
        if built_at.tzinfo is None:
            raise DataError("built_at has no time zone: give a UTC instant")
        latest = built_at.astimezone(UTC).replace(tzinfo=None) - maturity
        return decided_at <= np.datetime64(latest, "us")
    if not pending.any():
        return np.ones(len(pending), np.bool_)
    return decided_at < decided_at[pending].min()


def instants_of(
    table: pa.Table, name: str, *, who: str = "training set", nulls: bool = False
) -> Instants:
    """A column of UTC instants; a null is refused, or NaT where `nulls` may be."""
    column = table.column(name)
    if not pa.types.is_timestamp(column.type) or column.type.tz is None:
        raise SchemaError(
            f"{who}: column '{name}' is {column.type}, not a timestamp with a time zone: "
            "write it as UTC instants"
        )
    if column.null_count and not nulls:
        raise DataError(f"{who}: column '{name}' is null in {column.null_count} rows: drop them")
    whole = pc.cast(pc.cast(column, pa.timestamp("us", tz="UTC"), safe=False), pa.int64())
    # NaT is the least integer.
    nothing = pa.scalar(np.iinfo(np.int64).min, pa.int64())
    filled = pc.if_else(whole.is_valid(), whole, nothing)
    return filled.to_numpy().astype("datetime64[us]")


def _labels(table: pa.Table, name: str, *, who: str) -> NDArray[np.bool_]:
    column = table.column(name)
    if not (pa.types.is_boolean(column.type) or pa.types.is_integer(column.type)):
        raise SchemaError(f"{who}: label '{name}' is {column.type}, not a boolean: cast it")
    whole = pc.cast(column, pa.int64()).to_numpy()
    other = int(((whole != 0) & (whole != 1)).sum())
    if other:
        raise DataError(f"{who}: label '{name}' is neither 0 nor 1 in {other} rows: correct them")
    return whole.astype(np.bool_)


def _codes(table: pa.Table, name: str | None) -> Codes:
    """Codes in the order of the values, a null's last: then ties are broken by the value."""
    if name is None:
        return np.arange(table.num_rows, dtype=np.int64)
    column = table.column(name).combine_chunks()
    distinct = pc.unique(column).drop_null()
    distinct = distinct.take(pc.sort_indices(distinct))
    codes = pc.index_in(column, value_set=distinct).to_numpy(zero_copy_only=False)
    return np.nan_to_num(codes.astype(np.float64), nan=len(distinct)).astype(np.int64)


def _weights(table: pa.Table, name: str | None, *, who: str) -> NDArray[np.float64] | None:
    if name is None:
        return None
    chances = _doubles(table, name, who=who)
    bad = int((~((chances > 0) & (chances <= 1))).sum())
    if bad:
        raise DataError(
            f"{who}: propensity '{name}' is not above 0 and at most 1 in {bad} rows whose outcome "
            "was seen: a decision that could not be let through has none; correct the log"
        )
    return 1.0 / chances


def _doubles(table: pa.Table, name: str, *, who: str) -> NDArray[np.float64]:
    return input_matrix(table, (name,), who=who)[:, 0].astype(np.float64)


def _in_words(column: pa.ChunkedArray) -> NDArray[np.str_]:
    """Values as text: of numbers the quarter they are in, of the rest the commonest by name."""
    kind = column.type
    missing = column.is_null().to_numpy()
    if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        numbers = pc.cast(column, pa.float64(), safe=False).to_numpy()
        missing = missing | np.isnan(numbers)
        words = _quarters(np.where(missing, np.nan, numbers))
    else:
        text = pc.cast(column, pa.string())
        counted = Counter(text.drop_null().to_pylist())
        common = sorted(counted, key=lambda one: (-counted[one], one))[:_VALUES]
        known = pc.is_in(text, value_set=pa.array(common, pa.string()))
        words = pc.if_else(known, text, "(other)").to_numpy(zero_copy_only=False).astype(str)
    words = words.astype("U64")
    words[missing] = "(missing)"
    return words


def _quarters(numbers: NDArray[np.float64]) -> NDArray[np.str_]:
    known = numbers[~np.isnan(numbers)]
    if not len(known):
        return np.full(len(numbers), "")
    edges = np.unique(np.quantile(known, [0.25, 0.5, 0.75]))
    ends = ["", *(f"{edge:.4g}" for edge in edges), ""]
    # Begins with a letter in order of size, so that they sort.
    names = np.array(
        [
            f"{chr(97 + n)}: " + (f"over {low}" if not high else f"up to {high}")
            for n, (low, high) in enumerate(pairwise(ends))
        ]
    )
    return names[np.searchsorted(edges, np.nan_to_num(numbers), side="left")]


def from_arrays(
    rows: NDArray[np.floating],
    labels: NDArray[np.bool_],
    decided_at: Instants,
    *,
    inputs: Sequence[str],
    entities: Codes | None = None,
) -> LearningData:
    """Data from arrays that are at hand, sorted by time; for experiments and tests."""
    order = np.argsort(decided_at, kind="stable")
    codes = np.arange(len(labels), dtype=np.int64) if entities is None else entities[order]
    return LearningData(
        inputs=tuple(inputs),
        rows=np.ascontiguousarray(rows[order], np.float32),
        labels=labels[order].astype(np.bool_),
        decided_at=decided_at[order].astype("datetime64[us]"),
        entities=codes,
    )
