"""Views of links on Spark: what hangs together goes to one task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from stockade.definitions.pattern import FlowView, LinkView
from stockade.definitions.window import microseconds
from stockade.engine.crowds import PAIRS_DDL, Spans, contracted, crowds, spans
from stockade.engine.keys import Codes
from stockade.engine.linking import Notes, Ties, joining, link
from stockade.engine.pack import BUCKET, PACKED_DDL, Batches, packer, unpack
from stockade.engine.revisions import EVENT, FROM, UNTIL
from stockade.engine.shuffle import (
    Carried,
    Kernel,
    bucket_of,
    by_bucket,
    computed,
    keys_of,
    moments_of,
    packed_spine,
)
from stockade.errors import DataError

# pyarrow's stubs know neither masked index arrays nor dictionary arrays behind `Array`.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportReturnType=false

Integers = NDArray[np.int64]

# Codes of things that are no entities' keys: attributes.
ATTRIBUTE = "_a"
_NODE, _OTHER, _HOME = "_node", "_root", "_home"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """How the rows of one view are spread.

    Attributes:
        bucket_rows: what one task should hold.
        component_rows: what one task must hold at most: a component is not cut.
    """

    bucket_rows: int
    component_rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One table on its way to the tasks.

    Attributes:
        rows: of the table.
        keys: the columns that place them.
        shared: what ties these keys to others: attributes, or the receiver's keys.
    """

    rows: DataFrame
    keys: Sequence[str]
    shared: Sequence[str] = ()


def placed(
    rows: Carried,
    view: LinkView | FlowView,
    tables: tuple[Side, Side | None],
    spine_keys: Sequence[str],
    kernel: Kernel,
    fields: Sequence[pa.Field],
    *,
    decided_at: str,
    cut: Cut,
) -> Carried:
    """The rows with what the kernel makes of each bucket; every bucket holds components whole.

    Few rows are one bucket. Else the pairs of everything that is ever joined are contracted, and
    each component goes where the hash of its least member says. Hashes of 64 bits that collide
    join two components in one bucket, and change nothing.
    """
    ties, labels = tables
    total = ties.rows.count()
    packed: list[DataFrame] = []
    if total <= cut.bucket_rows:
        buckets = 1
        spine = rows.packed(spine_keys, buckets, decided_at=decided_at)
        for tag, table in enumerate((ties, labels), start=1):
            if table is not None:
                ready = table.rows.withColumn(BUCKET, F.lit(0).cast("int"))
                packed.append(ready.mapInArrow(packer(tag), PACKED_DDL))
    else:
        links = isinstance(view, LinkView)
        if links and view.hub is not None:
            ties = replace(ties, rows=_without_hubs(view, ties, cut, total))
        pairs = ties.rows.select(
            _hashed(ties.keys, _NODE), _hashed(ties.shared, _OTHER, salt=links)
        )
        homes = pairs.mapInArrow(contracted, PAIRS_DDL).repartition(1)
        homes = homes.mapInArrow(contracted, PAIRS_DDL)
        homes = homes.select(F.col(_NODE), F.col(_OTHER).alias(_HOME))
        _refuse_giants(view, ties, homes, cut)
        buckets = max(2, -(-total // cut.bucket_rows))
        at_home = _at_home(rows.rows(), spine_keys, homes, buckets)
        spine = packed_spine(at_home, spine_keys, F.col(BUCKET), decided_at=decided_at)
        for tag, table in enumerate((ties, labels), start=1):
            if table is not None:
                ready = _at_home(table.rows, table.keys, homes, buckets)
                packed.append(ready.mapInArrow(packer(tag), PACKED_DDL))
    return computed(rows, [spine, *packed], kernel, fields, buckets=buckets)


def _hashed(keys: Sequence[str], name: str, *, salt: bool = False) -> Column:
    """A node for a key; attributes are salted, so that none is an entity of the same name."""
    columns = [F.col(key) for key in keys]
    return F.xxhash64(*([F.lit("attribute")] if salt else []), *columns).alias(name)


def _at_home(rows: DataFrame, keys: Sequence[str], homes: DataFrame, buckets: int) -> DataFrame:
    """The rows with the bucket of their component; what is in none goes by its own hash."""
    node = rows.withColumn(_NODE, _hashed(keys, _NODE))
    found = node.join(homes, _NODE, "left")
    home = F.coalesce(F.col(_HOME), F.col(_NODE))
    return found.withColumn(BUCKET, bucket_of([home], buckets)).drop(_NODE, _HOME)


def _refuse_giants(view: LinkView | FlowView, table: Side, homes: DataFrame, cut: Cut) -> None:
    """Raise where a component is more than one task may hold."""
    sizes = table.rows.select(_hashed(table.keys, _NODE)).join(homes, _NODE).groupBy(_HOME).count()
    most = sizes.agg(F.max("count")).first()
    if most is None or most[0] is None or most[0] <= cut.component_rows:
        return
    remedy = (
        "give hub= or memory=, or a lower one, or leave out of its query what everybody shares"
        if isinstance(view, LinkView)
        else "leave dust and transfers inside a service out of its query, or look back less far"
    )
    raise DataError(
        f"view '{view.name}': {most[0]:,} rows of '{view.source.name}' hang together, and one "
        f"task may hold {cut.component_rows:,}: {remedy}; or raise component_rows where workers "
        "have the memory"
    )


def _without_hubs(view: LinkView, links: Side, cut: Cut, total: int) -> DataFrame:
    """The links that join, decided per attribute in tasks of their own."""
    entity, attributes, schema = links.keys, links.shared, links.rows.schema
    buckets = max(2, -(-total // cut.bucket_rows))
    memory = None if view.memory is None else microseconds(view.memory)
    hub = view.hub

    def judge(batches: Batches) -> Batches:
        for tables in unpack(batches).values():
            table = tables[0]
            when = spans_of(table, memory)
            crowd = crowds(Codes(table.select(attributes)).spine,
                           Codes(table.select(entity)).spine, when)  # fmt: skip
            joins = (when.begin < when.end) & (crowd <= (hub or 0))
            yield from table.filter(pa.array(joins)).combine_chunks().to_batches()

    placed_rows = links.rows.withColumn(BUCKET, bucket_of(attributes, buckets))
    packed = placed_rows.mapInArrow(packer(0), PACKED_DDL)
    return by_bucket(packed, buckets).mapInArrow(judge, schema)


def spans_of(rows: pa.Table, memory: int | None = None) -> Spans:
    """The clocks of rows that travelled."""
    return spans(*(rows.column(name).to_numpy() for name in (EVENT, FROM, UNTIL)), memory)


def link_kernel(view: LinkView, measures: Sequence[object], *, audit: bool) -> Kernel:
    """What a bucket of links becomes."""
    memory = None if view.memory is None else microseconds(view.memory)

    def kernel(tables: Mapping[int, pa.Table]) -> Sequence[pa.Array]:
        spine, links, labels = tables[0], tables.get(1), tables.get(2)
        (asked, linked_ones, noted), entities = codes_of(
            keys_of(spine), *(None if one is None else keys_of(one) for one in (links, labels))
        )
        time, valid = moments_of(spine)
        if links is None:
            none = np.empty(0, np.int64)
            ties = Ties(entity=none, attribute=none, when=spans(none, none, none))
        else:
            shared = Codes(keys_of(links, ATTRIBUTE))
            ties = joining(
                Ties(entity=linked_ones, attribute=shared.spine, when=spans_of(links, memory)),
                view.hub,
            )
        found = link(
            ties, notes_of(labels, noted), np.where(valid, asked, -1), time, measures,
            entities=entities,
        )  # fmt: skip
        return [*found.columns, *((found.event_at, found.known_at) if audit else ())]

    return kernel


def codes_of(*keys: pa.Table | None) -> tuple[list[Integers], int]:
    """Numbers of the keys of several tables, the same for the same key; empty for no table."""
    there = [one for one in keys if one is not None]
    schema = there[0].schema
    codes = Codes(pa.concat_tables([one.cast(schema) for one in there]))
    ends = np.cumsum([0, *(0 if one is None else one.num_rows for one in keys)])
    parts = [codes.spine[a:b] for a, b in pairwise(ends)]
    return parts, codes.count


def notes_of(labels: pa.Table | None, codes: Integers) -> Notes:
    """Labels, of which none may be there."""
    if labels is None:
        none = np.empty(0, np.int64)
        return Notes(entity=none, when=spans(none, none, none))
    return Notes(entity=codes, when=spans_of(labels))
