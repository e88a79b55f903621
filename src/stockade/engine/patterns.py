"""Pattern views on Spark: which rows travel where, and what a bucket of them becomes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from stockade.definitions.measure import Measure
from stockade.definitions.pattern import FlowView, LinkView, MatchView
from stockade.definitions.source import EventSource
from stockade.definitions.view import PatternView
from stockade.engine.bind import History
from stockade.engine.columns import smallest_units
from stockade.engine.fitting import money_type
from stockade.engine.flows import AMOUNT, CATEGORY, RECEIVER, flow_kernel
from stockade.engine.graphs import ATTRIBUTE, Cut, Side, link_kernel, placed
from stockade.engine.keys import Codes
from stockade.engine.layout import SpineProfile
from stockade.engine.matching import Moves, match
from stockade.engine.pack import PACKED_DDL, packer
from stockade.engine.program import FOREVER
from stockade.engine.revisions import EVENT, FROM, UNTIL, clocks
from stockade.engine.shuffle import (
    CLOCK,
    Carried,
    Kernel,
    bucket_of,
    clock_columns,
    computed,
    keys_of,
    moments_of,
    of_spine,
)
from stockade.errors import DefinitionError

# pyarrow's stubs know neither masked index arrays nor dictionary arrays behind `Array`.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportReturnType=false

_WHOLE = frozenset(
    {
        "component_size", "component_growth", "component_labelled", "neighbours",
        "labelled_neighbours", "hops", "cycles",
    }
)  # fmt: skip
_DEBIT = "_debit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """One pattern view with its rows, ready to be computed.

    Attributes:
        view: what to compute.
        measures: feature -> its measure, of one window.
        frames: the rows of each of the view's sources.
        spine_keys: the spine's columns for the entity's keys.
    """

    view: PatternView
    measures: Mapping[str, Measure]
    frames: tuple[DataFrame, ...]
    spine_keys: tuple[str, ...]

    def fields(self, *, audit: bool) -> list[pa.Field]:
        """The new columns."""
        kinds = {True: pa.int64(), False: pa.float64()}
        fields = [pa.field(n, kinds[one.kind in _WHOLE]) for n, one in self.measures.items()]
        clocks_used = clock_columns(self.view.name) if audit else ()
        return [*fields, *(pa.field(name, CLOCK) for name in clocks_used)]


def patterns_of(histories: Sequence[History], keys: Mapping[str, str]) -> tuple[Pattern, ...]:
    """Those histories whose views are patterns; `bind` has checked them."""
    found: list[Pattern] = []
    for history in histories:
        view = history.selection.view
        if isinstance(view, PatternView):
            of_view = {feature.name: feature.aggregate for feature in view.features()}
            measures = {name: of_view[name] for name in history.selection.names}
            found.append(
                Pattern(
                    view=view,
                    measures={n: one for n, one in measures.items() if isinstance(one, Measure)},
                    frames=(history.events, *history.others),
                    spine_keys=tuple(keys.get(key, key) for key in view.entity.keys),
                )
            )
    return tuple(found)


def tables_of(pattern: Pattern, profile: SpineProfile) -> tuple[Side, Side | None]:
    """The rows that some decision may count: what travels as tags 1 and 2, if there is a second."""
    view = pattern.view
    if isinstance(view, MatchView):
        return _matched(pattern, view, profile), None
    if isinstance(view, LinkView):
        return _linked(pattern, view, profile)
    if isinstance(view, FlowView):
        return _flowed(pattern, view, profile)
    raise _unknown(view)


def kernel_of(pattern: Pattern, *, audit: bool) -> Kernel:
    """What becomes of buckets that hold whole whatever belongs together."""
    view, measures = pattern.view, list(pattern.measures.values())
    if isinstance(view, MatchView):
        return _match_kernel(_money(pattern, view), measures, audit=audit)
    if isinstance(view, LinkView):
        return link_kernel(view, measures, audit=audit)
    if isinstance(view, FlowView):
        return flow_kernel(view, measures, audit=audit)
    raise _unknown(view)


def _unknown(view: PatternView) -> DefinitionError:
    return DefinitionError(f"view '{view.name}' is of a kind that the engine does not know")


def attach_pattern(
    rows: Carried,
    pattern: Pattern,
    profile: SpineProfile,
    held: DataFrame | None,
    *,
    decided_at: str,
    audit: bool,
    bucket_rows: int,
    component_rows: int,
) -> Carried:
    """The rows with the pattern's features; each row exactly once."""
    tables, kernel = tables_of(pattern, profile), kernel_of(pattern, audit=audit)
    fields = pattern.fields(audit=audit)
    if isinstance(pattern.view, LinkView | FlowView):
        return placed(
            rows, pattern.view, tables, pattern.spine_keys, kernel, fields, decided_at=decided_at,
            cut=Cut(bucket_rows=bucket_rows, component_rows=component_rows),
        )  # fmt: skip
    # All rows of one key in one bucket.
    table, _ = tables
    moved = of_spine(table.rows, table.keys, held)
    buckets = max(2, -(-(profile.rows + moved.count()) // bucket_rows))
    packed = moved.withColumn("_bucket", bucket_of(table.keys, buckets)).mapInArrow(
        packer(1), PACKED_DDL
    )
    spine = rows.packed(pattern.spine_keys, buckets, decided_at=decided_at)
    return computed(rows, [spine, packed], kernel, fields, buckets=buckets)


def facts(
    source: EventSource, events: DataFrame, profile: SpineProfile, *columns: Column
) -> DataFrame:
    """(columns..., `_time`, `_from`, `_until`) of the rows that some decision may count."""
    timed = clocks(source, events)
    if UNTIL not in timed.columns:
        timed = timed.withColumn(UNTIL, F.lit(FOREVER))
    if profile.last is None:
        timed = timed.where(F.lit(False))
    else:
        timed = timed.where((F.col(EVENT) < profile.last) & (F.col(FROM) <= profile.last))
    return timed.select(*columns, EVENT, FROM, UNTIL)


# --- matched money ---


def _money(pattern: Pattern, view: MatchView) -> T.DataType:
    return money_type(view, pattern.frames) or T.LongType()


def _matched(pattern: Pattern, view: MatchView, profile: SpineProfile) -> Side:
    moves = _moves(view, pattern.frames, profile, _money(pattern, view))
    return Side(rows=moves, keys=[f"_k{i}" for i in range(len(pattern.spine_keys))])


def _match_kernel(money: T.DataType, measures: Sequence[Measure], *, audit: bool) -> Kernel:
    scale = getattr(money, "scale", 0)

    def kernel(tables: Mapping[int, pa.Table]) -> Sequence[pa.Array]:
        spine, money_moved = tables[0], tables.get(1)
        codes = Codes(keys_of(spine))
        time, valid = moments_of(spine)
        found = match(
            _as_moves(money_moved, codes, scale), np.where(valid, codes.spine, -1), time,
            measures, entities=codes.count,
        )  # fmt: skip
        return [*found.columns, *((found.event_at, found.known_at) if audit else ())]

    return kernel


def _moves(
    view: MatchView, frames: Sequence[DataFrame], profile: SpineProfile, money: T.DataType
) -> DataFrame:
    """(`_k0`..., clocks, `_amount`, `_debit`) of credits and debits."""
    # One source may be read twice, for its credits and for its debits.
    sides = [
        (view.source, frames[0], view.credit, view.amount, view.keys, False),
        (
            view.debits or view.source, frames[-1], view.debit,
            view.debit_amount or view.amount, view.debit_keys or view.keys, True,
        ),
    ]  # fmt: skip
    made: list[DataFrame] = []
    for source, events, where, amount, columns, debit in sides:
        passes = F.lit(True) if where is None else F.coalesce(F.expr(where), F.lit(False))
        made.append(
            facts(
                source, events, profile,
                *(F.col(columns[k]).alias(f"_k{i}") for i, k in enumerate(view.entity.keys)),
                F.col(amount).cast(money).alias(AMOUNT),
                passes.alias("_passes"), F.lit(debit).alias(_DEBIT),
            ).where(F.col("_passes") & F.col(AMOUNT).isNotNull()).drop("_passes")
        )  # fmt: skip
    return made[0].unionByName(made[1])


def _as_moves(rows: pa.Table | None, codes: Codes, scale: int) -> Moves:
    if rows is None:
        none = np.empty(0, np.int64)
        return Moves(
            key=none, time=none, shown=none, gone=none, debit=none.astype(np.bool_), amount=none,
            scale=scale,
        )  # fmt: skip
    return Moves(
        key=codes.of(keys_of(rows)),
        time=rows.column(EVENT).to_numpy(),
        shown=rows.column(FROM).to_numpy(),
        gone=rows.column(UNTIL).to_numpy(),
        debit=rows.column(_DEBIT).to_numpy(),
        amount=smallest_units(rows.column(AMOUNT)),
        scale=scale,
    )


# --- shared attributes ---


def _linked(pattern: Pattern, view: LinkView, profile: SpineProfile) -> tuple[Side, Side | None]:
    names = view.entity.keys
    keys = [f"_k{i}" for i in range(len(names))]
    shared = [f"{ATTRIBUTE}{i}" for i in range(len(view.attribute))]
    links = facts(
        view.source, pattern.frames[0], profile,
        *(F.col(view.keys[name]).alias(key) for name, key in zip(names, keys, strict=True)),
        *(F.col(name).alias(key) for name, key in zip(view.attribute, shared, strict=True)),
    ).dropna(subset=[*keys, *shared])  # fmt: skip
    labels = None
    if view.labels is not None:
        columns = [F.col(view.label_keys[n]).alias(k) for n, k in zip(names, keys, strict=True)]
        noted = facts(view.labels, pattern.frames[1], profile, *columns).dropna(subset=keys)
        labels = Side(rows=noted, keys=keys)
    return Side(rows=links, keys=keys, shared=shared), labels


# --- transfers ---


def _flowed(pattern: Pattern, view: FlowView, profile: SpineProfile) -> tuple[Side, Side | None]:
    money = (money_type(view, pattern.frames) if view.amount else None) or T.LongType()
    worth = F.lit(0) if view.amount is None else F.col(view.amount)
    transfers = facts(
        view.source, pattern.frames[0], profile,
        F.col(view.sender).alias("_k0"), F.col(view.receiver).alias(f"{RECEIVER}0"),
        F.coalesce(worth.cast(money), F.lit(0).cast(money)).alias(AMOUNT),
    ).where(F.col("_k0") != F.col(f"{RECEIVER}0"))  # fmt: skip
    labels = None
    if view.labels is not None:
        category = F.lit(None).cast("string") if view.category is None else F.col(view.category)
        noted = facts(
            view.labels, pattern.frames[1], profile,
            F.col(str(view.label_key)).alias("_k0"), category.alias(CATEGORY),
        ).dropna(subset=["_k0"])  # fmt: skip
        labels = Side(rows=noted, keys=["_k0"])
    return Side(rows=transfers, keys=["_k0"], shared=[f"{RECEIVER}0"]), labels
