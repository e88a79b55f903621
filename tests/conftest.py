"""Fixtures of all tests; users get the same from `stockade.testing`."""

from pathlib import Path

import pytest
from hypothesis import settings
from pyspark.sql import SparkSession

from stockade.store.tables import Tables
from stockade.target import Target

pytest_plugins = ("stockade.testing",)

# No example is too slow: how busy the machine is says nothing about the code. (In CI, Hypothesis
# itself does without, and draws the same examples each time.)
settings.register_profile("unhurried", settings(), deadline=None)
settings.load_profile("unhurried")


@pytest.fixture
def target(tmp_path: Path) -> Target:
    """A target of its own for each test."""
    return Target.local(tmp_path / "target")


@pytest.fixture
def tables(spark: SparkSession, target: Target) -> Tables:
    """The tables of that target; none yet."""
    return Tables(spark, target)
