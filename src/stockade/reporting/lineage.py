"""Which table feeds which source, view and model: a graph, and its drawing as SVG with links."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from html import escape
from statistics import fmean
from typing import Literal, NamedTuple

from stockade.definitions.model import ModelSpec
from stockade.definitions.registry import Registry
from stockade.definitions.release import ReleaseStrategy
from stockade.definitions.source import EventSource
from stockade.definitions.spine import Spine
from stockade.definitions.view import sources_of
from stockade.watching.lineage import tables_of

Kind = Literal["table", "source", "spine", "view", "model", "strategy"]

# From left to right: what stands in each column, and what is written above it.
_COLUMNS: tuple[tuple[tuple[Kind, ...], str], ...] = (
    (("table",), "tables and files"),
    (("source", "spine"), "sources and decisions"),
    (("view",), "feature views"),
    (("model",), "models"),
    (("strategy",), "strategies"),
)
_COLUMN: Mapping[Kind, int] = {kind: n for n, (kinds, _) in enumerate(_COLUMNS) for kind in kinds}
# In pixels: of a box, of the way between two, of a letter, and of the columns' names.
_HEIGHT, _STEP, _GAP, _LETTER, _TOP = 22, 28, 80, 7.0, 30
_SWEEPS = 12


class Node(NamedTuple):
    """A definition, or a table."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """What feeds what.

    Attributes:
        nodes: in no order.
        edges: from what is read to what reads it.
        labels: those of the edges that only say what became of decisions.
    """

    nodes: frozenset[Node]
    edges: frozenset[tuple[Node, Node]]
    labels: frozenset[tuple[Node, Node]] = frozenset()

    def around(self, node: Node) -> "Graph":
        """What feeds a node, however indirectly, and what it feeds."""
        kept = {node, *_reached(node, self.edges)}
        kept |= _reached(node, {(after, before) for before, after in self.edges})
        edges = frozenset(pair for pair in self.edges if kept.issuperset(pair))
        return Graph(nodes=frozenset(kept), edges=edges, labels=self.labels & edges)

    def feeding(self, node: Node, kind: Kind) -> list[str]:
        """The names of the nodes of a kind that feed a node directly, sorted."""
        return sorted(one.name for one, after in self.edges if after == node and one.kind == kind)

    def fed_by(self, node: Node, kind: Kind) -> list[str]:
        """The names of the nodes of a kind that a node feeds directly, sorted."""
        return sorted(after.name for one, after in self.edges if one == node and after.kind == kind)


def lineage_graph(registry: Registry) -> Graph:
    """The graph of all definitions; sources and views that nothing reads are in it, too."""
    edges: set[tuple[Node, Node]] = set()
    labels: set[tuple[Node, Node]] = set()
    nodes: set[Node] = set()
    for origin in (*registry.all(EventSource), *registry.all(Spine)):
        node = Node("spine" if isinstance(origin, Spine) else "source", origin.name)
        nodes.add(node)
        edges |= {(Node("table", name), node) for name in tables_of(origin.origin)}
    for view in registry.views():
        nodes.add(Node("view", view.name))
        edges |= {(Node("source", one.name), Node("view", view.name)) for one in sources_of(view)}
    for spec in registry.all(ModelSpec):
        node, learnt = Node("model", spec.name), spec.training_set
        nodes.add(node)
        edges |= {(Node("view", one.view.name), node) for one in learnt.features.selections()}
        edges.add((Node("spine", learnt.spine.name), node))
        told = (learnt.label.source, learnt.label.blocks)
        labels |= {(Node("source", one.name), node) for one in told if one is not None}
    for strategy in registry.all(ReleaseStrategy):
        node = Node("strategy", strategy.name)
        edges |= {(Node("model", spec.name), node) for spec in strategy.models}
        labels |= {(Node("source", one.label.source.name), node) for one in strategy.levels}
    every = frozenset(edges | labels)
    return Graph(
        nodes=frozenset(nodes).union(*every), edges=every, labels=frozenset(labels - edges)
    )


def drawn(graph: Graph, *, href: Callable[[Node], str | None], words: str) -> str:
    """The graph from left to right as one SVG element.

    Args:
        graph: what to draw.
        href: where a node leads; None where nowhere.
        words: what a screen reader says of it.
    """
    columns = _ordered(graph)
    places = _placed(graph, columns)
    titles = {kind: title for kinds, title in _COLUMNS for kind in kinds}
    widths = [
        max(len(titles[column[0].kind]), *(len(one.name) for one in column)) * _LETTER + 20
        for column in columns
    ]
    left = [sum(widths[:n]) + n * _GAP for n in range(len(columns))]
    height = max(places.values(), default=0) + _HEIGHT + 8
    width = sum(widths) + _GAP * (len(columns) - 1)
    at = {
        one: (left[n], places[one], widths[n]) for n, column in enumerate(columns) for one in column
    }
    parts = [
        f'<svg class="lineage" role="group" aria-label="{escape(words)}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}">'
    ]
    parts += [
        f'<text class="head" x="{left[n]:.0f}" y="14">{titles[column[0].kind]}</text>'
        for n, column in enumerate(columns)
    ]
    parts += [
        _edge(at[one], at[other], one, other, label=(one, other) in graph.labels)
        for one, other in sorted(graph.edges)
    ]
    parts += [_box(one, at[one], href(one)) for column in columns for one in column]
    return "".join([*parts, "</svg>"])


def _edge(
    one: tuple[float, float, float], other: tuple[float, float, float],
    source: Node, target: Node, *, label: bool,
) -> str:  # fmt: skip
    x, y = one[0] + one[2], one[1] + _HEIGHT / 2
    to, end = other[0], other[1] + _HEIGHT / 2
    middle, last = x + _GAP / 2, to - _GAP / 2
    kind = "edge label" if label else "edge"
    return (
        f'<path class="{kind}" data-from="{_key(source)}" data-to="{_key(target)}" '
        f'd="M{x:.0f} {y:.0f}C{middle:.0f} {y:.0f} {last:.0f} {end:.0f} {to:.0f} {end:.0f}"/>'
    )


def _box(node: Node, at: tuple[float, float, float], link: str | None) -> str:
    x, y, width = at
    inner = (
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{_HEIGHT}" rx="4"/>'
        f'<text x="{x + 10:.0f}" y="{y + 15:.0f}">{escape(node.name)}</text>'
    )
    given = f'class="node {node.kind}" data-node="{_key(node)}"'
    if link is None:
        return f"<g {given}>{inner}</g>"
    return f'<a {given} href="{escape(link)}">{inner}</a>'


def _key(node: Node) -> str:
    return escape(f"{node.kind}:{node.name}")


def _ordered(graph: Graph) -> list[list[Node]]:
    """The nodes column by column, ordered so that few lines cross.

    Each column in turn is sorted by the mean place of its neighbours (the barycentre heuristic of
    Sugiyama, Tagawa and Toda, 1981), forth and back; the best of all orders seen is taken.
    """
    columns = [
        sorted(one for one in graph.nodes if _COLUMN[one.kind] == n) for n in range(len(_COLUMNS))
    ]
    columns = [column for column in columns if column]
    near = _neighbours(graph.edges)
    best, least = [list(column) for column in columns], _stretch(columns, graph.edges)
    for sweep in range(_SWEEPS):
        order = range(len(columns)) if sweep % 2 == 0 else range(len(columns) - 1, -1, -1)
        for n in order:
            place = {
                one: k / max(len(column) - 1, 1) for column in columns
                for k, one in enumerate(column)
            }  # fmt: skip
            columns[n] = sorted(
                columns[n],
                key=lambda one: (
                    fmean(place[other] for other in near.get(one, ())) if one in near
                    else place[one],
                    one,
                ),
            )  # fmt: skip
        stretch = _stretch(columns, graph.edges)
        if stretch < least:
            best, least = [list(column) for column in columns], stretch
    return best


def _stretch(columns: list[list[Node]], edges: Iterable[tuple[Node, Node]]) -> float:
    """How far up and down all lines go, in parts of a column."""
    place = {one: k / max(len(column) - 1, 1) for column in columns for k, one in enumerate(column)}
    return sum(abs(place[one] - place[other]) for one, other in edges)


def _placed(graph: Graph, columns: list[list[Node]]) -> Mapping[Node, float]:
    """The top of each box: as near to its neighbours as its column's order lets it."""
    near = _neighbours(graph.edges)
    places: dict[Node, float] = {
        one: k * _STEP for column in columns for k, one in enumerate(column)
    }
    tallest = max((len(column) for column in columns), default=1) * _STEP - _STEP
    for _ in range(_SWEEPS):
        for column in columns:
            wanted = [
                fmean(places[other] for other in near[one]) if one in near else places[one]
                for one in column
            ]
            top = 0.0
            for k, one in enumerate(column):
                # Those that follow need their room.
                room = tallest - (len(column) - 1 - k) * _STEP
                top = max(top, min(wanted[k], room))
                places[one] = top
                top += _STEP
    least = min(places.values(), default=0)
    return {one: place - least + _TOP for one, place in places.items()}


def _neighbours(edges: Iterable[tuple[Node, Node]]) -> Mapping[Node, list[Node]]:
    near: dict[Node, list[Node]] = {}
    for one, other in edges:
        near.setdefault(one, []).append(other)
        near.setdefault(other, []).append(one)
    return near


def _reached(node: Node, edges: Iterable[tuple[Node, Node]]) -> set[Node]:
    """What can be walked to from a node."""
    after: dict[Node, list[Node]] = {}
    for one, other in edges:
        after.setdefault(one, []).append(other)
    seen: set[Node] = set()
    todo = [node]
    while todo:
        for other in after.get(todo.pop(), ()):
            if other not in seen:
                seen.add(other)
                todo.append(other)
    return seen
