"""Documents for validators and reviewers: what the registry holds, and nothing of anybody's."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from stockade.learning.documents import ModelFile, documents, risk_document, yearly_review
from stockade.learning.gates import check_gates
from stockade.learning.registry import history, load_model, promote
from stockade.learning.train import train
from stockade.learning.tune import Running
from tests.learning.samples import PINNED, destination, spec_with, training_table

SPEC = spec_with(slices=("amount",), owner="returns@example.com")
MANIFEST = {
    "rows": 1200, "interval": ["2026-03-01T00:00:00Z", "2026-03-21T00:00:00Z"],
    "as_of": "2026-03-30T00:00:00Z", "content_hash": "123", "inputs": {"deposits": 4},
    "label_states": {"positive": 300, "negative": 900},
}  # fmt: skip


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    to = destination(tmp_path_factory.mktemp("registry"))
    built = replace(PINNED, built_at=datetime(2026, 3, 30, tzinfo=UTC))
    for _ in range(2):
        train(
            SPEC, training_table(), pinned=built, destination=to,
            running=Running(runner="serial"), trials=2,
        )  # fmt: skip
        promote(to, lambda one, version: check_gates(SPEC.gates, one.judgement, champion=version))
    return ModelFile(
        spec=SPEC, champion=load_model(to), history=history(to), manifest=MANIFEST,
        written_at=datetime(2026, 12, 31, tzinfo=UTC),
    )  # fmt: skip


def test_the_risk_document_tells_what_the_registry_holds(file: ModelFile) -> None:
    text = risk_document(file)

    evaluation = file.champion.judgement["evaluation"]
    assert f"| average precision | {evaluation['average_precision']:.4f} |" in text
    assert "| owner | returns@example.com |" in text
    assert "TO DO: describe the model in its definition" in text
    assert "| tables read | `deposits` version 4 |" in text
    assert "| labels | 300 positive, 900 negative |" in text
    assert "| transfers | table `events.transfers` | `made_at` | the event | none |" in text
    assert "| 2 | better | NO |" in text
    assert re.search(r"Weakest where amount is .*: ROC AUC 0\.\d+", text)
    assert "young: weighted by importance" in text
    for chapter in range(1, 10):
        assert f"\n## {chapter}. " in text


def test_the_yearly_review_is_of_one_year(file: ModelFile) -> None:
    year = file.history[0].created_at.year

    now, before = yearly_review(file, year), yearly_review(file, year - 1)

    assert "| versions registered | 2 |" in now
    assert "| versions that became champion | 1 |" in now
    assert "| versions that a gate refused | 1 |" in now
    assert "| versions registered | 0 |" in before


def test_a_manifest_of_a_later_build_is_not_shown(file: ModelFile) -> None:
    text = risk_document(replace(file, manifest={}))

    assert "a later build has taken its place" in text
    assert "300 positive" not in text


def test_each_document_is_markdown_and_one_html_file_without_the_network(file: ModelFile) -> None:
    found = documents(file, year=2026)

    assert list(found) == [
        "model_risk.md", "yearly_review_2026.md", "model_risk.html", "yearly_review_2026.html",
    ]  # fmt: skip
    for name, content in found.items():
        # Accounts are called a000 to a149.
        assert not re.search(r"\ba\d{3}\b", content)
        if name.endswith(".html"):
            assert "<table>" in content
            assert not re.search(r"(src|href)=.?http", content)


def test_html_in_a_description_is_text(file: ModelFile) -> None:
    spec = replace(SPEC, description="<script>alert(1)</script>")

    found = documents(replace(file, spec=spec))["model_risk.html"]

    assert "<script>" not in found
    assert "&lt;script&gt;" in found
