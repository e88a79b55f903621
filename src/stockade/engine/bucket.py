"""Features of one bucket: events and decisions of many entities in, Arrow columns out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from stockade.engine import order, stream, tree
from stockade.engine.exact import Limbs
from stockade.engine.program import CATEGORICAL, FOREVER, PICKED, Output

# pyarrow's stubs know neither masked index arrays nor dictionary arrays behind `Array`.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportReturnType=false

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_NONE = np.empty(0, np.int64)
_SMALL_UNIT = 2.0**-600
# As many as there usually are windows: a stream is about as large as the events themselves.
_STREAMS = 6


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


@dataclass(frozen=True, slots=True, eq=False)
class _Chosen:
    """The events that one (filter, column) looks at, in order of entity and time.

    Attributes:
        rows: positions among the bucket's sorted events.
        before: per sorted event, how many are chosen before it; None where all are.
        start: where each entity begins among them.
    """

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


class Bucket:
    """Events and queries of one bucket, sorted once for all outputs."""

    def __init__(self, events: Events, queries: Queries, *, entities: int) -> None:
        """Sort both sides by entity and time."""
        self._events = events
        self._queries = queries
        asked = queries.key if queries.valid is None else np.where(queries.valid, queries.key, -1)
        self._order, self._query_start = order.sort_by_entity_and_time(
            asked, queries.time, entities
        )
        self._query_time = queries.time[self._order]
        self._event_order, self._event_start = order.sort_by_entity_and_time(
            events.key, events.time, entities
        )
        self._time = events.time[self._event_order]
        self._edges: dict[int, Integers] = {}
        self._choices: dict[tuple[str | None, str | None, str], _Chosen] = {}
        self._columns: dict[str, pa.Array] = {}
        self._moments: dict[
            tuple[object, ...], Mapping[int | None, tuple[Integers, Floats, Floats]]
        ] = {}
        self._streams: list[tuple[_Chosen, tuple[int | None, int], tuple[Integers, Integers]]] = []

    @cached_property
    def _dynamic(self) -> bool:
        """Whether visibility must be swept; else windows alone decide what counts."""
        return self._events.visible_from is not None or self._events.visible_until is not None

    def compute(self, outputs: Sequence[Output]) -> list[pa.Array]:
        """One array per output, in the order of the queries, of the output's type."""
        self._plan_nested(outputs)
        return [self._one(output) for output in outputs]

    def latest_used(self, outputs: Sequence[Output]) -> tuple[pa.Array, pa.Array]:
        """Per query, the latest event time and availability that any output's window could use."""
        count = self._query_time.size
        latest_event = np.full(count, -FOREVER)
        latest_known = np.full(count, -FOREVER)
        chosen = self._chosen(None, None, "rows")
        known = self._known(chosen)
        for offsets in {self._offsets(output) for output in outputs}:
            low, high = self._bounds(offsets, chosen)
            nothing = np.full(count, -FOREVER)
            for values, found in ((self._time, latest_event), (known, latest_known)):
                _, most = tree.extremes(
                    values, np.int64(FOREVER), np.int64(-FOREVER), low[None, :], high,
                    *self._sweep(chosen),
                )  # fmt: skip
                np.maximum(found, most[0] if values.size else nothing, out=found)
        return tuple(  # type: ignore[return-value]
            self._in_query_order(pa.array(found, mask=found == -FOREVER), pa.int64())
            for found in (latest_event, latest_known)
        )

    # --- which events, which windows ---

    def _offsets(self, output: Output) -> tuple[int | None, int]:
        """Where the output's window begins and ends, in microseconds from the decision."""
        shift = 1 if output.inclusive else 0
        end = shift - output.delay
        begin = None if output.window is None else end - output.window
        if not self._dynamic:
            # Known by the decision means an event no younger than the settling delay.
            end = min(end, 1 - self._events.settling)
        return begin, end

    def _edge(self, offset: int) -> Integers:
        if offset not in self._edges:
            self._edges[offset] = order.first_at_or_after(
                self._query_time, self._query_start, self._time, self._event_start, offset
            )
        return self._edges[offset]

    def _bounds(
        self, offsets: tuple[int | None, int], chosen: _Chosen
    ) -> tuple[Integers, Integers]:
        begin, end = offsets
        high = chosen.at(self._edge(end))
        if begin is None:
            each = np.diff(self._query_start)
            return np.repeat(chosen.start[:-1], each), high
        low = chosen.at(self._edge(begin))
        return low, np.maximum(low, high)

    def _chosen(self, mask: str | None, value: str | None, kind: str) -> _Chosen:
        """`kind`: rows (any), known (value not null), finite (a number), whole (not NaN)."""
        key = (mask, value, kind)
        if key not in self._choices:
            self._choices[key] = self._choose(mask, value, kind)
        return self._choices[key]

    def _choose(self, mask: str | None, value: str | None, kind: str) -> _Chosen:
        wanted: Flags | None = None
        if mask is not None:
            wanted = self._events.masks[mask][self._event_order]
        if value is not None and kind != "rows":
            column = self._column(value)
            flags: list[Flags] = []
            if column.null_count:
                flags.append(_flags(column.is_valid()))
            if kind in ("finite", "whole") and pa.types.is_floating(column.type):
                numbers = _doubles(column)
                odd = np.isfinite(numbers) if kind == "finite" else ~np.isnan(numbers)
                if not odd.all():
                    flags.append(odd)
            for flag in flags:
                wanted = flag if wanted is None else wanted & flag
        if wanted is None or wanted.all():
            return self._every
        before = np.concatenate([[0], np.cumsum(wanted)]).astype(np.int64)
        return self._with_clocks(np.flatnonzero(wanted), before, before[self._event_start])

    @cached_property
    def _every(self) -> _Chosen:
        return self._with_clocks(
            np.arange(self._time.size, dtype=np.int64), None, self._event_start
        )

    def _with_clocks(self, rows: Integers, before: Integers | None, start: Integers) -> _Chosen:
        if not self._dynamic:
            return _Chosen(rows, before, start, _NONE, _NONE, _NONE, _NONE)
        original = self._event_order[rows]
        events = self._events
        known = events.visible_from
        shown = (events.time + events.settling if known is None else known)[original]
        until = events.visible_until
        gone = np.full(rows.size, FOREVER) if until is None else until[original]
        entity = np.repeat(np.arange(start.size - 1), np.diff(start))
        by_from, _ = order.sort_by_entity_and_time(entity, shown, start.size - 1)
        by_until = np.arange(rows.size, dtype=np.int64)
        if until is not None:
            by_until, _ = order.sort_by_entity_and_time(entity, gone, start.size - 1)
        return _Chosen(rows, before, start, shown, gone, by_from, by_until)

    def _known(self, chosen: _Chosen) -> Integers:
        if self._dynamic:
            return chosen.visible_from
        return self._time + self._events.settling

    def _sweep(self, chosen: _Chosen) -> tuple[Integers, ...]:
        """What every sweep needs beside its windows."""
        return (
            self._query_time, self._query_start, chosen.start,
            chosen.visible_from, chosen.visible_until, chosen.by_from, chosen.by_until,
        )  # fmt: skip

    def _stream(
        self, chosen: _Chosen, offsets: tuple[int | None, int]
    ) -> tuple[Integers, Integers]:
        """The window as a stream; the last few are kept, for several aggregates ask for each."""
        for known, known_offsets, found in self._streams:
            if known is chosen and known_offsets == offsets:
                return found
        low, high = self._bounds(offsets, chosen)
        found = stream.membership(low, high, *self._sweep(chosen))
        self._streams = [*self._streams[1 - _STREAMS :], (chosen, offsets, found)]
        return found

    def _column(self, name: str) -> pa.Array:
        """A measured column in the order of the sorted events."""
        if name not in self._columns:
            column = self._events.values[name]
            whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
            taken = whole.take(pa.array(self._event_order))
            if pa.types.is_floating(taken.type):
                # Adding zero turns -0.0 into 0.0, which are one value.
                taken = pc.add(taken.cast(pa.float64()), pa.scalar(0.0))
            self._columns[name] = taken
        return self._columns[name]

    # --- aggregates ---

    def _one(self, output: Output) -> pa.Array:
        if output.kind in PICKED or output.kind.startswith("seconds_since"):
            found = self._picked(output)
        elif output.kind in CATEGORICAL:
            found = self._categorical(output)
        elif output.kind == "quantile":
            found = self._quantile(output)
        elif output.kind in ("min", "max"):
            found = self._extreme(output)
        elif output.kind == "count":
            found = pa.array(self._count(output))
        elif self._is_exact(output) and output.kind in ("sum", "mean"):
            found = self._exact(output)
        else:
            found = self._moment(output)
        return self._in_query_order(found, output.type)

    def _in_query_order(self, found: pa.Array, kind: pa.DataType) -> pa.Array:
        """Results of the sorted queries where they belong; null for queries that ask nothing."""
        total = self._queries.key.size
        place = np.full(total, -1, np.int64)
        place[self._order] = np.arange(self._order.size)
        taken = found.take(pa.array(place, mask=place < 0))
        return taken if taken.type == kind else taken.cast(kind)

    def _count(self, output: Output) -> Integers:
        chosen = self._chosen(output.mask, output.value, "known")
        return self._counted(chosen, output)

    def _counted(self, chosen: _Chosen, output: Output) -> Integers:
        offsets = self._offsets(output)
        if not self._dynamic:
            low, high = self._bounds(offsets, chosen)
            return high - low
        steps, end = self._stream(chosen, offsets)
        return stream.follow_sums(steps, end, np.empty((0, 0), np.int64))[0]

    def _is_exact(self, output: Output) -> bool:
        column = self._column(str(output.value))
        return pa.types.is_integer(column.type) or pa.types.is_decimal(column.type)

    def _exact(self, output: Output) -> pa.Array:
        """Sums and means of whole numbers and decimals, exact to the last digit."""
        name = (output.mask, output.value, "known")
        chosen = self._chosen(*name)
        limbs = Limbs.of(self._column(str(output.value)).take(pa.array(chosen.rows)))
        if self._dynamic:
            steps, end = self._stream(chosen, self._offsets(output))
            count, sums = stream.follow_sums(steps, end, limbs.parts)
        else:
            low, high = self._bounds(self._offsets(output), chosen)
            running = np.zeros((limbs.parts.shape[0], limbs.parts.shape[1] + 1), np.int64)
            np.cumsum(limbs.parts, axis=1, out=running[:, 1:])
            count, sums = high - low, running[:, high] - running[:, low]
        if output.kind == "mean":
            return limbs.means(sums, count)
        return limbs.sums(sums, output.type, who=f"feature '{output.name}'")

    def _plan_nested(self, outputs: Sequence[Output]) -> None:
        """Group windows that end together, so that a shorter one is read as part of a longer."""
        self._groups: dict[tuple[object, ...], list[int | None]] = {}
        for output in outputs:
            begin, _ = self._offsets(output)
            begins = self._groups.setdefault(self._group(output), [])
            if begin not in begins:
                begins.append(begin)
        for begins in self._groups.values():
            begins.sort(key=lambda begin: (begin is None, -(begin or 0)))

    def _group(self, output: Output) -> tuple[object, ...]:
        family = "extremes" if output.kind in ("min", "max") else "moments"
        return (family, output.mask, output.value, self._offsets(output)[1])

    def _windows(
        self, output: Output, chosen: _Chosen
    ) -> tuple[list[int | None], Integers, Integers]:
        end = self._offsets(output)[1]
        begins = self._groups[self._group(output)]
        bounds = [self._bounds((begin, end), chosen) for begin in begins]
        high = chosen.at(self._edge(end))
        low = np.stack([np.minimum(low, high) for low, _ in bounds])
        return begins, np.ascontiguousarray(low), high

    def _moments_of(self, output: Output) -> tuple[Integers, Floats, Floats]:
        key = self._group(output)
        if key not in self._moments:
            chosen = self._chosen(output.mask, output.value, "finite")
            begins, low, high = self._windows(output, chosen)
            values = _doubles(self._column(str(output.value)))[chosen.rows]
            n, s, m = tree.moments(values, low, high, *self._sweep(chosen))
            if np.isnan(m).any():
                # Squares that overflow are squared again in a smaller unit, a power of two.
                _, _, small = tree.moments(values * _SMALL_UNIT, low, high, *self._sweep(chosen))
                with np.errstate(over="ignore"):
                    m = np.where(np.isnan(m), small / _SMALL_UNIT / _SMALL_UNIT, m)
            self._moments[key] = {begin: (n[i], s[i], m[i]) for i, begin in enumerate(begins)}
        return self._moments[key][self._offsets(output)[0]]

    def _moment(self, output: Output) -> pa.Array:
        """Sum, mean, variance and standard deviation of doubles."""
        n, total, square = self._moments_of(output)
        odd = self._odd(output)
        if odd is not None:
            count, nan, above, below = odd
            infinite = (above > 0) | (below > 0)
            undefined = (nan > 0) | ((above > 0) & (below > 0))
            total = np.where(infinite, np.where(above > 0, np.inf, -np.inf), total)
            total = np.where(undefined, np.nan, total)
            square = np.where(infinite | undefined, np.nan, square)
            n = count
        with np.errstate(divide="ignore", invalid="ignore"):
            if output.kind == "sum":
                return pa.array(total)
            if output.kind == "mean":
                return pa.array(total / n, mask=n == 0)
            spread = square / (n - 1)
        found = np.sqrt(spread) if output.kind == "stddev" else spread
        return pa.array(found, mask=n < 2)

    def _odd(self, output: Output) -> tuple[Integers, ...] | None:
        """Counts of all values, NaN, +infinity and -infinity; None where all are finite."""
        column = self._column(str(output.value))
        if not pa.types.is_floating(column.type):
            return None
        numbers = _doubles(column)
        known = _flags(column.is_valid())
        if np.isfinite(numbers[known]).all():
            return None
        kinds = {
            "known": known,
            "nan": known & np.isnan(numbers),
            "above": known & (numbers == np.inf),
            "below": known & (numbers == -np.inf),
        }
        mask = None if output.mask is None else self._events.masks[output.mask][self._event_order]
        return tuple(
            self._counted(
                self._flagged(flag if mask is None else flag & mask),
                output,
            )
            for flag in kinds.values()
        )

    def _flagged(self, flags: Flags) -> _Chosen:
        before = np.concatenate([[0], np.cumsum(flags)]).astype(np.int64)
        return self._with_clocks(np.flatnonzero(flags), before, before[self._event_start])

    def _extreme(self, output: Output) -> pa.Array:
        column = self._column(str(output.value))
        if pa.types.is_floating(column.type):
            return self._extreme_double(output)
        chosen = self._chosen(output.mask, output.value, "known")
        codes, back = _ordered_codes(column)
        least, most = self._extremes_of(
            output, chosen, codes[chosen.rows], np.int64(FOREVER * 2 - 1), np.int64(-FOREVER * 2)
        )
        count = self._counted(chosen, output)
        found = least if output.kind == "min" else most
        return back(pa.array(np.where(count == 0, 0, found), mask=count == 0))

    def _extreme_double(self, output: Output) -> pa.Array:
        """NaN is above every number."""
        name = (output.mask, output.value, "whole")
        chosen = self._chosen(*name)
        values = _doubles(self._column(str(output.value)))[chosen.rows]
        least, most = self._extremes_of(output, chosen, values, np.inf, -np.inf)
        whole = self._counted(chosen, output)
        count = self._count(output)
        if output.kind == "min":
            found = np.where(whole == 0, np.nan, least)
        else:
            found = np.where(whole < count, np.nan, most)
        return pa.array(found, mask=count == 0)

    def _extremes_of(
        self,
        output: Output,
        chosen: _Chosen,
        values: NDArray[np.generic],
        least: object,
        most: object,
    ) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
        key = self._group(output)
        if key not in self._moments:
            begins, low, high = self._windows(output, chosen)
            smallest, largest = tree.extremes(values, least, most, low, high, *self._sweep(chosen))
            self._moments[key] = {
                begin: (smallest[i], largest[i], largest[i]) for i, begin in enumerate(begins)
            }
        found = self._moments[key][self._offsets(output)[0]]
        return found[0], found[1]

    def _categorical(self, output: Output) -> pa.Array:
        name = (output.mask, output.value, "known")
        chosen = self._chosen(*name)
        encoded = pc.dictionary_encode(self._column(str(output.value)).take(pa.array(chosen.rows)))
        code = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        steps, end = self._stream(chosen, self._offsets(output))
        count, distinct, largest, entropy = stream.follow_categories(
            steps, end, code, max(len(encoded.dictionary), 1), output.kind == "entropy"
        )
        if output.kind == "count_distinct":
            return pa.array(distinct)
        if output.kind == "entropy":
            return pa.array(entropy, mask=count == 0)
        return pa.array(largest / np.maximum(count, 1), mask=count == 0)

    def _quantile(self, output: Output) -> pa.Array:
        name = (output.mask, output.value, "known")
        chosen = self._chosen(*name)
        values = _doubles(self._column(str(output.value)))[chosen.rows]
        entity = np.repeat(np.arange(chosen.start.size - 1), np.diff(chosen.start))
        # NaN sorts last, as it is above every number.
        by_value = np.lexsort((values, entity))
        base = chosen.start[entity]
        rank = np.empty(values.size, np.int64)
        rank[by_value] = np.arange(values.size)
        rank -= base
        steps, end = self._stream(chosen, self._offsets(output))
        count, found = stream.follow_quantile(
            steps,
            end,
            rank,
            base,
            np.diff(chosen.start)[entity],
            values[by_value],
            float(output.q or 0),
        )
        return pa.array(found, mask=count == 0)

    def _picked(self, output: Output) -> pa.Array:
        """Values or ages of the first or last events."""
        kind = "rows" if output.kind == "latest" else "known"
        chosen = self._chosen(output.mask, output.value, kind)
        ranked = self._by_time_and_value(chosen, output)
        first, last = self._ends(chosen, ranked, output)
        if output.kind.startswith("seconds_since"):
            end = first if output.kind == "seconds_since_first" else last[:, 0]
            at = self._time[ranked[np.maximum(end, 0)]] if ranked.size else np.zeros(end.size)
            return pa.array((self._query_time - at) / 1e6, mask=end < 0)
        column = self._column(str(output.value))
        if pa.types.is_decimal(column.type) and not _keeps_decimal(output.type):
            column = column.cast(pa.float64())
        if output.kind == "last_n":
            return _lists(column, ranked, last)
        end = first if output.kind == "first" else last[:, 0]
        rows = ranked[np.maximum(end, 0)] if ranked.size else np.zeros(end.size, np.int64)
        return column.take(pa.array(rows, mask=end < 0))

    def _by_time_and_value(self, chosen: _Chosen, output: Output) -> Integers:
        """The chosen rows with those of one instant in order of value; nulls lowest."""
        rows = chosen.rows
        if output.value is None or output.kind.startswith("seconds_since") or rows.size < 2:
            return rows
        time = self._time[rows]
        entity_begins = np.zeros(rows.size, np.bool_)
        entity_begins[chosen.start[:-1][chosen.start[:-1] < rows.size]] = True
        tied = (time[1:] == time[:-1]) & ~entity_begins[1:]
        if not tied.any():
            return rows
        member = np.concatenate([tied, [False]]) | np.concatenate([[False], tied])
        places = np.flatnonzero(member)
        run = np.cumsum(~np.concatenate([[False], tied]))[places]
        codes, _ = _ordered_codes(self._column(output.value).take(pa.array(rows[places])))
        ranked = rows.copy()
        ranked[places] = rows[places[np.lexsort((codes, run))]]
        return ranked

    def _ends(
        self, chosen: _Chosen, ranked: Integers, output: Output
    ) -> tuple[Integers, NDArray[np.int64]]:
        """Per query the first and the last n places among `ranked`; -1 for none."""
        want = output.n or 1
        offsets = self._offsets(output)
        if self._dynamic:
            # Places follow the values' order, so visibility must follow the rows there.
            steps, end = self._stream(self._moved(chosen, ranked), offsets)
            return stream.follow_ends(steps, end, ranked.size, want)
        low, high = self._bounds(offsets, chosen)
        last = high[:, None] - 1 - np.arange(want)[None, :]
        last = np.where(last >= low[:, None], last, -1)
        return np.where(high > low, low, -1), last

    def _moved(self, chosen: _Chosen, ranked: Integers) -> _Chosen:
        if ranked is chosen.rows:
            return chosen
        return self._with_clocks(ranked, chosen.before, chosen.start)


def compute(
    events: Events, queries: Queries, outputs: Sequence[Output], *, entities: int
) -> list[pa.Array]:
    """One array per output, in the order of the queries."""
    return Bucket(events, queries, entities=entities).compute(outputs)


def _flags(column: pa.Array) -> Flags:
    return column.to_numpy(zero_copy_only=False).astype(np.bool_)


def _doubles(column: pa.Array) -> Floats:
    """Values as doubles; what stands for a null is never read."""
    kind = column.type
    if pa.types.is_decimal(kind):
        return column.cast(pa.float64()).fill_null(0).to_numpy()
    if pa.types.is_integer(kind):
        return column.fill_null(0).to_numpy().astype(np.float64)
    return column.fill_null(0.0).to_numpy()


def _ordered_codes(column: pa.Array) -> tuple[Integers, Callable[[pa.Array], pa.Array]]:
    """Whole numbers in the order of the values (nulls lowest), and the way back."""
    if pa.types.is_integer(column.type):
        # The lowest number stands for a null; `latest` alone sees nulls.
        return column.fill_null(-FOREVER * 2).to_numpy(), lambda codes: codes
    encoded = pc.dictionary_encode(column)
    words = encoded.dictionary
    by_value = pc.sort_indices(words).to_numpy()
    rank = np.empty(len(words), np.int64)
    rank[by_value] = np.arange(len(words))
    index = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    codes = np.where(index >= 0, rank[np.maximum(index, 0)] if len(words) else 0, np.int64(-1))
    ordered = words.take(pa.array(by_value))
    return codes, lambda found: ordered.take(found)


def _keeps_decimal(kind: pa.DataType) -> bool:
    return pa.types.is_decimal(kind.value_type if pa.types.is_list(kind) else kind)


def _lists(column: pa.Array, ranked: Integers, last: NDArray[np.int64]) -> pa.Array:
    """Rows of up to n values each; null for none."""
    present = last >= 0
    sizes = present.sum(axis=1)
    values = column.take(pa.array(ranked[last[present]]))
    ends = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    missing = np.concatenate([sizes == 0, [False]])
    return pa.ListArray.from_arrays(pa.array(ends, mask=missing), values)
