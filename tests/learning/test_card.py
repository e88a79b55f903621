"""The model card, as people read it."""

import re
from dataclasses import replace

import pytest

from stockade import Action, Policy
from stockade.learning.train import train
from stockade.learning.tune import Running
from tests.learning.samples import PINNED, destination, spec_with, training_table

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = tmp_path_factory.mktemp("card")
    policy = Policy(
        loss="amount",
        actions=(Action(name="allow"), Action(name="hold", cost=2, prevented=0.9, capped=True)),
    )
    spec = spec_with(
        policy=policy, slices=("is_new",), trials=2, owner="risk@example.com",
        description="Will it be returned? <script>alert(1)</script> | and a bar",
    )  # fmt: skip
    train(
        spec, training_table(3000),
        pinned=replace(PINNED, meanings={"amount": "amount in dollars"}),
        destination=destination(home), running=Running(runner="serial"),
    )  # fmt: skip
    figures = sorted(path.name for path in home.rglob("card/*.png"))
    assert figures == [
        "gains.png", "learning_curve.png", "reliability.png", "stability.png",
        "the_test_period_day_by_day.png",
    ]  # fmt: skip
    return {
        path.name: path.read_text() for path in home.rglob("card/*") if path.name not in figures
    }


def test_it_tells_what_it_is_for_how_good_it_is_and_what_it_is_worth(card: dict[str, str]) -> None:
    text = card["model_card.md"]

    for words in (
        "# Model card: payment_return", "risk@example.com", "within 1 day, reported within 1 day",
        "best of 2 trials (0 failed, 0 stopped early)", "| is_new: true |", "amount in dollars",
        "3,000 decisions from 2026-03-01T", "| hold |", "## Limits",
        "Lift, by the share that is reviewed: ", "By day, ROC AUC lies between ",
        "How equally it treats them", "| fewest false alarms |",
    ):  # fmt: skip
        assert words in text
    assert re.search(r"\| ROC AUC \| 0\.\d{4} \| 0\.\d{4} to 0\.\d{4} \| 0\.\d{4} \|", text)


def test_its_page_needs_nothing_else_and_runs_nothing(card: dict[str, str]) -> None:
    page = card["model_card.html"]

    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert not re.search(r"(src|href)=[\"'](?!data:)", page)
    assert page.count('<img src="data:image/png;base64,') == 5
    assert len(page) < 1_000_000


def test_it_names_nobody(card: dict[str, str]) -> None:
    for content in card.values():
        assert not re.search(r"\ba\d{3}\b", content)
