"""Pattern views on real Spark: engine against oracle on generated tables, clocks and all."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from stockade import (
    LIFETIME,
    Entity,
    EventSource,
    FlowView,
    LinkView,
    MatchView,
    component_growth,
    component_labelled,
    component_labelled_share,
    component_size,
    cycles,
    dwell_seconds,
    hops,
    hours,
    labelled_neighbours,
    matched_total,
    mean_dwell_seconds,
    neighbours,
    oldest_unmatched_seconds,
    pass_through_share,
    tainted_share,
    unmatched_seconds,
    unmatched_total,
)
from stockade.building.verify import same
from stockade.definitions.view import PatternView, Selection
from stockade.engine.bind import History
from stockade.engine.operator import EngineOptions, attach
from stockade.engine.oracle import naive

START = datetime(2026, 3, 1, tzinfo=UTC)
WINDOWS = (hours(6), hours(48), LIFETIME)
REVISED: Mapping[str, object] = {
    "available_at": "known_at", "dedupe": "event_id", "version": "version", "retracted": "gone",
}  # fmt: skip
CLOCKS: Sequence[Mapping[str, object]] = (
    {}, {"settling_delay": hours(2)}, {"available_at": "known_at"}, REVISED,
)  # fmt: skip
account = Entity(name="account", keys="account_id")
EVENTS = (
    "event_id long, version int, at timestamp, known_at timestamp, gone boolean, account_id string,"
    " other_id string, thing string, direction string, amount decimal(12, 2), category string"
)
SPINE = "row long, account_id string, decided_at timestamp"
NAMES = [*"abcdefghijkl", None]


def source(clocks: Mapping[str, object], name: str = "events") -> EventSource:
    return EventSource(name=name, origin=name, event_time="at", **clocks)  # type: ignore[arg-type]


def events(spark: SparkSession, seed: int, rows: int) -> DataFrame:
    """Rows of a few accounts over three days, some late, some corrected, some without a key."""
    draw = np.random.default_rng(seed)

    def pick(choices: Sequence[object]) -> object:
        return choices[int(draw.integers(len(choices)))]

    made: list[tuple[object, ...]] = []
    for n in range(rows):
        at = START + timedelta(minutes=30 * int(draw.integers(144)))
        lag = timedelta(minutes=30 * int(draw.choice([0, 0, 0, 1, 9, 40])))
        made.append((
            n // 2 if draw.integers(4) == 0 else 10_000 + n, n,
            at, None if draw.integers(20) == 0 else at + lag, bool(draw.integers(8) == 0),
            pick(NAMES), pick(NAMES), pick(["x", "y", "z", "u", "v", "w", "q", None]),
            pick(["in", "out"]), f"{draw.integers(0, 500)}.{draw.integers(10, 99)}",
            pick(["mixer", "scam", None]),
        ))  # fmt: skip
    typed = [(*row[:9], Decimal(str(row[9])), row[10]) for row in made]
    return spark.createDataFrame(typed, EVENTS)


def spine(spark: SparkSession, seed: int, rows: int = 40) -> DataFrame:
    draw = np.random.default_rng(seed)
    made = [
        (
            n, [*NAMES, "nobody"][int(draw.integers(len(NAMES) + 1))],
            None if n == 3 else START + timedelta(minutes=30 * int(draw.integers(-4, 150))),
        )
        for n in range(rows)
    ]  # fmt: skip
    return spark.createDataFrame(made, SPINE)


def require_same(
    rows: DataFrame, view: PatternView, frames: Sequence[DataFrame], *, bucket_rows: int = 600_000
) -> None:
    names = tuple(feature.name for feature in view.features())
    history = History(Selection(view=view, names=names), frames[0], tuple(frames[1:]))
    oracle = naive(rows, [history], decided_at="decided_at").orderBy("row").toArrow().to_pylist()
    for options in (EngineOptions(bucket_rows=bucket_rows), EngineOptions(driver_values=1_000_000)):
        attached = attach(rows, [history], decided_at="decided_at", audit=True, options=options)
        engine = attached.rows.orderBy("row").toArrow().to_pylist()

        assert [row["row"] for row in engine] == [row["row"] for row in oracle]
        for ours, theirs in zip(engine, oracle, strict=True):
            for name in names:
                assert same(ours[name], theirs[name]), (name, ours, theirs[name])
            at, event_at = ours["decided_at"], ours[f"{view.name}__event_at"]
            available_at = ours[f"{view.name}__available_at"]
            assert event_at is None or event_at < at
            assert available_at is None or available_at <= at


@pytest.mark.slow
@pytest.mark.parametrize("case", range(4))
def test_matched_money_equals_the_oracle(spark: SparkSession, case: int) -> None:
    one = case % 2 == 0
    view = MatchView(
        name="matched", entity=account, source=source(CLOCKS[case]), amount="amount",
        credit="direction = 'in'" if one else None, debit="direction = 'out'" if one else None,
        debits=None if one else source(CLOCKS[case], "others"),
        measures={
            "dwell": dwell_seconds(windows=WINDOWS), "least": dwell_seconds(q=0, windows=WINDOWS),
            "mean": mean_dwell_seconds(windows=WINDOWS), "moved": matched_total(windows=WINDOWS),
            "passed": pass_through_share(within=hours(5), windows=WINDOWS),
            "held": unmatched_total(), "age": unmatched_seconds(),
            "oldest": oldest_unmatched_seconds(),
        },
    )  # fmt: skip
    frames = [events(spark, case, 300)]
    if not one:
        frames.append(events(spark, case + 50, 300))

    require_same(spine(spark, case), view, frames, bucket_rows=100)


@pytest.mark.slow
@pytest.mark.parametrize("case", range(4))
def test_shared_attributes_equal_the_oracle(spark: SparkSession, case: int) -> None:
    marked = source(CLOCKS[(case + 1) % 4], "marks")
    view = LinkView(
        name="linked", entity=account, source=source(CLOCKS[case]),
        attribute="thing" if case % 2 else ("thing", "direction"),
        hub=None if case == 0 else 5, memory=None if case == 1 else hours(30),
        labels=marked, label_keys={"account_id": "other_id"},
        measures={
            "size": component_size(), "growth": component_growth(windows=WINDOWS[:2]),
            "labelled": component_labelled(), "share": component_labelled_share(),
            "shrunk": component_labelled_share(prior=0.1, strength=5),
            "near": neighbours(windows=WINDOWS), "bad": labelled_neighbours(windows=WINDOWS),
        },
    )  # fmt: skip
    frames = [events(spark, case, 60), events(spark, case + 90, 12)]

    require_same(spine(spark, case), view, frames, bucket_rows=10 if case > 1 else 600_000)


@pytest.mark.slow
@pytest.mark.parametrize("case", range(4))
def test_transfers_equal_the_oracle(spark: SparkSession, case: int) -> None:
    marked = source(CLOCKS[(case + 2) % 4], "marks")
    view = FlowView(
        name="flows", entity=account, source=source(CLOCKS[case]),
        sender="account_id", receiver="other_id", amount="amount",
        hub=None if case == 0 else 4,
        labels=marked, label_key="other_id", category="category",
        measures={
            "near": hops(), "mixer": hops(categories="mixer", limit=3),
            "paid": hops(direction="sent", limit=2), "tainted": tainted_share(windows=WINDOWS),
            "first": tainted_share(method="fifo", categories="scam", windows=WINDOWS[1:]),
            "round": cycles(length=3, windows=WINDOWS), "back": cycles(length=2, windows=WINDOWS),
        },
    )  # fmt: skip
    frames = [events(spark, case + 20, 60), events(spark, case + 70, 6)]

    require_same(spine(spark, case), view, frames, bucket_rows=10 if case > 1 else 600_000)


def test_transfers_need_neither_money_nor_labels(spark: SparkSession) -> None:
    view = FlowView(
        name="flows", entity=account, source=source(REVISED),
        sender="account_id", receiver="other_id",
        measures={"back": cycles(length=2, windows=WINDOWS)},
    )  # fmt: skip

    require_same(spine(spark, 5), view, [events(spark, 30, 80)], bucket_rows=10)
