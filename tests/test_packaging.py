"""The wheel holds what the checkout holds."""

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
FOLDERS = {
    "stockade": ROOT / "src" / "stockade",
    "trust_safety.features": ROOT / "features",
    "trust_safety.jobs": ROOT / "jobs",
    "trust_safety.models": ROOT / "models",
    "trust_safety.simulator": ROOT / "simulator",
}


def packages() -> Iterator[str]:
    for name, folder in FOLDERS.items():
        for init in folder.rglob("__init__.py"):
            yield ".".join([name, *init.parent.relative_to(folder).parts])


def modules() -> Iterator[str]:
    for name, folder in FOLDERS.items():
        for path in folder.rglob("*.py"):
            yield f"{name.replace('.', '/')}/{path.relative_to(folder).as_posix()}"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy: a build leaves folders behind, and packs what it finds in them."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for folder in FOLDERS.values():
        shutil.copytree(
            folder,
            copy / folder.relative_to(ROOT),
            ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"),
        )
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "dist", "."],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (made,) = (copy / "dist").glob("*.whl")
    return made


def test_every_package_is_in_the_list_of_packages() -> None:
    assert sorted(packages()) == sorted(PROJECT["tool"]["setuptools"]["packages"])


def test_every_folder_with_modules_is_a_package() -> None:
    homes = {
        path.parent
        for folder in FOLDERS.values()
        for path in folder.rglob("*.py")
        if not (path.parent / "__init__.py").exists()
    }

    assert homes == set()


@pytest.mark.slow
def test_the_wheel_holds_every_module_and_the_type_marker(wheel: Path) -> None:
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}

    templates = {
        f"stockade/{path.relative_to(FOLDERS['stockade']).as_posix()}"
        for kind in ("*.template", "templates/*")
        for path in FOLDERS["stockade"].rglob(kind)
    }
    data = {"stockade/py.typed", "trust_safety/simulator/rates.csv"}
    assert held == {*modules(), *templates, *data}


@pytest.mark.slow
def test_the_wheel_ships_no_bare_folder_names(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}

    assert {top for top in tops if not top.endswith(".dist-info")} == {"stockade", "trust_safety"}


@pytest.mark.slow
def test_the_wheel_declares_every_command(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (path,) = (name for name in archive.namelist() if name.endswith("/entry_points.txt"))
    declared = archive.read(path).decode().splitlines()

    commands = {f"{name} = {target}" for name, target in PROJECT["project"]["scripts"].items()}
    assert {line for line in declared if "=" in line} == commands


@pytest.mark.slow
def test_every_command_leads_to_a_module_of_the_wheel(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    targets = (target.split(":")[0] for target in PROJECT["project"]["scripts"].values())

    paths = {name: name.replace(".", "/") for name in targets}
    assert {
        name
        for name, path in paths.items()
        if f"{path}.py" not in held and f"{path}/__init__.py" not in held
    } == set()


@pytest.mark.slow
def test_every_command_imports_out_of_the_wheel(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    script = (
        "import importlib, sys\n"
        "for module in sys.argv[1:]:\n"
        "    print(importlib.import_module(module).__file__)\n"
    )
    modules = [target.split(":")[0] for target in PROJECT["project"]["scripts"].values()]

    done = subprocess.run(
        [sys.executable, "-c", script, *modules],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    homes = {Path(line).relative_to(tmp_path / "site").parts[0] for line in done.stdout.split()}
    assert homes == {"stockade", "trust_safety"}


@pytest.mark.slow
def test_spark_and_delta_come_with_the_extra_only(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (path,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
    lines = archive.read(path).decode().splitlines()
    wanted = [line.removeprefix("Requires-Dist: ") for line in lines if "Requires-Dist" in line]

    assert [line for line in wanted if line.startswith(("pyspark", "delta-spark"))] == [
        'delta-spark==4.3.1; extra == "local"',
        'pyspark[connect]==4.1.1; extra == "local"',
    ]
