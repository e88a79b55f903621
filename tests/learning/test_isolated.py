"""A trial that hangs or crashes is lost alone."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from stockade.learning import isolated
from stockade.learning.child import as_text
from stockade.learning.isolated import Isolated, end_child
from stockade.learning.split import Split
from stockade.learning.trial import Objective, save_rows
from tests.learning.samples import INPUTS, training_data

POINT = {"n_estimators": 2}
# Long enough for any test, and ended by what the test does to it.
ENDLESS = {"n_estimators": 10_000_000}


@pytest.fixture
def objective(tmp_path: Path) -> Objective:
    save_rows(training_data(), tmp_path)
    fold = Split(train=slice(0, 600), validation=slice(800, 1200))
    return Objective(
        folder=str(tmp_path), inputs=INPUTS, folds=(fold,), metric="average_precision",
        capacity=5, seed=0,
    )  # fmt: skip


def limited(objective: Objective, seconds: float = 120) -> Isolated:
    return Isolated(objective=as_text(objective), deadline=timedelta(seconds=seconds))


def judged(result: dict[str, Any]) -> dict[str, Any]:
    return {name: result[name] for name in ("status", "loss", "folds")}


def test_the_child_finds_what_is_found_here(objective: Objective) -> None:
    assert judged(limited(objective)(POINT)) == judged(objective(POINT))


def test_who_has_a_trial_evaluated_imports_no_learner(objective: Objective) -> None:
    script = "import pickle, sys; pickle.load(sys.stdin.buffer); print(*sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", script],
        input=pickle.dumps(limited(objective)), capture_output=True, check=True,
    )  # fmt: skip

    loaded = done.stdout.decode().split()
    assert "stockade.learning.isolated" in loaded
    assert not {"lightgbm", "pandas", "sklearn", "xgboost"} & set(loaded)


@pytest.mark.slow
def test_a_trial_beyond_its_deadline_is_killed_and_the_next_one_runs(objective: Objective) -> None:
    begun = time.monotonic()

    late = limited(objective, seconds=2)(ENDLESS)

    assert late["status"] == "fail"
    assert late["reason"] == "took over 0:00:02: its process was killed"
    assert late["seconds"] <= time.monotonic() - begun
    assert limited(objective)(POINT)["status"] == "ok"


@pytest.mark.slow
def test_a_trial_whose_process_crashes_fails_and_the_next_one_runs(objective: Objective) -> None:
    limited(objective)(POINT)
    (child,) = isolated._children  # pyright: ignore[reportPrivateUsage]
    threading.Timer(1, os.kill, (child.process.pid, signal.SIGSEGV)).start()

    lost = limited(objective)(ENDLESS)

    assert lost["status"] == "fail"
    assert lost["reason"].startswith("its process was ended by SIGSEGV")
    assert limited(objective)(POINT)["status"] == "ok"


def test_a_child_ends_with_its_parents_wish(objective: Objective) -> None:
    limited(objective)(POINT)
    (child,) = isolated._children  # pyright: ignore[reportPrivateUsage]

    end_child()

    assert child.process.poll() is not None
