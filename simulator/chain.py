"""The chain: where deposits come from, and where withdrawals go."""

import numpy as np
import pyarrow as pa

from trust_safety.simulator.columns import (
    choice,
    coins,
    fixed_text,
    hexes,
    table,
    taken,
    times,
    usd,
)
from trust_safety.simulator.draws import Array, explode, lognormal
from trust_safety.simulator.markets import ASSETS
from trust_safety.simulator.observer import Observer, Tables
from trust_safety.simulator.play import Played
from trust_safety.simulator.script import DEPOSIT, ILLICIT, LAUNDERING, WITHDRAW
from trust_safety.simulator.sweep import DONE
from trust_safety.simulator.wallets import (
    BAIT,
    CATEGORIES,
    CLUSTER_CATEGORY,
    CLUSTER_SIZE,
    EXCHANGE,
    HOP,
    HOT,
    LAUNDRY,
    MIXER,
    ROBBER,
    SWINDLER,
    WALLET,
    category,
    cluster_address,
    kind_of,
    numbered,
    written,
)
from trust_safety.simulator.world import DAY, HOUR, MINUTE, ORIGIN

_CRIMINAL = (SWINDLER, ROBBER, LAUNDRY, BAIT)
_EXITS = np.flatnonzero((CLUSTER_CATEGORY == MIXER) | (CLUSTER_CATEGORY == EXCHANGE))


def deposits(seen: Observer) -> Array:
    """Positions of the acts that are deposits."""
    acts, outcome = seen.played.acts, seen.played.outcome
    return np.flatnonzero((acts["kind"] == DEPOSIT) & (outcome.state == DONE))


def sent(seen: Observer) -> tuple[Array, Array]:
    """Positions of the acts that sent coins, and when they were broadcast."""
    acts = seen.played.acts
    chosen = np.flatnonzero((acts["kind"] == WITHDRAW) & (seen.played.outcome.state == DONE))
    wait = seen.draws("broadcasts").uniform(seen.number(acts, chosen), acts["rank"][chosen])[0]
    return chosen, acts["at"][chosen] + (MINUTE * (1 + 24 * wait**2)).astype(np.int64)


def spelled(played: Played, address: Array) -> pa.Array:
    """Addresses as text; a bait has the first and last digits of what it imitates."""
    unique, place = np.unique(address, return_inverse=True)
    text = written(unique, played.world.seed)
    baits = np.flatnonzero(kind_of(unique) == BAIT)
    if baits.size:
        known = np.argsort(played.baits["bait"])
        which = known[np.searchsorted(played.baits["bait"][known], unique[baits])]
        intended = written(played.baits["intended"][which], played.world.seed)
        digit = np.arange(42)[None, :]
        first, last = played.baits["first"][which], played.baits["last"][which]
        same = (digit < 2 + first[:, None]) | (digit >= 42 - last[:, None])
        text[baits] = np.where(same, intended, text[baits])
    return taken(fixed_text(text), place.ravel())


def chain(seen: Observer) -> Tables:
    """Transfers around the exchange, and what the addresses really are."""
    parts = [_arrivals(seen), _ways(seen), _sends(seen), _exits(seen)]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    ids = pa.concat_arrays(
        [
            seen.second("T", deposits(seen)),
            hexes("T", parts[1]["code"]),
            seen.second("T", sent(seen)[0]),
            hexes("T", parts[3]["code"]),
        ]
    )
    inside = np.flatnonzero(joined["at"] < ORIGIN + seen.played.world.days * DAY)
    joined = {name: values[inside] for name, values in joined.items()}
    made = seen.delivery.rows(
        "obs_chain_transfers",
        {
            "tx_hash": taken(ids, inside),
            "asset": choice(ASSETS, joined["asset"]),
            "from_address": spelled(seen.played, joined["source"]),
            "to_address": spelled(seen.played, joined["to"]),
            "amount": coins(joined["units"]),
            "amount_usd": usd(joined["cents"]),
            "confirmed_at": times(joined["at"]),
        },
        at=joined["at"],
        number=joined["number"],
        rank=joined["rank"],
    )
    return {"obs_chain_transfers": made, "truth_addresses": _addresses(seen, joined)}


def _row(seen: Observer, chosen: Array) -> dict[str, Array]:
    acts, outcome = seen.played.acts, seen.played.outcome
    return {
        "asset": acts["asset"][chosen],
        "units": outcome.units[chosen],
        "cents": outcome.cents[chosen],
        "number": seen.number(acts, chosen),
        "rank": acts["rank"][chosen] * 8,
        "cell": seen.played.people.cell[acts["person"][chosen]],
    }


def _arrivals(seen: Observer) -> dict[str, Array]:
    acts = seen.played.acts
    chosen = deposits(seen)
    own = seen.played.wallets.receiving(acts["person"][chosen], acts["asset"][chosen])
    return {
        **_row(seen, chosen),
        "source": acts["address"][chosen],
        "to": own,
        "at": _arrived(seen, chosen),
        "code": np.zeros(chosen.size, dtype=np.uint64),
    }


def _arrived(seen: Observer, chosen: Array) -> Array:
    # Credited after a few confirmations.
    acts = seen.played.acts
    wait = seen.draws("confirmations").uniform(seen.number(acts, chosen), acts["rank"][chosen])[0]
    return acts["at"][chosen] - (MINUTE * (6 + 25 * wait)).astype(np.int64)


def way(seen: Observer, chosen: Array, step: Array) -> Array:
    """The address that lies so many steps before a deposit's sender; 0 is the sender."""
    acts = seen.played.acts
    number, rank = seen.number(acts, chosen), acts["rank"][chosen]
    hop = numbered(HOP, seen.draws("hops").code(number, rank, step).view(np.int64))
    which = seen.draws("hops").words(number, rank, 900)[0] % np.uint64(CLUSTER_SIZE)
    source = cluster_address(np.maximum(acts["source"][chosen], 0), which.astype(np.int64))
    last = step == acts["hops"][chosen]
    return np.where(step == 0, acts["address"][chosen], np.where(last, source, hop))


def _ways(seen: Observer) -> dict[str, Array]:
    """Each deposit's way from a cluster, a transfer for each hop."""
    acts = seen.played.acts
    chosen = deposits(seen)
    known = acts["source"][chosen] >= 0
    owner, step = explode(np.where(known, acts["hops"][chosen], 0))
    rows = chosen[owner]
    row = _row(seen, rows)
    # The later the hop, the longer ago: the same draws for all hops of a deposit.
    before = np.zeros(rows.size)
    for back in range(1, 6):
        gap = lognormal(
            seen.draws("hop times").uniform(row["number"], acts["rank"][rows], back)[0], 18, 1.3
        )
        before += np.where(step + 1 >= back, gap, 0.0)
    growth = 1.0 + 0.002 * (step + 1)
    return {
        **row,
        "units": (row["units"] * growth).astype(np.int64) + 1,
        "cents": (row["cents"] * growth).astype(np.int64),
        "rank": row["rank"] + 1 + step,
        "source": way(seen, rows, step + 1),
        "to": way(seen, rows, step),
        "at": _arrived(seen, rows) - (HOUR * before).astype(np.int64),
        "code": seen.ids.code(row["number"], acts["rank"][rows], 50 + step),
    }


def _sends(seen: Observer) -> dict[str, Array]:
    chosen, at = sent(seen)
    return {
        **_row(seen, chosen),
        "source": numbered(HOT, seen.played.acts["asset"][chosen]),
        "to": seen.played.acts["address"][chosen],
        "at": at + 2 * MINUTE,
        "code": np.zeros(chosen.size, dtype=np.uint64),
    }


def _exits(seen: Observer) -> dict[str, Array]:
    """What thieves do next: through a fresh address to a mixer, or to another exchange."""
    acts = seen.played.acts
    chosen, at = sent(seen)
    number, rank = seen.number(acts, chosen), acts["rank"][chosen]
    a, b, c, d = seen.draws("exits").uniform(number, rank)
    leaves = np.isin(kind_of(acts["address"][chosen]), _CRIMINAL) & (a < 0.65)
    chosen, at, number, rank, b, c, d = (
        rows[leaves] for rows in (chosen, at, number, rank, b, c, d)
    )
    owner, step = explode(np.full(chosen.size, 2))
    row = _row(seen, chosen[owner])
    hop = numbered(HOP, seen.draws("exits").code(number, rank, 3).view(np.int64))[owner]
    exits = cluster_address(_EXITS[np.floor(b * _EXITS.size).astype(np.int64)], rank)[owner]
    first, then = lognormal(c, 6, 1.2)[owner], lognormal(d, 12, 1.2)[owner]
    shrink = 1 - 0.002 * (step + 1)
    return {
        **row,
        "units": np.maximum((row["units"] * shrink).astype(np.int64), 1),
        "cents": (row["cents"] * shrink).astype(np.int64),
        "rank": row["rank"] + 6 + step,
        "source": np.where(step == 0, acts["address"][chosen][owner], hop),
        "to": np.where(step == 0, hop, exits),
        "at": at[owner] + (HOUR * np.where(step == 0, first, first + then)).astype(np.int64),
        "code": seen.ids.code(row["number"], acts["rank"][chosen[owner]], 60 + step),
    }


def dirty(seen: Observer) -> Array:
    """Positions of deposits whose money was dirty some hops before."""
    acts = seen.played.acts
    chosen = deposits(seen)
    source = acts["source"][chosen]
    bad = (source >= 0) & (CLUSTER_CATEGORY[np.maximum(source, 0)] >= MIXER)
    return chosen[bad & np.isin(acts["typology"][chosen], (ILLICIT, LAUNDERING))]


def _addresses(seen: Observer, transfers: dict[str, Array]) -> pa.Table:
    address = np.concatenate([transfers["source"], transfers["to"]])
    cell = np.tile(transfers["cell"], 2)
    at = np.tile(transfers["at"], 2)
    kept = ~np.isin(kind_of(address), (HOT,)) & (category(address) != EXCHANGE)
    address, cell, at = address[kept], cell[kept], at[kept]
    order = np.lexsort((at, address, cell))
    address, cell, at = address[order], cell[order], at[order]
    new = np.ones(order.size, dtype=bool)
    new[1:] = (np.diff(cell) != 0) | (address[1:] != address[:-1])
    address, cell, at = address[new], cell[new], at[new]
    what = category(address)
    illicit = (what >= MIXER) | (kind_of(address) == LAUNDRY)
    return table(
        "truth_addresses",
        {
            "address": spelled(seen.played, address),
            "community": cell,
            "category": choice(CATEGORIES, np.where(what < 0, WALLET, what)),
            "is_illicit": illicit,
            "active_at": times(at),
        },
    )
