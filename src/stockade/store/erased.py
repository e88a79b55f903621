"""Whose rows were erased: tombstones that name nobody, and reads that leave those rows out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from stockade.store.tables import Tables

ERASED = "stockade_erased"
_TOKEN = "_token"  # noqa: S105
_SCHEMA = pa.schema(
    {
        "scope": pa.string(), "columns": pa.list_(pa.string()), "token": pa.string(),
        "run_id": pa.string(), "erased_at": pa.timestamp("us", tz="UTC"),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where rows are left out, and by which columns.

    Attributes:
        name: `entity account`, of all that has its keys; `source payments`, of what is set aside.
        columns: the entity's keys, or what the source calls them.
    """

    name: str
    columns: tuple[str, ...]


def of_entity(name: str, keys: Sequence[str]) -> Scope:
    """The snapshots and decisions of an entity."""
    return Scope(name=f"entity {name}", columns=tuple(keys))


def of_source(name: str, columns: Sequence[str]) -> Scope:
    """What a source's contract sets aside."""
    return Scope(name=f"source {name}", columns=tuple(columns))


def token(columns: Sequence[str]) -> Column:
    """What a tombstone says instead of the keys: a SHA-256 of their text."""
    return F.sha2(F.to_json(F.array(*(F.col(name).cast("string") for name in columns))), 256)


def entomb(tables: Tables, scopes: Sequence[Scope], key: DataFrame, *, run_id: str) -> None:
    """Write the tombstones of one key, a row of text, where they are not there yet."""
    (said,) = key.select(token(key.columns).alias(_TOKEN)).collect()
    there = {(one.name, one.columns) for one in _scopes(tables, said[_TOKEN])}
    now = datetime.now(UTC)
    lines = [
        {"scope": one.name, "columns": list(one.columns), "token": said[_TOKEN],
         "run_id": run_id, "erased_at": now}
        for one in scopes
        if (one.name, one.columns) not in there
    ]  # fmt: skip
    if lines:
        frame = tables.spark.createDataFrame(pa.Table.from_pylist(lines, _SCHEMA))
        tables.append(ERASED, frame, note={"run_id": run_id})


def without_entity(tables: Tables, rows: DataFrame, name: str) -> DataFrame:
    """Rows with an entity's keys, but for those of entities that were erased."""
    for scope in _scopes(tables):
        if scope.name == f"entity {name}":
            rows = _without(tables, rows, scope, scope.columns)
    return rows


def without_erased(tables: Tables, rows: DataFrame, keys: Mapping[str, str]) -> DataFrame:
    """Decisions, but for those that were about an entity that was erased.

    Args:
        tables: with the tombstones.
        rows: the decisions.
        keys: entity key -> their column, where the names differ.
    """
    for scope in _scopes(tables):
        columns = [keys.get(name, name) for name in scope.columns]
        if scope.name.startswith("entity ") and set(columns) <= set(rows.columns):
            rows = _without(tables, rows, scope, columns)
    return rows


def without_set_aside(tables: Tables, rows: DataFrame, source: str) -> DataFrame:
    """Rows of a source, but for those of entities that were erased."""
    for scope in _scopes(tables):
        if scope.name == f"source {source}" and set(scope.columns) <= set(rows.columns):
            rows = _without(tables, rows, scope, scope.columns)
    return rows


def _scopes(tables: Tables, said: str | None = None) -> list[Scope]:
    if not tables.exists(ERASED):
        return []
    lines = tables.read(ERASED)
    lines = lines if said is None else lines.where(F.col("token") == said)
    found = lines.select("scope", "columns").distinct().collect()
    return [Scope(name=row["scope"], columns=tuple(row["columns"])) for row in found]


def _without(tables: Tables, rows: DataFrame, scope: Scope, columns: Sequence[str]) -> DataFrame:
    lines = tables.read(ERASED).where(F.col("scope") == scope.name)
    gone = lines.select(F.col("token").alias(_TOKEN)).distinct()
    marked = rows.withColumn(_TOKEN, token(columns))
    return marked.join(gone, _TOKEN, "left_anti").drop(_TOKEN)
