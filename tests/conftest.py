"""Fixtures of all tests; users get the same from `stockade.testing`."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from stockade.store.tables import Tables
from stockade.target import Target

pytest_plugins = ("stockade.testing",)


@pytest.fixture
def target(tmp_path: Path) -> Target:
    """A target of its own for each test."""
    return Target.local(tmp_path / "target")


@pytest.fixture
def tables(spark: SparkSession, target: Target) -> Tables:
    """The tables of that target; none yet."""
    return Tables(spark, target)
