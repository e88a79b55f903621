"""Events and decisions of one bucket in order, the windows between them, and what is visible."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stockade.engine import columns, order, stream
from stockade.engine.program import FOREVER, Output

# pyarrow's stubs know neither masked index arrays nor dictionary arrays behind `Array`.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportReturnType=false

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Number = TypeVar("Number", bound=np.generic)
# Where a window begins (None: never) and ends, in microseconds from the decision.
Offsets = tuple[int | None, int]

_NONE = np.empty(0, np.int64)
_NO_LIMBS = np.empty((0, 0), np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """n events of a bucket, in any order.

    Attributes:
        key: entity codes from 0; -1 for an entity that no query asks for.
        time: event time, microseconds.
        visible_from: when known; None where that is `time + settling`.
        visible_until: when superseded, exclusive; None where nothing ever is.
        settling: microseconds.
        values: measured columns, nulls as Arrow nulls.
        masks: what each `where` became.
    """

    key: Integers
    time: Integers
    visible_from: Integers | None
    visible_until: Integers | None
    settling: int
    values: Mapping[str, pa.Array | pa.ChunkedArray]
    masks: Mapping[str, Flags]


@dataclass(frozen=True, slots=True, kw_only=True)
class Queries:
    """m decisions of a bucket, in any order.

    Attributes:
        key: entity codes from 0; -1 for a null key, which gives nulls.
        time: decision time, microseconds.
        valid: false where the time is null, which gives nulls; None where it never is.
    """

    key: Integers
    time: Integers
    valid: Flags | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chosen:
    """The events that one (filter, column) looks at, in order of entity and time.

    Two that look at the same events are one object, so that what follows from it is shared.

    Attributes:
        number: tells it from others of its bucket.
        rows: positions among the bucket's sorted events.
        before: per sorted event, how many are chosen before it; None where all are.
        start: where each entity begins among them.
        visible_from, visible_until: empty where windows alone decide.
        by_from, by_until: each entity's events in order of the two.
    """

    number: int
    rows: Integers
    before: Integers | None
    start: Integers
    visible_from: Integers
    visible_until: Integers
    by_from: Integers
    by_until: Integers

    def at(self, position: Integers) -> Integers:
        """Positions among all events as positions among the chosen."""
        return position if self.before is None else self.before[position]

    def of(self, every: NDArray[Number]) -> NDArray[Number]:
        """Of one value per sorted event, those of the chosen."""
        return every if self.before is None else every[self.rows]


class Sides:
    """Both sides of a bucket in order of entity and time, with everything outputs share."""

    def __init__(self, events: Events, queries: Queries, *, entities: int) -> None:
        """Sort both sides."""
        self._events = events
        self._queries = queries
        asked = queries.key if queries.valid is None else np.where(queries.valid, queries.key, -1)
        self._order, self._query_start = order.sort_by_entity_and_time(
            asked, queries.time, entities
        )
        self._event_order, self._event_start = order.sort_by_entity_and_time(
            events.key, events.time, entities
        )
        self.query_time = queries.time[self._order]
        self.time = events.time[self._event_order]
        self.dynamic = events.visible_from is not None or events.visible_until is not None
        self._edges: dict[int, Integers] = {}
        self._choices: dict[tuple[str | None, str | None, str], Chosen] = {}
        self._made = 0
        self._columns: dict[str, pa.Array] = {}
        self._doubles: dict[str, Floats] = {}
        self._stream: tuple[object, tuple[Integers, Integers]] | None = None
        self._counts: dict[tuple[int, Offsets], Integers] = {}

    # --- windows ---

    def offsets(self, output: Output) -> Offsets:
        """Where the output's window begins and ends, in microseconds from the decision."""
        shift = 1 if output.inclusive else 0
        end = shift - output.delay
        begin = None if output.window is None else end - output.window
        if not self.dynamic:
            # Known by the decision means an event no younger than the settling delay.
            end = min(end, 1 - self._events.settling)
        return begin, end

    def bounds(self, offsets: Offsets, chosen: Chosen) -> tuple[Integers, Integers]:
        """Per query, the window `[low, high)` as positions among the chosen events."""
        begin, end = offsets
        high = chosen.at(self._edge(end))
        if begin is None:
            return np.repeat(chosen.start[:-1], np.diff(self._query_start)), high
        low = chosen.at(self._edge(begin))
        return low, np.maximum(low, high)

    def nested(
        self, begins: list[int | None], end: int, chosen: Chosen
    ) -> tuple[Integers, Integers]:
        """Windows that end together, the shortest first: their lows as rows, and their high."""
        high = chosen.at(self._edge(end))
        lows = [self.bounds((begin, end), chosen)[0] for begin in begins]
        return np.stack([np.minimum(low, high) for low in lows]), high

    def _edge(self, offset: int) -> Integers:
        if offset not in self._edges:
            self._edges[offset] = order.first_at_or_after(
                self.query_time, self._query_start, self.time, self._event_start, offset
            )
        return self._edges[offset]

    # --- which events ---

    def chosen(self, mask: str | None, value: str | None, kind: str) -> Chosen:
        """The events that pass a filter, and whose value is of a kind.

        `kind` is rows (any), known (not null), finite, whole (not NaN), nan, above (+infinity) or
        below (-infinity).
        """
        key = (mask, value, kind)
        if key not in self._choices:
            self._choices[key] = self._choose(mask, value, kind)
        return self._choices[key]

    def _choose(self, mask: str | None, value: str | None, kind: str) -> Chosen:
        if value is not None and (kind == "rows" or self._is_every(value, kind)):
            return self.chosen(mask, None, "rows")
        wanted = None if value is None else self._of_kind(value, kind)
        if mask is not None:
            passed = self._events.masks[mask][self._event_order]
            wanted = passed if wanted is None else wanted & passed
        if wanted is None:
            return self._everything
        if wanted.all():
            return self._everything
        before = np.zeros(wanted.size + 1, np.int64)
        np.cumsum(wanted, out=before[1:])
        every = self._everything
        return replace(
            every,
            number=self._number(),
            rows=np.flatnonzero(wanted),
            before=before,
            start=before[self._event_start],
            visible_from=every.visible_from[wanted] if self.dynamic else _NONE,
            visible_until=every.visible_until[wanted] if self.dynamic else _NONE,
            by_from=before[every.by_from[wanted[every.by_from]]],
            by_until=before[every.by_until[wanted[every.by_until]]],
        )

    def _is_every(self, value: str, kind: str) -> bool:
        """Whether a column has no other values than those of the kind."""
        if self.column(value).null_count:
            return False
        return kind == "known" or (kind in ("finite", "whole") and self.is_finite(value))

    def _of_kind(self, value: str, kind: str) -> Flags:
        column = self.column(value)
        known = columns.flags(column.is_valid())[self._event_order]
        if kind == "known" or not pa.types.is_floating(column.type):
            return known
        numbers = self.doubles(value)
        found = {
            "finite": lambda: np.isfinite(numbers),
            "whole": lambda: ~np.isnan(numbers),
            "nan": lambda: np.isnan(numbers),
            "above": lambda: np.isposinf(numbers),
            "below": lambda: np.isneginf(numbers),
        }[kind]()
        return known & found

    @cached_property
    def _everything(self) -> Chosen:
        count = self.time.size
        every = Chosen(
            number=self._number(),
            rows=np.arange(count, dtype=np.int64),
            before=None,
            start=self._event_start,
            visible_from=_NONE, visible_until=_NONE, by_from=_NONE, by_until=_NONE,
        )  # fmt: skip
        if not self.dynamic:
            return every
        events, at = self._events, self._event_order
        shown = (
            self.time + events.settling if events.visible_from is None else events.visible_from[at]
        )
        entity = events.key[at]
        by_from, _ = order.sort_by_entity_and_time(entity, shown, self._event_start.size - 1)
        if events.visible_until is None:
            gone, by_until = np.full(count, FOREVER), every.rows
        else:
            gone = events.visible_until[at]
            by_until = _by_until(entity, gone, self._event_start)
        return replace(
            every, visible_from=shown, visible_until=gone, by_from=by_from, by_until=by_until
        )

    def moved(self, chosen: Chosen, ranked: Integers) -> Chosen:
        """The same events with those of one instant in another order: `ranked` sorted events."""
        if ranked is chosen.rows:
            return chosen
        was = chosen.at(ranked)
        place = np.empty(was.size, np.int64)
        place[was] = np.arange(was.size)
        return replace(
            chosen,
            number=self._number(),
            rows=ranked,
            visible_from=chosen.visible_from[was] if self.dynamic else _NONE,
            visible_until=chosen.visible_until[was] if self.dynamic else _NONE,
            by_from=place[chosen.by_from] if self.dynamic else _NONE,
            by_until=place[chosen.by_until] if self.dynamic else _NONE,
        )

    def known_from(self) -> Integers:
        """When each sorted event became known."""
        if self.dynamic:
            return self._everything.visible_from
        return self.time + self._events.settling

    def _number(self) -> int:
        self._made += 1
        return self._made

    # --- visibility ---

    def sweep(self, chosen: Chosen) -> tuple[Integers, ...]:
        """What every sweep needs beside its windows."""
        return (
            self.query_time, self._query_start, chosen.start,
            chosen.visible_from, chosen.visible_until, chosen.by_from, chosen.by_until,
        )  # fmt: skip

    def stream(self, chosen: Chosen, offsets: Offsets) -> tuple[Integers, Integers]:
        """The window as a stream of events that come and go; only the latest is kept."""
        key = (chosen.number, offsets)
        if self._stream is None or self._stream[0] != key:
            self._stream = None
            low, high = self.bounds(offsets, chosen)
            self._stream = (key, stream.membership(low, high, *self.sweep(chosen)))
        return self._stream[1]

    def count(self, chosen: Chosen, offsets: Offsets) -> Integers:
        """Per query, how many of the chosen events count."""
        key = (chosen.number, offsets)
        if key not in self._counts:
            if self.dynamic:
                steps, end = self.stream(chosen, offsets)
                self._counts[key] = stream.follow_sums(steps, end, _NO_LIMBS)[0]
            else:
                low, high = self.bounds(offsets, chosen)
                self._counts[key] = high - low
        return self._counts[key]

    # --- columns ---

    def column(self, name: str) -> pa.Array:
        """A measured column in the order it came."""
        if name not in self._columns:
            self._columns[name] = columns.plain(self._events.values[name])
        return self._columns[name]

    def taken(self, name: str, rows: Integers, missing: Flags | None = None) -> pa.Array:
        """A measured column's values at positions among the sorted events."""
        at = self._event_order[rows] if self.time.size else np.zeros(rows.size, np.int64)
        return self.column(name).take(pa.array(at, mask=missing))

    def sorted_like_events(self, every: NDArray[Number]) -> NDArray[Number]:
        """One value per event in the order they came, in the order of entity and time."""
        return every[self._event_order]

    def doubles(self, name: str) -> Floats:
        """A measured column as doubles, per sorted event; 0 for null."""
        if name not in self._doubles:
            self._doubles[name] = columns.doubles(self.column(name))[self._event_order]
        return self._doubles[name]

    def is_finite(self, name: str) -> bool:
        """Whether no value of the column is NaN or infinite."""
        if not pa.types.is_floating(self.column(name).type):
            return True
        return bool(np.isfinite(self.doubles(name)).all())

    def in_query_order(self, found: pa.Array, kind: pa.DataType) -> pa.Array:
        """Results of the sorted queries where they belong; null for queries that ask nothing."""
        return columns.as_type(found.take(self._places), kind)

    @cached_property
    def _places(self) -> pa.Array:
        place = np.full(self._queries.key.size, -1, np.int64)
        place[self._order] = np.arange(self._order.size)
        return pa.array(place, mask=place < 0)


def _by_until(entity: Integers, gone: Integers, start: Integers) -> Integers:
    """Each entity's events by when they are superseded; most never are and need no sorting."""
    ends = gone < FOREVER
    leaving = np.flatnonzero(ends)
    by_end, first = order.sort_by_entity_and_time(entity[leaving], gone[leaving], start.size - 1)
    found = np.empty(gone.size, np.int64)
    owner = entity[leaving[by_end]]
    place = start[owner] + np.arange(by_end.size) - first[owner]
    found[place] = leaving[by_end]
    rest = np.ones(gone.size, np.bool_)
    rest[place] = False
    found[rest] = np.flatnonzero(~ends)
    return found
