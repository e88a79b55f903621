"""Values that must be nowhere but in rows, and where else they were written."""

from collections.abc import Iterator, Sequence
from json import loads
from pathlib import Path

import pytest

# Credentials as they stand in the environment of jobs.
SECRETS = {
    "DATABRICKS_TOKEN": "dapi-canary-3c1f",
    "MLFLOW_TRACKING_PASSWORD": "password-canary-77d0",
    "AWS_SECRET_ACCESS_KEY": "key-canary-b2a9",
}


def plant(patch: pytest.MonkeyPatch) -> None:
    """Put the secrets into the environment."""
    for name, value in SECRETS.items():
        patch.setenv(name, value)


def leaks(folder: Path, canaries: Sequence[str]) -> list[str]:
    """`file: canary` for each that is found in a folder, but for rows and their statistics.

    Rows are in Parquet; Delta's log repeats the smallest and the largest value of each file, as
    docs/reliability.md says.
    """
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    assert any(path.suffix == ".parquet" for path in files)
    return [
        f"{path}: {canary}"
        for path in files
        if path.suffix not in (".parquet", ".crc")
        for canary in canaries
        if any(canary.encode() in part for part in _parts(path))
    ]


def _parts(path: Path) -> Iterator[bytes]:
    if path.parent.name != "_delta_log":
        yield path.read_bytes()
        return
    for line in path.read_text().splitlines():
        if "add" not in loads(line):
            yield line.encode()
