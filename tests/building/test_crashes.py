"""Runs that end at a step of the write path, and the runs after them; on Delta."""

import os
from datetime import date, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stockade.building.upkeep import verify_tables
from stockade.cli import frame
from stockade.store.content import content
from stockade.store.ledger import LEDGER, Ledger
from stockade.store.tables import Tables
from stockade.testing import MakeTable
from tests.building.runs import Crash, stopped, write

pytestmark = pytest.mark.slow

# The end of a month is between them: two commits.
DAYS = (date(2026, 3, 31), date(2026, 4, 1))
STEPS = [
    (moment, table)
    for table in (LEDGER, "held", LEDGER, "held", LEDGER)
    for moment in ("before commit", "after commit")
]
SOAK = os.environ.get("STOCKADE_SOAK") == "1"


@pytest.mark.parametrize("fault", [Crash, RuntimeError])
def test_a_run_that_ends_at_any_step_is_finished_by_the_next(
    tables: Tables, table: MakeTable, fault: type[BaseException]
) -> None:
    def end() -> None:
        raise fault

    points = range(1, 11) if SOAK else range(2, 9)  # the ends: nothing, or all, is there
    points = points if fault is Crash else (3, 4)  # where the run catches it
    write(tables, table, DAYS, name="clean")
    expected, last = content(tables.read("clean")), ""

    for at in points:
        name = f"held_{at}"
        dying, steps = stopped(tables, at, end)
        with pytest.raises(fault):
            write(dying, table, DAYS, name=name)
        assert [(when, "held" if of == name else of) for when, of in steps[:at]] == STEPS[:at]
        before = len(tables.commits(name))

        write(tables, table, DAYS, name=name)

        assert content(tables.read(name)) == expected, at
        # What was committed is adopted, not computed again.
        assert len(tables.commits(name)) == 2 >= before, at
        last = name
    assert write(tables, table, DAYS, name=last) == []
    assert all(one.sound for one in verify_tables(tables))


EVENTS = """
from stockade import *

payments = EventSource(
    name="payments", origin="payments", event_time="paid_at", expected_every=days(1)
)
view = FeatureView(
    name="account_payments", entity=Entity(name="account", keys="account_id"), source=payments,
    aggregates={"payments": count(windows=(days(2),))},
)
"""


def test_days_wait_for_their_inputs_and_the_command_says_so(
    tables: Tables, table: MakeTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "waiting_definitions.py").write_text(EVENTS)
    monkeypatch.syspath_prepend(tmp_path)
    tomorrow = date.today() + timedelta(days=2)  # noqa: DTZ011

    def run(*arguments: str) -> tuple[int, str]:
        place = ["-d", "waiting_definitions", "--target", str(tables.target.folder)]
        found = CliRunner().invoke(frame.app, [*place, "materialize", *arguments])
        return found.exit_code, found.stdout.strip()

    march = ("--start", "2026-03-02", "--end", "2026-03-05")
    none = "account_payments: 0 rows of 0 days written, 0 days done already"
    assert run(*march) == (2, f"{none}, 3 waiting")

    schema = "account_id string, paid_at timestamp"
    first = table(schema, ("ann", "2026-03-01 10:00:00"))
    tables.replace("payments", first, note={"run_id": "r"})
    said = "account_payments: 1 rows of 1 days written, 0 days done already, 2 waiting"
    assert run(*march) == (2, said)

    tables.append("payments", table(schema, ("ann", "2026-03-03 23:00:00")), note={"run_id": "r"})
    said = "account_payments: 2 rows of 2 days written, 1 days done already, 0 waiting"
    assert run(*march) == (0, said)

    future = ("--start", f"{tomorrow}", "--end", f"{tomorrow + timedelta(days=1)}")
    assert run(*future) == (2, f"{none}, 1 waiting")
    entry = Ledger(tables).book("account_payments").current[tomorrow]
    assert (entry.state, entry.reason) == ("waiting", "lies in the future")
