"""Files into Delta tables, types checked, refused whole when anything is wrong."""

from collections.abc import Mapping, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import types as T

from stockade.definitions.names import check_column
from stockade.definitions.source import Files
from stockade.errors import DefinitionError, SchemaError, raise_all, require_columns
from stockade.store.origins import read_files
from stockade.store.tables import Note, Tables, Written


def ingest(
    tables: Tables,
    files: Files,
    name: str,
    *,
    note: Note,
    naive_utc: Sequence[str] = (),
    rename: Mapping[str, str] | None = None,
) -> Written:
    """Load files into a table, replacing it.

    Args:
        tables: where to write.
        files: what to read.
        name: the table.
        note: of the commit.
        naive_utc: timestamp columns without a zone that mean UTC.
        rename: the files' column -> the table's.

    Raises:
        SchemaError, ColumnNotFoundError: all faults of the columns together; nothing is written.
        EmptyTableError: the files hold no rows.
    """
    rows = read_files(tables.spark, files)
    who = f"files '{files.path}'"
    names = dict(rename or {})
    require_columns(rows.columns, *naive_utc, *names, where=who)
    faults = [
        SchemaError(
            f"{who}: column '{field.name}' is timestamp_ntz, which names no instant: "
            f"if it means UTC, ingest with naive_utc ('{field.name}')"
        )
        for field in rows.schema
        if isinstance(field.dataType, T.TimestampNTZType) and field.name not in naive_utc
    ]
    raise_all(f"{who} cannot be loaded", faults)
    new = [names.get(column, column) for column in rows.columns]
    for column in new:
        check_column(column, who=who)
    if len(set(new)) < len(new):
        raise DefinitionError(f"{who}: two columns would be called the same: {', '.join(new)}")
    typed = rows.select(
        *(
            _instant(rows, column, naive=column in naive_utc).alias(names.get(column, column))
            for column in rows.columns
        )
    )
    return tables.replace(name, typed, note=note)


def _instant(rows: DataFrame, column: str, *, naive: bool) -> Column:
    # The session's zone is UTC, so the cast reads the naive time as UTC.
    return rows[column].cast("timestamp") if naive else rows[column]
