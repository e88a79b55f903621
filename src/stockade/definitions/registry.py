"""All definitions of a project, found, checked together, and looked up by name."""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from types import ModuleType
from typing import TypeVar

from stockade.definitions.entity import Entity
from stockade.definitions.expression import check_expression
from stockade.definitions.fingerprint import definition_fingerprint, service_fingerprints
from stockade.definitions.model import ModelSpec
from stockade.definitions.pattern import FlowView, LinkView, MatchView
from stockade.definitions.permitted import service_refusals, spine_refusals
from stockade.definitions.release import ReleaseStrategy
from stockade.definitions.source import EventSource
from stockade.definitions.spine import Label, Spine, TrainingSet
from stockade.definitions.view import (
    Derived,
    FeatureService,
    FeatureView,
    LookupView,
    PatternView,
    View,
)
from stockade.errors import DefinitionError, StockadeError, UnknownNameError, hint

# What each kind of definition is called in messages; the order is that of listings.
KINDS: Mapping[type, str] = {
    Entity: "entity",
    EventSource: "source",
    FeatureView: "view",
    LookupView: "view",
    MatchView: "view",
    LinkView: "view",
    FlowView: "view",
    FeatureService: "service",
    Spine: "spine",
    Label: "label",
    TrainingSet: "training set",
    ModelSpec: "model",
    ReleaseStrategy: "strategy",
}

D = TypeVar("D")


@dataclass(frozen=True, slots=True)
class Registry:
    """Definitions by kind and name; every one that another refers to is in it too."""

    definitions: Mapping[tuple[str, str], object]

    @classmethod
    def of(cls, roots: Iterable[object]) -> "Registry":
        """Gather `roots` and all they refer to; raise all faults together."""
        found: dict[tuple[str, str], object] = {}
        faults: list[Exception] = []
        for definition in _with_parts(roots):
            kind = KINDS[type(definition)]
            name: str = definition.name  # type: ignore[attr-defined]
            known = found.setdefault((kind, name), definition)
            if known is not definition and known != definition:
                faults.append(
                    DefinitionError(f"two different definitions are called {kind} '{name}'")
                )
        for definition in found.values():
            faults += _expression_faults(definition)
        faults += _refusals(found.values())
        _raise(faults)
        return cls(found)

    @classmethod
    def load(cls, *modules: str) -> "Registry":
        """Import modules (packages with all they contain) and gather their definitions.

        Raises:
            ExceptionGroup: every fault of the load: modules that do not import, definitions that
                contradict themselves or each other, SQL that does not parse.
        """
        faults: list[Exception] = []
        roots: list[object] = []
        for module in _imported(modules, faults):
            roots += [value for value in vars(module).values() if type(value) in KINDS]
        try:
            registry = cls.of(roots)
        except ExceptionGroup as group:
            _raise([*faults, *group.exceptions])
            raise
        _raise(faults)
        return registry

    def all(self, kind: type[D]) -> tuple[D, ...]:
        """Every definition of one class, by name."""
        return tuple(
            definition
            for _, definition in sorted(self.definitions.items(), key=lambda item: item[0])
            if isinstance(definition, kind)
        )

    def views(self) -> tuple[View, ...]:
        """Every view, by name."""
        found = (*self.all(FeatureView), *self.all(LookupView), *self.all(PatternView))
        return tuple(sorted(found, key=lambda view: view.name))

    def find(self, kind: str, name: str) -> object:
        """The definition, or an error that names the nearest."""
        definition = self.definitions.get((kind, name))
        if definition is None:
            known = [known for of_kind, known in self.definitions if of_kind == kind]
            raise UnknownNameError(f"no {kind} is called '{name}': {hint(name, known)}")
        return definition

    def view(self, name: str) -> View:
        """The view of that name."""
        view = self.find("view", name)
        assert isinstance(view, FeatureView | LookupView | PatternView)  # noqa: S101 -- narrows; find() is by kind
        return view

    def sources(self, name: str | None = None) -> tuple[EventSource, ...]:
        """Every source by name, or the one that is named."""
        if name is None:
            return self.all(EventSource)
        found = self.find("source", name)
        assert isinstance(found, EventSource)  # noqa: S101 -- narrows; find() is by kind
        return (found,)

    def training_set(self, name: str) -> TrainingSet:
        """The training set of that name, or that of the model of that name."""
        if ("training set", name) not in self.definitions and ("model", name) in self.definitions:
            return self.model(name).training_set
        found = self.find("training set", name)
        assert isinstance(found, TrainingSet)  # noqa: S101 -- narrows; find() is by kind
        return found

    def model(self, name: str) -> ModelSpec:
        """The model of that name."""
        model = self.find("model", name)
        assert isinstance(model, ModelSpec)  # noqa: S101 -- narrows; find() is by kind
        return model

    def strategy(self, name: str) -> ReleaseStrategy:
        """The release strategy of that name."""
        strategy = self.find("strategy", name)
        assert isinstance(strategy, ReleaseStrategy)  # noqa: S101 -- narrows; find() is by kind
        return strategy

    def fingerprint(self) -> str:
        """One fingerprint of everything, documentation apart."""
        return definition_fingerprint(
            tuple(definition_fingerprint(definition) for definition in self.definitions.values())
        )


def _with_parts(roots: Iterable[object]) -> Iterator[object]:
    """Each definition with those it refers to, however deep."""
    for root in roots:
        if type(root) in KINDS:
            yield root
        if isinstance(root, tuple):
            yield from _with_parts(root)  # pyright: ignore[reportUnknownArgumentType]
        elif is_dataclass(root):
            yield from _with_parts(getattr(root, field.name) for field in fields(root))


def _expression_faults(definition: object) -> Iterator[Exception]:
    try:
        if isinstance(definition, FeatureView):
            for noun, aggregate in definition.aggregates.items():
                if aggregate.where is not None:
                    who = f"view '{definition.name}': where of '{noun}'"
                    check_expression(aggregate.where, who=who)
        if isinstance(definition, MatchView):
            for what, condition in definition.conditions().items():
                check_expression(condition, who=f"view '{definition.name}': {what}")
        if isinstance(definition, FeatureService):
            yield from _derived_faults(definition)
            service_fingerprints(definition)
        if isinstance(definition, ModelSpec) and definition.rules is not None:
            yield from _rules_faults(definition, definition.rules)
    except DefinitionError as fault:
        yield fault


def _refusals(definitions: Iterable[object]) -> Iterator[Exception]:
    """What sources do not allow to be used as it is."""
    known = [*definitions]
    sources = [one for one in known if isinstance(one, EventSource)]
    for definition in known:
        if isinstance(definition, FeatureService):
            yield from service_refusals(definition)
        if isinstance(definition, TrainingSet):
            yield from spine_refusals(definition.features, definition.spine, sources)


def _derived_faults(service: FeatureService) -> Iterator[Exception]:
    """Derived features that use one another in the wrong order."""
    before: set[str] = set()
    computed = set(service.computed())
    for item in service.features:
        if not isinstance(item, Derived):
            continue
        who = f"service '{service.name}': derived feature '{item.name}'"
        used = check_expression(item.expression, who=who)
        derived_names = {derived.name for derived in service.derived()}
        for name in sorted(used & computed & derived_names - before):
            yield DefinitionError(f"{who} uses '{name}', which must be listed before it")
        before.add(item.name)


def _rules_faults(model: ModelSpec, rules: str) -> Iterator[Exception]:
    """Rules over columns that the training set's service does not have."""
    service = model.training_set.features
    known = (*service.spine_columns, *service.computed())
    who = f"model '{model.name}': rules"
    for name in sorted(check_expression(rules, who=who) - set(known)):
        yield UnknownNameError(
            f"{who} use '{name}', which service '{service.name}' does not have: {hint(name, known)}"
        )


def _imported(names: Iterable[str], faults: list[Exception]) -> Iterator[ModuleType]:
    for name in names:
        module = _import(name, faults)
        if module is None:
            continue
        yield module
        for inner in pkgutil.walk_packages(getattr(module, "__path__", []), f"{name}."):
            if not inner.name.endswith("__main__"):
                found = _import(inner.name, faults)
                if found is not None:
                    yield found


def _import(name: str, faults: list[Exception]) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except (StockadeError, ExceptionGroup) as fault:
        faults.append(fault)
    except Exception as fault:  # any error of a user's module is a fault of the load
        faults.append(DefinitionError(f"module '{name}' does not import: {fault}"))
    return None


def _raise(faults: Iterable[Exception]) -> None:
    """Raise all faults as one flat group, each text once."""
    flat: dict[str, Exception] = {}
    for fault in faults:
        parts = fault.exceptions if isinstance(fault, ExceptionGroup) else (fault,)
        for part in parts:
            flat.setdefault(str(part), part)
    if flat:
        raise ExceptionGroup(f"{len(flat)} faults in the definitions", list(flat.values()))
