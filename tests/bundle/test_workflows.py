"""The workflows do what the bundle needs; each way to break them is noticed."""

import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from stockade.cli import frame
from tests.bundle.workflows import check_workflows

ROOT = Path(__file__).parent.parent.parent
PARTS = ("databricks.yml", "resources", ".github", "pyproject.toml", "Makefile")
BROKEN = yaml.safe_load((Path(__file__).parent / "broken_workflows.yml").read_text())


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, tmp_path / part)
        else:
            shutil.copy(ROOT / part, tmp_path)
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "runtime-18-lts-ml.txt", tmp_path / "tests")
    return tmp_path


def test_the_workflows_have_no_fault() -> None:
    assert check_workflows(ROOT) == []


def test_main_goes_to_staging_and_a_tag_to_prod_after_the_tests() -> None:
    flow = yaml.safe_load((ROOT / ".github" / "workflows" / "deploy.yml").read_text())
    jobs = flow["jobs"]

    assert flow[True]["push"] == {"branches": ["main"], "tags": ["v*"]}
    assert jobs["staging"]["if"] == "github.ref == 'refs/heads/main'"
    assert jobs["prod"]["if"] == "startsWith(github.ref, 'refs/tags/v')"
    assert jobs["staging"]["needs"] == jobs["prod"]["needs"] == "ci"


def test_the_starter_project_has_a_workflow_without_fault(tmp_path: Path) -> None:
    done = CliRunner().invoke(frame.app, ["init", str(tmp_path / "risk")])

    assert done.exit_code == 0, done.output
    assert check_workflows(tmp_path / "risk") == []


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_workflow_is_noticed(copy: Path, name: str) -> None:
    broken = BROKEN[name]
    path = copy / ".github" / "workflows" / broken["file"]
    text = path.read_text()
    assert broken["from"] in text
    path.write_text(text.replace(broken["from"], broken["to"]))

    faults = check_workflows(copy)

    assert any(broken["said"] in fault for fault in faults), faults
