"""Views beyond windows: money matched in and out, shared attributes, flows between entities."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar, get_args

from stockade.definitions.measure import FlowKind, LinkKind, MatchKind
from stockade.definitions.names import check_column, frozen, tuple_of
from stockade.definitions.source import EventSource
from stockade.definitions.view import PatternView, key_columns
from stockade.definitions.window import check_window
from stockade.errors import DefinitionError


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchView(PatternView):
    """Money in and out of one entity, matched first in, first out, as of the decision.

    The credits and debits that count at t (happened before t, known by t, not superseded) are
    taken in order of event time, credits of an instant before its debits. Each debit takes the
    oldest money that is left; what it takes beyond that is nobody's and is not matched.

    Attributes:
        source: the credits; the debits too, unless `debits` is given.
        amount: the money, a whole number or a decimal of at most 18 digits; its sign is ignored.
        credit, debit: SQL conditions on the rows of their source, such as `direction = 'in'`.
        debits: where debits come from, if not from `source`.
        debit_amount: the money of `debits`; by default named as `amount`.
        debit_keys: entity key -> the column of `debits`; by default as `keys`.
    """

    KINDS: ClassVar[frozenset[str]] = frozenset(get_args(MatchKind))

    amount: str
    credit: str | None = None
    debit: str | None = None
    debits: EventSource | None = None
    debit_amount: str | None = None
    debit_keys: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        """Check names, and that credits can be told from debits."""
        PatternView.__post_init__(self)
        who = f"view '{self.name}'"
        check_column(self.amount, who=who)
        if self.debits is None and (self.debit is None or self.credit is None):
            raise DefinitionError(
                f"{who}: say which rows of source '{self.source.name}' are credits and which "
                "debits with credit= and debit=, or give the debits' own source as debits="
            )
        if self.debits is None and (self.debit_amount or self.debit_keys):
            raise DefinitionError(f"{who} has debit_amount or debit_keys but no debits")
        for what, condition in (("credit", self.credit), ("debit", self.debit)):
            if condition is not None and not condition.strip():
                raise DefinitionError(f"{who}: {what} is empty; leave it out to take every row")
        if self.debits is not None:
            object.__setattr__(self, "debit_amount", self.debit_amount or self.amount)
            check_column(self.debit_amount, who=who)
            given = dict(self.keys) | dict(self.debit_keys)
            object.__setattr__(self, "debit_keys", key_columns(self.entity, given, who=who))
        else:
            object.__setattr__(self, "debit_keys", frozen({}))

    def sources(self) -> tuple[EventSource, ...]:
        """The credits' source, then the debits' own, if any."""
        return (self.source,) if self.debits is None else (self.source, self.debits)

    def conditions(self) -> Mapping[str, str]:
        """Argument -> SQL condition, of those given."""
        given = {"credit": self.credit, "debit": self.debit}
        return {name: text for name, text in given.items() if text is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkView(PatternView):
    """Entities that hang together by what they share, as of the decision.

    A row of `source` links an entity and an attribute: an account and a device, an IP, a bank
    account. It counts at t if it happened before t, was known by t and is not superseded.
    Entities are in one component if a path of links that count joins them.

    Attributes:
        source: the links.
        attribute: the column, or columns, that name what is shared. Kinds of things go together in
            one view by a query that stacks them under a column that tells them apart.
        hub: an attribute with more entities than this joins nobody: a carrier's address, a shared
            office. Decided for each link at the moment it becomes known, from the links that count
            then, itself and others of that moment included, and not revised: those that were
            joined before the attribute became a hub stay joined. None: no limit.
        memory: links older than this no longer count; None: they count for ever.
        labels: what is known against entities, with its clocks; an entity is labelled at t while
            any of its labels counts.
        label_keys: entity key -> the column of `labels`; by default the key's name.
    """

    KINDS: ClassVar[frozenset[str]] = frozenset(get_args(LinkKind))

    attribute: tuple[str, ...] | str
    hub: int | None = None
    memory: timedelta | None = None
    labels: EventSource | None = None
    label_keys: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        """Check names and limits."""
        PatternView.__post_init__(self)
        who = f"view '{self.name}'"
        object.__setattr__(self, "attribute", tuple_of(self.attribute))
        if not self.attribute:
            raise DefinitionError(f"{who} has no attribute: name what its entities share")
        for column in self.attribute:
            check_column(column, who=who)
        check_hub(self.hub, who=who)
        if self.memory is not None:
            check_window(self.memory, who=f"{who}: memory")
        _check_labels(self, self.labels, given=bool(self.label_keys))
        keys = key_columns(self.entity, self.label_keys, who=who)
        object.__setattr__(self, "label_keys", keys if self.labels else frozen({}))

    def sources(self) -> tuple[EventSource, ...]:
        """The links' source, then the labels', if any."""
        return (self.source,) if self.labels is None else (self.source, self.labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowView(PatternView):
    """Transfers between entities of one kind: exposure to labelled ones and money that comes back.

    A row of `source` is a transfer; it counts at t if it happened before t, was known by t and is
    not superseded. A label counts from when it was made and known until it is taken back, and
    then for the whole past of its address. Fan-in and fan-out are windows: `count_distinct` of the
    other side in a `FeatureView`.

    Attributes:
        entity: an address or account, with one key.
        source: the transfers.
        sender, receiver: their columns; of the entity key's type.
        amount: the money, a whole number or a decimal of at most 18 digits, its sign ignored;
            needed by `tainted_share`.
        labels: what is known of addresses, with its clocks.
        label_key: the address column of `labels`; by default the entity key's name.
        category: the column of `labels` that says what an address is (`sanctioned`, `mixer`).
        hub: an address with more counterparties than this passes nothing on: an exchange's hot
            wallet. Decided for each transfer out of it at the moment that one becomes known, from
            the transfers that count then, and not revised. What leaves an address that is itself
            labelled is exposed all the same. None: no limit.
    """

    KINDS: ClassVar[frozenset[str]] = frozenset(get_args(FlowKind))

    sender: str
    receiver: str
    amount: str | None = None
    labels: EventSource | None = None
    label_key: str | None = None
    category: str | None = None
    hub: int | None = None

    def __post_init__(self) -> None:
        """Check names, and that each measure has what it needs."""
        who = f"view '{self.name}'"
        if len(self.entity.keys) != 1:
            raise DefinitionError(
                f"{who}: entity '{self.entity.name}' has {len(self.entity.keys)} keys, and a flow "
                "joins things with one: make one column of them in a query"
            )
        (key,) = self.entity.keys
        if self.keys and dict(self.keys) != {key: self.receiver}:
            raise DefinitionError(f"{who}: give sender= and receiver= instead of keys=")
        object.__setattr__(self, "keys", {key: self.receiver})
        PatternView.__post_init__(self)
        for column in filter(None, (self.sender, self.amount, self.label_key, self.category)):
            check_column(column, who=who)
        if self.sender == self.receiver:
            raise DefinitionError(f"{who}: sender and receiver are the same column")
        check_hub(self.hub, who=who)
        _check_labels(self, self.labels, given=bool(self.label_key or self.category))
        if self.labels is not None:
            object.__setattr__(self, "label_key", self.label_key or key)
        for noun, measure in self.measures.items():
            if measure.kind in ("hops", "tainted_share") and self.labels is None:
                raise DefinitionError(f"{who}: '{noun}' needs labels=")
            if measure.kind == "tainted_share" and self.amount is None:
                raise DefinitionError(f"{who}: '{noun}' needs amount=")
            if measure.categories and self.category is None:
                raise DefinitionError(f"{who}: '{noun}' names categories, so category= is needed")

    def sources(self) -> tuple[EventSource, ...]:
        """The transfers' source, then the labels', if any."""
        return (self.source,) if self.labels is None else (self.source, self.labels)


def check_hub(hub: int | None, *, who: str) -> None:
    """Refuse a limit that no two could meet."""
    if hub is not None and hub < 2:
        raise DefinitionError(f"{who}: hub must be at least 2, not {hub}")


def _check_labels(view: PatternView, labels: EventSource | None, *, given: bool) -> None:
    who = f"view '{view.name}'"
    if labels is None and given:
        raise DefinitionError(f"{who} names columns of labels but no labels")
    wanting = [noun for noun, one in view.measures.items() if "labelled" in one.kind]
    if labels is None and wanting:
        raise DefinitionError(f"{who}: '{wanting[0]}' needs labels=")
