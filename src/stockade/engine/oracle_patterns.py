"""Pattern views a second time: every decision on its own, from all rows, in plain Python.

Only `stockade verify` and the tests use it. The sources of the views are brought to the driver.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from stockade.definitions.measure import Measure
from stockade.definitions.pattern import FlowView, LinkView, MatchView
from stockade.definitions.source import EventSource
from stockade.definitions.window import microseconds
from stockade.engine.fitting import money_type
from stockade.engine.patterns import Pattern
from stockade.engine.program import FOREVER
from stockade.engine.reference import Revision, visibility
from stockade.engine.reference_patterns import (
    Flows,
    Link,
    Links,
    Mark,
    Move,
    Transfer,
    flow_at,
    link_at,
    match_at,
)
from stockade.engine.revisions import known_from

# pyarrow's stubs do not know what a table's cells are.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportArgumentType=false, reportReturnType=false

_E, _KNOWN, _ORDER = "_e", "_known", "_order"


@dataclass(frozen=True, slots=True)
class _Row:
    """The columns that were asked for, and when the row counts."""

    values: tuple[object, ...]
    time: int
    shown: int
    gone: int


# A measure, a decision's moment and an entity's key -> the value.
_Evaluate = Callable[[Measure, int, tuple[object, ...]], object]


def naive_patterns(spine: DataFrame, patterns: Sequence[Pattern], *, decided_at: str) -> DataFrame:
    """The spine's columns, then the features of every pattern.

    Args:
        spine: a few decisions; they are brought to the driver.
        patterns: what to compute.
        decided_at: the spine's time column.
    """
    if not patterns:
        return spine
    table = spine.toArrow()
    fields = list(spine.schema.fields)
    moments = _instants(table.column(decided_at))
    for pattern in patterns:
        keys = list(zip(*(table.column(k).to_pylist() for k in pattern.spine_keys), strict=True))
        evaluate = _evaluator(pattern)
        for field, (name, measure) in zip(
            pattern.fields(audit=False), pattern.measures.items(), strict=False
        ):
            values = [
                None if at is None or None in key else evaluate(measure, at, key)
                for key, at in zip(keys, moments, strict=True)
            ]
            table = table.append_column(name, pa.array(values, field.type))
            whole = pa.types.is_integer(field.type)
            fields.append(T.StructField(name, T.LongType() if whole else T.DoubleType()))
    return spine.sparkSession.createDataFrame(table, T.StructType(fields))


def _instants(column: pa.ChunkedArray) -> list[int | None]:
    return column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_pylist()


def _evaluator(pattern: Pattern) -> _Evaluate:
    view, frames = pattern.view, pattern.frames
    if isinstance(view, MatchView):
        return _of_moves(view, frames)
    if isinstance(view, LinkView):
        return _of_links(view, frames)
    if isinstance(view, FlowView):
        return _of_flows(view, frames)
    raise TypeError(f"no oracle for a {type(view).__name__}")


def _of_moves(view: MatchView, frames: Sequence[DataFrame]) -> _Evaluate:
    money = money_type(view, frames)
    scale = getattr(money, "scale", 0)
    keys = list(view.entity.keys)
    by_entity: dict[tuple[object, ...], list[Move]] = {}
    for source, events, where, amount, columns, debit in (
        (view.source, frames[0], view.credit, view.amount, view.keys, False),
        (
            view.debits or view.source, frames[-1], view.debit,
            view.debit_amount or view.amount, view.debit_keys or view.keys, True,
        ),
    ):  # fmt: skip
        passes = F.expr(where or "true").alias("_passes")
        wanted = [F.col(columns[key]).alias(f"_{key}") for key in keys]
        rows = events.withColumns({"_passes": passes, "_amount": F.col(amount)})
        rows = rows.withColumns({f"_{key}": one for key, one in zip(keys, wanted, strict=True)})
        for row in _rows(source, rows, [*(f"_{key}" for key in keys), "_passes", "_amount"]):
            *key, passed, given = row.values
            if passed and given is not None:
                move = Move(
                    time=row.time, shown=row.shown, gone=row.gone,
                    amount=abs(int(given * 10**scale)), debit=debit,
                )  # fmt: skip
                by_entity.setdefault(tuple(key), []).append(move)
    return lambda measure, at, key: match_at(measure, at, by_entity.get(key, []), scale=scale)


def _of_links(view: LinkView, frames: Sequence[DataFrame]) -> _Evaluate:
    keys = [view.keys[key] for key in view.entity.keys]
    n = len(keys)
    links = [
        Link(time=row.time, shown=row.shown, gone=row.gone,
             entity=row.values[:n], attribute=row.values[n:])
        for row in _rows(view.source, frames[0], [*keys, *view.attribute])
        if None not in row.values
    ]  # fmt: skip
    marks: list[Mark] = []
    if view.labels is not None:
        columns = [view.label_keys[key] for key in view.entity.keys]
        marks = [
            Mark(time=row.time, shown=row.shown, gone=row.gone, entity=row.values)
            for row in _rows(view.labels, frames[1], columns)
        ]
    memory = None if view.memory is None else microseconds(view.memory)
    rules = Links(links, marks, view.hub, memory)
    return lambda measure, at, key: link_at(measure, at, key, rules)


def _of_flows(view: FlowView, frames: Sequence[DataFrame]) -> _Evaluate:
    money = money_type(view, frames) if view.amount else None
    scale = getattr(money, "scale", 0)
    columns = [view.sender, view.receiver, *([view.amount] if view.amount else [])]
    transfers: list[Transfer] = []
    for row in _rows(view.source, frames[0], columns):
        sender, receiver, *amount = row.values
        if sender is None or receiver is None or sender == receiver:
            continue
        worth = abs(int((amount[0] or 0) * 10**scale)) if amount else 0
        transfers.append(
            Transfer(
                time=row.time, shown=row.shown, gone=row.gone,
                sender=sender, receiver=receiver, amount=worth,
            )
        )  # fmt: skip
    marks: list[Mark] = []
    if view.labels is not None:
        wanted = [str(view.label_key), *([view.category] if view.category else [])]
        for row in _rows(view.labels, frames[1], wanted):
            address, *category = row.values
            named = str(category[0]) if category and category[0] is not None else None
            marks.append(
                Mark(time=row.time, shown=row.shown, gone=row.gone, entity=address, category=named)
            )
    rules = Flows(transfers, marks, view.hub)
    return lambda measure, at, key: flow_at(measure, at, key[0], rules)


def _rows(source: EventSource, events: DataFrame, columns: Sequence[str]) -> list[_Row]:
    """Every row that ever counts, one revision of an event at a time."""
    identity = [f"_id{i}" for i in range(len(source.dedupe))]
    # What orders the revisions: a version, or for copies arrival and then content.
    version = source.version or _ORDER
    table = events.select(
        *(F.col(name).alias(f"_c{i}") for i, name in enumerate(columns)),
        F.unix_micros(source.event_time).alias(_E), known_from(source).alias(_KNOWN),
        *(F.col(name).alias(f"_id{i}") for i, name in enumerate(source.dedupe)),
        F.xxhash64(*sorted(events.columns)).alias(_ORDER),
        F.col(version).alias("_version") if source.version else F.lit(None).alias("_version"),
        F.coalesce(F.col(source.retracted), F.lit(False)).alias("_gone")
        if source.retracted else F.lit(False).alias("_gone"),
    ).toArrow().to_pylist()  # fmt: skip
    groups: dict[object, list[Mapping[str, object]]] = {}
    for n, row in enumerate(table):
        if row[_KNOWN] is not None:
            key = tuple(row[name] for name in identity) if identity else n
            groups.setdefault(key, []).append(row)
    found: list[_Row] = []
    for revisions in groups.values():
        for row, (shown, gone) in zip(revisions, _spans(source, revisions), strict=True):
            if row[_E] is not None and shown < gone:
                values = tuple(row[f"_c{i}"] for i in range(len(columns)))
                found.append(_Row(values, int(str(row[_E])), shown, gone))
    return found


def _spans(
    source: EventSource, revisions: Sequence[Mapping[str, object]]
) -> Sequence[tuple[int, int]]:
    known = [int(str(row[_KNOWN])) for row in revisions]
    if source.version is None:
        first = min(range(len(revisions)), key=lambda n: (known[n], int(str(revisions[n][_ORDER]))))
        return [(at, FOREVER if n == first else at) for n, at in enumerate(known)]
    ordered = sorted({row["_version"] for row in revisions if row["_version"] is not None})  # type: ignore[type-var]
    return visibility(
        [
            Revision(
                version=-1 if row["_version"] is None else ordered.index(row["_version"]),
                available_at=at,
                retracted=bool(row["_gone"]),
            )
            for row, at in zip(revisions, known, strict=True)
        ]
    )
