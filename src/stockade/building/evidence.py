"""The events behind a value, and those that nearly were: read, and judged by every rule."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F
from pyspark.sql import types as T

from stockade.definitions.expression import columns_of
from stockade.definitions.source import EventSource
from stockade.engine.bind import Track, value_column
from stockade.engine.program import FOREVER, Output
from stockade.engine.reference import ReferenceEvent, Revision, in_window, visibility
from stockade.engine.revisions import known_from

ASKED = "_asked"
_E, _KNOWN, _HERE, _CONTENT = "_e", "_known", "_here", "_content"
_VERSION, _RETRACTED, _IDENTITY = "_version", "_retracted", "_identity"
_BEGIN, _END = "_begin", "_end"
_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """An event as the rules see it, and why it does not count.

    Attributes:
        event: what the reference computes with.
        event_at, known_at: its clocks, in microseconds; None where it has none.
        columns: what the definition reads of it.
        reasons: the rules by which it does not count; empty where it does.
    """

    event: ReferenceEvent
    event_at: int | None
    known_at: int | None
    columns: Mapping[str, object]
    reasons: tuple[str, ...]


def evidence(
    track: Track, spine: DataFrame, asked: Sequence[tuple[Output, int]]
) -> list[list[Judged]]:
    """Every revision of every event that counts for a value, or nearly does; one Spark job.

    Args:
        track: one view's source, as its entity sees it.
        spine: a row for each value: its number as `ASKED`, and the track's spine keys.
        asked: by number, the feature and the decision in microseconds.

    Returns:
        For each value: events from one more window's length (a day at least) before the window
        to as long after the decision, in no set order. Of revised events all revisions, those
        that have another key or time included.
    """
    found: list[list[Row]] = [[] for _ in asked]
    for row in _around(track, spine, asked).collect():
        found[row[ASKED]].append(row)
    return [
        _judged(track, output, moment, rows)
        for (output, moment), rows in zip(asked, found, strict=True)
    ]


def distance(one: Judged, output: Output, moment: int) -> float:
    """How far from the window; those inside it that another rule leaves out are nearest."""
    if one.event_at is None:
        return float("inf")
    end = moment - output.delay
    begin = float("-inf") if output.window is None else end - output.window
    return max(begin - one.event_at, one.event_at - end, 0)


def instant(micros: int | None) -> datetime | None:
    """Microseconds as an instant; None for what is for ever, or beyond the year 9999."""
    if micros is None or abs(micros) >= FOREVER:
        return None
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
    except OverflowError:
        return None


def _around(track: Track, spine: DataFrame, asked: Sequence[tuple[Output, int]]) -> DataFrame:
    source = track.source
    reach = [_reach(output, moment) for output, moment in asked]
    begin, end = (F.array(*map(F.lit, ends)) for ends in zip(*reach, strict=True))
    place = F.col(ASKED) + 1
    whose = spine.select(
        ASKED,
        *(F.col(key).alias(f"_k_{key}") for key in track.spine_keys),
        F.element_at(begin, place).alias(_BEGIN),
        F.element_at(end, place).alias(_END),
    )
    # The column is compared as it is stored, so that files outside are skipped.
    happened = F.col(source.event_time)
    first, last = min(begin for begin, _ in reach), max(end for _, end in reach)
    near = track.events.where(
        (happened >= F.timestamp_micros(F.lit(first)))
        & (happened <= F.timestamp_micros(F.lit(last)))
    )
    time = F.unix_micros(source.event_time)
    joined = near.join(
        F.broadcast(whose),
        reduce(lambda a, b: a & b, _same_key(track), time.between(F.col(_BEGIN), F.col(_END))),
    )
    here = F.lit(True)
    if source.dedupe:
        # A revision may have moved the event to another key, or to another time.
        kept = [ASKED, *(f"_k_{key}" for key in track.spine_keys)]
        names = [f"_d{n}" for n in range(len(source.dedupe))]
        touched = joined.select(
            *kept, *(F.col(column).alias(n) for column, n in zip(source.dedupe, names, strict=True))
        ).distinct()
        same_event = [
            F.col(name) == F.col(column)
            for name, column in zip(names, source.dedupe, strict=True)
        ]  # fmt: skip
        joined = track.events.join(F.broadcast(touched), reduce(lambda a, b: a & b, same_event))
        here = F.coalesce(reduce(lambda a, b: a & b, _same_key(track)), F.lit(False))
    return joined.select(
        ASKED,
        time.alias(_E),
        known_from(source).alias(_KNOWN),
        here.alias(_HERE),
        *_measured(track),
        *_passed(track),
        (F.col(source.version) if source.version else _nothing()).alias(_VERSION),
        (F.coalesce(F.col(source.retracted), F.lit(False)) if source.retracted else F.lit(False))
        .alias(_RETRACTED),
        (F.struct(*source.dedupe) if source.dedupe else _nothing()).alias(_IDENTITY),
        F.xxhash64(*sorted(track.events.columns)).alias(_CONTENT),
        *(F.col(name).alias(f"c_{name}") for name in _shown(track, track.outputs)),
    )  # fmt: skip


def _reach(output: Output, moment: int) -> tuple[int, int]:
    """From when to when an event counts, or nearly does."""
    margin = max(output.window or 0, _DAY)
    if output.window is None:
        return -FOREVER, moment + margin
    return moment - output.delay - output.window - margin, moment + margin


def _same_key(track: Track) -> list[Column]:
    return [
        F.col(f"_k_{ours}") == F.col(theirs)
        for ours, theirs in zip(track.spine_keys, track.source_keys, strict=True)
    ]


def _nothing() -> Column:
    return F.lit(None).cast("string")


def _measured(track: Track) -> Iterator[Column]:
    for name in track.values:
        column = value_column(track.source, track.events, name)
        # Instants as whole microseconds: a datetime would take the host's zone.
        if isinstance(track.events.schema[name].dataType, T.TimestampType):
            column = F.unix_micros(column)
        yield column.alias(f"v_{name}")


def _passed(track: Track) -> Iterator[Column]:
    for where, mask in track.masks.items():
        yield F.coalesce(F.expr(where), F.lit(False)).alias(mask)


def _shown(track: Track, outputs: Sequence[Output]) -> list[str]:
    """The columns that the definitions of these features read."""
    where = {mask: text for text, mask in track.masks.items()}
    read = [*track.source.dedupe, *track.source_keys]
    for output in outputs:
        read += [output.value] if output.value else []
        read += sorted(columns_of(where[output.mask])) if output.mask else []
    known = {name.lower(): name for name in track.events.columns}
    return [*dict.fromkeys(known[name.lower()] for name in read if name.lower() in known)]


def _judged(track: Track, output: Output, moment: int, rows: Sequence[Row]) -> list[Judged]:
    shown = _shown(track, [output])
    return [
        Judged(
            event=ReferenceEvent(
                time=row[_E] if row[_E] is not None else 0,
                value=None if output.value is None else row[f"v_{output.value}"],
                visible_from=span[0], visible_until=span[1],
            ),
            event_at=row[_E], known_at=row[_KNOWN],
            columns={name: row[f"c_{name}"] for name in shown},
            reasons=tuple(_reasons(output, moment, row, span)),
        )
        for row, span in zip(rows, _spans(track.source, rows), strict=True)
    ]  # fmt: skip


def _spans(source: EventSource, rows: Sequence[Row]) -> list[tuple[int, int]]:
    """From when until when each row is the one that counts; empty where it never is."""
    known = [FOREVER if row[_KNOWN] is None else int(row[_KNOWN]) for row in rows]
    spans = [(at, FOREVER) for at in known]
    if not source.dedupe:
        return spans
    groups: dict[object, list[int]] = {}
    for n, row in enumerate(rows):
        groups.setdefault(tuple(row[_IDENTITY]), []).append(n)
    for members in groups.values():
        if source.version is None:
            # Copies: the first to arrive counts, content deciding between equals.
            members.sort(key=lambda n: (known[n], rows[n][_CONTENT]))
            for n in members[1:]:
                spans[n] = (known[n], known[n])
            continue
        ranked = sorted({rows[n][_VERSION] for n in members if rows[n][_VERSION] is not None})
        revisions = [
            Revision(
                version=-1 if rows[n][_VERSION] is None else ranked.index(rows[n][_VERSION]),
                available_at=known[n],
                retracted=bool(rows[n][_RETRACTED]),
            )
            for n in members
        ]
        for n, span in zip(members, visibility(revisions), strict=True):
            spans[n] = span
    return spans


def _reasons(output: Output, moment: int, row: Row, span: tuple[int, int]) -> Iterator[str]:
    """Every rule by which a row does not count."""
    time = row[_E]
    if time is None:
        yield "it has no event time"
        return
    if row[_RETRACTED]:
        yield "it takes the event back"
    elif span[1] <= span[0] < FOREVER:
        yield "another revision or copy counts instead"
    elif span[1] <= moment:
        yield f"a later revision, known {instant(span[1]):%Y-%m-%d %H:%M:%S.%f}, took its place"
    if row[_KNOWN] is None:
        yield "it says not when it was known"
    elif span[0] > moment:
        yield f"it was known only {_length(span[0] - moment)} after the decision"
    if not row[_HERE]:
        yield "it is another key's"
    if not in_window(output, moment, time):
        yield _outside(output, moment, time)
    if output.mask and not row[output.mask]:
        yield "the filter leaves it out"


def _outside(output: Output, moment: int, time: int) -> str:
    end = moment - output.delay
    if time > moment:
        return f"it happened {_length(time - moment)} after the decision"
    if time == end:
        return "it lies on the window's end, which is not part of it"
    if time > end:
        return f"it lies in the delay, {_length(time - end)} after the window's end"
    begin = end - (output.window or 0)
    if time == begin:
        return "it lies on the window's beginning, which is not part of it"
    return f"it is {_length(begin - time)} too old"


def _length(micros: int) -> str:
    return str(timedelta(microseconds=micros))
