"""The ways to do the work: each a function from Parquet files to nothing, timed by the caller."""

import duckdb
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from benchmarks.data import Files
from stockade import (
    Entity,
    EventSource,
    FeatureView,
    count,
    count_distinct,
    days,
    hours,
    last,
    max_,
    mean,
    min_,
    seconds_since_last,
    stddev,
    sum_,
    variance,
)
from stockade.definitions.view import Selection
from stockade.engine.bind import History
from stockade.engine.operator import EngineOptions, attach

WINDOWS = (hours(1), days(1), days(7), days(30))
SECONDS = {"1h": 3_600, "1d": 86_400, "7d": 604_800, "30d": 2_592_000}


def view(*, two_clocks: bool = False) -> FeatureView:
    """Forty features: ten aggregates over four windows."""
    source = EventSource(
        name="events",
        origin="events",
        event_time="happened_at",
        available_at="known_at" if two_clocks else None,
    )
    return FeatureView(
        name="activity",
        entity=Entity(name="key", keys="key"),
        source=source,
        aggregates={
            "events": count(windows=WINDOWS),
            "amount": sum_("amount", windows=WINDOWS),
            "mean_amount": mean("amount", windows=WINDOWS),
            "stddev_amount": stddev("amount", windows=WINDOWS),
            "variance_amount": variance("amount", windows=WINDOWS),
            "min_amount": min_("amount", windows=WINDOWS),
            "max_amount": max_("amount", windows=WINDOWS),
            "last_amount": last("amount", windows=WINDOWS),
            "seconds_since_last": seconds_since_last(windows=WINDOWS),
            "categories": count_distinct("category", windows=WINDOWS),
        },
    )


def engine(
    spark: SparkSession,
    files: Files,
    *,
    two_clocks: bool = False,
    options: EngineOptions | None = None,
) -> DataFrame:
    """Stockade's operator: 40 features."""
    one = view(two_clocks=two_clocks)
    names = tuple(feature.name for feature in one.features())
    events = spark.read.parquet(str(files.events))
    spine = spark.read.parquet(str(files.spine))
    history = History(Selection(view=one, names=names), events)
    return attach(spine, [history], decided_at="decided_at", options=options).rows


def floor(spark: SparkSession, files: Files) -> DataFrame:
    """Spark's shuffle and sort of the same rows, and nothing else."""
    return _stacked(spark, files).repartition(8, "key").sortWithinPartitions("key", "at")


def spark_windows(spark: SparkSession, files: Files) -> DataFrame:
    """Spark's own RANGE windows: 36 features, for it has no distinct count over a window."""
    stacked = _stacked(spark, files).withColumn("us", F.unix_micros("at"))
    columns = [F.col("key"), F.col("at"), F.col("is_spine")]
    for name, seconds in SECONDS.items():
        frame = Window.partitionBy("key").orderBy("us").rangeBetween(-seconds * 1_000_000, -1)
        columns += [
            F.count("amount").over(frame).alias(f"count_{name}"),
            F.sum("amount").over(frame).alias(f"sum_{name}"),
            F.avg("amount").over(frame).alias(f"mean_{name}"),
            F.stddev("amount").over(frame).alias(f"stddev_{name}"),
            F.variance("amount").over(frame).alias(f"variance_{name}"),
            F.min("amount").over(frame).alias(f"min_{name}"),
            F.max("amount").over(frame).alias(f"max_{name}"),
            F.last("amount", ignorenulls=True).over(frame).alias(f"last_{name}"),
            F.max(F.when(~F.col("is_spine"), F.col("us"))).over(frame).alias(f"latest_{name}"),
        ]
    return stacked.select(*columns).where("is_spine")


def duckdb_windows(files: Files, *, threads: int = 2) -> int:
    """DuckDB's RANGE windows in one process: the same 40 features; how many rows came out."""
    frames = ", ".join(
        f"w{name} AS (PARTITION BY key ORDER BY moment "
        f"RANGE BETWEEN INTERVAL {seconds} SECOND PRECEDING AND INTERVAL 1 MICROSECOND PRECEDING)"
        for name, seconds in SECONDS.items()
    )
    measures = {
        "n": "count(amount) OVER {w}",
        "total": "sum(amount) OVER {w}",
        "mean": "avg(amount) OVER {w}",
        "sd": "stddev(amount) OVER {w}",
        "var": "variance(amount) OVER {w}",
        "low": "min(amount) OVER {w}",
        "high": "max(amount) OVER {w}",
        "latest": "last_value(amount IGNORE NULLS) OVER {w}",
        "since": "max(happened) OVER {w}",
        "kinds": "count(DISTINCT category) OVER {w}",
    }
    wanted = ", ".join(
        f"{sql.format(w=f'w{window}')} AS {name}_{window}"
        for window in SECONDS
        for name, sql in measures.items()
    )
    query = f"""
        CREATE OR REPLACE TEMP TABLE result AS
        SELECT * FROM (
            SELECT key, moment, is_spine, {wanted} FROM (
                SELECT key, happened_at AS moment, happened_at AS happened, amount, category,
                       false AS is_spine
                FROM '{files.events}/*.parquet'
                UNION ALL
                SELECT key, decided_at, NULL, NULL, NULL, true FROM '{files.spine}/*.parquet'
            ) WINDOW {frames}
        ) WHERE is_spine
    """
    with duckdb.connect(config={"threads": threads}) as connection:
        connection.execute(query)
        row = connection.execute("SELECT count(*) FROM result").fetchone()
    return 0 if row is None else int(row[0])


def _stacked(spark: SparkSession, files: Files) -> DataFrame:
    events = spark.read.parquet(str(files.events))
    spine = spark.read.parquet(str(files.spine))
    return events.select(
        "key",
        F.col("happened_at").alias("at"),
        "amount",
        "category",
        F.lit(False).alias("is_spine"),
    ).unionByName(
        spine.select("key", F.col("decided_at").alias("at"), F.lit(True).alias("is_spine")),
        allowMissingColumns=True,
    )
