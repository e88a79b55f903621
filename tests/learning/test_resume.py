"""Training that is killed goes on where it was."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from stockade.learning.registry import load_model
from stockade.learning.tracking import CHALLENGER, TrackingError, quiet_mlflow, study_run
from stockade.learning.train import TrainedModel, train
from stockade.learning.trial import Trial
from stockade.learning.tune import Running
from tests.learning.samples import PINNED, SPEC, destination, training_table

_KILLED = """
import os, signal, sys
from pathlib import Path
from mlflow import MlflowClient
from stockade.learning import tracking
from stockade.learning.train import train
from stockade.learning.tune import Running
from tests.learning.samples import PINNED, SPEC, destination, training_table

owner, name, calls = sys.argv[2], sys.argv[3], int(sys.argv[4])
owner = {"StudyRun": tracking.StudyRun, "MlflowClient": MlflowClient}[owner]
real, left = getattr(owner, name), [calls]

def counted(*args, **named):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*args, **named)

setattr(owner, name, counted)
train(SPEC, training_table(), pinned=PINNED, destination=destination(Path(sys.argv[1])),
      running=Running(runner="serial"))
"""

# Before the third trial is recorded, in the middle of recording it, before the model is
# registered, and when the version is there and its alias is not.
_POINTS = (
    ("StudyRun", "log_trial", 3, 2),
    ("MlflowClient", "set_terminated", 3, 2),
    ("StudyRun", "register", 1, 4),
    ("MlflowClient", "set_registered_model_alias", 1, 4),
)


def _runs(folder: Path) -> list[Run]:
    with quiet_mlflow():
        client = MlflowClient(destination(folder).tracking_uri)
        experiment = client.get_experiment_by_name(destination(folder).experiment)
        assert experiment is not None
        return list(client.search_runs([experiment.experiment_id]))


def _train(folder: Path) -> TrainedModel:
    return train(
        SPEC, training_table(), pinned=PINNED, destination=destination(folder),
        running=Running(runner="serial"),
    )  # fmt: skip


def _files_of(folder: Path) -> dict[str, bytes]:
    return dict(load_model(destination(folder), CHALLENGER).files)


@pytest.mark.slow
@pytest.mark.parametrize(("owner", "name", "calls", "resumed"), _POINTS)
def test_training_that_is_killed_is_resumed_and_nothing_is_doubled(
    tmp_path: Path, owner: str, name: str, calls: int, resumed: int
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(killed), owner, name, str(calls)],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == -9, done.stderr
    assert "RUNNING" in {run.info.status for run in _runs(killed)}

    again, once = _train(killed), _train(whole)

    assert sum(one >= 0 for one in _numbers(again)) == 4
    assert again.resumed == resumed
    runs = _runs(killed)
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert sorted(str(run.info.run_name) for run in runs) == sorted(
        str(run.info.run_name) for run in _runs(whole)
    )
    versions = MlflowClient(destination(killed).tracking_uri).search_model_versions()
    assert [int(one.version) for one in versions] == [1]
    assert again.judgement == once.judgement
    assert _files_of(killed) == _files_of(whole)


def _numbers(trained: TrainedModel) -> list[int]:
    return [trial.number for trial in trained.trials]


def test_a_study_that_nobody_works_on_is_ended_and_one_that_is_alive_is_not(
    tmp_path: Path,
) -> None:
    with study_run(destination(tmp_path), name="first", study="a", tags={}):
        client = MlflowClient(destination(tmp_path).tracking_uri)
        experiment = _runs(tmp_path)[0].info.experiment_id
        now = str(int(time.time()))
        alive = {"stockade.owner": f"{os.uname().nodename} {os.getpid()}"}
        away = {"stockade.owner": "elsewhere 1"}
        others = {
            name: client.create_run(
                experiment,
                tags={"stockade.study": "b", "stockade.heartbeat": beat, **owner},
                run_name=name,
            ).info.run_id
            for name, owner, beat in (
                ("here", alive, now),
                ("elsewhere", away, now),
                ("silent", away, "1000"),
            )
        }
    with study_run(destination(tmp_path), name="second", study="a", tags={}):
        pass

    found = {name: client.get_run(run_id) for name, run_id in others.items()}
    assert {name: run.info.status for name, run in found.items()} == {
        "here": "RUNNING", "elsewhere": "RUNNING", "silent": "KILLED",
    }  # fmt: skip
    assert found["silent"].data.tags["stockade.reason"] == "its process is gone"


def test_a_study_whose_server_goes_away_says_so_and_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, client = destination(tmp_path), MlflowClient(destination(tmp_path).tracking_uri)

    def gone(*_: object, **__: object) -> None:
        raise MlflowException("API request to https://me:a-password@mlflow failed")

    def trial(number: int) -> Trial:
        return Trial(
            number=number, params={}, evaluation=None, folds=(), stopped=False, reason="too slow",
            began=0.0, seconds=1.0,
        )  # fmt: skip

    opened: list[str] = []

    def study() -> None:
        with study_run(place, name="n", study="a", tags={}) as run:
            opened.append(run.run_id)
            run.log_trial(trial(0), algorithm="xgboost", result={})
            for call in ("log_batch", "set_terminated"):
                monkeypatch.setattr(MlflowClient, call, gone)
            run.log_trial(trial(1), algorithm="xgboost", result={})

    with pytest.raises(TrackingError, match="does not answer, or refuses") as raised:
        study()
    monkeypatch.undo()
    assert "a-password" not in str(raised.value)
    # As if that process had ended.
    for key, value in {"stockade.owner": "elsewhere 1", "stockade.heartbeat": "1000"}.items():
        client.set_tag(opened[0], key, value)

    with study_run(place, name="n", study="a", tags={}) as again:
        assert (again.run_id, [*again.known]) == (opened[0], [0])
    assert client.get_run(opened[0]).info.status == "FINISHED"


def test_the_reason_of_a_failed_run_quotes_nobody_elses_words(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="eve"),
        study_run(destination(tmp_path), name="n", study="a", tags={}),
    ):
        float("eve@example.com")

    (run,) = _runs(tmp_path)
    assert (run.info.status, run.data.tags["stockade.reason"]) == ("FAILED", "ValueError")
