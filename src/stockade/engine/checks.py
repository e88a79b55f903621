"""Whether columns are there and of a type that can serve; faults to be raised together."""

from collections.abc import Iterator

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from stockade.definitions.expression import columns_of
from stockade.definitions.source import EventSource
from stockade.errors import ColumnNotFoundError, DefinitionError, SchemaError, hint

KEY_TYPES = (T.IntegralType, T.StringType, T.DateType, T.BooleanType, T.DecimalType)


def source_faults(events: DataFrame, source: EventSource, *, who: str) -> Iterator[Exception]:
    """What a source's rows lack of the clocks and the identity that it declares."""
    yield from clock_faults(events, source.event_time, who=who)
    if source.available_at:
        yield from clock_faults(events, source.available_at, who=who)
    for column in (*source.dedupe, source.version, source.retracted):
        if column:
            yield from missing(events, column, who=who)


def where_faults(events: DataFrame, where: str, *, who: str) -> Iterator[Exception]:
    """What is wrong with a condition: a column that is not there, or no condition."""
    absent = list(missing(events, *sorted(columns_of(where)), who=who))
    yield from absent
    if not absent:
        yield from condition_faults(events, where, who=who)


def condition_faults(events: DataFrame, where: str, *, who: str) -> Iterator[Exception]:
    """What is wrong with a condition whose columns are all there."""
    try:
        found = events.select(F.expr(where)).schema[0].dataType
    except AnalysisException as fault:
        yield DefinitionError(f'{who}: where "{where}" has no meaning here: {reason(fault)}')
        return
    if not isinstance(found, T.BooleanType):
        yield DefinitionError(
            f'{who}: where "{where}" is a {found.simpleString()}, wanted a condition'
        )


def key_faults(
    spine: DataFrame, spine_key: str, events: DataFrame, source_key: str, *, who: str
) -> Iterator[Exception]:
    """What keeps a key of the spine from meeting the source's column."""
    absent = [
        *missing(spine, spine_key, who=f"{who}: the spine"),
        *missing(events, source_key, who=f"{who}: the source"),
    ]
    yield from absent
    if absent:
        return
    ours, theirs = spine.schema[spine_key].dataType, events.schema[source_key].dataType
    if not isinstance(ours, KEY_TYPES):
        yield SchemaError(
            f"{who}: key '{spine_key}' of the spine is a {ours.simpleString()}, which does not "
            "identify anything reliably: cast it to string or bigint"
        )
    elif "collate" in ours.simpleString():
        yield SchemaError(
            f"{who}: key '{spine_key}' of the spine is a {ours.simpleString()}, and keys are "
            "compared byte by byte: cast it to string"
        )
    elif ours != theirs:
        yield SchemaError(
            f"{who}: key '{spine_key}' is {ours.simpleString()} in the spine and "
            f"'{source_key}' is {theirs.simpleString()} in the source: cast one of them"
        )


def clock_faults(frame: DataFrame, column: str, *, who: str) -> Iterator[Exception]:
    """What is wrong with a time column."""
    absent = list(missing(frame, column, who=who))
    yield from absent
    if absent:
        return
    data_type = frame.schema[column].dataType
    if isinstance(data_type, T.TimestampNTZType):
        yield SchemaError(
            f"{who}: time column '{column}' is timestamp_ntz, which names no instant: "
            "say which zone it is in with to_utc_timestamp, or ingest it with naive_utc"
        )
    elif not isinstance(data_type, T.TimestampType):
        yield SchemaError(
            f"{who}: time column '{column}' is {data_type.simpleString()}, wanted timestamp"
        )


def missing(frame: DataFrame, *columns: str, who: str) -> Iterator[Exception]:
    """An error for each column that is not there."""
    for column in columns:
        if column not in frame.columns:
            yield ColumnNotFoundError(
                f"{who} has no column '{column}': {hint(column, frame.columns)}"
            )


def reason(fault: Exception) -> str:
    """The first line of Spark's message, which names no data."""
    condition = getattr(fault, "getCondition", lambda: None)()
    text = str(fault).strip().split("\n", maxsplit=1)[0].split(" SQLSTATE", maxsplit=1)[0]
    return text if condition is None or condition in text else f"[{condition}] {text}"
