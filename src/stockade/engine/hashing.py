"""Spark's `hash` outside Spark, so that rows which stay packed go where Spark sends their events.

Murmur3 (Appleby 2008) of 32 bits with Spark's seed of 42; the bytes behind the last whole word of a
string are mixed one by one, as Spark does. A null leaves the hash as it is.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit
from numpy.typing import NDArray

# numba's decorator is untyped, and inside a kernel everything is a machine number: kernels are
# checked by tests against Spark, not by types.
# pyright: reportUntypedFunctionDecorator=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportArgumentType=false, reportMissingParameterType=false, reportUnknownParameterType=false
# pyright: reportAttributeAccessIssue=false, reportReturnType=false, reportCallIssue=false

_SEED = np.uint32(42)
_WORD = 4
# Decimals of more digits than fit 64 bits are hashed as bytes.
_LONG_DIGITS = 18


def buckets_of(keys: Sequence[pa.ChunkedArray], buckets: int) -> NDArray[np.int32]:
    """`pmod(hash(keys...), buckets)` for each row.

    Args:
        keys: columns of one length: whole numbers, strings, dates, booleans or decimals.
        buckets: how many there are.
    """
    rows = len(keys[0])
    if buckets == 1 or rows == 0:
        return np.zeros(rows, np.int32)
    hashes = np.full(rows, _SEED, np.uint32)
    for key in keys:
        _mix(key.combine_chunks(), hashes)
    return np.mod(hashes.view(np.int32), np.int32(buckets))


def _mix(key: pa.Array, hashes: NDArray[np.uint32]) -> None:
    """Hash one column on top of those before it."""
    valid = key.is_valid().to_numpy(zero_copy_only=False)
    kind = key.type
    if pa.types.is_decimal(kind) and kind.precision <= _LONG_DIGITS:
        unscaled = np.frombuffer(key.buffers()[1], np.int64)[2 * key.offset :][: 2 * len(key) : 2]
        _mix_longs(unscaled, valid, hashes)
    elif pa.types.is_decimal(kind):
        texts = [None if one is None else _big_endian(one, kind.scale) for one in key.to_pylist()]
        _mix_texts(pa.array(texts, pa.large_binary()), valid, hashes)
    elif pa.types.is_int64(kind):
        _mix_longs(pc.fill_null(key, 0).to_numpy(), valid, hashes)
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        _mix_texts(key.cast(pa.large_binary()), valid, hashes)
    else:
        # Smaller whole numbers, booleans and dates are words of 32 bits to Spark.
        _mix_ints(pc.fill_null(key.cast(pa.int32()), 0).to_numpy(), valid, hashes)


def _mix_texts(texts: pa.Array, valid: NDArray[np.bool_], hashes: NDArray[np.uint32]) -> None:
    offsets = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset :][: len(texts) + 1]
    held = texts.buffers()[2]
    content = np.empty(0, np.uint8) if held is None else np.frombuffer(held, np.uint8)
    _mix_bytes(offsets, content, valid, hashes)


def _big_endian(value: object, scale: int) -> bytes:
    """The bytes of Java's BigInteger of a decimal's unscaled value."""
    number = int(value.scaleb(scale))
    return number.to_bytes((8 + (number + (number < 0)).bit_length()) // 8, "big", signed=True)


@njit(cache=True, nogil=True, inline="always")
def _rotated(x: np.uint32, by: int) -> np.uint32:
    return np.uint32((x << np.uint32(by)) | (x >> np.uint32(32 - by)))


@njit(cache=True, nogil=True, inline="always")
def _with_word(seed: np.uint32, word: np.uint32) -> np.uint32:
    word = np.uint32(word * np.uint32(0xCC9E2D51))
    word = np.uint32(_rotated(word, 15) * np.uint32(0x1B873593))
    seed = _rotated(np.uint32(seed ^ word), 13)
    return np.uint32(np.uint32(seed * np.uint32(5)) + np.uint32(0xE6546B64))


@njit(cache=True, nogil=True, inline="always")
def _finished(seed: np.uint32, length: int) -> np.uint32:
    seed = np.uint32(seed ^ np.uint32(length))
    seed = np.uint32(np.uint32(seed ^ (seed >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    seed = np.uint32(np.uint32(seed ^ (seed >> np.uint32(13))) * np.uint32(0xC2B2AE35))
    return np.uint32(seed ^ (seed >> np.uint32(16)))


@njit(cache=True, nogil=True)
def _mix_ints(
    words: NDArray[np.int32], valid: NDArray[np.bool_], hashes: NDArray[np.uint32]
) -> None:
    for i in range(words.size):
        if valid[i]:
            hashes[i] = _finished(_with_word(hashes[i], np.uint32(words[i])), 4)


@njit(cache=True, nogil=True)
def _mix_longs(
    longs: NDArray[np.int64], valid: NDArray[np.bool_], hashes: NDArray[np.uint32]
) -> None:
    for i in range(longs.size):
        if valid[i]:
            both = np.uint64(longs[i])
            low = np.uint32(both & np.uint64(0xFFFFFFFF))
            high = np.uint32(both >> np.uint64(32))
            hashes[i] = _finished(_with_word(_with_word(hashes[i], low), high), 8)


@njit(cache=True, nogil=True)
def _mix_bytes(
    offsets: NDArray[np.int64],
    content: NDArray[np.uint8],
    valid: NDArray[np.bool_],
    hashes: NDArray[np.uint32],
) -> None:
    for i in range(offsets.size - 1):
        if not valid[i]:
            continue
        seed, at, end = hashes[i], offsets[i], offsets[i + 1]
        length = end - at
        while at + _WORD <= end:
            word = np.uint32(content[at]) | (np.uint32(content[at + 1]) << np.uint32(8))
            word |= np.uint32(content[at + 2]) << np.uint32(16)
            word |= np.uint32(content[at + 3]) << np.uint32(24)
            seed = _with_word(seed, np.uint32(word))
            at += _WORD
        while at < end:
            # A byte is signed to Java.
            seed = _with_word(seed, np.uint32(np.int32(np.int8(content[at]))))
            at += 1
        hashes[i] = _finished(seed, length)
