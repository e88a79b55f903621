"""Why a value is what it is."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from stockade import (
    LIFETIME,
    Entity,
    EventSource,
    FeatureView,
    LookupView,
    count,
    count_distinct,
    days,
    entropy,
    hours,
    last,
    last_n,
    max_,
    mean,
    quantile,
    seconds_since_last,
    stddev,
    sum_,
)
from stockade.building.explain import Asked, Explanation, explain_value, explain_values
from stockade.building.features import Inputs
from stockade.definitions.aggregate import Aggregate
from stockade.definitions.source import Table
from stockade.definitions.view import View
from stockade.errors import DataError, UnknownNameError
from stockade.testing import MakeTable

if TYPE_CHECKING:
    from stockade.store.tables import Tables

pytestmark = pytest.mark.slow

account = Entity(name="account", keys="account_id")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WITHDRAWALS = (
    "withdrawal_id string, account_id string, made_at timestamp, loaded_at timestamp, "
    "version int, gone boolean, status string, amount decimal(12,2)"
)
source = EventSource(
    name="withdrawals", origin="withdrawals", event_time="made_at", available_at="loaded_at",
    dedupe="withdrawal_id", version="version", retracted="gone",
)  # fmt: skip


def view(aggregates: Mapping[str, Aggregate], of: EventSource = source) -> FeatureView:
    return FeatureView(name="v", entity=account, source=of, aggregates=aggregates)


def inputs_of(events: DataFrame) -> Inputs:
    # Its one origin is open already: no tables are looked up.
    return Inputs(tables=cast("Tables", None), opened=[(Table(name="withdrawals"), events)])


def explained(events: DataFrame, of: View, name: str, **named: object) -> Explanation:
    return explain_value(
        inputs_of(events), of, name, keys={"account_id": "a1"}, at=NOON, **named  # type: ignore[arg-type]
    )  # fmt: skip


def test_every_near_miss_has_its_reason(table: MakeTable) -> None:
    def row(
        name: str, made: str, loaded: str, version: int = 1, gone: bool = False,
        status: str = "done", amount: str = "1.00", account: str = "a1",
    ) -> tuple[object, ...]:  # fmt: skip
        return (name, account, f"2026-{made}", f"2026-{loaded}", version, gone, status,
                Decimal(amount))  # fmt: skip

    events = table(
        WITHDRAWALS,
        row("counts", "03-01 11:00:00", "03-01 11:00:01", amount="10.50"),
        row("corrected", "03-01 09:00:00", "03-01 09:00:00", amount="99.00"),
        row("corrected", "03-01 09:00:00", "03-01 10:00:00", 2, amount="20.25"),
        row("taken back", "03-01 08:00:00", "03-01 08:00:00"),
        row("taken back", "03-01 08:00:00", "03-01 09:00:00", 2, gone=True),
        row("old", "02-28 11:59:59", "02-28 12:00:00"),
        row("first instant", "02-28 12:00:00", "02-28 12:00:00", amount="0.25"),
        row("late", "03-01 11:30:00", "03-01 12:00:01"),
        row("boundary", "03-01 12:00:00", "03-01 12:00:00"),
        row("after", "03-01 12:00:05", "03-01 12:00:05"),
        row("filtered", "03-01 10:30:00", "03-01 10:30:00", status="failed"),
        row("moved", "03-01 10:40:00", "03-01 10:40:00"),
        row("moved", "03-01 10:40:00", "03-01 10:50:00", 2, account="b2"),
        row("of another", "03-01 10:00:00", "03-01 10:00:00", account="b2"),
    )
    of = view(
        {"withdrawn": sum_("amount", where="status = 'done'", windows=(days(1),), exact=True)}
    )

    found = explained(events, of, "withdrawn_1d")

    assert found.value == Decimal("31.00")
    assert [(one.columns["withdrawal_id"], one.part) for one in found.events] == [
        ("corrected", Decimal("20.25")), ("counts", Decimal("10.50")),
        ("first instant", Decimal("0.25")),
    ]  # fmt: skip
    misses: dict[object, list[tuple[str, ...]]] = {}
    for one in found.misses:
        misses.setdefault(one.columns["withdrawal_id"], []).append(one.reasons)
    assert {name: sorted(reasons) for name, reasons in misses.items()} == {
        "corrected": [("a later revision, known 2026-03-01 10:00:00.000000, took its place",)],
        "taken back": [
            ("a later revision, known 2026-03-01 09:00:00.000000, took its place",),
            ("it takes the event back",),
        ],
        "old": [("it is 0:00:01 too old",)],
        "late": [("it was known only 0:00:01 after the decision",)],
        "boundary": [("it lies on the window's end, which is not part of it",)],
        "after": [
            ("it was known only 0:00:05 after the decision",
             "it happened 0:00:05 after the decision"),
        ],
        "filtered": [("the filter leaves it out",)],
        "moved": [
            ("a later revision, known 2026-03-01 10:50:00.000000, took its place",),
            ("it is another key's",),
        ],
    }  # fmt: skip
    assert set(found.events[0].columns) == {"withdrawal_id", "account_id", "amount", "status"}
    assert found.begin == datetime(2026, 2, 28, 12, tzinfo=UTC)


def test_misses_beyond_those_wanted_are_counted_and_the_nearest_are_listed(
    table: MakeTable,
) -> None:
    plain = EventSource(name="withdrawals", origin="withdrawals", event_time="made_at")
    rows = [("x", f"2026-03-01 12:{minute:02d}:00") for minute in range(30)]
    events = table("account_id string, made_at timestamp", *(("a1", at) for _, at in rows))

    found = explained(events, view({"n": count(windows=(hours(1),))}, plain), "n_1h", misses=3)

    assert (found.value, found.events, len(found.misses), found.unread) == (0, (), 3, 27)
    assert [one.event_at and one.event_at.minute for one in found.misses] == [0, 1, 2]


def test_random_values_of_every_kind_are_the_sum_of_their_parts(spark: SparkSession) -> None:
    random = np.random.default_rng(5)
    plain = EventSource(
        name="withdrawals", origin="withdrawals", event_time="made_at", available_at="loaded_at"
    )
    made = F.lit(1772323200) + F.pmod(F.hash("id"), F.lit(50_000))
    events = spark.range(400).select(
        F.concat(F.lit("a"), 1 + F.col("id") % 2).alias("account_id"),
        F.timestamp_seconds(made).alias("made_at"),
        F.timestamp_seconds(made + F.col("id") % 4000).alias("loaded_at"),
        F.when(F.col("id") % 9 > 0, F.rand(3) * 100).alias("amount"),
        (F.col("id") % 7).cast("string").alias("shop"),
    )  # fmt: skip
    events = spark.createDataFrame(events.toArrow(), events.schema)
    window = (hours(int(random.integers(2, 7))),)
    of = view(
        {
            "n": count(windows=window), "total": sum_("amount", windows=window, delay=hours(1)),
            "mean": mean("amount", windows=window), "sd": stddev("amount", windows=window),
            "max": max_("amount", windows=window), "last": last("shop", windows=window),
            "three": last_n("shop", n=3, windows=window),
            "q": quantile("amount", q=0.3, windows=window),
            "shops": count_distinct("shop", windows=window), "mix": entropy("shop", windows=window),
            "quiet": seconds_since_last(windows=window),
        },
        plain,
    )  # fmt: skip

    asked = [
        Asked(
            view=of, name=feature.name, keys={"account_id": account},
            at=NOON + timedelta(minutes=int(random.integers(-90, 90))),
        )
        for feature in of.features()
        for account in ("a1", "a2", "nobody")
    ]  # fmt: skip
    random.shuffle(asked)  # type: ignore[arg-type]

    for one, found in zip(asked, explain_values(inputs_of(events), asked), strict=True):
        assert (found.feature, found.at, found.keys) == (f"v.{one.name}", one.at, one.keys)
        if one.keys["account_id"] == "nobody":
            assert (found.value in (None, 0), found.events, found.misses) == (True, (), ())
            continue
        assert found.value is not None, one.name
        assert len(found.events) > 10
        assert {event.columns["account_id"] for event in found.events} == {one.keys["account_id"]}


def test_values_of_events_that_are_revised_and_move_are_each_explained(
    spark: SparkSession,
) -> None:
    random = np.random.default_rng(11)
    rows = [
        (
            f"w{event}", str(random.choice(["a1", "a2", "a3"])),
            NOON + timedelta(minutes=int(random.integers(-2000, 500))),
            NOON + timedelta(minutes=int(random.integers(-2000, 500))),
            version, bool(random.random() < 0.1), str(random.choice(["done", "failed"])),
            Decimal(int(random.integers(1, 99_999))).scaleb(-2),
        )
        for event in range(120)
        for version in range(int(random.integers(1, 4)))
    ]  # fmt: skip
    events = spark.createDataFrame(rows, WITHDRAWALS)
    windows = (hours(6), days(1))
    of = view(
        {
            "n": count(windows=windows),
            "done": sum_("amount", where="status = 'done'", windows=windows, exact=True),
            "largest": max_("amount", windows=(LIFETIME,)),
        }
    )
    asked = [
        Asked(
            view=of, name=feature.name, keys={"account_id": f"a{n % 3 + 1}"},
            at=NOON + timedelta(minutes=int(random.integers(-1500, 600))),
        )
        for feature in of.features()
        for n in range(12)
    ]  # fmt: skip

    found = explain_values(inputs_of(events), asked)

    # Each is held against engine and reference: here, that there was something to hold.
    assert sum(len(one.events) for one in found) > 300
    reasons = {reason for one in found for miss in one.misses for reason in miss.reasons}
    assert {"it is another key's", "it takes the event back"} <= reasons


def test_a_lookup_is_explained_by_the_row_in_force(table: MakeTable) -> None:
    profiles = EventSource(name="profiles", origin="withdrawals", event_time="since")
    of = LookupView(name="profile", entity=account, source=profiles, columns=("country",))
    events = table(
        "account_id string, since timestamp, country string",
        ("a1", "2026-01-01 00:00:00", "FR"),
        ("a1", "2026-02-01 00:00:00", "DE"),
        ("a1", "2026-03-02 00:00:00", "IT"),
    )

    found = explained(events, of, "country")

    assert found.value == "DE"
    assert [(one.columns["country"], one.part) for one in found.events if one.part] == [
        ("DE", "DE")
    ]
    (miss,) = found.misses
    assert miss.reasons == (
        "it was known only 12:00:00 after the decision", "it happened 12:00:00 after the decision",
    )  # fmt: skip


def test_what_is_not_there_is_named(table: MakeTable) -> None:
    events = table(WITHDRAWALS)
    of = view({"n": count(windows=(days(1),))})

    with pytest.raises(UnknownNameError, match="has no feature 'n_2d': did you mean 'n_1d'"):
        explained(events, of, "n_2d")
    with pytest.raises(UnknownNameError, match=r"has the keys \['account_id'\]"):
        explain_value(inputs_of(events), of, "n_1d", keys={"account": "a"}, at=NOON)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="no time zone"):
        explain_value(
            inputs_of(events), of, "n_1d", keys={"account_id": "a"},  # type: ignore[arg-type]
            at=datetime(2026, 3, 1),  # noqa: DTZ001
        )  # fmt: skip
    assert explained(events, of, "n_1d").value == 0
