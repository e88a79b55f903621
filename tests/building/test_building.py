"""Snapshots, training sets, audits and verification on a few payments."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from pyspark.sql import functions as F

from stockade import (
    LIFETIME,
    Derived,
    Entity,
    EventSource,
    FeatureService,
    FeatureView,
    Label,
    Spine,
    TrainingSet,
    count,
    days,
    hours,
    mean,
)
from stockade.building import verify as verification
from stockade.building.audit import audit
from stockade.building.materialize import materialize
from stockade.building.training_set import MANIFEST, build, read_manifest
from stockade.building.verify import verify
from stockade.errors import (
    EmptyTableError,
    FingerprintMismatchError,
    LeakageError,
    SchemaError,
    VerificationError,
)
from stockade.store.tables import Tables
from stockade.testing import MakeTable

NOTE = {"run_id": "r"}
account = Entity(name="account", keys="account_id")
payments = EventSource(name="payments", origin="payments", event_time="paid_at")
view = FeatureView(
    name="account_payments",
    entity=account,
    source=payments,
    aggregates={
        "payments": count(windows=(days(2), LIFETIME)),
        "mean_amount": mean("amount", windows=(days(2),)),
    },
)
two_days = replace(view, aggregates={"payments": count(windows=(days(2),))})
returned = Label(
    name="returned",
    source=EventSource(
        name="returns", origin="returns", event_time="returned_at", available_at="known_at"
    ),
    keys={"payment_id": "payment_id"},
    horizon=days(5),
    reporting_delay=days(1),
)
training = TrainingSet(
    name="payment_training",
    spine=Spine(name="s", origin="decisions", decided_at="decided_at", id="payment_id"),
    features=FeatureService(
        name="f",
        spine_columns="amount",
        features=(view, Derived(name="ratio", expression="try_divide(amount, mean_amount_2d)")),
    ),
    label=returned,
)

pytestmark = pytest.mark.slow


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def loaded(tables: Tables, table: MakeTable) -> Tables:
    rows = (
        ("ann", "2026-03-01 10:00:00", 10.0),
        ("ann", "2026-03-02 00:00:00", 30.0),  # on the tick itself
        ("bob", "2026-02-20 10:00:00", 5.0),
        (None, "2026-03-01 10:00:00", 1.0),
    )
    decided = (
        (1, "ann", "2026-03-02 00:00:00", 20.0),
        (2, "ann", "2026-03-03 00:00:00", 20.0),
        (3, "bob", "2026-03-03 00:00:00", 1.0),
        (4, None, "2026-03-03 00:00:00", 1.0),
        (5, "ann", "2026-03-09 00:00:00", 2.0),
    )
    back = ((2, "2026-03-06 00:00:00", "2026-03-07 00:00:00"),
            (3, "2026-03-06 00:00:00", "2026-03-30 00:00:00"))  # fmt: skip
    payment = "account_id string, paid_at timestamp, amount double"
    tables.replace("payments", table(payment, *rows), note=NOTE)
    decision = "payment_id bigint, account_id string, decided_at timestamp, amount double"
    tables.replace("decisions", table(decision, *decided), note=NOTE)
    known = "payment_id bigint, returned_at timestamp, known_at timestamp"
    tables.replace("returns", table(known, *back), note=NOTE)
    return tables


def test_a_snapshot_holds_what_lay_before_its_tick(loaded: Tables) -> None:
    materialize(loaded, two_days, start=date(2026, 3, 1), end=date(2026, 3, 6))

    rows = loaded.read("account_payments").collect()
    assert sorted((row.account_id, row.as_of_on.day, row.payments_2d) for row in rows) == [
        ("ann", 2, 1),
        ("ann", 3, 2),
        ("ann", 4, 1),
    ]


def test_a_lifetime_keeps_an_entity_active(loaded: Tables) -> None:
    materialize(loaded, view, start=date(2026, 3, 4), end=date(2026, 3, 5))

    rows = loaded.read("account_payments").collect()
    assert sorted((row.account_id, row.payments_lifetime) for row in rows) == [
        ("ann", 2),
        ("bob", 1),
    ]


def test_hourly_snapshots_have_a_row_an_hour(loaded: Tables) -> None:
    hourly = replace(
        two_days, cadence="hourly", aggregates={"payments": count(windows=(hours(2),))}
    )
    materialize(loaded, hourly, start=date(2026, 3, 1), end=date(2026, 3, 2))

    rows = loaded.read("account_payments").collect()
    assert sorted((row.as_of.hour, row.payments_2h) for row in rows) == [(11, 1), (12, 1)]


def test_the_same_interval_twice_is_the_same_table(loaded: Tables) -> None:
    days_of_march = {"start": date(2026, 3, 1), "end": date(2026, 3, 4)}
    materialize(loaded, view, **days_of_march)
    first = sorted(map(tuple, loaded.read("account_payments").collect()), key=str)
    materialize(loaded, view, **days_of_march)

    assert sorted(map(tuple, loaded.read("account_payments").collect()), key=str) == first


def test_a_changed_definition_is_not_written_into_an_old_table(loaded: Tables) -> None:
    march = {"start": date(2026, 3, 1), "end": date(2026, 3, 4)}
    materialize(loaded, two_days, **march)
    changed = replace(two_days, boundary="inclusive")

    with pytest.raises(FingerprintMismatchError, match="changed: 'payments_2d'"):
        materialize(loaded, changed, **march)
    assert loaded.version("account_payments") == 0

    materialize(loaded, changed, rebuild=True, **march)
    assert loaded.version("account_payments") == 1


def test_a_training_set_says_what_went_into_it(loaded: Tables) -> None:
    built = build(
        loaded, training, start=at("2026-03-01"), end=at("2026-03-10"), as_of=at("2026-03-10")
    )

    rows = {row.payment_id: row for row in loaded.read("payment_training").collect()}
    assert {key: row.returned for key, row in rows.items()} == {
        1: False,
        2: True,
        3: False,  # it was returned, but that was not known by the build date
        4: False,
        5: None,
    }
    assert rows[2].payments_2d == 2
    assert rows[2].ratio == 1.0
    assert rows[4].payments_2d is None
    manifest = read_manifest(loaded, "payment_training")
    assert manifest["label_states"] == {
        "positive": 1, "negative": 3, "pending": 1, "censored": 0, "reversed": 0
    }  # fmt: skip
    assert manifest["rows"] == 5
    assert manifest["keyless_rows"] == {"account_id": 1}
    assert manifest["latest_used"]["account_payments"]["event_at"] == "2026-03-02T00:00:00.000000Z"
    assert manifest["inputs"] == {"decisions": 0, "payments": 0, "returns": 0}
    assert built.manifest == manifest


def test_a_training_set_is_not_built_before_its_decisions(loaded: Tables) -> None:
    with pytest.raises(SchemaError, match="a set cannot be built before its decisions"):
        build(
            loaded, training, start=at("2026-03-01"), end=at("2026-03-10"), as_of=at("2026-03-09")
        )
    with pytest.raises(SchemaError, match="has no time zone"):
        build(
            loaded, training, start=datetime(2026, 3, 1), end=at("2026-03-10"),  # noqa: DTZ001
            as_of=at("2026-03-10"),
        )  # fmt: skip
    with pytest.raises(EmptyTableError, match="has no decisions from 2027-01-01"):
        build(
            loaded, training, start=at("2027-01-01"), end=at("2027-02-01"), as_of=at("2027-02-01")
        )
    assert not loaded.exists("payment_training")
    assert not loaded.exists(f"payment_training{MANIFEST}")


def test_snapshot_mode_equals_exact_mode_at_the_tick(loaded: Tables) -> None:
    materialize(loaded, view, start=date(2026, 3, 1), end=date(2026, 3, 10))
    march = {"start": at("2026-03-01"), "end": at("2026-03-10"), "as_of": at("2026-03-10")}
    build(loaded, training, **march)
    build(loaded, replace(training, name="nightly", mode="snapshot"), **march)

    names = ["payment_id", "payments_2d", "payments_lifetime", "mean_amount_2d"]
    exact, nightly = (
        sorted(map(tuple, loaded.read(name).where("payment_id <> 4").select(*names).collect()))
        for name in ("payment_training", "nightly")
    )
    assert exact == nightly
    assert audit(loaded, "nightly").passed


def test_an_audit_passes_and_a_value_from_the_future_is_caught(loaded: Tables) -> None:
    build(loaded, training, start=at("2026-03-01"), end=at("2026-03-10"), as_of=at("2026-03-10"))
    assert audit(loaded, "payment_training").require().rows == 5

    tampered = loaded.read("payment_training").withColumn(
        "account_payments__event_at", F.col("decided_at")
    )
    note = loaded.last_note("payment_training") or {}
    loaded.replace("payment_training", tampered, note=note)
    with pytest.raises(LeakageError, match=r"not the table that its manifest describes \(version"):
        audit(loaded, "payment_training")


def test_an_audit_names_the_view_that_used_hindsight(
    loaded: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(loaded, training, start=at("2026-03-01"), end=at("2026-03-10"), as_of=at("2026-03-10"))
    tampered = loaded.read("payment_training").withColumn(
        "account_payments__event_at", F.col("decided_at")
    )
    monkeypatch.setattr(Tables, "read", lambda _self, name: _read(loaded, name, tampered))
    monkeypatch.setattr("stockade.building.audit._same_table", lambda *_: None)

    with pytest.raises(LeakageError, match="5 rows where view 'account_payments' used an event"):
        audit(loaded, "payment_training").require()


def _read(tables: Tables, name: str, tampered: object) -> object:
    if name == "payment_training":
        return tampered
    return tables.spark.read.format("delta").load(str(tables.target.warehouse / name))


def test_verification_finds_no_difference_and_names_one_that_is_planted(
    loaded: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert verify(loaded, training, sample=10).require().rows == 5

    honest = verification.naive

    def planted(*args: object, **options: object) -> object:
        rows = honest(*args, **options)  # type: ignore[arg-type]
        return rows.withColumn("payments_2d", F.col("payments_2d") + 1)

    monkeypatch.setattr(verification, "naive", planted)
    with pytest.raises(VerificationError, match="4 of 15 values, in 'payments_2d'"):
        verify(loaded, training, sample=10).require()
