"""Rows counted into bins that need no reference: the same function on Spark's workers and here."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

# pyarrow's stubs know few of its compute functions' forms.
# pyright: reportCallIssue=false, reportArgumentType=false, reportAttributeAccessIssue=false

ON_DAY = "on_day"
NULL = "null"
# Names that no column can have: what is counted of an event's clocks, and whether a score that is
# computed again is the one that was written.
HOUR, LATE, RESCORED = "event hour", "seconds late", "score computed again"
SAME, DIFFERS = "same", "differs"
KEYS = (ON_DAY, "column", "slice", "bin")
COUNTS = ("rows", "total")
DDL = "on_day date, column string, slice string, bin string, rows bigint, total double"
# Bins per doubling: a bin's ends differ by a fifth, and a factor of 100 is 26.6 bins.
PER_OCTAVE = 4
# 2^-64 is taken for the least number above zero; bins of numbers lie within +-_FAR.
_LEAST = 64
_FAR = 2 * _LEAST * PER_OCTAVE
_TEXT = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Which columns are counted, and within which slices.

    Attributes:
        numbers: columns counted into bins of size.
        texts: columns counted by value.
        slices: columns of text; all others are counted within each of their values as well.
    """

    numbers: tuple[str, ...]
    texts: tuple[str, ...]
    slices: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is read, each once."""
        return tuple(dict.fromkeys((*self.numbers, *self.texts, *self.slices)))


def number_bins(values: NDArray[np.float64]) -> NDArray[np.int32]:
    """The bin of each number: 0 for zero, k for sizes from 2^((k-257)/4), -k for negative ones."""
    size = np.abs(values)
    with np.errstate(divide="ignore", invalid="ignore"):
        k = np.floor(np.log2(size) * PER_OCTAVE) + _LEAST * PER_OCTAVE + 1
    k = np.where(size > 0, np.clip(np.nan_to_num(k, posinf=_FAR), 1, _FAR), 0)
    return (np.sign(values) * k).astype(np.int32)


def bin_floor(code: int) -> float:
    """The size at which a bin of numbers begins, with its sign."""
    if code == 0:
        return 0.0
    return float(np.sign(code) * 2.0 ** ((abs(code) - 1 - _LEAST * PER_OCTAVE) / PER_OCTAVE))


def tally(rows: pa.Table, shape: Shape) -> pa.Table:
    """Count rows into bins.

    Args:
        rows: with `on_day` (date) and the shape's columns.
        shape: what to count.

    Returns:
        One row per day, column, slice and bin that occurs: `rows`, and `total`, the sum of the
        numbers there (0 for texts). Column '' has the rows themselves, slice '' is all of them,
        a slice reads `column=value`; a bin reads `null`, `=value` for texts, or a whole number
        (`number_bins`) for numbers, NaN and infinities counting as null. Counts add up: tallies
        of parts, summed, are the tally of the whole.
    """
    day, days = pd.factorize(rows.column(ON_DAY).to_numpy())
    coded = {name: _number(rows, name) for name in shape.numbers}
    coded |= {name: _text(rows, name) for name in dict.fromkeys((*shape.texts, *shape.slices))}
    nothing = np.zeros(rows.num_rows)
    whole = (np.zeros(rows.num_rows, np.int64), np.array([""], dtype=object), nothing)
    sliced = [("", np.zeros(rows.num_rows, np.int64), np.array([""], dtype=object))]
    sliced += [
        (name, coded[name][0], np.array([f"{name}{_of(one)}" for one in coded[name][1]], object))
        for name in shape.slices
    ]
    counted = [(name, coded[name]) for name in (*shape.numbers, *shape.texts)]
    parts = [
        _counted(name, bins, of, day, days)
        for name, bins in [("", whole), *counted]
        for of in sliced
        if name != of[0] or not name
    ]
    return pa.Table.from_pandas(pd.concat(parts), schema=SCHEMA, preserve_index=False)


SCHEMA = pa.schema(
    [
        (ON_DAY, pa.date32()), ("column", pa.string()), ("slice", pa.string()),
        ("bin", pa.string()), ("rows", pa.int64()), ("total", pa.float64()),
    ]
)  # fmt: skip

_Coded = tuple[NDArray[np.int64], NDArray[np.object_], NDArray[np.float64]]


def _counted(
    name: str,
    coded: _Coded,
    of: tuple[str, NDArray[np.int64], NDArray[np.object_]],
    day: NDArray[np.int64],
    days: NDArray[np.generic],
) -> pd.DataFrame:
    codes, bins, values = coded
    _, slice_codes, slices = of
    cell = (day * len(slices) + slice_codes) * len(bins) + codes
    size = len(days) * len(slices) * len(bins)
    rows = np.bincount(cell, minlength=size)
    total = np.bincount(cell, weights=values, minlength=size)
    found = np.flatnonzero(rows)
    return pd.DataFrame(
        {
            ON_DAY: days[found // (len(slices) * len(bins))],
            "column": name,
            "slice": slices[found // len(bins) % len(slices)],
            "bin": bins[found % len(bins)],
            "rows": rows[found],
            "total": total[found],
        }
    )


def _number(rows: pa.Table, name: str) -> _Coded:
    column = rows.column(name)
    values = pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    known = np.isfinite(values)
    held = np.where(known, values, 0.0)
    codes, kinds = pd.factorize(np.where(known, number_bins(held), _FAR + 1))
    bins = np.array([NULL if kind > _FAR else str(kind) for kind in kinds], dtype=object)
    return codes.astype(np.int64), bins, held


def _text(rows: pa.Table, name: str) -> _Coded:
    texts = pc.utf8_slice_codeunits(pc.cast(rows.column(name), pa.string()), 0, _TEXT)
    codes, kinds = pd.factorize(texts.to_pandas(), use_na_sentinel=False)
    bins = np.array([NULL if pd.isna(kind) else f"={kind}" for kind in kinds], dtype=object)
    return codes.astype(np.int64), bins, np.zeros(rows.num_rows)


def _of(text_bin: str) -> str:
    return f"={NULL}" if text_bin == NULL else text_bin


def tallier(shape: Shape) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The function that Spark's workers run; it tallies each batch by itself."""

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if batch.num_rows:
                yield from tally(pa.Table.from_batches([batch]), shape).to_batches()

    return run


def added(*tallies: pd.DataFrame, by: tuple[str, ...] = KEYS) -> pd.DataFrame:
    """Tallies summed over all but the columns of `by`."""
    joined = pd.concat(tallies, ignore_index=True)
    return joined.groupby(list(by), as_index=False, sort=False)[list(COUNTS)].sum()


def counts(tallied: pd.DataFrame) -> Mapping[str, float]:
    """Bin -> rows, of tallies of one column."""
    found = tallied.groupby("bin", sort=False)["rows"].sum()
    return {str(name): float(rows) for name, rows in found.items()}
