"""What every way of computing features shares: keys of the spine, one shuffle, rows out."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T
from pyspark.sql.pandas.types import from_arrow_schema

from stockade.engine.hashing import buckets_of
from stockade.engine.pack import BUCKET, PACKED_DDL, Batches, Placing, packer, unpack

# pyarrow's stubs know neither masked index arrays nor dictionary arrays behind `Array`.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportReturnType=false

CLOCK = pa.timestamp("us", tz="UTC")
MOMENT = "_moment"
RESULT_ROWS = 1 << 16
# Spine keys are few against events: this many can be sent to every task.
_BROADCAST_ROWS = 200_000

# The rows of one bucket by tag, the spine's being 0, -> the new columns in the spine's order.
Kernel = Callable[[Mapping[int, pa.Table]], Sequence[pa.Array]]
# Batches that Spark holds -> the rows that they stand for.
Read = Callable[[Batches], Iterator[pa.Table]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A spine with the features that it has so far, on its way from one shuffle to the next.

    It stays packed: its columns, of which there are more with each shuffle, are Spark's at the
    start and at the end only.

    Attributes:
        frame: what Spark holds.
        read: its batches -> the rows; None where Spark holds the rows themselves.
        schema: of the rows.
    """

    frame: DataFrame
    read: Read | None
    schema: T.StructType

    @classmethod
    def of(cls, rows: DataFrame) -> "Carried":
        """Rows that are Spark's."""
        return cls(frame=rows, read=None, schema=rows.schema)

    def rows(self) -> DataFrame:
        """The rows, unpacked."""
        read = self.read
        if read is None:
            return self.frame

        def unpacked(batches: Batches) -> Batches:
            for table in read(batches):
                yield from table.combine_chunks().to_batches(max_chunksize=RESULT_ROWS)

        return self.frame.mapInArrow(unpacked, self.schema)

    def packed(self, keys: Sequence[str], buckets: int, *, decided_at: str) -> DataFrame:
        """On their way: `_k0`..., `_moment`, and all columns as `s_...`; each where its keys go."""
        read, pack = self.read or _tables, packer(0)

        def repacked(batches: Batches) -> Batches:
            tables = (_to_buckets(one, keys, buckets, decided_at) for one in read(batches))
            return pack(batch for table in tables for batch in table.to_batches())

        return self.frame.mapInArrow(repacked, PACKED_DDL)


def clock_columns(view: str) -> tuple[str, str]:
    """The names of the audit columns of a view."""
    return f"{view}__event_at", f"{view}__available_at"


def by_bucket(packed: DataFrame, buckets: int) -> DataFrame:
    """Packed rows, each bucket in one partition."""
    # Spark before 4.1 cannot place partitions by number; hashing them is merely less even.
    if hasattr(packed, "repartitionById"):
        return packed.repartitionById(buckets, F.col("bucket"))
    return packed.repartition(buckets, "bucket")


def bucket_of(keys: Sequence[str | Column], buckets: int) -> Column:
    """Where rows with these keys go."""
    return F.pmod(F.hash(*keys), F.lit(buckets)).alias(BUCKET)


def held_keys(
    spine: DataFrame, groups: Iterable[tuple[str, ...]], *, rows: int
) -> Mapping[tuple[str, ...], DataFrame]:
    """Key columns of the spine -> its distinct keys as `_spine0`..., read once for all views.

    Nothing where the spine's `rows` are too many to be sent around.
    """
    wanted = sorted(set(groups))
    names = sorted({name for group in wanted for name in group})
    if not names or rows > _BROADCAST_ROWS:
        return {}
    read = spine.select(*names).distinct().toArrow()
    held: dict[tuple[str, ...], DataFrame] = {}
    for group in wanted:
        keys = read.select(group).group_by(list(group)).aggregate([]).drop_null()
        # With no keys at all, Spark Connect knows the types only if it is told.
        types = T.StructType(
            [
                T.StructField(f"_spine{i}", spine.schema[name].dataType)
                for i, name in enumerate(group)
            ]
        )
        held[group] = spine.sparkSession.createDataFrame(keys.rename_columns(types.names), types)
    return held


def of_spine(events: DataFrame, source_keys: Sequence[str], keys: DataFrame | None) -> DataFrame:
    """Only events of the spine's keys, where those are held."""
    if keys is None:
        return events
    same = [F.col(f"_spine{i}") == F.col(key) for i, key in enumerate(source_keys)]
    return events.join(F.broadcast(keys), same, "left_semi")


def packed_spine(
    rows: DataFrame,
    keys: Sequence[str],
    bucket: Column,
    *,
    decided_at: str,
    placing: Placing | None = None,
) -> DataFrame:
    """A spine on its way: `_k0`..., `_moment`, and all its columns as `s_...`."""
    return rows.select(
        *(F.col(key).alias(f"_k{i}") for i, key in enumerate(keys)),
        F.unix_micros(decided_at).alias(MOMENT),
        bucket.alias(BUCKET),
        *(F.col(column).alias(f"s_{column}") for column in rows.columns if column != BUCKET),
    ).mapInArrow(packer(0, placing), PACKED_DDL)


def computed(
    rows: Carried,
    packed: Sequence[DataFrame],
    kernel: Kernel,
    fields: Sequence[pa.Field],
    *,
    buckets: int,
) -> Carried:
    """The spine's rows with the columns that the kernel makes of each bucket: one shuffle."""

    def compute(batches: Batches) -> Iterator[pa.Table]:
        for tables in unpack(batches).values():
            if 0 in tables:
                spine = tables[0].select([n for n in tables[0].column_names if n.startswith("s_")])
                own = [name.removeprefix("s_") for name in spine.column_names]
                yield extended(spine.rename_columns(own), fields, kernel(tables))

    return Carried(
        frame=by_bucket(reduce(DataFrame.unionByName, packed), buckets),
        read=compute,
        schema=extended_schema(rows.schema, fields),
    )


def extended(rows: pa.Table, fields: Sequence[pa.Field], columns: Sequence[pa.Array]) -> pa.Table:
    """The rows with new columns, of the fields' names and types."""
    for field, column in zip(fields, columns, strict=True):
        rows = rows.append_column(field.name, column.cast(field.type))
    return rows


def extended_schema(schema: T.StructType, fields: Sequence[pa.Field]) -> T.StructType:
    """Spark's schema of the extended rows."""
    return T.StructType([*schema.fields, *from_arrow_schema(pa.schema(fields)).fields])


def keyed_moments(
    rows: pa.Table, keys: Sequence[str], decided_at: str
) -> dict[str, pa.ChunkedArray]:
    """What a kernel needs of a spine's rows: `_k0`..., and `_moment`."""
    found = {f"_k{i}": rows.column(key) for i, key in enumerate(keys)}
    return found | {MOMENT: rows.column(decided_at).cast(pa.int64())}


def _tables(batches: Batches) -> Iterator[pa.Table]:
    for batch in batches:
        yield pa.Table.from_batches([batch])


def _to_buckets(rows: pa.Table, keys: Sequence[str], buckets: int, decided_at: str) -> pa.Table:
    found = keyed_moments(rows, keys, decided_at)
    found[BUCKET] = pa.array(buckets_of([rows.column(key) for key in keys], buckets))
    found |= {f"s_{name}": rows.column(name) for name in rows.column_names}
    return pa.table(found)


def keys_of(table: pa.Table, prefix: str = "_k") -> pa.Table:
    """The key columns of packed rows."""
    return table.select([n for n in table.column_names if n.startswith(prefix)])


def moments_of(spine: pa.Table) -> tuple[pa.Array, pa.Array]:
    """Decision times in microseconds, 0 where null; and where there is one."""
    moment = spine.column(MOMENT)
    return pc.fill_null(moment, 0).to_numpy(), moment.is_valid().to_numpy()
