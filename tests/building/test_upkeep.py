"""Tables held against the ledger, and kept small; in Spark, on tiny tables."""

from datetime import date

import pytest

from stockade.building.upkeep import TableState, maintain, verify_tables
from stockade.store.book import DAY
from stockade.store.ledger import LEDGER
from stockade.store.tables import Tables
from stockade.testing import MakeTable
from tests.building.runs import ROW, Crash, crash, stopped, write

pytestmark = pytest.mark.slow

START = date(2026, 3, 2)
DAYS = [START + n * DAY for n in range(3)]


def state(tables: Tables) -> TableState:
    (one,) = verify_tables(tables)
    return one


def sql(tables: Tables, text: str) -> None:
    tables.spark.sql(text.replace("held", f"delta.`{tables.target.path('held')}`")).collect()


@pytest.fixture
def held(tables: Tables, table: MakeTable) -> Tables:
    write(tables, table, DAYS)
    return tables


def test_a_table_is_held_against_the_ledger_day_by_day(held: Tables) -> None:
    assert state(held) == TableState(table="held", days=3, recorded=0, version=0)
    assert state(held).sound

    sql(held, "DELETE FROM held WHERE on = DATE'2026-03-03'")
    assert state(held).differing == (date(2026, 3, 3),)

    sql(held, "UPDATE held SET account_id = 'bob' WHERE on = DATE'2026-03-04'")
    assert state(held).differing == (date(2026, 3, 3), date(2026, 3, 4))

    sql(held, "INSERT INTO held VALUES ('eve', DATE'2026-03-09')")
    found = state(held)
    assert found.differing == (date(2026, 3, 3), date(2026, 3, 4), date(2026, 3, 9))
    assert not found.sound


def test_a_lost_log_a_lost_file_and_a_lost_table_are_told_apart(
    held: Tables, table: MakeTable
) -> None:
    path = held.target.path("held")
    file = next(path.glob("on=2026-03-03/*.parquet"))
    file.rename(path / "away")
    assert "files of version 0 are missing" in state(held).fault
    (path / "away").rename(file)

    held.replace_interval(
        "held", table(ROW, ("ann", START)), column="on", start=START, end=START + DAY,
        note={"run_id": "r"},
    )  # fmt: skip
    assert state(held).sound  # the same rows
    write(held, table, DAYS)
    for one in path.glob("_delta_log/*1.*"):
        one.unlink()
    assert "version 1 was recorded, the log ends at 0" in state(held).fault

    path.rename(path.parent / "elsewhere")
    assert "the table is gone: write 2026-03-02 to 2026-03-04 of 'held' again" in state(held).fault


def test_a_commit_that_nobody_recorded_is_told(tables: Tables, table: MakeTable) -> None:
    dying, steps = stopped(tables, 4, crash)
    with pytest.raises(Crash):
        write(dying, table, DAYS)
    assert steps[-1] == ("after commit", "held")

    assert "version 0 was not recorded" in state(tables).fault
    write(tables, table, DAYS)
    assert state(tables).sound


def test_maintenance_compacts_and_removes_nothing_that_a_version_needs(
    held: Tables, table: MakeTable
) -> None:
    for _ in range(2):
        sql(held, "INSERT INTO held VALUES ('eve', DATE'2026-03-02')")
    write(held, table, DAYS)
    before = held.version("held")

    found = maintain(held)

    assert set(found.compacted) == {"held", LEDGER}
    assert found.left == {}
    assert all(one.sound for one in found.states)
    assert held.version("held") > before
    for version in range(before + 1):
        assert held.read("held", version=version).count() >= 3
    write(held, table, DAYS)
    assert held.version("held") == state(held).version


def test_maintenance_leaves_a_table_alone_that_a_run_is_writing(
    tables: Tables, table: MakeTable
) -> None:
    write(tables, table, DAYS)
    sql(tables, "DELETE FROM held WHERE on = DATE'2026-03-03'")
    dying, steps = stopped(tables, 5, crash)
    with pytest.raises(Crash):
        write(dying, table, DAYS)
    assert steps[-1] == ("before commit", "held")

    found = maintain(tables)

    assert found.compacted == (LEDGER,)
    assert list(found.left) == ["held"]
