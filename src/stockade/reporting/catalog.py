"""The catalog: every definition as a page of a static site, with links, lineage and a search."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stockade.definitions.entity import Entity
from stockade.definitions.model import ModelSpec
from stockade.definitions.registry import Registry
from stockade.definitions.source import EventSource
from stockade.definitions.spine import Label, Spine
from stockade.definitions.window import in_words
from stockade.definitions.wording import meaning
from stockade.folders import write_folder
from stockade.reporting.catalog_pages import (
    Shelf,
    file_of,
    lineage_figure,
    model_entry,
    source_entry,
    view_entry,
)
from stockade.reporting.freshness import Held
from stockade.reporting.lineage import Kind, Node, lineage_graph
from stockade.reporting.page import Link, Page, Part, Tile, grid, rendered, template_text

# What marks a folder as a catalog's: only there are pages of definitions that are gone removed.
_MARK = "catalog.js"
_OVERVIEW = "Overview"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A site as files.

    Attributes:
        files: name -> content; all in one folder.
    """

    files: Mapping[str, str]


def catalog(registry: Registry, held: Held | None = None) -> Site:
    """The site of all definitions.

    Args:
        registry: what it shows.
        held: what a target holds of them; None where only definitions are told.
    """
    shelf = Shelf(registry=registry, graph=lineage_graph(registry), held=held)
    pages = {
        "index.html": _index(shelf),
        "features.html": _features(shelf),
        "lineage.html": _lineage(shelf),
        "entities.html": _entities(shelf),
        "decisions.html": _decisions(shelf),
    }
    pages |= {file_of("model", one.name): model_entry(shelf, one)
              for one in registry.all(ModelSpec)}  # fmt: skip
    pages |= {file_of("view", one.name): view_entry(shelf, one) for one in registry.views()}
    pages |= {file_of("source", one.name): source_entry(shelf, one)
              for one in registry.all(EventSource)}  # fmt: skip
    groups: dict[str, list[Link]] = {}
    for file, page in pages.items():
        groups.setdefault(page.group, []).append(Link(href=file, text=page.short))
    title = "Stockade catalog" if held is None else f"Stockade catalog: {held.target}"
    files = {
        file: rendered("catalog.html.jinja", title=title, page=page, file=file,
                       groups=list(groups.items()))
        for file, page in pages.items()
    }  # fmt: skip
    files["catalog.css"] = template_text("style.css")
    # A script, not data: a page that is opened from disk may not read files.
    entries = json.dumps([*_searched(shelf)], ensure_ascii=False).replace("</", "<\\/")
    files[_MARK] = f"var CATALOG={entries};\n{template_text('catalog.js')}"
    return Site(files=files)


def write_site(site: Site, folder: Path) -> None:
    """Write the site; pages of an earlier one whose definitions are gone are removed.

    Raises:
        DataError: the folder holds something else.
    """
    write_folder(folder, site.files, mark=_MARK, replaced="*-*.html", what="a catalog")


def _index(shelf: Shelf) -> Page:
    registry = shelf.registry
    views, models = registry.views(), registry.all(ModelSpec)
    sources = registry.all(EventSource)
    features = sum(len(one.features()) for one in views)
    tiles = [
        Tile(value=f"{features:,}", words="features"),
        Tile(value=f"{len(views):,}", words="feature views"),
        Tile(value=f"{len(sources):,}", words="sources"),
        Tile(value=f"{len(models):,}", words="models"),
    ]
    lead = [f"Every definition, with fingerprint {registry.fingerprint()} in all."]
    if shelf.held is None:
        lead.append("How new their tables are is not told: no target was read.")
    return Page(
        anchor="catalog", group=_OVERVIEW, title="What there is", short="Catalog", lead=lead,
        tiles=tiles, parts=[_models(shelf), _views(shelf), _sources(shelf)],
        links=[Link(href="features.html", text="all features"),
               Link(href="lineage.html", text="lineage"),
               Link(href="entities.html", text="entities"),
               Link(href="decisions.html", text="decisions and labels")],
    )  # fmt: skip


def _models(shelf: Shelf) -> Part:
    rows = [
        (one.name, (shelf.link("model", one.name), one.description or "-", one.owner or "-",
                    f"{len(one.training_set.features.inputs()):,}"))
        for one in shelf.registry.all(ModelSpec)
    ]  # fmt: skip
    head = ("model", "what for", "owner", "inputs")
    told = _with_newest(shelf, "model", head, rows, "newest scored day")
    return _part("Models", "What is predicted", *told)


def _views(shelf: Shelf) -> Part:
    rows = [
        (one.name, (shelf.link("view", one.name), one.description or "-", one.entity.name,
                    one.owner or "-", f"{len(one.features()):,}"))
        for one in shelf.registry.views()
    ]  # fmt: skip
    head = ("view", "what it tells", "of one", "owner", "features")
    told = _with_newest(shelf, "view", head, rows, "newest snapshot (UTC)")
    return _part("Feature views", "Features of one entity from one source", *told)


def _sources(shelf: Shelf) -> Part:
    rows = [
        (one.name, (shelf.link("source", one.name), one.description or "-", one.owner or "-",
                    f"{len(shelf.graph.fed_by(Node('source', one.name), 'view')):,}"))
        for one in shelf.registry.all(EventSource)
    ]  # fmt: skip
    head = ("source", "what happened", "owner", "views")
    told = _with_newest(shelf, "source", head, rows, "newest event (UTC)")
    return _part("Sources", "Events, with their clocks", *told)


def _features(shelf: Shelf) -> Page:
    parts = [
        Part(
            title=view.name,
            tables=[
                grid(
                    f"Features of {view.name}", ("feature", "meaning", "fingerprint"),
                    [
                        (Link(href=f"{file_of('view', view.name)}#{one.name}", text=one.name),
                         meaning(view, one), shelf.fingerprints(view)[one.name])
                        for one in view.features()
                    ],
                )
            ],
        )
        for view in shelf.registry.views()
    ]  # fmt: skip
    lead = ["A feature's values may change only when its fingerprint does."]
    return Page(anchor="features", group=_OVERVIEW, title="All features", short="All features",
                lead=lead, parts=parts)  # fmt: skip


def _lineage(shelf: Shelf) -> Page:
    figure = lineage_figure(
        shelf.graph, "what feeds what, from tables to models",
        "Solid: is read. Dashed: says what became of decisions. Point at a box, or step to it, "
        "and what feeds it and what it feeds stand out.",
    )  # fmt: skip
    return Page(
        anchor="lineage", group=_OVERVIEW, title="Lineage", short="Lineage",
        lead=["From tables to models. Each page shows its own part of it."],
        parts=[Part(title="Everything", figures=[figure])],
    )  # fmt: skip


def _entities(shelf: Shelf) -> Page:
    views = shelf.registry.views()
    rows = [
        (one.name, ", ".join(one.keys), one.description or "-",
         ", ".join(view.name for view in views if view.entity == one) or "-")
        for one in shelf.registry.all(Entity)
    ]  # fmt: skip
    head = ("entity", "keys", "what it is", "views")
    part = _part("Entities", "The things that are judged", head, rows)
    return Page(anchor="entities", group=_OVERVIEW, title="Entities", short="Entities",
                parts=[part])  # fmt: skip


def _decisions(shelf: Shelf) -> Page:
    registry = shelf.registry
    spines = [
        (one.name, (one.name, one.description or "-", one.decided_at, ", ".join(one.id),
                    ", ".join(shelf.graph.fed_by(Node("spine", one.name), "model")) or "-"))
        for one in registry.all(Spine)
    ]  # fmt: skip
    head = ("spine", "what is decided", "decided at", "named by", "models")
    decisions = _with_newest(shelf, "spine", head, spines, "newest (UTC)")
    labels = [
        (one.name, one.description or "-", shelf.link("source", one.source.name),
         in_words(one.horizon), in_words(one.reporting_delay), in_words(one.maturity))
        for one in registry.all(Label)
    ]  # fmt: skip
    return Page(
        anchor="decisions", group=_OVERVIEW, title="Decisions and labels",
        short="Decisions and labels",
        parts=[
            _part("Decisions", "Moments at which something is decided", *decisions),
            _part("Labels", "What became of decisions, as it becomes known",
                  ("label", "what it says", "from source", "horizon", "reporting delay",
                   "mature after"), labels),
        ],
    )  # fmt: skip


def _with_newest(
    shelf: Shelf, kind: Kind, head: Sequence[str], rows: Sequence[tuple[str, Sequence[object]]],
    words: str,
) -> tuple[Sequence[str], Sequence[Sequence[object]]]:  # fmt: skip
    """The rows by name, each with how new its table is where a target was read."""
    if shelf.held is None:
        return head, [row for _, row in rows]
    return (*head, words), [(*row, shelf.newest(kind, name)) for name, row in rows]


def _part(title: str, caption: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> Part:
    if not rows:
        return Part(title=title, text=["There are none."])
    return Part(title=title, tables=[grid(caption, head, rows)])


def _searched(shelf: Shelf) -> Iterator[tuple[str, str, str, str]]:
    """Kind, name, words and address of everything that can be looked for."""
    registry = shelf.registry
    for model in registry.all(ModelSpec):
        yield "model", model.name, model.description, file_of("model", model.name)
    for view in registry.views():
        file = file_of("view", view.name)
        yield "view", view.name, f"{view.description} {view.owner}", file
        for one in view.features():
            yield "feature", one.name, meaning(view, one), f"{file}#{one.name}"
    for source in registry.all(EventSource):
        words = f"{source.description} {source.owner} " + " ".join(
            shelf.graph.feeding(Node("source", source.name), "table")
        )
        yield "source", source.name, words, file_of("source", source.name)
    for entity in registry.all(Entity):
        yield "entity", entity.name, entity.description, "entities.html"
    for spine in registry.all(Spine):
        yield "decision", spine.name, spine.description, "decisions.html"
    for label in registry.all(Label):
        yield "label", label.name, label.description, "decisions.html"
