"""The bundle is what the wheel can run; each known way to break it is noticed."""

import shutil
import tomllib
from pathlib import Path

import pytest
import yaml

from stockade.definitions.model import ModelSpec
from stockade.definitions.registry import Registry
from tests.bundle.checker import check
from tests.bundle.files import read, resolved

ROOT = Path(__file__).parent.parent.parent
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
PARTS = ("databricks.yml", "resources", "dashboards")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, tmp_path / part)
        else:
            shutil.copy(ROOT / part, tmp_path)
    return tmp_path


def test_the_bundle_has_no_fault() -> None:
    faults = check(ROOT, SCRIPTS)
    unmade = [fault for fault in faults if "No such command" in fault]

    assert [fault for fault in faults if fault not in unmade] == []
    if unmade:
        pytest.skip("commands that are still to come: " + "; ".join(unmade))


@pytest.mark.parametrize("target", ["staging", "prod"])
def test_each_model_has_its_place_and_its_readers(target: str) -> None:
    declared = Registry.load("trust_safety.features", "trust_safety.models").all(ModelSpec)
    bundle = read(ROOT)
    found = resolved(bundle, target)["registered_models"]

    assert bundle.faults == []
    assert {one["name"]: one["comment"] for one in found.values()} == {
        spec.name: spec.description for spec in declared
    }
    for one in found.values():
        assert f"{one['catalog_name']}.{one['schema_name']}" == f"{target}.trust_safety"
        assert {"account users", "trust-safety-operators"} == {
            grant["principal"] for grant in one["grants"]
        }


def test_in_development_no_model_gets_another_name() -> None:
    assert "registered_models" not in resolved(read(ROOT), "dev")


BROKEN = yaml.safe_load((Path(__file__).parent / "broken.yml").read_text())


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_bundle_is_noticed(copy: Path, name: str) -> None:
    broken = BROKEN[name]
    path = copy / broken["file"]
    text = path.read_text()
    assert broken["from"] in text
    path.write_text(text.replace(broken["from"], broken["to"]))

    faults = check(copy, SCRIPTS)

    assert any(broken["said"] in fault for fault in faults), faults
