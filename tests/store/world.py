"""A model of the store for tests of schedules.

What Delta does is modelled in plain Python: atomic commits, conflicts within a month, and writes
that the fence skips. What the ledger does with it is the code itself.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, cast

from stockade.errors import WriteConflictError
from stockade.store.book import DAY, Entry, Interval, runs
from stockade.store.content import Content
from stockade.store.ledger import Ledger, Work
from stockade.store.tables import Commit, Fence, Tables, Written

FIRST = date(2026, 3, 30)  # four days in two months
DAYS = [FIRST + n * DAY for n in range(4)]
Rows = Mapping[date, int]


class Crash(BaseException):
    """A run that ends here, as a killed one does."""


@dataclass
class World:
    """The table, its history, and the ledger's lines; `pause` lets others act."""

    corrections: list[set[date]] = field(default_factory=lambda: [set(DAYS)])
    history: list[tuple[Commit, Rows]] = field(default_factory=list[tuple[Commit, Rows]])
    fences: dict[str, int] = field(default_factory=dict[str, int])
    lines: list[Entry] = field(default_factory=list[Entry])
    pause: Callable[[], None] = lambda: None

    def truth(self, day: date, version: int) -> int:
        return sum(day in touched for touched in self.corrections[: version + 1])

    def rows(self) -> Rows:
        return self.history[-1][1] if self.history else {}

    def stranger(self, operation: str, rows: Rows) -> None:
        commit = Commit(version=len(self.history), operation=operation, note={})
        self.history.append((commit, rows))

    # What the ledger asks of `Tables`.

    def commits(self, _name: str) -> tuple[Commit, ...]:
        self.pause()
        return tuple(commit for commit, _ in reversed(self.history))

    def note_with(self, _name: str, _key: str) -> None:
        return None

    def replace_interval(
        self, name: str, frame: Rows, *, fence: Fence, start: date, end: date,
        note: Mapping[str, Any], **_: object,
    ) -> Written:  # fmt: skip
        self.pause()
        began = len(self.history)
        if self.fences.get(fence.scope, 0) >= fence.attempt:
            raise WriteConflictError("skipped")
        self.pause()
        for commit, _rows in self.history[began:]:
            claimed = commit.note.get("interval", ["2026-01-01"])[0]
            if not commit.note or claimed[:7] == fence.scope:
                raise WriteConflictError("meanwhile")
        kept = {d: n for d, n in self.rows().items() if not start <= d < end}
        version = len(self.history)
        self.history.append(
            (Commit(version=version, operation="WRITE", note=note), {**kept, **frame})
        )
        self.fences[fence.scope] = fence.attempt
        self.pause()
        return Written(name=name, version=version, rows=len(frame), path_or_name=name)


class ModelLedger(Ledger):
    """The ledger, whose lines are in memory."""

    def __init__(self, world: World) -> None:
        super().__init__(cast("Tables", world), pause=lambda _: None)
        self.world = world

    def _lines(self, table: str) -> Sequence[Entry]:
        self.world.pause()
        return [line for line in self.world.lines if line.table == table]

    def record(self, entries: Sequence[Entry]) -> None:
        self.world.pause()
        self.world.lines += entries
        self.world.pause()

    def _content(
        self,
        table: str,
        column: str,
        interval: Interval,
        version: int,
    ) -> Mapping[date, Content]:
        del table, column  # there is one
        self.world.pause()
        rows = self.world.history[version][1]
        return {
            d: Content(rows=1, content_hash=str(n)) for d, n in rows.items() if interval.holds(d)
        }


def run(world: World, days: Iterable[date], *, force: bool = False) -> list[date]:
    """What `materialize` does, with a change of the inputs looked up instead of compared."""
    version, ledger = len(world.corrections) - 1, ModelLedger(world)
    inputs = {"events": version}

    def rows(interval: Interval) -> Any:  # noqa: ANN401
        return {day: world.truth(day, version) for day in interval.days()}

    work = Work(
        table="t", column="on", fingerprint="f", inputs=inputs, run_id="r", note={},
        rows=rows, force=force,
    )  # fmt: skip
    book, asked = ledger.settle("t", column="on"), list(days)
    for old in book.unlinked(asked, fingerprint="f", inputs=inputs):
        touched = set[date]().union(*world.corrections[old["events"] + 1 : version + 1])
        stale = runs(touched) or [None]
        lines = [_change(one, old, inputs) for one in stale]
        ledger.record(lines)
        book = book.with_entries(lines)
    wanted = asked if force else book.wanted(asked, fingerprint="f", inputs=inputs)
    written = ledger.write(work, wanted, book)
    return [entry.interval.start for entry in written if entry.interval]


def _change(one: Interval | None, old: Mapping[str, int], new: Mapping[str, int]) -> Entry:
    return Entry(
        table="t", fingerprint="f", interval=one, attempt=0, state="stale", run_id="r",
        inputs=old, newer=new,
    )  # fmt: skip


class Runner:
    """A run in a thread of its own that moves only when it is told to."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.go, self.back = threading.Semaphore(0), threading.Semaphore(0)
        self.killed = self.ended = False
        self.fault: BaseException | None = None
        self.thread = threading.Thread(target=self._main, args=(act,), daemon=True)
        self.thread.start()

    def _main(self, act: Callable[[], object]) -> None:
        self.go.acquire()
        try:
            if not self.killed:
                act()
        except (Crash, WriteConflictError):
            pass
        except BaseException as fault:
            self.fault = fault
        finally:
            self.ended = True
            self.back.release()

    def pause(self) -> None:
        self.back.release()
        self.go.acquire()
        if self.killed:
            raise Crash

    def advance(self) -> None:
        if self.ended:
            return
        self.go.release()
        self.back.acquire()
        if self.fault is not None:
            raise self.fault

    def kill(self) -> None:
        self.killed = True
        self.advance()
