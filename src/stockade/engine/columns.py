"""Arrow columns as the arrays that kernels read, and back."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

# pyarrow's stubs know neither masked index arrays nor dictionary arrays behind `Array`.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportReturnType=false

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_EXACT_DOUBLE = 2**53
# The largest power of ten that is a double.
_EXACT_SCALE = 22


def plain(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One array of one width per family: float64 without -0.0, int64, decimal128."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    kind = whole.type
    if pa.types.is_floating(kind):
        # Adding zero turns -0.0 into 0.0, which are one value.
        return pc.add(whole.cast(pa.float64()), pa.scalar(0.0))
    if pa.types.is_integer(kind):
        return whole.cast(pa.int64())
    if pa.types.is_decimal(kind) and not pa.types.is_decimal128(kind):
        return whole.cast(pa.decimal128(kind.precision, kind.scale))
    return whole


def flags(column: pa.Array) -> Flags:
    """A boolean column without nulls."""
    return column.to_numpy(zero_copy_only=False).astype(np.bool_)


def doubles(column: pa.Array) -> Floats:
    """The nearest doubles; 0 stands for a null and is never read."""
    if pa.types.is_decimal(column.type):
        return decimals_as_doubles(column).fill_null(0.0).to_numpy()
    if pa.types.is_integer(column.type):
        return column.fill_null(0).to_numpy().astype(np.float64)
    return column.fill_null(0.0).to_numpy()


def decimals_as_doubles(column: pa.Array) -> pa.Array:
    """The nearest doubles to decimals; pyarrow's own cast is off by one digit in ten values.

    (736794.07 gives 736794.0700000001 in pyarrow 25.) One division of two whole numbers that a
    double holds rounds once; what is too large for that goes through its digits.
    """
    known = column.fill_null(0)
    words = np.frombuffer(known.buffers()[1], dtype="<i8").reshape(-1, 2)
    words = words[known.offset : known.offset + len(known)]
    low, high = words[:, 0], words[:, 1]
    small = (high == low >> 63) & (low >= -_EXACT_DOUBLE) & (low <= _EXACT_DOUBLE)
    if column.type.scale < 0 or column.type.scale > _EXACT_SCALE:
        small = np.zeros(len(column), np.bool_)
    found = low.astype(np.float64) / float(10 ** min(abs(column.type.scale), _EXACT_SCALE))
    if not small.all():
        found[~small] = known.filter(pa.array(~small)).cast(pa.string()).cast(pa.float64())
    return pa.array(found, mask=None if column.null_count == 0 else ~flags(column.is_valid()))


def as_type(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """The column in another type of the same meaning."""
    if column.type == kind:
        return column
    if pa.types.is_decimal(column.type) and pa.types.is_floating(kind):
        return decimals_as_doubles(column)
    return column.cast(kind)


def category_codes(column: pa.Array) -> tuple[Integers, int]:
    """A number from 0 for each distinct value, NaN being one; -1 for a null. And how many."""
    encoded = pc.dictionary_encode(column)
    index = encoded.indices
    if index.null_count:
        index = index.fill_null(-1)
    return index.to_numpy().astype(np.int64), len(encoded.dictionary)


def ordered_codes(column: pa.Array) -> tuple[Integers, Callable[[pa.Array], pa.Array]]:
    """Whole numbers in the order of the values, and the way back; what is null has no meaning."""
    if pa.types.is_integer(column.type):
        return column.fill_null(0).to_numpy(), lambda codes: codes
    encoded = pc.dictionary_encode(column)
    words = encoded.dictionary
    by_value = pc.sort_indices(words).to_numpy()
    rank = np.zeros(max(len(words), 1), np.int64)
    rank[by_value] = np.arange(len(words))
    codes = rank[encoded.indices.fill_null(0).to_numpy()]
    ordered = words.take(pa.array(by_value))
    return codes, lambda found: ordered.take(found)


def lists(values: pa.Array, present: Flags) -> pa.Array:
    """Rows of up to n values each, the present ones given in order; null for none."""
    sizes = present.sum(axis=1)
    ends = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    missing = np.concatenate([sizes == 0, [False]])
    return pa.ListArray.from_arrays(pa.array(ends, mask=missing), values)


def smallest_units(column: pa.ChunkedArray) -> Integers:
    """Money as whole numbers of its last digit, without its sign."""
    whole = column.combine_chunks()
    if pa.types.is_integer(whole.type):
        return np.abs(whole.to_numpy())
    # Of 18 digits the lower 64 bits of a decimal say all.
    wide = whole.cast(pa.decimal128(38, whole.type.scale))
    words = np.frombuffer(wide.buffers()[1], dtype="<i8").reshape(-1, 2)
    return np.abs(words[wide.offset : wide.offset + len(wide), 0])
