"""The same features a second time, by a range join: written to be read, not to be fast.

Only `stockade verify` and the tests use it.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Row, Window
from pyspark.sql import functions as F
from pyspark.sql import types as T
from pyspark.sql.pandas.types import from_arrow_type

from stockade.definitions.source import EventSource
from stockade.definitions.window import microseconds
from stockade.engine.bind import History, Track, bind, value_column
from stockade.engine.oracle_patterns import naive_patterns
from stockade.engine.patterns import patterns_of
from stockade.engine.program import Output
from stockade.engine.reference import ReferenceEvent, aggregate, in_window

_ROW, _T, _E, _KNOWN, _FOUND = "_row", "_t", "_e", "_known", "_found"


def naive(
    spine: DataFrame,
    histories: Sequence[History],
    *,
    decided_at: str,
    keys: Mapping[str, str] | None = None,
) -> DataFrame:
    """What `attach` must give, computed by joining every decision with every event before it.

    Args:
        spine: a few decisions; they are brought to the driver to be numbered.
        histories, decided_at, keys: as for `attach`.

    Returns:
        n rows: the spine's columns, then the features.
    """
    tracks = bind(spine, histories, decided_at=decided_at, keys=keys or {})
    rows = _numbered(spine).withColumn(_T, F.unix_micros(decided_at))
    for track in tracks:
        found = _counting(rows, track)
        listed = found.groupBy(_ROW).agg(F.collect_list(F.struct(*_carried(track))).alias(_FOUND))
        joined = rows.join(listed, _ROW, "left")
        absent = reduce(lambda a, b: a | b, (F.col(key).isNull() for key in track.spine_keys))
        features = F.when(~absent & F.col(_T).isNotNull(), _evaluator(track)(_T, _FOUND))
        rows = joined.withColumn("_features", features).select(
            *rows.columns, *(_typed(output) for output in track.outputs)
        )
    # The numbered rows carry all that patterns need, and are on the driver anyway.
    patterns = patterns_of(histories, keys or {})
    rows = naive_patterns(rows, patterns, decided_at=decided_at)
    wanted = [name for history in histories for name in history.selection.names]
    return rows.select(*spine.columns, *wanted)


def _numbered(spine: DataFrame) -> DataFrame:
    table = spine.toArrow()
    numbered = table.append_column(_ROW, pa.array(range(table.num_rows), pa.int64()))
    schema = T.StructType([*spine.schema.fields, T.StructField(_ROW, T.LongType())])
    return spine.sparkSession.createDataFrame(numbered, schema)


def _counting(rows: DataFrame, track: Track) -> DataFrame:
    """(`_row`, event columns): for each decision the events known by then, one revision of each."""
    source = track.source
    events = track.events.withColumn(_E, F.unix_micros(source.event_time))
    events = events.withColumn(_KNOWN, _known_from(source))
    decisions = rows.select(_ROW, _T, *(F.col(k).alias(f"_k_{k}") for k in track.spine_keys))
    same_key = [
        F.col(f"_k_{ours}") == events[theirs]
        for ours, theirs in zip(track.spine_keys, track.source_keys, strict=True)
    ]
    if not source.dedupe:
        return decisions.join(events, [*same_key, F.col(_KNOWN) <= F.col(_T)]).where(
            F.col(_E).isNotNull()
        )
    # A revision may have moved the event to another key: look at every revision of every event
    # that ever had this key, choose, and only then ask for the key.
    touched = decisions.join(events, same_key).select(
        _ROW, _T, *(f"_k_{key}" for key in track.spine_keys), *source.dedupe
    )
    of_event = touched.distinct().join(events, [*source.dedupe]).where(F.col(_KNOWN) <= F.col(_T))
    order = (
        [F.col(source.version).desc_nulls_last()]
        if source.version
        else [F.col(_KNOWN), F.xxhash64(*sorted(track.events.columns))]
    )
    best = Window.partitionBy(_ROW, *source.dedupe).orderBy(*order)
    chosen = of_event.withColumn("_nth", F.row_number().over(best)).where("_nth = 1")
    if source.retracted:
        chosen = chosen.where(~F.coalesce(F.col(source.retracted), F.lit(False)))
    still = [
        F.col(f"_k_{ours}") == F.col(theirs)
        for ours, theirs in zip(track.spine_keys, track.source_keys, strict=True)
    ]
    return chosen.where(reduce(lambda a, b: a & b, still) & F.col(_E).isNotNull())


def _known_from(source: EventSource) -> Column:
    if source.available_at:
        return F.unix_micros(source.available_at)
    return F.unix_micros(source.event_time) + F.lit(microseconds(source.settling_delay))


def _carried(track: Track) -> list[Column]:
    values = [
        _plain(value_column(track.source, track.events, name), kind).alias(f"v_{name}")
        for name, kind in track.values.items()
    ]
    masks = [F.coalesce(F.expr(sql), F.lit(False)).alias(name) for sql, name in track.masks.items()]
    return [F.col(_E), *values, *masks]


def _evaluator(track: Track) -> Callable[..., Column]:
    outputs = track.outputs
    schema = T.StructType([T.StructField(o.name, from_arrow_type(_sent(o.type))) for o in outputs])

    # A lambda: Spark would read annotations as a wish for a pandas function.
    return F.udf(
        lambda moment, found: tuple(_value(output, moment, found or []) for output in outputs),
        schema,
    )


def _value(output: Output, moment: int, found: Sequence[Row]) -> object:
    counted = [
        ReferenceEvent(time=row[_E], value=row[f"v_{output.value}"] if output.value else None)
        for row in found
        if in_window(output, moment, row[_E]) and (output.mask is None or row[output.mask])
    ]
    return aggregate(output, counted, moment)


def _plain(column: Column, kind: pa.DataType) -> Column:
    # Instants cross into Python as whole microseconds: a datetime would take the host's zone.
    return F.unix_micros(column) if pa.types.is_timestamp(kind) else column


def _sent(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_list(kind):
        return pa.list_(_sent(kind.value_type))
    return pa.int64() if pa.types.is_timestamp(kind) else kind


def _typed(output: Output) -> Column:
    column = F.col(f"_features.{output.name}")
    if pa.types.is_timestamp(output.type):
        column = F.timestamp_micros(column)
    elif pa.types.is_list(output.type) and pa.types.is_timestamp(output.type.value_type):
        column = F.transform(column, F.timestamp_micros)
    return column.alias(output.name)
