"""The starter project is sound, and its own tests pass."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stockade.cli import frame
from stockade.starter import write
from tests.bundle.checker import check

ROOT = Path(__file__).parent.parent
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "Wallet Risk"
    found = CliRunner().invoke(frame.app, ["init", str(folder), "--cloud", "azure"])
    assert found.exit_code == 0, found.output
    return folder


def inside(project: Path, *command: str) -> str:
    path = os.pathsep.join([str(project), str(ROOT / "src")])
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=project, text=True, capture_output=True, check=False,
        env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_is_named_after_its_folder_and_its_definitions_are_sound(project: Path) -> None:
    said = inside(project, "stockade", "check")

    assert "definitions are sound: 1 entity, 1 label, 1 model" in said
    assert (project / "wallet_risk" / "logins.py").exists()
    assert (project / ".github" / "workflows" / "ci.yml").exists()
    assert not [path for path in project.rglob("*") if "acme" in path.name]
    for path in project.rglob("*.*"):
        assert path.is_dir() or "acme_risk" not in path.read_text()


def test_its_bundle_has_no_fault(project: Path) -> None:
    assert check(project, SCRIPTS) == []
    assert "Standard_D8ds_v5" in (project / "databricks.yml").read_text()


@pytest.mark.slow
def test_its_own_tests_pass(project: Path) -> None:
    assert "2 passed" in inside(project, "pytest", "-q", "-p", "no:cacheprovider")


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")

    found = CliRunner().invoke(frame.app, ["init", str(tmp_path)])

    assert "is not an empty folder: name one that is missing" in str(found.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_cloud_that_is_unknown_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="no cloud is called 'azur': did you mean 'azure'"):
        write(tmp_path / "new", package="new", cloud="azur")
    assert not (tmp_path / "new").exists()
