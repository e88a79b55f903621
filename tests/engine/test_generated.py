"""Engine against oracle on real Spark: two thousand generated histories, two hundred a job."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from stockade import (
    LIFETIME,
    Entity,
    EventSource,
    FeatureView,
    LookupView,
    count,
    count_distinct,
    entropy,
    first,
    hours,
    last,
    last_n,
    max_,
    mean,
    min_,
    quantile,
    seconds_since_first,
    seconds_since_last,
    stddev,
    sum_,
    top_share,
    variance,
)
from stockade.building.verify import same
from stockade.definitions.aggregate import Aggregate
from stockade.definitions.view import Selection, View
from stockade.engine.bind import History
from stockade.engine.operator import EngineOptions, attach
from stockade.engine.oracle import naive
from tests.engine.histories import Digits

BATCHES, CASES = 10, 200
START = datetime(2026, 3, 1, tzinfo=UTC)

# One history is a few events and decisions of one generated entity number: `case_id` keeps the
# histories of a batch apart, and makes every key a composite one.
EVENTS = T.StructType(
    [
        T.StructField("case_id", T.LongType()),
        T.StructField("key", T.StringType()),
        T.StructField("event_id", T.LongType()),
        T.StructField("version", T.IntegerType()),
        T.StructField("at", T.TimestampType()),
        T.StructField("known_at", T.TimestampType()),
        T.StructField("gone", T.BooleanType()),
        T.StructField("kind", T.StringType()),
        T.StructField("number", T.DoubleType()),
        T.StructField("money", T.DecimalType(20, 4)),
        T.StructField("units", T.IntegerType()),
    ]
)
SPINE = T.StructType(
    [
        T.StructField("row", T.LongType()),
        T.StructField("case_id", T.LongType()),
        T.StructField("key", T.StringType()),
        T.StructField("decided_at", T.TimestampType()),
    ]
)
entity = Entity(name="thing", keys=("case_id", "key"))
WINDOWS = (hours(1), hours(6), LIFETIME)


def aggregates(batch: int) -> Mapping[str, Aggregate]:
    """Every aggregate, some filtered, some delayed."""
    late = hours(batch % 3)
    return {
        "n": count(windows=WINDOWS, delay=late),
        "some": count("number", where="kind <> 'a'", windows=WINDOWS),
        "total": sum_("number", windows=WINDOWS),
        "money": sum_("money", windows=WINDOWS, exact=True),
        "money_double": sum_("money", where="units > 0", windows=WINDOWS),
        "units": sum_("units", windows=WINDOWS, delay=late),
        "mean": mean("money", windows=WINDOWS),
        "mean_number": mean("number", windows=WINDOWS),
        "stddev": stddev("number", windows=WINDOWS),
        "variance": variance("units", windows=WINDOWS, delay=late),
        "least": min_("number", windows=WINDOWS),
        "most": max_("money", windows=WINDOWS, exact=True),
        "first": first("kind", windows=WINDOWS, delay=late),
        "last": last("number", where="kind = 'b' OR number IS NULL", windows=WINDOWS),
        "recent": last_n("kind", n=3, windows=WINDOWS),
        "kinds": count_distinct("kind", windows=WINDOWS),
        "entropy": entropy("kind", windows=WINDOWS, delay=late),
        "top": top_share("units", windows=WINDOWS),
        "since": seconds_since_last(windows=WINDOWS, delay=late),
        "since_first": seconds_since_first("number", windows=WINDOWS),
        "median": quantile("number", q=0.5, windows=WINDOWS),
    }


def source(batch: int) -> EventSource:
    """One of the five ways in which a source may tell what was known when."""
    clocks: Mapping[str, object] = (
        {},
        {"settling_delay": hours(1)},
        {"available_at": "known_at"},
        {"available_at": "known_at", "dedupe": ("case_id", "event_id"), "version": "version",
         "retracted": "gone"},
        {"available_at": "known_at", "dedupe": ("case_id", "event_id")},
    )[batch % 5]  # fmt: skip
    return EventSource(
        name="events",
        origin="events",
        event_time="at",
        non_finite="keep" if batch % 2 else "null",
        **clocks,  # type: ignore[arg-type]
    )


def views(batch: int) -> Sequence[View]:
    """A view on the exclusive or the inclusive boundary, and a lookup."""
    of = source(batch)
    return (
        FeatureView(
            name="generated", entity=entity, source=of, aggregates=aggregates(batch),
            boundary="inclusive" if batch % 4 in (1, 2) else "exclusive",
        ),
        LookupView(
            name="looked_up", entity=entity, source=of, columns=("kind", "number"),
            max_age=hours(5) if batch % 2 else None,
        ),
    )  # fmt: skip


NUMBERS = st.integers(0, 2**63)
HISTORIES = st.tuples(st.lists(NUMBERS, max_size=9), st.lists(NUMBERS, max_size=4))


def event(number: int, case: int) -> tuple[object, ...]:
    digits = Digits(number)
    at = START + timedelta(minutes=30 * digits.choose(range(-4, 20)))
    lag = timedelta(minutes=30 * digits.choose((0, 0, 0, 1, 2, 9)))
    gone = digits.choose((False, False, False, None, True))
    return (
        case,
        digits.choose(("k", "k", "other", None)),
        digits.choose(range(4)),
        0,
        None if digits.choose(range(12)) == 11 else at,
        None if digits.choose(range(12)) == 11 else at + lag,
        gone,
        digits.choose(("a", "b", "é", None)),
        digits.choose(
            (0.0, -0.0, 1.5, -2.25, 1e12, float("nan"), float("inf"), float("-inf"), None)
        ),
        digits.choose(("0.0000", "0.0001", "-999999999999.9999", "12.5000", None)),
        digits.choose((0, 1, -3, 2**31 - 1, None)),
    )


def decision(number: int, case: int, row: int) -> tuple[object, ...]:
    digits = Digits(number)
    moment = START + timedelta(minutes=30 * digits.choose(range(-2, 26)))
    none = digits.choose(range(12)) == 11
    return row, case, digits.choose(("k", "k", "other", "nobody", None)), None if none else moment


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(BATCHES))
def test_engine_and_oracle_agree_on_generated_histories(spark: SparkSession, batch: int) -> None:
    events, spine = frames(spark, batch)
    histories = [
        History(Selection(view=view, names=tuple(f.name for f in view.features())), events)
        for view in views(batch)
    ]
    names = [name for history in histories for name in history.selection.names]

    oracle = naive(spine, histories, decided_at="decided_at").orderBy("row").toArrow()
    shuffled = EngineOptions(few_rows=(0, 1_000_000)[batch % 2])
    for options in (shuffled, EngineOptions(driver_values=1_000_000)):
        attached = attach(spine, histories, decided_at="decided_at", options=options)
        engine = attached.rows.orderBy("row").toArrow()

        assert engine.num_rows == spine.count()
        for name in names:
            for row, ours, theirs in zip(
                engine["row"].to_pylist(),
                engine[name].to_pylist(),
                oracle[name].to_pylist(),
                strict=True,
            ):
                assert same(ours, theirs), (batch, name, row, ours, theirs)


def frames(spark: SparkSession, batch: int) -> tuple[DataFrame, DataFrame]:
    """The events and the decisions of a batch's histories."""
    events: list[tuple[object, ...]] = []
    decisions: list[tuple[object, ...]] = []
    for case, (event_numbers, decision_numbers) in enumerate(generated(batch)):
        own = [list(event(number, case)) for number in event_numbers]
        for version, one in enumerate(own):
            one[3] = version  # versions of one event must differ
        events += [tuple(one) for one in own]
        for number in decision_numbers:
            decisions.append(decision(number, case, len(decisions)))
    return frame(spark, EVENTS, events), frame(spark, SPINE, decisions)


def generated(batch: int) -> list[tuple[list[int], list[int]]]:
    found: list[tuple[list[int], list[int]]] = []

    @seed(batch)
    @settings(
        max_examples=CASES, database=None, phases=[Phase.generate], deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )  # fmt: skip
    @given(HISTORIES)
    def collect(history: tuple[list[int], list[int]]) -> None:
        found.append(history)

    collect()
    return found


def frame(spark: SparkSession, schema: T.StructType, rows: list[tuple[object, ...]]) -> DataFrame:
    from decimal import Decimal

    from pyspark.sql.pandas.types import to_arrow_schema

    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [
        pa.array(
            [Decimal(v) if isinstance(v, str) and pa.types.is_decimal(f.type) else v for v in c],
            f.type,
        )
        for c, f in zip(columns, to_arrow_schema(schema), strict=True)
    ]
    return spark.createDataFrame(pa.table(arrays, names=schema.names), schema)
