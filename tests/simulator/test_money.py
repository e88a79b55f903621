"""Double entry: what was observed adds up to what everybody has, to the cent."""

from decimal import Decimal

import duckdb
import numpy as np
import pytest

from trust_safety.simulator.markets import ASSETS, Markets
from trust_safety.simulator.money import coin_flows, fiat, trading
from trust_safety.simulator.observer import Observer
from trust_safety.simulator.play import play
from trust_safety.simulator.world import world

# Each observed movement once, as dollars and coins of one user; no table holds a balance.
_MOVED = """
    WITH once AS (
        SELECT DISTINCT transfer_id, user_id, direction, amount_usd FROM obs_fiat_transfers),
      acted AS (SELECT event_id, any_value(action) AS action FROM obs_decisions GROUP BY event_id),
      settled AS (SELECT DISTINCT transfer_id FROM obs_fiat_settlements),
      credited AS (
        SELECT once.* FROM once LEFT JOIN acted ON event_id = transfer_id
        LEFT JOIN settled USING (transfer_id)
        WHERE direction = 'in'
          AND (coalesce(action, '') IN ('instant', 'allow') OR settled.transfer_id IS NOT NULL)),
      fills AS (
        SELECT DISTINCT trade_id, split_part(market, '-', 1) AS asset, qty, amount_usd,
          maker_user_id, taker_user_id, taker_side, taker_fee_usd, maker_rebate_usd
        FROM obs_trades),
      sides AS (
        SELECT taker_user_id AS user_id, asset, taker_side = 'buy' AS buys, qty, amount_usd,
          -taker_fee_usd AS extra FROM fills
        UNION ALL
        SELECT maker_user_id, asset, taker_side = 'sell', qty, amount_usd, maker_rebate_usd
        FROM fills)
    SELECT user_id, 'USD' AS asset, amount_usd AS moved FROM credited
    UNION ALL SELECT user_id, 'USD', -amount_usd FROM once WHERE direction = 'out'
    UNION ALL SELECT c.user_id, 'USD', IF(r.retracted, 1, -1) * r.amount_usd
      FROM (SELECT DISTINCT transfer_id, amount_usd, version, retracted FROM obs_fiat_returns) r
      JOIN credited c USING (transfer_id)
    UNION ALL SELECT user_id, 'USD', IF(buys, -1, 1) * amount_usd + extra FROM sides
    UNION ALL SELECT user_id, asset, IF(buys, 1, -1) * qty FROM sides
    UNION ALL SELECT user_id, asset, amount
      FROM (SELECT DISTINCT deposit_id, user_id, asset, amount FROM obs_crypto_deposits)
    UNION ALL SELECT user_id, asset, -amount
      FROM (SELECT DISTINCT withdrawal_id, user_id, asset, amount FROM obs_crypto_withdrawals) w
      JOIN acted ON event_id = withdrawal_id
      JOIN (SELECT DISTINCT withdrawal_id AS sent FROM obs_broadcasts) ON sent = withdrawal_id"""


@pytest.mark.parametrize("seed", [7, 8])
def test_what_was_observed_adds_up_to_what_everybody_has(seed: int) -> None:
    lived = world(0.01, seed=seed)
    played = play(lived, Markets(lived), 0, lived.cells)
    seen = Observer.of(played)
    tables = {**fiat(seen), **trading(seen), **coin_flows(seen)}
    engine = duckdb.connect()
    for name, rows in tables.items():
        engine.register(name, rows)
    moved = engine.sql(_MOVED).aggregate("user_id, asset, CAST(sum(moved) AS VARCHAR) AS total")
    found = {
        (user, asset): _whole(total, 2 if asset == "USD" else 8)
        for user, asset, total in moved.fetchall()
    }

    users = seen.ids.user(played.people.number).to_pylist()
    held = {
        (user, "USD"): int(cents) for user, cents in zip(users, played.outcome.usd, strict=True)
    }
    for user, units in zip(users, played.outcome.coins, strict=True):
        held |= {(user, asset): int(of) for asset, of in zip(ASSETS, units, strict=True)}

    assert len(found) > 500
    assert {one: found.get(one, 0) for one in held} == held
    assert np.all(played.outcome.coins >= 0)


def _whole(text: str, places: int) -> int:
    return int(Decimal(text).scaleb(places))
