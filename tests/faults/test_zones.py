"""Zones of the host, the JVM and the session, over days that begin and end summer time."""

import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest
from pyspark.sql import SparkSession

from stockade.building.materialize import materialize
from stockade.building.training_set import build
from stockade.session import SessionError
from stockade.store.ledger import Ledger
from stockade.store.tables import Tables
from tests.building.samples import NOTE, at, training, view

# One begins summer time on 8 March, the other is a day ahead.
ZONES = ("America/New_York", "Pacific/Kiritimati")
START, END = date(2026, 3, 6), date(2026, 3, 11)


@pytest.fixture
def loaded(tables: Tables) -> Tables:
    """Payments, decisions and returns, one each half hour of March."""
    each = tables.spark.range(31 * 48).selectExpr(
        "id", "concat('a', id % 5) AS account_id", "id * 1.0D AS amount",
        "timestamp_seconds(unix_seconds(TIMESTAMP'2026-03-01 00:00:00Z') + id * 1800) AS moment",
    )  # fmt: skip
    for name, columns in {
        "payments": ("account_id", "moment AS paid_at", "amount"),
        "decisions": ("id AS payment_id", "account_id", "moment AS decided_at", "amount"),
        "returns": ("id AS payment_id", "moment AS returned_at", "moment AS known_at"),
    }.items():
        tables.replace(name, each.selectExpr(*columns), note=NOTE)
    return tables


@contextmanager
def host(spark: SparkSession, zone: str) -> Generator[None]:
    """This process and its JVM as they are in a zone."""
    kept = os.environ["TZ"]
    try:
        _enter(spark, zone)
        yield
    finally:
        _enter(spark, kept)


def _enter(spark: SparkSession, zone: str) -> None:
    os.environ["TZ"] = zone
    time.tzset()
    if os.environ.get("STOCKADE_TEST_REMOTE") != "1":
        jvm: Any = spark._jvm
        zones = jvm.java.util.TimeZone
        zones.setDefault(zones.getTimeZone(zone))


def hashes(tables: Tables) -> list[object]:
    """Of each day of snapshots, and of a training set."""
    done = materialize(tables, view, start=START, end=END, force=True)
    entries = Ledger(tables).book(view.name).current
    built = build(
        tables, training, start=at("2026-03-07"), end=at("2026-03-10"), as_of=at("2026-04-20")
    )
    days = [(day, entries[day].rows, entries[day].content_hash) for day in done.written]
    return [*days, built.manifest["content_hash"], built.manifest["label_states"]]


@pytest.mark.slow
def test_a_hosts_zone_changes_no_hash_and_a_sessions_is_refused(loaded: Tables) -> None:
    spark = loaded.spark
    expected = hashes(loaded)
    assert len(expected) == (END - START).days + 2

    for zone in ZONES:
        with host(spark, zone):
            assert hashes(loaded) == expected, zone
        spark.conf.set("spark.sql.session.timeZone", zone)
        try:
            with pytest.raises(SessionError, match=f"timeZone = {zone}, wanted UTC"):
                hashes(loaded)
        finally:
            spark.conf.set("spark.sql.session.timeZone", "UTC")
