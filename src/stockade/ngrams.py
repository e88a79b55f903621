"""Text as numbers without a vocabulary: which three characters in a row it contains, hashed."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

# Spark's Python workers import this: NumPy and Arrow are all it needs.
# pyarrow's stubs do not know scalars among the strings that are joined.
# pyright: reportCallIssue=false, reportArgumentType=false

_LENGTH = 3
_ZERO, _NINE = 48, 57


def matrix_columns(inputs: Sequence[str], texts: Mapping[str, int]) -> tuple[str, ...]:
    """The columns of a model's matrix: an input's own name, or `name#0`, ... of a text."""
    return tuple(
        column
        for name in inputs
        for column in (
            (name,) if name not in texts else (f"{name}#{n}" for n in range(texts[name]))
        )
    )


def input_of(column: str, texts: Mapping[str, int]) -> str:
    """The input that a column of the matrix stands for."""
    name = column.rpartition("#")[0]
    return name if name in texts else column


def by_input(
    values: NDArray[np.float64], columns: Sequence[str], texts: Mapping[str, int]
) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """The inputs, and the sum of each one's columns; of an input that is one column, itself."""
    inputs = tuple(dict.fromkeys(input_of(column, texts) for column in columns))
    if len(inputs) == len(columns):
        return inputs, values
    begins = [columns.index(name if name in columns else f"{name}#0") for name in inputs]
    return inputs, np.add.reduceat(values, begins, axis=1)


def hashed_ngrams(column: pa.ChunkedArray, buckets: int) -> NDArray[np.float32]:
    """1 where a text contains a trigram that falls into the bucket, 0 elsewhere; n x buckets.

    Lower case, a space before and after, every digit alike (numbers differ, their shape tells),
    trigrams of UTF-8 bytes. The hashing trick (Weinberger et al. 2009): nothing is learnt or
    kept, so there is no list of words that could name somebody. A null is NaN in all buckets.
    """
    texts = pc.utf8_lower(pc.cast(column, pa.string())).combine_chunks()
    padded = pc.binary_join_element_wise(" ", texts.fill_null(""), " ", "")
    if isinstance(padded, pa.ChunkedArray):
        padded = padded.combine_chunks()
    _, offsets_buffer, data_buffer = padded.buffers()
    if offsets_buffer is None or data_buffer is None:
        return np.zeros((0, buckets), np.float32)
    offsets = np.frombuffer(offsets_buffer, np.int32)[padded.offset :][: len(padded) + 1]
    data = np.frombuffer(data_buffer, np.uint8)[offsets[0] : offsets[-1]].astype(np.uint32)
    data[(data >= _ZERO) & (data <= _NINE)] = _ZERO
    of = np.repeat(np.arange(len(padded)), np.diff(offsets))
    count = max(0, len(data) - _LENGTH + 1)
    hashed = np.zeros(count, np.uint32)
    for place in range(_LENGTH):
        hashed = (hashed * np.uint32(0x01000193)) ^ data[place : place + count]
    hashed ^= hashed >> np.uint32(15)
    hashed *= np.uint32(0x2C1B3C6D)
    hashed ^= hashed >> np.uint32(12)
    # A trigram that reaches into the next text is nobody's.
    whole = of[:count] == of[_LENGTH - 1 :]
    found = np.zeros((len(padded), buckets), np.float32)
    found[of[:count][whole], hashed[whole] % np.uint32(buckets)] = 1.0
    found[texts.is_null().to_numpy(zero_copy_only=False)] = np.nan
    return found
