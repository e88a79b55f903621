"""Labels as a process in time: what each decision's label was known to be at a build date."""

from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from stockade.definitions.source import EventSource
from stockade.definitions.spine import (
    CENSORED,
    NEGATIVE,
    PENDING,
    POSITIVE,
    REVERSED,
    UNKNOWN,
    Label,
)
from stockade.definitions.window import microseconds, microseconds_since_1970
from stockade.engine.program import FOREVER
from stockade.engine.revisions import EVENT, FROM, UNTIL, clocks
from stockade.errors import SchemaError, raise_all, require_columns


def attach_label(
    spine: DataFrame,
    label: Label,
    events: DataFrame,
    blocks: DataFrame | None = None,
    *,
    decided_at: str,
    as_of: datetime,
) -> DataFrame:
    """Attach a label as it was known at a build date.

    Args:
        spine: n rows, one per decision.
        label: keys, horizon and reporting delay.
        events: what makes a decision positive.
        blocks: our own interventions, if the label names their source.
        decided_at: the spine's time column.
        as_of: the build date; an instant with a time zone. What was known later is not seen.

    Returns:
        n rows: the spine's columns, then `<label>` (boolean; null while pending or censored),
        `<label>__state` and `<label>__known_at`: for a positive the moment its first event was
        known, for a negative the moment it matured, for a reversed one the later of that and the
        moment the last report was taken back. A null key or time matches nothing: such rows are
        negative once mature, pending without a time.

    Events of one key are gathered first, so that no decision is ever doubled.
    """
    _check(spine, label, label.source, events, decided_at=decided_at)
    if as_of.tzinfo is None:
        raise SchemaError(f"build date {as_of} has no time zone: add tzinfo=timezone.utc")
    moment = F.unix_micros(decided_at)
    build = F.lit(microseconds_since_1970(as_of))
    joined = _with_events(spine, label, label.source, events, "_reports", build)
    blocked = F.lit(False)
    if label.blocks is not None:
        if blocks is None:
            raise SchemaError(
                f"label '{label.name}' is censored by source '{label.blocks.name}', and its rows "
                "are missing: give them as blocks"
            )
        _check(spine, label, label.blocks, blocks, decided_at=decided_at)
        joined = _with_events(joined, label, label.blocks, blocks, "_blocks", build)
        blocks_within = _within("_blocks", moment, label)
        blocked = F.coalesce(F.size(_standing(blocks_within, build)) > 0, F.lit(False))
    reports = _within("_reports", moment, label)
    first_known = F.array_min(F.transform(_standing(reports, build), lambda one: one[FROM]))
    taken_back = F.array_max(F.transform(reports, lambda one: one[UNTIL]))
    matured = moment + F.lit(microseconds(label.maturity))
    is_mature = F.coalesce(matured <= build, F.lit(False))
    state = (
        F.when(first_known.isNotNull(), POSITIVE)
        .when(blocked, CENSORED)
        .when(~is_mature, PENDING)
        .when(taken_back.isNotNull(), REVERSED)
        .otherwise(NEGATIVE)
    )
    known = (
        F.when(state == POSITIVE, first_known)
        .when(state == NEGATIVE, matured)
        .when(state == REVERSED, F.greatest(matured, taken_back))
    )
    return joined.select(
        *(spine[column] for column in spine.columns),
        F.when(~state.isin(*UNKNOWN), state == POSITIVE).alias(label.name),
        state.alias(label.state),
        F.timestamp_micros(known).alias(label.known_at),
    )


def _with_events(
    spine: DataFrame,
    label: Label,
    source: EventSource,
    events: DataFrame,
    name: str,
    build: Column,
) -> DataFrame:
    """Per decision, the matching events that were ever known by the build date, as an array."""
    timed = clocks(source, events).where(F.col(FROM) <= build)
    until = F.col(UNTIL) if UNTIL in timed.columns else F.lit(FOREVER).alias(UNTIL)
    theirs = {key: f"_label_{key}" for key in label.keys.values()}
    gathered = timed.groupBy(*(F.col(key).alias(name) for key, name in theirs.items())).agg(
        F.collect_list(F.struct(EVENT, FROM, until)).alias(name)
    )
    same = [spine[ours] == gathered[theirs[key]] for ours, key in label.keys.items()]
    return spine.join(gathered, same, "left").drop(*theirs.values())


def _within(events: str, moment: Column, label: Label) -> Column:
    """Those of the events that happened within the horizon of the decision."""
    end = moment + F.lit(microseconds(label.horizon))
    return F.filter(events, lambda one: one[EVENT].between(moment, end))


def _standing(events: Column, build: Column) -> Column:
    """Those of the events that nothing known by the build date took back."""
    return F.filter(events, lambda one: one[UNTIL] > build)


def _check(
    spine: DataFrame, label: Label, source: EventSource, events: DataFrame, *, decided_at: str
) -> None:
    who = f"label '{label.name}'"
    require_columns(spine.columns, decided_at, *label.keys, where=f"{who}: the spine")
    optional = (source.available_at, source.version, source.retracted)
    wanted = (source.event_time, *source.dedupe, *filter(None, optional))
    where = f"{who}: source '{source.name}'"
    require_columns(events.columns, *label.keys.values(), *wanted, where=where)
    raise_all(
        f"{who} does not fit its tables",
        [
            SchemaError(
                f"{who}: '{ours}' is {spine.schema[ours].dataType.simpleString()} in the spine and "
                f"'{theirs}' is {events.schema[theirs].dataType.simpleString()} in source "
                f"'{source.name}': cast one of them"
            )
            for ours, theirs in label.keys.items()
            if spine.schema[ours].dataType != events.schema[theirs].dataType
        ],
    )
