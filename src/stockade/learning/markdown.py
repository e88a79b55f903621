"""Documents that people read: Markdown, and one HTML file made of it."""

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from markdown_it import MarkdownIt

_NUMBER = re.compile(r"-|-?[0-9][0-9,.]*(e-?[0-9]+)?")


def page(markdown: str, figures: Mapping[str, bytes] | None = None) -> str:
    """A document as one HTML file that needs nothing else; figures follow the text.

    Args:
        markdown: begins with its title; HTML in it is shown, not run.
        figures: caption -> PNG.
    """
    body = rendered(markdown)
    pictures = "".join(
        f'<figure><img src="data:image/png;base64,{base64.b64encode(png).decode()}" '
        f'alt="{escape(caption)}"><figcaption>{escape(caption)}</figcaption></figure>'
        for caption, png in (figures or {}).items()
    )
    title = escape(markdown.split("\n", maxsplit=1)[0].lstrip("# "))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><main>{body}{pictures}</main></body></html>\n"
    )


def rendered(markdown: str) -> str:
    """Markdown as HTML, to stand within a page."""
    # `html` off: a definition's description is text, whatever is in it.
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown)
    # A wide table scrolls in itself, not the page.
    body = body.replace("<table>", '<div class="wide" tabindex="0"><table>')
    return body.replace("</table>", "</table></div>")


_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;color:#1b1b1b;background:#fff;margin:0}"
    "main{max-width:60rem;margin:0 auto;padding:1.5rem}"
    ".wide{overflow-x:auto;margin:1rem 0}table{border-collapse:collapse}"
    "th,td{padding:.3rem .7rem;border-bottom:1px solid #ccc;text-align:left;vertical-align:top}"
    "thead th:empty{display:none}figure{margin:1.5rem 0}img{max-width:100%}"
    "h2{margin-top:2.2rem}code{font-size:.9em;overflow-wrap:anywhere}"
    "@media(prefers-color-scheme:dark){body{background:#161616;color:#e8e8e8}"
    "th,td{border-color:#444}img{background:#fff}}"
    "@media print{main{max-width:none;padding:0}h2{break-after:avoid}figure{break-inside:avoid}}"
)


def bullets(items: Iterable[str]) -> str:
    """A list."""
    return "\n".join(f"- {item}" for item in items)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; a column of numbers is read from the right."""
    body = [list(map(_cell, row)) for row in rows]
    rules = [
        "---:" if body and all(_NUMBER.fullmatch(row[j]) for row in body) else "---"
        for j in range(len(head))
    ]
    lines = [head, rules, *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.5g}"
    return str(value).replace("|", "\\|").replace("\n", " ")
