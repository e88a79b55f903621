"""Models that were damaged or made to run code: none runs, and each is refused in words.

Where an attack is `resealed`, whoever made it could write to the registry too, and has put the
hashes right: then the formats alone must hold.
"""

import json
import pickle
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from mlflow import MlflowClient

from stockade.champion import sha256
from stockade.decisions import Calibration
from stockade.errors import StockadeError
from stockade.learning.models import fit
from stockade.learning.registry import load_model
from stockade.learning.tracking import CHALLENGER, MANIFEST, SEAL, Manifest, study_run
from tests.learning.samples import INPUTS, destination, training_data

LEARNERS = ("xgboost", "lightgbm", "logistic", "isolation")


class _Bomb:
    """What leaves a mark when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.marker,)


def bomb(marker: Path) -> bytes:
    return pickle.dumps(_Bomb(marker))


def described(folder: Path, flavours: object) -> None:
    (folder / "MLmodel").write_text(json.dumps({"flavors": flavours}))


def manifest(folder: Path, **changes: object) -> None:
    content = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**content, **changes}))


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def replaced(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def astray(path: Path) -> None:
    """A tree whose first cut leads to a node that is not there."""
    lines = path.read_text().split("\n")
    n = next(n for n, line in enumerate(lines) if line.startswith("left_child="))
    first, _, rest = lines[n].removeprefix("left_child=").partition(" ")
    # As long as it was, so that the sizes of the trees are right.
    lines[n] = f"left_child={'9' * len(first)} {rest}"
    path.write_text("\n".join(lines))


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    name: str
    told: str
    make: Callable[[Path, Path], object]
    learner: str = "xgboost"
    resealed: bool = False


ATTACKS = (
    Attack(name="a pickle beside the model", told="could run code",
           make=lambda folder, marker: (folder / "model.pkl").write_bytes(bomb(marker))),
    Attack(name="a module in a folder of code", told="could run code",
           make=lambda folder, marker: ((folder / "code").mkdir(), (folder / "code" / "evil.py")
                                        .write_text(f"open({str(marker)!r}, 'w')"))),
    Attack(name="a pickled Python model", told="could run code",
           make=lambda folder, marker: (
               described(folder, {"python_function": {"python_model": "python_model.pkl"}}),
               (folder / "python_model.pkl").write_bytes(bomb(marker)))),
    Attack(name="another loader", told="names loader_module 'evil'",
           make=lambda folder, _: described(
               folder, {"python_function": {"loader_module": "evil"}})),
    Attack(name="another flavour", told="has flavour 'sklearn'",
           make=lambda folder, _: described(folder, {"sklearn": {"pickled_model": "m"}})),
    Attack(name="YAML that makes objects", told="not a model's description",
           make=lambda folder, marker: (folder / "MLmodel").write_text(
               f"flavors: !!python/object/apply:os.system ['touch {marker}']")),
    Attack(name="a link out of the folder", told="cannot be read",
           make=lambda folder, _: (folder / "link.json").symlink_to("/etc/hostname")),
    Attack(name="a missing file", told=r"has no file 'model\.ubj'",
           make=lambda folder, _: (folder / "model.ubj").unlink()),
    Attack(name="a changed bit in trees of XGBoost", told=r"'model\.ubj' is not the file",
           make=lambda folder, _: flipped(folder / "model.ubj")),
    Attack(name="a changed bit in trees of LightGBM", told=r"'model\.txt' is not the file",
           learner="lightgbm", make=lambda folder, _: flipped(folder / "model.txt")),
    Attack(name="a changed manifest", told=r"'stockade\.json' is not the file",
           make=lambda folder, _: manifest(folder, label="other")),
    Attack(name="a pickle in place of XGBoost's trees", told="not a whole xgboost model",
           resealed=True,
           make=lambda folder, marker: (folder / "model.ubj").write_bytes(bomb(marker))),
    Attack(name="a pickle in place of LightGBM's trees", told="not a whole lightgbm model",
           learner="lightgbm", resealed=True,
           make=lambda folder, marker: (folder / "model.txt").write_bytes(bomb(marker))),
    Attack(name="a pickle in place of a scorecard", told="is not a scorecard",
           learner="logistic", resealed=True,
           make=lambda folder, marker: (folder / "model.json").write_bytes(bomb(marker))),
    Attack(name="half of XGBoost's trees", told="not a whole xgboost model", resealed=True,
           make=lambda folder, _: cut(folder / "model.ubj")),
    Attack(name="half of LightGBM's trees", told="not a whole lightgbm model",
           learner="lightgbm", resealed=True, make=lambda folder, _: cut(folder / "model.txt")),
    Attack(name="LightGBM's trees with a way out", told="not a whole lightgbm model",
           learner="lightgbm", resealed=True, make=lambda folder, _: astray(folder / "model.txt")),
    Attack(name="an isolation tree that goes round", told="not an isolation forest",
           learner="isolation", resealed=True,
           make=lambda folder, _: replaced(folder / "model.json", '"left": [1', '"left": [-1')),
    Attack(name="a pickle in place of the manifest", told="not a model's manifest",
           resealed=True,
           make=lambda folder, marker: (folder / MANIFEST).write_bytes(bomb(marker))),
    Attack(name="a manifest without what scoring needs", told="not a model's manifest",
           resealed=True, make=lambda folder, _: manifest(folder, calibration=None)),
    Attack(name="a manifest that names a file outside", told="not the name of a model file",
           resealed=True,
           make=lambda folder, _: manifest(folder, files={"../../evil.so": "0"})),
    Attack(name="an unknown learner", told="algorithm 'pickle' is not one", resealed=True,
           make=lambda folder, _: manifest(folder, algorithm="pickle")),
    Attack(name="a policy of another class", told="not a model's manifest", resealed=True,
           make=lambda folder, marker: manifest(
               folder, decisions={"policy": json.dumps(
                   {"is": "os.system", "command": f"touch {marker}"})})),
)  # fmt: skip


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Learner -> home of a registry with one model."""
    homes: dict[str, Path] = {}
    sealed = Manifest(
        inputs=INPUTS, fingerprints={}, definitions_json="", training_table="t",
        training_version="1", label="returned", metrics={}, params={}, seed=0, categories={},
        texts={}, trained_on="", calibration=Calibration.none(), rule=None, population={},
        meanings={}, judgement={},
    )  # fmt: skip
    for learner in LEARNERS:
        homes[learner] = tmp_path_factory.mktemp(learner)
        params = {} if learner == "logistic" else {"n_estimators": 5, "learner": learner}
        model = fit(params, learner, training_data())  # type: ignore[arg-type]
        with study_run(destination(homes[learner]), name="one", study="a", tags={}) as run:
            run.register(model, sealed, dict.fromkeys(INPUTS, 0.0))
    return homes


def reseal(home: Path, folder: Path) -> None:
    try:
        content = json.loads((folder / MANIFEST).read_bytes())
        manifest(folder, files={
            name: sha256((folder / name).read_bytes()) if "/" not in name else seal
            for name, seal in content["files"].items()
        })  # fmt: skip
    except ValueError:
        pass
    seal, to = sha256((folder / MANIFEST).read_bytes()), destination(home)
    MlflowClient(to.tracking_uri, to.registry_uri).set_model_version_tag(
        to.registered_model, "1", SEAL, seal
    )


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_a_hostile_or_damaged_model_is_refused_and_runs_nothing(
    attack: Attack, registered: dict[str, Path], tmp_path: Path
) -> None:
    home, marker = registered[attack.learner], tmp_path / "it-ran"
    (folder,) = (path.parent for path in home.rglob("MLmodel"))
    aside = tmp_path / "aside"
    shutil.copytree(folder, aside)
    try:
        attack.make(folder, marker)
        if attack.resealed:
            reseal(home, folder)

        with pytest.raises(StockadeError, match=attack.told):
            load_model(destination(home), CHALLENGER).predictor()
    finally:
        shutil.rmtree(folder)
        shutil.copytree(aside, folder)
        reseal(home, folder)

    assert not marker.exists()
    load_model(destination(home), CHALLENGER).predictor()


def test_what_hostile_models_hold_would_have_run(tmp_path: Path) -> None:
    pickle.loads(bomb(tmp_path / "it-ran"))  # noqa: S301 -- the proof that the bomb is one

    assert (tmp_path / "it-ran").exists()
    assert len(ATTACKS) >= 12
