"""One entity taken out of every table, and kept out; in Spark, on tiny tables."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from stockade import Contract, FeatureService, Rule, count, days
from stockade.building.audit import audit
from stockade.building.erase import erase
from stockade.building.materialize import materialize
from stockade.building.rebuild import rebuild
from stockade.building.training_set import build, read_manifest
from stockade.building.upkeep import maintain, verify_tables
from stockade.definitions.registry import Registry
from stockade.errors import DefinitionError
from stockade.store.tables import Tables
from stockade.testing import MakeTable
from tests.building.samples import NOTE, at, payments, training, two_days

pytestmark = pytest.mark.slow

WHO = "ann-who-asked"
MARCH = {"start": date(2026, 3, 1), "end": date(2026, 3, 5)}
TIMES = {"start": at("2026-03-01"), "end": at("2026-03-10"), "as_of": at("2026-03-10")}
checked = replace(
    payments, contract=Contract(columns={"amount": Rule(high=100)}, max_violations=1.0)
)
view = replace(two_days, source=checked, aggregates={"payments": count(windows=(days(2),))})
decided = replace(training, features=FeatureService(name="f", features=(view,)))
registry = Registry.of([decided])


@pytest.fixture
def loaded(tables: Tables, table: MakeTable) -> Tables:
    paid = (
        (WHO, "2026-03-01 10:00:00", 10.0), (WHO, "2026-03-03 10:00:00", 999.0),
        ("bob", "2026-03-02 10:00:00", 5.0), ("bob", "2026-03-02 11:00:00", 998.0),
    )  # fmt: skip
    rows = table("account_id string, paid_at timestamp, amount double", *paid)
    tables.replace("payments", rows, note=NOTE)
    made = ((1, WHO, "2026-03-02 00:00:00", 20.0), (2, "bob", "2026-03-03 00:00:00", 20.0))
    rows = table("payment_id bigint, account_id string, decided_at timestamp, amount double", *made)
    tables.replace("decisions", rows, note=NOTE)
    known = table("payment_id bigint, returned_at timestamp, known_at timestamp")
    tables.replace("returns", known, note=NOTE, allow_empty=True)
    scored = table("payment_id bigint, score double", (1, 0.5), (2, 0.5))
    tables.replace("scores", scored, note=NOTE)
    materialize(tables, view, **MARCH)
    build(tables, decided, **TIMES)
    return tables


def held(tables: Tables) -> dict[str, list[str]]:
    """Table -> whose rows it has."""
    names = ("account_payments", "payment_training", "payments_quarantine")
    return {
        name: sorted({row[0] for row in tables.read(name).select("account_id").collect()})
        for name in names
    }


def test_an_erased_entity_is_nowhere_and_no_run_brings_it_back(loaded: Tables) -> None:
    assert all(WHO in who for who in held(loaded).values())

    found = erase(
        loaded, registry, "account", {"account_id": WHO}, predictions={"scores": decided.spine}
    )

    others = {name: ["bob"] for name in held(loaded)}
    assert held(loaded) == others
    assert [row.payment_id for row in loaded.read("scores").collect()] == [2]
    assert set(found.rows) == {*others, "scores"}
    assert (found.sources, found.models) == (("payments",), ())
    # The ledger and the manifest know of it.
    assert all(one.sound for one in verify_tables(loaded))
    assert read_manifest(loaded, "payment_training")["erased_rows"] == 1
    assert audit(loaded, "payment_training").passed
    again = rebuild(loaded, "payment_training", into="proof")
    assert (again.identical, again.rows, again.erased_rows, again.erasures) == (True, 1, 1, 1)
    assert [row.account_id for row in loaded.read("proof").collect()] == ["bob"]

    # Whatever the sources hold, it stays out.
    loaded.append("payments", loaded.read("payments").limit(4), note=NOTE)
    materialize(loaded, view, **MARCH, force=True)
    build(loaded, decided, **TIMES)
    assert held(loaded) == others
    assert loaded.read("stockade_erased").count() == 2

    # After the retention no file has it.
    paths = [loaded.target.path(name) for name in (*others, "stockade_ledger", "stockade_erased")]
    assert any(_holding(path) for path in paths)
    for path in paths[:3]:
        expired = "SET TBLPROPERTIES (delta.deletedFileRetentionDuration = '0 hours')"
        loaded.spark.sql(f"ALTER TABLE delta.`{path}` {expired}")
    done = maintain(loaded)
    assert set(others) <= set(done.compacted)
    assert [path for path in paths if _holding(path)] == []
    assert all(one.sound for one in done.states)


def _holding(path: Path) -> list[Path]:
    return [file for file in path.rglob("*.parquet") if WHO.encode() in file.read_bytes()]


def test_a_key_must_be_whole(tables: Tables) -> None:
    with pytest.raises(DefinitionError, match="entity 'account' has the keys account_id: give a"):
        erase(tables, registry, "account", {"account": WHO}, predictions={})
