"""The rules of matched money, shared attributes and flows in plain Python, written to be read.

The kernels are tested against this, and the oracle on Spark computes its values with it.
"""

import math
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from stockade.definitions.measure import Measure
from stockade.definitions.window import Lifetime, microseconds
from stockade.engine.program import FOREVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something that happened, and when it counts.

    Attributes:
        time: event time, microseconds.
        shown, gone: known from, and superseded at.
    """

    time: int
    shown: int = -FOREVER
    gone: int = FOREVER

    @property
    def since(self) -> int:
        """The first moment at which it counts: after it happened, and known."""
        return max(self.time + 1, self.shown)

    def counts(self, at: int) -> bool:
        """Whether it happened before then, was known by then, and is not superseded."""
        return self.since <= at < self.gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Move(Fact):
    """A credit or a debit of one entity, in its smallest units."""

    amount: int
    debit: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Link(Fact):
    """An entity and something that it shares."""

    entity: Hashable
    attribute: Hashable


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(Fact):
    """Money from one address to another, in its smallest units."""

    sender: Hashable
    receiver: Hashable
    amount: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark(Fact):
    """A label of an entity."""

    entity: Hashable
    category: str | None = None


def begin_of(measure: Measure, at: int) -> float:
    """Where the measure's window begins."""
    (window,) = measure.windows
    return -math.inf if isinstance(window, Lifetime) else at - microseconds(window)


# --- matched money ---


def match_at(measure: Measure, at: int, moves: Iterable[Move], *, scale: int) -> float | None:
    """One measure of one entity's credits and debits at a decision."""
    known = sorted((one for one in moves if one.counts(at)), key=lambda m: (m.time, m.debit))
    credits = [[one.time, one.amount] for one in known if not one.debit]
    total = sum(one.amount for one in known if not one.debit and one.time >= begin_of(measure, at))
    pairs: list[tuple[int, int, int]] = []
    for debit in (one for one in known if one.debit):
        wanted = debit.amount
        for credit in credits:
            if credit[0] > debit.time or not wanted:
                break
            part = min(wanted, credit[1])
            if part:
                pairs.append((credit[0], debit.time, part))
                credit[1] -= part
                wanted -= part
    return _of_pairs(measure, at, pairs, [(c, rest) for c, rest in credits if rest], total, scale)


def _of_pairs(
    measure: Measure,
    at: int,
    pairs: Sequence[tuple[int, int, int]],
    left: Sequence[tuple[int, int]],
    credited: int,
    scale: int,
) -> float | None:
    begin, held = begin_of(measure, at), sum(rest for _, rest in left)
    spent = [(debit - credit, part) for credit, debit, part in pairs if debit >= begin]
    money = sum(part for _, part in spent)
    match measure.kind:
        case "matched":
            return money / 10**scale
        case "unmatched":
            return held / 10**scale
        case "unmatched_oldest":
            return (at - left[0][0]) / 1e6 if left else None
        case "unmatched_age":
            return sum((at - c) * rest for c, rest in left) / held / 1e6 if left else None
        case "dwell_mean":
            return sum(dwell * part for dwell, part in spent) / money / 1e6 if money else None
        case "pass_through":
            quick = microseconds(measure.within) if measure.within else 0
            soon = sum(part for c, d, part in pairs if c >= begin and d - c <= quick)
            return soon / credited if credited else None
        case _:
            return _weighted_quantile(spent, money, measure.q or 0.0)


def _weighted_quantile(spent: Sequence[tuple[int, int]], money: int, q: float) -> float | None:
    # q counts in millionths, so that a share of whole numbers is compared exactly.
    wanted = max(-(-money * round(q * 1_000_000) // 1_000_000), 1)
    for dwell, part in sorted(spent):
        wanted -= part
        if wanted <= 0:
            return dwell / 1e6
    return None


# --- shared attributes ---


class Links:
    """All links and labels, and the limits of a view."""

    def __init__(
        self, links: Iterable[Link], marks: Iterable[Mark], hub: int | None, memory: int | None
    ) -> None:
        """Sort links by their ends, and labels by entity."""
        self.hub, self.memory = hub, memory
        self._of_entity: dict[Hashable, list[Link]] = {}
        self._of_attribute: dict[Hashable, list[Link]] = {}
        self._marks: dict[Hashable, list[Mark]] = {}
        self._joins: dict[Link, bool] = {}
        for link in links:
            self._of_entity.setdefault(link.entity, []).append(link)
            self._of_attribute.setdefault(link.attribute, []).append(link)
        for mark in marks:
            self._marks.setdefault(mark.entity, []).append(mark)

    def counts(self, link: Link, at: int) -> bool:
        """Whether a link counts and has not grown too old."""
        return link.counts(at) and (self.memory is None or link.time >= at - self.memory)

    def joins(self, link: Link) -> bool:
        """Whether its attribute was no hub when the link became known."""
        if self.hub is None:
            return True
        if link not in self._joins:
            of_same = self._of_attribute[link.attribute]
            sharing = {one.entity for one in of_same if self.counts(one, link.since)}
            self._joins[link] = len(sharing) <= self.hub
        return self._joins[link]

    def near(self, entity: Hashable, at: int, begin: float = -math.inf) -> set[Hashable]:
        """The others that share an attribute, both links joining and not before `begin`."""

        def joining(links: Iterable[Link]) -> list[Link]:
            return [
                one for one in links
                if one.time >= begin and self.counts(one, at) and self.joins(one)
            ]  # fmt: skip

        shared = {link.attribute for link in joining(self._of_entity.get(entity, ()))}
        return {
            link.entity
            for attribute in shared
            for link in joining(self._of_attribute[attribute])
        } - {entity}  # fmt: skip

    def component(self, entity: Hashable, at: int) -> set[Hashable]:
        """The entities that a path of joining links reaches, oneself included."""
        reached, waiting = {entity}, [entity]
        while waiting:
            further = self.near(waiting.pop(), at) - reached
            reached |= further
            waiting += further
        return reached

    def labelled(self, entities: Iterable[Hashable], at: int) -> int:
        """How many of them are labelled."""
        return sum(any(mark.counts(at) for mark in self._marks.get(one, ())) for one in entities)


def link_at(measure: Measure, at: int, entity: Hashable, view: Links) -> float | int | None:
    """One measure of an entity's place among the links at a decision."""
    if measure.kind in ("neighbours", "labelled_neighbours"):
        near = view.near(entity, at, begin_of(measure, at))
        return len(near) if measure.kind == "neighbours" else view.labelled(near, at)
    others = view.component(entity, at) - {entity}
    if measure.kind == "component_size":
        return len(others) + 1
    if measure.kind == "component_growth":
        return len(others) + 1 - len(view.component(entity, int(begin_of(measure, at))))
    labelled = view.labelled(others, at)
    if measure.kind == "component_labelled":
        return labelled
    strength, prior = measure.strength or 0.0, measure.prior or 0.0
    base = len(others) + strength
    return (labelled + strength * prior) / base if base else None


# --- flows ---


class Flows:
    """All transfers and labels, and the limit of a view. Transfers to oneself are left out."""

    def __init__(
        self, transfers: Iterable[Transfer], marks: Sequence[Mark], hub: int | None
    ) -> None:
        """Sort transfers by their ends."""
        self.marks, self.hub = marks, hub
        self.out: dict[Hashable, list[Transfer]] = {}
        self.into: dict[Hashable, list[Transfer]] = {}
        self._carries: dict[Transfer, bool] = {}
        for one in transfers:
            self.out.setdefault(one.sender, []).append(one)
            self.into.setdefault(one.receiver, []).append(one)

    def carries(self, transfer: Transfer) -> bool:
        """Whether it passes on what its sender received: no hub when it became known."""
        if self.hub is None:
            return True
        if transfer not in self._carries:
            at, hub = transfer.since, transfer.sender
            near = {one.receiver for one in self.out.get(hub, ()) if one.counts(at)}
            near |= {one.sender for one in self.into.get(hub, ()) if one.counts(at)}
            self._carries[transfer] = len(near) <= self.hub
        return self._carries[transfer]

    def upstream(self, entity: Hashable, at: int) -> list[Transfer]:
        """Every transfer known then from which money may have come to the address."""
        found: list[Transfer] = []
        reached, waiting = {entity}, [entity]
        while waiting:
            for one in self.into.get(waiting.pop(), ()):
                if one.counts(at):
                    found.append(one)
                    if one.sender not in reached:
                        reached.add(one.sender)
                        waiting.append(one.sender)
        spent = (one for address in reached for one in self.out.get(address, ()))
        inside = set(map(id, found))
        return found + [one for one in spent if one.counts(at) and id(one) not in inside]

    def labelled(self, at: int, categories: Sequence[str]) -> set[Hashable]:
        """The addresses with a label of the categories that counts."""
        return {
            mark.entity for mark in self.marks
            if mark.counts(at) and (not categories or mark.category in categories)
        }  # fmt: skip


def flow_at(measure: Measure, at: int, entity: Hashable, view: Flows) -> float | int | None:
    """One measure of an address among the transfers at a decision."""
    if measure.kind == "cycles":
        return len(set(_circles(measure, at, view, entity)))
    labelled = view.labelled(at, measure.categories)
    if measure.kind == "hops":
        return _hops(measure, at, view, entity, labelled)
    return _tainted(measure, at, view, entity, labelled)


def _circles(
    measure: Measure, at: int, view: Flows, entity: Hashable
) -> Iterator[tuple[Hashable, ...]]:
    """The addresses between, for every way in which money may have gone around."""
    begin, length = begin_of(measure, at), measure.length or 2

    def out(address: Hashable, time: float) -> Iterator[Transfer]:
        for one in view.out.get(address, ()):
            if one.counts(at) and one.time >= max(begin, time):
                yield one

    paths = {((one.receiver,), one.time) for one in out(entity, begin)}
    for step in range(1, length):
        longer: set[tuple[tuple[Hashable, ...], int]] = set()
        for path, time in paths:
            for one in out(path[-1], time):
                if not view.carries(one):
                    continue
                if step == length - 1 and one.receiver == entity:
                    yield path
                elif step < length - 1 and one.receiver not in (*path, entity):
                    longer.add(((*path, one.receiver), one.time))
        paths = longer


def _hops(
    measure: Measure, at: int, view: Flows, entity: Hashable, labelled: set[Hashable]
) -> int | None:
    """Level by level; of each address the moment up to which (from which) money may have moved."""
    back = measure.direction == "received"
    reached: set[Hashable] = {entity}
    bounds: dict[Hashable, float] = {entity: math.inf if back else -math.inf}
    for hop in range((measure.limit or 0) + 1):
        if reached & labelled:
            return hop
        reached, further = set(), {}
        for here, bound in bounds.items():
            for one in (view.into if back else view.out).get(here, ()):
                if not one.counts(at) or ((one.time > bound) if back else (one.time < bound)):
                    continue
                if back:
                    reached.add(one.sender)
                    if view.carries(one):
                        further[one.sender] = max(further.get(one.sender, -math.inf), one.time)
                elif hop == 0 or view.carries(one):
                    reached.add(one.receiver)
                    further[one.receiver] = min(further.get(one.receiver, math.inf), one.time)
        bounds = further
    return None


def _tainted(
    measure: Measure, at: int, view: Flows, entity: Hashable, labelled: set[Hashable]
) -> float | None:
    """All transfers again in order of time, with the labels that are known at the decision."""
    purse = _Lots if measure.method == "fifo" else _Mixed
    purses: dict[Hashable, _Lots | _Mixed] = {}
    received = tainted = 0.0
    known = view.upstream(entity, at)
    for one in sorted(known, key=_turn):
        sender = purses.setdefault(one.sender, purse())
        moved = sender.spend(one.amount)
        if one.sender in labelled:
            moved = [(one.amount, one.amount)]
        elif not view.carries(one):
            moved = [(one.amount, 0)]
        purses.setdefault(one.receiver, purse()).add(moved)
        if one.receiver == entity and one.time >= begin_of(measure, at):
            received += one.amount
            tainted += sum(bad for _, bad in moved)
    return tainted / received if received else None


def _turn(one: Transfer) -> tuple[object, ...]:
    """The order of the replay; what is alike but for its clocks goes by when it began to count."""
    return one.time, one.sender, one.receiver, one.amount, one.since


class _Mixed:
    """A balance of which a share is tainted."""

    def __init__(self) -> None:
        self.balance = 0
        self.tainted = 0.0

    def add(self, moved: Sequence[tuple[int, float]]) -> None:
        """Receive (amount, tainted part of it)."""
        self.balance += sum(amount for amount, _ in moved)
        self.tainted += sum(bad for _, bad in moved)

    def spend(self, amount: int) -> Sequence[tuple[int, float]]:
        """Take an amount, tainted as the balance is; what the balance lacks is clean."""
        bad = self.tainted * min(1.0, amount / self.balance) if self.balance else 0.0
        self.balance = max(0, self.balance - amount)
        self.tainted = self.tainted - bad if self.balance else 0.0
        return [(amount, bad)]


class _Lots:
    """Amounts in the order in which they came, each tainted or clean."""

    def __init__(self) -> None:
        self.lots: list[tuple[int, float]] = []

    def add(self, moved: Sequence[tuple[int, float]]) -> None:
        """Receive lots behind all others."""
        self.lots += [lot for lot in moved if lot[0]]

    def spend(self, amount: int) -> Sequence[tuple[int, float]]:
        """Take the oldest lots; what they lack is clean."""
        taken: list[tuple[int, float]] = []
        while amount and self.lots:
            size, bad = self.lots[0]
            part = min(size, amount)
            taken.append((part, part if bad else 0))
            amount -= part
            self.lots[:1] = [(size - part, size - part if bad else 0)] if size > part else []
        return [*taken, (amount, 0)] if amount else taken
