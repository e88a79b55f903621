"""Notebooks of Databricks' source format, run cell by cell, and as pages of HTML.

`make notebooks` runs all of them and writes each with its outputs, for Jupyter and as a page.
"""

import ast
import base64
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from types import CodeType
from typing import Any

import nbformat
import nbformat.v4 as nb
from nbconvert import HTMLExporter
from nbformat import NotebookNode

NOTEBOOKS = Path(__file__).parent.parent.parent / "notebooks"
# Later ones read what earlier ones wrote.
ORDER = (
    "explore_a_source", "add_a_feature", "compare_models", "explain_a_decision", "month_end_report",
    "find_the_loss",
)  # fmt: skip
FIRST, BETWEEN, MAGIC = "# Databricks notebook source\n", "# COMMAND ----------", "# MAGIC "


@dataclass
class Cell:
    """A cell, and what it put out when it was run."""

    kind: str
    text: str
    outputs: list[dict[str, Any]] = field(default_factory=list)


class _Printed(StringIO):
    """Puts what is printed among what is displayed, in order."""

    def __init__(self, outputs: list[dict[str, Any]]) -> None:
        super().__init__()
        self._outputs = outputs

    def write(self, text: str) -> int:
        if not self._outputs or self._outputs[-1]["output_type"] != "stream":
            self._outputs.append(nb.new_output("stream", name="stdout", text=""))
        self._outputs[-1]["text"] += text
        return len(text)


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
            names["display"] = _shower(cell.outputs)
            with redirect_stdout(_Printed(cell.outputs)):
                code = compile(cell.text, f"{path.name}, cell {number}", "exec")
                _run(code, names)
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
        data: dict[str, str] = {"text/plain": repr(what)}
        as_html, as_png = (getattr(what, name, None) for name in ("_repr_html_", "_repr_png_"))
        if as_html is not None:
            data["text/html"] = as_html()
        if as_png is not None:
            data["image/png"] = base64.b64encode(as_png()).decode()
        outputs.append(nb.new_output("display_data", data=data))

    return show


def as_notebook(found: list[Cell], title: str) -> NotebookNode:
    """What Jupyter opens: text, code and outputs."""
    # Without a lexer the page's code is of one colour.
    language = {"name": "python", "pygments_lexer": "python3"}
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made = nb.new_notebook(
        metadata={"title": title, "language_info": language, "kernelspec": kernel}
    )
    for cell in found:
        if cell.kind == "markdown":
            made.cells.append(nb.new_markdown_cell(cell.text))
        elif cell.kind == "python":
            # What installs the project on Databricks is left out: here it is installed.
            made.cells.append(nb.new_code_cell(cell.text, outputs=cell.outputs))
    return made


def as_html(found: list[Cell], title: str) -> str:
    """One page of it, which needs nothing else."""
    page, _ = HTMLExporter(embed_images=True).from_notebook_node(as_notebook(found, title))
    # It has no formulas and no widgets, whose scripts would come from elsewhere.
    return re.sub(r'<script src="https:[^"]*">\s*</script>', "", str(page))


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
        found = run(NOTEBOOKS / f"{name}.py")
        nbformat.write(as_notebook(found, name), folder / f"{name}.ipynb")
        (folder / f"{name}.html").write_text(as_html(found, name), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
