"""The dashboard asks the monitor's tables for what they hold, and shows what it asked for."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from stockade.watching import record
from tests.bundle.dashboard import TABLES, columns_of, faults, sql_of

PATH = Path(__file__).parent.parent.parent / "dashboards" / "monitoring.lvdash.json"
FOUND: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))


def test_every_query_field_and_place_is_sound() -> None:
    assert list(faults(FOUND)) == []
    assert {"monitor_measures", "monitor_alerts", "monitor_states"} <= set(
        PATH.read_text(encoding="utf-8").replace("\\n", " ").split()
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("count_if(alarm) AS", "count_if(alarmed) AS", "dataset watched"),
        ("FROM monitor_states", "FROM monitor_stages", "dataset changes"),
        ("GROUP BY on_day, severity", "GROUP on_day, severity", "dataset alert_days"),
        ('"datasetName": "score_days"', '"datasetName": "scores"', "there is no dataset scores"),
        ('"expression": "`alerts`"', '"expression": "`alarms`"', "widget alerts-by-day"),
        ('"fieldName": "alerts",', '"fieldName": "alarms",', "it shows alarms, which its query"),
        ("count(DISTINCT alert_id) AS alerts", "max(alert_id) AS alerts",
         "alerts is TEXT, and its scale is quantitative"),
        ('"widgetType": "counter"', '"widgetType": "kpi"', "there is no kpi of version 2"),
        ('"x": 3,', '"x": 2,', "lie on one another"),
        ('"x": 9,', '"x": 10,', "lies beyond the page"),
    ],
)  # fmt: skip
def test_a_fault_is_noticed(old: str, new: str, said: str) -> None:
    text = json.dumps(FOUND)
    assert old in text

    found = list(faults(json.loads(text.replace(old, new, 1))))

    assert any(said in fault for fault in found), found


@pytest.mark.slow
def test_spark_runs_every_query_over_the_monitors_tables(spark: SparkSession) -> None:
    for name, schema in record.SCHEMAS.items():
        empty = spark.createDataFrame(pa.Table.from_batches([], schema))
        empty.createOrReplaceTempView(name)
    try:
        for one in FOUND["datasets"]:
            sql = sql_of(one)
            given = spark.sql(sql)
            assert given.columns == [*columns_of(sql, TABLES)], one["name"]
            assert given.collect() == [], one["name"]
    finally:
        for name in record.SCHEMAS:
            spark.catalog.dropTempView(name)
