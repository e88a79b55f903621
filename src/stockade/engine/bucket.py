"""Features of one bucket: events and decisions of many entities in, Arrow columns out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stockade.engine import columns, stream, tree
from stockade.engine.exact import Limbs
from stockade.engine.program import CATEGORICAL, FOREVER, PICKED, Output
from stockade.engine.sides import Chosen, Events, Flags, Floats, Integers, Offsets, Queries, Sides

__all__ = ["Bucket", "Events", "Queries", "compute"]

# pyarrow's stubs know neither masked index arrays nor dictionary arrays behind `Array`.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportReturnType=false

_SMALL_UNIT = 2.0**-600
# Below this share of the squares, what is left of them has lost the last digits of a double.
_BLURRED = 2.0**-60


@dataclass(frozen=True, slots=True, eq=False)
class _Moments:
    """Of one window, per query: events, their sum, mean and squared deviations."""

    n: Integers
    total: Floats
    mean: Floats
    square: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Categories:
    """Of one window, per query: events, distinct values, the most of one value, entropy."""

    n: Integers
    distinct: Integers
    most: Integers
    entropy: Floats | None


class Bucket:
    """Events and queries of one bucket, sorted once for all outputs."""

    def __init__(self, events: Events, queries: Queries, *, entities: int) -> None:
        """Sort both sides by entity and time."""
        self._sides = Sides(events, queries, entities=entities)
        # What one sweep finds for several outputs, by what it looked at.
        self._nested: dict[tuple[object, ...], list[int | None]] = {}
        self._moments: dict[tuple[object, ...], _Moments] = {}
        self._extremes: dict[tuple[object, ...], tuple[NDArray[np.generic], ...]] = {}
        self._categories: dict[tuple[object, ...], _Categories] = {}
        self._codes: dict[str, tuple[Integers, int]] = {}
        self._ordered: dict[str, tuple[Integers, Callable[[pa.Array], pa.Array]]] = {}
        self._ranked: dict[tuple[str | None, str | None, str], tuple[Chosen, Integers]] = {}
        self._found_ends: dict[tuple[int, Offsets, int], tuple[Integers, NDArray[np.int64]]] = {}

    def compute(self, outputs: Sequence[Output]) -> list[pa.Array]:
        """One array per output, in the order of the queries, of the output's type.

        Raises:
            DataError: a sum of whole numbers or decimals does not fit its type.
        """
        self._plan_nested(outputs)
        found: dict[int, pa.Array] = {}
        for i in sorted(range(len(outputs)), key=lambda i: self._turn(outputs[i])):
            found[i] = self._one(outputs[i])
        return [found[i] for i in range(len(outputs))]

    def latest_used(self, outputs: Sequence[Output]) -> tuple[pa.Array, pa.Array]:
        """Per query, the latest event time and availability that any output's window could use."""
        sides = self._sides
        chosen = sides.chosen(None, None, "rows")
        found = [np.full(sides.query_time.size, -FOREVER) for _ in range(2)]
        for offsets in {sides.offsets(output) for output in outputs}:
            low, high = sides.bounds(offsets, chosen)
            for values, latest in zip((sides.time, sides.known_from()), found, strict=True):
                _, most = tree.extremes(
                    values, np.int64(FOREVER), np.int64(-FOREVER), low[None, :], high,
                    *sides.sweep(chosen),
                )  # fmt: skip
                np.maximum(latest, most[0], out=latest)
        event, known = (
            sides.in_query_order(pa.array(latest, mask=latest == -FOREVER), pa.int64())
            for latest in found
        )
        return event, known

    def _turn(self, output: Output) -> tuple[object, ...]:
        """Outputs of one window follow each other, so that its stream is made once."""
        begin, end = self._sides.offsets(output)
        chosen = self._sides.chosen(output.mask, output.value, self._kind(output))
        return end, begin is None, begin or 0, chosen.number, output.value or ""

    def _kind(self, output: Output) -> str:
        return "rows" if output.kind == "latest" else "known"

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
        elif output.kind in ("sum", "mean") and self._is_exact(output):
            found = self._exact(output)
        else:
            found = self._moment(output)
        return self._sides.in_query_order(found, output.type)

    def _count(self, output: Output, kind: str = "known") -> Integers:
        chosen = self._sides.chosen(output.mask, output.value, kind)
        return self._sides.count(chosen, self._sides.offsets(output))

    # --- sums ---

    def _is_exact(self, output: Output) -> bool:
        column = self._sides.column(str(output.value))
        return pa.types.is_integer(column.type) or pa.types.is_decimal(column.type)

    def _exact(self, output: Output) -> pa.Array:
        """Sums and means of whole numbers and decimals, exact to the last digit."""
        sides, offsets = self._sides, self._sides.offsets(output)
        chosen = sides.chosen(output.mask, output.value, "known")
        limbs = Limbs.of(sides.taken(str(output.value), chosen.rows))
        if sides.dynamic:
            steps, end = sides.stream(chosen, offsets)
            count, sums = stream.follow_sums(steps, end, limbs.parts)
        else:
            low, high = sides.bounds(offsets, chosen)
            running = np.zeros((limbs.parts.shape[0], limbs.parts.shape[1] + 1), np.int64)
            np.cumsum(limbs.parts, axis=1, out=running[:, 1:])
            count, sums = high - low, running[:, high] - running[:, low]
        if output.kind == "mean":
            return limbs.means(sums, count)
        return limbs.sums(sums, output.type, who=f"feature '{output.name}'")

    def _plan_nested(self, outputs: Sequence[Output]) -> None:
        """Group windows that end together, so that a shorter one is read as part of a longer."""
        self._nested = {}
        for output in outputs:
            begin, _ = self._sides.offsets(output)
            begins = self._nested.setdefault(self._group(output), [])
            if begin not in begins:
                begins.append(begin)
        for begins in self._nested.values():
            begins.sort(key=lambda begin: (begin is None, -(begin or 0)))

    def _group(self, output: Output) -> tuple[object, ...]:
        family = "extremes" if output.kind in ("min", "max") else "moments"
        return (family, output.mask, output.value, self._sides.offsets(output)[1])

    def _moments_of(self, output: Output) -> _Moments:
        sides, group = self._sides, self._group(output)
        begin, end = sides.offsets(output)
        if (*group, begin) not in self._moments:
            begins = self._nested[group]
            chosen = sides.chosen(output.mask, output.value, "finite")
            values = chosen.of(sides.doubles(str(output.value)))
            found = self._measured(values, chosen, *sides.nested(begins, end, chosen))
            for i, each in enumerate(begins):
                self._moments[(*group, each)] = _Moments(*(part[i] for part in found))
        return self._moments[(*group, begin)]

    def _measured(
        self, values: Floats, chosen: Chosen, low: Integers, high: Integers
    ) -> tuple[Integers, Floats, Floats, Floats]:
        """Count, sum, mean and squared deviations; each (windows, queries)."""
        sweep = self._sides.sweep(chosen)
        n, total, square = tree.moments(values, low, high, *sweep)
        count = np.maximum(n, 1)
        mean = total / count
        beyond = ~np.isfinite(total)
        if beyond.any() or np.isnan(square).any():
            # What overflows is added again in a smaller unit, a power of two.
            _, small, small_square = tree.moments(values * _SMALL_UNIT, low, high, *sweep)
            with np.errstate(over="ignore"):
                mean = np.where(beyond, small / count / _SMALL_UNIT, mean)
                total = np.where(beyond, small / _SMALL_UNIT, total)
                unscaled = small_square / _SMALL_UNIT / _SMALL_UNIT
                square = np.where(np.isnan(square), unscaled, square)
        with np.errstate(over="ignore", invalid="ignore"):
            blurred = (n > 1) & (square <= mean * total * _BLURRED)
        if blurred.any() and (blurred & ~_are_constant(values, low, high)).any():
            square = np.where(blurred, self._centred(values, chosen, low, high, square), square)
        return n, total, mean, square

    def _centred(
        self, values: Floats, chosen: Chosen, low: Integers, high: Integers, square: Floats
    ) -> Floats:
        """Squared deviations of values far from zero, from each entity's first value instead."""
        sizes = np.diff(chosen.start)
        origin = values[np.repeat(chosen.start[:-1], sizes)]
        with np.errstate(over="ignore", invalid="ignore"):
            moved = values - origin
        if not np.isfinite(moved).all():
            return square
        n, total, found = tree.moments(moved, low, high, *self._sides.sweep(chosen))
        with np.errstate(over="ignore", invalid="ignore"):
            # An entity whose first value lies far off gains nothing: that is as blurred.
            sharp = found > total * (total / np.maximum(n, 1)) * _BLURRED
        return np.where(sharp, found, square)

    def _moment(self, output: Output) -> pa.Array:
        """Sum, mean, variance and standard deviation of doubles."""
        found = self._moments_of(output)
        n, total, mean, square = found.n, found.total, found.mean, found.square
        if not self._sides.is_finite(str(output.value)):
            n = self._count(output)
            nan, above, below = (self._count(output, kind) > 0 for kind in _ODD)
            odd = np.where(above, np.where(below, np.nan, np.inf), -np.inf)
            odd[nan] = np.nan
            infinite = nan | above | below
            total, mean = np.where(infinite, odd, total), np.where(infinite, odd, mean)
            square = np.where(infinite, np.nan, square)
        if output.kind == "sum":
            return pa.array(total)
        if output.kind == "mean":
            return pa.array(mean, mask=n == 0)
        spread = square / np.maximum(n - 1, 1)
        return pa.array(np.sqrt(spread) if output.kind == "stddev" else spread, mask=n < 2)

    # --- extremes, categories, quantiles ---

    def _extreme(self, output: Output) -> pa.Array:
        column = self._sides.column(str(output.value))
        if pa.types.is_floating(column.type):
            return self._extreme_double(output)
        chosen = self._sides.chosen(output.mask, output.value, "known")
        if str(output.value) not in self._ordered:
            codes, back = columns.ordered_codes(column)
            self._ordered[str(output.value)] = self._sides.sorted_like_events(codes), back
        codes, back = self._ordered[str(output.value)]
        least, most = self._extremes_of(output, chosen, codes, _MOST, _LEAST)
        empty = self._count(output) == 0
        found = least if output.kind == "min" else most
        return back(pa.array(np.where(empty, 0, found), mask=empty))

    def _extreme_double(self, output: Output) -> pa.Array:
        """NaN is above every number."""
        chosen = self._sides.chosen(output.mask, output.value, "whole")
        values = self._sides.doubles(str(output.value))
        least, most = self._extremes_of(output, chosen, values, np.inf, -np.inf)
        count, whole = self._count(output), self._count(output, "whole")
        if output.kind == "min":
            found = np.where(whole == 0, np.nan, least)
        else:
            found = np.where(whole < count, np.nan, most)
        return pa.array(found, mask=count == 0)

    def _extremes_of(
        self,
        output: Output,
        chosen: Chosen,
        every: NDArray[np.generic],
        empty_least: object,
        empty_most: object,
    ) -> tuple[NDArray[np.generic], ...]:
        sides, group = self._sides, self._group(output)
        begin, end = sides.offsets(output)
        if (*group, begin) not in self._extremes:
            begins = self._nested[group]
            low, high = sides.nested(begins, end, chosen)
            least, most = tree.extremes(
                chosen.of(every), empty_least, empty_most, low, high, *sides.sweep(chosen)
            )
            for i, each in enumerate(begins):
                self._extremes[(*group, each)] = (least[i], most[i])
        return self._extremes[(*group, begin)]

    def _categorical(self, output: Output) -> pa.Array:
        found = self._categories_of(output)
        if output.kind == "count_distinct":
            return pa.array(found.distinct)
        if output.kind == "entropy":
            return pa.array(found.entropy, mask=found.n == 0)
        return pa.array(found.most / np.maximum(found.n, 1), mask=found.n == 0)

    def _categories_of(self, output: Output) -> _Categories:
        sides, value = self._sides, str(output.value)
        wants_entropy = output.kind == "entropy"
        key = (output.mask, value, sides.offsets(output))
        known = self._categories.get(key)
        if known is not None and (known.entropy is not None or not wants_entropy):
            return known
        if value not in self._codes:
            codes, size = columns.category_codes(sides.column(value))
            self._codes[value] = sides.sorted_like_events(codes), max(size, 1)
        codes, size = self._codes[value]
        chosen = sides.chosen(output.mask, value, "known")
        n, distinct, most, entropy = stream.follow_categories(
            *sides.stream(chosen, key[2]), chosen.of(codes), size, wants_entropy
        )
        found = _Categories(n, distinct, most, entropy if wants_entropy else None)
        self._categories[key] = found
        return found

    def _quantile(self, output: Output) -> pa.Array:
        sides = self._sides
        chosen = sides.chosen(output.mask, output.value, "known")
        values = chosen.of(sides.doubles(str(output.value)))
        size = np.diff(chosen.start)
        entity = np.repeat(np.arange(size.size), size)
        # NaN sorts last, as it is above every number.
        by_value = np.lexsort((values, entity))
        base = chosen.start[entity]
        rank = np.empty(values.size, np.int64)
        rank[by_value] = np.arange(values.size)
        count, found = stream.follow_quantile(
            *sides.stream(chosen, sides.offsets(output)),
            rank - base, base, size[entity], values[by_value], float(output.q or 0),
        )  # fmt: skip
        return pa.array(found, mask=count == 0)

    # --- first and last ---

    def _picked(self, output: Output) -> pa.Array:
        """Values or ages of the first or last events."""
        sides = self._sides
        chosen, ranked = self._by_time_and_value(output)
        first, last = self._ends(chosen, ranked, output)
        at_first = output.kind in ("first", "seconds_since_first")
        end = first if at_first else last[:, 0]
        none = end < 0
        rows = ranked[np.maximum(end, 0)] if ranked.size else np.zeros(end.size, np.int64)
        if output.kind.startswith("seconds_since"):
            at = sides.time[rows] if ranked.size else rows
            return pa.array((sides.query_time - at) / 1e6, mask=none)
        if output.kind != "last_n":
            return sides.taken(str(output.value), rows, none)
        present = last >= 0
        values = sides.taken(str(output.value), ranked[last[present]])
        return columns.lists(columns.as_type(values, output.type.value_type), present)

    def _by_time_and_value(self, output: Output) -> tuple[Chosen, Integers]:
        """The chosen rows with those of one instant in order of value; nulls lowest."""
        valued = not output.kind.startswith("seconds_since")
        key = (output.mask, output.value, self._kind(output) if valued else "known times")
        if key not in self._ranked:
            chosen = self._sides.chosen(output.mask, output.value, self._kind(output))
            ranked = chosen.rows
            if valued:
                ranked = self._with_ties_by_value(chosen, str(output.value))
            self._ranked[key] = self._sides.moved(chosen, ranked), ranked
        return self._ranked[key]

    def _with_ties_by_value(self, chosen: Chosen, value: str) -> Integers:
        rows = chosen.rows
        if rows.size < 2:
            return rows
        time = chosen.of(self._sides.time)
        entity_begins = np.zeros(rows.size, np.bool_)
        entity_begins[chosen.start[:-1][chosen.start[:-1] < rows.size]] = True
        tied = (time[1:] == time[:-1]) & ~entity_begins[1:]
        if not tied.any():
            return rows
        member = np.concatenate([tied, [False]]) | np.concatenate([[False], tied])
        places = np.flatnonzero(member)
        run = np.cumsum(~np.concatenate([[False], tied]))[places]
        values = self._sides.taken(value, rows[places])
        codes, _ = columns.ordered_codes(values)
        known = columns.flags(values.is_valid())
        ranked = rows.copy()
        ranked[places] = rows[places[np.lexsort((codes, known, run))]]
        return ranked

    def _ends(
        self, chosen: Chosen, ranked: Integers, output: Output
    ) -> tuple[Integers, NDArray[np.int64]]:
        """Per query the first and the last n places among `ranked`; -1 for none."""
        want = output.n or 1
        offsets = self._sides.offsets(output)
        key = (chosen.number, offsets, want)
        if key not in self._found_ends:
            if self._sides.dynamic:
                steps, end = self._sides.stream(chosen, offsets)
                self._found_ends[key] = stream.follow_ends(steps, end, ranked.size, want)
            else:
                low, high = self._sides.bounds(offsets, chosen)
                last = high[:, None] - 1 - np.arange(want)[None, :]
                last = np.where(last >= low[:, None], last, -1)
                self._found_ends[key] = np.where(high > low, low, -1), last
        return self._found_ends[key]


_ODD = ("nan", "above", "below")
_MOST = np.int64(2**63 - 1)
_LEAST = np.int64(-(2**63))


def compute(
    events: Events, queries: Queries, outputs: Sequence[Output], *, entities: int
) -> list[pa.Array]:
    """One array per output, in the order of the queries."""
    return Bucket(events, queries, entities=entities).compute(outputs)


def _are_constant(values: Floats, low: Integers, high: Integers) -> Flags:
    """Whether a window's first and last value belong to one run of equal values."""
    if values.size == 0:
        return np.ones(low.shape, np.bool_)
    run = np.zeros(values.size, np.int64)
    np.cumsum(values[1:] != values[:-1], out=run[1:])
    last = np.minimum(np.maximum(high - 1, 0), values.size - 1)
    return (low >= high) | (run[np.minimum(low, values.size - 1)] == run[last])
