"""A training set made again: the same rows from the same inputs, and what moved since, and why."""

from dataclasses import replace

import pytest

from stockade import count, days
from stockade.building.rebuild import Change, rebuild, restate
from stockade.building.training_set import build
from stockade.errors import DataError, TableNotFoundError, WriteError
from stockade.store.snapshot import Snapshot
from stockade.store.tables import Tables
from stockade.testing import MakeTable
from tests.building.samples import NOTE, at, training, two_days

pytestmark = pytest.mark.slow
MARCH = {"start": at("2026-03-01"), "end": at("2026-03-10"), "as_of": at("2026-03-10")}
PAYMENT = "account_id string, paid_at timestamp, amount double"
REPORT = "payment_id bigint, returned_at timestamp, known_at timestamp"


def test_a_set_is_rebuilt_to_the_bit_when_its_inputs_have_moved_on(
    loaded: Tables, table: MakeTable
) -> None:
    built = build(loaded, training, **MARCH)
    later = table(PAYMENT, ("ann", "2026-03-02 12:00:00", 7.0), ("bob", "2026-03-02 12:00:00", 7.0))
    loaded.replace("payments", later, note=NOTE)

    found = rebuild(loaded, "payment_training", into="proof")

    assert found.identical
    assert found.rows == 5
    assert found.inputs == built.manifest["inputs"]
    assert sorted(map(tuple, loaded.read("proof").collect()), key=str) == sorted(
        map(tuple, loaded.read("payment_training").collect()), key=str
    )
    assert rebuild(loaded, "payment_training").written is None


@pytest.mark.parametrize("into", ["payments", "payment_training"])
def test_a_rebuild_replaces_no_table_but_its_own(loaded: Tables, into: str) -> None:
    build(loaded, training, **MARCH)
    before = loaded.version(into)

    with pytest.raises(WriteError, match=f"'{into}' is there and is no rebuild"):
        rebuild(loaded, "payment_training", into=into)
    assert loaded.version(into) == before
    for _ in range(2):
        assert rebuild(loaded, "payment_training", into="proof").identical


def test_a_restatement_names_the_cause_of_each_change(loaded: Tables, table: MakeTable) -> None:
    build(loaded, training, **MARCH)
    payments = loaded.read("payments")
    more = table(PAYMENT, ("ann", "2026-03-02 12:00:00", 40.0))
    loaded.replace("payments", payments.union(more), note=NOTE)
    reports = table(REPORT, (3, "2026-03-06 00:00:00", "2026-03-30 00:00:00"))
    loaded.replace("returns", reports, note=NOTE)
    other = replace(
        training,
        features=replace(
            training.features,
            features=(replace(two_days, aggregates={"payments": count(windows=(days(3),))}),),
        ),
    )

    found = restate(loaded, other, as_of=at("2026-04-30"))

    first, second, third, fourth = (
        "table 'payments', version 0 -> 1",
        "table 'returns', version 0 -> 1",
        "the definitions",
        "the build date, 2026-03-10 00:00 -> 2026-04-30 00:00",
    )
    assert found.causes == (first, second, third, fourth)
    seen = {(one.cause, one.column, one.how): one.rows for one in found.changes}
    # Payment 2 of ann sees the late one, payment 5 only in its lifetime.
    assert seen[first, "payments_2d", "changed"] == 1
    assert seen[first, "payments_lifetime", "changed"] == 2
    assert not any(cause == first and column == "returned" for cause, column, _ in seen)
    assert (
        Change(cause=second, column="returned__state", how="positive -> negative", rows=1)
        in found.changes
    )
    assert seen[third, "payments_3d", "came"] == 5
    assert (third, "ratio", "went") in seen
    assert seen[fourth, "returned__state", "negative -> positive"] == 1
    assert seen[fourth, "returned__state", "pending -> negative"] == 1
    assert found.table == "payment_training_restated"
    assert loaded.read(found.table).columns.count("payments_3d") == 1
    # The set itself is as it was.
    assert rebuild(loaded, "payment_training").identical


def test_nothing_moved_is_nothing_written(loaded: Tables) -> None:
    build(loaded, training, **MARCH)

    found = restate(loaded, training)

    assert (found.causes, found.changes, found.table) == ((), (), None)
    assert not loaded.exists("payment_training_restated")


def test_decisions_that_come_and_go_are_counted(loaded: Tables, table: MakeTable) -> None:
    build(loaded, training, **MARCH)
    decision = "payment_id bigint, account_id string, decided_at timestamp, amount double"
    kept = loaded.read("decisions").where("payment_id <> 1")
    loaded.replace(
        "decisions", kept.union(table(decision, (9, "ann", "2026-03-04", 1.0))), note=NOTE
    )

    counted = {(one.column, one.how): one.rows for one in restate(loaded, training).changes}

    assert counted == {("(decisions)", "came"): 1, ("(decisions)", "went"): 1}


def test_decisions_that_cannot_be_told_apart_are_refused(loaded: Tables) -> None:
    decided = loaded.read("decisions")
    loaded.replace("decisions", decided.union(decided), note=NOTE)
    build(loaded, training, **MARCH)

    with pytest.raises(DataError, match="several decisions have the same 'payment_id'"):
        restate(loaded, training)


def test_a_version_whose_files_are_gone_is_refused_by_name(loaded: Tables) -> None:
    build(loaded, training, **MARCH)
    loaded.replace("payments", loaded.read("payments"), note=NOTE)
    log = loaded.target.warehouse / "payments" / "_delta_log"
    (log / "00000000000000000000.json").unlink()

    with pytest.raises(TableNotFoundError, match="'payments' is no longer there as of version 0"):
        rebuild(loaded, "payment_training")


def test_a_snapshot_reads_one_state_of_a_table(loaded: Tables, table: MakeTable) -> None:
    snapshot = Snapshot(loaded)
    first = snapshot.read("payments").count()
    loaded.replace("payments", table(PAYMENT, ("ann", "2026-03-02", 1.0)), note=NOTE)

    assert (snapshot.read("payments").count(), loaded.read("payments").count()) == (first, 1)
    assert snapshot.versions == {"payments": 0}
