"""Arrow columns from arrays of whole numbers, and tables that hold to their schema."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trust_safety.simulator.draws import Array, Draws
from trust_safety.simulator.tables import COIN, DOUBLE, STRING, TABLES, TIMESTAMP, USD, Table

# pyarrow's stubs know neither buffers nor the functions of `compute`.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportReturnType=false

ARROW = {
    STRING: pa.string(),
    "bigint": pa.int64(),
    DOUBLE: pa.float64(),
    "boolean": pa.bool_(),
    TIMESTAMP: pa.timestamp("us", tz="UTC"),
    USD: pa.decimal128(18, 2),
    COIN: pa.decimal128(18, 8),
}
_HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)


def schema(table: Table) -> pa.Schema:
    """A table's Arrow schema."""
    return pa.schema(
        [
            pa.field(column.name, ARROW[column.type], nullable=column.nullable)
            for column in table.columns
        ]
    )


def fixed_text(characters: Array) -> pa.Array:
    """Strings of one length from their bytes: shape (n, length), uint8."""
    count, length = characters.shape
    offsets = np.arange(count + 1, dtype=np.int32) * np.int32(length)
    data = np.ascontiguousarray(characters)
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(data))


def hexes(prefix: str, codes: Array) -> pa.Array:
    """Ids: a letter and sixteen hex digits of a number of 64 bits."""
    whole = np.asarray(codes).astype(np.int64, copy=False).view(np.uint64)
    shifts = np.arange(60, -1, -4, dtype=np.uint64)
    digits = _HEX[((whole[:, None] >> shifts) & np.uint64(15)).astype(np.intp)]
    head = np.frombuffer(prefix.encode(), dtype=np.uint8)
    return fixed_text(np.concatenate([np.tile(head, (whole.size, 1)), digits], axis=1))


def choice(values: Sequence[str], positions: Array) -> pa.Array:
    """Words by position; null where the position is negative."""
    index = pa.array(np.maximum(positions, 0).astype(np.int32))
    return blank(pa.array(list(values), pa.string()).take(index), positions < 0)


def constant(value: str, count: int) -> pa.Array:
    """The same word for every row."""
    return taken(pa.array([value], pa.string()), np.zeros(count))


def blank(column: pa.Array, where: Array) -> pa.Array:
    """A column that is null where a mask says so."""
    if not where.any():
        return column
    return pc.if_else(pa.array(~where), column, pa.scalar(None, column.type))


def times(at: Array) -> pa.Array:
    """Instants."""
    data = np.ascontiguousarray(at, dtype=np.int64)
    return pa.Array.from_buffers(ARROW[TIMESTAMP], data.size, [None, pa.py_buffer(data)])


def usd(cents: Array) -> pa.Array:
    """Dollars from cents."""
    return _decimal(cents, ARROW[USD])


def coins(units: Array) -> pa.Array:
    """Coins from units of 10**-8."""
    return _decimal(units, ARROW[COIN])


def _decimal(whole: Array, kind: pa.DataType) -> pa.Array:
    limbs = np.empty((whole.size, 2), dtype=np.int64)
    limbs[:, 0] = whole
    # The sign fills the upper half.
    limbs[:, 1] = limbs[:, 0] >> 63
    return pa.Array.from_buffers(kind, whole.size, [None, pa.py_buffer(limbs)])


def taken(column: pa.Array, positions: Array) -> pa.Array:
    """The rows of a column at positions."""
    return column.take(pa.array(positions.astype(np.int64)))


def either(first: pa.Array, second: pa.Array, where: Array) -> pa.Array:
    """The second column's rows where a mask says so, else the first's."""
    both = pa.concat_arrays([first, second])
    return taken(both, np.arange(where.size) + where * where.size)


def dotted(ip: Array) -> pa.Array:
    """Internet addresses as text."""
    parts = np.array([str(number) for number in range(256)])
    words = pa.array(parts, pa.string())
    octets = [taken(words, (ip >> shift) & 255) for shift in (24, 16, 8, 0)]
    return pc.binary_join_element_wise(*octets, ".")


def dotted_prefix(block: Array) -> pa.Array:
    """The first 24 bits of internet addresses as text: `41.0.7.0/24`."""
    return pc.binary_join_element_wise(dotted(block << 8), "/24", "")


def table(name: str, columns: Mapping[str, pa.Array | Array]) -> pa.Table:
    """A table of the world, its columns in the order and of the types that the schema says.

    Raises:
        KeyError: a column is missing, or is none of the table's.
        pyarrow.ArrowInvalid: a column has another type.
    """
    known = TABLES[name]
    if set(columns) != set(known.column_names):
        raise KeyError(name, sorted(set(columns) ^ set(known.column_names)))
    kinds = schema(known)
    arrays = [_typed(columns[field.name], field.type) for field in kinds]
    made = pa.Table.from_arrays(arrays, schema=kinds)
    made.validate()
    return made


def _typed(values: pa.Array | Array, kind: pa.DataType) -> pa.Array:
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values if values.type == kind else values.cast(kind)
    return pa.array(values, kind)


class Ids:
    """Ids that tell nothing: not who came first, and not who belongs together."""

    def __init__(self, seed: int) -> None:
        """Key the generator."""
        self._draws = Draws(seed, "ids")

    def user(self, number: Array) -> pa.Array:
        """Accounts."""
        return hexes("u", self.code(number, 0, 1))

    def code(self, entity: Array, rank: Array | int = 0, what: Array | int = 0) -> Array:
        """A number of 64 bits for a thing of an entity."""
        return self._draws.code(entity, rank, what)
