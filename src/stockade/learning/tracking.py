"""A study's runs in MLflow, and the model that it registers."""

import hashlib
import json
import logging
import math
import os
import re
import socket
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

# Before mlflow is imported: it reads them then. Nothing about a model leaves the house unasked,
# and a progress bar per copied file says nothing.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

import pandas as pd
import xgboost as xgb
from mlflow import MlflowClient
from mlflow import xgboost as mlflow_xgboost
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run, RunTag
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, Schema

from stockade.champion import sha256
from stockade.decisions import Calibration, DecisionRule
from stockade.definitions.fingerprint import to_json
from stockade.errors import StockadeError
from stockade.learning.trial import Trial
from stockade.predictors import BoosterMean, Predictor
from stockade.target import Target

CHAMPION, CHALLENGER = "champion", "challenger"
MANIFEST = "stockade.json"
FORMAT = 6
SEAL = "stockade.manifest_sha256"
_STUDY, _RESULT = "stockade.study", "stockade.result"
_OWNER, _HEARTBEAT = "stockade.owner", "stockade.heartbeat"
_BESIDE = {-1: "baseline", -2: "blend"}
_BEAT_SECONDS, _DEAD_SECONDS = 30, 300

T = TypeVar("T")


class ModelNotFoundError(StockadeError):
    """Raised when the registry has no such model, version or alias."""


class TrackingError(StockadeError):
    """Raised when MLflow does not answer, or refuses; what was recorded before is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where runs and models are recorded.

    Attributes:
        tracking_uri, registry_uri: as MLflow's; for SQLite `sqlite:////folder/mlflow.db`.
        experiment: the experiment's name; made where it is missing.
        registered_model: the model's name in the registry; made where it is missing.
    """

    tracking_uri: str
    registry_uri: str
    experiment: str
    registered_model: str

    @classmethod
    def of(cls, target: Target, model: str) -> Self:
        """Where a target keeps a model of that name."""
        return cls(
            tracking_uri=target.tracking_uri,
            registry_uri=target.registry_uri,
            experiment=target.experiment(model),
            registered_model=target.registered_model(model),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a model file does not say of itself; see `Champion` for the fields."""

    inputs: tuple[str, ...]
    fingerprints: Mapping[str, str]
    definitions_json: str
    training_table: str
    training_version: str
    label: str
    metrics: Mapping[str, float]
    calibration: Calibration
    rule: DecisionRule | None
    judgement: Mapping[str, Any]
    population: Mapping[str, Sequence[float]]
    meanings: Mapping[str, str]
    categories: Mapping[str, tuple[str, ...]]
    texts: Mapping[str, int]
    params: Mapping[str, object]
    seed: int
    trained_on: str


class StudyRun:
    """One open parent run: what a study logs, and the model that it registers."""

    def __init__(
        self,
        client: MlflowClient,
        destination: Destination,
        run: Run,
        known: Mapping[int, dict[str, Any]],
    ) -> None:
        """Wrap the run; use `study_run` to open one.

        `known` are the results of the trials, by number, that an interrupted run left.
        """
        self._client = client
        self._destination = destination
        self._info = run.info
        self.run_id = str(run.info.run_id)
        self.known = known

    def log(
        self,
        *,
        params: Mapping[str, object] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, object] | None = None,
    ) -> None:
        """Log to the parent run; a number that is not finite is left out and named in a tag."""
        _log(self._client, self.run_id, params=params, metrics=metrics, tags=tags)

    def log_trial(
        self, trial: Trial, *, algorithm: str, result: Mapping[str, Any] | None = None
    ) -> None:
        """One child run: its parameters, its validation metrics, or the reason why it has none.

        With the `result`, a run that resumes this one need not evaluate the trial again.
        """
        began = int(trial.began * 1000)
        number = f"trial {trial.number:03d}" if trial.number >= 0 else _BESIDE[trial.number]
        tags: dict[str, object] = {"stockade.algorithm": algorithm}
        if trial.reason is not None:
            tags["stockade.reason"] = trial.reason
        if result is not None:
            tags[_RESULT] = json.dumps({"number": trial.number, **result})
        child = self._client.create_run(
            self._info.experiment_id,
            start_time=began,
            run_name=number,
            tags={"mlflow.parentRunId": self.run_id},
        ).info.run_id
        measured = validation_metrics(trial)
        _log(self._client, child, params=trial.params, metrics=measured, tags=tags)
        # What is not terminated was not logged whole, and is evaluated again.
        self._client.set_terminated(
            child,
            status="FAILED" if trial.failed else "FINISHED",
            end_time=began + int(trial.seconds * 1000),
        )

    def log_training_set(
        self, table: str, version: str, *, place: str, content_hash: str, rows: int
    ) -> None:
        """Say in MLflow's terms what is learnt from: a dataset, its digest that of the rows."""
        dataset = Dataset(
            name=table,
            # MLflow keeps 36 characters.
            digest=hashlib.sha256(content_hash.encode()).hexdigest()[:16],
            source_type="delta_table",
            source=json.dumps({"path": place, "delta_table_version": int(version)}),
            profile=json.dumps({"num_rows": rows, "content_hash": content_hash}),
        )
        context = InputTag("mlflow.data.context", "training")
        self._client.log_inputs(self.run_id, [DatasetInput(dataset, [context])])

    def log_files(self, folder: str, files: Mapping[str, bytes]) -> None:
        """Keep files beside the run, in a folder of its artifacts."""
        with tempfile.TemporaryDirectory(prefix="stockade-files-") as temporary:
            for name, content in files.items():
                (Path(temporary) / name).write_bytes(content)
            self._client.log_artifacts(self.run_id, temporary, folder)

    def register(
        self, model: Predictor, manifest: Manifest, example: Mapping[str, float | str]
    ) -> int:
        """Log the model under this run and register it as the challenger; its version."""
        name = self._destination.registered_model
        _make(lambda: self._client.create_registered_model(name))
        # A version that is there already was made after its files were written, whole.
        version = self._registered(name) or self._version(name, model, manifest, example)
        self._client.set_registered_model_alias(name, CHALLENGER, version.version)
        return int(version.version)

    def _version(
        self, name: str, model: Predictor, manifest: Manifest, example: Mapping[str, float | str]
    ) -> ModelVersion:
        with tempfile.TemporaryDirectory(prefix="stockade-model-") as temporary:
            folder = Path(temporary) / "model"
            seal = _write_model(folder, model, manifest, example)
            self._client.log_artifacts(self.run_id, str(folder), "model")
        return self._client.create_model_version(
            name,
            # Not `runs:/...`: MLflow would look that run up in the process's global store.
            source=f"{str(self._info.artifact_uri).rstrip('/')}/model",
            run_id=self.run_id,
            tags={
                SEAL: seal,
                "stockade.algorithm": model.algorithm,
                "stockade.training_table": manifest.training_table,
                "stockade.training_version": manifest.training_version,
                "stockade.label": manifest.label,
            },
        )

    def _registered(self, name: str) -> ModelVersion | None:
        """The version that this run had registered when it was interrupted."""
        return next(
            (
                version
                for version in self._client.search_model_versions(f"name = '{name}'")
                if version.run_id == self.run_id
            ),
            None,
        )


@contextmanager
def study_run(
    destination: Destination, *, name: str, study: str, tags: Mapping[str, object]
) -> Generator[StudyRun, None, None]:
    """An open parent run; it ends FINISHED, FAILED on an error, or KILLED on an interrupt.

    A process that is killed leaves its run RUNNING for ever. Such runs of the experiment are ended
    here as KILLED, except the latest of the same `study`: that one is opened again, with what is
    known of its trials.

    Args:
        destination: where it is recorded.
        name: of a new run.
        study: says what is searched; equal text, equal trials.
        tags: logged at once.

    Raises:
        TrackingError: MLflow went away, by its own setting after minutes of trying. The run stays
            RUNNING, so that the next process goes on with it.
    """
    with quiet_mlflow(), _answering(destination):
        client = MlflowClient(destination.tracking_uri, destination.registry_uri)
        experiment = _experiment_id(client, destination)
        run = _abandoned(client, experiment, study)
        known = {} if run is None else _known(client, run)
        owned = {_STUDY: study, _OWNER: _here(), _HEARTBEAT: str(int(time.time()))}
        run = run or client.create_run(experiment, run_name=name, tags=owned)
        run_id = str(run.info.run_id)
        status: str | None = "KILLED"
        try:
            _log(client, run_id, tags={**owned, **tags})
            with _heartbeat(client, run_id):
                yield StudyRun(client, destination, run, known)
            status = "FINISHED"
        except MlflowException:
            status = None
            raise
        except Exception as fault:
            status = "FAILED"
            # The words of others may quote rows.
            said = f": {fault}" if isinstance(fault, StockadeError) else ""
            _log(client, run_id, tags={"stockade.reason": f"{type(fault).__name__}{said}"})
            raise
        finally:
            if status is not None:
                client.set_terminated(run_id, status=status)


@contextmanager
def _answering(destination: Destination) -> Generator[None, None, None]:
    try:
        yield
    except MlflowException as fault:
        # Its own text has the server's address, which may hold a password.
        raise TrackingError(
            f"MLflow does not answer, or refuses, for experiment '{destination.experiment}' "
            f"({fault.error_code.lower()}): what was recorded is kept; run the same again when it "
            "answers, and finished trials are not repeated"
        ) from None


def _abandoned(client: MlflowClient, experiment: str, study: str) -> Run | None:
    """The latest run of the study that nobody works on any more; the others are ended."""
    found: Run | None = None
    running = f"attributes.status = 'RUNNING' and tags.`{_HEARTBEAT}` != ''"
    for run in _runs(client, experiment, running):
        if _is_alive(run.data.tags):
            continue
        if found is None and run.data.tags.get(_STUDY) == study:
            found = run
            continue
        _log(client, run.info.run_id, tags={"stockade.reason": "its process is gone"})
        client.set_terminated(run.info.run_id, status="KILLED")
    return found


def _known(client: MlflowClient, run: Run) -> dict[int, dict[str, Any]]:
    known: dict[int, dict[str, Any]] = {}
    parent = f"tags.`mlflow.parentRunId` = '{run.info.run_id}'"
    for child in _runs(client, run.info.experiment_id, parent):
        if child.info.status == "RUNNING" or _RESULT not in child.data.tags:
            client.delete_run(child.info.run_id)
            continue
        result = json.loads(child.data.tags[_RESULT])
        known[result.pop("number")] = result
    return known


def _runs(client: MlflowClient, experiment: str, wanted: str) -> list[Run]:
    """All that fit, the latest first."""
    found: list[Run] = []
    token: str | None = None
    while True:
        page = client.search_runs(
            [experiment], wanted, order_by=["attributes.start_time DESC"], page_token=token
        )
        found += page
        token = page.token
        if not token:
            return found


def _here() -> str:
    return f"{socket.gethostname()} {os.getpid()}"


def _is_alive(tags: Mapping[str, str]) -> bool:
    host, pid = tags.get(_OWNER, "? 0").rsplit(" ", 1)
    if host == socket.gethostname():
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
    return time.time() - float(tags[_HEARTBEAT]) < _DEAD_SECONDS


@contextmanager
def _heartbeat(client: MlflowClient, run_id: str) -> Generator[None, None, None]:
    """Say now and then that the run is being worked on."""
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(_BEAT_SECONDS):
            # A registry that is away for a while must not end the training.
            with suppress(Exception):
                client.set_tag(run_id, _HEARTBEAT, str(int(time.time())))

    thread = threading.Thread(target=beat, name="stockade-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def validation_metrics(trial: Trial) -> Mapping[str, float]:
    """The trial's metrics, named as what they are: of the validation period."""
    if trial.evaluation is None:
        return {}
    return {f"validation_{name}": value for name, value in trial.evaluation.numbers().items()}


@contextmanager
def quiet_mlflow() -> Generator[None, None, None]:
    """Keep migrations, hints and deprecations of MLflow off the terminal."""
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def _experiment_id(client: MlflowClient, destination: Destination) -> str:
    found = client.get_experiment_by_name(destination.experiment)
    if found is None:
        root = _artifact_root(destination)
        _make(lambda: client.create_experiment(destination.experiment, artifact_location=root))
        found = client.get_experiment_by_name(destination.experiment)
    if found is None or found.lifecycle_stage != "active":
        raise ModelNotFoundError(
            f"experiment '{destination.experiment}' was deleted: restore it in MLflow, or use "
            "another name"
        )
    return str(found.experiment_id)


def _artifact_root(destination: Destination) -> str | None:
    """Beside the SQLite file: MLflow's default is `mlruns` under wherever a command was started."""
    if not destination.tracking_uri.startswith("sqlite:///"):
        return None
    database = Path(destination.tracking_uri.removeprefix("sqlite:///")).resolve()
    folder = re.sub(r"[^A-Za-z0-9_.-]+", "_", destination.experiment).strip("_.") or "default"
    return (database.parent / "artifacts" / folder).as_uri()


def _make(create: Callable[[], T]) -> None:
    """Create, or accept that somebody just did."""
    try:
        create()
    except MlflowException as fault:
        if fault.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _log(
    client: MlflowClient,
    run_id: str,
    *,
    params: Mapping[str, object] | None = None,
    metrics: Mapping[str, float] | None = None,
    tags: Mapping[str, object] | None = None,
) -> None:
    now = int(time.time() * 1000)
    # MLflow stores infinity as 1.8e308, which then looks like a measurement.
    finite = {name: value for name, value in (metrics or {}).items() if math.isfinite(value)}
    dropped = sorted(set(metrics or {}) - set(finite))
    said = dict(tags or {}) | ({"stockade.not_finite": ", ".join(dropped)} if dropped else {})
    client.log_batch(
        run_id,
        metrics=[Metric(name, value, now, 0) for name, value in finite.items()],
        params=[Param(name, str(value)[:6000]) for name, value in (params or {}).items()],
        tags=[RunTag(name, str(value)[:5000]) for name, value in said.items()],
    )


def _write_model(
    folder: Path, model: Predictor, manifest: Manifest, example: Mapping[str, float | str]
) -> str:
    """The MLflow model folder; returns the manifest's SHA-256."""
    files = model.files()
    words = {*manifest.categories, *manifest.texts}
    described = Model(
        signature=ModelSignature(
            inputs=Schema(
                [ColSpec("string" if name in words else "double", name) for name in manifest.inputs]
            ),
            outputs=Schema([ColSpec("double", "score")]),
        )
    )
    described.add_flavor("stockade", algorithm=model.algorithm, files=sorted(files))
    one_row = pd.DataFrame([[example[name] for name in manifest.inputs]], columns=manifest.inputs)
    # Other tools would not know which number stands for which text.
    plain = not words
    if plain and isinstance(model, BoosterMean) and len(model.boosters) == 1:
        # One booster is what MLflow's own flavour can hold, so other tools can load it as well.
        mlflow_xgboost.save_model(
            model.boosters[0],
            str(folder),
            mlflow_model=described,
            input_example=one_row,
            pip_requirements=[f"xgboost=={xgb.__version__}"],
        )
    else:
        folder.mkdir(parents=True)
        split = one_row.to_dict(orient="split", index=False)
        (folder / "input_example.json").write_text(json.dumps(split))
        described.saved_input_example_info = {
            "artifact_path": "input_example.json",
            "type": "dataframe",
            "pandas_orient": "split",
        }
        described.save(str(folder / "MLmodel"))
    for name, content in files.items():
        (folder / name).write_bytes(content)
    sealed = {
        "format": FORMAT,
        "algorithm": model.algorithm,
        "files": {name: sha256(content) for name, content in files.items()},
        "inputs": list(manifest.inputs),
        "fingerprints": dict(manifest.fingerprints),
        "definitions": manifest.definitions_json,
        "training_table": manifest.training_table,
        "training_version": manifest.training_version,
        "label": manifest.label,
        "metrics": dict(manifest.metrics),
        "metrics_of": "validation_: the winning trial; test_: its parameters on the test period; "
        "both before the final fit",
        "calibration": manifest.calibration.document(),
        "decisions": None
        if manifest.rule is None
        else {"policy": to_json(manifest.rule.policy), **manifest.rule.document()},
        "judgement": dict(manifest.judgement),
        "population": {name: list(values) for name, values in manifest.population.items()},
        "meanings": dict(manifest.meanings),
        "categories": {name: list(values) for name, values in manifest.categories.items()},
        "texts": dict(manifest.texts),
        "params": dict(manifest.params),
        "seed": manifest.seed,
        "trained_on": manifest.trained_on,
    }
    text = json.dumps(sealed, indent=1, ensure_ascii=False, allow_nan=False).encode()
    (folder / MANIFEST).write_bytes(text)
    return sha256(text)
