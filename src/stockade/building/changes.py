"""What changed in a view's inputs between two versions, and which snapshots that makes stale."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from stockade.building.features import TICK, Inputs
from stockade.definitions.expression import columns_of
from stockade.definitions.source import EventSource, Files, Origin, Table, parts_of
from stockade.definitions.view import FeatureView
from stockade.definitions.window import Lifetime, microseconds
from stockade.engine.revisions import EVENT, FROM, known_from
from stockade.errors import TableNotFoundError
from stockade.store.book import FILES, UNVERSIONED, Interval, merged
from stockade.store.origins import open_origin
from stockade.store.tables import Tables

EPOCH = date(1970, 1, 1)
ALL_DAYS = Interval(start=date.min, end=date.max)
DAY_US = 86_400_000_000
_LAST = (date.max - EPOCH).days
_COUNT, _ROW = "_count", "_row"
_LEAVES = ("delete", "update_preimage")


@dataclass(frozen=True, slots=True, kw_only=True)
class Staleness:
    """Which snapshots a change of inputs concerns.

    Attributes:
        intervals: the days whose snapshots are stale.
        reason: what was found.
        ignored: rows that changed too long ago for the source's `lookback`.
    """

    intervals: tuple[Interval, ...]
    reason: str
    ignored: int = 0


def versions_read(inputs: Inputs, origin: Origin | str) -> Mapping[str, int]:
    """Input -> version, of an origin that was opened: of a table its version, of files a digest.

    The digest is over the files' names, sizes and times of change.
    """
    return dict(_version_read(inputs, part) for part in parts_of(origin))


def _version_read(inputs: Inputs, part: Table | Files) -> tuple[str, int]:
    if isinstance(part, Files):
        rows = open_origin(inputs.tables.spark, inputs.tables, part)
        return f"{FILES}{part.path}", _digest(rows)
    if part.name in inputs.tables.unversioned:
        return part.name, UNVERSIONED
    return part.name, inputs.tables.versions[part.name]


def staleness(
    tables: Tables, view: FeatureView, *, before: Mapping[str, int], after: Mapping[str, int]
) -> Staleness:
    """The days whose snapshots of a view may differ between two versions of its inputs.

    A row that came, went or changed in a column that the view reads concerns the ticks that could
    have seen it: from when it was known, for as long as it lies in a window. Where rows are
    revisions of one event, it concerns the ticks that could have seen any of them.

    Args:
        tables: where the inputs are.
        view: whose snapshots.
        before, after: input -> version; see `versions_read`.
    """
    try:
        changed = _changed(tables, view, before, after)
    except TableNotFoundError:
        changed = None
    if changed is None:
        why = "its inputs changed, and the versions it was made from cannot be compared any more"
        return Staleness(intervals=(ALL_DAYS,), reason=why)
    first, last = _ticks(view)
    tick, floor = microseconds(TICK[view.cadence]), _floor(tables, view.source, after)
    low, high = first + F.pmod(-first, F.lit(tick)), last - F.pmod(last, F.lit(tick))
    seen = changed.where(low <= high).select(
        F.greatest(_day(low), F.lit(floor)).alias("low"), _day(high).alias("high")
    )
    found = seen.groupBy("low").agg(F.max("high").alias("high"), F.count(F.lit(1)).alias("n"))
    rows = found.collect()
    kept = [row for row in rows if row["low"] <= row["high"]]
    return Staleness(
        intervals=tuple(merged(_days(row["low"], row["high"]) for row in kept)),
        reason="its inputs changed",
        ignored=sum(row["n"] for row in rows if row["low"] > row["high"]),
    )


def _changed(
    tables: Tables, view: FeatureView, before: Mapping[str, int], after: Mapping[str, int]
) -> DataFrame | None:
    """Rows (`_time`, `_from`) of what came or went; None if that cannot be told."""
    odd = UNVERSIONED in (*before.values(), *after.values())
    if odd or set(before) != set(after) or any(name.startswith(FILES) for name in before):
        return None
    source = view.source
    old = Inputs.of(tables, before).open(source.origin)
    new = Inputs.of(tables, after).open(source.origin)
    columns = _columns(view)
    if not set(columns) <= set(old.columns) & set(new.columns):
        return None
    moved = _fed(tables, source, before, after)
    if moved is None:
        moved = _signed(old, -1).unionByName(_signed(new, 1), allowMissingColumns=True)
    identity = [F.col(name) for name in source.dedupe]
    timed = moved.select(
        *identity,
        F.unix_micros(source.event_time).alias(EVENT),
        known_from(source).alias(FROM),
        F.xxhash64(*columns, F.concat(*(F.col(c).isNull().cast("int") for c in columns))).alias(
            _ROW
        ),
        _COUNT,
    )
    net = timed.groupBy(*source.dedupe, EVENT, FROM, _ROW).agg(F.sum(_COUNT).alias(_COUNT))
    differing = net.where(F.col(_COUNT) != 0).where(F.col(FROM).isNotNull())
    if not source.dedupe:
        return differing.where(F.col(EVENT).isNotNull()).select(EVENT, FROM)
    return _of_events(source, differing, (old, new))


def _of_events(source: EventSource, differing: DataFrame, both: Iterable[DataFrame]) -> DataFrame:
    """Each event with a revision that changed: at the times of all its revisions, from then on."""
    names = list(source.dedupe)
    since = differing.groupBy(*names).agg(F.min(FROM).alias(FROM))
    moments = [
        rows.select(*names, F.unix_micros(source.event_time).alias(EVENT)).join(since, names)
        for rows in both
    ]
    return moments[0].unionByName(moments[1]).dropna().select(EVENT, FROM).distinct()


def _fed(
    tables: Tables, source: EventSource, before: Mapping[str, int], after: Mapping[str, int]
) -> DataFrame | None:
    """The rows that came and went, from the table's own feed; None where it keeps none."""
    if not isinstance(source.origin, Table):
        return None
    name = source.origin.name
    if before[name] >= after[name]:
        return None
    feed = tables.changes(name, after=before[name], until=after[name])
    if feed is None:
        return None
    leaves = F.col("_change_type").isin(*_LEAVES)
    return feed.withColumn(_COUNT, F.when(leaves, -1).otherwise(1))


def _signed(rows: DataFrame, sign: int) -> DataFrame:
    return rows.withColumn(_COUNT, F.lit(sign))


def _columns(view: FeatureView) -> list[str]:
    """What the view reads of its source."""
    source = view.source
    read = {*view.keys.values(), *source.dedupe, source.event_time}
    read |= {name for name in (source.available_at, source.version, source.retracted) if name}
    for feature in view.features():
        aggregate = feature.aggregate
        read |= {aggregate.value} if aggregate.value else set()
        read |= columns_of(aggregate.where) if aggregate.where else set()
    return sorted(read)


def _ticks(view: FeatureView) -> tuple[Column, Column]:
    """The first and the last moment at which a row may count, in microseconds since 1970."""
    delays = [one.delay for one in view.aggregates.values()]
    # At the far end an inclusive window is open, at the near end an exclusive one.
    after, until = (0, -1) if view.boundary == "inclusive" else (1, 0)
    first = F.greatest(F.col(FROM), F.col(EVENT) + F.lit(microseconds(min(delays)) + after))
    reach = reach_of(view)
    last = F.lit(_LAST * DAY_US) if reach is None else F.col(EVENT) + F.lit(reach + until)
    return first, last


def reach_of(view: FeatureView) -> int | None:
    """How far before a tick an event may lie and still count, in microseconds; None: for ever."""
    lengths: list[int] = []
    for aggregate in view.aggregates.values():
        for window in aggregate.windows:
            if isinstance(window, Lifetime):
                return None
            lengths.append(microseconds(window + aggregate.delay))
    return max(lengths)


def _floor(tables: Tables, source: EventSource, after: Mapping[str, int]) -> int:
    """The first day, since 1970, that the source's `lookback` still lets change."""
    if source.lookback is None:
        return (date.min - EPOCH).days
    newest = newest_known(Inputs.of(tables, after).open(source.origin), source)
    if newest is None:
        return (date.min - EPOCH).days
    return -((-newest + microseconds(source.lookback)) // DAY_US)


def newest_known(events: DataFrame, source: EventSource) -> int | None:
    """When the latest row became known, in microseconds since 1970; None without rows."""
    row = events.agg(F.max(known_from(source)).alias("newest")).first()
    return None if row is None else row["newest"]


def _day(moment: Column) -> Column:
    return ((moment - F.pmod(moment, F.lit(DAY_US))) / F.lit(DAY_US)).cast("int")


def _days(low: int, high: int) -> Interval:
    last = min(high, _LAST - 1)
    return Interval(start=EPOCH + timedelta(days=low), end=EPOCH + timedelta(days=last + 1))


def _digest(frame: DataFrame) -> int:
    files = frame.select(
        "_metadata.file_path", "_metadata.file_size", "_metadata.file_modification_time"
    ).distinct()
    row = files.agg(F.bit_xor(F.xxhash64(*files.columns)).alias("digest")).first()
    return 0 if row is None or row["digest"] is None else abs(row["digest"])
