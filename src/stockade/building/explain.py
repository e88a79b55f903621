"""Why a feature has the value it has: the events behind it, and those that nearly were."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce

from pyarrow import types
from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F
from pyspark.sql import types as T

from stockade.building.features import Inputs
from stockade.building.verify import same
from stockade.definitions.expression import columns_of
from stockade.definitions.source import EventSource
from stockade.definitions.view import PatternView, Selection, View
from stockade.definitions.window import microseconds_since_1970
from stockade.definitions.wording import meaning
from stockade.engine.bind import History, Track, bind, value_column
from stockade.engine.contributions import Part, as_number, parts, whole
from stockade.engine.operator import attach
from stockade.engine.program import FOREVER, Output
from stockade.engine.reference import (
    ReferenceEvent,
    Revision,
    aggregate,
    in_window,
    visibility,
)
from stockade.engine.revisions import known_from
from stockade.errors import (
    DataError,
    DefinitionError,
    SchemaError,
    UnknownNameError,
    VerificationError,
    hint,
)

_AT, _E, _KNOWN, _VALUE, _MASK, _HERE = "_at", "_e", "_known", "_value", "_mask", "_here"
_VERSION, _RETRACTED, _IDENTITY = "_version", "_retracted", "_identity"
_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedEvent:
    """One event, or one revision of it.

    Attributes:
        event_at, known_at: its clocks (UTC); None where it has none.
        superseded_at: when another revision took its place, if so.
        columns: what the definition reads of it: identity, measured value, filter.
        part: what it adds to the value; None where it adds nothing.
        reasons: why it does not count, or why it adds nothing; empty where it counts.
    """

    event_at: datetime | None
    known_at: datetime | None
    superseded_at: datetime | None
    columns: Mapping[str, object]
    part: Part
    reasons: tuple[str, ...]

    @property
    def counts(self) -> bool:
        """Whether it is part of the value."""
        return not self.reasons


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A value and the events around it.

    Attributes:
        feature: `view.feature`.
        meaning: what it is, in words.
        keys: whose.
        at: the decision (UTC).
        value: the feature's value, of which `events` are the parts.
        begin, end: the window, from event times not before `begin` to before `end` (to `end`
            itself and after `begin` where `inclusive`); `begin` is None for a lifetime.
        inclusive: see `end`.
        events: those that count, the largest parts first.
        misses: those that do not count, the nearest in time to the window first.
        unread: misses beyond those that are listed.
    """

    feature: str
    meaning: str
    keys: Mapping[str, object]
    at: datetime
    value: object
    begin: datetime | None
    end: datetime
    inclusive: bool
    events: tuple[ExplainedEvent, ...]
    misses: tuple[ExplainedEvent, ...]
    unread: int


def explain_value(
    inputs: Inputs,
    view: View,
    name: str,
    *,
    keys: Mapping[str, object],
    at: datetime,
    misses: int = 20,
) -> Explanation:
    """Take one value apart.

    Args:
        inputs: where the view's source is opened.
        view: whose feature.
        name: the feature's.
        keys: entity key -> value.
        at: the decision; an instant with a time zone.
        misses: how many events that do not count to list, of those within one more window's
            length (a day at least) before the window, and as long after the decision.

    Raises:
        UnknownNameError: the view has no such feature, or the entity no such key.
        VerificationError: the engine finds another value than the parts make. It never should.
    """
    features = {feature.name: feature for feature in view.features()}
    if name not in features:
        raise UnknownNameError(
            f"view '{view.name}' has no feature '{name}': {hint(name, features)}"
        )
    if isinstance(view, PatternView):
        raise DefinitionError(
            f"view '{view.name}' measures many events together: its values have no parts to list"
        )
    if at.tzinfo is None:
        raise DataError("at has no time zone: give a UTC instant")
    events = inputs.events(view.source)
    spine = _spine(view, events, keys, at)
    history = History(Selection(view=view, names=(name,)), _of_key(view, events, keys))
    (track,) = bind(spine, [history], decided_at=_AT, keys={})
    (output,) = (output for output in track.outputs if output.name == name)
    moment = microseconds_since_1970(at)
    rows = _around(track, output, spine, moment).collect()
    found = _judged(track.source, output, moment, rows)
    counted = [one for one in found if not one.reasons]
    references = [one.event for one in counted]
    given = parts(output, references, moment)
    value = aggregate(output, references, moment)
    _require_same(name, track, output, value, whole(output, given), spine, history)
    explained = [_explained(one, part) for one, part in zip(counted, given, strict=True)]
    explained.sort(key=lambda one: -abs(as_number(one.part) or 0.0))
    near = sorted(
        (one for one in found if one.reasons), key=lambda one: _distance(one, output, moment)
    )
    end = moment - output.delay
    return Explanation(
        feature=f"{view.name}.{name}",
        meaning=meaning(view, features[name]),
        keys=dict(keys),
        at=at.astimezone(UTC),
        value=value,
        begin=None if output.window is None else _instant(end - output.window),
        end=_instant(end) or at,
        inclusive=output.inclusive,
        events=tuple(explained),
        misses=tuple(_explained(one, None) for one in near[:misses]),
        unread=max(0, len(near) - misses),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """An event as the rules see it, and why it does not count."""

    event: ReferenceEvent
    row: Row
    reasons: tuple[str, ...]


def _spine(view: View, events: DataFrame, keys: Mapping[str, object], at: datetime) -> DataFrame:
    unknown = sorted(set(keys) ^ set(view.entity.keys))
    if unknown:
        raise UnknownNameError(
            f"entity '{view.entity.name}' has the keys {list(view.entity.keys)}, and "
            f"{list(keys)} were given: name each once"
        )
    for key, column in view.keys.items():
        if column not in events.columns:
            raise SchemaError(
                f"source '{view.source.name}' has no column '{column}' for key '{key}': "
                + hint(column, events.columns)
            )
    one = events.sparkSession.range(1)
    return one.select(
        *(
            F.lit(keys[key]).cast(events.schema[view.keys[key]].dataType).alias(key)
            for key in view.entity.keys
        ),
        F.timestamp_micros(F.lit(microseconds_since_1970(at))).alias(_AT),
    )


def _of_key(view: View, events: DataFrame, keys: Mapping[str, object]) -> DataFrame:
    """The key's events alone, read where files say that it may be; all, where they are revised."""
    if view.source.dedupe:
        # A revision may have moved the event to another key.
        return events
    wanted = [
        F.col(column) == F.lit(keys[key]).cast(events.schema[column].dataType)
        for key, column in view.keys.items()
    ]
    return events.where(reduce(lambda a, b: a & b, wanted))


def _around(track: Track, output: Output, spine: DataFrame, moment: int) -> DataFrame:
    """Every revision of every event of the key that counts, or nearly does."""
    source = track.source
    events = track.events.withColumn(_E, F.unix_micros(source.event_time)).withColumn(
        _KNOWN, known_from(source)
    )
    whose = F.broadcast(spine.select(*(F.col(key).alias(f"_k_{key}") for key in track.spine_keys)))
    if source.dedupe:
        # A revision may have moved the event to another key, or to another time.
        same_key = [
            F.col(f"_k_{ours}") == events[theirs]
            for ours, theirs in zip(track.spine_keys, track.source_keys, strict=True)
        ]
        touched = events.join(whose, same_key, "left_semi").select(*source.dedupe).distinct()
        events = events.join(touched, [*source.dedupe], "left_semi")
    else:
        margin = max(output.window or 0, _DAY)
        happened = F.col(source.event_time)
        near = happened <= F.timestamp_micros(F.lit(moment + margin))
        if output.window is not None:
            earliest = moment - output.delay - output.window - margin
            near &= happened >= F.timestamp_micros(F.lit(earliest))
        # They are the key's own already.
        events = events.where(near)
    same_key = [
        F.col(f"_k_{ours}") == F.col(theirs)
        for ours, theirs in zip(track.spine_keys, track.source_keys, strict=True)
    ]
    events = events.join(whose.withColumn(_HERE, F.lit(True)), same_key, "left")
    return events.select(
        _E, _KNOWN,
        F.coalesce(F.col(_HERE), F.lit(False)).alias(_HERE),
        _measured(track, output).alias(_VALUE),
        _passes(track, output).alias(_MASK),
        (F.col(source.version) if source.version else _nothing()).alias(_VERSION),
        (F.coalesce(F.col(source.retracted), F.lit(False)) if source.retracted else F.lit(False))
        .alias(_RETRACTED),
        (F.struct(*source.dedupe) if source.dedupe else _nothing()).alias(_IDENTITY),
        F.xxhash64(*sorted(track.events.columns)).alias("_content"),
        *_shown(track, output),
    )  # fmt: skip


def _nothing() -> Column:
    return F.lit(None).cast("string")


def _measured(track: Track, output: Output) -> Column:
    if output.value is None:
        return _nothing()
    column = value_column(track.source, track.events, output.value)
    # Instants as whole microseconds: a datetime would take the host's zone.
    if isinstance(track.events.schema[output.value].dataType, T.TimestampType):
        return F.unix_micros(column)
    return column


def _filter(track: Track, output: Output) -> str | None:
    """The text of the aggregate's `where`."""
    return {mask: text for text, mask in track.masks.items()}.get(output.mask or "")


def _passes(track: Track, output: Output) -> Column:
    where = _filter(track, output)
    return F.lit(True) if where is None else F.coalesce(F.expr(where), F.lit(False))


def _shown(track: Track, output: Output) -> list[Column]:
    """The columns that the definition reads, as text is not made of them here."""
    where = _filter(track, output)
    read = [*track.source.dedupe, *track.source_keys]
    read += [output.value] if output.value else []
    read += sorted(columns_of(where)) if where else []
    known = {name.lower(): name for name in track.events.columns}
    names = dict.fromkeys(known[name.lower()] for name in read if name.lower() in known)
    return [F.col(name).alias(f"c_{name}") for name in names]


def _judged(source: EventSource, output: Output, moment: int, rows: Sequence[Row]) -> list[_Judged]:
    spans = _spans(source, rows)
    return [
        _Judged(
            event=ReferenceEvent(
                time=row[_E] if row[_E] is not None else 0, value=row[_VALUE],
                visible_from=span[0], visible_until=span[1],
            ),
            row=row,
            reasons=tuple(_reasons(output, moment, row, span)),
        )
        for row, span in zip(rows, spans, strict=True)
    ]  # fmt: skip


def _spans(source: EventSource, rows: Sequence[Row]) -> list[tuple[int, int]]:
    """From when until when each row is the one that counts; empty where it never is."""
    known = [FOREVER if row[_KNOWN] is None else int(row[_KNOWN]) for row in rows]
    spans = [(at, FOREVER) for at in known]
    if not source.dedupe:
        return spans
    groups: dict[object, list[int]] = {}
    for n, row in enumerate(rows):
        groups.setdefault(tuple(row[_IDENTITY]), []).append(n)
    for members in groups.values():
        if source.version is None:
            # Copies: the first to arrive counts, content deciding between equals.
            members.sort(key=lambda n: (known[n], rows[n]["_content"]))
            for n in members[1:]:
                spans[n] = (known[n], known[n])
            continue
        ranked = sorted({rows[n][_VERSION] for n in members if rows[n][_VERSION] is not None})
        revisions = [
            Revision(
                version=-1 if rows[n][_VERSION] is None else ranked.index(rows[n][_VERSION]),
                available_at=known[n],
                retracted=bool(rows[n][_RETRACTED]),
            )
            for n in members
        ]
        for n, span in zip(members, visibility(revisions), strict=True):
            spans[n] = span
    return spans


def _reasons(output: Output, moment: int, row: Row, span: tuple[int, int]) -> Iterator[str]:
    """Every rule by which a row does not count."""
    time = row[_E]
    if time is None:
        yield "it has no event time"
        return
    if row[_RETRACTED]:
        yield "it takes the event back"
    elif span[1] <= span[0] < FOREVER:
        yield "another revision or copy counts instead"
    elif span[1] <= moment:
        yield f"a later revision, known {_instant(span[1]):%Y-%m-%d %H:%M:%S.%f}, took its place"
    if row[_KNOWN] is None:
        yield "it says not when it was known"
    elif span[0] > moment:
        yield f"it was known only {_length(span[0] - moment)} after the decision"
    if not row[_HERE]:
        yield "it is another key's"
    if not in_window(output, moment, time):
        yield _outside(output, moment, time)
    if not row[_MASK]:
        yield "the filter leaves it out"


def _outside(output: Output, moment: int, time: int) -> str:
    end = moment - output.delay
    if time > moment:
        return f"it happened {_length(time - moment)} after the decision"
    if time == end:
        return "it lies on the window's end, which is not part of it"
    if time > end:
        return f"it lies in the delay, {_length(time - end)} after the window's end"
    begin = end - (output.window or 0)
    if time == begin:
        return "it lies on the window's beginning, which is not part of it"
    return f"it is {_length(begin - time)} too old"


def _require_same(
    name: str, track: Track, output: Output, value: object, made: object,
    spine: DataFrame, history: History,
) -> None:  # fmt: skip
    row = attach(spine, [history], decided_at=_AT).rows.select(_engine_value(output, name)).first()
    engine = None if row is None else row[0]
    if not (same(value, made) and same(value, engine)):
        raise VerificationError(
            f"feature '{name}' of source '{track.source.name}': the engine, the reference and the "
            "parts do not agree on this value: please report it"
        )


def _engine_value(output: Output, name: str) -> Column:
    if types.is_timestamp(output.type):
        return F.unix_micros(name)
    if types.is_list(output.type) and types.is_timestamp(output.type.value_type):
        return F.transform(name, F.unix_micros)
    return F.col(name)


def _explained(one: _Judged, part: Part) -> ExplainedEvent:
    shown = {
        field.removeprefix("c_"): one.row[field]
        for field in one.row.asDict()
        if field.startswith("c_")
    }
    until = one.event.visible_until
    return ExplainedEvent(
        event_at=_instant(one.row[_E]),
        known_at=_instant(one.row[_KNOWN]),
        superseded_at=_instant(until) if one.event.visible_from < until < FOREVER else None,
        columns=shown,
        part=part[1] if isinstance(part, tuple) else part,
        reasons=one.reasons,
    )


def _distance(one: _Judged, output: Output, moment: int) -> float:
    """How far from the window; those inside it that another rule leaves out are nearest."""
    if one.row[_E] is None:
        return math.inf
    time, end = int(one.row[_E]), moment - output.delay
    begin = -math.inf if output.window is None else end - output.window
    return max(begin - time, time - end, 0)


def _instant(micros: int | None) -> datetime | None:
    if micros is None or abs(micros) >= FOREVER:
        return None
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
    except OverflowError:
        # Beyond the year 9999, which Spark knows and Python does not.
        return None


def _length(micros: int) -> str:
    return str(timedelta(microseconds=micros))
