"""Delta tables of a target; the only module that writes them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from stockade.definitions.names import check_column, check_name
from stockade.errors import (
    DefinitionError,
    EmptyTableError,
    SchemaError,
    TableNotFoundError,
    WriteError,
    hint,
)
from stockade.target import Target

Note = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One commit.

    Attributes:
        name: the table.
        version: its Delta version.
        rows: how many rows the commit wrote.
    """

    name: str
    version: int
    rows: int


class Tables:
    """The Delta tables of one target.

    Every write is one atomic commit that replaces a whole table or one interval of days, and
    carries a note (JSON) with the `run_id` of who wrote it.
    """

    def __init__(self, spark: SparkSession, target: Target) -> None:
        """Hold the session and the place."""
        self.spark = spark
        self.target = target

    def read(self, name: str) -> DataFrame:
        """The rows of a table; `TableNotFoundError` names the nearest."""
        if not self.exists(name):
            raise TableNotFoundError(f"no table '{name}': {hint(name, self.names())}")
        if self.target.folder is None or "." in name:
            return self.spark.read.table(self._identifier(name))
        return self.spark.read.format("delta").load(str(self._path(name)))

    def exists(self, name: str) -> bool:
        """Whether there is such a table."""
        if self.target.folder is None or "." in name:
            return self.spark.catalog.tableExists(self._identifier(name))
        # A first write that failed leaves a log without commits: that is no table.
        return any((self._path(name) / "_delta_log").glob("*.json"))

    def names(self) -> tuple[str, ...]:
        """All tables, by name."""
        if self.target.folder is None:
            found = self.spark.catalog.listTables(self.target.schema)
            return tuple(sorted(table.name for table in found))
        root = self.target.warehouse
        return tuple(
            sorted({commit.parent.parent.name for commit in root.glob("*/_delta_log/*.json")})
        )

    def version(self, name: str) -> int:
        """The table's newest Delta version."""
        return int(self._newest(name)["version"])

    def last_note(self, name: str) -> dict[str, Any] | None:
        """The note of the newest commit; None if a stranger wrote it."""
        return _note(self._newest(name)["userMetadata"])

    def replace(
        self,
        name: str,
        frame: DataFrame,
        *,
        note: Note,
        partition_by: Sequence[str] = (),
        allow_empty: bool = False,
    ) -> Written:
        """Replace a whole table in one commit; its columns may change.

        Raises:
            EmptyTableError: no rows, and not `allow_empty`; nothing is written.
        """
        self._require_rows(name, frame, allow_empty=allow_empty)
        writer = frame.write.format("delta").mode("overwrite").option("overwriteSchema", "true")
        if partition_by:
            writer = writer.partitionBy(*partition_by)
        return self._commit(name, writer, note)

    def replace_interval(
        self,
        name: str,
        frame: DataFrame,
        *,
        column: str,
        start: date,
        end: date,
        note: Note,
        allow_empty: bool = False,
    ) -> Written:
        """Replace the days `[start, end)` of a table partitioned by the date `column`.

        The table is made where it is missing. All rows must lie within the interval.

        Raises:
            SchemaError: columns differ from the table's; nothing is written.
            EmptyTableError: no rows, and not `allow_empty`; nothing is written.
        """
        check_column(column, who=f"table '{name}'")
        self._require_rows(name, frame, allow_empty=allow_empty)
        writer = frame.write.format("delta").mode("overwrite").partitionBy(column)
        if self.exists(name):
            _require_same_columns(name, self.read(name), frame)
        # Built from dates alone: the condition decides what is deleted.
        interval = f"{column} >= DATE'{start:%Y-%m-%d}' AND {column} < DATE'{end:%Y-%m-%d}'"
        return self._commit(name, writer.option("replaceWhere", interval), note)

    def _commit(self, name: str, writer: Any, note: Note) -> Written:
        run = note["run_id"]
        writer = writer.option("userMetadata", json.dumps(dict(note), ensure_ascii=False))
        if self.target.folder is None or "." in name:
            writer.saveAsTable(self._identifier(name))
        else:
            writer.save(str(self._path(name)))
        newest = self._newest(name)
        found = _note(newest["userMetadata"])
        # Delta may skip a write silently: only the note proves that it is ours that counts.
        if found is None or found.get("run_id") != run:
            raise WriteError(
                f"table '{name}': the newest commit is not that of run {run}: somebody else wrote "
                "at the same time, or the write was skipped; run it again"
            )
        metrics = newest["operationMetrics"] or {}
        return Written(
            name=name, version=int(newest["version"]), rows=int(metrics.get("numOutputRows", 0))
        )

    def _newest(self, name: str) -> Mapping[str, Any]:
        if not self.exists(name):
            raise TableNotFoundError(f"no table '{name}': {hint(name, self.names())}")
        local = self.target.folder is not None and "." not in name
        place = f"delta.`{self._path(name)}`" if local else self._identifier(name)
        row = self.spark.sql(f"DESCRIBE HISTORY {place} LIMIT 1").first()
        if row is None:
            raise TableNotFoundError(f"table '{name}' has no history: is it a Delta table?")
        return row.asDict()

    def _require_rows(self, name: str, frame: DataFrame, *, allow_empty: bool) -> None:
        if not allow_empty and frame.isEmpty():
            raise EmptyTableError(
                f"table '{name}': there are no rows to write, and an empty write would wipe what "
                "is there: check the input, or allow it to be empty"
            )

    def _path(self, name: str) -> Path:
        check_name(name, what="table")
        return self.target.warehouse / name

    def _identifier(self, name: str) -> str:
        parts = name.split(".")
        if len(parts) > 3:
            raise DefinitionError(f"table '{name}' has {len(parts)} parts, at most 3 are read")
        for part in parts:
            check_name(part, what="table")
        full = parts if len(parts) > 1 else [*str(self.target.schema).split("."), name]
        return ".".join(f"`{part}`" for part in full)


def _note(text: str | None) -> dict[str, Any] | None:
    try:
        found = json.loads(text or "null")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _require_same_columns(name: str, there: DataFrame, here: DataFrame) -> None:
    old = {field.name: field.dataType.simpleString() for field in there.schema}
    new = {field.name: field.dataType.simpleString() for field in here.schema}
    said = [f"'{c}' is missing" for c in old if c not in new]
    said += [f"'{c}' is new" for c in new if c not in old]
    said += [f"'{c}' was {old[c]} and is {new[c]}" for c in old if c in new and old[c] != new[c]]
    if said:
        raise SchemaError(f"table '{name}' has other columns than are written: {', '.join(said)}")
