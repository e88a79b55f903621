"""Snapshots, training sets, audits and verification on a few payments."""

from dataclasses import replace
from datetime import date, datetime

import pytest
from pyspark.sql import functions as F

from stockade import Files, count, hours
from stockade.building import features
from stockade.building import verify as verification
from stockade.building.audit import audit
from stockade.building.features import Inputs
from stockade.building.materialize import materialize
from stockade.building.training_set import MANIFEST, build, build_all, read_manifest
from stockade.building.verify import verify
from stockade.engine.operator import EngineOptions
from stockade.errors import (
    EmptyTableError,
    FingerprintMismatchError,
    LeakageError,
    SchemaError,
    TableNotFoundError,
    VerificationError,
)
from stockade.store.tables import Tables
from tests.building.samples import at, training, two_days, view

pytestmark = pytest.mark.slow


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


def test_sets_that_are_built_together_are_what_each_is_alone(loaded: Tables) -> None:
    march = {"start": at("2026-03-01"), "end": at("2026-03-10"), "as_of": at("2026-03-10")}
    materialize(loaded, view, start=date(2026, 3, 1), end=date(2026, 3, 10))
    nightly = replace(training, name="nightly", mode="snapshot")
    alone = [build(loaded, one, **march).manifest for one in (training, nightly)]

    together = [one.manifest for one in build_all(loaded, [training, nightly], **march)]

    for ours, theirs in zip(together, alone, strict=True):
        assert {name for name, value in ours.items() if theirs[name] != value} == {
            "run_id", "version"
        }  # fmt: skip
    assert together[0]["inputs"] == {"decisions": 0, "payments": 0, "returns": 0}
    assert together[1]["inputs"] == {"account_payments": 0, "decisions": 0, "returns": 0}


def test_what_one_set_may_not_use_keeps_all_from_being_built(loaded: Tables) -> None:
    march = {"start": at("2026-03-01"), "end": at("2026-03-10"), "as_of": at("2026-03-10")}
    lost = replace(training, name="lost", spine=replace(training.spine, origin="nowhere"))

    with pytest.raises(TableNotFoundError, match="nowhere"):
        _ = list(build_all(loaded, [training, lost], **march))
    assert not loaded.exists(training.name)


def test_only_what_is_little_is_computed_on_the_driver(
    loaded: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    march = {"start": at("2026-03-01"), "end": at("2026-03-10"), "as_of": at("2026-03-10")}
    small = build(loaded, training, **march)
    inputs = Inputs.of(loaded)
    for name in ("decisions", "payments"):
        _ = inputs.open(name)
    assert inputs.options().driver_values > 0
    size = inputs.tables.bytes()
    assert size is not None
    assert size == sum(loaded.bytes(name) for name in ("decisions", "payments"))

    monkeypatch.setattr(features, "DRIVER_BYTES", size - 1)
    assert inputs.options() == EngineOptions()
    assert (
        build(loaded, training, **march).manifest["content_hash"]
        == (small.manifest["content_hash"])
    )

    monkeypatch.setattr(features, "DRIVER_BYTES", size)
    assert inputs.options().driver_values > 0
    # Nobody knows how large files are, or what a catalog's view reads.
    inputs.opened.append((Files(path="more", format="parquet"), loaded.read("payments")))
    assert inputs.options() == EngineOptions()


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
    monkeypatch.setattr(Tables, "read", lambda _self, name, **_: _read(loaded, name, tampered))
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
