"""Classic Spark and Spark Connect write the same bits."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.both_modes import hashes

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_snapshots_training_sets_and_scores_are_the_same_behind_connect(
    spark: SparkSession, tmp_path: Path
) -> None:
    here = hashes(spark, tmp_path / "here")

    done = subprocess.run(
        [sys.executable, "-m", "tests.both_modes", str(tmp_path / "there")],
        cwd=ROOT, env={**os.environ, "TZ": "UTC", "SPARK_TESTING": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    there = json.loads(done.stdout.splitlines()[-1])
    assert there["session"] == "connect"
    assert there["tables"] == here
    assert not any(held.startswith("0 rows") for held in here.values())
