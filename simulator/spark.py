"""A world into the tables of a store, its parts lived side by side on the cluster."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pyarrow as pa
from pyspark.sql import functions as F

from stockade.store.tables import Tables, Written
from trust_safety.simulator.generate import batch, batches
from trust_safety.simulator.tables import TABLES
from trust_safety.simulator.world import World

PARTS = "simulated_parts"
"""The table that holds a world as it was lived, each part of each table packed into one value."""

_WRITERS = 4

_PACKED = pa.schema(
    [
        pa.field("name", pa.string()),
        pa.field("part", pa.int64()),
        pa.field("rows", pa.int64()),
        pa.field("packed", pa.binary()),
    ]
)


def fill(tables: Tables, world: World) -> dict[str, Written]:
    """Write every table of a world, by its flat name; what was there before is replaced.

    Each part of the world is lived once, by some task, and packed; the tables are unpacked from
    that. Works on Spark Connect: nothing but DataFrames, and no folder that all could reach.

    Args:
        tables: where to write.
        world: what.

    Returns:
        By table, the commit that wrote it.
    """
    spark = tables.spark
    note = {"run_id": uuid4().hex, "simulated": f"{world.users} users, {world.days} days"}
    runs = [(part, first, until) for part, (first, until) in enumerate(batches(world))]
    wanted = spark.createDataFrame(runs, "part long, first long, until long")
    lived = wanted.repartition(len(runs), "part").mapInArrow(
        _live(world), "name string, part long, rows long, packed binary"
    )
    tables.replace(PARTS, lived, note=note, partition_by=("name",))
    parts = tables.read(PARTS)

    def unpack(name: str) -> Written:
        mine = parts.where(F.col("name") == name).select("packed")
        rows = mine.mapInArrow(_unpack, TABLES[name].ddl)
        return tables.replace(name, rows, note=note, allow_empty=True)

    # Most tables are small: what takes time is the commit, and commits may wait side by side.
    with ThreadPoolExecutor(_WRITERS) as pool:
        return dict(zip(TABLES, pool.map(unpack, TABLES), strict=True))


def _live(world: World) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def live(wanted: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for rows in wanted:
            for run in rows.to_pylist():
                for name, found in batch(world, (run["first"], run["until"])).items():
                    packed = _pack(found)
                    values = [[name], [run["part"]], [found.num_rows], [packed]]
                    yield pa.RecordBatch.from_arrays(
                        [
                            pa.array(value, field.type)
                            for value, field in zip(values, _PACKED, strict=True)
                        ],
                        schema=_PACKED,
                    )

    return live


def _pack(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, rows.schema, options=options) as stream:
        stream.write_table(rows, max_chunksize=65_536)
    return sink.getvalue().to_pybytes()


def _unpack(parts: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for rows in parts:
        for row in rows.to_pylist():
            with pa.ipc.open_stream(row["packed"]) as stream:
                yield from stream
