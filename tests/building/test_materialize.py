"""What `materialize` writes, leaves alone, and writes again; in Spark, on tiny tables."""

from dataclasses import replace
from datetime import date

import pytest

from stockade import count, days
from stockade.building.materialize import Materialized, materialize
from stockade.store.book import Book
from stockade.store.content import content
from stockade.store.ledger import LEDGER, Ledger
from stockade.store.tables import Moment, Tables
from stockade.testing import MakeTable
from tests.building.samples import NOTE, view

PAYMENT = "account_id string, paid_at timestamp, amount double"
START, END = date(2026, 3, 2), date(2026, 3, 6)
two_days = replace(view, aggregates={"payments": count(windows=(days(2),))})


@pytest.fixture
def loaded(tables: Tables, table: MakeTable) -> Tables:
    rows = (("ann", "2026-03-01 10:00:00", 1.0), ("bob", "2026-03-04 10:00:00", 2.0))
    tables.replace("payments", table(PAYMENT, *rows), note=NOTE)
    return tables


def run(tables: Tables, *, start: date = START, end: date = END, **more: bool) -> Materialized:
    return materialize(tables, two_days, start=start, end=end, **more)


def hash_of(tables: Tables) -> str:
    return content(tables.read("account_payments")).content_hash


def book_of(tables: Tables) -> Book:
    return Ledger(tables).book("account_payments")


@pytest.mark.slow
def test_a_rerun_is_a_no_op_and_force_gives_the_same_rows(loaded: Tables) -> None:
    first = run(loaded)
    version, lines = loaded.version("account_payments"), loaded.version(LEDGER)
    before = hash_of(loaded)

    again = run(loaded)

    # Of ann, whose payment lies before the first day, two ticks; of bob one.
    assert (len(first.written), first.rows) == (4, 3)
    assert (again.rows, again.written, again.skipped) == (0, (), 4)
    assert (loaded.version("account_payments"), loaded.version(LEDGER)) == (version, lines)
    assert run(loaded, force=True).reasons == {"forced": 4}
    assert hash_of(loaded) == before
    assert loaded.version("account_payments") == version + 1


@pytest.mark.slow
def test_a_late_event_and_a_correction_mark_only_the_days_that_could_see_them(
    loaded: Tables, table: MakeTable
) -> None:
    run(loaded, end=date(2026, 3, 12))
    late = table(PAYMENT, ("cyd", "2026-03-03 09:00:00", 5.0))
    loaded.append("payments", late, note=NOTE)

    found = run(loaded, end=date(2026, 3, 12))

    assert found.written == (date(2026, 3, 4), date(2026, 3, 5))
    assert found.reasons == {"its inputs changed": 2}
    assert found.skipped == 8
    clean = _clean(loaded)
    assert hash_of(loaded) == clean


def _clean(tables: Tables, end: date = date(2026, 3, 12)) -> str:
    """The hash that one whole run over the inputs as they are now gives."""
    other = replace(two_days, name="clean")
    materialize(tables, other, start=START, end=end)
    return content(tables.read("clean")).content_hash


@pytest.mark.slow
def test_a_restored_table_is_written_again(loaded: Tables, table: MakeTable) -> None:
    run(loaded)
    loaded.append("payments", table(PAYMENT, ("cyd", "2026-03-03 09:00:00", 5.0)), note=NOTE)
    run(loaded)
    expected = hash_of(loaded)
    path = loaded.target.path("account_payments")
    loaded.spark.sql(f"RESTORE TABLE delta.`{path}` TO VERSION AS OF 0").collect()
    assert hash_of(loaded) != expected

    found = run(loaded)

    assert found.reasons == {"the table no longer holds what was recorded": 2}
    assert hash_of(loaded) == expected


@pytest.mark.slow
def test_with_a_change_feed_and_without_one_the_same_days_are_stale(
    tables: Tables, table: MakeTable
) -> None:
    rows = [("ann", "2026-03-01 10:00:00", 1.0), ("bob", "2026-03-04 10:00:00", 2.0)]
    feed = {"delta.enableChangeDataFeed": "true"}
    tables.replace("payments", table(PAYMENT, *rows), note=NOTE, properties=feed)
    run(tables)
    rows[0] = ("ann", "2026-03-01 10:00:00", 9.0)
    corrected = table(PAYMENT, rows[0], *rows[1:], ("eve", "2026-03-01 23:00:00", 1.0))
    tables.replace("payments", corrected, note=NOTE)

    assert tables.changes("payments", after=0, until=1) is not None
    # The amount is not read by the view: only eve's payment concerns any day.
    assert run(tables).written == (date(2026, 3, 2), date(2026, 3, 3))


@pytest.mark.slow
def test_a_table_without_a_change_feed_says_so_instead_of_failing(
    loaded: Tables, table: MakeTable
) -> None:
    loaded.append("payments", table(PAYMENT, ("eve", "2026-03-01 23:00:00", 1.0)), note=NOTE)

    assert loaded.changes("payments", after=0, until=1) is None


class Crash(BaseException):
    """A run that ends here, as a killed one does: nothing of it is handled."""


@pytest.mark.slow
def test_a_commit_whose_run_died_before_it_was_recorded_is_adopted(loaded: Tables) -> None:
    def step(moment: Moment, name: str) -> None:
        if (moment, name) == ("after commit", "account_payments"):
            raise Crash

    with pytest.raises(Crash):
        run(Tables(loaded.spark, loaded.target, step=step))
    version = loaded.version("account_payments")

    found = run(loaded)

    assert (found.written, found.skipped) == ((), 4)
    assert loaded.version("account_payments") == version
    entries = book_of(loaded).current.values()
    assert {entry.reason for entry in entries} == {
        "adopted: the run that wrote it did not record it"
    }
