"""Features of one entity from one source, and how a model lists the ones it uses."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import ClassVar, Literal

from stockade.definitions.aggregate import Aggregate
from stockade.definitions.entity import Entity
from stockade.definitions.measure import Measure
from stockade.definitions.names import DOC, check_column, check_name, frozen, tuple_of
from stockade.definitions.sensitivity import Sensitivity
from stockade.definitions.source import EventSource
from stockade.definitions.window import LIFETIME, check_window
from stockade.errors import DefinitionError, UnknownNameError, hint, raise_all

Boundary = Literal["exclusive", "inclusive"]
Cadence = Literal["daily", "hourly"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One output column of a view: one aggregate or measure, one window, one category at most."""

    name: str
    aggregate: Aggregate | Measure


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureView:
    """Features of one entity from one source, computed over windows.

    Attributes:
        name: the view's name, and its table's when materialised.
        entity: whose features these are.
        source: the events.
        aggregates: noun -> aggregate; the window is appended to make a feature's name.
        keys: entity key -> the source's column, where the names differ.
        boundary: `exclusive` counts events strictly before the decision, `inclusive` also those
            of the same instant (and drops those exactly one window old).
        cadence: how often `materialize` takes a snapshot.
        owner, description, sensitivity: for people.
    """

    name: str
    entity: Entity
    source: EventSource
    aggregates: Mapping[str, Aggregate]
    keys: Mapping[str, str] = field(default_factory=dict[str, str])
    boundary: Boundary = "exclusive"
    cadence: Cadence = field(default="daily")
    owner: str = field(default="", metadata=DOC)
    description: str = field(default="", metadata=DOC)
    sensitivity: Sensitivity = field(default="internal", metadata=DOC)

    def __post_init__(self) -> None:
        """Check names, and that no two features share one."""
        check_name(self.name, what="view")
        who = f"view '{self.name}'"
        object.__setattr__(self, "aggregates", frozen(self.aggregates))
        object.__setattr__(self, "keys", key_columns(self.entity, self.keys, who=who))
        if self.boundary not in ("exclusive", "inclusive"):
            raise DefinitionError(
                f"{who}: boundary '{self.boundary}' is not a rule: "
                + hint(self.boundary, ("exclusive", "inclusive"))
            )
        if self.cadence not in ("daily", "hourly"):
            raise DefinitionError(
                f"{who}: cadence '{self.cadence}' is not one: "
                + hint(self.cadence, ("daily", "hourly"))
            )
        if not self.aggregates:
            raise DefinitionError(f"{who} has no aggregates")
        _check_features(self.features(), taken=tuple_of(self.entity.keys), who=who)

    def features(self) -> tuple[Feature, ...]:
        """Every output column, in the order of definition."""
        return tuple(
            Feature(name=name, aggregate=one)
            for noun, aggregate in self.aggregates.items()
            for name, one in _expand(noun, aggregate)
        )

    def select(self, *names: str) -> "Selection":
        """Only these features of the view."""
        return Selection(view=self, names=names)


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupView:
    """The last known row of a slowly changing table: an as-of join.

    Attributes:
        name: the view's name.
        entity: whose attributes these are.
        source: the table; each row replaces the one before it. `event_time` is when it took effect.
        columns: the attributes. A null is a value: it never falls back to an older row.
        keys: entity key -> the source's column, where the names differ.
        max_age: how old a row may be and still count; None is for ever.
        boundary: `inclusive` (the default: a row that took effect at the decision counts) or
            `exclusive`. Among rows of one instant, the largest value counts.
        owner, description, sensitivity: for people.
    """

    name: str
    entity: Entity
    source: EventSource
    columns: tuple[str, ...] | str
    keys: Mapping[str, str] = field(default_factory=dict[str, str])
    max_age: timedelta | None = None
    boundary: Boundary = "inclusive"
    cadence: Cadence = "daily"
    owner: str = field(default="", metadata=DOC)
    description: str = field(default="", metadata=DOC)
    sensitivity: Sensitivity = field(default="internal", metadata=DOC)

    def __post_init__(self) -> None:
        """Check names and age."""
        check_name(self.name, what="view")
        who = f"view '{self.name}'"
        object.__setattr__(self, "columns", tuple_of(self.columns))
        object.__setattr__(self, "keys", key_columns(self.entity, self.keys, who=who))
        if self.max_age is not None:
            check_window(self.max_age, who=f"{who}: max_age")
        if not self.columns:
            raise DefinitionError(f"{who} has no columns")
        for column in self.columns:
            check_column(column, who=who)
        _check_features(self.features(), taken=tuple_of(self.entity.keys), who=who)

    def features(self) -> tuple[Feature, ...]:
        """Every output column; its name is the source's."""
        window = LIFETIME if self.max_age is None else self.max_age
        return tuple(
            Feature(
                name=column,
                aggregate=Aggregate(
                    kind="latest", value=column, where=None, windows=(window,), exact=True
                ),
            )
            for column in self.columns
        )

    def select(self, *names: str) -> "Selection":
        """Only these columns of the view."""
        return Selection(view=self, names=names)


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternView:
    """What `MatchView`, `LinkView` and `FlowView` have in common.

    Attributes:
        name: the view's name.
        entity: whose features these are.
        source: the events.
        measures: noun -> measure; a window is appended to make a feature's name.
        keys: entity key -> the source's column, where the names differ.
        owner, description, sensitivity: for people.
    """

    KINDS: ClassVar[frozenset[str]] = frozenset()

    name: str
    entity: Entity
    source: EventSource
    measures: Mapping[str, Measure]
    keys: Mapping[str, str] = field(default_factory=dict[str, str])
    owner: str = field(default="", metadata=DOC)
    description: str = field(default="", metadata=DOC)
    sensitivity: Sensitivity = field(default="internal", metadata=DOC)

    def __post_init__(self) -> None:
        """Check names, and that the view knows its measures."""
        check_name(self.name, what="view")
        who = f"view '{self.name}'"
        object.__setattr__(self, "measures", frozen(self.measures))
        object.__setattr__(self, "keys", key_columns(self.entity, self.keys, who=who))
        if not self.measures:
            raise DefinitionError(f"{who} has no measures")
        strangers = [noun for noun, one in self.measures.items() if one.kind not in self.KINDS]
        if strangers:
            raise DefinitionError(
                f"{who}: '{strangers[0]}' is of kind {self.measures[strangers[0]].kind}, which a "
                f"{type(self).__name__} does not measure: it knows {', '.join(sorted(self.KINDS))}"
            )
        _check_features(self.features(), taken=tuple_of(self.entity.keys), who=who)

    @property
    def boundary(self) -> Boundary:
        """Always exclusive: what happened at the decision's instant does not count."""
        return "exclusive"

    def features(self) -> tuple[Feature, ...]:
        """Every output column, in the order of definition."""
        return tuple(
            Feature(name=one.name(noun, window), aggregate=replace(one, windows=(window,)))
            for noun, one in self.measures.items()
            for window in one.windows
        )

    def sources(self) -> tuple[EventSource, ...]:
        """Every source that the view reads, its own first."""
        return (self.source,)

    def select(self, *names: str) -> "Selection":
        """Only these features of the view."""
        return Selection(view=self, names=names)


View = FeatureView | LookupView | PatternView


def sources_of(view: View) -> tuple[EventSource, ...]:
    """Every source that a view reads, its own first."""
    return view.sources() if isinstance(view, PatternView) else (view.source,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Some features of a view."""

    view: View
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check that the view has them."""
        known = [feature.name for feature in self.view.features()]
        faults = [
            UnknownNameError(
                f"view '{self.view.name}' has no feature '{name}': {hint(name, known)}"
            )
            for name in self.names
            if name not in known
        ]
        raise_all(f"view '{self.view.name}' lacks features", faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """A feature computed from the row itself: spine columns and other features.

    Attributes:
        name: the feature's name.
        expression: SQL over the spine's columns and the service's features; row-wise, so no
            aggregate and no window function. Division: use `try_divide`.
        owner, description, sensitivity: for people.
    """

    name: str
    expression: str
    owner: str = field(default="", metadata=DOC)
    description: str = field(default="", metadata=DOC)
    sensitivity: Sensitivity = field(default="internal", metadata=DOC)

    def __post_init__(self) -> None:
        """Check the name."""
        check_name(self.name, what="derived feature")
        if not self.expression.strip():
            raise DefinitionError(f"derived feature '{self.name}' has an empty expression")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureService:
    """The features that a model uses, in order.

    Attributes:
        name: the service's name.
        features: views (all their features), selections of views, and derived features. A derived
            feature may use any feature listed before it.
        spine_columns: columns of the decision itself that the model may see, such as the amount.
        hidden: features that derived ones need and the model does not see.
        purpose: what the features are for, where a source binds its columns to purposes.
        description: one sentence for people.
    """

    name: str
    features: tuple[View | Selection | Derived, ...]
    spine_columns: tuple[str, ...] | str = ()
    hidden: tuple[str, ...] | str = ()
    purpose: str | None = field(default=None, metadata=DOC)
    owner: str = field(default="", metadata=DOC)
    description: str = field(default="", metadata=DOC)

    def __post_init__(self) -> None:
        """Check that names are unique and that each view is listed once."""
        check_name(self.name, what="service")
        who = f"service '{self.name}'"
        if self.purpose is not None:
            check_name(self.purpose, what=f"{who}: purpose")
        object.__setattr__(self, "features", tuple(self.features))
        object.__setattr__(self, "spine_columns", tuple_of(self.spine_columns))
        object.__setattr__(self, "hidden", tuple_of(self.hidden))
        views = [selection.view.name for selection in self.selections()]
        faults: list[Exception] = [
            DefinitionError(f"{who} lists view '{name}' twice: select all its features at once")
            for name in sorted({name for name in views if views.count(name) > 1})
        ]
        names = [*self.spine_columns, *self.computed()]
        faults += [
            DefinitionError(f"{who} has two features named '{name}'")
            for name in sorted({name for name in names if names.count(name) > 1})
        ]
        faults += [
            UnknownNameError(f"{who} hides '{name}', which it does not have: {hint(name, names)}")
            for name in self.hidden
            if name not in names
        ]
        raise_all(f"{who} is not consistent", faults)

    def selections(self) -> tuple[Selection, ...]:
        """The views with the features that are used of each."""
        return tuple(_as_selection(item) for item in self.features if not isinstance(item, Derived))

    def derived(self) -> tuple[Derived, ...]:
        """The derived features, in order."""
        return tuple(item for item in self.features if isinstance(item, Derived))

    def computed(self) -> tuple[str, ...]:
        """Every computed column, hidden ones included, in the order of the list."""
        names: list[str] = []
        for item in self.features:
            names += [item.name] if isinstance(item, Derived) else _as_selection(item).names
        return tuple(names)

    def inputs(self) -> tuple[str, ...]:
        """What the model sees, in order: spine columns, then features that are not hidden."""
        return tuple(
            name for name in (*self.spine_columns, *self.computed()) if name not in self.hidden
        )


def _as_selection(item: View | Selection) -> Selection:
    if isinstance(item, Selection):
        return item
    return Selection(view=item, names=tuple(feature.name for feature in item.features()))


def _expand(noun: str, aggregate: Aggregate) -> Iterator[tuple[str, Aggregate]]:
    """Name and narrow: one window each, and one category value each."""
    for window in aggregate.windows:
        end = aggregate.window_suffix(window)
        if aggregate.by is None:
            yield f"{noun}_{end}", replace(aggregate, windows=(window,))
            continue
        for value in aggregate.by.values:
            same = f"{aggregate.by.column} = '{value}'"
            where = same if aggregate.where is None else f"({aggregate.where}) AND {same}"
            one = replace(aggregate, windows=(window,), by=None, where=where)
            yield f"{noun}_{value.lower()}_{end}", one


def key_columns(entity: Entity, keys: Mapping[str, str], *, who: str) -> Mapping[str, str]:
    """Entity key -> the source's column, for every key."""
    for key, column in keys.items():
        if key not in entity.keys:
            raise UnknownNameError(
                f"{who}: entity '{entity.name}' has no key '{key}': {hint(key, entity.keys)}"
            )
        check_column(column, who=who)
    return frozen({key: keys.get(key, key) for key in entity.keys})


def _check_features(features: tuple[Feature, ...], *, taken: tuple[str, ...], who: str) -> None:
    names = [feature.name for feature in features]
    faults: list[Exception] = []
    for name in names:
        try:
            check_column(name, who=who)
        except DefinitionError as fault:
            faults.append(fault)
    faults += [
        DefinitionError(f"{who} has two features named '{name}'")
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    faults += [
        DefinitionError(f"{who}: feature '{name}' has the name of a key")
        for name in names
        if name in taken
    ]
    raise_all(f"{who} is not consistent", faults)
