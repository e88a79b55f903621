"""For tests of definitions: a small Spark, and tables from rows written inline."""

import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from stockade.definitions.view import FeatureView, Selection
from stockade.engine.bind import History
from stockade.engine.operator import attach
from stockade.session import session
from stockade.target import Target

MakeTable = Callable[..., DataFrame]


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """One small local session for the whole run; STOCKADE_TEST_REMOTE=1 puts Connect before it."""
    # `collect` converts to the process's zone, whatever the session's is.
    os.environ["TZ"] = "UTC"
    time.tzset()
    folder = tmp_path_factory.mktemp("spark")
    remote = os.environ.get("STOCKADE_TEST_REMOTE") == "1"
    if remote:
        # Any free port instead of Connect's own, so that runs may stand side by side.
        os.environ["SPARK_TESTING"] = "1"
    started = session(Target.local(folder), cores="2", remote=remote, optimise=True)
    started.conf.set("spark.sql.shuffle.partitions", "2")
    yield started
    started.stop()


@pytest.fixture
def table(spark: SparkSession) -> MakeTable:
    """`table("account_id string, at timestamp", ("ann", "2026-03-01 12:00:00"))`, UTC."""

    def make(schema: str, *rows: tuple[object, ...]) -> DataFrame:
        types = spark.createDataFrame([], schema).schema
        return spark.createDataFrame([_typed(types, row) for row in rows], types)

    return make


def features_at(
    spine: DataFrame, view: FeatureView, events: DataFrame, *, decided_at: str = "decided_at"
) -> DataFrame:
    """The spine's rows with all features of a view, computed from `events` by the engine."""
    names = tuple(feature.name for feature in view.features())
    history = History(Selection(view=view, names=names), events)
    return attach(spine, [history], decided_at=decided_at).rows


def _typed(types: T.StructType, row: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(
        _instant(value) if isinstance(field.dataType, T.TimestampType) else value
        for field, value in zip(types, row, strict=True)
    )


def _instant(value: object) -> object:
    if not isinstance(value, str):
        return value
    instant = datetime.fromisoformat(value)
    # What names its own zone means that one.
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
