"""Origins of definitions as DataFrames: tables, files, queries over them."""

from pathlib import Path
from uuid import uuid4

from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import DataFrame, SparkSession

from stockade.definitions.source import Files, Origin, Query, Table
from stockade.errors import DefinitionError, SchemaError, TableNotFoundError
from stockade.store.tables import Tables


def open_origin(spark: SparkSession, tables: Tables, origin: Origin) -> DataFrame:
    """The rows of a table, of files, or of a query over them.

    Raises:
        TableNotFoundError: the table, file or folder is missing.
        DefinitionError: the query does not parse or has no meaning.
        SchemaError: files do not have the declared columns.
    """
    if isinstance(origin, Table):
        return tables.read(origin.name)
    if isinstance(origin, Files):
        return read_files(spark, origin)
    views: dict[str, str] = {}
    for name, used in origin.inputs.items():
        # A name of its own each time: on Spark Connect a replaced view changes frames made before.
        views[name] = f"stockade_{name}_{uuid4().hex}"
        open_origin(spark, tables, used).createOrReplaceTempView(views[name])
    return _run(spark, origin, views)


def read_files(spark: SparkSession, files: Files) -> DataFrame:
    """The rows of files, with the declared types where there are any."""
    if "://" not in files.path and not files.path.startswith("/Volumes/"):
        path = Path(files.path).expanduser().resolve()
        if not path.exists():
            raise TableNotFoundError(f"no file or folder '{files.path}'")
    reader = spark.read.format(files.format)
    if files.format in ("csv", "json"):
        # FAILFAST: a row that does not fit stops the read instead of turning into nulls.
        reader = reader.schema(str(files.schema)).option("mode", "FAILFAST")
    if files.format == "csv":
        _check_header(spark, files)
        reader = reader.option("header", "true").option("enforceSchema", "false")
    frame = reader.load(files.path)
    if files.format in ("parquet", "delta") and files.schema:
        _require_schema(frame, files)
    return frame


def _check_header(spark: SparkSession, files: Files) -> None:
    wanted = spark.createDataFrame([], str(files.schema)).columns
    found = spark.read.option("header", "true").csv(files.path).columns
    if found != wanted:
        raise SchemaError(
            f"files '{files.path}': the header reads {', '.join(found)}, declared are "
            f"{', '.join(wanted)}"
        )


def _require_schema(frame: DataFrame, files: Files) -> None:
    declared = frame.sparkSession.createDataFrame([], str(files.schema)).schema
    wanted = {field.name: field.dataType.simpleString() for field in declared}
    found = {field.name: field.dataType.simpleString() for field in frame.schema}
    said = [f"'{name}' is missing" for name in wanted if name not in found]
    said += [f"'{name}' is not declared" for name in found if name not in wanted]
    said += [
        f"'{name}' is {found[name]}, declared {wanted[name]}"
        for name in wanted
        if name in found and found[name] != wanted[name]
    ]
    if said:
        raise SchemaError(f"files '{files.path}': {', '.join(said)}")


def _run(spark: SparkSession, query: Query, views: dict[str, str]) -> DataFrame:
    try:
        frame = spark.sql(query.sql.format(**views))
        _ = frame.schema
    except (ParseException, AnalysisException) as fault:
        text = str(fault).strip().split("\n", maxsplit=1)[0]
        for name, view in views.items():
            text = text.replace(view, f"{{{name}}}")
        raise DefinitionError(f"query over {', '.join(views)}: {text}") from None
    return frame
