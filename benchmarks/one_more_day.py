"""What one more day costs after a year: `python -m benchmarks.one_more_day [--events N]`."""

import argparse
import shutil
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

import psutil
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.__main__ import FOLDER
from stockade import (
    LIFETIME,
    Entity,
    EventSource,
    FeatureView,
    count,
    count_distinct,
    days,
    mean,
    sum_,
)
from stockade.building.materialize import materialize
from stockade.definitions.window import Window
from stockade.session import session
from stockade.store.tables import Tables
from stockade.target import Target

FIRST, YEAR = date(2025, 1, 1), 365
AFTER = FIRST + timedelta(days=YEAR)
NOTE = {"run_id": "benchmark"}
WINDOWS: dict[str, tuple[Window, ...]] = {
    "week": (days(1), days(7)),
    "month": (days(1), days(7), days(30)),
    "quarter": (days(1), days(30), days(90)),
    "lifetime": (days(1), days(30), LIFETIME),
}


class Cost(NamedTuple):
    """What a run cost: CPU seconds of Python, the JVM and all workers, and rows read from files.

    Others on the machine do not count. A row that is read twice counts twice.
    """

    seconds: float
    rows: int


def main() -> None:
    """Write a year of snapshots, add a day of events, write that day; print both costs.

    With `--days`, write so many days one after another instead, each at its cost.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=2_000_000, help="in the year")
    parser.add_argument("--accounts", type=int, default=3_000)
    parser.add_argument("--windows", nargs="+", choices=WINDOWS, default=list(WINDOWS))
    parser.add_argument("--days", type=int, default=0, help="one by one, in a new session")
    parser.add_argument("--optimise", action="store_true", help="see `stockade.session.session`")
    asked = parser.parse_args()
    place = FOLDER / "one_more_day"
    shutil.rmtree(place, ignore_errors=True)
    spark = session(Target.local(place), memory="6g", optimise=asked.optimise)
    tables = Tables(spark, Target.local(place))
    daily = asked.events // YEAR
    _load(tables, _events(spark, 0, YEAR, daily, asked.accounts))
    if asked.days:
        _one_by_one(tables, asked.days)
    else:
        _year_and_a_day(tables, asked.windows, _events(spark, YEAR, 1, daily, asked.accounts))
    spark.stop()


def _one_by_one(tables: Tables, length: int) -> None:
    for number in range(length):
        day = AFTER + timedelta(days=number - length)
        cost = _cost(tables, "month", "view", day, day + timedelta(days=1))
        print(f"day {number + 1}: {cost.seconds:.1f} CPU s", flush=True)


def _year_and_a_day(tables: Tables, windows: Sequence[str], more_events: DataFrame) -> None:
    year: dict[str, Cost] = {}
    for name in windows:
        # Once for compiled kernels and the JVM.
        _cost(tables, name, "warm", AFTER - timedelta(days=1), AFTER)
        year[name] = _cost(tables, name, "view", FIRST, AFTER)
    tables.append("payments", more_events, note=NOTE)
    for name, whole in year.items():
        more = _cost(tables, name, "view", AFTER, AFTER + timedelta(days=1))
        print(
            f"{name}: a year {whole.seconds:.1f} CPU s and {whole.rows:,} rows read, one more day "
            f"{more.seconds:.1f} = {more.seconds / whole.seconds:.1%} and {more.rows:,} = "
            f"{more.rows / whole.rows:.1%}",
            flush=True,
        )


def _events(spark: SparkSession, first: int, length: int, daily: int, accounts: int) -> DataFrame:
    number = F.col("id")
    start = (FIRST - date(1970, 1, 1)).days + first
    moment = F.lit(start * 86_400.0) + number * (86_400.0 / daily)
    account = F.pmod(F.xxhash64(number, F.lit(first)), F.lit(accounts))
    return spark.range(length * daily).select(
        F.concat(F.lit("a"), account).alias("account_id"),
        F.timestamp_seconds(moment).alias("paid_at"),
        (F.pmod(F.hash(number), F.lit(100_000)) / 100).cast("decimal(12,2)").alias("amount"),
        F.pmod(F.hash(number, F.lit(1)), F.lit(50)).cast("string").alias("country"),
    )


def _load(tables: Tables, rows: DataFrame) -> None:
    """A file a day, as daily loads leave them."""
    feed = {"delta.enableChangeDataFeed": "true"}
    daily = rows.repartitionByRange(YEAR, "paid_at")
    tables.replace("payments", daily, note=NOTE, properties=feed)


def _cost(tables: Tables, name: str, prefix: str, start: date, end: date) -> Cost:
    wide = WINDOWS[name]
    view = FeatureView(
        name=f"{prefix}_{name}",
        entity=Entity(name="account", keys="account_id"),
        source=EventSource(name="payments", origin="payments", event_time="paid_at"),
        aggregates={
            "payments": count(windows=wide),
            "paid": sum_("amount", windows=wide),
            "mean_paid": mean("amount", windows=wide),
            "countries": count_distinct("country", windows=wide),
        },
    )
    seconds, last = _cpu(), _last_stage(tables.spark)
    materialize(tables, view, start=start, end=end)
    return Cost(_cpu() - seconds, _rows_read(tables.spark, after=last))


def _cpu() -> float:
    here = psutil.Process()
    return sum(sum(one.cpu_times()[:4]) for one in (here, *here.children(recursive=True)))


def _last_stage(spark: SparkSession) -> int:
    return max(_stages(spark), default=-1)


def _rows_read(spark: SparkSession, *, after: int) -> int:
    return sum(rows for stage, rows in _stages(spark).items() if stage > after)


def _stages(spark: SparkSession) -> dict[int, int]:
    """Rows read by each stage, by its number."""
    context: Any = spark.sparkContext
    java, gateway = context._jvm.java.util, context._gateway
    unasked = java.ArrayList(), False, False, gateway.new_array(context._jvm.double, 0)
    every = context._jsc.sc().statusStore().stageList(*unasked, java.ArrayList())
    found = (every.apply(number) for number in range(every.size()))
    return {stage.stageId(): stage.inputRecords() for stage in found}


if __name__ == "__main__":
    main()
