"""Transfers between addresses: hops to labelled ones, circles and taint as of each decision."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from stockade.definitions.measure import Measure
from stockade.definitions.window import Lifetime, microseconds
from stockade.engine.crowds import Spans, crowds, latest_known
from stockade.engine.matching import Matched
from stockade.engine.order import sort_by_entity_and_time
from stockade.engine.program import FOREVER
from stockade.engine.taint import Ledger, tainted_shares

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# numba's decorator is untyped, and inside a kernel everything is a machine number: kernels are
# checked by tests against the reference, not by types.
# pyright: reportUntypedFunctionDecorator=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportArgumentType=false, reportMissingParameterType=false, reportUnknownParameterType=false
# pyright: reportReturnType=false, reportCallIssue=false, reportAttributeAccessIssue=false


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Transfers:
    """n transfers in any order, none to oneself.

    Attributes:
        sender, receiver: codes from 0, in the order of the addresses.
        amount: in smallest units, not negative.
        when: their clocks.
    """

    sender: Integers
    receiver: Integers
    amount: Integers
    when: Spans

    def ordered(self) -> "Transfers":
        """Those that ever count in order of time, sender, receiver, amount and start."""
        when = self.when
        order = np.lexsort((when.begin, self.amount, self.receiver, self.sender, when.time))
        order = order[when.begin[order] < when.end[order]]
        return Transfers(
            sender=self.sender[order], receiver=self.receiver[order], amount=self.amount[order],
            when=when.take(order),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Labels:
    """n labels of addresses, in any order; `category` counts from 0, -1 for none."""

    address: Integers
    category: Integers
    when: Spans

    def of(self, categories: Integers | None) -> "Labels":
        """Those of some categories, or all."""
        if categories is None:
            return self
        kept = np.isin(self.category, categories)
        return Labels(
            address=self.address[kept], category=self.category[kept], when=self.when.take(kept)
        )


def flow(
    transfers: Transfers,
    labels: Labels,
    key: Integers,
    time: Integers,
    measures: Sequence[Measure],
    *,
    names: Sequence[str],
    addresses: int,
    hub: int | None,
) -> Matched:
    """Measures of addresses (`key`, -1 for none; `time`) among transfers.

    Args:
        transfers: all that may matter.
        labels: of addresses.
        key, time: the decisions.
        measures: each of one window.
        names: of the categories, by code.
        addresses: how many codes there are.
        hub: an address with more counterparties passes nothing on.
    """
    book = _Book.of(transfers.ordered(), addresses, hub)
    order = np.flatnonzero(key >= 0)
    order = order[np.argsort(time[order], kind="stable")]
    asked, at = key[order], time[order]
    shares: dict[tuple[str, tuple[str, ...]], list[tuple[int, int]]] = {}
    columns: list[pa.Array] = [pa.nulls(0)] * len(measures)
    for m, one in enumerate(measures):
        if one.kind == "tainted_share":
            shares.setdefault((one.method or "haircut", one.categories), []).append(
                (m, _window(one))
            )
        elif one.kind == "cycles":
            found = book.circles(asked, at, one.length or 2, _window(one))
            columns[m] = _placed(found, np.ones(asked.size, np.bool_), order, key.size)
        else:
            found = book.hops(asked, at, labels.of(_codes(one.categories, names)), one)
            columns[m] = _placed(found, found >= 0, order, key.size)
    for (method, categories), wanted in shares.items():
        marked = labels.of(_codes(categories, names))
        windows = np.array([window for _, window in wanted], np.int64)
        found, valid = tainted_shares(
            book.ledger, marked.address, marked.when, asked, at, windows, fifo=method == "fifo"
        )
        for i, (m, _) in enumerate(wanted):
            columns[m] = _placed(found[i], valid[i], order, key.size)
    clocks = latest_known(at, [book.ledger.when, labels.when])
    return Matched(columns, *(_placed(c, c != -FOREVER, order, key.size) for c in clocks))


def _window(measure: Measure) -> int:
    (window,) = measure.windows
    return -1 if isinstance(window, Lifetime) else microseconds(window)


def _codes(categories: Sequence[str], names: Sequence[str]) -> Integers | None:
    """Of the categories that are there; None for all labels."""
    if not categories:
        return None
    return np.array([n for n, name in enumerate(names) if name in categories], np.int64)


def _placed(values: Integers | Floats, valid: Flags, asked: Integers, rows: int) -> pa.Array:
    """The values in the decisions' order, null where nothing was asked."""
    wide, there = np.zeros(rows, values.dtype), np.zeros(rows, np.bool_)
    wide[asked], there[asked] = values, valid
    return pa.array(wide, mask=~there)


@dataclass(frozen=True, slots=True, eq=False)
class _Book:
    """Transfers in their order, by sender and by receiver, and which of them pass money on."""

    ledger: Ledger

    @classmethod
    def of(cls, transfers: Transfers, addresses: int, hub: int | None) -> "_Book":
        """Sort once for all measures."""
        sender, receiver, when = transfers.sender, transfers.receiver, transfers.when
        place = np.arange(sender.size)
        carries = np.ones(sender.size, np.bool_)
        if hub is not None:
            twice = when.take(np.concatenate([place, place]))
            ends = np.concatenate([sender, receiver]), np.concatenate([receiver, sender])
            carries = crowds(*ends, twice)[: sender.size] <= hub
        out, out_start = sort_by_entity_and_time(sender, place, addresses)
        into, into_start = sort_by_entity_and_time(receiver, place, addresses)
        return cls(
            Ledger(
                sender=sender, receiver=receiver, amount=transfers.amount, when=when,
                carries=carries, out=out, out_start=out_start, into=into, into_start=into_start,
            )
        )  # fmt: skip

    def circles(self, key: Integers, time: Integers, length: int, window: int) -> Integers:
        """How many different circles of that many addresses."""
        book = self.ledger
        return _circles(
            key, time, length, window, book.sender, book.receiver, book.when.time,
            book.when.begin, book.when.end, book.carries, book.out, book.out_start, book.into,
            book.into_start,
        )  # fmt: skip

    def hops(self, key: Integers, time: Integers, labels: Labels, measure: Measure) -> Integers:
        """The distance to the nearest label, -1 if there is none within the limit."""
        book, back = self.ledger, measure.direction == "received"
        of_label, label_start = sort_by_entity_and_time(
            labels.address, labels.when.begin, book.out_start.size - 1
        )
        edges, start = (book.into, book.into_start) if back else (book.out, book.out_start)
        return _hops(
            key, time, measure.limit or 0, back, book.sender if back else book.receiver,
            book.when.time, book.when.begin, book.when.end, book.carries, edges, start, of_label,
            label_start, labels.when.begin, labels.when.end,
        )  # fmt: skip


@njit(cache=True, nogil=True)
def _first(order: Integers, low: int, high: int, time: Integers, edge: int) -> int:
    """The first place of `order[low:high]` whose time is not below the edge."""
    while low < high:
        middle = (low + high) // 2
        if time[order[middle]] < edge:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def _labelled(
    one: int, t: int, of_label: Integers, label_start: Integers, begin: Integers, end: Integers
) -> bool:
    for n in range(label_start[one], label_start[one + 1]):
        if begin[of_label[n]] <= t < end[of_label[n]]:
            return True
    return False


@njit(cache=True, nogil=True)
def _hops(
    key: Integers, at: Integers, limit: int, back: bool, other: Integers, time: Integers,
    begin: Integers, end: Integers, carries: Flags, edges: Integers, start: Integers,
    of_label: Integers, label_start: Integers, label_begin: Integers, label_end: Integers,
) -> Integers:  # fmt: skip
    """Level by level; of each address the loosest moment by (from) which money may have moved.

    Time runs backwards where money is followed to its senders: `sign` turns it around, so that a
    greater bound is looser, and the transfers that fit a bound are those not beyond it.
    """
    nodes = start.size - 1
    found = np.full(key.size, -1)
    met, met_by = np.full(nodes, -1), np.full(nodes, -1)
    loosest = np.empty(nodes, np.int64)
    queued, bound = np.full(nodes, -1), np.empty(nodes, np.int64)
    here, further = np.empty(nodes, np.int64), np.empty(nodes, np.int64)
    here_bound = np.empty(nodes, np.int64)
    sign = 1 if back else -1
    level = 0
    for q in range(key.size):
        t = at[q]
        if _labelled(key[q], t, of_label, label_start, label_begin, label_end):
            found[q] = 0
            continue
        here[0], here_bound[0], count = key[q], FOREVER, 1
        met[key[q]], met_by[key[q]], loosest[key[q]] = q, q, FOREVER
        for hop in range(1, limit + 1):
            level += 1
            more = 0
            for i in range(count):
                one, b = here[i], here_bound[i]
                low, high = start[one], start[one + 1]
                if not back:
                    low = _first(edges, low, high, time, -b)
                for j in range(low, high):
                    p = edges[j]
                    if time[p] >= t or (back and time[p] > b):
                        break
                    if begin[p] > t or end[p] <= t:
                        continue
                    passes = carries[p]
                    if not back:
                        if hop > 1 and not passes:
                            continue
                        passes = True
                    n = other[p]
                    if met[n] != q:
                        met[n] = q
                        if _labelled(n, t, of_label, label_start, label_begin, label_end):
                            found[q] = hop
                            break
                    moved = sign * time[p]
                    if not passes or (met_by[n] == q and loosest[n] >= moved):
                        continue
                    met_by[n], loosest[n] = q, moved
                    bound[n] = moved
                    if queued[n] != level:
                        queued[n] = level
                        further[more] = n
                        more += 1
                if found[q] >= 0:
                    break
            if found[q] >= 0 or more == 0:
                break
            for i in range(more):
                here[i], here_bound[i] = further[i], bound[further[i]]
            count = more
    return found


@njit(cache=True, nogil=True)
def _circles(
    key: Integers, at: Integers, length: int, window: int, sender: Integers, receiver: Integers,
    time: Integers, begin: Integers, end: Integers, carries: Flags, out: Integers,
    out_start: Integers, into: Integers, into_start: Integers,
) -> Integers:  # fmt: skip
    """Depth first over those between; each in its turn by its earliest transfer."""
    nodes = out_start.size - 1
    found = np.zeros(key.size, np.int64)
    # The last transfer by which an address paid the entity: the circle closes if none later.
    closer, last = np.full(nodes, -1), np.empty(nodes, np.int64)
    seen = np.full((length, nodes), -1)
    visits = 0
    path, place, visit = (
        np.empty(length, np.int64),
        np.empty(length, np.int64),
        np.empty(length, np.int64),
    )
    for q in range(key.size):
        k, t = key[q], at[q]
        edge = -FOREVER if window < 0 else t - window
        closing = 0
        for j in range(
            _first(into, into_start[k], into_start[k + 1], time, edge), into_start[k + 1]
        ):
            p = into[j]
            if time[p] >= t:
                break
            if begin[p] <= t < end[p] and carries[p]:
                closer[sender[p]], last[sender[p]] = q, time[p]
                closing += 1
        if closing == 0:
            continue
        depth = 0
        path[0], visit[0] = k, visits
        visits += 1
        place[0] = _first(out, out_start[k], out_start[k + 1], time, edge)
        while depth >= 0:
            one = path[depth]
            if place[depth] >= out_start[one + 1] or time[out[place[depth]]] >= t:
                depth -= 1
                continue
            p = out[place[depth]]
            place[depth] += 1
            n = receiver[p]
            if begin[p] > t or end[p] <= t or (depth > 0 and not carries[p]):
                continue
            if seen[depth, n] == visit[depth]:
                continue
            seen[depth, n] = visit[depth]
            twice = False
            for d in range(depth + 1):
                twice |= path[d] == n
            if twice:
                continue
            if depth == length - 2:
                found[q] += closer[n] == q and last[n] >= time[p]
                continue
            depth += 1
            path[depth], visit[depth] = n, visits
            visits += 1
            place[depth] = _first(out, out_start[n], out_start[n + 1], time, time[p])
    return found
