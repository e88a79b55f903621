"""Tables held against the ledger, and kept small: `verify --tables` and `maintain`."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from stockade.errors import StockadeError, WriteConflictError
from stockade.store.book import Book, Entry
from stockade.store.content import NOTHING, Content, content_by_day
from stockade.store.ledger import Ledger
from stockade.store.tables import Tables


@dataclass(frozen=True, slots=True, kw_only=True)
class TableState:
    """A table held against the ledger.

    Attributes:
        table: its name.
        days: how many days the ledger has as done.
        differing: the days whose rows are not those that were recorded, or that nobody recorded.
        recorded: the newest version that the ledger knows; None without any day done.
        version: the table's own; None if it is not there.
        fault: what else is wrong, with what to do; empty if nothing is.
    """

    table: str
    days: int
    differing: tuple[date, ...] = ()
    recorded: int | None = None
    version: int | None = None
    fault: str = ""

    @property
    def sound(self) -> bool:
        """Whether the table is what was recorded."""
        return not self.differing and not self.fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintained:
    """What `maintain` did.

    Attributes:
        compacted: tables whose small files were put together, and whose unneeded ones removed.
        left: table -> why it was left alone.
        states: each table of the ledger, held against it afterwards.
    """

    compacted: tuple[str, ...]
    left: dict[str, str]
    states: tuple[TableState, ...]


def verify_tables(tables: Tables) -> tuple[TableState, ...]:
    """Hold every table that the ledger knows against it; reads all their rows, mends nothing."""
    ledger = Ledger(tables)
    return tuple(_state(ledger, name) for name in ledger.known())


def maintain(tables: Tables) -> Maintained:
    """Compact each table, remove the files that no version within Delta's retention needs.

    A table that a run is writing, or died writing, is left alone: the two would conflict.
    """
    ledger, compacted, left = Ledger(tables), list[str](), dict[str, str]()
    known = set(ledger.known())
    for name in tables.names():
        if name in known and _written(ledger.book(name)):
            left[name] = "a run is writing it, or died doing so: run it again first"
            continue
        try:
            tables.compact(name)
            compacted.append(name)
        except WriteConflictError:
            left[name] = "a run wrote it at the same time"
    return Maintained(compacted=tuple(compacted), left=left, states=verify_tables(tables))


def _written(book: Book) -> bool:
    return any(entry.state == "running" for entry in book.current.values())


def _state(ledger: Ledger, name: str) -> TableState:
    tables, book = ledger.tables, ledger.book(name)
    done = {day: entry for day, entry in book.current.items() if entry.state == "done"}
    recorded = max((entry.version or 0 for entry in done.values()), default=None)
    state = TableState(table=name, days=len(done), recorded=recorded)
    lost = ledger.unrecorded(name)
    if lost:
        which = ", ".join(map(str, lost))
        why = f"version {which} was not recorded: its run is at work, or died: run it again"
        return _faulty(state, tables.version(name), why)
    if recorded is None:
        return state
    if not tables.exists(name):
        return _faulty(state, None, f"the table is gone: {_remedy(name, done)}")
    version = tables.version(name)
    if version < recorded:
        why = f"version {recorded} was recorded, the log ends at {version}: {_remedy(name, done)}"
        return _faulty(state, version, why)
    try:
        found = content_by_day(tables.read(name), tables.partitions(name)[0])
    except StockadeError:
        raise
    except Exception as fault:
        if not tables.files_missing(fault):
            raise
        why = f"files of version {version} are missing: restore them, or {_remedy(name, done)}"
        return _faulty(state, version, why)
    differing = [
        day
        for day in {*done, *(day for day in found if day not in book.current)}
        if day not in done or not _holds(done[day], found.get(day, NOTHING))
    ]
    return TableState(
        table=name, days=len(done), differing=tuple(sorted(differing)), recorded=recorded,
        version=version,
    )  # fmt: skip


def _holds(entry: Entry, found: Content) -> bool:
    return (entry.rows, entry.content_hash) == (found.rows, found.content_hash)


def _faulty(state: TableState, version: int | None, why: str) -> TableState:
    return TableState(
        table=state.table, days=state.days, recorded=state.recorded, version=version, fault=why
    )


def _remedy(name: str, days: Iterable[date]) -> str:
    known = sorted(days)
    return f"write {known[0]} to {known[-1]} of '{name}' again"
