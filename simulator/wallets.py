"""Addresses of the chain: whose they are, and where their money is from."""

import numpy as np

from trust_safety.simulator.draws import Array, Draws, pick
from trust_safety.simulator.people import People
from trust_safety.simulator.world import World

# What an address is, in the top bits of its number.
(MAIN, FRESH, RECEIVING, CLUSTER, HOP, STRANGER, SWINDLER, ROBBER, LAUNDRY, BAIT, HOT) = range(
    1, 12
)
_KIND, _PAYLOAD = 56, (1 << 56) - 1

CATEGORIES = (
    "wallet",
    "exchange",
    "dex",
    "gambling",
    "mixer",
    "sanctioned",
    "ransomware",
    "scam",
    "phishing",
)
WALLET, EXCHANGE, DEX, GAMBLING, MIXER, SANCTIONED, RANSOMWARE, SCAMMER, PHISHER = range(9)
# How many clusters of each category there are, and addresses in each.
_CLUSTERS = (0, 30, 15, 12, 10, 8, 15, 20, 15)
CLUSTER_CATEGORY = np.repeat(np.arange(len(CATEGORIES)), _CLUSTERS)
CLUSTER_SIZE = 48
_BENIGN = np.flatnonzero(CLUSTER_CATEGORY < MIXER)
_ILLICIT = np.flatnonzero(CLUSTER_CATEGORY >= MIXER)


def numbered(kind: int, payload: Array) -> Array:
    """Address numbers of a kind."""
    return (np.int64(kind) << _KIND) | (payload & _PAYLOAD)


def kind_of(address: Array) -> Array:
    """What addresses are; one of the constants above."""
    return address >> _KIND


def cluster_address(cluster: Array, which: Array) -> Array:
    """An address of a cluster."""
    return numbered(CLUSTER, cluster * CLUSTER_SIZE + which % CLUSTER_SIZE)


def category(address: Array) -> Array:
    """What an address really is, as a position in `CATEGORIES`."""
    kind, cluster = kind_of(address), (address & _PAYLOAD) // CLUSTER_SIZE
    known = CLUSTER_CATEGORY[np.minimum(cluster, CLUSTER_CATEGORY.size - 1)]
    return np.select(
        [kind == CLUSTER, kind == HOT, kind == SWINDLER, kind == ROBBER, kind == BAIT],
        [known, EXCHANGE, SCAMMER, PHISHER, PHISHER],
        WALLET,
    )


class Wallets:
    """Addresses that people use."""

    def __init__(self, world: World, people: People) -> None:
        """Key the generator."""
        self._people = people
        self._draws = Draws(world.seed, "wallets")
        self._illicit = world.share("illicit.deposits")

    def main(self, person: Array) -> Array:
        """The wallet a person has always had."""
        return numbered(MAIN, self._people.number[person])

    def own(self, person: Array, day: Array, slot: Array, *, fresh: Array) -> Array:
        """A person's wallet: a new address, or the one they always use."""
        new = self._draws.code(self._people.number[person], day, slot).view(np.int64)
        return np.where(fresh, numbered(FRESH, new), self.main(person))

    def receiving(self, person: Array, asset: Array) -> Array:
        """The exchange's address that takes a person's deposits of a coin."""
        return numbered(RECEIVING, self._people.number[person] * 64 + asset)

    def criminal(self, kind: int, entity: Array, which: Array | int) -> Array:
        """An address of a gang: `SWINDLER`, `ROBBER` or `LAUNDRY`."""
        return numbered(kind, self._draws.code(entity, which, 50 + kind).view(np.int64))

    def origin(self, person: Array, day: Array, slot: Array) -> dict[str, Array]:
        """Where an ordinary deposit comes from, as columns of an act.

        Most come from an exchange or an own wallet. A few were dirty some hops before: nothing
        about them looks so but the way that they came.
        """
        number = self._people.number[person]
        a, b, c, d = self._draws.uniform(number, day, 1000 + slot)
        e, _, g, _ = self._draws.uniform(number, day, 2000 + slot)
        dirty = a < self._illicit
        clean = _BENIGN[pick(b, np.array([9, 6, 2.5])[CLUSTER_CATEGORY[_BENIGN] - 1])]
        source = np.where(dirty, _ILLICIT[np.floor(b * _ILLICIT.size).astype(np.int64)], clean)
        hops = np.where(
            dirty, pick(c, (0.08, 0.24, 0.28, 0.22, 0.18)), pick(c, (0.35, 0.3, 0.2, 0.1, 0.05))
        )
        # Mixers are used by the careful too: not dirty by itself four hops away.
        mixed = ~dirty & (g < 0.01) & (hops >= 3)
        source = np.where(mixed, np.flatnonzero(CLUSTER_CATEGORY == MIXER)[0], source)
        direct = cluster_address(source, np.floor(d * CLUSTER_SIZE).astype(np.int64))
        other = self._draws.code(number, day, 3000 + slot).view(np.int64)
        own = np.where((e < 0.6) & ~dirty, self.main(person), numbered(STRANGER, other))
        return {"address": np.where(hops == 0, direct, own), "hops": hops, "source": source,
                "dirty": dirty}  # fmt: skip

    def customers(self, person: Array, uniform: Array) -> Array:
        """One of the forty who pay a business again and again."""
        which = np.floor(uniform**2 * 40).astype(np.int64)
        return numbered(STRANGER, self._people.number[person] * 64 + which)


_DIGITS = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)


def written(address: Array, seed: int) -> Array:
    """Addresses as 42 bytes of text each: 0x and forty hex digits; shape (n, 42), uint8."""
    draws = Draws(seed, "addresses")
    words = np.concatenate([draws.words(address, 0, part)[: 4 - 3 * part] for part in (0, 1)])
    nibbles = (words.T[:, :, None] >> np.arange(28, -1, -4).astype(np.uint64)) & np.uint64(15)
    out = np.empty((address.size, 42), dtype=np.uint8)
    out[:, 0], out[:, 1] = ord("0"), ord("x")
    out[:, 2:] = _DIGITS[nibbles.reshape(address.size, 40).astype(np.int64)]
    return out
