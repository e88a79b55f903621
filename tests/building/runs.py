"""Runs of the ledger over a tiny table `held`, a row for each day, for tests."""

from collections.abc import Callable, Iterable
from datetime import date

from pyspark.sql import DataFrame

from stockade.definitions.fingerprint import to_json
from stockade.definitions.view import FeatureView
from stockade.store.book import Interval
from stockade.store.ledger import Ledger, Work
from stockade.store.tables import Moment, Tables
from stockade.testing import MakeTable

ROW = "account_id string, on date"


class Crash(BaseException):
    """A run that ends here, as a killed one does: nothing of it is handled."""


def write(
    tables: Tables,
    table: MakeTable,
    days: Iterable[date],
    *,
    name: str = "held",
    pause: Callable[[float], None] = lambda _: None,
    by: FeatureView | None = None,
) -> list[date]:
    """What one run writes of the days: those that are not done; noted as written `by` a view."""

    def rows(interval: Interval) -> DataFrame:
        return table(ROW, *(("ann", day) for day in interval.days()))

    note = {} if by is None else {"view": by.name, "definition": to_json(by)}
    work = Work(
        table=name, column="on", fingerprint="f", inputs={}, run_id="r", note=note, rows=rows
    )
    ledger = Ledger(tables, pause=pause)
    book = ledger.settle(name, column="on")
    wanted = book.wanted(days, fingerprint="f", inputs={})
    return [one.interval.start for one in ledger.write(work, wanted, book) if one.interval]


def stopped(
    tables: Tables, at: int, act: Callable[[], object]
) -> tuple[Tables, list[tuple[Moment, str]]]:
    """Tables that do something before their step number `at`, from 1; and the steps they took."""
    steps: list[tuple[Moment, str]] = []

    def step(moment: Moment, name: str) -> None:
        steps.append((moment, name))
        if len(steps) == at:
            act()

    return Tables(tables.spark, tables.target, step=step), steps


def crash() -> None:
    """End the run here."""
    raise Crash
