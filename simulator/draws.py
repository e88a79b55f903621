"""Random numbers that depend on what they are for, and not on who else draws."""

from typing import Any
from zlib import crc32

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaincinv, ndtri  # pyright: ignore[reportMissingTypeStubs]

Array = NDArray[Any]

_MASK = 0xFFFFFFFF


@njit(cache=True, nogil=True)
def _philox(key: Array, counters: Array, out: Array) -> None:
    # Philox4x32-10: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3",
    # SC 2011. A number is a function of key and counter alone: there is no state to share.
    mask = np.uint64(0xFFFFFFFF)
    shift = np.uint64(32)
    for row in range(counters.shape[1]):
        a, b = counters[0, row], counters[1, row]
        c, d = counters[2, row], counters[3, row]
        low, high = key[0], key[1]
        for _ in range(10):
            first = np.uint64(0xD2511F53) * a
            second = np.uint64(0xCD9E8D57) * c
            a, b = (second >> shift) ^ b ^ low, second & mask
            c, d = (first >> shift) ^ d ^ high, first & mask
            low = (low + np.uint64(0x9E3779B9)) & mask
            high = (high + np.uint64(0xBB67AE85)) & mask
        out[0, row], out[1, row], out[2, row], out[3, row] = a, b, c, d


class Draws:
    """Numbers of one purpose, by entity, day and slot (the counter of a Philox generator)."""

    def __init__(self, seed: int, purpose: str) -> None:
        """Key the generator by the world's seed and the purpose."""
        self._key = np.array([seed & _MASK, crc32(purpose.encode())], dtype=np.uint64)

    def words(self, entity: ArrayLike, day: ArrayLike = 0, slot: ArrayLike = 0) -> Array:
        """Four whole numbers of 32 bits for each (entity, day, slot): shape (4, n), uint64.

        Entities may have 64 bits; days may be negative.
        """
        whole = np.asarray(entity, dtype=np.int64)
        parts = np.broadcast_arrays(whole & _MASK, whole >> 32, day, slot)
        counters = np.stack([np.ravel(part) for part in parts]).astype(np.int64) & _MASK
        out = np.empty(counters.shape, dtype=np.uint64)
        _philox(self._key, counters.astype(np.uint64), out)
        return out

    def uniform(self, entity: ArrayLike, day: ArrayLike = 0, slot: ArrayLike = 0) -> Array:
        """Four numbers strictly between 0 and 1 for each (entity, day, slot): shape (4, n)."""
        return (self.words(entity, day, slot) + 0.5) / 2.0**32

    def code(self, entity: ArrayLike, day: ArrayLike = 0, slot: ArrayLike = 0) -> Array:
        """A number of 64 bits for each (entity, day, slot), as good as unique: uint64."""
        high, low, _, _ = self.words(entity, day, slot)
        return (high << np.uint64(32)) | low


def normal(uniform: Array) -> Array:
    """Standard normal numbers."""
    return np.asarray(ndtri(uniform), dtype=np.float64)


def lognormal(uniform: Array, median: ArrayLike, sigma: ArrayLike) -> Array:
    """Numbers whose logarithm is normal around the median's."""
    return np.asarray(median * np.exp(sigma * normal(uniform)), dtype=np.float64)


def gamma(uniform: Array, shape: float, mean: float) -> Array:
    """Gamma numbers of a shape and a mean."""
    return np.asarray(gammaincinv(shape, uniform) * (mean / shape), dtype=np.float64)


def poisson(uniform: Array, mean: ArrayLike) -> Array:
    """Poisson counts by inversion; means up to about fifty."""
    means = np.broadcast_to(np.asarray(mean, dtype=np.float64), uniform.shape)
    chance = np.exp(-means)
    total, count = chance.copy(), np.zeros(uniform.shape, dtype=np.int64)
    for step in range(1, 120):
        above = uniform > total
        if not above.any():
            break
        count += above
        chance = chance * means / step
        total = total + chance
    return count


def pick(uniform: Array, shares: ArrayLike) -> Array:
    """Positions in `shares`, each as likely as its share."""
    cut = np.cumsum(np.asarray(shares, dtype=np.float64))
    found = np.searchsorted(cut / cut[-1], uniform, side="right")
    return np.minimum(found, len(cut) - 1).astype(np.int64)


def explode(counts: Array) -> tuple[Array, Array]:
    """For each unit of each count: the position of its count, and its number within it."""
    owner = np.repeat(np.arange(counts.size), counts)
    first = np.cumsum(counts) - counts
    return owner, np.arange(owner.size) - np.repeat(first, counts)
