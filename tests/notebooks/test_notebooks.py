"""Each notebook runs from its first cell to its last on a small world, and becomes a page."""

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from stockade.notebook import Page
from tests.notebooks.cells import NOTEBOOKS, ORDER, Cell, as_html, cells, imports, run

RENDERED = ("explain_a_decision", "month_end_report", "find_the_loss")


class _Widgets:
    def __init__(self, typed: dict[str, str]) -> None:
        self.typed = typed
        self.asked: list[str] = []

    def text(self, name: str, default: str) -> None:
        self.asked.append(name)
        self.typed.setdefault(name, default)

    def get(self, name: str) -> str:
        return self.typed[name]


class _Utils:
    def __init__(self, **typed: str) -> None:
        self.widgets = _Widgets(typed)


def test_every_notebook_is_in_the_order_in_which_they_are_run() -> None:
    assert sorted(path.stem for path in NOTEBOOKS.glob("*.py")) == sorted(ORDER)


@pytest.mark.parametrize("name", ORDER)
def test_a_notebook_installs_the_project_and_imports_what_that_brings(name: str) -> None:
    path = NOTEBOOKS / f"{name}.py"
    found = list(cells(path))

    assert found[0].kind == "markdown"
    assert [cell.text for cell in found if cell.kind == "magic"] == ["%pip install -q -e .."]
    assert imports(path) <= {
        "datetime", "examples", "matplotlib", "pandas", "pathlib", "pyspark", "stockade",
        "tempfile", "trust_safety",
    }  # fmt: skip


def test_on_databricks_widgets_are_asked_for_and_tables_displayed_whole() -> None:
    utils, shown, drawn = _Utils(target="prod.trust_safety"), [], []
    page = Page({"dbutils": utils, "display": shown.append, "displayHTML": drawn.append})
    table = object()

    page.show(table)

    assert page.widget("target", "") == "prod.trust_safety"
    assert page.widget("model", "card_fraud") == "card_fraud"
    assert utils.widgets.asked == ["target", "model"]
    assert shown == [table]


def test_elsewhere_the_environment_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKADE_MODEL", "mine")

    assert Page({}).widget("model", "card_fraud") == "mine"
    assert Page({}).widget("day", "2026-03-01") == "2026-03-01"


def test_in_jupyter_text_is_at_the_left_escaped_and_only_names_number_rows() -> None:
    shown: list[Any] = []
    page = Page({"display": shown.append})
    known = datetime(2026, 3, 1, 1, 2, 3, tzinfo=UTC)

    page.show(
        pd.DataFrame({"adds": [0.12345678, None], "why": ["<b>", "late"], "known": [known, None]})
    )
    page.show(pd.DataFrame({"rows": [3]}, index=["<i>"]))

    numbered, named = (one._repr_html_() for one in shown)
    assert re.findall(r"<td[^>]*>(.*?)</td>", numbered) == [
        "0.1235", "&lt;b&gt;", "2026-03-01 01:02:03", "", "late", "",
    ]  # fmt: skip
    assert re.findall(r"td\.col(\d)[^{]*\{\s*([\w-]+)", numbered) == [
        ("1", "text-align"), ("2", "text-align"), ("2", "white-space"),
    ]  # fmt: skip
    assert "&lt;i&gt;" in named
    assert 'class="row_heading' in named
    assert 'class="row_heading' not in numbered


def test_rows_of_one_name_are_shown_as_they_are() -> None:
    shown: list[Any] = []
    table = pd.DataFrame({"rows": [3, 4]}, index=["a", "a"])

    Page({"display": shown.append}).show(table)

    assert shown[0] is table


def test_as_a_script_what_is_shown_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    Page({}).show({"rows": 3})

    assert capsys.readouterr().out == "{'rows': 3}\n"


@pytest.mark.slow
@pytest.mark.usefixtures("spark")
def test_the_notebooks_run_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOCKADE_TARGET", str(tmp_path))
    monkeypatch.setenv("STOCKADE_DEFINITIONS", "tests.notebooks.small")
    monkeypatch.setenv("STOCKADE_TRIALS", "1")
    monkeypatch.setenv("STOCKADE_SCALE", "0.03")
    pages = Path(os.environ.get("STOCKADE_TEST_PAGES", tmp_path / "pages"))
    pages.mkdir(parents=True, exist_ok=True)
    found: dict[str, list[Cell]] = {}
    for name in ORDER:
        found[name] = run(NOTEBOOKS / f"{name}.py")
    for name in RENDERED:
        (pages / f"{name}.html").write_text(as_html(found[name], name), encoding="utf-8")

    said = {
        name: " ".join(_said(output) for cell in run_cells for output in cell.outputs)
        for name, run_cells in found.items()
    }
    assert ">99.0%</td>" in said["explore_a_source"]
    assert "the feature keeps the rule" in said["add_a_feature"]
    assert "is champion" in said["compare_models"]
    assert "events make it up" in said["explain_a_decision"]
    assert "with a mature label" in said["month_end_report"]
    assert "conjunctions were counted" in said["find_the_loss"]
    assert "alerts_a_day" in said["find_the_loss"]
    plots = [
        one for name in ORDER for cell in found[name] for one in cell.outputs
        if "image/png" in one.get("data", {})
    ]  # fmt: skip
    assert len(plots) == 7
    for name in RENDERED:
        page = (pages / f"{name}.html").read_text(encoding="utf-8")
        assert "data:image/png;base64," in page
        assert '<script src="' not in page, "it needs nothing else"
        assert '<span class="kn">import</span>' in page, "code is coloured"


def _said(output: dict[str, Any]) -> str:
    data = output.get("data", {})
    return str(output.get("text") or data.get("text/html") or data["text/plain"])
