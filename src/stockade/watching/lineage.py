"""Which table stands behind which feature of which model: alerts are grouped by it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from stockade.definitions.expression import columns_of
from stockade.definitions.model import ModelSpec
from stockade.definitions.registry import Registry
from stockade.definitions.source import EventSource, Origin, Table, parts_of
from stockade.definitions.spine import Spine
from stockade.definitions.view import Derived, Selection, View
from stockade.definitions.window import Lifetime

# What lives for ever still forgets an incident, in practice, after so long.
_LIFETIME = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """What stands behind one input of a model.

    Attributes:
        sources: the sources that it is made of, spines among them.
        views: the views.
        reach: how long after an incident in a source it may still show.
    """

    sources: frozenset[str] = frozenset()
    views: frozenset[str] = frozenset()
    reach: timedelta = timedelta(0)

    def __or__(self, other: "Upstream") -> "Upstream":
        """Both."""
        return Upstream(
            sources=self.sources | other.sources,
            views=self.views | other.views,
            reach=max(self.reach, other.reach),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Tables, sources, views, features and models, as they depend on one another.

    Attributes:
        tables: source -> the table that its rows come from, the first where there are several.
        inputs: model -> input -> what stands behind it.
        labels: model -> the sources of its label.
    """

    tables: Mapping[str, str]
    inputs: Mapping[str, Mapping[str, Upstream]]
    labels: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])

    def root(self, source: str) -> str:
        """Where trouble with a source begins."""
        return f"table {self.tables.get(source, source)}"

    def of_model(self, model: str) -> Upstream:
        """What stands behind a model's inputs."""
        found = Upstream()
        for one in self.inputs.get(model, {}).values():
            found |= one
        return found

    def models_of(self, source: str) -> tuple[str, ...]:
        """The models that read a source or learn from it."""
        return tuple(
            model for model in self.inputs
            if source in self.of_model(model).sources or source in self.labels.get(model, ())
        )  # fmt: skip

    def is_label(self, source: str) -> bool:
        """Whether it only says what became of decisions."""
        is_input = any(source in self.of_model(model).sources for model in self.inputs)
        return not is_input and any(source in found for found in self.labels.values())


def lineage(registry: Registry) -> Lineage:
    """The lineage of all definitions."""
    models = registry.all(ModelSpec)
    sources = {one.name: one for one in registry.all(EventSource)}
    sources |= {one.name: spine_source(one) for one in registry.all(Spine)}
    return Lineage(
        tables={name: next(tables_of(one.origin), name) for name, one in sources.items()},
        inputs={spec.name: dict(_inputs(spec)) for spec in models},
        labels={
            spec.name: frozenset(
                one.name
                for one in (spec.training_set.label.source, spec.training_set.label.blocks)
                if one is not None
            )
            for spec in models
        },
    )


def spine_source(spine: Spine) -> EventSource:
    """A spine's decisions, watched like any source."""
    return EventSource(
        name=spine.name, origin=spine.origin, event_time=spine.decided_at, dedupe=spine.id,
        description=spine.description,
    )  # fmt: skip


def tables_of(origin: Origin | str) -> Iterator[str]:
    """The tables, or files, that an origin reads."""
    return (one.name if isinstance(one, Table) else one.path for one in parts_of(origin))


def _inputs(spec: ModelSpec) -> Iterator[tuple[str, Upstream]]:
    service = spec.training_set.features
    spine = Upstream(sources=frozenset((spec.training_set.spine.name,)))
    known: dict[str, Upstream] = dict.fromkeys(service.spine_columns, spine)
    for item in service.features:
        if isinstance(item, Derived):
            found = Upstream()
            for column in columns_of(item.expression):
                found |= known.get(column, spine)
            known[item.name] = found
            continue
        if isinstance(item, Selection):
            known |= {name: up for name, up in _of_view(item.view) if name in item.names}
        else:
            known |= dict(_of_view(item))
    for name in service.inputs():
        yield name, known[name]


def _of_view(view: View) -> Iterator[tuple[str, Upstream]]:
    for feature in view.features():
        window = feature.aggregate.windows[0]
        length = _LIFETIME if isinstance(window, Lifetime) else window
        yield (
            feature.name,
            Upstream(
                sources=frozenset((view.source.name,)),
                views=frozenset((view.name,)),
                reach=length + feature.aggregate.delay,
            ),
        )
