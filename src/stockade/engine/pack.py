"""Rows become few large Arrow blobs before the shuffle, and rows again after it."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

# pyarrow's stubs know neither masked index arrays nor dictionary arrays behind `Array`.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportReturnType=false

BUCKET = "_bucket"
# tag 0 is the spine, tag i + 1 the i-th track.
PACKED = pa.schema([("bucket", pa.int32()), ("tag", pa.int32()), ("rows", pa.binary())])
PACKED_DDL = "bucket int, tag int, rows binary"

# Enough that a blob is worth its header, little enough that several fit beside the kernel.
_PACK_ROWS = 1 << 18
_PACK_BYTES = 1 << 27

Batches = Iterable[pa.RecordBatch]
# Rows and their buckets -> positions among the rows, and the bucket of each.
Placing = Callable[[pa.Table, NDArray[np.int64]], tuple[NDArray[np.int64], NDArray[np.int64]]]


def packer(tag: int, placing: Placing | None = None) -> Callable[[Batches], Batches]:
    """A `mapInArrow` function: rows with a `_bucket` column -> (bucket, tag, rows).

    With `placing`, a row goes where that says: to other buckets, or to several.
    """

    def pack(batches: Batches) -> Batches:
        waiting: list[pa.RecordBatch] = []
        rows = size = 0
        for batch in batches:
            waiting.append(batch)
            rows += batch.num_rows
            size += batch.nbytes
            if rows >= _PACK_ROWS or size >= _PACK_BYTES:
                yield _blobs(waiting, tag, placing)
                waiting, rows, size = [], 0, 0
        if rows:
            yield _blobs(waiting, tag, placing)

    return pack


def unpack(batches: Batches) -> Mapping[int, Mapping[int, pa.Table]]:
    """All blobs of a partition: bucket -> tag -> rows."""
    found: dict[int, dict[int, list[pa.RecordBatch]]] = {}
    for batch in batches:
        buckets, tags, rows = (batch.column(i) for i in range(3))
        for i in range(batch.num_rows):
            tables = found.setdefault(buckets[i].as_py(), {})
            with pa.ipc.open_stream(rows[i].as_buffer()) as stream:
                tables.setdefault(tags[i].as_py(), []).extend(stream)
    return {
        bucket: {tag: pa.Table.from_batches(parts) for tag, parts in tables.items()}
        for bucket, tables in found.items()
    }


def _blobs(batches: list[pa.RecordBatch], tag: int, placing: Placing | None) -> pa.RecordBatch:
    table = pa.Table.from_batches(batches)
    bucket, at = table.column(BUCKET).to_numpy(), None
    if placing is not None:
        at, bucket = placing(table, bucket)
    # 16 bits sort by radix, in time linear in the rows.
    bucket = bucket.astype(np.uint16)
    order = np.argsort(bucket, kind="stable")
    taken = pa.array(order if at is None else at[order])
    rows = table.drop_columns(BUCKET).take(taken).combine_chunks()
    present, starts = np.unique(bucket[order], return_index=True)
    ends = np.append(starts[1:], len(bucket))
    blobs = [_blob(rows.slice(start, end - start)) for start, end in zip(starts, ends, strict=True)]
    tags = np.full(len(present), tag, dtype=np.int32)
    return pa.record_batch(
        [pa.array(present.astype(np.int32)), pa.array(tags), pa.array(blobs, pa.binary())],
        schema=PACKED,
    )


def _blob(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_table(rows)
    return sink.getvalue().to_pybytes()
