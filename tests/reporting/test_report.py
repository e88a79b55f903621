"""The report: one file that needs nothing else, whatever is missing, and that all can read."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stockade import Course, Level, ReleaseStrategy, days
from stockade.definitions.fingerprint import view_fingerprints
from stockade.learning.registry import history, load_model
from stockade.learning.release import Reports, cohorts
from stockade.learning.train import train
from stockade.learning.tune import Running
from stockade.reporting.facts import Facts, ModelFacts, QueueLine, ReturnFacts, ViewFacts
from stockade.reporting.report import report
from stockade.watching import record
from tests.learning.samples import PINNED, destination, spec_with, training_table
from tests.reporting.browser import Session, looked_over

pytestmark = pytest.mark.slow
SPEC = spec_with(slices=("amount",), owner="returns@example.com", description="<b>Returned?</b>")
(SELECTION, *_) = SPEC.training_set.features.selections()
DAYS = [date(2026, 3, day) for day in (1, 2, 3)]


_LABEL = SPEC.training_set.label
STRATEGY = ReleaseStrategy(
    name="holding", models=(SPEC,), amount="amount", cohort=days(60),
    courses=(Course(name="instant"), Course(name="hold", hold=days(2), friction=1.0)),
    levels=(
        Level(name="unauthorised", label=_LABEL, rate=0.005, description="A rule."),
        Level(name="overall", label=_LABEL, rate=0.15),
    ),
)  # fmt: skip


def returns(*, of: int = 12_000, **shares: float) -> ReturnFacts:
    """Of a hundred payments a day, 120 days of them, so many come back, within ten days each."""
    as_of = datetime(2026, 4, 1, tzinfo=UTC)
    made = np.datetime64("2026-04-01", "us") - np.arange(of) * np.timedelta64(864, "s")
    age = (np.datetime64("2026-04-01", "us") - made).astype(np.int64)
    draw = np.random.default_rng(0)
    levels = {}
    for name, share in shares.items():
        delay = draw.integers(0, 10 * 86_400_000_000, len(made))
        known = (draw.random(len(made)) < share) & (delay < age)
        levels[name] = Reports(
            age=age, delay=np.where(known, delay, -1), is_censored=np.zeros(len(made), np.bool_),
            maturity=days(10),
        )  # fmt: skip
    return ReturnFacts(strategy=STRATEGY, as_of=as_of, cohorts=cohorts(STRATEGY, made, levels))


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
    return replace(
        bare, models=(model,), views=(view,), measures=measures, alerts=alerts,
        returns=(returns(unauthorised=0.012, overall=0.04),),
    )  # fmt: skip


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


def test_frauds_rarer_than_reviews_are_told_by_what_is_found(full: Facts) -> None:
    (model,) = full.models
    assert model.champion is not None
    judged = model.champion.judgement
    days = [{**one, "positives": 0, "expected": 0.1} for one in judged["days"]]
    rare = {
        **judged, "days": days,
        "evaluation": {**judged["evaluation"], "positives": 2, "recall_at_capacity": 0.71,
                       "precision_at_capacity": 0.02},
    }  # fmt: skip
    champion = replace(model.champion, judgement=rare)
    queue = [replace(line, probability=0.00042) for line in model.queue]

    page = report(replace(full, models=(replace(model, champion=champion, queue=queue),)))

    assert re.search(r"71%.{1,80}of what there is to find would be found", page, re.DOTALL)
    assert "are what is looked for" not in page
    assert "is the most that can be" in page
    assert "week by week" in page
    assert "0.042%" in page


def test_charts_of_two_lines_say_which_is_which(full: Facts) -> None:
    page = report(full)

    for name in ("positives", "their amounts", "came", "foretold"):
        assert f">{name}</text>" in page, name


def test_returns_stand_by_period_against_their_levels_and_what_to_do_follows(full: Facts) -> None:
    page = report(full)

    newest = next(c for c in full.returns[0].cohorts if c.level == "unauthorised")
    assert (newest.verdict, newest.payments) == ("above", 6_000)
    assert f"{newest.completed:.2%}" in page
    assert f"{newest.low:.2%} to {newest.high:.2%}" in page
    assert "A rule." in page
    # Above is told to be brought down, below is not spoken of.
    said = page[page.index("What we recommend") : page.index('id="model-')]
    assert "stockade strategy holding" in said
    assert "Unauthorised returns of payments made" in said
    assert "Overall returns" not in said
    assert page.count("returns in the end, with 90 % interval") == 2


def test_a_rate_moves_only_by_more_than_chance(full: Facts) -> None:
    moved = returns(unauthorised=0.012, overall=0.04)
    newest, before = (
        [c for c in moved.cohorts if c.level == "overall"][n] for n in (0, 1)
    )  # fmt: skip
    up = replace(newest, completed=0.06, low=0.058, high=0.062)
    rest = [c for c in moved.cohorts if c.level != "overall"]

    as_it_is = report(replace(full, returns=(moved,)))
    risen = report(replace(full, returns=(replace(moved, cohorts=(up, before, *rest)),)))

    # 240 payments came back of 6,000, give or take 15 by chance alone.
    assert "Overall returns are as before" in as_it_is
    assert "Overall returns rose: 6.00%" in risen


def test_the_beginning_of_the_record_is_no_period(full: Facts) -> None:
    stub = replace(full, returns=(returns(of=12_900, unauthorised=0.004, overall=0.04),))
    whole = replace(full, returns=(returns(of=900, unauthorised=0.004, overall=0.04),))

    assert len({c.first for c in stub.returns[0].cohorts}) == 3
    assert stub.returns[0].cohorts[-1].first == "2025-11-23"
    assert "2025-11-23 to" not in _plain(report(stub))
    # The only period there is is told, short as it is.
    assert "made 2026-03-23 to 2026-04-01" in _plain(report(whole))


def _plain(page: str) -> str:
    return re.sub(r"<[^>]+>", "", page)


def test_returns_that_nobody_can_tell_are_not_guessed(full: Facts) -> None:
    unknown = replace(full, returns=(ReturnFacts(strategy=STRATEGY, said="no table 'returns'"),))

    page = report(unknown)

    assert "Nothing can be said: no table" in page
    assert "the level" not in page


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


def test_by_keys_alone_a_reader_skips_searches_and_scrolls(full: Facts, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(report(full), encoding="utf-8")
    page = Session(path, tmp_path)
    try:
        page.press("Tab", 9)
        assert page.value("document.activeElement.className") == "skip"
        page.press("Enter", 13)
        assert page.value("location.hash") == "#main"
        # Past the list: next is the first stop of the report itself.
        page.press("Tab", 9)
        assert page.value("!!document.activeElement.closest('main')")

        page.value("document.getElementById('q').focus()")
        page.type("late partition")
        shown = page.value(
            "[...document.querySelectorAll('.part')].filter(one=>!one.closest('[hidden]'))"
            ".map(one=>one.querySelector('h3').textContent)"
        )
        assert "Alerts" in shown
        assert "What we recommend" not in shown
        assert page.value("document.getElementById('hits').textContent") == f"{len(shown)} sections"

        page.value("(q=>{q.select();document.execCommand('delete')})(document.activeElement)")
        page.value("document.querySelector('summary').focus()")
        page.press("Enter", 13)
        assert page.value("document.querySelector('details').open")
    finally:
        page.close()
