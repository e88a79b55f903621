"""Why a feature has the value it has: the events behind it, and those that nearly were."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pyarrow import types
from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from stockade.building.evidence import ASKED, Judged, distance, evidence, instant
from stockade.building.features import Inputs
from stockade.building.verify import same
from stockade.definitions.view import PatternView, Selection, View
from stockade.definitions.window import microseconds_since_1970
from stockade.definitions.wording import meaning
from stockade.engine.bind import History, Track, bind
from stockade.engine.contributions import Part, as_number, parts, whole
from stockade.engine.operator import attach
from stockade.engine.program import FOREVER, Output
from stockade.engine.reference import aggregate
from stockade.errors import (
    DataError,
    DefinitionError,
    SchemaError,
    UnknownNameError,
    VerificationError,
    hint,
)

_AT = "_at"
# Values of one view that are looked for together: each brings its events to this process.
_TOGETHER = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A value to explain.

    Attributes:
        view: whose feature.
        name: the feature's.
        keys: entity key -> value.
        at: the decision; an instant with a time zone.
    """

    view: View
    name: str
    keys: Mapping[str, object]
    at: datetime


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
    """Take one value apart; see `explain_values`."""
    (found,) = explain_values(
        inputs, [Asked(view=view, name=name, keys=keys, at=at)], misses=misses
    )
    return found


def explain_values(
    inputs: Inputs, asked: Sequence[Asked], *, misses: int = 20
) -> list[Explanation]:
    """Take values apart, those of one view together.

    Args:
        inputs: where the views' sources are opened.
        asked: which values.
        misses: how many events that do not count to list for each, of those within one more
            window's length (a day at least) before the window, and as long after the decision.

    Returns:
        One for each value, in their order.

    Raises:
        UnknownNameError: a view has no such feature, or its entity no such key.
        DefinitionError: a view measures many events together.
        VerificationError: the engine finds another value than the parts make. It never should.
    """
    groups: dict[str, list[int]] = {}
    for n, one in enumerate(asked):
        _require_known(one)
        groups.setdefault(one.view.name, []).append(n)
    found: dict[int, Explanation] = {}
    for members in groups.values():
        for first in range(0, len(members), _TOGETHER):
            some = members[first : first + _TOGETHER]
            apart = _taken_apart(inputs, [asked[n] for n in some], misses)
            found.update(zip(some, apart, strict=True))
    return [found[n] for n in range(len(asked))]


def _require_known(one: Asked) -> None:
    view, names = one.view, [feature.name for feature in one.view.features()]
    if one.name not in names:
        raise UnknownNameError(
            f"view '{view.name}' has no feature '{one.name}': {hint(one.name, names)}"
        )
    if isinstance(view, PatternView):
        raise DefinitionError(
            f"view '{view.name}' measures many events together: its values have no parts to list"
        )
    if one.at.tzinfo is None:
        raise DataError("at has no time zone: give a UTC instant")
    if set(one.keys) != set(view.entity.keys):
        raise UnknownNameError(
            f"entity '{view.entity.name}' has the keys {list(view.entity.keys)}, and "
            f"{list(one.keys)} were given: name each once"
        )


def _taken_apart(inputs: Inputs, asked: Sequence[Asked], misses: int) -> list[Explanation]:
    """Values of one view."""
    view = asked[0].view
    events = inputs.events(view.source)
    spine = _spine(view, events, asked)
    names = tuple(dict.fromkeys(one.name for one in asked))
    history = History(Selection(view=view, names=names), _of_keys(view, events, asked))
    (track,) = bind(spine, [history], decided_at=_AT, keys={})
    outputs = {output.name: output for output in track.outputs}
    wanted = [(outputs[one.name], microseconds_since_1970(one.at)) for one in asked]
    judged = evidence(track, spine, wanted)
    engine = _by_engine(spine, history, track)
    found: list[Explanation] = []
    for n, (one, (output, moment)) in enumerate(zip(asked, wanted, strict=True)):
        counted = [event for event in judged[n] if not event.reasons]
        references = [event.event for event in counted]
        given = parts(output, references, moment)
        value = aggregate(output, references, moment)
        if not (same(value, whole(output, given)) and same(value, engine[n][one.name])):
            raise VerificationError(
                f"feature '{one.name}' of source '{view.source.name}': the engine, the reference "
                "and the parts do not agree on this value: please report it"
            )
        near = sorted(
            (event for event in judged[n] if event.reasons),
            key=lambda event: distance(event, output, moment),
        )
        found.append(_explanation(one, output, moment, value, counted, given, near, misses))
    return found


def _spine(view: View, events: DataFrame, asked: Sequence[Asked]) -> DataFrame:
    """The decisions, numbered."""
    for key, column in view.keys.items():
        if column not in events.columns:
            raise SchemaError(
                f"source '{view.source.name}' has no column '{column}' for key '{key}': "
                + hint(column, events.columns)
            )
    rows = F.array(
        *(
            F.struct(
                F.lit(n).alias(ASKED),
                *(_key(view, events, key, one).alias(key) for key in view.entity.keys),
                F.timestamp_micros(F.lit(microseconds_since_1970(one.at))).alias(_AT),
            )
            for n, one in enumerate(asked)
        )
    )
    return events.sparkSession.range(1).select(F.inline(rows))


def _key(view: View, events: DataFrame, key: str, one: Asked) -> Column:
    return F.lit(one.keys[key]).cast(events.schema[view.keys[key]].dataType)


def _of_keys(view: View, events: DataFrame, asked: Sequence[Asked]) -> DataFrame:
    """The keys' events, read where files say that they may be; all, where they are revised."""
    if view.source.dedupe:
        # A revision may have moved the event to another key.
        return events
    for key, column in view.keys.items():
        distinct = {repr(one.keys[key]): one for one in asked}.values()
        events = events.where(
            F.col(column).isin([_key(view, events, key, one) for one in distinct])
        )
    return events


def _by_engine(spine: DataFrame, history: History, track: Track) -> Mapping[int, Row]:
    rows = attach(spine, [history], decided_at=_AT).rows
    values = (_plain(output).alias(output.name) for output in track.outputs)
    return {row[ASKED]: row for row in rows.select(ASKED, *values).collect()}


def _plain(output: Output) -> Column:
    """Instants as whole microseconds: a datetime would take the host's zone."""
    if types.is_timestamp(output.type):
        return F.unix_micros(output.name)
    if types.is_list(output.type) and types.is_timestamp(output.type.value_type):
        return F.transform(output.name, F.unix_micros)
    return F.col(output.name)


def _explanation(
    one: Asked, output: Output, moment: int, value: object, counted: Sequence[Judged],
    given: Sequence[Part], near: Sequence[Judged], misses: int,
) -> Explanation:  # fmt: skip
    (feature,) = (feature for feature in one.view.features() if feature.name == one.name)
    explained = [_explained(event, part) for event, part in zip(counted, given, strict=True)]
    explained.sort(key=lambda event: -abs(as_number(event.part) or 0.0))
    end = moment - output.delay
    return Explanation(
        feature=f"{one.view.name}.{one.name}", meaning=meaning(one.view, feature),
        keys=dict(one.keys), at=one.at.astimezone(UTC), value=value,
        begin=None if output.window is None else instant(end - output.window),
        end=instant(end) or one.at, inclusive=output.inclusive, events=tuple(explained),
        misses=tuple(_explained(event, None) for event in near[:misses]),
        unread=max(0, len(near) - misses),
    )  # fmt: skip


def _explained(one: Judged, part: Part) -> ExplainedEvent:
    until = one.event.visible_until
    return ExplainedEvent(
        event_at=instant(one.event_at),
        known_at=instant(one.known_at),
        superseded_at=instant(until) if one.event.visible_from < until < FOREVER else None,
        columns=one.columns,
        part=part[1] if isinstance(part, tuple) else part,
        reasons=one.reasons,
    )
