"""The catalog: every definition has a page, every link leads somewhere, and all can read it."""

import html
import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from stockade import ModelSpec, Uniform
from stockade.building.materialize import materialize
from stockade.definitions.fingerprint import view_fingerprints
from stockade.definitions.registry import Registry
from stockade.errors import DataError
from stockade.reporting.catalog import catalog, write_site
from stockade.reporting.freshness import Fresh, Held, held
from stockade.reporting.lineage import Node, drawn, lineage_graph
from stockade.store.tables import Tables
from stockade.testing import MakeTable
from tests.building.samples import NOTE, training, view
from tests.reporting.browser import looked_over, run

MODEL = ModelSpec(
    name="payment_return", training_set=training, owner="returns@example.com",
    description="<b>Will it come back?</b>", search={"max_depth": Uniform(low=2, high=4)},
)  # fmt: skip
REGISTRY = Registry.of([MODEL])
HELD = Held(
    target="prod.risk",
    fresh={Node("view", view.name): Fresh(rows=12_345, newest="2026-03-04 00:00:00")},
)
SITE = catalog(REGISTRY, HELD)


def test_every_definition_has_its_place_and_every_link_leads_somewhere() -> None:
    assert {f"{kind}-{name}.html" for kind, name in REGISTRY.definitions
            if kind in ("view", "source", "model")} < set(SITE.files)  # fmt: skip
    anchors = {name: set(re.findall(r' id="([^"]+)"', text)) for name, text in SITE.files.items()}
    links = 0
    for name, text in SITE.files.items():
        for link in re.findall(r'href="([^"]+)"', text):
            file, _, anchor = link.partition("#")
            assert (file or name) in SITE.files, (name, link)
            assert not anchor or anchor in anchors[file or name], (name, link)
            links += 1
    assert links > 50


def test_a_page_tells_meaning_fingerprint_and_how_new_it_is() -> None:
    page = SITE.files[f"view-{view.name}.html"]

    for feature, fingerprint in view_fingerprints(view).items():
        assert re.search(rf'id="{feature}".*{fingerprint}', page), feature
    assert "12,345" in page
    assert "2026-03-04 00:00:00" in page
    assert "no table" in SITE.files["source-payments.html"]
    assert "no target was read" in catalog(REGISTRY).files["index.html"]


def test_what_a_definition_says_is_text() -> None:
    assert not any("<b>Will" in text for name, text in SITE.files.items() if name[-4:] == "html")
    assert "&lt;b&gt;Will it come back?" in SITE.files["model-payment_return.html"]


def test_lineage_leads_from_tables_to_models() -> None:
    graph = lineage_graph(REGISTRY)
    source, model = Node("source", "payments"), Node("model", "payment_return")

    assert (Node("table", "payments"), source) in graph.edges
    assert (Node("view", view.name), model) in graph.edges
    assert (Node("source", "returns"), model) in graph.labels
    assert (Node("spine", "s"), model) in graph.edges
    assert graph.around(source).nodes == {
        Node("table", "payments"), source, Node("view", view.name), model,
    }  # fmt: skip
    shown = drawn(graph, href=lambda node: f"{node.name}.html", words="all")
    assert shown.count("<path") == len(graph.edges)
    assert shown.count("<rect") == len(graph.nodes)
    boxes = re.findall(r'<rect x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)"', shown)
    corners = [tuple(map(int, box[:2])) for box in boxes]
    assert all(
        one[0] != other[0] or abs(one[1] - other[1]) >= 22
        for n, one in enumerate(corners) for other in corners[:n]
    )  # fmt: skip


def test_a_page_whose_definition_is_gone_goes_and_other_folders_are_left_alone(
    tmp_path: Path,
) -> None:
    write_site(SITE, tmp_path / "site")
    renamed = replace(training, features=replace(training.features, features=(view,)))
    other = replace(MODEL, name="payment_loss", training_set=renamed)
    write_site(catalog(Registry.of([other])), tmp_path / "site")

    names = {path.name for path in (tmp_path / "site").iterdir()}
    assert "model-payment_loss.html" in names
    assert "model-payment_return.html" not in names
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="holds something else than a catalog: name another one"):
        write_site(SITE, tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "dark"),
    [("index", False), ("lineage", True), ("view-account_payments", True),
     ("model-payment_return", False)],
)  # fmt: skip
def test_a_browser_and_a_screen_reader_find_no_fault(
    page: str, tmp_path: Path, *, dark: bool
) -> None:
    write_site(SITE, tmp_path)
    if dark:
        style = tmp_path / "catalog.css"
        style.write_text(style.read_text().replace("prefers-color-scheme:dark", "min-width:1px"))

    found = looked_over(tmp_path / f"{page}.html", tmp_path)

    assert (found["faults"], found["console"], found["violations"]) == ([], [], [])


@pytest.mark.slow
def test_the_search_finds_names_first_and_meanings_too(tmp_path: Path) -> None:
    write_site(SITE, tmp_path)
    typed = (
        "<script>var q=document.getElementById('q');q.value='payments';"
        "q.dispatchEvent(new Event('input'));</script></body>"
    )
    page = tmp_path / "typed.html"
    page.write_text((tmp_path / "index.html").read_text().replace("</body>", typed))

    shown = run(["--virtual-time-budget=2000", "--dump-dom", page.as_uri()]).stdout

    found = re.search(r'<ul id="found">(.*?)</ul>', shown, re.DOTALL)
    assert found is not None
    links = re.findall(r'<a href="([^"]+)">([^<]+)</a>', html.unescape(found.group(1)))
    assert links[0] == ("source-payments.html", "payments")
    assert ("view-account_payments.html#payments_2d", "payments_2d") in links
    # What holds the word in its name comes before what holds it in its meaning alone.
    meaning_only = links.index(("view-account_payments.html#mean_amount_2d", "mean_amount_2d"))
    assert links.index(("view-account_payments.html", "account_payments")) < meaning_only


@pytest.mark.slow
def test_what_a_target_holds_is_read(tables: Tables, table: MakeTable) -> None:
    rows = (("ann", "2026-03-01 10:00:00", 10.0), ("bob", "2026-03-02 23:59:59", 5.0))
    paid = table("account_id string, paid_at timestamp, amount double", *rows)
    tables.replace("payments", paid, note=NOTE)
    materialize(tables, view, start=date(2026, 3, 3), end=date(2026, 3, 4))

    found = held(tables, REGISTRY)

    assert found.fresh == {
        Node("source", "payments"): Fresh(rows=2, newest="2026-03-02 23:59:59"),
        Node("view", view.name): Fresh(rows=2, newest="2026-03-03 00:00:00"),
    }
    assert found.versions == {"payment_return": ()}
