"""Delta tables of a target; the only module that writes them."""

import json
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from pyspark.sql import DataFrame, SparkSession

from stockade.definitions.names import check_column, check_name, quoted
from stockade.errors import (
    DataError,
    DefinitionError,
    EmptyTableError,
    SchemaError,
    TableNotFoundError,
    WriteConflictError,
    WriteError,
    hint,
)
from stockade.store.shape import (
    OUTSIDE,
    require_date,
    require_days,
    require_same_columns,
    within,
)
from stockade.target import Target

Note = Mapping[str, Any]
Moment = Literal["before commit", "after commit"]
Step = Callable[[Moment, str], None]

# Tells commits of one run apart; readers of notes never see it.
_COMMIT = "commit_id"
# A commit of ours is looked for among so many: others may have written days beside it meanwhile.
RECENT = 100
# Delta's typed exceptions do not reach Python (4.3.1) or Connect; the text does, in both.
_CONFLICT = re.compile(r"\[(DELTA_(?:CONCURRENT_\w+|METADATA_CHANGED|PROTOCOL_CHANGED))")
_NO_VERSION = re.compile(r"DELTA_(?:VERSION_NOT_(?:FOUND|CONTIGUOUS)|NO_RECREATABLE_HISTORY)", re.I)
_NO_FEED = re.compile(r"DELTA_(?:MISSING_CHANGE_DATA|CHANGE_TABLE_FEED|CHANGE_DATA_FEED|CDC_|CDF_)")
_NO_FILE = re.compile(
    r"FAILED_READ_FILE|FILE_NOT_EXIST|FileNotFoundException|DELTA_(?:FILE_NOT_FOUND|LOG_FILE_NOT)"
)
# Java's and the system's words; Spark wraps them, and Connect passes the text on.
_STORAGE = re.compile(
    r"No space left on device|quota exceeded|Read-only file system|Not a directory|"
    r"Permission denied|AccessDenied|Mkdirs failed|Unable to create|FileAlreadyExistsException|"
    r"ParentNotDirectoryException|Input/output error",
    re.IGNORECASE,
)
# Other files or other properties, the same rows.
_QUIET = (
    "OPTIMIZE", "REORG", "VACUUM", "SET ", "UNSET ", "COMMENT", "CHANGE COLUMN", "CLUSTER BY",
    "UPGRADE",
)  # fmt: skip
# Databricks' default lets a blind append slip past an overwrite.
_SERIALIZABLE = ("delta.isolationLevel", "Serializable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One commit.

    Attributes:
        name: the table.
        version: its Delta version.
        rows: how many rows the commit wrote, as Delta counted them.
        path_or_name: where the table is: its folder, or its name in the catalog.
    """

    name: str
    version: int
    rows: int
    path_or_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """Keeps a write that comes too late out: of a scope's writes, attempts only ever rise.

    Attributes:
        scope: what is fenced, within the table: `2026-03` for the days of a month.
        attempt: Delta skips the write if one of this number or a higher one was committed in the
            scope, even where a `RESTORE` has taken that one back (measured on 4.3.1).
    """

    scope: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One entry of a table's history.

    Attributes:
        version: the Delta version that it made.
        operation: as Delta names it: `WRITE`, `DELETE`, `RESTORE`.
        note: of whoever wrote it through `Tables`; empty if a stranger did.
    """

    version: int
    operation: str
    note: Mapping[str, Any]

    @property
    def moves_rows(self) -> bool:
        """Whether the table may hold other rows since."""
        return not self.operation.startswith(_QUIET)


class Tables:
    """The Delta tables of one target.

    Every write is one atomic commit that replaces a whole table or one interval of days, and
    carries a note (JSON) with the `run_id` of who wrote it. The note is in the commit itself, so
    no crash can part it from the rows.
    """

    def __init__(self, spark: SparkSession, target: Target, *, step: Step | None = None) -> None:
        """Hold the session and the place.

        Args:
            spark: a session in UTC.
            target: where the tables are.
            step: called with the moment and the table around each commit; what it raises passes
                through, as a crash there would.
        """
        self.spark = spark
        self.target = target
        self._step: Step = step or _no_step

    def read(self, name: str, *, version: int | None = None) -> DataFrame:
        """The rows of a table, as they are or as they were at a version.

        Raises:
            TableNotFoundError: there is no such table (the nearest is named), or its files of that
                version are gone.
        """
        if not self.exists(name):
            raise TableNotFoundError(f"no table '{name}': {hint(name, self.names())}")
        reader = self.spark.read
        if version is not None:
            reader = reader.option("versionAsOf", version)
        try:
            if self.target.folder is None or "." in name:
                frame = reader.table(self._identifier(name))
            else:
                frame = reader.format("delta").load(str(self._path(name)))
            # Spark Connect looks only now.
            _ = frame.schema
        except Exception as fault:
            if version is None or not _NO_VERSION.search(str(fault)):
                raise
            raise TableNotFoundError(
                f"table '{name}' is no longer there as of version {version}: Delta keeps a "
                "version's log for delta.logRetentionDuration, and VACUUM removes its files"
            ) from None
        return frame

    def exists(self, name: str) -> bool:
        """Whether there is such a table."""
        if self.target.folder is None or "." in name:
            return self.spark.catalog.tableExists(self._identifier(name))
        # A first write that failed leaves a log without commits: that is no table.
        return any((self._path(name) / "_delta_log").glob("*.json"))

    def names(self) -> tuple[str, ...]:
        """All tables, by name."""
        if self.target.folder is None:
            # Spark lists the session's temporary views with every schema.
            found = self.spark.catalog.listTables(self.target.schema)
            return tuple(sorted(table.name for table in found if not table.isTemporary))
        root = self.target.warehouse
        return tuple(
            sorted({commit.parent.parent.name for commit in root.glob("*/_delta_log/*.json")})
        )

    def version(self, name: str) -> int:
        """The table's newest Delta version."""
        return int(self._newest(name)["version"])

    def commits(self, name: str, newest: int = RECENT) -> tuple[Commit, ...]:
        """A table's latest commits, the newest first; none where there is no such table."""
        if not self.exists(name):
            return ()
        return tuple(
            Commit(
                version=int(row["version"]),
                operation=str(row["operation"]),
                note=_note(row["userMetadata"]) or {},
            )
            for row in self._history(name, newest)
        )

    def note_with(self, name: str, key: str) -> dict[str, Any] | None:
        """The newest note that has a key, past commits of strangers and of maintenance."""
        notes = (commit.note for commit in self.commits(name))
        return next((dict(note) for note in notes if key in note), None)

    def changes(self, name: str, *, after: int, until: int) -> DataFrame | None:
        """The rows that came and went, with `_change_type`; None where the table keeps no feed."""
        reader = self.spark.read.option("readChangeFeed", "true")
        reader = reader.option("startingVersion", after + 1).option("endingVersion", until)
        try:
            if self.target.folder is None or "." in name:
                frame = reader.table(self._identifier(name))
            else:
                frame = reader.format("delta").load(str(self._path(name)))
            # A feed that began later, or whose log is gone, shows only when it is read; `limit(0)`
            # never reads it.
            _ = frame.isEmpty()
        except Exception as fault:
            if _NO_FEED.search(str(fault)) or _NO_VERSION.search(str(fault)):
                return None
            raise
        return frame

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
        fence: Fence | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> Written:
        """Replace a whole table in one commit; its columns may change.

        Args:
            name: the table.
            frame: its rows.
            note: of the commit.
            partition_by: columns that the table's files are kept apart by.
            allow_empty: no rows are meant.
            fence: see `Fence`.
            properties: Delta's, for a table that is made anew.

        Raises:
            EmptyTableError: no rows, and not `allow_empty`; nothing is written.
            WriteConflictError: another run wrote at the same time; nothing is written.
        """
        self._require_rows(name, frame, allow_empty=allow_empty)
        writer = frame.write.format("delta").mode("overwrite").option("overwriteSchema", "true")
        if partition_by:
            writer = writer.partitionBy(*partition_by)
        writer = writer.options(**(properties or {}))
        return self._commit(name, writer, note, fence, allow_empty=allow_empty)

    def append(
        self, name: str, frame: DataFrame, *, note: Note, fence: Fence | None = None
    ) -> Written:
        """Add rows to a table that is only ever added to; it is made where it is missing."""
        writer = frame.coalesce(1).write.format("delta").mode("append")
        return self._commit(name, writer.option("delta.appendOnly", "true"), note, fence)

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
        fence: Fence | None = None,
    ) -> Written:
        """Replace the days `[start, end)` of a table partitioned by the date `column`.

        The table is made where it is missing. All rows must lie within the interval.

        Raises:
            DefinitionError: `start` and `end` are not dates, the first before the second.
            SchemaError: columns or partitions differ from the table's; nothing is written.
            EmptyTableError: no rows, and not `allow_empty`; nothing is written.
            DataError: a row lies outside the interval; nothing is written.
            WriteConflictError: another run wrote at the same time; nothing is written.
        """
        check_column(column, who=f"table '{name}'")
        require_days(name, start, end)
        require_date(name, column, frame)
        there = self.exists(name)
        if there:
            require_same_columns(name, self.read(name), frame)
            self._require_partitions(name, column)
        self._require_rows(name, frame, allow_empty=allow_empty)
        if not there:
            # Delta holds rows to `replaceWhere` only where the table exists (seen in 4.3.1).
            frame = within(frame, column, start, end)
        writer = frame.write.format("delta").mode("overwrite").partitionBy(column)
        # Built from dates alone: the condition decides what is deleted.
        days = f"{column} >= DATE'{start.isoformat()}' AND {column} < DATE'{end.isoformat()}'"
        try:
            writer = writer.option("replaceWhere", days)
            return self._commit(name, writer, note, fence, allow_empty=allow_empty)
        except Exception as fault:
            if OUTSIDE not in str(fault):
                raise
            # Spark's own message quotes the row.
            raise DataError(
                f"table '{name}': a row's '{column}' is not within [{start}, {end}), the days "
                f"that are replaced; nothing was written {OUTSIDE}"
            ) from None

    def _commit(
        self,
        name: str,
        writer: Any,
        note: Note,
        fence: Fence | None = None,
        *,
        allow_empty: bool = False,
    ) -> Written:
        if "run_id" not in note:
            raise DefinitionError(f"table '{name}': the note of a write must have a run_id")
        token = uuid4().hex
        text = json.dumps({**note, _COMMIT: token}, ensure_ascii=False, default=str)
        writer = writer.option("userMetadata", text).option(*_SERIALIZABLE)
        if fence is not None:
            writer = writer.option("txnAppId", f"{name}/{fence.scope}")
            writer = writer.option("txnVersion", fence.attempt)
        self._step("before commit", name)
        try:
            if self.target.folder is None or "." in name:
                writer.saveAsTable(self._identifier(name))
            else:
                writer.save(str(self._path(name)))
        except Exception as fault:
            conflict = _CONFLICT.search(str(fault))
            if conflict is None:
                self._refuse_storage(name, fault, note)
                raise
            raise WriteConflictError(
                f"table '{name}': another run wrote the same rows at the same time "
                f"({conflict[1]}), and nothing of run {note['run_id']} was written: run it again"
            ) from None
        self._step("after commit", name)
        written = self._written(name, token)
        if written is not None:
            return written
        if allow_empty and fence is None:
            # Delta makes no commit where nothing replaces nothing, but does for an attempt: what
            # the note says counts all the same.
            attempt = Fence(scope="nothing", attempt=self.version(name) + 1)
            return self._commit(name, writer, note, attempt)
        # Delta may skip a write silently: only the note proves that it is ours that counts.
        raise WriteConflictError(
            f"table '{name}': run {note['run_id']} is not among its newest commits: "
            "the write was skipped; run it again"
        )

    def _refuse_storage(self, name: str, fault: Exception, note: Note) -> None:
        storage = _STORAGE.search(str(fault))
        if storage is not None:
            # The rest of Spark's message may quote rows.
            raise WriteError(
                f"table '{name}': storage refused the write ({storage[0].lower()}), and nothing of "
                f"run {note['run_id']} is in the table: mend '{self.target.place(name)}', run it "
                "again"
            ) from None

    def _written(self, name: str, token: str) -> Written | None:
        """Our commit, as the table's history has it; None if Delta skipped the write."""
        for commit in self._history(name, RECENT):
            if _parsed(commit["userMetadata"]).get(_COMMIT) == token:
                metrics = commit["operationMetrics"] or {}
                return Written(
                    name=name,
                    version=int(commit["version"]),
                    rows=int(metrics.get("numOutputRows", 0)),
                    path_or_name=name if "." in name else self.target.place(name),
                )
        return None

    def _newest(self, name: str) -> Mapping[str, Any]:
        if not self.exists(name):
            raise TableNotFoundError(f"no table '{name}': {hint(name, self.names())}")
        commits = self._history(name, 1)
        if not commits:
            raise TableNotFoundError(f"table '{name}' has no history: is it a Delta table?")
        return commits[0]

    def _history(self, name: str, newest: int) -> list[Mapping[str, Any]]:
        rows = self.spark.sql(f"DESCRIBE HISTORY {self._sql_name(name)} LIMIT {newest}").collect()
        return [row.asDict() for row in rows]

    def partitions(self, name: str) -> list[str]:
        """The columns that a table's files are kept apart by."""
        detail = self.spark.sql(f"DESCRIBE DETAIL {self._sql_name(name)}").first()
        return [] if detail is None else list(detail["partitionColumns"])

    def size(self, name: str) -> tuple[int, int]:
        """How many rows a table has, and how many bytes; both from Delta's log."""
        return self.read(name).count(), self.bytes(name)

    def bytes(self, name: str) -> int:
        """How many bytes a table's files have, by Delta's log."""
        detail = self.spark.sql(f"DESCRIBE DETAIL {self._sql_name(name)}").first()
        return 0 if detail is None else int(detail["sizeInBytes"] or 0)

    def files_missing(self, fault: Exception) -> bool:
        """Whether a fault says that files of a table are not there."""
        return _NO_FILE.search(str(fault)) is not None

    def remove(self, name: str, rows: DataFrame) -> int:
        """Delete the rows whose columns read, as text, like one of `rows`; how many that were.

        They stay in older versions until these are removed; see `compact`.

        Raises:
            WriteConflictError: another run wrote at the same time; nothing is deleted.
        """
        for column in rows.columns:
            check_column(column, who=f"table '{name}'")
        view = f"stockade_{uuid4().hex}"
        rows.distinct().createOrReplaceTempView(view)
        same = " AND ".join(f"CAST(t.`{one}` AS STRING) = s.`{one}`" for one in rows.columns)
        place = self._sql_name(name)
        there = f"SELECT 1 FROM {place} t JOIN {view} s ON {same} LIMIT 1"  # noqa: S608
        merge = f"MERGE INTO {place} t USING {view} s ON {same} WHEN MATCHED THEN DELETE"
        try:
            with _conflicts(name, "while rows were deleted: delete them again"):
                if self.spark.sql(there).isEmpty():
                    return 0
                found = self.spark.sql(merge).first()
                # Where deletion vectors are on, the rows are in the files still.
                self.spark.sql(f"REORG TABLE {place} APPLY (PURGE)").collect()
        finally:
            self.spark.catalog.dropTempView(view)
        return 0 if found is None else int(found["num_deleted_rows"])

    def compact(self, name: str) -> None:
        """Put small files together, and remove those that no version within retention needs.

        Raises:
            WriteConflictError: another run wrote at the same time; the rows are as it left them.
        """
        with _conflicts(name, "while it was compacted: compact it later"):
            self.spark.sql(f"OPTIMIZE {self._sql_name(name)}").collect()
        self.spark.sql(f"VACUUM {self._sql_name(name)}").collect()

    def _require_partitions(self, name: str, column: str) -> None:
        found = self.partitions(name)
        if found != [column]:
            raise SchemaError(
                f"table '{name}' is partitioned by {', '.join(found) or 'nothing'}, not by "
                f"'{column}': replace it whole, partitioned by '{column}', before writing days"
            )

    def _require_rows(self, name: str, frame: DataFrame, *, allow_empty: bool) -> None:
        if not allow_empty and frame.isEmpty():
            raise EmptyTableError(
                f"table '{name}': there are no rows to write, and an empty write would wipe what "
                "is there: check the input, or allow it to be empty"
            )

    def _path(self, name: str) -> Path:
        return self.target.path(name)

    def _sql_name(self, name: str) -> str:
        if self.target.folder is None or "." in name:
            return self._identifier(name)
        return f"delta.{quoted(str(self._path(name)))}"

    def _identifier(self, name: str) -> str:
        parts = name.split(".")
        if len(parts) > 3:
            raise DefinitionError(f"table '{name}' has {len(parts)} parts, at most 3 are read")
        for part in parts:
            check_name(part, what="table")
        full = parts if len(parts) > 1 else [*str(self.target.schema).split("."), name]
        return ".".join(f"`{part}`" for part in full)


def _no_step(_moment: Moment, _name: str) -> None:
    return None


@contextmanager
def _conflicts(name: str, told: str) -> Generator[None]:
    """Say in our words that another run wrote the table."""
    try:
        yield
    except Exception as fault:
        if _CONFLICT.search(str(fault)) is None:
            raise
        raise WriteConflictError(f"table '{name}': another run wrote it {told}") from None


def _parsed(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text or "null")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _note(text: str | None) -> dict[str, Any] | None:
    found = _parsed(text)
    found.pop(_COMMIT, None)
    return found or None
