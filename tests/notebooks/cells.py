"""Notebooks of Databricks' source format, run cell by cell, and as pages of HTML.

`python -m tests.notebooks.cells FOLDER` writes every notebook with its outputs into a folder.
"""

import ast
import base64
import html
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from types import CodeType
from typing import Any

import nbformat.v4 as nb
from nbconvert import HTMLExporter

NOTEBOOKS = Path(__file__).parent.parent.parent / "notebooks"
# Later ones read what earlier ones wrote.
ORDER = (
    "explore_a_source", "add_a_feature", "compare_models", "explain_a_decision", "month_end_report"
)  # fmt: skip
FIRST, BETWEEN, MAGIC = "# Databricks notebook source\n", "# COMMAND ----------", "# MAGIC "


@dataclass
class Cell:
    """A cell, and what it put out when it was run."""

    kind: str
    text: str
    outputs: list[dict[str, Any]] = field(default_factory=list)


def cells(path: Path) -> Iterator[Cell]:
    text = path.read_text()
    if not text.startswith(FIRST):
        raise ValueError(f"{path.name} is not of Databricks' source format")
    for part in text.removeprefix(FIRST).split(BETWEEN):
        lines = part.strip().splitlines()
        if not lines:
            continue
        if not lines[0].startswith(MAGIC):
            yield Cell("python", "\n".join(lines))
            continue
        plain = [line.removeprefix(MAGIC.rstrip()).removeprefix(" ") for line in lines]
        if plain[0] == "%md":
            yield Cell("markdown", "\n".join(plain[1:]))
        else:
            yield Cell("magic", "\n".join(plain))


def run(path: Path) -> list[Cell]:
    """The notebook's cells, with their outputs."""
    found = list(cells(path))
    names: dict[str, Any] = {"__name__": "__main__"}
    for number, cell in enumerate(found):
        if cell.kind == "python":
            said = StringIO()
            names["display"] = _shower(cell.outputs)
            with redirect_stdout(said):
                code = compile(cell.text, f"{path.name}, cell {number}", "exec")
                _run(code, names)
            if said.getvalue():
                cell.outputs.insert(0, nb.new_output("stream", name="stdout", text=said.getvalue()))
    return found


def _run(code: CodeType, names: dict[str, Any]) -> None:
    """A cell is run as the platform would: that is what a notebook is."""
    page = names.get("page")
    if page is not None:
        # The page holds the display of the cell that made it.
        page._display = names["display"]
    exec(code, names)  # noqa: S102


def _shower(outputs: list[dict[str, Any]]) -> Callable[[Any], None]:
    def show(what: Any) -> None:
        data: dict[str, str] = {"text/plain": what if isinstance(what, str) else repr(what)}
        page = getattr(what, "to_frame", lambda: what)()
        as_text, as_png = (getattr(page, name, None) for name in ("_repr_html_", "_repr_png_"))
        if isinstance(what, dict):
            cells = (f"<td>{html.escape(str(k))}</td><td>{v}</td>" for k, v in what.items())
            data["text/html"] = f"<table><tr>{'</tr><tr>'.join(cells)}</tr></table>"
        elif as_text is not None:
            data["text/html"] = as_text()
        if as_png is not None:
            data["image/png"] = base64.b64encode(as_png()).decode()
        outputs.append(nb.new_output("display_data", data=data))

    return show


def as_html(found: list[Cell], title: str) -> str:
    """One page: text, code and outputs."""
    made = nb.new_notebook(metadata={"title": title})
    for cell in found:
        if cell.kind == "markdown":
            made.cells.append(nb.new_markdown_cell(cell.text))
        else:
            made.cells.append(nb.new_code_cell(cell.text, outputs=cell.outputs))
    page, _ = HTMLExporter(embed_images=True).from_notebook_node(made)
    return str(page)


def imports(path: Path) -> set[str]:
    """The top-level packages that a notebook imports."""
    found: set[str] = set()
    for cell in cells(path):
        if cell.kind == "python":
            for node in ast.walk(ast.parse(cell.text)):
                if isinstance(node, ast.Import):
                    found |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    found.add(node.module.split(".")[0])
    return found


def main() -> int:
    """Write the pages."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name in ORDER:
        (folder / f"{name}.html").write_text(as_html(run(NOTEBOOKS / f"{name}.py"), name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
