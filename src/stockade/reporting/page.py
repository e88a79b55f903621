"""The parts of a page, and the file that they make."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

_DAY = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_NUMBER = re.compile(r"[-+]?[0-9][0-9,.]*( ?%)?|-|")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """To another page: `#anchor` in the same file, or the file."""

    href: str
    text: str

    def __str__(self) -> str:
        """What is read."""
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table; columns of numbers stand to the right.

    Attributes:
        caption, head, rows: its cells.
        anchors: whether each row can be linked to by its first cell.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str | Link, ...], ...]
    anchors: bool = False

    @property
    def right(self) -> tuple[bool, ...]:
        """Per column, whether it holds numbers."""
        return tuple(
            bool(self.rows) and all(_NUMBER.fullmatch(str(row[j])) for row in self.rows)
            for j in range(len(self.head))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A chart and what it shows."""

    svg: str
    caption: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A section of a page.

    Attributes:
        title: its heading.
        text: paragraphs.
        list: points.
        figures, tables: in order.
        long, long_title: HTML that is shown when asked for, made here and safe.
    """

    title: str
    text: Sequence[str] = ()
    list: Sequence[str | Link] = ()
    figures: Sequence[Figure] = ()
    tables: Sequence[Grid] = ()
    long: str = ""
    long_title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One number in large type, with its unit, and what it is."""

    value: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of the file.

    Attributes:
        anchor: what links name.
        group: under which it is listed.
        title, short: its heading, and its name in the list.
        lead: paragraphs under the heading.
        tiles, links, parts: what follows.
    """

    anchor: str
    group: str
    title: str
    short: str
    lead: Sequence[str] = ()
    tiles: Sequence[Tile] = ()
    links: Sequence[Link] = ()
    parts: Sequence[Part] = ()


def html(title: str, pages: Sequence[Page]) -> str:
    """One file that needs nothing else: no script, style, font or picture from elsewhere."""
    groups: dict[str, list[Page]] = {}
    for page in pages:
        groups.setdefault(page.group, []).append(page)
    return rendered("report.html.jinja", title=title, pages=pages, groups=list(groups.items()))


def rendered(template: str, **values: object) -> str:
    """One of this package's templates; what is put in is text, unless it was made here as HTML."""
    return _templates().get_template(template).render(**values)


def template_text(name: str) -> str:
    """A file of this package's templates, as it is."""
    return (files("stockade.reporting") / "templates" / name).read_text(encoding="utf-8")


@cache
def _templates() -> Environment:
    places = Environment(
        loader=PackageLoader("stockade.reporting"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    places.filters["whole_days"] = _whole_days
    return places


def _whole_days(text: str) -> Markup:
    """The text, in which no line breaks within a day."""
    # What is put around a day is ours, and the rest is escaped.
    return Markup(_DAY.sub(r'<span class="d">\g<0></span>', str(escape(text))))  # noqa: S704


def grid(
    caption: str,
    head: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    anchors: bool = False,
) -> Grid:
    """A table of cells as text or links."""
    held = tuple(tuple(map(_cell, row)) for row in rows)
    return Grid(caption=caption, head=tuple(head), rows=held, anchors=anchors)


def _cell(value: object) -> str | Link:
    if isinstance(value, Link):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 or value.is_integer() else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
