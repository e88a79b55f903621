"""From challenger to champion and back, and what may not pass."""

import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from stockade import Gates
from stockade.champion import Champion
from stockade.learning.gates import Check, check_gates
from stockade.learning.registry import (
    NotPromotedError,
    Promotion,
    history,
    load_model,
    promote,
    rollback,
    withdraw,
)
from stockade.learning.tracking import CHALLENGER, ModelNotFoundError
from stockade.learning.train import TrainedModel, train
from stockade.learning.tune import Running
from tests.learning.samples import PINNED, SPEC, destination, spec_with, training_table

pytestmark = pytest.mark.slow


def trained(home: Path) -> TrainedModel:
    return train(
        spec_with(trials=1, slices=("is_new",)), training_table(3000),
        pinned=PINNED, destination=destination(home), running=Running(runner="serial"),
    )  # fmt: skip


def promoted(home: Path, gates: Gates | None = None) -> Promotion:
    def judge(challenger: Champion, champion: int | None) -> Sequence[Check]:
        return check_gates(gates or Gates(), challenger.judgement, champion=champion)

    return promote(destination(home), judge)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One champion and a challenger that was trained alike."""
    home = tmp_path_factory.mktemp("registry")
    trained(home)
    assert promoted(home).promoted
    trained(home)
    return home


@pytest.fixture
def home(first: Path, tmp_path: Path) -> Path:
    """A copy: its versions still name the files of the first, which nobody changes."""
    shutil.copytree(first, tmp_path / "home")
    return tmp_path / "home"


def test_the_first_version_must_beat_chance(tmp_path: Path) -> None:
    trained(tmp_path)
    with pytest.raises(ModelNotFoundError, match="no version with alias 'champion'"):
        load_model(destination(tmp_path))

    found = promoted(tmp_path)

    assert found.promoted, found.checks
    assert (found.version, found.previous) == (1, None)
    assert "by chance it would be" in found.checks[0].said
    assert load_model(destination(tmp_path)).version == 1
    with pytest.raises(ModelNotFoundError, match=r"alias 'challenger'.*train it"):
        promoted(tmp_path)


def test_a_challenger_that_is_no_better_stays_challenger(home: Path) -> None:
    found = promoted(home, Gates(margin=0.0))

    # The same rows, parameters and seed; the champion has even seen the test period.
    better = found.checks[0]
    assert (found.promoted, better.gate, better.passed) == (False, "better", False)
    assert "differs from the champion's by -0." in better.said
    assert load_model(destination(home)).version == 1
    assert load_model(destination(home), CHALLENGER).version == 2
    assert [load_model(destination(home), version).version for version in (1, 2)] == [1, 2]
    with pytest.raises(ModelNotFoundError, match=r"no version 3 in the registry: it was del"):
        load_model(destination(home), 3)


def test_within_the_margin_it_is_promoted_and_can_be_rolled_back(home: Path) -> None:
    found = promoted(home, Gates(margin=0.5, slice_drop=0.5))
    assert found.promoted, found.checks
    assert found.previous == 1
    assert load_model(destination(home)).version == 2

    back = rollback(destination(home))

    assert (back.version, back.previous) == (1, 2)
    assert load_model(destination(home)).version == 1
    second, one = history(destination(home))
    assert (one.aliases, second.aliases) == (("champion",), ())
    assert second.promoted_at is not None
    assert second.withdrawn_at is not None
    assert [check.gate for check in second.checks] == [
        "better", "calibrated", "calibrated slices", "slices", "available", "fast",
    ]  # fmt: skip
    with pytest.raises(NotPromotedError, match="version 1 is the first champion"):
        rollback(destination(home))


def test_a_champion_before_that_is_gone_cannot_be_gone_back_to(home: Path) -> None:
    promoted(home, Gates(margin=0.5, slice_drop=0.5))
    to = destination(home)
    client = MlflowClient(to.tracking_uri, to.registry_uri)
    client.delete_model_version(to.registered_model, "1")

    with pytest.raises(NotPromotedError, match="version 1, the champion before, was deleted"):
        rollback(to)

    assert load_model(to).version == 2


def test_a_comparison_with_another_champion_does_not_count(home: Path) -> None:
    challenger = load_model(destination(home), CHALLENGER)

    better = check_gates(Gates(margin=1), challenger.judgement, champion=7)[0]

    assert not better.passed
    assert "not compared with version 1, not with version 7" in better.said


def test_a_champion_that_cannot_be_compared_with_is_withdrawn(home: Path) -> None:
    assert withdraw(destination(home)) == 1

    assert promoted(home).previous is None
    assert load_model(destination(home)).version == 2
    assert history(destination(home))[1].withdrawn_at is not None


def test_whose_decision_changes_is_counted(home: Path) -> None:
    rival = load_model(destination(home), CHALLENGER).judgement["rival"]

    swaps, flagged = rival["swaps"], 3 * SPEC.review_capacity
    assert rival["version"] == 1
    assert swaps["both"] + swaps["gained"] == swaps["both"] + swaps["lost"] == flagged


@pytest.mark.parametrize(
    ("gate", "gates", "change", "said"),
    [
        ("calibrated", Gates(), {"slices": [
            {"expected": 0.3, "observed": 0.2, "positives": 100}]},
         "1.500 positives are expected for each one of 100 observed, beyond chance by 0.34"),
        ("calibrated slices", Gates(), {"slices": [
            {"expected": 0.2, "observed": 0.2, "positives": 200},
            {"column": "is_new", "value": "true", "rows": 1000, "expected": 0.2, "positives": 100,
             "observed": 0.1, "roc_auc": None}]},
         "the worst is 'is_new: true': 2.000 positives are expected .* beyond chance by 0.84"),
        ("available", Gates(), {"missing": {"amount": (0.1, 0.9), "is_new": (0.0, 0.0)}},
         "missing more often than in training: 'amount' \\(by 80% of rows\\)"),
        ("fast", Gates(microseconds=5), {"microseconds": 6.0}, "6.0 microseconds a row"),
        ("slices", Gates(), {"rival": {"version": 1, "slices": {"is_new: true": 1.2},
                                       "difference": {"mean": 1, "low": 1, "high": 1}}},
         "the worst is 'is_new: true': ROC AUC -0."),
    ],
)  # fmt: skip
def test_each_gate_says_why_it_stops_a_version(
    home: Path, gate: str, gates: Gates, change: dict[str, Any], said: str
) -> None:
    judgement = {**load_model(destination(home), CHALLENGER).judgement, **change}

    (check,) = (c for c in check_gates(gates, judgement, champion=1) if c.gate == gate)

    assert not check.passed

    assert re.search(said, check.said)


@pytest.mark.parametrize(("positives", "passes"), [(16, True), (100, False)])
def test_what_few_positives_cannot_tell_stops_no_version(
    home: Path, positives: int, passes: bool
) -> None:
    whole = {"expected": 0.03, "observed": 0.02, "positives": positives}
    judgement = {**load_model(destination(home), CHALLENGER).judgement, "slices": [whole]}

    (check,) = (c for c in check_gates(Gates(), judgement, champion=1) if c.gate == "calibrated")

    assert check.passed is passes


def test_a_champion_with_other_features_is_not_compared(home: Path) -> None:
    other = replace(PINNED, fingerprints={**PINNED.fingerprints, "logins_1d": "changed"})

    again = train(
        spec_with(trials=1), training_table(3000), pinned=other, destination=destination(home),
        running=Running(runner="serial"),
    )  # fmt: skip

    assert again.judgement.rival is None
    assert not promoted(home).promoted
