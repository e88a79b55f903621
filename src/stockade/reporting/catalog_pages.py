"""The catalog's pages of a feature view, a source and a model."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from stockade.definitions.contract import Contract, Rule
from stockade.definitions.fingerprint import (
    definition_fingerprint,
    service_fingerprints,
    to_json,
    view_fingerprints,
)
from stockade.definitions.model import ModelSpec
from stockade.definitions.registry import Registry
from stockade.definitions.source import EventSource, Query
from stockade.definitions.view import FeatureView, LookupView, PatternView, View
from stockade.definitions.window import in_words
from stockade.definitions.wording import meaning, meanings
from stockade.reporting.freshness import Fresh, Held
from stockade.reporting.lineage import Graph, Kind, Node, drawn
from stockade.reporting.page import Figure, Link, Page, Part, Tile, grid

# Kinds that have a page of their own.
_PAGED: frozenset[Kind] = frozenset({"view", "source", "model"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """What the pages are made from.

    Attributes:
        registry: the definitions.
        graph: what feeds what.
        held: what a target holds of them, if one was read.
    """

    registry: Registry
    graph: Graph
    held: Held | None

    def link(self, kind: Kind, name: str) -> Link:
        """To the page of a view, source or model."""
        return Link(href=file_of(kind, name), text=name)

    def links(self, kind: Kind, names: Iterable[str]) -> Iterator[Link]:
        """To each of these, with what it is."""
        return (Link(href=file_of(kind, name), text=f"{kind} {name}") for name in names)

    def fresh(self, kind: Kind, name: str) -> Fresh | None:
        """What its table holds; None where there is none."""
        return None if self.held is None else self.held.fresh.get(Node(kind, name))

    def newest(self, kind: Kind, name: str) -> str:
        """The newest moment that its table holds."""
        found = self.fresh(kind, name)
        return found.newest or "-" if found is not None else "-"

    def fingerprints(self, view: View) -> Mapping[str, str]:
        """Feature -> fingerprint."""
        return view_fingerprints(view)


def file_of(kind: Kind, name: str) -> str:
    """The file of a definition's page."""
    return f"{kind}-{name}.html"


def lineage_figure(graph: Graph, words: str, caption: str) -> Figure:
    """A graph whose boxes lead to their pages."""

    def href(node: Node) -> str | None:
        if node.kind == "spine":
            return "decisions.html"
        return file_of(node.kind, node.name) if node.kind in _PAGED else None

    return Figure(svg=drawn(graph, href=href, words=words), caption=caption)


def view_entry(shelf: Shelf, view: View) -> Page:
    """The page of a feature view."""
    prints, graph = shelf.fingerprints(view), shelf.graph
    node = Node("view", view.name)
    used = _inputs_of(shelf.registry)
    rows = [
        (one.name, meaning(view, one), prints[one.name],
         f"{len(used.get((view.name, one.name), ())):,}")
        for one in view.features()
    ]  # fmt: skip
    head = ("feature", "meaning", "fingerprint", "models")
    return Page(
        anchor=view.name, group="Feature views", title=f"Feature view {view.name}",
        short=view.name,
        lead=[view.description or "It has no description.", f"Owner: {view.owner or 'none'}."],
        tiles=[*_tiles(shelf, "view", view.name, "newest snapshot (UTC)")],
        links=[
            *shelf.links("source", graph.feeding(node, "source")),
            *shelf.links("model", graph.fed_by(node, "model")),
        ],
        parts=[
            Part(title="Features",
                 tables=[grid("Each is a column of the view's table", head, rows, anchors=True)]),
            Part(title="How it is computed", list=[*_computed(view)]),
            _lineage(shelf, node), _definition(view),
        ],
    )  # fmt: skip


def source_entry(shelf: Shelf, source: EventSource) -> Page:
    """The page of a source."""
    node, graph = Node("source", source.name), shelf.graph
    parts = [Part(title="Clocks and identity", list=[*_clocks(source)])]
    if source.contract is not None:
        parts.append(_contract(source.contract))
    if isinstance(source.origin, Query):
        parts.append(Part(title="Query", long=_code(source.origin.sql), long_title="The SQL"))
    return Page(
        anchor=source.name, group="Sources", title=f"Source {source.name}", short=source.name,
        lead=[source.description or "It has no description.",
              f"Owner: {source.owner or 'none'}.",
              f"Rows from: {', '.join(graph.feeding(node, 'table'))}."],
        tiles=[*_tiles(shelf, "source", source.name, "newest event (UTC)")],
        links=[
            *shelf.links("view", graph.fed_by(node, "view")),
            *shelf.links("model", graph.fed_by(node, "model")),
        ],
        parts=[*parts, _lineage(shelf, node), _definition(source)],
    )  # fmt: skip


def model_entry(shelf: Shelf, spec: ModelSpec) -> Page:
    """The page of a model."""
    node, learnt = Node("model", spec.name), spec.training_set
    return Page(
        anchor=spec.name, group="Models", title=f"Model {spec.name}", short=spec.name,
        lead=[spec.description or "It has no description.", f"Owner: {spec.owner or 'none'}."],
        tiles=[*_tiles(shelf, "model", spec.name, "newest scored day")],
        links=[
            *shelf.links("view", shelf.graph.feeding(node, "view")),
            Link(href="decisions.html", text=f"decisions: {learnt.spine.name}"),
        ],
        parts=[
            Part(title="What it predicts", list=[*_predicted(spec)]),
            _policy(spec), _versions(shelf, spec), _inputs(spec), _lineage(shelf, node),
            _definition(spec),
        ],
    )  # fmt: skip


def _tiles(shelf: Shelf, kind: Kind, name: str, words: str) -> Iterator[Tile]:
    if shelf.held is None:
        return
    found = shelf.fresh(kind, name)
    if found is None:
        yield Tile(value="no table", words=f"in {shelf.held.target}")
        return
    yield Tile(value=found.newest or "-", words=words)
    yield Tile(value=f"{found.rows:,}", words="rows")


def _inputs_of(registry: Registry) -> Mapping[tuple[str, str], set[str]]:
    """View and feature -> the models that compute it, be it to derive another from it."""
    found: dict[tuple[str, str], set[str]] = {}
    for spec in registry.all(ModelSpec):
        for one in spec.training_set.features.selections():
            for name in one.names:
                found.setdefault((one.view.name, name), set()).add(spec.name)
    return found


def _computed(view: View) -> Iterator[str]:
    keys = ", ".join(
        key if key == column else f"{key} (the source's {column})"
        for key, column in view.keys.items()
    )
    yield f"Of one {view.entity.name}, by {keys}"
    if isinstance(view, PatternView):
        yield "Measured over all events together, as known at each decision; never materialised"
        return
    if isinstance(view, LookupView):
        age = "however old" if view.max_age is None else f"at most {in_words(view.max_age)} old"
        yield f"The last row known at the decision, {age}"
    if isinstance(view, FeatureView):
        yield f"Snapshots are taken {view.cadence}"
    if view.boundary == "inclusive":
        yield "Inclusive: what happened at the decision's instant counts"
    else:
        yield "Exclusive: what happened at the decision's instant does not count"
    yield f"Sensitivity: {view.sensitivity}"


def _clocks(source: EventSource) -> Iterator[str]:
    yield f"Happened: {source.event_time}"
    if source.available_at is not None:
        yield f"Known: {source.available_at}"
    elif source.settling_delay:
        yield f"Known: {in_words(source.settling_delay)} after it happened"
    else:
        yield "Known: when it happened"
    if source.dedupe:
        yield f"One event: {', '.join(source.dedupe)}"
        yield (
            f"Of its revisions the one with the highest {source.version} counts"
            if source.version
            else "Of its copies the first to arrive counts"
        )
    if source.retracted:
        yield f"Taken back where {source.retracted}"
    yield f"NaN and infinities: {source.non_finite}"
    if source.expected_every is not None:
        yield f"Rows are expected every {in_words(source.expected_every)}"


def _contract(contract: Contract) -> Part:
    rows = [
        (name, one.type or "-", "yes" if one.required else "no", _allowed(one), one.sensitivity)
        for name, one in contract.columns.items()
    ]
    said: list[str] = []
    if contract.unique:
        said.append(f"No two rows share {', '.join(contract.unique)}")
    if contract.freshness is not None:
        said.append(f"The newest event is at most {in_words(contract.freshness)} old")
    least, most = contract.daily_rows
    if (least, most) != (None, None):
        said.append(f"Rows a day: {least or 0:,} to {'any' if most is None else f'{most:,}'}")
    said.append(f"A run stops when more than {contract.max_violations:.1%} of rows break a rule")
    head = ("column", "type", "required", "allowed", "sensitivity")
    tables = [grid("Rules", head, rows)] if rows else []
    return Part(title="Contract", list=said, tables=tables)


def _allowed(rule: Rule) -> str:
    if rule.values:
        return ", ".join(map(str, rule.values))
    if rule.low is None and rule.high is None:
        return "-"
    if rule.high is None:
        return f"{rule.low} or more"
    return f"up to {rule.high}" if rule.low is None else f"{rule.low} to {rule.high}"


def _predicted(spec: ModelSpec) -> Iterator[str]:
    learnt, label = spec.training_set, spec.training_set.label
    yield f"Label {label.name}: {label.description or 'no description'}"
    yield (
        f"It happens within {in_words(label.horizon)}, is known {in_words(label.reporting_delay)} "
        f"later: mature after {in_words(label.maturity)}"
    )
    yield f"Decisions of {learnt.spine.name}; training set {learnt.name}"
    yield f"Judged by {spec.metric.replace('_', ' ')}; {spec.review_capacity:,} reviews a day"
    if spec.rules is not None:
        yield f"Must beat the rules: {spec.rules}"
    if spec.slices:
        yield f"Judged as well by {', '.join(spec.slices)}"


def _policy(spec: ModelSpec) -> Part:
    if spec.policy is None:
        return Part(title="Policy", text=["None: scoring gives probabilities only."])
    rows = [
        (one.name, f"{one.cost:,.2f}", f"{one.prevented:.0%}", f"{one.friction:,.2f}",
         "yes" if one.capped else "no")
        for one in spec.policy.actions
    ]  # fmt: skip
    head = ("action", "cost", "loss prevented", "friction", "capped by capacity")
    return Part(
        title="Policy", text=[f"The action that costs least in expectation; {spec.policy.loss} is "
                              "at risk."],
        tables=[grid("Actions", head, rows)],
    )  # fmt: skip


def _versions(shelf: Shelf, spec: ModelSpec) -> Part:
    lines = () if shelf.held is None else shelf.held.versions.get(spec.name, ())
    if not lines:
        told = "No target was read." if shelf.held is None else "None is registered yet."
        return Part(title="Versions", text=[told])
    rows = [
        (str(one.version), f"{one.created_at:%Y-%m-%d %H:%M}", ", ".join(one.aliases) or "-",
         (one.promoted_at or "-")[:10])
        for one in lines
    ]  # fmt: skip
    head = ("version", "registered (UTC)", "in use as", "promoted")
    return Part(title="Versions", tables=[grid("The newest first", head, rows)])


def _inputs(spec: ModelSpec) -> Part:
    service = spec.training_set.features
    prints, words = service_fingerprints(service), meanings(service)
    viewed = {name: one.view.name for one in service.selections() for name in one.names}
    derived = {one.name for one in service.derived()}
    rows: list[Sequence[object]] = []
    for name in service.inputs():
        source: object = "computed from others" if name in derived else "the decision itself"
        if name in viewed:
            source = Link(href=f"{file_of('view', viewed[name])}#{name}", text=viewed[name])
        rows.append((name, words[name], source, prints[name]))
    head = ("input", "meaning", "from", "fingerprint")
    return Part(
        title="Inputs", text=[f"{len(rows):,} columns, of service {service.name}."],
        tables=[grid("In the model's order", head, rows)],
    )  # fmt: skip


def _lineage(shelf: Shelf, node: Node) -> Part:
    figure = lineage_figure(
        shelf.graph.around(node), f"what feeds {node.kind} {node.name}, and what it feeds",
        "Solid: is read. Dashed: says what became of decisions.",
    )  # fmt: skip
    return Part(title="Lineage", figures=[figure])


def _definition(definition: object) -> Part:
    text = json.dumps(json.loads(to_json(definition)), indent=1, ensure_ascii=False)
    return Part(
        title="Definition",
        text=[f"Fingerprint {definition_fingerprint(definition)}, documentation apart."],
        long=_code(text), long_title="As JSON",
    )  # fmt: skip


def _code(text: str) -> str:
    return f'<pre tabindex="0"><code>{escape(text)}</code></pre>'
