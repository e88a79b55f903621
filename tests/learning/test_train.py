"""A study in MLflow, the model that it registers, and what is refused on the way back."""

import json
import pickle
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from stockade import Action, Choice, Policy
from stockade.champion import Champion
from stockade.decisions import Calibration
from stockade.errors import DataError, DefinitionError
from stockade.learning.registry import load_model
from stockade.learning.tracking import CHALLENGER, Manifest, ModelNotFoundError, study_run
from stockade.learning.train import TrainedModel, train
from stockade.learning.tune import Running, TrainingFailedError
from stockade.predictors import UnsafeModelError
from stockade.scoring.score import score
from tests.learning.samples import (
    INPUTS,
    PINNED,
    SPEC,
    destination,
    spec_with,
    training_data,
    training_table,
)

SERIAL = Running(runner="serial", parallelism=1)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stockade")


@pytest.fixture(scope="module")
def trained(home: Path) -> TrainedModel:
    return train(
        SPEC, training_table(), pinned=PINNED, destination=destination(home), running=SERIAL
    )


@pytest.fixture
def folder(trained: TrainedModel, home: Path, tmp_path: Path) -> Path:
    """A copy of the registered model's home, to be tampered with."""
    del trained
    copy = tmp_path / "home"
    shutil.copytree(home, copy)
    # Versions hold absolute paths: let those of the copy be the copy's own.
    import sqlite3

    with sqlite3.connect(copy / "mlflow.db") as database:
        database.execute(
            "update model_versions set source = replace(source, ?, ?), "
            "storage_location = replace(storage_location, ?, ?)",
            (str(home), str(copy)) * 2,
        )
    database.close()
    return copy


def challenger(home: Path) -> Champion:
    return load_model(destination(home), CHALLENGER)


def client(home: Path) -> MlflowClient:
    to = destination(home)
    return MlflowClient(to.tracking_uri, to.registry_uri)


def runs(home: Path) -> list[Run]:
    mlflow = client(home)
    experiment = mlflow.get_experiment_by_name("/trust_safety/payment_return")
    assert experiment is not None
    return list(mlflow.search_runs([experiment.experiment_id]))


def model_file(home: Path, name: str) -> Path:
    (found,) = home.rglob(name)
    return found


def test_every_trial_and_the_baseline_are_child_runs(trained: TrainedModel, home: Path) -> None:
    children = [run for run in runs(home) if run.info.run_id != trained.run_id]

    assert {run.info.run_name for run in children} == {
        "baseline", "blend", "trial 000", "trial 001", "trial 002", "trial 003",
    }  # fmt: skip
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {trained.run_id}
    assert {run.info.status for run in runs(home)} == {"FINISHED"}
    one = next(run for run in children if run.info.run_name == "trial 002")
    assert one.data.params["max_depth"] == str(trained.trials[2].params["max_depth"])
    assert one.data.metrics["validation_average_precision"] == pytest.approx(
        trained.trials[2].judged().average_precision
    )


def test_the_parent_run_has_the_winners_metrics_marked_with_their_period(
    trained: TrainedModel, home: Path
) -> None:
    parent = client(home).get_run(trained.run_id)

    assert parent.data.metrics["validation_roc_auc"] == pytest.approx(trained.validation.roc_auc)
    assert parent.data.metrics["test_roc_auc"] == pytest.approx(
        trained.judgement.evaluation.roc_auc
    )
    assert {name.split("_")[0] for name in parent.data.metrics} == {"validation", "test"}
    assert parent.data.params["gap"] == "2 days, 0:00:00"


def test_the_champion_scores_as_the_winner_fitted_on_all_mature_rows(
    trained: TrainedModel, home: Path
) -> None:
    from stockade.learning.models import fit_predict

    data = training_data()

    got = challenger(home).predictor().predict(data.rows)

    expected = fit_predict(trained.params, "xgboost", data, data.rows, seed=SPEC.seed)
    np.testing.assert_array_equal(got, expected)
    assert trained.rows == len(data)


def test_the_champion_brings_all_that_scoring_needs(trained: TrainedModel, home: Path) -> None:
    got = challenger(home)

    assert (got.version, got.run_id, got.algorithm) == (1, trained.run_id, "xgboost")
    assert got.inputs == INPUTS
    assert got.fingerprints == {"logins_1d": "aa", "returns_30d": "bb"}
    assert got.definitions_json == PINNED.definitions_json
    assert (got.training_table, got.training_version) == ("trust_safety.deposits_labelled", "3")
    assert got.label == "returned"
    assert got.metrics["validation_average_precision"] == trained.validation.average_precision


@pytest.mark.slow
def test_the_champion_brings_its_calibration_its_rule_and_its_words(tmp_path: Path) -> None:
    policy = Policy(
        loss="amount", actions=(Action(name="allow"), Action(name="hold", cost=3, prevented=1))
    )
    spec = spec_with(policy=policy, slices=("is_new", "logins_1d"), trials=1)

    trained = train(
        spec, training_table(6000), pinned=replace(PINNED, meanings={"amount": "dollars"}),
        destination=destination(tmp_path), running=SERIAL,
    )  # fmt: skip

    got = challenger(tmp_path)
    assert got.rule is not None
    assert got.rule.policy == policy
    assert got.calibration.method == trained.judgement.calibration
    assert trained.judgement.calibration_losses.keys() == {
        "none",
        "platt",
        "isotonic",
        "venn-abers",
    }
    assert got.meanings == {"amount": "dollars"}
    assert set(got.population) == set(INPUTS)
    lines = [(line.column, line.value) for line in trained.judgement.slices]
    assert lines[:3] == [("", "all"), ("is_new", "false"), ("is_new", "true")]
    assert next(name for column, name in lines if column == "logins_1d").startswith("a: up to ")
    hold = trained.judgement.outcomes[1]
    metrics = client(tmp_path).get_run(trained.run_id).data.metrics
    assert metrics["test_net_hold"] == pytest.approx(hold.prevented - 3 * hold.decisions)
    low, high = (metrics[f"test_{end}_roc_auc"] for end in ("low", "high"))
    assert low < metrics["test_roc_auc"] < high


def test_the_folder_is_an_mlflow_model_that_other_tools_can_load(
    trained: TrainedModel, home: Path
) -> None:
    import mlflow.pyfunc
    import pandas as pd

    del trained
    path = model_file(home, "model.ubj").parent
    rows = pd.DataFrame(training_data().rows.astype(float), columns=list(INPUTS))

    loaded = mlflow.pyfunc.load_model(str(path))

    assert loaded.metadata.signature.inputs.input_names() == list(INPUTS)
    assert loaded.input_example is not None
    np.testing.assert_allclose(
        loaded.predict(rows), challenger(home).predictor().predict(training_data().rows), rtol=1e-6
    )


def test_the_example_is_nobodys_row(trained: TrainedModel, home: Path) -> None:
    del trained
    example = json.loads(model_file(home, "input_example.json").read_text())

    assert example["columns"] == list(INPUTS)
    medians = np.nanmedian(training_data().rows, axis=0)
    np.testing.assert_allclose(example["data"][0], medians, rtol=1e-6)


def test_artifacts_are_beside_the_database(trained: TrainedModel, home: Path) -> None:
    del trained
    assert (home / "artifacts" / "trust_safety_payment_return").is_dir()


@pytest.mark.slow
def test_where_no_trial_beats_the_baseline_the_baseline_is_registered(tmp_path: Path) -> None:
    # Trees that cannot grow: all scores are equal, and a blend ranks as the baseline does.
    stump = spec_with(
        search={"max_depth": Choice(options=(1,))},
        fixed={"n_estimators": 1, "min_child_weight": 1e6},
    )

    got = train(
        stump, training_table(signal="linear"), pinned=PINNED, destination=destination(tmp_path),
        running=SERIAL, trials=1,
    )  # fmt: skip

    loaded = challenger(tmp_path)
    assert (got.algorithm, loaded.algorithm, list(loaded.files)) == (
        "logistic", "logistic", ["model.json"],
    )  # fmt: skip
    assert got.validation == got.baseline
    rows = training_data(signal="linear").rows
    assert np.isfinite(loaded.predictor().predict(rows)).all()


@pytest.mark.slow
def test_seeds_are_registered_as_several_files_and_the_next_version_is_the_challenger(
    tmp_path: Path,
) -> None:
    spec = spec_with(fixed={"n_estimators": 5, "seeds": 2, "subsample": 0.7}, trials=1)

    versions = [
        train(
            spec, training_table(), pinned=PINNED, destination=destination(tmp_path),
            running=SERIAL,
        ).version
        for _ in range(2)
    ]  # fmt: skip

    assert versions == [1, 2]
    assert challenger(tmp_path).version == 2
    assert list(challenger(tmp_path).files) == ["model-0.ubj", "model-1.ubj"]


@pytest.mark.slow
def test_a_failed_trial_is_a_failed_run_with_its_reason(tmp_path: Path) -> None:
    policies = {"grow_policy": Choice(options=("depthwise", "nonsense"))}

    train(
        spec_with(search=policies, trials=6), training_table(), pinned=PINNED,
        destination=destination(tmp_path), running=SERIAL,
    )  # fmt: skip

    failed = [run for run in runs(tmp_path) if run.info.status == "FAILED"]
    assert failed
    assert all(run.data.params["grow_policy"] == "nonsense" for run in failed)
    assert all("nonsense" in run.data.tags["stockade.reason"] for run in failed)
    assert all(not run.data.metrics for run in failed)


@pytest.mark.slow
def test_no_run_is_left_running_and_nothing_registered_when_all_trials_fail(
    tmp_path: Path,
) -> None:
    nonsense = spec_with(search={"grow_policy": Choice(options=("nonsense",))})

    with pytest.raises(TrainingFailedError):
        train(
            nonsense, training_table(), pinned=PINNED, destination=destination(tmp_path),
            running=SERIAL,
        )  # fmt: skip

    assert [run.info.status for run in runs(tmp_path)] == ["FAILED"] * 5
    with pytest.raises(ModelNotFoundError, match="no version with alias 'challenger'"):
        challenger(tmp_path)


def test_a_metric_that_is_not_finite_is_never_logged(tmp_path: Path) -> None:
    with study_run(destination(tmp_path), name="one", study="a", tags={}) as run:
        run.log(metrics={"good": 1.0, "bad": float("nan"), "worse": float("inf")})

    (logged,) = runs(tmp_path)
    assert logged.data.metrics == {"good": 1.0}
    assert logged.data.tags["stockade.not_finite"] == "bad, worse"


def test_an_interrupted_run_is_killed_not_running(tmp_path: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        study_run(destination(tmp_path), name="one", study="a", tags={}),
    ):
        raise KeyboardInterrupt

    assert [run.info.status for run in runs(tmp_path)] == ["KILLED"]


def test_a_bad_split_is_refused_before_a_run_begins(tmp_path: Path) -> None:
    with pytest.raises((DataError, ExceptionGroup)):
        train(SPEC, training_table().slice(0, 3), pinned=PINNED, destination=destination(tmp_path))

    assert not (tmp_path / "mlflow.db").exists()


@pytest.mark.slow
def test_training_leaves_nothing_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    train(
        SPEC, training_table(), pinned=PINNED, destination=destination(tmp_path),
        running=SERIAL, trials=1,
    )  # fmt: skip
    challenger(tmp_path)

    # MLflow 3.8 makes an empty `mlruns` where it is started; what matters is that it stays empty.
    assert [path for path in Path().rglob("*") if path.is_file()] == []


def test_a_tampered_model_file_is_refused(folder: Path) -> None:
    path = model_file(folder, "model.ubj")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    with pytest.raises(UnsafeModelError, match=r"version 1: 'model\.ubj' is not the file that"):
        challenger(folder)


def test_a_manifest_that_was_changed_to_fit_is_refused(folder: Path) -> None:
    path = model_file(folder, "stockade.json")
    path.write_text(path.read_text().replace('"aa"', '"cc"'))

    with pytest.raises(UnsafeModelError, match=r"'stockade\.json' is not the file that was"):
        challenger(folder)


def test_a_missing_model_file_is_refused(folder: Path) -> None:
    model_file(folder, "model.ubj").unlink()

    with pytest.raises(UnsafeModelError, match=r"has no file 'model\.ubj'"):
        challenger(folder)


@pytest.mark.parametrize(
    "name", ["code/evil.py", "evil.pkl", "deep/evil.PICKLE", "python_model.cloudpickle"]
)
def test_a_folder_with_code_is_refused_and_the_code_not_run(
    folder: Path, tmp_path: Path, name: str
) -> None:
    marker = tmp_path / "it-ran"
    pickled = f"cos\nsystem\n(S'touch {marker}'\ntR.".encode()
    path = model_file(folder, "MLmodel").parent / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(pickled if path.suffix != ".py" else f"open('{marker}', 'w')".encode())

    with pytest.raises(UnsafeModelError, match="could run code"):
        challenger(folder)

    assert not marker.exists()
    pickle.loads(pickled)  # noqa: S301 -- this is what would have run
    assert marker.exists()


def test_a_link_out_of_the_folder_and_a_description_with_objects_are_refused(
    folder: Path, tmp_path: Path
) -> None:
    marker, described = tmp_path / "it-ran", model_file(folder, "MLmodel")
    link = described.parent / "link.json"
    link.symlink_to("/etc/hostname")
    # The copy that is checked is not even made: MLflow follows no link out of the folder.
    with pytest.raises(UnsafeModelError, match=r"its folder '.*' cannot be read: restore it"):
        challenger(folder)
    link.unlink()

    described.write_text(f"flavors: !!python/object/apply:os.system ['touch {marker}']")
    with pytest.raises(UnsafeModelError, match="not a model's description"):
        challenger(folder)

    assert not marker.exists()


@pytest.mark.parametrize(
    ("flavours", "told"),
    [
        ({"python_function": {"loader_module": "evil"}}, "loader_module 'evil'"),
        ({"python_function": {"python_model": "x"}}, "brings Python code"),
        ({"xgboost": {"code": "code"}}, "brings Python code"),
        ({"sklearn": {}}, "flavour 'sklearn'"),
        (None, "not a model's description"),
    ],
)
def test_a_description_that_names_code_is_refused(
    folder: Path, flavours: Mapping[str, Any] | None, told: str
) -> None:
    model_file(folder, "MLmodel").write_text(json.dumps({"flavors": flavours}))

    with pytest.raises(UnsafeModelError, match=told):
        challenger(folder)


def test_a_version_that_stockade_did_not_register_is_refused(folder: Path) -> None:
    client(folder).delete_model_version_tag(
        "models.payment_return", "1", "stockade.manifest_sha256"
    )

    with pytest.raises(UnsafeModelError, match="not the file that was registered"):
        challenger(folder)


def test_a_model_that_was_deleted_on_disk_is_refused(folder: Path) -> None:
    shutil.rmtree(folder / "artifacts")

    with pytest.raises(UnsafeModelError, match="cannot be read"):
        challenger(folder)


def test_a_manifest_takes_no_number_that_json_has_not(tmp_path: Path) -> None:
    from stockade.learning.models import fit

    model = fit({}, "logistic", training_data())
    manifest = Manifest(
        inputs=INPUTS, fingerprints={}, definitions_json="", training_table="t",
        training_version="1", label="returned", metrics={"bad": float("nan")}, params={}, seed=0,
        categories={},
        texts={},
        trained_on="", calibration=Calibration.none(), rule=None, population={}, meanings={},
        judgement={},
    )  # fmt: skip

    with (
        pytest.raises(ValueError, match="not JSON compliant"),
        study_run(destination(tmp_path), name="one", study="a", tags={}) as run,
    ):
        run.register(model, manifest, dict.fromkeys(INPUTS, 0.0))


@pytest.mark.slow
def test_a_text_input_goes_from_training_to_scores_and_back_into_words(
    spark: SparkSession, tmp_path: Path
) -> None:
    table = training_table()
    risky = np.array(table.column("returned").to_pylist()) & (np.arange(len(table)) % 4 > 0)
    rails = np.where(risky, "wire", np.where(np.arange(len(table)) % 2 > 0, "ach", "card"))
    table = table.append_column("rail", pa.array(rails.tolist()))
    pinned = replace(PINNED, inputs=(*INPUTS, "rail"), meanings={"rail": "how it was paid"})

    got = train(
        SPEC, table, pinned=pinned, destination=destination(tmp_path),
        running=Running(runner="batch", spark=spark), trials=2,
    )  # fmt: skip
    champion = challenger(tmp_path)

    assert [trial.reason for trial in got.trials] == [None, None]
    assert champion.categories == {"rail": ("card", "ach", "wire")}
    assert next(iter(got.judgement.importance)) == "rail"
    rows = spark.createDataFrame(
        [(n, "2026-04-01T00:00:00Z", 20.0, 3, 0.0, False, rail)
         for n, rail in enumerate(["wire", "ach", "never seen", None])],
        "deposit_id long, decided_at string, amount double, logins_1d int, returns_30d double, "
        "is_new boolean, rail string",
    ).withColumn("decided_at", F.col("decided_at").cast("timestamp"))  # fmt: skip
    wire, ach, new, none = (
        score(rows, champion, id_columns=["deposit_id"], decided_at="decided_at", explain=1)
        .orderBy("deposit_id").collect()
    )  # fmt: skip
    assert wire.score > 0.8 > ach.score
    assert new.score == none.score
    assert (wire.reasons[0].text, wire.reasons[0].value) == ("how it was paid: wire", None)
    # Trained again, it is compared with the one before, whose numbers for text are its own.
    other = table.filter(pa.array(rails != "ach"))
    client(tmp_path).set_registered_model_alias("models.payment_return", "champion", "1")
    again = train(
        SPEC, other, pinned=pinned, destination=destination(tmp_path), running=SERIAL, trials=1
    )
    assert again.judgement.rival is not None
    assert again.judgement.rival.evaluation.roc_auc > 0.8


@pytest.mark.slow
def test_a_text_that_is_hashed_goes_from_training_to_scores_and_reasons(
    spark: SparkSession, tmp_path: Path
) -> None:
    table = training_table()
    odd = np.arange(len(table)) % 2 > 0
    risky = np.array(table.column("returned").to_pylist()) & odd
    memos = [f"gift card {n}" if bad else f"rent of unit {n}" for n, bad in enumerate(risky)]
    table = table.append_column("memo", pa.array([*memos[:-1], None]))
    features = replace(SPEC.training_set.features, spine_columns="memo")
    spec = spec_with(training_set=replace(SPEC.training_set, features=features), texts={"memo": 64})
    pinned = replace(PINNED, inputs=(*INPUTS, "memo"), meanings={"memo": "what it was for"})

    got = train(
        spec, table, pinned=pinned, destination=destination(tmp_path), running=SERIAL, trials=1
    )

    champion = challenger(tmp_path)
    assert (champion.texts, len(champion.columns)) == ({"memo": 64}, 4 + 64)
    assert next(iter(got.judgement.importance)) == "memo"
    rows = spark.createDataFrame(
        [(n, "2026-04-01T00:00:00Z", 20.0, 3, 0.0, False, memo)
         for n, memo in enumerate(["Gift card 5551", "rent of unit 7", None])],
        "deposit_id long, decided_at string, amount double, logins_1d int, returns_30d double, "
        "is_new boolean, memo string",
    ).withColumn("decided_at", F.col("decided_at").cast("timestamp"))  # fmt: skip
    gift, rent, none = (
        score(rows, champion, id_columns=["deposit_id"], decided_at="decided_at", explain=1)
        .orderBy("deposit_id").collect()
    )  # fmt: skip
    assert gift.score > 0.8 > rent.score
    assert 0 < none.score < 1
    reason = gift.reasons[0]
    assert (reason.text, reason.value) == ("what it was for: what is written there", None)
    with pytest.raises(DefinitionError, match="texts name 'memos': did you mean 'memo'"):
        train(
            replace(spec, texts={"memos": 64}), table,
            pinned=pinned, destination=destination(tmp_path), running=SERIAL,
        )  # fmt: skip
