"""Snapshots of features: each active entity at each tick, written interval by interval."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import uuid4

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from stockade.building.features import AS_OF, AS_OF_ON, TICK, Inputs
from stockade.definitions.fingerprint import require_same, to_json, view_fingerprints
from stockade.definitions.view import FeatureView, Selection
from stockade.definitions.window import Lifetime, microseconds
from stockade.engine.bind import History
from stockade.engine.operator import EngineOptions, attach
from stockade.engine.revisions import EVENT, FROM, clocks
from stockade.errors import DefinitionError
from stockade.store.tables import Tables, Written

# A month of daily ticks is one job: few enough rows for one write, many enough to be worth it.
CHUNK = timedelta(days=31)

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Materialized:
    """What `materialize` did for one view."""

    view: str
    start: date
    end: date
    rows: int
    intervals: tuple[Written, ...]


def materialize(
    tables: Tables,
    view: FeatureView,
    *,
    start: date,
    end: date,
    rebuild: bool = False,
    options: EngineOptions | None = None,
    progress: Progress | None = None,
) -> Materialized:
    """Write a view's features for each active entity at each tick of `[start, end)`.

    Args:
        tables: where to read events and write the view's table (keys, `as_of`, features,
            `as_of_on`), partitioned by the day `as_of_on`.
        view: what to compute; an entity is active at a tick if an event known by then lies
            within the view's longest window.
        start, end: days (UTC), half-open. A daily tick is midnight, before that day's events.
        rebuild: replace the whole table, because the definition changed.
        options: how the engine cuts its work.
        progress: called with (view, intervals done, intervals in all).

    Raises:
        DefinitionError: the days are not an interval.
        FingerprintMismatchError: the table was written by another definition, and not `rebuild`.
    """
    if not start < end:
        raise DefinitionError(f"materialize '{view.name}': start {start} must be before end {end}")
    if not rebuild:
        _refuse_other_definition(tables, view)
    run = uuid4().hex
    chunks = list(_chunks(start, end, CHUNK))
    written: list[Written] = []
    for done, (low, high) in enumerate(chunks):
        if progress:
            progress(view.name, done, len(chunks))
        note = {
            "run_id": run,
            "view": view.name,
            "interval": [low.isoformat(), high.isoformat()],
            "fingerprints": dict(view_fingerprints(view)),
            "definition": to_json(view),
        }
        rows = snapshots(Inputs.of(tables), view, start=low, end=high, options=options)
        if rebuild and done == 0:
            written.append(
                tables.replace(
                    view.name, rows, note=note, partition_by=(AS_OF_ON,), allow_empty=True
                )
            )
            continue
        written.append(
            tables.replace_interval(
                view.name, rows, column=AS_OF_ON, start=low, end=high, note=note, allow_empty=True
            )
        )
    if progress:
        progress(view.name, len(chunks), len(chunks))
    return Materialized(
        view=view.name, start=start, end=end, intervals=tuple(written),
        rows=sum(one.rows for one in written),
    )  # fmt: skip


def snapshots(
    inputs: Inputs,
    view: FeatureView,
    *,
    start: date,
    end: date,
    options: EngineOptions | None = None,
) -> DataFrame:
    """Rows (keys..., `as_of`, features..., `as_of_on`), unique on keys and `as_of`."""
    events = inputs.open(view.source.origin)
    ticks = _active(view, events, start=start, end=end)
    names = tuple(feature.name for feature in view.features())
    history = History(Selection(view=view, names=names), events)
    attached = attach(ticks, [history], decided_at=AS_OF, options=options)
    return attached.rows.select("*", F.to_date(AS_OF).alias(AS_OF_ON))


def _active(view: FeatureView, events: DataFrame, *, start: date, end: date) -> DataFrame:
    """Each (keys..., `as_of`) at which the entity has an event within reach, once."""
    tick = microseconds(TICK[view.cadence])
    keys = [F.col(view.keys[key]).alias(key) for key in view.entity.keys]
    low, high = _edge(start), _edge(end) - F.lit(tick)
    # The first tick after the event at which it is known; a tick counts what lies before it.
    seen = F.greatest(F.col(EVENT) + F.lit(1), F.col(FROM))
    first = F.greatest(seen + F.pmod(-seen, F.lit(tick)), low)
    reach = _reach(view)
    counted = F.col(EVENT) + F.lit(reach or 0)
    last = high if reach is None else F.least(counted - F.pmod(counted, F.lit(tick)), high)
    timed = clocks(view.source, events).dropna(subset=list(view.keys.values()))
    spans = timed.select(*keys, first.alias("_first"), last.alias("_last"))
    spans = spans.where("_first <= _last").distinct()
    each = F.explode(F.sequence("_first", "_last", F.lit(tick)))
    names = list(view.entity.keys)
    moments = spans.select(*names, each.alias("_tick")).distinct()
    return moments.select(*names, F.timestamp_micros("_tick").alias(AS_OF))


def _reach(view: FeatureView) -> int | None:
    lengths: list[int] = []
    for aggregate in view.aggregates.values():
        for window in aggregate.windows:
            if isinstance(window, Lifetime):
                return None
            lengths.append(microseconds(window + aggregate.delay))
    return max(lengths)


def _edge(day: date) -> Column:
    return F.lit((day - date(1970, 1, 1)).days * 86_400_000_000)


def _chunks(start: date, end: date, length: timedelta) -> Iterator[tuple[date, date]]:
    while start < end:
        yield start, min(start + length, end)
        start += length


def _refuse_other_definition(tables: Tables, view: FeatureView) -> None:
    note = tables.last_note(view.name) if tables.exists(view.name) else None
    if note is not None:
        require_same(
            note.get("fingerprints", {}),
            view_fingerprints(view),
            who=f"table '{view.name}'",
            remedy="look at `stockade plan`, then rebuild it with "
            f"`stockade materialize {view.name} --rebuild`",
        )
