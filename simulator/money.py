"""Dollars and coins as the exchange sees them: transfers, decisions, orders, trades."""

import numpy as np
import pyarrow as pa

from trust_safety.simulator.chain import deposits, sent, spelled
from trust_safety.simulator.columns import (
    blank,
    choice,
    coins,
    either,
    hexes,
    table,
    times,
    usd,
)
from trust_safety.simulator.draws import Array, lognormal
from trust_safety.simulator.makers import maker_order, maker_user
from trust_safety.simulator.markets import ASSETS, MARKETS
from trust_safety.simulator.observer import Observer, Tables
from trust_safety.simulator.play import first_seen
from trust_safety.simulator.script import (
    BUY,
    CANCEL,
    CARD,
    CODES,
    IN,
    OUT,
    RAILS,
    RESTORE,
    RETURN,
    SELL,
    SETTLE,
    SWAP,
    WITHDRAW,
)
from trust_safety.simulator.sweep import ACTIONS, BLOCKED, DONE, FAILED, MAKER_REBATE, SKIPPED
from trust_safety.simulator.texts import MEMOS, SENT_MEMOS
from trust_safety.simulator.world import DAY, HOUR, MINUTE, ORIGIN, SECOND

# By position in `CODES`.
_CLASSES = ("bank", "administrative", "unauthorised", "chargeback")
_CLASS_OF = np.array([0, 0, 0, 1, 1, 1, 0, 0, 0, 2, 2, 2, 2, 2, 2, 3, 3])
_NO_LIMIT = 100_000_000


def fiat(seen: Observer) -> Tables:
    """Transfers, settlements, returns, and what the policy decided."""
    return {
        "obs_fiat_transfers": _transfers(seen),
        "obs_fiat_settlements": _settlements(seen),
        "obs_fiat_returns": _returns(seen),
        "obs_decisions": _decisions(seen),
        "obs_warnings": _warnings(seen),
    }


def _transfers(seen: Observer) -> pa.Table:
    acts, outcome = seen.played.acts, seen.played.outcome
    chosen = np.flatnonzero(np.isin(acts["kind"], (IN, OUT)) & (outcome.state != SKIPPED))
    rail, named = acts["rail"][chosen], acts["name_match"][chosen]
    card = rail == CARD
    comes = acts["kind"][chosen] == IN
    from_bank = comes & np.isin(rail, (2, 3)) & ~np.isnan(named)
    columns: dict[str, pa.Array | Array] = {
        "transfer_id": seen.acts("f", chosen),
        "user_id": seen.user(acts, chosen),
        "bank_account_id": blank(hexes("z", acts["bank"][chosen]), acts["bank"][chosen] == -1),
        "card_id": blank(hexes("q", acts["card"][chosen]), ~card),
        "card_bin": blank(pa.array(acts["bin"][chosen]).cast(pa.string()), ~card),
        "rail": choice(RAILS, rail),
        "direction": choice(("out", "in"), comes.astype(np.int64)),
        "amount_usd": usd(outcome.cents[chosen]),
        "limit_usd": usd(np.where(outcome.limit[chosen] > 0, outcome.limit[chosen], _NO_LIMIT)),
        "memo": choice(MEMOS, acts["memo"][chosen]),
        "sender_name_match": blank(pa.array(np.round(np.nan_to_num(named), 3)), ~from_bank),
        "requested_at": times(acts["at"][chosen]),
        "session_id": seen.sessions(acts["login"][chosen]),
    }
    return seen.arrive("obs_fiat_transfers", columns, acts, chosen)


def _settlements(seen: Observer) -> pa.Table:
    acts, outcome = seen.played.acts, seen.played.outcome
    chosen = np.flatnonzero((acts["kind"] == SETTLE) & (outcome.state == DONE))
    at = acts["at"][chosen]
    number = seen.number(acts, chosen)
    file = seen.draws("bank files").uniform(number, acts["rank"][chosen])[0]
    return table(
        "obs_fiat_settlements",
        {
            "transfer_id": seen.acts("f", acts["of"][chosen]),
            "user_id": seen.ids.user(number),
            "amount_usd": usd(outcome.cents[chosen]),
            "settled_at": times(at),
            # The bank's file is there in the morning.
            "ingested_at": times(at + (HOUR * (11 + 3 * file)).astype(np.int64)),
        },
    )


def _returns(seen: Observer) -> pa.Table:
    acts, outcome = seen.played.acts, seen.played.outcome
    chosen = np.flatnonzero(np.isin(acts["kind"], (RETURN, RESTORE)) & (outcome.state == DONE))
    transfer, again = acts["of"][chosen], acts["kind"][chosen] == RESTORE
    at, back = acts["at"][chosen], acts["back_at"][chosen]
    number = seen.number(acts, chosen)
    file = seen.draws("return files").uniform(number, acts["rank"][chosen])[0]
    code = acts["code"][chosen]
    card = acts["rail"][transfer] == CARD
    return table(
        "obs_fiat_returns",
        {
            "return_id": seen.acts("r", transfer),
            "transfer_id": seen.acts("f", transfer),
            "user_id": seen.ids.user(number),
            "bank_account_id": blank(
                hexes("z", acts["bank"][transfer]), acts["bank"][transfer] == -1
            ),
            "rail": choice(RAILS, acts["rail"][transfer]),
            "return_code": choice(CODES, code),
            "return_class": choice(_CLASSES, _CLASS_OF[code]),
            "amount_usd": usd(outcome.cents[chosen]),
            "originated_at": times(acts["at"][transfer]),
            "returned_at": times(
                np.where(again, np.maximum(back, acts["at"][transfer] + 12 * HOUR), at)
            ),
            "known_at": times(
                at + (HOUR * np.where(card, 1 + 5 * file, 11 + 3 * file)).astype(np.int64)
            ),
            "version": 1 + again,
            "retracted": again,
        },
    )


def _decisions(seen: Observer) -> pa.Table:
    acts, outcome = seen.played.acts, seen.played.outcome
    chosen = np.flatnonzero(np.isin(acts["kind"], (IN, WITHDRAW)) & (outcome.state != SKIPPED))
    sends = (acts["kind"][chosen] == WITHDRAW).astype(np.int64)
    new = acts["at"][chosen] >= _switched(seen, "new_limits")
    stopped = np.isin(outcome.state[chosen], (BLOCKED, FAILED))
    columns: dict[str, pa.Array | Array] = {
        "decision_id": seen.second("i", chosen),
        "event_id": either(seen.acts("f", chosen), seen.acts("w", chosen), sends),
        "event_table": choice(("fiat_transfers", "crypto_withdrawals"), sends),
        "user_id": seen.user(acts, chosen),
        "policy_version": choice(("rules-1", "rules-2"), new.astype(np.int64)),
        "would_action": choice(ACTIONS, outcome.would[chosen].astype(np.int64)),
        "action": choice(ACTIONS, outcome.action[chosen].astype(np.int64)),
        "propensity": outcome.propensity[chosen],
        "is_exploration": outcome.would[chosen] != outcome.action[chosen],
        "was_stopped": stopped,
        "decided_at": times(acts["at"][chosen]),
    }
    return seen.arrive("obs_decisions", columns, acts, chosen)


def _switched(seen: Observer, name: str) -> int:
    return ORIGIN + seen.played.world.switched(name) * DAY


def _warnings(seen: Observer) -> pa.Table:
    """Warnings before large sends to new addresses; those who meant to send mostly dismiss them."""
    acts, outcome = seen.played.acts, seen.played.outcome
    large = (outcome.cents > 50_000) & (outcome.cents > 0.5 * outcome.equity)
    sends = (acts["kind"] == WITHDRAW) & (outcome.state != SKIPPED)
    chosen = np.flatnonzero(sends & large & acts["new_address"])
    columns: dict[str, pa.Array | Array] = {
        "warning_id": seen.second("x", chosen),
        "user_id": seen.user(acts, chosen),
        "event_id": seen.acts("w", chosen),
        "outcome": choice(
            ("dismissed", "abandoned"), (outcome.state[chosen] == FAILED).astype(int)
        ),
        "shown_at": times(acts["at"][chosen] - 30 * SECOND),
    }
    return seen.arrive("obs_warnings", columns, acts, chosen)


def trading(seen: Observer) -> Tables:
    """Orders, cancellations and trades."""
    return {
        "obs_orders": _orders(seen),
        "obs_order_cancels": _cancels(seen),
        "obs_trades": _trades(seen),
    }


def _orders(seen: Observer) -> pa.Table:
    acts, outcome = seen.played.acts, seen.played.outcome
    done = outcome.state == DONE
    own = np.flatnonzero(done & np.isin(acts["kind"], (BUY, SELL, CANCEL, SWAP)))
    # The other side of a swap has an order too: it takes the one in the book.
    taken = np.flatnonzero(done & (acts["kind"] == SWAP))
    chosen = np.concatenate([own, taken])
    takes = np.arange(chosen.size) >= own.size
    kind, partner = acts["kind"][chosen], acts["partner"][chosen]
    buys = (kind == BUY) | takes | ((kind == CANCEL) & (partner == -1))
    stands = np.isin(kind, (CANCEL, SWAP)) & ~takes
    at = acts["at"][chosen] - np.where((kind == SWAP) & ~takes, acts["life"][chosen], 0)
    who = np.where(takes, partner, acts["person"][chosen])
    number = seen.played.people.number[who]
    ids = pa.chunked_array([seen.acts("o", own), seen.second("o", taken)]).combine_chunks()
    units = np.maximum(outcome.units[chosen], 1)
    login = np.where(takes, -1, acts["login"][chosen])
    return seen.delivery.rows(
        "obs_orders",
        {
            "order_id": ids,
            "user_id": seen.ids.user(number),
            "market": choice(MARKETS, acts["asset"][chosen]),
            "side": choice(("sell", "buy"), buys.astype(np.int64)),
            "order_type": choice(("market", "limit"), stands.astype(np.int64)),
            "price": outcome.cents[chosen] / units * 1e6,
            "qty": coins(units),
            "amount_usd": usd(outcome.cents[chosen]),
            "is_api": acts["is_api"][chosen],
            "placed_at": times(at),
            "session_id": seen.sessions(login),
        },
        at=at,
        number=number,
        rank=acts["rank"][chosen] * 2 + takes,
    )


def _cancels(seen: Observer) -> pa.Table:
    acts, outcome = seen.played.acts, seen.played.outcome
    chosen = np.flatnonzero((acts["kind"] == CANCEL) & (outcome.state == DONE))
    at = acts["at"][chosen]
    gone = at + np.maximum(acts["life"][chosen], 20_000)
    number = seen.number(acts, chosen)
    return seen.delivery.rows(
        "obs_order_cancels",
        {
            "order_id": seen.acts("o", chosen),
            "user_id": seen.ids.user(number),
            "market": choice(MARKETS, acts["asset"][chosen]),
            "side": choice(("sell", "buy"), (acts["partner"][chosen] == -1).astype(np.int64)),
            "amount_usd": usd(outcome.cents[chosen]),
            "placed_at": times(at),
            "cancelled_at": times(gone),
        },
        at=gone,
        number=number,
        rank=acts["rank"][chosen],
    )


def _trades(seen: Observer) -> pa.Table:
    acts, outcome = seen.played.acts, seen.played.outcome
    seed, people = seen.played.world.seed, seen.played.people
    chosen = np.flatnonzero((outcome.state == DONE) & np.isin(acts["kind"], (BUY, SELL, SWAP)))
    kind, asset, at = acts["kind"][chosen], acts["asset"][chosen], acts["at"][chosen]
    swap = kind == SWAP
    buys = (kind == BUY) | swap
    number = seen.number(acts, chosen)
    other = people.number[np.where(swap, acts["partner"][chosen], 0)]
    after = seen.draws("fills").uniform(number, acts["rank"][chosen])[0]
    filled = at + (SECOND * lognormal(after, 0.3, 0.8)).astype(np.int64)
    # Against a maker's quote the person takes; in a swap their order stood in the book.
    mine, mine_id = seen.ids.user(number), seen.acts("o", chosen)
    market_maker = maker_user(seen.ids, asset)
    quote = maker_order(seed, asset, filled, buys)
    return seen.delivery.rows(
        "obs_trades",
        {
            "trade_id": seen.second("g", chosen),
            "market": choice(MARKETS, asset),
            "price": outcome.cents[chosen] / outcome.units[chosen] * 1e6,
            "qty": coins(outcome.units[chosen]),
            "amount_usd": usd(outcome.cents[chosen]),
            "maker_order_id": either(quote, mine_id, swap),
            "taker_order_id": either(mine_id, seen.second("o", chosen), swap),
            "maker_user_id": either(market_maker, mine, swap),
            "taker_user_id": either(mine, seen.ids.user(other), swap),
            "taker_side": choice(("sell", "buy"), buys.astype(np.int64)),
            "taker_fee_usd": usd(outcome.fee[chosen]),
            "maker_rebate_usd": usd(outcome.cents[chosen] * MAKER_REBATE // 10_000),
            "executed_at": times(filled),
        },
        at=filled,
        number=number,
        rank=acts["rank"][chosen],
    )


def coin_flows(seen: Observer) -> Tables:
    """Coins in and out, and the addresses in people's books."""
    return {
        "obs_crypto_deposits": _deposits(seen),
        "obs_crypto_withdrawals": _withdrawals(seen),
        "obs_broadcasts": _broadcasts(seen),
        "obs_withdraw_addresses": _book(seen),
    }


def _deposits(seen: Observer) -> pa.Table:
    acts, outcome = seen.played.acts, seen.played.outcome
    chosen = deposits(seen)
    asset = acts["asset"][chosen]
    own = seen.played.wallets.receiving(acts["person"][chosen], asset)
    columns: dict[str, pa.Array | Array] = {
        "deposit_id": seen.acts("p", chosen),
        "user_id": seen.user(acts, chosen),
        "asset": choice(ASSETS, asset),
        "amount": coins(outcome.units[chosen]),
        "amount_usd": usd(outcome.cents[chosen]),
        "from_address": spelled(seen.played, acts["address"][chosen]),
        "to_address": spelled(seen.played, own),
        "tx_hash": seen.second("T", chosen),
        "credited_at": times(acts["at"][chosen]),
    }
    return seen.arrive("obs_crypto_deposits", columns, acts, chosen)


def _withdrawals(seen: Observer) -> pa.Table:
    acts, outcome = seen.played.acts, seen.played.outcome
    chosen = np.flatnonzero((acts["kind"] == WITHDRAW) & (outcome.state != SKIPPED))
    columns: dict[str, pa.Array | Array] = {
        "withdrawal_id": seen.acts("w", chosen),
        "user_id": seen.user(acts, chosen),
        "asset": choice(ASSETS, acts["asset"][chosen]),
        "amount": coins(outcome.units[chosen]),
        "amount_usd": usd(outcome.cents[chosen]),
        "limit_usd": usd(outcome.limit[chosen]),
        "address": spelled(seen.played, acts["address"][chosen]),
        "memo": choice(SENT_MEMOS, acts["memo"][chosen]),
        "requested_at": times(acts["at"][chosen]),
        "session_id": seen.sessions(acts["login"][chosen]),
    }
    return seen.arrive("obs_crypto_withdrawals", columns, acts, chosen)


def _broadcasts(seen: Observer) -> pa.Table:
    acts = seen.played.acts
    chosen, at = sent(seen)
    number = seen.number(acts, chosen)
    return seen.delivery.rows(
        "obs_broadcasts",
        {
            "withdrawal_id": seen.acts("w", chosen),
            "user_id": seen.ids.user(number),
            "tx_hash": seen.second("T", chosen),
            "broadcast_at": times(at),
        },
        at=at,
        number=number,
        rank=acts["rank"][chosen],
    )


def _book(seen: Observer) -> pa.Table:
    """An address is entered minutes before it is first used, or long before."""
    played = seen.played
    acts, book = played.acts, played.book
    wishes = np.flatnonzero((acts["kind"] == WITHDRAW) & (played.outcome.state != SKIPPED))
    entered = first_seen(
        np.concatenate([acts["person"][wishes], book["person"]]),
        np.concatenate([acts["address"][wishes], book["address"]]),
        np.concatenate([acts["at"][wishes], book["at"]]),
    )[: wishes.size]
    first = wishes[entered == acts["at"][wishes]]
    number = seen.number(acts, first)
    before = seen.draws("books").uniform(number, acts["rank"][first])[0]
    person = np.concatenate([acts["person"][first], book["person"]])
    at = np.concatenate(
        [acts["at"][first] - (MINUTE * (0.5 + 6 * before)).astype(np.int64), book["at"]]
    )
    login = np.concatenate([acts["login"][first], book["login"]])
    to = np.concatenate([acts["address"][first], book["address"]])
    number = played.people.number[person]
    rank = np.concatenate([acts["rank"][first], (1 << 20) + book["rank"]])
    return seen.delivery.rows(
        "obs_withdraw_addresses",
        {
            "entry_id": hexes("j", seen.ids.code(number, rank, 16)),
            "user_id": seen.ids.user(number),
            "address": spelled(seen.played, to),
            "added_at": times(at),
            "session_id": seen.sessions(login),
        },
        at=at,
        number=number,
        rank=rank,
    )
