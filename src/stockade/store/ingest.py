"""Files into Delta tables, types checked, refused whole when anything is wrong."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from stockade.definitions.names import check_column
from stockade.definitions.source import EventSource, Files
from stockade.errors import (
    ColumnNotFoundError,
    DataError,
    DefinitionError,
    SchemaError,
    hint,
    raise_all,
)
from stockade.store.contract import require_loadable
from stockade.store.origins import open_files, require_timestamps, schema_faults
from stockade.store.tables import Note, Tables, Written

# What the next version changes can then be read without reading either version whole.
CHANGE_FEED = {"delta.enableChangeDataFeed": "true"}


def ingest(
    tables: Tables,
    files: Files,
    name: str,
    *,
    note: Note,
    naive_utc: Sequence[str] = (),
    rename: Mapping[str, str] | None = None,
    partition_on: str | None = None,
    base: Path | None = None,
    sources: Sequence[EventSource] = (),
) -> Written:
    """Load files into a table, replacing it.

    Args:
        tables: where to write.
        files: what to read.
        name: the table.
        note: of the commit.
        naive_utc: the files' timestamp columns without a zone that mean UTC.
        rename: the files' column -> the table's.
        partition_on: a timestamp column of the table; its day (UTC) becomes the last column and
            the partition: `paid_on` for `paid_at`.
        base: the folder that a relative path begins at; by default the current one.
        sources: those that read the table; what would break a contract of theirs is refused.

    Raises:
        SchemaError, ColumnNotFoundError, DefinitionError: what is wrong with the columns, as an
            `ExceptionGroup` where it is more than one thing; nothing is written.
        DataError: a row does not fit the declared types; nothing is written.
        EmptyTableError: the files hold no rows; nothing is written.
    """
    rows = open_files(tables.spark, files, base=base)
    names = dict(rename or {})
    faults = list(_faults(rows, files, naive_utc, names))
    raise_all(f"files '{files.path}' cannot be loaded", faults)
    typed = rows.select(
        *(
            # The session's zone is UTC, so the cast reads the naive time as UTC.
            (rows[column].cast("timestamp") if column in naive_utc else rows[column]).alias(
                names.get(column, column)
            )
            for column in rows.columns
        )
    )
    partitions: tuple[str, ...] = ()
    if partition_on is not None:
        day = _day(typed, partition_on, where=f"files '{files.path}'")
        typed = typed.withColumn(day, F.to_date(partition_on))
        partitions = (day,)
    try:
        for source in sources:
            if source.contract is not None:
                require_loadable(source, typed, now=datetime.now(UTC))
        return tables.replace(
            name, typed, note=note, partition_by=partitions, properties=CHANGE_FEED
        )
    except Exception as fault:
        known = _behind(str(fault), files)
        if known is None:
            raise
        # Spark's own message quotes the row.
        raise known from None


def _faults(
    rows: DataFrame, files: Files, naive_utc: Sequence[str], names: Mapping[str, str]
) -> Iterator[Exception]:
    who = f"files '{files.path}'"
    naive = [f.name for f in rows.schema if isinstance(f.dataType, T.TimestampNTZType)]
    # A column that lacks a zone has one fault, not also that of another type than declared.
    said = list(schema_faults(rows, files, naive_utc=naive))
    if said:
        yield SchemaError(f"{who}: {', '.join(said)}")
    for column in naive:
        if column not in naive_utc:
            yield SchemaError(
                f"{who}: column '{column}' is timestamp_ntz, which names no instant: "
                f"if it means UTC, ingest with naive_utc ('{column}')"
            )
    for column in dict.fromkeys((*naive_utc, *names)):
        if column not in rows.columns:
            yield ColumnNotFoundError(
                f"{who} has no column '{column}': {hint(column, rows.columns)}"
            )
    for column in naive_utc:
        if column in rows.columns and not isinstance(
            rows.schema[column].dataType, T.TimestampNTZType | T.TimestampType
        ):
            kind = rows.schema[column].dataType.simpleString()
            yield SchemaError(f"{who}: naive_utc names '{column}', which is {kind} and no time")
    yield from _name_faults([names.get(column, column) for column in rows.columns], who)


def _name_faults(columns: Sequence[str], who: str) -> Iterator[Exception]:
    for column in columns:
        try:
            check_column(column, who=who)
        except DefinitionError as fault:
            yield fault
    # Spark does not tell upper case from lower.
    if len({column.lower() for column in columns}) < len(columns):
        yield DefinitionError(f"{who}: two columns would be called the same: {', '.join(columns)}")


def _day(rows: DataFrame, column: str, *, where: str) -> str:
    require_timestamps(rows, [column], where)
    day = f"{column.removesuffix('_at')}_on"
    if day.lower() in (known.lower() for known in rows.columns):
        raise DefinitionError(
            f"{where}: partition_on '{column}' would add '{day}', which is there already: rename it"
        )
    return day


def _behind(text: str, files: Files) -> Exception | None:
    if "MALFORMED_RECORD" in text or "MALFORMED_CSV_RECORD" in text:
        return DataError(
            f"files '{files.path}': a row of the files does not fit the declared types: "
            "correct the files or the schema; nothing was written"
        )
    if "CSV header does not conform to the schema" in text:
        return SchemaError(
            f"files '{files.path}': a file of the folder has another header than declared: "
            "correct it or move it away; nothing was written"
        )
    return None
