"""The report: one file that needs nothing else, whatever is missing, and that all can read."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from stockade.definitions.fingerprint import view_fingerprints
from stockade.learning.registry import history, load_model
from stockade.learning.train import train
from stockade.learning.tune import Running
from stockade.reporting.facts import Facts, ModelFacts, QueueLine, ViewFacts
from stockade.reporting.report import report
from stockade.watching import record
from tests.learning.samples import PINNED, destination, spec_with, training_table
from tests.reporting.browser import looked_over

pytestmark = pytest.mark.slow
SPEC = spec_with(slices=("amount",), owner="returns@example.com", description="<b>Returned?</b>")
(SELECTION, *_) = SPEC.training_set.features.selections()
DAYS = [date(2026, 3, day) for day in (1, 2, 3)]


def empty(name: str) -> pd.DataFrame:
    return record.SCHEMAS[name].empty_table().to_pandas()


@pytest.fixture(scope="module")
def bare() -> Facts:
    """A target where nothing was ever done."""
    view = SELECTION.view
    return Facts(
        target="nowhere", written_at=datetime(2026, 4, 1, tzinfo=UTC),
        models=(ModelFacts(spec=SPEC, champion=None, role="no version"),),
        views=(
            ViewFacts(view=view, fingerprints=view_fingerprints(view), tables=("transfers",),
                      models=(SPEC.name,)),
        ),
        measures=empty(record.MEASURES), alerts=empty(record.ALERTS),
    )  # fmt: skip


@pytest.fixture(scope="module")
def full(bare: Facts, tmp_path_factory: pytest.TempPathFactory) -> Facts:
    """One where everything was."""
    to = destination(tmp_path_factory.mktemp("registry"))
    built = replace(PINNED, built_at=datetime(2026, 3, 30, tzinfo=UTC))
    train(SPEC, training_table(), pinned=built, destination=to, running=Running(runner="serial"),
          trials=1)  # fmt: skip
    model = ModelFacts(
        spec=SPEC, champion=load_model(to, "challenger"), role="challenger", history=history(to),
        days=pd.DataFrame({"day": DAYS, "decisions": [9, 8, 7], "probability": [0.1, 0.2, 0.1]}),
        scores={0.0: 20, 0.95: 4},
        queue=(QueueLine(id="D-1042", day="2026-03-03 12:00", probability=0.97, action="review",
                         reasons=("amount: 900, more than in 97 % of decisions",)),),
    )  # fmt: skip
    name = SELECTION.names[0]
    shown = pd.DataFrame(
        {"feature": name, "day": DAYS, "low": 0.0, "middle": 1.0, "high": 4.0, "missing": 0.1}
    )
    view = replace(bare.views[0], snapshots=shown, rows=24, examples=({name: 3.0},))
    measures = pd.DataFrame(
        [
            {"on_day": day, "layer": "source", "subject": "transfers", "column": "", "slice": "",
             "measure": "rows", "value": 10.0, "low": None, "high": None, "estimated": False,
             "expected": 20.0, "limit": 15.0, "alarm": True}
            for day in DAYS
        ]
    )  # fmt: skip
    alerts = pd.DataFrame(
        [
            {"on_day": DAYS[-1], "alert_id": "a1", "root": "table events.transfers",
             "severity": "critical", "first_day": DAYS[0], "cause": "late partition",
             "cause_text": "10 of 20 rows did not come", "explained": 0.9, "signals": 1,
             "models": SPEC.name, "text": "rows", "evidence": "{}"}
        ]
    )  # fmt: skip
    return replace(bare, models=(model,), views=(view,), measures=measures, alerts=alerts)


def test_a_target_without_anything_is_told_what_to_do(bare: Facts) -> None:
    page = report(bare)

    assert f"{SPEC.name}: has no version yet" in page
    assert "Nothing is watched" in page
    assert "stockade materialize" in page


def test_numbers_alerts_and_reasons_are_on_the_page(full: Facts) -> None:
    page = report(full)

    (model,) = full.models
    assert model.champion is not None
    quality = model.champion.judgement["evaluation"]
    assert f"{quality['average_precision']:.4f}" in page
    assert "D-1042" in page
    assert "more than in 97 % of decisions" in page
    assert "late partition: 10 of 20 rows did not come" in page
    assert page.count("<svg") >= 7


def test_what_a_definition_says_is_text_and_every_link_leads_somewhere(full: Facts) -> None:
    page = report(full)

    assert "<b>Returned?</b>" not in page
    assert "&lt;b&gt;Returned?&lt;/b&gt;" in page
    anchors = set(re.findall(r' id="([^"]+)"', page))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= anchors


def test_nothing_is_fetched(full: Facts) -> None:
    page = report(full)

    assert not re.search(r"(src|href)=\"(?!#)", page)
    assert "@import" not in page
    assert "url(" not in page.replace("url(#", "")
    assert len(page.encode()) < 10_000_000


@pytest.mark.parametrize("dark", [False, True])
def test_a_browser_and_a_screen_reader_find_no_fault(
    full: Facts, tmp_path: Path, *, dark: bool
) -> None:
    path = tmp_path / "report.html"
    path.write_text(report(full), encoding="utf-8")

    found = looked_over(path, tmp_path, dark=dark)

    assert found["faults"] == []
    assert found["console"] == []
    assert found["violations"] == []
