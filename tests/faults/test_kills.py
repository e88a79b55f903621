"""Runs whose driver and JVM are killed with SIGKILL, and the runs after them."""

import os
import shutil
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from stockade import Entity, EventSource, FeatureView, count, days, sum_
from stockade.building.materialize import materialize
from stockade.building.upkeep import verify_tables
from stockade.store.content import Content, content
from stockade.store.tables import Tables
from stockade.target import Target

pytestmark = pytest.mark.slow

# Two months: two commits.
START, END = date(2026, 3, 30), date(2026, 4, 3)
payments_seen = FeatureView(
    name="payments_seen",
    entity=Entity(name="account", keys="account_id"),
    source=EventSource(name="payments", origin="payments", event_time="paid_at"),
    aggregates={
        "payments": count(windows=(days(2), days(7))),
        "paid": sum_("amount", windows=(days(2), days(7)), exact=True),
    },
)
# Name -> the step of the write, and whether the kill comes a while after it began.
POINTS = {
    "as the claim is written": (1, True),
    "when all is claimed": (2, False),
    "as the rows of the first month are written": (3, True),
    "when the rows are there, and no record of them": (4, False),
    "as the record is written": (5, True),
    "as the rows of the second month are written": (7, True),
}
SEEDS = (1, 2, 3)
SOAK = os.environ.get("STOCKADE_SOAK") == "1"
KILLS = (
    [(name, seed) for name in POINTS for seed in SEEDS]
    if SOAK
    else [("as the rows of the second month are written", 2)]
)


@pytest.fixture(scope="module")
def loaded(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A target with payments of 200 accounts over ten days."""
    folder = tmp_path_factory.mktemp("kills") / "target"
    at = F.timestamp_seconds(F.lit(1_774_310_400) + F.col("id") * 215)  # from 24 March on
    rows = spark.range(4_000).select(
        F.concat(F.lit("a"), F.col("id") * 7919 % 200).alias("account_id"),
        at.alias("paid_at"),
        (F.col("id") % 977 / 100).cast("decimal(18,2)").alias("amount"),
    )
    Tables(spark, Target.local(folder)).replace("payments", rows, note={"run_id": "r"})
    return folder


@pytest.fixture(scope="module")
def clean(spark: SparkSession, loaded: Path, tmp_path_factory: pytest.TempPathFactory) -> Content:
    """What a run that nobody kills writes."""
    folder = tmp_path_factory.mktemp("clean") / "target"
    shutil.copytree(loaded, folder)
    tables = Tables(spark, Target.local(folder))
    materialize(tables, payments_seen, start=START, end=END)
    return content(tables.read("payments_seen"))


@pytest.mark.parametrize(("point", "seed"), KILLS)
def test_what_a_killed_run_left_the_next_one_makes_whole(
    spark: SparkSession, loaded: Path, clean: Content, tmp_path: Path, point: str, seed: int
) -> None:
    folder, (step, waits) = tmp_path / "target", POINTS[point]
    shutil.copytree(loaded, folder)
    after = 0.2 * seed if waits else 0.0

    ended = subprocess.run(
        [sys.executable, "-m", "tests.faults.killed", str(folder), str(step), str(after)],
        start_new_session=True, timeout=300, check=False, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip

    assert ended.returncode == -signal.SIGKILL, ended.stderr
    tables = Tables(spark, Target.local(folder))
    materialize(tables, payments_seen, start=START, end=END)
    assert content(tables.read("payments_seen")) == clean
    assert all(one.sound for one in verify_tables(tables))
    again = materialize(tables, payments_seen, start=START, end=END)
    assert (again.written, again.skipped) == ((), 4)
