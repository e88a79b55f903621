"""What came to be known of a source on each day, counted on Spark."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql import types as T

from stockade.building.features import Inputs
from stockade.definitions.source import EventSource
from stockade.engine.revisions import known_from
from stockade.errors import SchemaError
from stockade.store.contract import VIOLATIONS, judged, require_declared
from stockade.watching.tally import DDL, HOUR, KEYS, LATE, ON_DAY, Shape, tallier

_KNOWN, _HASH, _COPY = "_known", "_hash", "_copy"
# The rule that every row breaks where declared columns are gone or are of another type.
UNDECLARED = "columns not as declared"
# A batch is delivered twice within so many days, or it is no accident.
_COPIES = 7
# Texts with more values than this are names; with more than the second, too many to slice by.
_CATEGORIES, _SLICES = 60, 8
_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A source's days.

    Attributes:
        bins: a tally; see `stockade.watching.tally`.
        scalars: per day and column what does not add up: `measure` and `value`.
        schema: column -> SQL type, as JSON.
    """

    bins: pd.DataFrame
    scalars: pd.DataFrame
    schema: str


def arrivals(
    inputs: Inputs, source: EventSource, *, keys: Iterable[str], since: date, until: date
) -> Arrived:
    """Count the rows that came to be known on the days `[since, until)`.

    Days are those on which rows were known, so that a day never changes once it is over, however
    late rows come.

    Args:
        inputs: where the source is opened.
        source: which.
        keys: columns that name things; only their nulls and their number are counted.
        since, until: the days.

    Returns:
        The tally of each column by day, by hour of the event (`event hour`) and by lateness
        (`seconds late`, where the source says when rows were known; below zero: known before it
        happened), within each value of texts with few values; and the scalars `rows`, `copies`
        (rows equal to one of the seven days before), `null_share`, `distinct`,
        `hours_since_last_event` at the end of the day, and where the source has a contract
        `violating` (rows that break it) and, with the broken rule as column, `violations`.
    """
    events = inputs.open(source.origin)
    named = {*keys, *source.dedupe, source.version, source.retracted}
    rows = _of_days(source, events, since - timedelta(days=_COPIES), until)
    compared = _copies(source, rows, events.columns)
    marked = compared.where(F.col(ON_DAY) >= F.lit(since))
    measured = [
        field.name
        for field in events.schema
        if not isinstance(field.dataType, T.ArrayType | T.MapType | T.StructType | T.BinaryType)
    ]
    scalars = _scalars(marked, source, measured)
    texts = [
        field.name
        for field in events.schema
        if isinstance(field.dataType, T.StringType | T.BooleanType) and field.name not in named
    ]
    shape = _shape(events, named, texts, scalars, lateness=source.available_at is not None)
    if source.contract is not None:
        broken = _violations(compared, source, inputs, since)
        scalars = pd.concat([scalars, broken], ignore_index=True)
    counted = tallied(
        marked.select(ON_DAY, *(_read(source, name) for name in shape.columns)), shape
    )
    schema = {field.name: field.dataType.simpleString() for field in events.schema}
    return Arrived(bins=counted, scalars=scalars, schema=json.dumps(schema, sort_keys=True))


def tallied(rows: DataFrame, shape: Shape) -> pd.DataFrame:
    """The tally of rows with `on_day` and the shape's columns."""
    parts = rows.mapInArrow(tallier(shape), DDL)
    summed = parts.groupBy(*KEYS).agg(F.sum("rows").alias("rows"), F.sum("total").alias("total"))
    return summed.toArrow().to_pandas()


def _of_days(source: EventSource, events: DataFrame, since: date, until: date) -> DataFrame:
    known = F.timestamp_micros(known_from(source))
    timed = events.withColumn(_KNOWN, known).withColumn(ON_DAY, F.to_date(known))
    return timed.where((F.col(ON_DAY) >= F.lit(since)) & (F.col(ON_DAY) < F.lit(until)))


def _copies(source: EventSource, rows: DataFrame, columns: list[str]) -> DataFrame:
    """Mark the rows that repeat one that was known before; when they came does not count."""
    content = source.dedupe
    if content and source.version:
        content = (*content, source.version)
    content = content or tuple(name for name in sorted(columns) if name != source.available_at)
    hashed = rows.withColumn(_HASH, F.xxhash64(*content))
    order = Window.partitionBy(_HASH).orderBy(_KNOWN)
    return hashed.withColumn(_COPY, F.row_number().over(order) > 1)


def _scalars(rows: DataFrame, source: EventSource, columns: list[str]) -> pd.DataFrame:
    end = (F.unix_date(F.first(ON_DAY)) + 1) * F.lit(_DAY)
    last = F.max(F.unix_micros(source.event_time))
    wanted: list[Column] = [
        F.count(F.lit(1)).cast("double").alias("|rows"),
        F.count_if(_COPY).cast("double").alias("|copies"),
        ((end - last) / F.lit(3_600_000_000)).alias("|hours_since_last_event"),
    ]
    for name in columns:
        wanted.append(F.mean(F.col(name).isNull().cast("double")).alias(f"{name}|null_share"))
        wanted.append(F.approx_count_distinct(name, 0.02).cast("double").alias(f"{name}|distinct"))
    wide = rows.groupBy(ON_DAY).agg(*wanted).toArrow().to_pandas()
    long = wide.melt(id_vars=[ON_DAY], var_name="of", value_name="value").dropna()
    parts = long["of"].str.rpartition("|")
    return long.assign(column=parts[0], measure=parts[2]).drop(columns="of")


def _violations(rows: DataFrame, source: EventSource, inputs: Inputs, since: date) -> pd.DataFrame:
    """Per day how many rows break the source's contract, and which of its rules."""
    try:
        require_declared(source, rows)
        checked = judged(rows, source, now=inputs.now)
    except SchemaError:
        # No run reads it as it is, and none of its rows can be held against the rules.
        checked = rows.withColumn(VIOLATIONS, F.array(F.lit(UNDECLARED)))
    checked = checked.where(F.col(ON_DAY) >= F.lit(since))
    # Rows that break the same rules are counted together: one pass tells rows and rules.
    alike = F.array_distinct(VIOLATIONS).alias("column")
    counted = checked.groupBy(ON_DAY, alike).agg(F.count(F.lit(1)).alias("value"))
    found = counted.toArrow().to_pandas().astype({"value": "float64"})
    whole = found.assign(value=found["value"].where(found["column"].map(len) > 0, 0), column="")
    rules = found.explode("column").dropna(subset="column")
    long = pd.concat([whole.assign(measure="violating"), rules.assign(measure="violations")])
    return long.groupby([ON_DAY, "column", "measure"])["value"].sum().reset_index()


def _shape(
    events: DataFrame,
    named: set[str | None],
    texts: list[str],
    scalars: pd.DataFrame,
    *,
    lateness: bool,
) -> Shape:
    most = scalars[scalars["measure"] == "distinct"].groupby("column")["value"].max()
    numbers = [
        field.name
        for field in events.schema
        if isinstance(field.dataType, T.NumericType) and field.name not in named
    ]
    few = [name for name in texts if most.get(name, 0.0) <= _CATEGORIES]
    return Shape(
        numbers=(*numbers, *((LATE,) if lateness else ())),
        texts=(*few, HOUR),
        slices=tuple(name for name in few if most.get(name, 0.0) <= _SLICES),
    )


def _read(source: EventSource, name: str) -> Column:
    event = F.col(source.event_time)
    if name == HOUR:
        return F.date_format(event, "HH").alias(HOUR)
    if name == LATE:
        late = (known_from(source) - F.unix_micros(event)) / F.lit(1_000_000)
        return late.alias(LATE)
    return F.col(name)
