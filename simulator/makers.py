"""Market makers: honest, always there, and cancelling nearly all that they quote."""

import numpy as np
import pyarrow as pa

from trust_safety.simulator.columns import Ids, hexes
from trust_safety.simulator.draws import Array
from trust_safety.simulator.world import HOUR, ORIGIN

MAKERS = 4
QUOTE_FOR = 4 * HOUR
# Quotes older than the first day are one: the world's history before it is thin.
BEFORE = -1


def maker_number(asset: Array) -> Array:
    """Who makes a coin's market; makers have numbers below zero."""
    return -1 - asset % MAKERS


def maker_user(ids: Ids, asset: Array) -> pa.Array:
    """Ids of those who make the markets of coins."""
    return ids.user(maker_number(asset))


def quote_number(at: Array) -> Array:
    """Which quote stands at an instant."""
    return np.maximum((at - ORIGIN) // QUOTE_FOR, BEFORE)


def quote_id(ids: Ids, asset: Array, quote: Array, sells: Array) -> pa.Array:
    """Ids of a maker's orders."""
    return hexes("o", ids.code(maker_number(asset), quote, 1_000 + asset * 2 + sells))


def maker_order(seed: int, asset: Array, at: Array, taker_buys: Array) -> pa.Array:
    """The order in the book that somebody's order meets."""
    return quote_id(Ids(seed), asset, quote_number(at), taker_buys.astype(np.int64))
