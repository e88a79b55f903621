"""Registered models: how they are read, and which of them is the champion."""

import json
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow.artifacts
import numpy as np
import yaml
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from stockade.champion import Champion, sha256
from stockade.decisions import Calibration, DecisionRule
from stockade.definitions.fingerprint import from_json
from stockade.errors import DefinitionError, StockadeError
from stockade.learning.gates import Check
from stockade.learning.tracking import (
    CHALLENGER,
    CHAMPION,
    FORMAT,
    MANIFEST,
    SEAL,
    Destination,
    ModelNotFoundError,
    quiet_mlflow,
)
from stockade.predictors import UnsafeModelError

_MODEL_FILE = re.compile(r"model(-[0-9]{1,3})?\.(ubj|txt|json)\Z")
_CODE = {".py", ".pyc", ".pkl", ".pickle", ".cloudpickle", ".joblib", ".dill", ".pt", ".so", ".whl"}
_FLAVOURS = {"stockade", "xgboost", "python_function"}
_REMEDY: Mapping[str | int, str] = {
    CHAMPION: "train it and promote a version",
    CHALLENGER: "train it",
}
_GONE = "it was deleted, or registered elsewhere"
_GATES, _PROMOTED, _PREVIOUS, _WITHDRAWN = (
    "stockade.gates", "stockade.promoted_at", "stockade.previous_champion",
    "stockade.withdrawn_at",
)  # fmt: skip


class NotPromotedError(StockadeError):
    """Raised when a version cannot become champion, or none can be gone back to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """What the gates said of a challenger.

    Attributes:
        model, version: the challenger.
        promoted: whether it is champion now.
        previous: the version that was champion before, if any.
        checks: one per gate.
    """

    model: str
    version: int
    promoted: bool
    previous: int | None
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionHistory:
    """What became of one version.

    Attributes:
        version, run_id: which.
        created_at: when it was registered; UTC.
        aliases: what it is called now.
        promoted_at, withdrawn_at: when it became champion and when it was rolled back, if so.
        previous: the champion before it.
        checks: what the gates said, if they were asked.
    """

    version: int
    run_id: str
    created_at: datetime
    aliases: tuple[str, ...]
    promoted_at: str | None
    withdrawn_at: str | None
    previous: int | None
    checks: tuple[Check, ...]


def load_model(destination: Destination, alias: str | int = CHAMPION) -> Champion:
    """The registered model with this alias, or of this version, from its native files alone.

    MLflow's own loader is not used: it unpickles and imports what a model folder names, whatever
    `MLFLOW_ALLOW_PICKLE_DESERIALIZATION` says where `DATABRICKS_RUNTIME_VERSION` is set.

    Raises:
        ModelNotFoundError: no such model, alias or version.
        UnsafeModelError: a file is not the registered one, or the folder could run code.
    """
    with quiet_mlflow():
        client, name = _client(destination), destination.registered_model
        version = _holder(client, name, alias)
        if version is None:
            wanted = f"version {alias}" if isinstance(alias, int) else (
                f"version with alias '{alias}'"
            )  # fmt: skip
            raise ModelNotFoundError(
                f"model '{name}' has no {wanted} in the registry: {_REMEDY.get(alias, _GONE)}"
            )
        return _checked(client, destination, version)


def _checked(client: MlflowClient, destination: Destination, version: ModelVersion) -> Champion:
    """The version as a value, if its files are the registered ones."""
    name = destination.registered_model
    with tempfile.TemporaryDirectory(prefix="stockade-model-") as temporary:
        # Unity Catalog lends credentials by version only; elsewhere the version names its folder.
        uri = f"models:/{name}/{version.version}"
        if not destination.registry_uri.startswith("databricks"):
            uri = client.get_model_version_download_uri(name, version.version)
        try:
            folder = mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=temporary)
        except (MlflowException, OSError) as fault:
            raise UnsafeModelError(
                f"model '{name}' version {version.version}: its folder '{uri}' cannot be read: "
                "restore it, or give the alias to another version"
            ) from fault
        seal = str(version.tags.get(SEAL, ""))
        fields = _read_model(Path(folder), who=f"model '{name}' version {version.version}",
                             seal=seal)  # fmt: skip
    return Champion(
        name=name, version=int(version.version), run_id=str(version.run_id or ""), **fields
    )


def promote(
    destination: Destination, judge: Callable[[Champion, int | None], Sequence[Check]]
) -> Promotion:
    """Let the challenger become champion if every gate lets it.

    What the gates said is kept with the version, whether they let it or not.

    Args:
        destination: the model.
        judge: the gates: from the challenger, and the version that is champion now, to checks.

    Raises:
        ModelNotFoundError: there is no challenger.
        UnsafeModelError: its files are not the registered ones.
    """
    challenger = load_model(destination, CHALLENGER)
    with quiet_mlflow():
        client, name = _client(destination), destination.registered_model
        holder = _holder(client, name, CHAMPION)
        previous = None if holder is None else int(holder.version)
        checks = tuple(judge(challenger, previous))
        version = str(challenger.version)
        told = json.dumps([asdict(check) for check in checks])
        client.set_model_version_tag(name, version, _GATES, told)
        promoted = all(check.passed for check in checks)
        if promoted:
            client.set_model_version_tag(name, version, _PROMOTED, _now())
            if previous is not None:
                client.set_model_version_tag(name, version, _PREVIOUS, str(previous))
            # One atomic change for those who score; stopped after it, there is nothing to mend.
            client.set_registered_model_alias(name, CHAMPION, version)
            client.delete_registered_model_alias(name, CHALLENGER)
    return Promotion(
        model=name, version=challenger.version, promoted=promoted, previous=previous, checks=checks
    )


def rollback(destination: Destination) -> Promotion:
    """Give the alias back to the version that was champion before this one.

    Raises:
        ModelNotFoundError: there is no champion.
        NotPromotedError: it is the first one, or the one before it is gone.
        UnsafeModelError: the files of the one before are not the registered ones.
    """
    with quiet_mlflow():
        client, name = _client(destination), destination.registered_model
        holder = _holder(client, name, CHAMPION)
        if holder is None:
            raise ModelNotFoundError(f"model '{name}' has no champion: {_REMEDY[CHAMPION]}")
        before = holder.tags.get(_PREVIOUS)
        if before is None:
            raise NotPromotedError(
                f"model '{name}': version {holder.version} is the first champion, and there is "
                "none to go back to: train and promote another"
            )
        try:
            version = client.get_model_version(name, before)
        except MlflowException as fault:
            raise NotPromotedError(
                f"model '{name}': version {before}, the champion before, was deleted: train and "
                "promote another"
            ) from fault
        _checked(client, destination, version)
        client.set_model_version_tag(name, holder.version, _WITHDRAWN, _now())
        client.set_registered_model_alias(name, CHAMPION, before)
    return Promotion(
        model=name, version=int(before), promoted=True, previous=int(holder.version), checks=()
    )


def withdraw(destination: Destination) -> int:
    """Take the champion's alias away, so that nothing scores until a version is promoted.

    The way on where no comparison with the champion is possible: its features have changed.

    Returns:
        The version that was champion.

    Raises:
        ModelNotFoundError: there is no champion.
    """
    with quiet_mlflow():
        client, name = _client(destination), destination.registered_model
        holder = _holder(client, name, CHAMPION)
        if holder is None:
            raise ModelNotFoundError(f"model '{name}' has no champion: {_REMEDY[CHAMPION]}")
        client.set_model_version_tag(name, holder.version, _WITHDRAWN, _now())
        client.delete_registered_model_alias(name, CHAMPION)
    return int(holder.version)


def history(destination: Destination) -> tuple[VersionHistory, ...]:
    """Every version, the latest first."""
    with quiet_mlflow():
        client, name = _client(destination), destination.registered_model
        found = client.search_model_versions(f"name = '{name}'")
        aliases: dict[int, list[str]] = {}
        for alias in (CHALLENGER, CHAMPION):
            holder = _holder(client, name, alias)
            if holder is not None:
                aliases.setdefault(int(holder.version), []).append(alias)
    lines = [_line(version, tuple(aliases.get(int(version.version), ()))) for version in found]
    return tuple(sorted(lines, key=lambda line: -line.version))


def _line(version: ModelVersion, aliases: tuple[str, ...]) -> VersionHistory:
    tags = version.tags
    return VersionHistory(
        version=int(version.version),
        run_id=str(version.run_id or ""),
        created_at=datetime.fromtimestamp(int(version.creation_timestamp or 0) / 1000, tz=UTC),
        aliases=aliases,
        promoted_at=tags.get(_PROMOTED),
        withdrawn_at=tags.get(_WITHDRAWN),
        previous=int(tags[_PREVIOUS]) if _PREVIOUS in tags else None,
        checks=tuple(Check(**check) for check in json.loads(tags.get(_GATES, "[]"))),
    )


def _client(destination: Destination) -> MlflowClient:
    return MlflowClient(destination.tracking_uri, destination.registry_uri)


def _holder(client: MlflowClient, name: str, alias: str | int) -> ModelVersion | None:
    try:
        if isinstance(alias, int):
            return client.get_model_version(name, str(alias))
        return client.get_model_version_by_alias(name, alias)
    except MlflowException as fault:
        if fault.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _read_model(folder: Path, *, who: str, seal: str) -> dict[str, Any]:
    """`Champion`'s fields from a model folder that has been checked."""
    _refuse_code(folder, who=who)
    text = _bytes(folder / MANIFEST, who=who)
    if not seal or sha256(text) != seal:
        raise UnsafeModelError(
            f"{who}: '{MANIFEST}' is not the file that was registered: do not use this version; "
            "train again"
        )
    try:
        manifest = json.loads(text)
        if manifest["format"] != FORMAT:
            raise UnsafeModelError(
                f"{who} was registered by another version of stockade, in a format that this one "
                "does not read: train again"
            )
        files = _files(folder, manifest["files"], who=who)
        return _fields(manifest) | {"files": files}
    except (ValueError, KeyError, TypeError, AttributeError, DefinitionError) as fault:
        raise UnsafeModelError(
            f"{who}: '{MANIFEST}' is not a model's manifest: train again"
        ) from fault


def _files(folder: Path, sealed: Mapping[str, str], *, who: str) -> dict[str, bytes]:
    """Model file -> content, if they are the registered ones."""
    files: dict[str, bytes] = {}
    for name, wanted in sealed.items():
        if not _MODEL_FILE.match(name):
            raise UnsafeModelError(f"{who}: '{name}' is not the name of a model file")
        files[name] = _bytes(folder / name, who=who)
        if sha256(files[name]) != wanted:
            raise UnsafeModelError(
                f"{who}: '{name}' is not the file that was registered (its SHA-256 differs): do "
                "not use this version; train again"
            )
    return files


def _fields(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "algorithm": manifest["algorithm"],
        "params": manifest["params"],
        "inputs": tuple(manifest["inputs"]),
        "fingerprints": manifest["fingerprints"],
        "definitions_json": manifest["definitions"],
        "training_table": manifest["training_table"],
        "training_version": manifest["training_version"],
        "label": manifest["label"],
        "metrics": manifest["metrics"],
        "calibration": Calibration.of(manifest["calibration"]),
        "rule": _rule(manifest["decisions"]),
        "judgement": manifest["judgement"],
        "population": {
            name: np.asarray(values, np.float64) for name, values in manifest["population"].items()
        },
        "meanings": manifest["meanings"],
        "categories": {name: tuple(one) for name, one in manifest["categories"].items()},
        "texts": manifest["texts"],
    }


def _rule(document: Mapping[str, Any] | None) -> DecisionRule | None:
    if document is None:
        return None
    numbers = {name: value for name, value in document.items() if name != "policy"}
    return DecisionRule(policy=from_json(document["policy"]), **numbers)


def _refuse_code(folder: Path, *, who: str) -> None:
    """Refuse a folder that could run code in MLflow's loader, though ours would not run it."""
    remedy = "a stockade model is data only: do not use this version; train again"
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if inside.parts[0] == "code" or path.suffix.lower() in _CODE or path.is_symlink():
            raise UnsafeModelError(f"{who} holds '{inside}', which could run code: {remedy}")
    try:
        described = yaml.safe_load(_bytes(folder / "MLmodel", who=who))
        flavours: dict[str, dict[str, Any]] = described["flavors"]
        strange = sorted(set(flavours) - _FLAVOURS)
        python = flavours.get("python_function", {})
        runs = [flavour.get("code") for flavour in flavours.values()]
        loader = python.get("loader_module", "mlflow.xgboost")
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as fault:
        raise UnsafeModelError(f"{who}: 'MLmodel' is not a model's description") from fault
    if strange:
        raise UnsafeModelError(f"{who} has flavour '{strange[0]}': {remedy}")
    if loader != "mlflow.xgboost":
        raise UnsafeModelError(f"{who} names loader_module '{loader}': {remedy}")
    if any(runs) or "python_model" in python:
        raise UnsafeModelError(f"{who} brings Python code: {remedy}")


def _bytes(path: Path, *, who: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise UnsafeModelError(f"{who} has no file '{path.name}': register it again") from fault
