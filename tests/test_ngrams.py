"""Text as hashed pieces."""

import numpy as np
import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from stockade.ngrams import by_input, hashed_ngrams, input_of, matrix_columns

BUCKETS = 64


def _bucket(piece: bytes) -> int:
    """One piece, with Python's whole numbers."""
    hashed = 0
    for byte in piece:
        hashed = (hashed * 0x01000193 ^ byte) % 2**32
    hashed ^= hashed >> 15
    hashed = hashed * 0x2C1B3C6D % 2**32
    return (hashed ^ hashed >> 12) % BUCKETS


def _naive(text: str | None) -> list[float]:
    if text is None:
        return [float("nan")] * BUCKETS
    # Arrow's lower case is one character for one; Python's may add a mark, as to that of U+0130.
    letters = "".join(one.lower()[0] for one in text)
    data = bytes(48 if 48 <= byte <= 57 else byte for byte in f" {letters} ".encode())
    found = [0.0] * BUCKETS
    for place in range(len(data) - 2):
        found[_bucket(data[place : place + 3])] = 1.0
    return found


@example(["\u0130", None, "A1"])
@given(st.lists(st.none() | st.text(alphabet=st.characters(max_codepoint=0x24F)), max_size=6))
def test_pieces_are_those_of_a_loop(texts: list[str | None]) -> None:
    column = pa.chunked_array([pa.array(texts, pa.string())])

    found = hashed_ngrams(column, BUCKETS)

    assert found.shape == (len(texts), BUCKETS)
    np.testing.assert_array_equal(found, np.array([*map(_naive, texts)]).reshape(-1, BUCKETS))


def test_a_text_is_hashed_alike_in_whichever_batch_it_comes() -> None:
    texts = pa.chunked_array([["Invoice 17", None], ["invoice 99", "", "gift card!"]])

    whole = hashed_ngrams(texts, BUCKETS)

    parts = [hashed_ngrams(texts.slice(n, 1), BUCKETS) for n in range(5)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    # Neither capitals nor figures tell these apart.
    np.testing.assert_array_equal(whole[0], whole[2])


def test_the_columns_of_a_text_are_one_input() -> None:
    columns = matrix_columns(("amount", "memo", "age"), {"memo": 2})

    assert columns == ("amount", "memo#0", "memo#1", "age")
    assert [input_of(one, {"memo": 2}) for one in columns] == ["amount", "memo", "memo", "age"]
    inputs, summed = by_input(np.array([[1.0, 2.0, 3.0, 4.0]]), columns, {"memo": 2})
    assert (inputs, summed.tolist()) == (("amount", "memo", "age"), [[1.0, 5.0, 4.0]])
