"""Origins of definitions as DataFrames: tables, files, queries over them."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from stockade.definitions.source import Files, Origin, Query, Table
from stockade.errors import (
    DataError,
    DefinitionError,
    SchemaError,
    TableNotFoundError,
    raise_all,
    require_columns,
)

# s3://, abfss://, dbfs:/, and what Databricks mounts: not a path that can be looked up here.
_ELSEWHERE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/|/Volumes/")
_GONE = ("PATH_NOT_FOUND", "DELTA_TABLE_NOT_FOUND", "DELTA_PATH_DOES_NOT_EXIST")
_WHERE = re.compile(r"\s*SQLSTATE: .*")


class Readable(Protocol):
    """Looks tables up by name: the newest rows, or those of a snapshot."""

    def read(self, name: str) -> DataFrame:
        """The rows of a table."""
        ...


def open_origin(
    spark: SparkSession, tables: Readable, origin: Origin, *, base: Path | None = None
) -> DataFrame:
    """The rows of a table, of files, or of a query over them.

    Args:
        spark: reads.
        tables: where tables are looked up by name.
        origin: what to open.
        base: the folder that relative paths of files begin at; by default the current one.

    Raises:
        TableNotFoundError: the table, file or folder is missing.
        DefinitionError: the query is not one SELECT that parses and has a meaning.
        SchemaError: files do not have the declared columns.
        DataError: files are not of the declared format.
    """
    if isinstance(origin, Table):
        return tables.read(origin.name)
    if isinstance(origin, Files):
        return read_files(spark, origin, base=base)
    views: dict[str, str] = {}
    for name, used in origin.inputs.items():
        # A name of its own each time: on Spark Connect a replaced view changes frames made before.
        # Nothing drops it: a frame is lazy there, and looks the view up when it runs.
        views[name] = f"stockade_{name}_{uuid4().hex}"
        open_origin(spark, tables, used, base=base).createOrReplaceTempView(views[name])
    return _run(spark, origin, views)


def read_files(spark: SparkSession, files: Files, *, base: Path | None = None) -> DataFrame:
    """The rows of files, which have exactly the declared columns where any are declared."""
    frame = open_files(spark, files, base=base)
    said = list(schema_faults(frame, files))
    if said:
        raise SchemaError(f"files '{files.path}': {', '.join(said)}")
    return frame


def open_files(spark: SparkSession, files: Files, *, base: Path | None = None) -> DataFrame:
    """The rows of files; text has the declared types, other formats have their own."""
    path = _path(files, base)
    reader = spark.read.format(files.format)
    if files.format in ("csv", "json"):
        # FAILFAST: a row that does not fit stops the read instead of turning into nulls.
        reader = reader.schema(str(files.schema)).option("mode", "FAILFAST")
    if files.format == "csv":
        _check_header(spark, files, path)
        # Of a folder the check sees one file's header, and this option all of them.
        reader = reader.option("header", "true").option("enforceSchema", "false")
    try:
        frame = reader.load(path)
        # Spark Connect looks only now.
        _ = frame.schema
    except Exception as fault:
        raise _unreadable(files, fault) from fault
    return frame


def schema_faults(
    frame: DataFrame, files: Files, *, naive_utc: Sequence[str] = ()
) -> Iterator[str]:
    """What differs between the columns of files and the declared ones, if there are any.

    Args:
        frame: the files as they are.
        files: says which columns they should have.
        naive_utc: columns that may lack a zone where a timestamp is declared.
    """
    if not files.schema:
        return
    declared = frame.sparkSession.createDataFrame([], str(files.schema))
    wanted, found = columns_of(declared), columns_of(frame)
    yield from (f"'{name}' is missing" for name in wanted if name not in found)
    yield from (f"'{name}' is not declared" for name in found if name not in wanted)
    for name, kind in wanted.items():
        naive = name in naive_utc and (kind, found.get(name)) == ("timestamp", "timestamp_ntz")
        if name in found and found[name] != kind and not naive:
            yield f"'{name}' is {found[name]}, declared {kind}"


def columns_of(frame: DataFrame) -> Mapping[str, str]:
    """The type of each column, as SQL writes it, in the frame's order."""
    return {field.name: field.dataType.simpleString() for field in frame.schema}


def require_timestamps(frame: DataFrame, columns: Iterable[str], where: str) -> None:
    """Refuse columns that are not instants.

    Args:
        frame: any rows.
        columns: must all be `timestamp`, which Spark keeps in UTC.
        where: names the frame in the message.

    Raises:
        ColumnNotFoundError: the frame lacks a column.
        SchemaError: a column has another type; all such columns are reported together.
    """
    names = list(columns)
    require_columns(frame.columns, *names, where=where)
    faults = [
        SchemaError(f"column '{name}' of {where} is {_remedy(name, frame.schema[name].dataType)}")
        for name in names
        if not isinstance(frame.schema[name].dataType, T.TimestampType)
    ]
    raise_all(f"{where} has times that are no instants", faults)


def _remedy(name: str, found: T.DataType) -> str:
    kind = found.simpleString()
    if isinstance(found, T.TimestampNTZType):
        return (
            f"{kind}, which is no instant: ingest with naive_utc=('{name}',) or cast it in a query"
        )
    if isinstance(found, T.DateType):
        return (
            f"{kind}, which is a whole day: say in a query which instant of it counts, "
            f"as in CAST({name} AS timestamp) + INTERVAL 1 DAY"
        )
    if isinstance(found, T.StringType):
        return f"{kind}: read it in a query with to_timestamp({name}, 'its pattern')"
    if isinstance(found, T.NumericType):
        return f"{kind}: say its unit in a query, as in timestamp_millis({name})"
    return f"{kind}, wanted timestamp: cast it in a query"


def _path(files: Files, base: Path | None) -> str:
    if _ELSEWHERE.match(files.path):
        return files.path
    given = Path(files.path).expanduser()
    path = (base or Path()) / given
    if not path.exists():
        where = "" if given.is_absolute() else f" in {(base or Path()).resolve()}"
        raise TableNotFoundError(f"no file or folder '{files.path}'{where}")
    return str(path.resolve())


def _unreadable(files: Files, fault: Exception) -> Exception:
    text = str(fault)
    if any(condition in text for condition in _GONE):
        return TableNotFoundError(f"no {files.format} files at '{files.path}'")
    return DataError(
        f"files '{files.path}' cannot be read as {files.format}: "
        "are they of that format, and complete?"
    )


def _check_header(spark: SparkSession, files: Files, path: str) -> None:
    wanted = spark.createDataFrame([], str(files.schema)).columns
    found = spark.read.option("header", "true").csv(path).columns
    if found == wanted:
        return
    said = [f"'{name}' is not declared" for name in found if name not in wanted]
    said += [f"'{name}' is missing" for name in wanted if name not in found]
    raise SchemaError(
        f"files '{files.path}': the header reads {', '.join(found) or 'nothing'}, declared are "
        f"{', '.join(wanted)}: {', '.join(said) or 'the order differs'}"
    )


def _run(spark: SparkSession, query: Query, views: Mapping[str, str]) -> DataFrame:
    text = query.sql.format(**views).strip().removesuffix(";")
    who = f"query over {', '.join(views)}"
    try:
        # In parentheses only a query parses: `spark.sql` would run a DROP at once.
        frame = spark.sql("\n".join(("SELECT * FROM (", text, ") AS origin")))
        _ = frame.schema
    except ParseException as fault:
        raise DefinitionError(f"{who} must be one SELECT: {_short(fault, views)}") from None
    except AnalysisException as fault:
        raise DefinitionError(f"{who}: {_short(fault, views)}") from None
    return frame


def _short(fault: Exception, views: Mapping[str, str]) -> str:
    text = _WHERE.sub("", str(fault).strip().split("\n", maxsplit=1)[0])
    for name, view in views.items():
        text = text.replace(view, f"{{{name}}}")
    return text
