"""Two runs on Delta, one stopped at a step until the other has ended."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from itertools import product

import pytest

from stockade.building.upkeep import verify_tables
from stockade.store.book import DAY
from stockade.store.tables import Tables
from stockade.testing import MakeTable
from tests.building.runs import stopped, write

pytestmark = pytest.mark.slow

DAYS = [date(2026, 3, 30) + n * DAY for n in range(4)]
RACES = {
    "the same days": (DAYS, DAYS),
    "days in common": (DAYS[:3], DAYS[1:]),
    "other days of a month": (DAYS[:1], DAYS[1:2]),
    "days of other months": (DAYS[:2], DAYS[2:]),
}
# Before and after the commits of the claim, of the rows, and of the record. All 24 in `make soak`.
SOAK = os.environ.get("STOCKADE_SOAK") == "1"
STEPS = range(1, 7) if SOAK else (3,)


@pytest.mark.parametrize(("name", "at"), [*product(RACES, STEPS)])
def test_of_two_runs_one_is_told_and_every_day_is_there_once(
    tables: Tables, table: MakeTable, name: str, at: int
) -> None:
    ours, theirs = RACES[name]
    overtaken, steps = stopped(tables, at, lambda: write(tables, table, theirs))

    write(overtaken, table, ours)

    assert len(steps) >= at
    held = sorted(row["on"] for row in tables.read("held").select("on").collect())
    assert held == sorted({*ours, *theirs})
    assert all(one.sound for one in verify_tables(tables))
    assert write(tables, table, [*ours, *theirs]) == []


@pytest.mark.skipif(not SOAK, reason="make soak")
def test_twelve_writers_of_one_interval_on_four_threads_leave_the_rows_of_one(
    tables: Tables, table: MakeTable
) -> None:
    def writer(_number: int) -> list[date]:
        return write(tables, table, DAYS, pause=time.sleep)

    with ThreadPoolExecutor(4) as pool:
        written = [*pool.map(writer, range(12))]

    assert all(days in ([], DAYS[:2], DAYS[2:], DAYS) for days in written)
    held = sorted(row["on"] for row in tables.read("held").select("on").collect())
    assert held == DAYS
    assert all(one.sound for one in verify_tables(tables))
