"""The one operator on real Spark: what counts at a decision, and what is refused."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pyspark.sql import DataFrame, SparkSession

from stockade import (
    LIFETIME,
    Entity,
    EventSource,
    FeatureView,
    LookupView,
    count,
    count_distinct,
    days,
    hours,
    last,
    last_n,
    mean,
    min_,
    seconds_since_last,
    sum_,
)
from stockade.definitions.aggregate import Aggregate
from stockade.definitions.view import Selection, View
from stockade.engine import operator
from stockade.engine.bind import History, bind
from stockade.engine.faults import spark_faults
from stockade.engine.layout import count_events, plan_layout, profile_spine
from stockade.engine.operator import EngineOptions, Request, attach, attach_all
from stockade.engine.oracle import naive
from stockade.engine.revisions import clocks
from stockade.engine.shuffle import Carried, computed
from stockade.errors import ColumnNotFoundError, DataError, DefinitionError, SchemaError
from stockade.testing import MakeTable

account = Entity(name="account", keys="account_id")
payments = EventSource(name="payments", origin="payments", event_time="paid_at")

SPINE = "decision bigint, account_id string, decided_at timestamp"
PAYMENTS = "account_id string, paid_at timestamp, amount double"
NOON = "2026-03-01 12:00:00"


def view(aggregates: Mapping[str, Aggregate], source: EventSource = payments) -> FeatureView:
    return FeatureView(name="v", entity=account, source=source, aggregates=aggregates)


def history(of: View, events: DataFrame) -> History:
    return History(Selection(view=of, names=tuple(f.name for f in of.features())), events)


def features(spine: DataFrame, of: View, events: DataFrame) -> list[tuple[object, ...]]:
    """The features in order of `decision`; engine and oracle must agree on them."""
    histories = [history(of, events)]
    names = histories[0].selection.names
    # Of few decisions, revisions are sorted out in another order than of many.
    ways = [EngineOptions(few_rows=few) for few in ((0, 1_000) if of.source.dedupe else (1_000,))]
    ways.append(EngineOptions(driver_values=1_000_000))
    engine = [
        attach(spine, histories, decided_at="decided_at", options=options).rows for options in ways
    ]
    oracle = naive(spine, histories, decided_at="decided_at")
    expected, *found = (
        [tuple(row[name] for name in names) for row in rows.orderBy("decision", *names).collect()]
        for rows in (oracle, *engine)
    )
    assert all(one == expected for one in found)
    return expected


def test_an_event_counts_strictly_before_the_decision(table: MakeTable) -> None:
    spine = table(SPINE, (1, "ann", NOON))
    events = table(
        PAYMENTS,
        ("ann", "2026-02-28 11:59:59.999999", 1.0),  # a microsecond too old
        ("ann", "2026-02-28 12:00:00", 2.0),
        ("ann", "2026-03-01 11:59:59.999999", 4.0),
        ("ann", NOON, 8.0),  # the same instant
    )

    assert features(spine, view({"paid": sum_("amount", windows=(days(1),))}), events) == [(6.0,)]


def test_the_inclusive_boundary_is_the_mirror_image(table: MakeTable) -> None:
    spine = table(SPINE, (1, "ann", NOON))
    events = table(
        PAYMENTS,
        ("ann", "2026-02-28 12:00:00", 1.0),  # exactly one window old
        ("ann", "2026-02-28 12:00:00.000001", 2.0),
        ("ann", NOON, 4.0),
    )
    mirrored = replace(view({"paid": sum_("amount", windows=(days(1),))}), boundary="inclusive")

    assert features(spine, mirrored, events) == [(6.0,)]


def test_a_delay_moves_the_window_into_the_past(table: MakeTable) -> None:
    spine = table(SPINE, (1, "ann", NOON))
    events = table(
        PAYMENTS,
        ("ann", "2026-02-21 11:00:00", 1.0),
        ("ann", "2026-02-22 11:00:00", 2.0),
        ("ann", "2026-02-22 12:00:00", 4.0),
    )
    delayed = view({"paid": sum_("amount", windows=(days(1),), delay=days(7))})

    assert features(spine, delayed, events) == [(2.0,)]


def test_what_was_not_yet_known_does_not_count(table: MakeTable) -> None:
    spine = table(SPINE, (1, "ann", NOON), (2, "ann", "2026-03-01 13:00:00"))
    events = table(
        "account_id string, paid_at timestamp, known_at timestamp, amount double",
        ("ann", "2026-03-01 10:00:00", "2026-03-01 12:00:00", 1.0),  # known at the very moment
        ("ann", "2026-03-01 11:00:00", "2026-03-01 12:00:01", 2.0),  # a second too late for one
        ("ann", "2026-03-01 11:30:00", None, 4.0),  # never known
    )
    late = replace(payments, available_at="known_at")

    paid = view({"paid": sum_("amount", windows=(days(1),))}, late)
    assert features(spine, paid, events) == [(1.0,), (3.0,)]


def test_a_settling_delay_stands_in_for_the_second_clock(table: MakeTable) -> None:
    spine = table(SPINE, (1, "ann", NOON))
    events = table(
        PAYMENTS, ("ann", "2026-03-01 11:00:00", 1.0), ("ann", "2026-03-01 11:00:00.000001", 2.0)
    )
    settled = replace(payments, settling_delay=hours(1))

    paid = view({"paid": sum_("amount", windows=(days(1),))}, settled)
    assert features(spine, paid, events) == [(1.0,)]


REVISIONS = (
    "id string, version int, account_id string, paid_at timestamp, known_at timestamp, "
    "amount double, gone boolean"
)
revised = EventSource(
    name="revised", origin="r", event_time="paid_at", available_at="known_at",
    dedupe="id", version="version", retracted="gone",
)  # fmt: skip


def test_the_highest_version_known_is_the_one_that_counts(table: MakeTable) -> None:
    spine = table(
        SPINE,
        (1, "ann", "2026-03-01 10:30:00"),
        (2, "ann", "2026-03-01 11:30:00"),
        (3, "ann", "2026-03-01 12:30:00"),
        (4, "bob", "2026-03-01 12:30:00"),
    )
    events = table(
        REVISIONS,
        ("p1", 1, "ann", "2026-03-01 09:00:00", "2026-03-01 10:00:00", 1.0, False),
        ("p1", 3, "ann", "2026-03-01 09:00:00", "2026-03-01 11:00:00", 3.0, False),
        ("p1", 2, "ann", "2026-03-01 09:00:00", "2026-03-01 11:15:00", 2.0, False),  # late, older
        ("p1", 4, "bob", "2026-03-01 09:00:00", "2026-03-01 12:00:00", 4.0, False),  # it was bob's
    )

    paid = view({"paid": sum_("amount", windows=(days(1),))}, revised)
    assert features(spine, paid, events) == [(1.0,), (3.0,), (0.0,), (4.0,)]


def test_a_retracted_event_does_not_count_until_it_is_restated(table: MakeTable) -> None:
    spine = table(
        SPINE,
        (1, "ann", "2026-03-01 10:30:00"),
        (2, "ann", "2026-03-01 11:30:00"),
        (3, "ann", "2026-03-01 12:30:00"),
    )
    events = table(
        REVISIONS,
        ("p1", 1, "ann", "2026-03-01 09:00:00", "2026-03-01 10:00:00", 1.0, False),
        ("p1", 2, "ann", "2026-03-01 09:00:00", "2026-03-01 11:00:00", 1.0, True),
        ("p1", 3, "ann", "2026-03-01 09:00:00", "2026-03-01 12:00:00", 5.0, None),
    )

    paid = view({"paid": sum_("amount", windows=(days(1),))}, revised)
    assert features(spine, paid, events) == [(1.0,), (0.0,), (5.0,)]


def test_equal_versions_of_one_event_stop_the_run(table: MakeTable) -> None:
    spine = table(SPINE, (1, "ann", NOON))
    row = ("p1", 1, "ann", "2026-03-01 09:00:00", "2026-03-01 10:00:00", 1.0, False)
    events = table(REVISIONS, row, row)
    paid = view({"paid": sum_("amount", windows=(days(1),))}, revised)

    with (
        pytest.raises(DataError, match="two revisions of one event have the same 'version'"),
        spark_faults(),
    ):
        attach(spine, [history(paid, events)], decided_at="decided_at").rows.collect()


def test_copies_of_one_event_count_once_from_the_first_to_arrive(table: MakeTable) -> None:
    spine = table(SPINE, (1, "ann", "2026-03-01 10:30:00"), (2, "ann", NOON))
    events = table(
        REVISIONS,
        ("p1", 1, "ann", "2026-03-01 09:00:00", "2026-03-01 11:00:00", 1.0, False),
        ("p1", 1, "ann", "2026-03-01 09:00:00", "2026-03-01 10:00:00", 1.0, False),
    )
    copied = replace(revised, version=None, retracted=None)

    counted = view({"paid": count(windows=(days(1),))}, copied)
    assert features(spine, counted, events) == [(1,), (1,)]


def test_an_empty_window_counts_zero_and_knows_nothing_else(table: MakeTable) -> None:
    spine = table(SPINE, (1, "eve", NOON))
    events = table(PAYMENTS, ("ann", "2026-03-01 11:00:00", 1.0))
    everything = view(
        {
            "n": count(windows=(days(1),)),
            "total": sum_("amount", windows=(LIFETIME,)),
            "kinds": count_distinct("amount", windows=(days(1),)),
            "mean": mean("amount", windows=(days(1),)),
            "least": min_("amount", windows=(days(1),)),
            "since": seconds_since_last(windows=(days(1),)),
        }
    )

    assert features(spine, everything, events) == [(0, 0.0, 0, None, None, None)]


def test_null_inputs_are_ignored_and_nan_follows_the_sources_rule(table: MakeTable) -> None:
    spine = table(SPINE, (1, "ann", NOON))
    events = table(
        PAYMENTS,
        ("ann", "2026-03-01 09:00:00", 2.0),
        ("ann", "2026-03-01 10:00:00", None),
        ("ann", "2026-03-01 11:00:00", float("nan")),
    )
    aggregates = {
        "n": count(windows=(days(1),)),
        "known": count("amount", windows=(days(1),)),
        "latest": last("amount", windows=(days(1),)),
    }

    assert features(spine, view(aggregates), events) == [(3, 1, 2.0)]
    strict = view(aggregates, replace(payments, non_finite="reject"))
    with pytest.raises(DataError, match="column 'amount' holds NaN or infinity"), spark_faults():
        attach(spine, [history(strict, events)], decided_at="decided_at").rows.collect()


def test_every_spine_row_comes_back_once_with_nulls_where_it_has_no_key(table: MakeTable) -> None:
    spine = table(
        SPINE,
        (1, "ann", NOON),
        (1, "ann", NOON),
        (2, None, NOON),
        (3, "ann", None),
        (4, "bob", NOON),
    )
    events = table(PAYMENTS, ("ann", "2026-03-01 11:00:00", 1.0))
    attached = attach(
        spine, [history(view({"n": count(windows=(days(1),))}), events)], decided_at="decided_at"
    )

    rows = sorted((row.decision, row.n_1d) for row in attached.rows.collect())
    assert rows[:2] == [(1, 1), (1, 1)]
    assert {row for row in rows[2:]} == {(2, None), (3, None), (4, 0)}
    assert attached.profile.rows == 5
    assert attached.profile.timeless == 1
    assert dict(attached.profile.keyless) == {("account_id",): 1}


def test_money_is_added_exactly_to_the_last_digit(table: MakeTable) -> None:
    spine = table(SPINE, (1, "ann", NOON))
    events = table(
        "account_id string, paid_at timestamp, amount decimal(38,18)",
        ("ann", "2026-03-01 09:00:00", Decimal("12345678901234567890.123456789012345678")),
        ("ann", "2026-03-01 10:00:00", Decimal("-0.000000000000000001")),
        ("ann", "2026-03-01 11:00:00", Decimal("0.000000000000000003")),
    )
    exact = view(
        {
            "total": sum_("amount", exact=True, windows=(days(1),)),
            "least": min_("amount", exact=True, windows=(days(1),)),
        }
    )

    assert features(spine, exact, events) == [
        (Decimal("12345678901234567890.123456789012345680"), Decimal("-0.000000000000000001"))
    ]


def test_a_sum_that_does_not_fit_is_an_error_that_names_the_feature(table: MakeTable) -> None:
    spine = table(SPINE, (1, "ann", NOON))
    events = table(
        "account_id string, paid_at timestamp, amount bigint",
        ("ann", "2026-03-01 09:00:00", 2**63 - 1),
        ("ann", "2026-03-01 10:00:00", 1),
    )
    total = view({"total": sum_("amount", windows=(days(1),))})

    with pytest.raises(DataError, match="total_1d"), spark_faults():
        attach(spine, [history(total, events)], decided_at="decided_at").rows.collect()


def test_keys_may_be_of_several_columns(table: MakeTable) -> None:
    pair = Entity(name="pair", keys=("sender", "receiver"))
    spine = table(
        "decision bigint, sender string, receiver bigint, decided_at timestamp",
        (1, "1", 23, NOON),
        (2, "12", 3, NOON),
        (3, None, 3, NOON),
    )
    events = table(
        "sender string, receiver bigint, paid_at timestamp",
        ("1", 23, "2026-03-01 11:00:00"),
        ("12", 3, "2026-03-01 11:00:00"),
        ("12", 3, "2026-03-01 11:30:00"),
        ("1", 3, "2026-03-01 11:00:00"),
    )
    sent = FeatureView(
        name="sent", entity=pair, source=payments, aggregates={"n": count(windows=(days(1),))}
    )

    assert features(spine, sent, events) == [(1,), (2,), (None,)]


def test_a_lookup_gives_the_last_known_row_and_a_null_is_a_value(table: MakeTable) -> None:
    tiers = LookupView(
        name="tiers",
        entity=account,
        source=EventSource(name="tiers", origin="tiers", event_time="since_at"),
        columns=("tier", "limit"),
        max_age=days(30),
    )
    events = table(
        "account_id string, since_at timestamp, tier string, limit decimal(10,2)",
        ("ann", "2026-01-01 00:00:00", "gold", Decimal("5.00")),
        ("ann", "2026-02-01 00:00:00", None, Decimal("6.00")),
        ("ann", NOON, "silver", Decimal("7.00")),
    )
    spine = table(
        SPINE,
        (1, "ann", "2026-01-31 00:00:00"),  # exactly thirty days old
        (2, "ann", "2026-02-15 00:00:00"),
        (3, "ann", NOON),
        (4, "ann", "2026-06-01 00:00:00"),
    )

    assert features(spine, tiers, events) == [
        (None, None),
        (None, Decimal("6.00")),
        ("silver", Decimal("7.00")),
        (None, None),
    ]


def test_sequences_come_latest_first(table: MakeTable) -> None:
    spine = table(SPINE, (1, "ann", NOON), (2, "eve", NOON))
    events = table(
        "account_id string, paid_at timestamp, rail string",
        ("ann", "2026-03-01 09:00:00", "ach"),
        ("ann", "2026-03-01 10:00:00", "card"),
        ("ann", "2026-03-01 10:00:00", "wire"),
    )

    recent = view({"rails": last_n("rail", n=2, windows=(days(1),))})
    assert features(spine, recent, events) == [(["wire", "card"],), (None,)]


def test_views_of_several_entities_and_sources_attach_together(table: MakeTable) -> None:
    device = Entity(name="device", keys="device_id")
    spine = table(
        "decision bigint, account_id string, device_id string, decided_at timestamp",
        (1, "ann", "d1", NOON),
    )
    paid = table(PAYMENTS, ("ann", "2026-03-01 11:00:00", 3.0))
    seen = table(
        "device_id string, account_id string, at timestamp",
        ("d1", "ann", "2026-03-01 10:00:00"),
        ("d1", "bob", "2026-03-01 11:00:00"),
    )
    logins = EventSource(name="logins", origin="logins", event_time="at")
    by_device = FeatureView(
        name="d", entity=device, source=logins,
        aggregates={"accounts": count_distinct("account_id", windows=(days(1),))},
    )  # fmt: skip
    by_account = FeatureView(
        name="a", entity=account, source=logins, aggregates={"logins": count(windows=(days(1),))}
    )
    histories = [
        history(view({"paid": sum_("amount", windows=(days(1),))}), paid),
        history(by_device, seen),
        history(by_account, seen),
    ]

    row = attach(spine, histories, decided_at="decided_at", audit=True).rows.first()

    assert row is not None
    assert (row.paid_1d, row.accounts_1d, row.logins_1d) == (3.0, 2, 1)
    assert row.d__event_at.replace(tzinfo=UTC) == datetime(2026, 3, 1, 11, tzinfo=UTC)
    assert row.a__available_at.replace(tzinfo=UTC) == datetime(2026, 3, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize("driver_values", [0, 1_000_000])
def test_several_spines_get_what_each_gets_alone(table: MakeTable, driver_values: int) -> None:
    events = table(
        PAYMENTS,
        ("ann", "2026-02-27 09:00:00", 1.0),
        ("ann", "2026-03-01 09:00:00", 2.0),
        ("ann", "2026-03-01 11:00:00", 64.0),
        ("bob", "2026-03-01 10:00:00", 8.0),
    )
    early = table(SPINE, (1, "ann", "2026-03-01 10:00:00"), (2, "bob", None))
    late = table(SPINE, (3, "ann", NOON), (4, "bob", NOON), (5, "ann", NOON))
    every = view({"paid": sum_("amount", windows=(days(1), LIFETIME))})
    large = replace(view({"large": count(where="amount > 9", windows=(days(3),))}), name="large")
    asked = [(early, [every]), (late, [large]), (late, [every, large]), (early.limit(0), [large])]
    requests = [
        Request(
            spine=spine, histories=[history(one, events) for one in views], decided_at="decided_at"
        )
        for spine, views in asked
    ]
    options = EngineOptions(driver_values=driver_values)

    together = list(attach_all(requests, audit=True, options=options))

    alone = [
        attach(one.spine, one.histories, decided_at="decided_at", audit=True) for one in requests
    ]
    for ours, theirs in zip(together, alone, strict=True):
        assert ours.profile == theirs.profile
        assert ours.rows.columns == theirs.rows.columns
        assert sorted(map(tuple, ours.rows.collect()), key=str) == sorted(
            map(tuple, theirs.rows.collect()), key=str
        )
    (row,) = {row[3:] for row in map(tuple, together[1].rows.collect()) if row[1] == "ann"}
    # The latest event that the one view could use, not the latest that any of them could.
    assert row == (1, *(datetime(2026, 3, 1, 11),) * 2)  # noqa: DTZ001


@pytest.mark.parametrize("fits", [True, False])
def test_more_decisions_than_the_driver_may_hold_are_shuffled(
    table: MakeTable, monkeypatch: pytest.MonkeyPatch, fits: bool
) -> None:
    events = table(PAYMENTS, ("ann", "2026-03-01 09:00:00", 2.0))
    spine = table(SPINE, *((n, "ann", NOON) for n in range(30)))
    shuffles: list[str] = []

    def seen(*arguments: object, **options: object) -> Carried:
        shuffles.append("one")
        return computed(*arguments, **options)

    monkeypatch.setattr(operator, "computed", seen)
    of = view({"paid": sum_("amount", windows=(days(1),))})
    # Three columns of the spine and one feature.
    options = EngineOptions(driver_values=4 * 30 - (not fits))

    rows = attach(spine, [history(of, events)], decided_at="decided_at", options=options).rows

    assert [row.paid_1d for row in rows.collect()] == [2.0] * 30
    assert shuffles == ([] if fits else ["one"])


@pytest.mark.slow
def test_a_hot_key_cut_into_slices_gives_the_same_features(table: MakeTable) -> None:
    rows = [("hot", f"2026-03-{1 + i // 24:02d} {i % 24:02d}:00:00", float(i)) for i in range(240)]
    events = table(PAYMENTS, *rows, ("cold", "2026-03-05 00:00:00", 1.0))
    spine = table(
        SPINE,
        # One decision at the instant of every event: some of them are where slices meet.
        *((i, "hot", at) for i, (_, at, _) in enumerate(rows)),
        (900, "cold", "2026-03-06 00:00:00"),
        (901, None, NOON),
    )
    of = view({"paid": sum_("amount", windows=(hours(1), days(2)), delay=hours(3))})
    whole = attach(spine, [history(of, events)], decided_at="decided_at")
    cut = attach(
        spine, [history(of, events)], decided_at="decided_at", options=EngineOptions(hot_rows=50)
    )

    assert sorted(map(tuple, cut.rows.collect())) == sorted(map(tuple, whole.rows.collect()))


def test_a_hot_key_is_found_in_a_sample_of_the_events(
    spark: SparkSession, table: MakeTable
) -> None:
    events = spark.range(60_000).selectExpr(
        "if(id % 10 = 0, 'cold' || id, 'hot') AS account_id",
        "timestamp_seconds(1772323200 + id) AS paid_at",
        "CAST(id AS double) AS amount",
    )
    spine = table(SPINE, (1, "hot", "2026-03-01 01:00:00"), (2, "hot", "2026-03-01 16:00:00"))
    tracks = bind(
        spine, [history(view({"paid": sum_("amount", windows=(hours(1),))}), events)],
        decided_at="decided_at", keys={},
    )  # fmt: skip
    profile = profile_spine(spine, tracks, decided_at="decided_at")
    timed = [clocks(track.source, track.events) for track in tracks]

    layout = plan_layout(tracks, timed, count_events(tracks, profile), profile, hot_rows=20_000)

    assert layout.slices is not None
    assert [row._hot0 for row in layout.slices.keys.collect()] == ["hot"]
    assert 2 <= layout.slices.buckets <= 3
    assert layout.slices.rows == pytest.approx(54_000, rel=0.2)


@pytest.mark.parametrize(
    ("spine_ddl", "events_ddl", "aggregate", "kind", "message"),
    [
        (SPINE, PAYMENTS, sum_("amout", windows=(days(1),)), ColumnNotFoundError,
         "has no column 'amout': did you mean 'amount'"),
        (SPINE, PAYMENTS, count(where="amont > 1", windows=(days(1),)), ColumnNotFoundError,
         "has no column 'amont': did you mean 'amount'"),
        (SPINE, PAYMENTS, count(where="amount + 1", windows=(days(1),)), DefinitionError,
         'where "amount \\+ 1" is a double, wanted a condition'),
        (SPINE, PAYMENTS, count(where="no_such(amount)", windows=(days(1),)), DefinitionError,
         "no_such\\(\\), which is not known to depend"),
        (SPINE, "account_id string, paid_at timestamp, amount string",
         sum_("amount", windows=(days(1),)), SchemaError, "sum measures numbers, not string"),
        (SPINE, "account_id string, paid_at timestamp, amount array<double>",
         count_distinct("amount", windows=(days(1),)), SchemaError, "only numbers, strings"),
        (SPINE, "account_id string, paid_at timestamp_ntz, amount double",
         count(windows=(days(1),)), SchemaError, "'paid_at' is timestamp_ntz, which names"),
        ("decision bigint, account_id string, decided_at date", PAYMENTS,
         count(windows=(days(1),)), SchemaError, "'decided_at' is date, wanted timestamp"),
        ("decision bigint, account_id bigint, decided_at timestamp", PAYMENTS,
         count(windows=(days(1),)), SchemaError,
         "key 'account_id' is bigint in the spine and 'account_id' is string in the source"),
        ("decision bigint, account_id double, decided_at timestamp", PAYMENTS,
         count(windows=(days(1),)), SchemaError, "cast it to string or bigint"),
        ("decision bigint, account_id string collate utf8_lcase, decided_at timestamp", PAYMENTS,
         count(windows=(days(1),)), SchemaError, "compared byte by byte: cast it to string"),
        ("decision bigint, decided_at timestamp", PAYMENTS,
         count(windows=(days(1),)), ColumnNotFoundError, "the spine has no column 'account_id'"),
        (SPINE + ", n_1d int", PAYMENTS, count(windows=(days(1),)), DefinitionError,
         "feature 'n_1d' has the name of a column of the spine"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_before_any_work(
    table: MakeTable,
    spine_ddl: str,
    events_ddl: str,
    aggregate: Aggregate,
    kind: type[Exception],
    message: str,
) -> None:
    with pytest.raises(kind, match=message):
        attach(table(spine_ddl), [history(view({"n": aggregate}), table(events_ddl))],
               decided_at="decided_at")  # fmt: skip


def test_all_faults_come_together(table: MakeTable) -> None:
    of = view({"a": sum_("x", windows=(days(1),)), "b": mean("y", windows=(days(1),))})

    with pytest.raises(ExceptionGroup) as raised:
        attach(table(SPINE), [history(of, table(PAYMENTS))], decided_at="decided_at")

    assert [str(fault).split(":")[1].strip() for fault in raised.value.exceptions] == [
        "feature 'a_1d' has no column 'x'",
        "feature 'b_1d' has no column 'y'",
    ]


def test_no_events_and_no_decisions_are_no_trouble(table: MakeTable) -> None:
    of = view({"n": count(windows=(days(1),)), "m": mean("amount", windows=(LIFETIME,))})
    nothing, nobody = table(PAYMENTS), table(SPINE)
    one = table(SPINE, (1, "ann", NOON))

    assert features(one, of, nothing) == [(0, None)]
    assert features(nobody, of, nothing) == []
    assert features(nobody, of, table(PAYMENTS, ("ann", NOON, 1.0))) == []
