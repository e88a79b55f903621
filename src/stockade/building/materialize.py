"""Snapshots of features: each active entity at each tick, written interval by interval."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from uuid import uuid4

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from stockade.building.changes import (
    DAY_US,
    EPOCH,
    newest_known,
    reach_of,
    staleness,
    versions_read,
)
from stockade.building.features import AS_OF, AS_OF_ON, TICK, Inputs
from stockade.building.versions import Versions
from stockade.definitions.fingerprint import (
    definition_fingerprint,
    require_same,
    to_json,
    view_fingerprints,
)
from stockade.definitions.view import FeatureView, Selection
from stockade.definitions.window import days, microseconds
from stockade.engine.bind import History
from stockade.engine.checks import missing, source_faults
from stockade.engine.operator import EngineOptions, attach
from stockade.engine.revisions import EVENT, FROM, clocks
from stockade.errors import DefinitionError, EmptyTableError, TableNotFoundError, raise_all
from stockade.store.book import Book, Entry, Interval
from stockade.store.erased import without_entity
from stockade.store.ledger import Ledger, Work
from stockade.store.tables import Tables

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Materialized:
    """What `materialize` did for one view.

    Attributes:
        view: its name, and its table's.
        start, end: the days that were asked for, `[start, end)`.
        rows: how many were written.
        written: the days that were written, as the ledger has them.
        reasons: why, and for how many days.
        skipped: how many days were done already.
        waiting: the days whose inputs have not come.
        late: rows that changed too long ago for the source's `lookback`, and are in no snapshot.
    """

    view: str
    start: date
    end: date
    rows: int = 0
    written: tuple[date, ...] = ()
    reasons: Mapping[str, int] = field(default_factory=dict[str, int])
    skipped: int = 0
    waiting: tuple[date, ...] = ()
    late: int = 0


def materialize(
    tables: Tables,
    view: FeatureView,
    *,
    start: date,
    end: date,
    rebuild: bool = False,
    force: bool = False,
    allow_empty: bool = False,
    now: datetime | None = None,
    options: EngineOptions | None = None,
    progress: Progress | None = None,
) -> Materialized:
    """Write a view's features for each active entity at each tick of `[start, end)`.

    Only days are written that the ledger does not have as done from these inputs: new ones, ones
    that a run did not finish, and ones that a change of the inputs concerns.

    Args:
        tables: where to read events and write the view's table (keys, `as_of`, features,
            `as_of_on`), partitioned by the day `as_of_on`; that of its version, where one was
            applied.
        view: what to compute; an entity is active at a tick if an event known by then lies
            within the view's longest window.
        start, end: days (UTC), half-open. A daily tick is midnight, before that day's events.
        rebuild: replace the whole table, because the definition changed.
        force: write days that are done, too; the same inputs give the same rows.
        allow_empty: the source may be without any row.
        now: no tick later than this is written: its days wait, and a day that it lies within is
            written again once it has passed. By default the time of the call.
        options: how the engine cuts its work.
        progress: called with (view, days done, days to write).

    Raises:
        DefinitionError: the days are not an interval.
        SchemaError, DataError: the source breaks its contract; nothing is written.
        FingerprintMismatchError: another definition was applied; or none was, and another one wrote
            the table, and not `rebuild`.
        EndedVersionError: the view's definition is a version whose end date has come.
        EmptyTableError: the source has no rows, and not `allow_empty`; nothing is written.
        WriteConflictError: other runs wrote the same days, time and again.
    """
    if not start < end:
        raise DefinitionError(f"materialize '{view.name}': start {start} must be before end {end}")
    today = (now or datetime.now(UTC)).astimezone(UTC).date()
    view = Versions.read(tables).live(view, today=today)
    if not rebuild:
        _refuse_other_definition(tables, view)
    until = datetime.combine(end, time(), UTC)
    ledger, inputs = Ledger(tables), Inputs.of(tables, until=until)
    inputs = inputs if now is None else replace(inputs, now=now)
    asked = list(Interval(start=start, end=end).days())
    done = Materialized(view=view.name, start=start, end=end)
    try:
        events = inputs.events(view.source)
    except TableNotFoundError as fault:
        return _waits(ledger, _work(view, {}, inputs, options=options), asked, done, str(fault))
    work = _work(view, versions_read(inputs, view.source.origin), inputs, options=options)
    work = replace(work, force=force, rebuild=rebuild)
    book, late = _compared(ledger, work, view, asked)
    wanted = (
        dict.fromkeys(asked, "forced")
        if force
        else book.wanted(asked, fingerprint=work.fingerprint, inputs=work.inputs)
    )
    done = replace(done, skipped=len(asked) - len(wanted), late=late)
    if not wanted:
        return done
    _require_fit(view, events)
    if not allow_empty and events.isEmpty():
        raise EmptyTableError(
            f"view '{view.name}': source '{view.source.name}' has no rows: load its data, or allow "
            "it to be empty"
        )
    today = inputs.now.astimezone(UTC).date()
    early = _early(view, events, [day for day in wanted if day <= today], now=inputs.now)
    if early:
        why = f"source '{view.source.name}' has no rows of that time yet"
        done = _waits(ledger, work, early, done, why, book=book)
    future = [day for day in wanted if day > today]
    if future:
        done = _waits(ledger, work, future, done, "lies in the future", book=book)
    entries: list[Entry] = []
    ready = [day for day in wanted if day not in done.waiting]
    for entry in ledger.write(work, ready, book):
        entries.append(entry)
        if progress:
            progress(view.name, len(entries), len(ready))
    last_tick = datetime.combine(today, time(), UTC) + days(1) - TICK[view.cadence]
    if inputs.now < last_tick:
        # What it lacks is no fault of its inputs: without this it would be done.
        open_day = [e for e in entries if e.interval == Interval.of(today)]
        ledger.record([replace(e, state="stale", reason="had ticks yet to come") for e in open_day])
    return replace(
        done,
        rows=sum(entry.rows or 0 for entry in entries),
        written=tuple(sorted(e.interval.start for e in entries if e.interval)),
        reasons=Counter(wanted[day] for day in ready),
    )


def _work(
    view: FeatureView,
    versions: Mapping[str, int],
    inputs: Inputs,
    *,
    options: EngineOptions | None,
) -> Work:
    def rows(interval: Interval) -> DataFrame:
        return snapshots(inputs, view, start=interval.start, end=interval.end, options=options)

    return Work(
        table=view.name, column=AS_OF_ON, fingerprint=definition_fingerprint(view),
        inputs=versions, run_id=uuid4().hex, rows=rows,
        note={
            "view": view.name,
            "fingerprints": dict(view_fingerprints(view)),
            "definition": to_json(view),
        },
    )  # fmt: skip


def _compared(
    ledger: Ledger, work: Work, view: FeatureView, days: Sequence[date]
) -> tuple[Book, int]:
    """The view's book, with every change of its inputs written in; and how many rows came late."""
    book, late = ledger.settle(view.name, column=AS_OF_ON), 0
    for old in book.unlinked(days, fingerprint=work.fingerprint, inputs=work.inputs):
        found = staleness(ledger.tables, view, before=old, after=work.inputs)
        late += found.ignored
        change = Entry(
            table=view.name, fingerprint=work.fingerprint, interval=None, attempt=0, state="stale",
            run_id=work.run_id, inputs=old, newer=work.inputs, reason=found.reason,
        )  # fmt: skip
        lines = [replace(change, interval=one) for one in found.intervals] or [change]
        ledger.record(lines)
        book = book.with_entries(lines)
    return book, late


def _early(
    view: FeatureView, events: DataFrame, wanted: Iterable[date], *, now: datetime
) -> list[date]:
    """The days that look, by now, into a stretch that the source has not come to."""
    every = view.source.expected_every
    if every is None:
        return []
    newest = newest_known(events, view.source)
    if newest is None:
        return sorted(wanted)
    last_tick = microseconds(days(1) - TICK[view.cadence])
    limit = newest + microseconds(every)
    by_now = microseconds(now - datetime.combine(EPOCH, time(), UTC))
    return sorted(
        day for day in wanted if min((day - EPOCH).days * DAY_US + last_tick, by_now) > limit
    )


def _waits(
    ledger: Ledger,
    work: Work,
    wanted: Sequence[date],
    done: Materialized,
    why: str,
    *,
    book: Book | None = None,
) -> Materialized:
    """Days that cannot be written yet, put down as such where nothing else is."""
    book = book or ledger.book(work.table)
    new = [day for day in wanted if day not in book.current]
    ledger.record(
        [
            Entry(
                table=work.table, fingerprint=work.fingerprint, interval=Interval.of(day),
                attempt=0, state="waiting", run_id=work.run_id, inputs=work.inputs, reason=why,
            )
            for day in new
        ]
    )  # fmt: skip
    return replace(done, waiting=tuple(sorted({*done.waiting, *wanted})))


def snapshots(
    inputs: Inputs,
    view: FeatureView,
    *,
    start: date,
    end: date,
    options: EngineOptions | None = None,
) -> DataFrame:
    """Rows (keys..., `as_of`, features..., `as_of_on`), unique on keys and `as_of`."""
    events = inputs.events(view.source)
    ticks = _active(view, events, start=start, end=end, now=inputs.now)
    ticks = without_entity(inputs.tables.tables, ticks, view.entity.name)
    names = tuple(feature.name for feature in view.features())
    history = History(Selection(view=view, names=names), events)
    attached = attach(
        ticks, [history], decided_at=AS_OF, every_key=True, options=options or inputs.options()
    )
    return attached.rows.select("*", F.to_date(AS_OF).alias(AS_OF_ON))


def _require_fit(view: FeatureView, events: DataFrame) -> None:
    who = f"view '{view.name}'"
    faults = [*source_faults(events, view.source, who=who)]
    faults += missing(events, *view.keys.values(), who=who)
    raise_all(f"{who} does not fit its source", faults)


def _active(
    view: FeatureView, events: DataFrame, *, start: date, end: date, now: datetime
) -> DataFrame:
    """Each (keys..., `as_of`) by now at which the entity has an event within reach, once."""
    tick = microseconds(TICK[view.cadence])
    passed = (now - datetime.combine(EPOCH, time(), UTC)) // TICK[view.cadence] * tick
    keys = [F.col(view.keys[key]).alias(key) for key in view.entity.keys]
    begin, until = _edge(start), min(_edge(end) - tick, passed)
    reach = reach_of(view)
    if not view.source.dedupe:
        # The column is compared as it is stored, so that files outside are skipped. Of revisions,
        # those outside decide, too.
        moment = F.col(view.source.event_time)
        events = events.where(moment < F.timestamp_micros(F.lit(until)))
        if reach is not None:
            events = events.where(moment >= F.timestamp_micros(F.lit(begin - reach)))
    low, high = F.lit(begin), F.lit(until)
    # The first tick after the event at which it is known; a tick counts what lies before it.
    seen = F.greatest(F.col(EVENT) + F.lit(1), F.col(FROM))
    first = F.greatest(seen + F.pmod(-seen, F.lit(tick)), low)
    counted = F.col(EVENT) + F.lit(reach or 0)
    last = high if reach is None else F.least(counted - F.pmod(counted, F.lit(tick)), high)
    timed = clocks(view.source, events).dropna(subset=list(view.keys.values()))
    spans = timed.select(*keys, first.alias("_first"), last.alias("_last"))
    spans = spans.where("_first <= _last").distinct()
    each = F.explode(F.sequence("_first", "_last", F.lit(tick)))
    names = list(view.entity.keys)
    moments = spans.select(*names, each.alias("_tick")).distinct()
    return moments.select(*names, F.timestamp_micros("_tick").alias(AS_OF))


def _edge(day: date) -> int:
    return (day - EPOCH).days * DAY_US


def _refuse_other_definition(tables: Tables, view: FeatureView) -> None:
    note = tables.note_with(view.name, "fingerprints")
    if note is not None:
        require_same(
            note.get("fingerprints", {}),
            view_fingerprints(view),
            who=f"table '{view.name}'",
            remedy="look at `stockade plan`, then rebuild it with "
            f"`stockade materialize {view.name} --rebuild`",
        )
