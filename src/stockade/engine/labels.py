"""Labels as a process in time: what each decision's label was known to be at a build date."""

from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from stockade.definitions.spine import Label
from stockade.definitions.window import microseconds
from stockade.engine.revisions import EVENT, FROM, UNTIL, clocks
from stockade.errors import SchemaError, raise_all, require_columns

POSITIVE, NEGATIVE, PENDING = "positive", "negative", "pending"
STATES = (POSITIVE, NEGATIVE, PENDING)


def state_column(label: Label) -> str:
    """The column that holds a label's state."""
    return f"{label.name}__state"


def known_column(label: Label) -> str:
    """The column that holds when a label's value was known; null while it is pending."""
    return f"{label.name}__known_at"


def attach_label(
    spine: DataFrame, label: Label, events: DataFrame, *, decided_at: str, as_of: datetime
) -> DataFrame:
    """Attach a label as it was known at a build date.

    Args:
        spine: n rows, one per decision.
        label: keys, horizon and reporting delay.
        events: what makes a decision positive.
        decided_at: the spine's time column.
        as_of: the build date; an instant with a time zone. What was known later is not seen.

    Returns:
        n rows: the spine's columns, then `<label>` (boolean; null while pending),
        `<label>__state` (positive, negative, pending) and `<label>__known_at` (for a positive the
        moment its first event was known, for a negative the moment it matured). A null key or
        time matches nothing: such rows are negative once mature, pending without a time.

    Events of one key are gathered first, so that no decision is ever doubled.
    """
    _check(spine, label, events, decided_at=decided_at)
    moment = F.unix_micros(decided_at)
    build = F.lit(_microseconds_since_1970(as_of))
    found = _known_events(label, events, build)
    same = [spine[ours] == found[f"_label_{theirs}"] for ours, theirs in label.keys.items()]
    joined = spine.join(found, same, "left").drop(*(f"_label_{k}" for k in label.keys.values()))
    inside = F.filter("_label_events", lambda event: _within(event["_time"], moment, label))
    first_known = F.array_min(F.transform(inside, lambda event: event["_from"]))
    matured = moment + F.lit(microseconds(label.maturity))
    value = F.when(first_known.isNotNull(), True).when(matured <= build, False)
    known = F.coalesce(first_known, F.when(matured <= build, matured))
    state = (
        F.when(first_known.isNotNull(), POSITIVE)
        .when(matured <= build, NEGATIVE)
        .otherwise(PENDING)
    )
    return joined.select(
        *(spine[column] for column in spine.columns),
        value.alias(label.name),
        state.alias(state_column(label)),
        F.timestamp_micros(known).alias(known_column(label)),
    )


def _known_events(label: Label, events: DataFrame, build: Column) -> DataFrame:
    """Per key, the events that count at the build date, with their clocks."""
    timed = clocks(label.source, events).where(F.col(FROM) <= build)
    if UNTIL in timed.columns:
        timed = timed.where(F.col(UNTIL) > build)
    keys = [F.col(theirs).alias(f"_label_{theirs}") for theirs in label.keys.values()]
    return timed.groupBy(*keys).agg(F.collect_list(F.struct(EVENT, FROM)).alias("_label_events"))


def _within(event: Column, moment: Column, label: Label) -> Column:
    return event.between(moment, moment + F.lit(microseconds(label.horizon)))


def _microseconds_since_1970(instant: datetime) -> int:
    if instant.tzinfo is None:
        raise SchemaError(f"build date {instant} has no time zone: add tzinfo=timezone.utc")
    epoch = datetime.fromtimestamp(0, tz=instant.tzinfo)
    return microseconds(instant - epoch)


def _check(spine: DataFrame, label: Label, events: DataFrame, *, decided_at: str) -> None:
    who = f"label '{label.name}'"
    require_columns(spine.columns, decided_at, *label.keys, where=f"{who}: the spine")
    optional = (label.source.available_at, label.source.version, label.source.retracted)
    wanted = (label.source.event_time, *label.source.dedupe, *filter(None, optional))
    require_columns(events.columns, *label.keys.values(), *wanted, where=f"{who}: the source")
    raise_all(
        f"{who} does not fit its tables",
        [
            SchemaError(
                f"{who}: '{ours}' is {spine.schema[ours].dataType.simpleString()} in the spine and "
                f"'{theirs}' is {events.schema[theirs].dataType.simpleString()} in the source: "
                "cast one of them"
            )
            for ours, theirs in label.keys.items()
            if spine.schema[ours].dataType != events.schema[theirs].dataType
        ],
    )
