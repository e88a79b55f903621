"""Which revision of an event counts when: a visible interval for each, before entities are seen."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from stockade.definitions.source import EventSource
from stockade.definitions.window import microseconds
from stockade.engine.program import FOREVER

EVENT, FROM, UNTIL = "_time", "_from", "_until"


def clocks(source: EventSource, events: DataFrame) -> DataFrame:
    """The events with their clocks in whole microseconds since 1970 (UTC).

    Returns:
        The source's rows with `_time` (event time), `_from` (known from) and, where the source has
        revisions, `_until` (superseded at). Rows without an event time or never known are left
        out, as are retractions and revisions that were superseded before they were known.

    A revision counts at t if it has the highest version among those known by t: it is
    superseded at the first moment at which a higher version is known.
    """
    timed = events.withColumn(EVENT, F.unix_micros(source.event_time)).withColumn(
        FROM, known_from(source)
    )
    if source.dedupe:
        # A revision whose own event time is null still supersedes those before it.
        known_ones = timed.where(F.col(FROM).isNotNull())
        rule = _revised if source.version else _first_copies
        timed = rule(source, known_ones)
    return timed.where(F.col(EVENT).isNotNull() & F.col(FROM).isNotNull())


def with_all_revisions(some: DataFrame, events: DataFrame, source: EventSource) -> DataFrame:
    """The events of which `some` hold a revision or a copy: few enough to be sent to every task.

    Rows without an identity are kept where `some` hold one, so that they are an error as ever.
    """
    names = [f"_same{n}" for n in range(len(source.dedupe))]
    wanted = some.select(
        *(F.col(column).alias(name) for column, name in zip(source.dedupe, names, strict=True))
    ).distinct()
    same = [
        F.col(name).eqNullSafe(F.col(column))
        for name, column in zip(names, source.dedupe, strict=True)
    ]
    return events.join(F.broadcast(wanted), same, "left_semi")


def known_from(source: EventSource) -> Column:
    """When an event of the source was known, in microseconds since 1970; null if never."""
    if source.available_at:
        return F.unix_micros(source.available_at)
    return F.unix_micros(source.event_time) + F.lit(microseconds(source.settling_delay))


def _identity(source: EventSource, events: DataFrame) -> list[Column]:
    """What identifies an event; a null there is an error, for it would merge strangers."""
    message = f"source '{source.name}': dedupe column '{{}}' is null: every event needs an identity"
    return [
        F.coalesce(
            F.col(name),
            F.raise_error(F.lit(message.format(name))).cast(events.schema[name].dataType),
        )
        for name in source.dedupe
    ]


def _first_copies(source: EventSource, timed: DataFrame) -> DataFrame:
    """Copies of one event: the first to arrive counts, content deciding between equals."""
    content = F.xxhash64(*sorted({*timed.columns} - {EVENT, FROM}))
    order = Window.partitionBy(*_identity(source, timed)).orderBy(FROM, content)
    return timed.withColumn("_copy", F.row_number().over(order)).where("_copy = 1").drop("_copy")


def _revised(source: EventSource, timed: DataFrame) -> DataFrame:
    version = F.col(str(source.version))
    order = Window.partitionBy(*_identity(source, timed)).orderBy(version.desc_nulls_last())
    later = order.rowsBetween(Window.unboundedPreceding, -1)
    until = F.coalesce(F.min(FROM).over(later), F.lit(FOREVER))
    same = F.lag(version).over(order).eqNullSafe(version) & (F.row_number().over(order) > 1)
    interval = timed.withColumn(UNTIL, _unless(same, until, source)).where(
        F.col(UNTIL) > F.col(FROM)
    )
    if source.retracted is None:
        return interval
    return interval.where(~F.coalesce(F.col(source.retracted), F.lit(False)))


def _unless(broken: Column, value: Column, source: EventSource) -> Column:
    message = (
        f"source '{source.name}': two revisions of one event have the same "
        f"'{source.version}': give each revision its own, or drop the copies in a query"
    )
    return F.when(broken, F.raise_error(F.lit(message)).cast("bigint")).otherwise(value)
