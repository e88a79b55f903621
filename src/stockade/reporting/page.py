"""The parts of a page, and the file that they make."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

_DAY = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_NUMBER = re.compile(r"[-+]?[0-9][0-9,.]*( ?%)?|-|")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table; columns of numbers stand to the right."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def right(self) -> tuple[bool, ...]:
        """Per column, whether it holds numbers."""
        return tuple(
            bool(self.rows) and all(_NUMBER.fullmatch(row[j]) for row in self.rows)
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
    list: Sequence[str] = ()
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
class Link:
    """To another page of the file."""

    anchor: str
    text: str


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
    places = Environment(
        loader=PackageLoader("stockade.reporting"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    places.filters["whole_days"] = _whole_days
    groups: dict[str, list[Page]] = {}
    for page in pages:
        groups.setdefault(page.group, []).append(page)
    template = places.get_template("report.html.jinja")
    return template.render(title=title, pages=pages, groups=list(groups.items()))


def _whole_days(text: str) -> Markup:
    """The text, in which no line breaks within a day."""
    # What is put around a day is ours, and the rest is escaped.
    return Markup(_DAY.sub(r'<span class="d">\g<0></span>', str(escape(text))))  # noqa: S704


def grid(caption: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> Grid:
    """A table of cells as text."""
    held = tuple(tuple(map(_cell, row)) for row in rows)
    return Grid(caption=caption, head=tuple(head), rows=held)


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 or value.is_integer() else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
