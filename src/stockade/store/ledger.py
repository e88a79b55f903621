"""The ledger of a target: one Delta table that is only added to, and what follows from it."""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from stockade.errors import WriteConflictError
from stockade.store.book import Book, Entry, Inputs, Interval, inputs_of, key_of, month_of, runs
from stockade.store.content import NOTHING, Content, content_by_day
from stockade.store.tables import Commit, Fence, Tables, Written

LEDGER = "stockade_ledger"
TRIES = 5
# In the note of a commit that replaces a whole table, besides the days that it claims.
_WHOLE = "whole"

# The columns of the table, in its order.
_SCHEMA = pa.schema(
    {
        "table_name": pa.string(), "fingerprint": pa.string(), "start_on": pa.date32(),
        "end_on": pa.date32(), "attempt": pa.int32(), "state": pa.string(), "run_id": pa.string(),
        "inputs": pa.string(), "newer_inputs": pa.string(), "output_version": pa.int64(),
        "rows": pa.int64(), "content_hash": pa.string(), "reason": pa.string(),
        "recorded_at": pa.timestamp("us", tz="UTC"),
    }
)  # fmt: skip

Pause = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One run's writing of one table.

    Attributes:
        table: what is written.
        column: its date column, by which it is partitioned.
        fingerprint: of the definition.
        inputs: table -> version that is read.
        run_id: who writes.
        note: of each commit, besides what every commit notes.
        rows: the interval -> its rows; called once for each try.
        force: write even what is done.
        rebuild: the first interval replaces a whole table that another definition wrote.
        allow_empty: an interval without rows is meant.
    """

    table: str
    column: str
    fingerprint: str
    inputs: Inputs
    run_id: str
    note: Mapping[str, Any]
    rows: Callable[[Interval], DataFrame]
    force: bool = False
    rebuild: bool = False
    allow_empty: bool = True


class Ledger:
    """What was written when and from what, table by table; and the one way to write intervals.

    A write is claimed (`running`), made in one commit that names its claim, measured, and recorded
    (`done`). A run that dies between leaves a commit without a record, which the next run adopts,
    or a claim without a commit, which it outdoes: a claim's number is the commit's fence, so that
    of two runs that write the same month the later claim counts, and the other is told.
    """

    def __init__(self, tables: Tables, *, pause: Pause = time.sleep) -> None:
        """Hold the tables.

        Args:
            tables: of the target.
            pause: waits so many seconds before another try.
        """
        self.tables = tables
        self._pause = pause

    def book(self, table: str) -> Book:
        """All lines of one table, and what its latest commits claim."""
        return self._read(table)[0]

    def _read(self, table: str) -> tuple[Book, Sequence[Commit]]:
        # Lines first: none is of a commit later than the newest that is seen then.
        lines, noted = tuple(self._lines(table)), dict[date, int]()
        commits = self.tables.commits(table)
        for commit in commits:
            for day in _days_of(commit):
                noted[day] = max(noted.get(day, 0), int(commit.note["attempt"]))
        return Book(lines, noted), commits

    def _lines(self, table: str) -> Sequence[Entry]:
        if not self.tables.exists(LEDGER):
            return ()
        rows = self.tables.read(LEDGER).where(F.col("table_name") == table).toArrow()
        return [*map(_entry, sorted(rows.to_pylist(), key=lambda row: row["recorded_at"]))]

    def unrecorded(self, table: str) -> tuple[int, ...]:
        """The versions that were committed and not recorded: their run died, or is at work."""
        return tuple(commit.version for commit, _ in _unrecorded(*self._read(table)))

    def known(self) -> tuple[str, ...]:
        """The tables that the ledger has lines of."""
        if not self.tables.exists(LEDGER):
            return ()
        names = self.tables.read(LEDGER).select("table_name").distinct().collect()
        return tuple(sorted(row["table_name"] for row in names))

    def record(self, entries: Sequence[Entry]) -> None:
        """Add lines, all in one commit; tried again where another run's got in between."""
        if not entries:
            return
        now = datetime.now(UTC)
        lines = pa.Table.from_pylist([_line(entry, now) for entry in entries], _SCHEMA)
        frame = self.tables.spark.createDataFrame(lines)
        note = {"run_id": entries[0].run_id, "of": entries[0].table}
        for tried in range(TRIES):
            try:
                self.tables.append(LEDGER, frame, note=note)
                return
            except WriteConflictError:
                if tried == TRIES - 1:
                    raise
                self._wait(tried)

    def settle(self, table: str, *, column: str) -> Book:
        """The book of a table, with what crashes and strangers did to it written in.

        Commits that nobody recorded are adopted; days that a later commit without a claim may have
        changed, or that the table is too old to hold, are compared with what was recorded, and are
        stale where they differ.
        """
        book, commits = self._read(table)
        found = [*self._orphans(table, book, commits, column)]
        self.record(found)
        book = book.with_entries(found)
        moved = [*self._moved(table, book, commits, column)]
        self.record(moved)
        return book.with_entries(moved)

    def renew(self, table: str, book: Book, *, column: str, run_id: str, reason: str) -> None:
        """Record the days that are done as they are now: rows were taken out on purpose.

        Args:
            table: whose rows.
            book: of the table, as `settle` gave it before.
            column: its date column.
            run_id, reason: of the lines.
        """
        version, lines = self.tables.version(table), list[Entry]()
        done = {day: entry for day, entry in book.current.items() if entry.state == "done"}
        for interval in runs(done):
            found = self._content(table, column, interval, version)
            for day in interval.days():
                now = found.get(day, NOTHING)
                if (now.rows, now.content_hash) != (done[day].rows, done[day].content_hash):
                    lines.append(
                        replace(done[day], version=version, run_id=run_id, reason=reason,
                                **asdict(now))
                    )  # fmt: skip
        self.record(lines)

    def write(self, work: Work, days: Iterable[date], book: Book) -> Iterator[Entry]:
        """Write the days, month by month, and yield the line of each day that is done.

        Args:
            work: what to write.
            days: which days; those that another run finishes meanwhile are left as it wrote them.
            book: of the table, as `settle` gives it.

        Raises:
            WriteConflictError: other runs got in between, time and again.
            Exception: what computing the rows raises; the interval is recorded as failed first.
        """
        queue = self._claimed(work, runs(days), book)
        tried = 0
        while queue:
            interval, attempt = queue.pop(0)
            try:
                yield from self._write_one(work, interval, attempt)
                tried = 0
            except WriteConflictError:
                tried += 1
                if tried == TRIES:
                    raise
                self._wait(tried)
                book = self.settle(work.table, column=work.column)
                left = self._left(work, interval.days(), book)
                queue = [*self._claimed(work, runs(left), book), *queue]

    def _left(self, work: Work, days: Iterable[date], book: Book) -> Iterable[date]:
        if work.force:
            return days
        return book.wanted(days, fingerprint=work.fingerprint, inputs=work.inputs)

    def _claimed(
        self, work: Work, intervals: Sequence[Interval], book: Book
    ) -> list[tuple[Interval, int]]:
        claims: list[tuple[Interval, int]] = []
        for interval in intervals:
            attempt = book.next_attempt(month_of(interval.start).days())
            entries = [_claim(work, day, attempt) for day in interval.days()]
            book = book.with_entries(entries)
            claims.append((interval, attempt))
        self.record([_claim(work, d, attempt) for one, attempt in claims for d in one.days()])
        return claims

    def _write_one(self, work: Work, interval: Interval, attempt: int) -> Sequence[Entry]:
        try:
            written = self._commit(work, interval, attempt)
            entries = self._measured(work, interval, attempt, written.version)
        except WriteConflictError:
            raise
        except Exception as fault:
            why = f"failed with {type(fault).__name__}"
            self.record(
                [replace(_claim(work, day, attempt), state="failed", reason=why)
                 for day in interval.days()]
            )  # fmt: skip
            raise
        self.record(entries)
        return entries

    def _commit(self, work: Work, interval: Interval, attempt: int) -> Written:
        note = {
            **work.note,
            "run_id": work.run_id,
            "interval": [interval.start.isoformat(), interval.end.isoformat()],
            "attempt": attempt,
            "fingerprint": work.fingerprint,
            "inputs": dict(work.inputs),
        }
        fence = Fence(scope=f"{interval.start:%Y-%m}", attempt=attempt)
        if work.rebuild and self._of_another(work):
            return self.tables.replace(
                work.table, work.rows(interval), note={**note, _WHOLE: True}, fence=fence,
                partition_by=(work.column,), allow_empty=work.allow_empty,
            )  # fmt: skip
        return self.tables.replace_interval(
            work.table, work.rows(interval), column=work.column, fence=fence,
            start=interval.start, end=interval.end, note=note, allow_empty=work.allow_empty,
        )  # fmt: skip

    def _of_another(self, work: Work) -> bool:
        note = self.tables.note_with(work.table, "fingerprints")
        return note is not None and note.get("fingerprint") != work.fingerprint

    def _measured(self, work: Work, interval: Interval, attempt: int, version: int) -> list[Entry]:
        found = self._content(work.table, work.column, interval, version)
        return [
            replace(
                _claim(work, day, attempt), state="done", version=version,
                **asdict(found.get(day, NOTHING)),
            )
            for day in interval.days()
        ]  # fmt: skip

    def _content(
        self, table: str, column: str, interval: Interval, version: int
    ) -> Mapping[date, Content]:
        day = F.col(column)
        rows = self.tables.read(table, version=version)
        return content_by_day(
            rows.where((day >= F.lit(interval.start)) & (day < F.lit(interval.end))), column
        )

    def _orphans(
        self, table: str, book: Book, commits: Sequence[Commit], column: str
    ) -> Iterator[Entry]:
        """Lines for commits that have none, because their run died."""
        for commit, days in _unrecorded(book, commits):
            for interval in runs(days):
                work = Work(
                    table=table, column=column, fingerprint=commit.note["fingerprint"],
                    inputs=commit.note["inputs"], run_id=commit.note["run_id"], note={},
                    rows=lambda _: self.tables.read(table),
                )  # fmt: skip
                for entry in self._measured(
                    work, interval, int(commit.note["attempt"]), commit.version
                ):
                    yield replace(entry, reason="adopted: the run that wrote it did not record it")

    def _moved(
        self, table: str, book: Book, commits: Sequence[Commit], column: str
    ) -> Iterator[Entry]:
        """Lines for days whose rows may be others since they were recorded."""
        newest = commits[0].version if commits else -1
        unclaimed = [c.version for c in commits if c.moves_rows and _concerns_others(c)]
        last = max(unclaimed, default=-1)
        doubted = {
            day: entry
            for day, entry in book.current.items()
            if entry.state == "done"
            and entry.version is not None
            and (entry.version < last or entry.version > newest)
        }
        run = uuid4().hex
        for interval in runs(doubted):
            found = self._content(table, column, interval, newest) if commits else {}
            for day in interval.days():
                entry, now = doubted[day], found.get(day, NOTHING)
                if (entry.rows, entry.content_hash) == (now.rows, now.content_hash) and commits:
                    yield replace(entry, version=newest, run_id=run, reason="found unchanged")
                else:
                    why = "the table no longer holds what was recorded"
                    yield replace(entry, state="stale", run_id=run, reason=why)

    def _wait(self, tried: int) -> None:
        # Runs that met once would meet again if they waited equally long.
        self._pause(random.uniform(0.1, 1.0) * 2**tried)  # noqa: S311


def _days_of(commit: Commit) -> list[date]:
    """The days that a commit claims; none of one that was not made by `Ledger.write`."""
    if "attempt" not in commit.note or "interval" not in commit.note:
        return []
    start, end = map(date.fromisoformat, commit.note["interval"])
    return list(Interval(start=start, end=end).days())


def _unrecorded(book: Book, commits: Sequence[Commit]) -> Iterator[tuple[Commit, list[date]]]:
    """Commits whose run did not record them, the oldest first, and the days they hold for."""
    for commit in reversed(commits):
        days = [
            day
            for day in _days_of(commit)
            if int(commit.note["attempt"]) == book.noted.get(day)
            and not _recorded(book.current.get(day), commit)
        ]
        if days:
            yield commit, days


def _concerns_others(commit: Commit) -> bool:
    """Whether a commit may have changed days that it does not claim."""
    return not _days_of(commit) or bool(commit.note.get(_WHOLE))


def _recorded(entry: Entry | None, commit: Commit) -> bool:
    return (
        entry is not None
        and entry.state in ("done", "stale")
        and entry.attempt >= int(commit.note["attempt"])
    )


def _claim(work: Work, day: date, attempt: int) -> Entry:
    return Entry(
        table=work.table, fingerprint=work.fingerprint, interval=Interval.of(day),
        attempt=attempt, state="running", run_id=work.run_id, inputs=work.inputs,
    )  # fmt: skip


def _line(entry: Entry, now: datetime) -> dict[str, Any]:
    interval = entry.interval
    return {
        "table_name": entry.table, "fingerprint": entry.fingerprint,
        "start_on": interval and interval.start, "end_on": interval and interval.end,
        "attempt": entry.attempt, "state": entry.state, "run_id": entry.run_id,
        "inputs": key_of(entry.inputs),
        "newer_inputs": None if entry.newer is None else key_of(entry.newer),
        "output_version": entry.version, "rows": entry.rows,
        "content_hash": entry.content_hash, "reason": entry.reason, "recorded_at": now,
    }  # fmt: skip


def _entry(row: Mapping[str, Any]) -> Entry:
    ends = (row["start_on"], row["end_on"])
    return Entry(
        table=row["table_name"], fingerprint=row["fingerprint"],
        interval=None if None in ends else Interval(start=ends[0], end=ends[1]),
        attempt=row["attempt"], state=row["state"], run_id=row["run_id"],
        inputs=inputs_of(row["inputs"]),
        newer=None if row["newer_inputs"] is None else inputs_of(row["newer_inputs"]),
        version=row["output_version"], rows=row["rows"], content_hash=row["content_hash"],
        reason=row["reason"],
    )  # fmt: skip
