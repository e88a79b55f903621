"""Windows over events: which columns travel, and what a bucket of events becomes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from stockade.engine.bind import Track, value_column
from stockade.engine.bucket import Bucket, Events, Queries
from stockade.engine.keys import Codes
from stockade.engine.layout import SpineProfile, in_reach
from stockade.engine.program import Output
from stockade.engine.revisions import EVENT, FROM, UNTIL, clocks
from stockade.engine.shuffle import CLOCK, MOMENT, Kernel, clock_columns, keys_of

# pyarrow's stubs know neither masked index arrays nor dictionary arrays behind `Array`.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportReturnType=false


class Shape(NamedTuple):
    """What a worker needs to know of a track."""

    outputs: Mapping[str, tuple[Output, ...]]
    values: Mapping[str, pa.DataType]
    masks: tuple[str, ...]
    settling: int
    audit: bool

    @classmethod
    def of(cls, track: Track, *, audit: bool) -> "Shape":
        """A track's; with `audit`, each view has its latest clocks, too."""
        return cls(track.views, track.values, tuple(track.masks.values()), track.settling, audit)


def countable(track: Track, events: DataFrame, profile: SpineProfile) -> DataFrame:
    """Only events that some decision may count, by their time and filters, with their clocks."""
    timed = clocks(track.source, events).where(in_reach(track, profile))
    if all(output.mask for output in track.outputs):
        timed = timed.where(F.expr(" OR ".join(f"coalesce(({one}), false)" for one in track.masks)))
    return timed


def travelling(track: Track, events: DataFrame) -> list[Column]:
    """Clocks, measured values as `v_...`, filters as booleans; the keys are for whoever places."""
    clocks_kept = [EVENT]
    if track.source.available_at or track.source.dedupe:
        clocks_kept.append(FROM)
    if UNTIL in events.columns:
        clocks_kept.append(UNTIL)
    return [
        *(F.col(name) for name in clocks_kept),
        *(value_column(track.source, events, name).alias(f"v_{name}") for name in track.values),
        *(
            F.coalesce(F.expr(where), F.lit(False)).alias(mask)
            for where, mask in track.masks.items()
        ),
    ]


def fields_of(shapes: Sequence[Shape]) -> list[pa.Field]:
    """The new columns."""
    fields: list[pa.Field] = []
    for shape in shapes:
        for view, outputs in shape.outputs.items():
            fields += [pa.field(output.name, output.type) for output in outputs]
            if shape.audit:
                fields += [pa.field(name, CLOCK) for name in clock_columns(view)]
    return fields


def track_kernel(shapes: Sequence[Shape]) -> Kernel:
    """What a bucket of one entity becomes: the columns of `fields_of`."""
    return lambda tables: [*_columns(tables, shapes)]


def _columns(tables: Mapping[int, pa.Table], shapes: Sequence[Shape]) -> Iterator[pa.Array]:
    spine = tables[0]
    codes = Codes(keys_of(spine))
    moment = spine.column(MOMENT)
    queries = Queries(
        key=codes.spine,
        time=pc.fill_null(moment, 0).to_numpy(),
        valid=None if moment.null_count == 0 else moment.is_valid().to_numpy(),
    )
    for tag, shape in enumerate(shapes, start=1):
        rows = tables.get(tag)
        keys = None if rows is None else codes.of(keys_of(rows))
        bucket = Bucket(_events(rows, keys, shape), queries, entities=codes.count)
        for outputs in shape.outputs.values():
            yield from bucket.compute(outputs)
            if shape.audit:
                yield from bucket.latest_used(outputs)


def _events(rows: pa.Table | None, keys: NDArray[np.int64] | None, shape: Shape) -> Events:
    if rows is None or keys is None:
        nothing = np.empty(0, dtype=np.int64)
        return Events(
            key=nothing, time=nothing, visible_from=None, visible_until=None,
            settling=shape.settling,
            values={name: pa.array([], type=kind) for name, kind in shape.values.items()},
            masks={name: np.empty(0, dtype=np.bool_) for name in shape.masks},
        )  # fmt: skip
    present = set(rows.column_names)
    return Events(
        key=keys,
        time=rows.column(EVENT).to_numpy(),
        visible_from=rows.column(FROM).to_numpy() if FROM in present else None,
        visible_until=rows.column(UNTIL).to_numpy() if UNTIL in present else None,
        settling=shape.settling,
        values={
            name: _plain(rows.column(f"v_{name}"), kind) for name, kind in shape.values.items()
        },
        masks={name: rows.column(name).to_numpy() for name in shape.masks},
    )


def _plain(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    # Spark may send large strings; the kernels know one kind.
    return column if column.type == kind else column.cast(kind)
