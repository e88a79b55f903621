"""What one more day costs after a year: `python -m benchmarks.one_more_day [--events N]`."""

import argparse
import shutil
from datetime import date, timedelta

import psutil
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.__main__ import FOLDER
from stockade import Entity, EventSource, FeatureView, count, count_distinct, days, mean, sum_
from stockade.building.materialize import materialize
from stockade.session import session
from stockade.store.tables import Tables
from stockade.target import Target

FIRST, YEAR = date(2025, 1, 1), 365
NOTE = {"run_id": "benchmark"}
WINDOWS = {"a week": (days(1), days(7)), "a month": (days(1), days(7), days(30))}


def main() -> None:
    """Write a year of snapshots, add a day of events, write that day; print both costs.

    In CPU seconds of Python, the JVM and all workers: others on the machine do not count.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=2_000_000, help="in the year")
    events = parser.parse_args().events
    place = FOLDER / "one_more_day"
    shutil.rmtree(place, ignore_errors=True)
    spark = session(Target.local(place), memory="6g")
    tables = Tables(spark, Target.local(place))
    daily = events // YEAR
    _load(tables, _events(spark, 0, YEAR, daily))
    after = FIRST + timedelta(days=YEAR)
    costs: dict[str, list[float]] = {}
    for name in WINDOWS:
        # Once for compiled kernels and the JVM.
        _seconds(tables, name, "warm", after - timedelta(days=1), after)
        costs[name] = [_seconds(tables, name, "view", FIRST, after)]
    tables.append("payments", _events(spark, YEAR, 1, daily), note=NOTE)
    for name, reach in (("a week", 7), ("a month", 30)):
        costs[name].append(_seconds(tables, name, "view", after, after + timedelta(days=1)))
        year, more = costs[name]
        print(
            f"windows up to {name}: a year {year:.1f} CPU s, one more day {more:.1f} = "
            f"{more / year:.1%}; the events of {reach + 1} of {YEAR + 1} days = "
            f"{(reach + 1) / (YEAR + 1):.1%} are shuffled"
        )
    spark.stop()


def _events(spark: SparkSession, first: int, length: int, daily: int) -> DataFrame:
    number = F.col("id")
    start = (FIRST - date(1970, 1, 1)).days + first
    moment = F.lit(start * 86_400.0) + number * (86_400.0 / daily)
    return spark.range(length * daily).select(
        F.concat(F.lit("a"), F.pmod(F.xxhash64(number, F.lit(first)), F.lit(daily))).alias(
            "account_id"
        ),
        F.timestamp_seconds(moment).alias("paid_at"),
        (F.pmod(F.hash(number), F.lit(100_000)) / 100).cast("decimal(12,2)").alias("amount"),
        F.pmod(F.hash(number, F.lit(1)), F.lit(50)).cast("string").alias("country"),
    )


def _load(tables: Tables, rows: DataFrame) -> None:
    feed = {"delta.enableChangeDataFeed": "true"}
    tables.replace("payments", rows, note=NOTE, properties=feed)


def _seconds(tables: Tables, windows: str, prefix: str, start: date, end: date) -> float:
    wide = WINDOWS[windows]
    view = FeatureView(
        name=f"{prefix}_{windows.replace(' ', '_')}",
        entity=Entity(name="account", keys="account_id"),
        source=EventSource(name="payments", origin="payments", event_time="paid_at"),
        aggregates={
            "payments": count(windows=wide),
            "paid": sum_("amount", windows=wide),
            "mean_paid": mean("amount", windows=wide),
            "countries": count_distinct("country", windows=wide),
        },
    )
    began = _cpu()
    materialize(tables, view, start=start, end=end)
    return _cpu() - began


def _cpu() -> float:
    here = psutil.Process()
    return sum(sum(one.cpu_times()[:4]) for one in (here, *here.children(recursive=True)))


if __name__ == "__main__":
    main()
