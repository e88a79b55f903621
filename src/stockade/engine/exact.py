"""Whole numbers and decimals as limbs of 32 bits, so that sums of them are exact."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stockade.errors import DataError

# pyarrow's stubs know neither masked index arrays nor dictionary arrays behind `Array`.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportReturnType=false

_LIMB = 32
_MASK = (1 << _LIMB) - 1
_EXACT_DOUBLE = 2**53

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Limbs:
    """n numbers, each the sum over j of `parts[j] * 2**(32 j)`, in units of 10**-scale.

    A running total of two thousand million of them still fits the 64 bits of each limb.
    """

    parts: Integers
    scale: int

    @classmethod
    def of(cls, column: pa.Array) -> "Limbs":
        """The numbers of a column of whole numbers or decimals without nulls."""
        if pa.types.is_integer(column.type):
            whole = column.cast(pa.int64()).to_numpy()
            return cls(np.stack([whole & _MASK, whole >> _LIMB]), 0)
        scale = column.type.scale
        wide = column.cast(pa.decimal128(38, scale))
        words = np.frombuffer(wide.buffers()[1], dtype="<u8").reshape(-1, 2)
        words = words[wide.offset : wide.offset + len(wide)]
        low, high = words[:, 0], words[:, 1].view(np.int64)
        parts = [
            (low & np.uint64(_MASK)).astype(np.int64),
            (low >> np.uint64(_LIMB)).astype(np.int64),
            high & _MASK,
            high >> _LIMB,
        ]
        return cls(np.stack(parts), scale)

    def sums(self, totals: Integers, kind: pa.DataType, *, who: str) -> pa.Array:
        """Totals as bigint, as decimal(38, scale), or as the nearest double.

        Raises:
            DataError: a total does not fit; names `who` and no number.
        """
        whole = _Whole.of(totals)
        if pa.types.is_floating(kind):
            return pa.array(whole.over(np.full(totals.shape[1], 10**self.scale, object)))
        if pa.types.is_decimal(kind):
            return whole.decimals(kind, who=who)
        if not whole.fits.all():
            raise DataError(f"{who}: a sum does not fit bigint: {_REMEDY}")
        return pa.array(whole.short)

    def means(self, totals: Integers, count: Integers) -> pa.Array:
        """Totals over counts as the nearest double; null where the count is 0."""
        divisor = np.maximum(count, 1).astype(object) * 10**self.scale
        return pa.array(_Whole.of(totals).over(divisor), mask=count == 0)


_REMEDY = "shorten the window, or measure the column as double"


@dataclass(frozen=True, slots=True, eq=False)
class _Whole:
    """Totals with each limb but the last carried down to 32 bits.

    `short` holds those that fit 64 bits, and nonsense where `fits` is false.
    """

    limbs: Integers
    short: Integers
    fits: NDArray[np.bool_]

    @classmethod
    def of(cls, totals: Integers) -> "_Whole":
        limbs = totals.copy()
        for j in range(len(limbs) - 1):
            limbs[j + 1] += limbs[j] >> _LIMB
            limbs[j] &= _MASK
        with np.errstate(over="ignore"):
            short = (limbs[1] << _LIMB) + limbs[0]
        top = limbs[1]
        if len(limbs) == 2:
            return cls(limbs, short, (top >= -(1 << 31)) & (top < 1 << 31))
        positive = (limbs[3] == 0) & (limbs[2] == 0) & (top < 1 << 31)
        negative = (limbs[3] == -1) & (limbs[2] == _MASK) & (top >= 1 << 31)
        return cls(limbs, short, positive | negative)

    def number(self, i: int) -> int:
        """One total as Python's whole number."""
        return sum(int(limb[i]) << (_LIMB * j) for j, limb in enumerate(self.limbs))

    def over(self, divisor: NDArray[np.object_]) -> Floats:
        """The nearest doubles to the totals over their divisors.

        Where both are whole numbers that a double holds, one division rounds once; the others,
        which are few, are divided by Python, which is right for numbers of any size.
        """
        small = divisor <= _EXACT_DOUBLE
        small &= self.fits & (np.abs(self.short) <= _EXACT_DOUBLE)
        below = np.where(small, divisor, 1).astype(np.float64)
        found = self.short.astype(np.float64) / below
        for i in np.flatnonzero(~small.astype(np.bool_)):
            found[i] = self.number(int(i)) / divisor[i]
        return found

    def decimals(self, kind: pa.DataType, *, who: str) -> pa.Array:
        """The totals as decimal128; `DataError` beyond 38 digits."""
        limbs = self.limbs
        # 10**38 has 1,262,177,448 in its fourth limb: only larger ones need a closer look.
        large = np.abs(limbs[3]) >= 1_262_177_448
        if any(abs(self.number(int(i))) >= 10**38 for i in np.flatnonzero(large)):
            raise DataError(f"{who}: a sum has more than 38 digits: {_REMEDY}")
        words = np.empty((limbs.shape[1], 2), np.int64)
        words[:, 0] = (limbs[1] << _LIMB) + limbs[0]
        words[:, 1] = (limbs[3] << _LIMB) + limbs[2]
        return pa.Array.from_buffers(kind, len(words), [None, pa.py_buffer(words.tobytes())])
