"""What all communities share: markets and their makers, lists, clusters of the chain."""

import numpy as np
import pyarrow as pa

from trust_safety.simulator.columns import (
    Ids,
    choice,
    coins,
    constant,
    dotted_prefix,
    fixed_text,
    hexes,
    table,
    taken,
    times,
    usd,
)
from trust_safety.simulator.deliver import Delivery
from trust_safety.simulator.draws import Array, Draws, lognormal
from trust_safety.simulator.makers import (
    BEFORE,
    MAKERS,
    QUOTE_FOR,
    maker_number,
    maker_user,
    quote_id,
)
from trust_safety.simulator.markets import ASSETS, MARKETS, THIN, TIERS, Markets
from trust_safety.simulator.networks import botnet_blocks
from trust_safety.simulator.observer import Tables
from trust_safety.simulator.review import label_lag
from trust_safety.simulator.wallets import (
    CATEGORIES,
    CLUSTER_CATEGORY,
    CLUSTER_SIZE,
    HOT,
    MIXER,
    RECEIVING,
    cluster_address,
    numbered,
    written,
)
from trust_safety.simulator.world import DAY, DRIFTS, FAULTS, HOUR, MINUTE, ORIGIN, START, World

# The makers came before anybody else.
_OPENED = ORIGIN - 701 * DAY


def shared(world: World, markets: Markets) -> Tables:
    """All of it, once for a world."""
    ids, delivery = Ids(world.seed), Delivery(world)
    return {
        **_markets(world, markets),
        **_makers(world, markets, ids, delivery),
        "obs_ip_listings": _listings(world),
        **_clusters(world),
        "truth_drift": _switches(world, ids),
    }


def _markets(world: World, markets: Markets) -> Tables:
    opened = np.full(len(ASSETS), _OPENED)
    asset, at = markets.quotes(0, world.days)
    thin = np.where(asset >= THIN, 0.004, 1.0)
    turnover = Draws(world.seed, "turnover").uniform(asset, at // MINUTE)[0]
    return {
        "obs_markets": table(
            "obs_markets",
            {
                "market": choice(MARKETS, np.arange(len(ASSETS))),
                "asset": choice(ASSETS, np.arange(len(ASSETS))),
                "tier": choice(TIERS, np.arange(len(ASSETS))),
                "listed_at": times(opened),
                "ingested_at": times(opened),
            },
        ),
        "obs_prices": table(
            "obs_prices",
            {
                "market": choice(MARKETS, asset),
                "priced_at": times(at),
                "ingested_at": times(at + 1_000_000),
                "price": markets.price(asset, at),
                "volume_usd": np.round(lognormal(turnover, 40_000, 1.0) * thin, 2),
            },
        ),
    }


def _makers(world: World, markets: Markets, ids: Ids, delivery: Delivery) -> Tables:
    maker = -1 - np.arange(MAKERS)
    opened = np.full(MAKERS, _OPENED)
    who = ids.user(maker)
    users = {
        "user_id": who,
        "signed_up_at": times(opened),
        "ingested_at": times(opened),
        "country": constant("US", MAKERS),
        "age_band": constant("35-44", MAKERS),
        "email_domain_age_days": np.full(MAKERS, 4_000),
        "phone_type": constant("landline", MAKERS),
        "referred_by": pa.nulls(MAKERS, pa.string()),
        "occupation": constant("trader", MAKERS),
        "declared_income_band": constant("over_250k", MAKERS),
        "signup_device_id": pa.nulls(MAKERS, pa.string()),
        "signup_ip": constant("40.0.0.2", MAKERS),
        "name_hash": hexes("n", ids.code(maker, 0, 6)),
    }
    actors = {
        "user_id": who,
        "actor_type": constant("market_maker", MAKERS),
        "cohort": constant("market_maker", MAKERS),
        "ring_id": pa.nulls(MAKERS, pa.string()),
        "evasion": np.zeros(MAKERS, dtype=np.int64),
        "is_bad": np.zeros(MAKERS, dtype=bool),
        "since_at": times(opened),
    }
    return {
        "obs_users": table("obs_users", users),
        "truth_actors": table("truth_actors", actors),
        **_stock(world, markets, ids, delivery),
        **_quotes(world, markets, ids, delivery),
    }


def _stock(world: World, markets: Markets, ids: Ids, delivery: Delivery) -> Tables:
    """What makers bring: dollars by wire, coins from their own wallets."""
    maker = -1 - np.arange(MAKERS)
    wired = np.full(MAKERS, _OPENED + HOUR)
    transfer = hexes("f", ids.code(maker, 0, 40))
    amount = usd(np.full(MAKERS, world.users * 5_000_000))
    none = pa.nulls(MAKERS, pa.string())
    wires = {
        "transfer_id": transfer, "user_id": ids.user(maker), "bank_account_id": none,
        "card_id": none, "card_bin": none, "rail": constant("wire", MAKERS),
        "direction": constant("in", MAKERS), "amount_usd": amount, "limit_usd": amount,
        "memo": none, "sender_name_match": np.ones(MAKERS), "requested_at": times(wired),
        "session_id": none,
    }  # fmt: skip
    settled = {
        "transfer_id": transfer, "user_id": ids.user(maker), "amount_usd": amount,
        "settled_at": times(wired + DAY), "ingested_at": times(wired + DAY + 12 * HOUR),
    }  # fmt: skip
    asset = np.arange(len(ASSETS))
    number, at = maker_number(asset), np.full(asset.size, _OPENED + 2 * HOUR)
    price = markets.price(asset, at)
    dollars = np.where(asset >= THIN, 800.0, 15_000.0) * world.users
    units = np.floor(dollars / price * 1e8).astype(np.int64)
    cents = np.rint(dollars * 100).astype(np.int64)
    wallet = numbered(RECEIVING, (1 << 45) + asset)
    own = fixed_text(written(wallet, world.seed))
    to = fixed_text(written(numbered(HOT, asset), world.seed))
    tx = hexes("T", ids.code(number, asset, 41))
    common = {"asset": choice(ASSETS, asset), "amount": coins(units), "amount_usd": usd(cents),
              "from_address": own, "to_address": to, "tx_hash": tx}  # fmt: skip
    rank = asset + 100

    def arrive(name: str, columns: dict[str, pa.Array | Array], moment: Array) -> pa.Table:
        return delivery.rows(name, columns, at=moment, number=number, rank=rank)

    return {
        "obs_fiat_transfers": delivery.rows(
            "obs_fiat_transfers", wires, at=wired, number=maker, rank=maker * 0
        ),
        "obs_fiat_settlements": table("obs_fiat_settlements", settled),
        "obs_crypto_deposits": arrive(
            "obs_crypto_deposits",
            {
                "deposit_id": hexes("p", ids.code(number, asset, 42)),
                "user_id": ids.user(number),
                "credited_at": times(at),
                **common,
            },
            at,
        ),
        "obs_chain_transfers": arrive(
            "obs_chain_transfers", {"confirmed_at": times(at - 20 * MINUTE), **common}, at
        ),
    }


def _quotes(world: World, markets: Markets, ids: Ids, delivery: Delivery) -> Tables:
    """An order on each side of each market, all the time; what is left of it is cancelled."""
    count = world.days * DAY // QUOTE_FOR
    quote = np.tile(np.repeat(np.arange(BEFORE, count), 2), len(ASSETS))
    sells = np.tile(np.array([0, 1]), quote.size // 2)
    asset = np.repeat(np.arange(len(ASSETS)), quote.size // len(ASSETS))
    at = np.where(quote < 0, _OPENED + 3 * HOUR, ORIGIN + quote * QUOTE_FOR)
    gone = np.where(quote < 0, ORIGIN, at + QUOTE_FOR) - 5_000_000
    price = markets.price(asset, at) * np.where(sells == 1, 1.0008, 0.9992)
    cents = np.where(asset >= THIN, 400_000, 40_000_000)
    units = np.floor(cents / (price * 100) * 1e8).astype(np.int64)
    number, rank = maker_number(asset), 1_000 + quote * 64 + asset * 2 + sells
    names = {
        "order_id": quote_id(ids, asset, quote, sells),
        "user_id": maker_user(ids, asset),
        "market": choice(MARKETS, asset),
        "side": choice(("buy", "sell"), sells),
        "amount_usd": usd(cents),
        "placed_at": times(at),
    }
    orders = {
        "order_type": constant("limit", at.size),
        "price": price,
        "qty": coins(units),
        "is_api": np.ones(at.size, dtype=bool),
        "session_id": pa.nulls(at.size, pa.string()),
    }
    return {
        "obs_orders": delivery.rows(
            "obs_orders", {**names, **orders}, at=at, number=number, rank=rank
        ),
        "obs_order_cancels": delivery.rows(
            "obs_order_cancels", {**names, "cancelled_at": times(gone)}, at=gone, number=number,
            rank=rank,
        ),
    }  # fmt: skip


def _listings(world: World) -> pa.Table:
    block, which = botnet_blocks()
    a, b, c, _ = Draws(world.seed, "listings").uniform(block)
    # Lists know a third of the blocks, some since long, some only later.
    known = a < 0.35
    at = ORIGIN + (DAY * (world.days * 1.3 * b[known] - 0.3 * world.days)).astype(np.int64)
    inside = at < ORIGIN + world.days * DAY
    at, c = at[inside], c[known][inside]
    return table(
        "obs_ip_listings",
        {
            "ip_prefix": dotted_prefix(block[known][inside]),
            "listed_at": times(at),
            "ingested_at": times(at + (DAY * 2 * c).astype(np.int64)),
            "list_name": choice(("proxy", "stuffing"), which[known][inside] % 2),
        },
    )


def _clusters(world: World) -> Tables:
    cluster = np.repeat(np.arange(CLUSTER_CATEGORY.size), CLUSTER_SIZE)
    which = np.tile(np.arange(CLUSTER_SIZE), CLUSTER_CATEGORY.size)
    address = cluster_address(cluster, which)
    kind = CLUSTER_CATEGORY[cluster]
    draws = Draws(world.seed, "clusters")
    a, b, c, d = draws.uniform(address)
    # The exchanges are known since long; what is illicit becomes known as time goes by.
    begun = ORIGIN + (DAY * (world.days * b - 200)).astype(np.int64)
    since = np.where(kind < MIXER, ORIGIN - 500 * DAY, begun)
    known = np.flatnonzero(a < np.where(kind < MIXER, 0.9, 0.7))
    at = since[known] + label_lag(world, c[known], d[known])
    inside = at < ORIGIN + world.days * DAY
    known, at = known[inside], at[inside]
    text = fixed_text(written(address, world.seed))
    ids = Ids(world.seed)
    return {
        "obs_address_labels": table(
            "obs_address_labels",
            {
                "label_id": hexes("L", ids.code(address[known], 0, 43)),
                "address": taken(text, known),
                "category": choice(CATEGORIES, kind[known]),
                "source": choice(
                    ("tag_pack", "sanctions_list"), (kind[known] == 5).astype(np.int64)
                ),
                "confidence": np.where(kind[known] == 5, 1.0, 0.85),
                "labelled_at": times(since[known]),
                "known_at": times(at),
                "version": np.ones(known.size, dtype=np.int64),
                "retracted": np.zeros(known.size, dtype=bool),
            },
        ),
        "truth_addresses": table(
            "truth_addresses",
            {
                "address": text,
                "community": np.full(address.size, -1),
                "category": choice(CATEGORIES, kind),
                "is_illicit": kind >= MIXER,
                "active_at": times(since),
            },
        ),
    }


def _switches(world: World, ids: Ids) -> pa.Table:
    switches = world.switches
    at = np.array([ORIGIN + (one.on - START).days * DAY for one in switches], dtype=np.int64)
    count = np.arange(len(switches))
    texts = [f"{one.name}: {({**DRIFTS, **FAULTS})[one.name]}" for one in switches]
    return table(
        "truth_drift",
        {
            "drift_id": hexes("D", ids.code(count, 0, 44)),
            "kind": pa.array([one.kind for one in switches], pa.string()),
            "what": pa.array(texts, pa.string()),
            "switched_at": times(at),
        },
    )
