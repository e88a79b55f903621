"""Plans meet balances, limits and the policy: what really happens, to the cent."""

from typing import NamedTuple

import numpy as np
from numba import njit

from trust_safety.simulator.draws import Array
from trust_safety.simulator.script import (
    ACH_DEBIT,
    BUY,
    CANCEL,
    CARD,
    CLOSE,
    DEPOSIT,
    IN,
    OF_ACT,
    OUT,
    RESTORE,
    RETURN,
    SELL,
    SETTLE,
    SHARE,
    SWAP,
    WITHDRAW,
)

# What became of an act. A skipped one was never asked for: there was no money, or no account.
SKIPPED, DONE, BLOCKED, HELD, FAILED = range(5)
ACTIONS = ("", "instant", "allow", "hold", "step_up", "block")
NOTHING, INSTANT, ALLOW, HOLD, STEP_UP, BLOCK = range(6)

UNIT = 100_000_000
TAKER_FEE, MAKER_REBATE = 40, 10
_LEAST = 500


class Outcome(NamedTuple):
    """What became of each act, in the order of the acts.

    Attributes:
        state: `SKIPPED` to `FAILED`.
        cents: dollars moved or asked for; of a trade what the buyer paid the seller.
        units: coins moved, in units of 10**-8.
        fee: of a trade, in cents.
        limit: what could be moved that day, in cents; 0 where there is no limit.
        would, action: what the policy asked for, and what was done.
        propensity: the chance of `action`.
        equity: what the account was worth before, in cents.
        usd, coins: balances at the end, by person (and coin).
    """

    state: Array
    cents: Array
    units: Array
    fee: Array
    limit: Array
    would: Array
    action: Array
    propensity: Array
    equity: Array
    usd: Array
    coins: Array


class Plan(NamedTuple):
    """Acts in order of community and time, as the sweep reads them; one length.

    Attributes:
        person, kind, asset, rail, mode, value, of, partner, risk, passes: columns of the script.
        price: cents for one coin at the time.
        day: the day number, by which limits are counted.
        fiat_limit, coin_limit, instant_limit: cents a day, and cents that are credited at once.
        luck: a uniform number: the chance to be let through.
    """

    person: Array
    kind: Array
    asset: Array
    rail: Array
    mode: Array
    value: Array
    of: Array
    partner: Array
    risk: Array
    passes: Array
    price: Array
    day: Array
    fiat_limit: Array
    coin_limit: Array
    instant_limit: Array
    luck: Array


def sweep(plan: Plan, *, people: int, assets: int, pass_through: float) -> Outcome:
    """Play the acts in order.

    Dollars and coins are whole numbers, and each act moves the same number out of one account as
    into another, so nothing comes from nowhere. An account's dollars fall below zero only by a
    return; no coin ever does.
    """
    size = plan.person.size
    cents, units, fee, limit, equity = (np.zeros(size, dtype=np.int64) for _ in range(5))
    state, would, action = (np.zeros(size, dtype=np.int8) for _ in range(3))
    outcome = Outcome(
        state=state,
        cents=cents,
        units=units,
        fee=fee,
        limit=limit,
        would=would,
        action=action,
        propensity=np.ones(size),
        equity=equity,
        usd=np.zeros(people, dtype=np.int64),
        coins=np.zeros((people, assets), dtype=np.int64),
    )
    _play(plan, outcome, pass_through)
    return outcome


@njit(cache=True, nogil=True)
def _decide(would: int, luck: float, pass_through: float) -> tuple[int, float]:
    """What is done, and how likely that was; a few are let through against the policy."""
    if would in (INSTANT, ALLOW):
        return would, 1.0
    if luck < pass_through:
        return (INSTANT if would == HOLD else ALLOW), pass_through
    return would, 1.0 - pass_through


@njit(cache=True, nogil=True)
def _play(plan: Plan, outcome: Outcome, pass_through: float) -> None:
    # numba knows tuples with names; the rest reads better without them.
    person, kind, asset, rail, mode = plan.person, plan.kind, plan.asset, plan.rail, plan.mode
    value, of, partner, price, day = plan.value, plan.of, plan.partner, plan.price, plan.day
    risk, passes, luck = plan.risk, plan.passes, plan.luck
    fiat_limit, coin_limit, instant_limit = plan.fiat_limit, plan.coin_limit, plan.instant_limit
    state, cents, units, fee = outcome.state, outcome.cents, outcome.units, outcome.fee
    limit, would, action = outcome.limit, outcome.would, outcome.action
    propensity, equity, usd, coins = (
        outcome.propensity,
        outcome.equity,
        outcome.usd,
        outcome.coins,
    )
    last = np.zeros(coins.shape, dtype=np.float64)
    closed = np.zeros(usd.size, dtype=np.bool_)
    today = np.full(usd.size, -10_000_000, dtype=np.int64)
    used_fiat = np.zeros(usd.size, dtype=np.int64)
    used_coin = np.zeros(usd.size, dtype=np.int64)
    credited = np.zeros(person.size, dtype=np.bool_)
    returned = np.zeros(person.size, dtype=np.bool_)
    for i in range(person.size):
        who, what, coin = person[i], kind[i], asset[i]
        if what == CLOSE:
            closed[who] = value[i] > 0
            state[i] = DONE
            continue
        if of[i] >= 0 and state[of[i]] in (SKIPPED, BLOCKED, FAILED):
            continue
        if what == SETTLE:
            # A payment that came back first never settles, and is never credited.
            if not returned[of[i]]:
                cents[i], state[i] = cents[of[i]], DONE
                if not credited[of[i]]:
                    usd[who] += cents[i]
                    credited[of[i]] = True
            continue
        if what == RETURN:
            cents[i], state[i] = cents[of[i]], DONE
            returned[of[i]] = True
            # Where it was held the dollars never were in the account.
            if credited[of[i]]:
                usd[who] -= cents[i]
            continue
        if what == RESTORE:
            cents[i], state[i] = cents[of[i]], DONE
            if credited[of[i]]:
                usd[who] += cents[i]
            continue
        if closed[who]:
            continue
        if day[i] != today[who]:
            today[who], used_fiat[who], used_coin[who] = day[i], 0, 0
        if coin >= 0:
            last[who, coin] = price[i]
        worth = float(usd[who])
        for k in range(coins.shape[1]):
            worth += coins[who, k] / UNIT * last[who, k]
        equity[i] = np.int64(worth)

        if what == IN:
            wish = np.int64(value[i])
            if mode[i] == OF_ACT:
                wish = np.int64(value[i] * cents[of[i]])
            limit[i] = fiat_limit[i]
            if rail[i] in (ACH_DEBIT, CARD):
                wish = min(wish, fiat_limit[i] - used_fiat[who])
            if wish < _LEAST:
                continue
            cents[i] = wish
            wanted = ALLOW
            if rail[i] == ACH_DEBIT:
                wanted = INSTANT
                if risk[i] > 0.5 or wish > instant_limit[i]:
                    wanted = HOLD
            if risk[i] > 0.9:
                wanted = BLOCK
            would[i] = wanted
            action[i], propensity[i] = _decide(wanted, luck[i], pass_through)
            if action[i] == BLOCK:
                state[i] = BLOCKED
                continue
            if rail[i] in (ACH_DEBIT, CARD):
                used_fiat[who] += wish
            if action[i] == HOLD:
                state[i] = HELD
            else:
                usd[who] += wish
                credited[i] = True
                state[i] = DONE
        elif what == OUT:
            limit[i] = fiat_limit[i]
            wish = np.int64(value[i])
            if mode[i] == SHARE:
                wish = np.int64(value[i] * max(usd[who], 0))
            elif mode[i] == OF_ACT:
                wish = np.int64(value[i] * cents[of[i]])
            wish = min(wish, usd[who])
            if wish < _LEAST:
                continue
            cents[i], would[i], action[i], state[i] = wish, ALLOW, ALLOW, DONE
            usd[who] -= wish
        elif what == BUY:
            wish = np.int64(value[i])
            if mode[i] == SHARE:
                wish = np.int64(value[i] * max(usd[who], 0))
            wish = min(wish, usd[who])
            if wish < _LEAST:
                continue
            fee[i] = wish * TAKER_FEE // 10_000
            got = np.int64((wish - fee[i]) / price[i] * UNIT)
            if got <= 0:
                continue
            cents[i], units[i], state[i] = wish - fee[i], got, DONE
            usd[who] -= wish
            coins[who, coin] += got
        elif what == SELL:
            give = np.int64(value[i] / price[i] * UNIT)
            if mode[i] == SHARE:
                give = np.int64(value[i] * coins[who, coin])
            give = min(give, coins[who, coin])
            got = np.int64(give / UNIT * price[i])
            if got < _LEAST:
                continue
            fee[i] = got * TAKER_FEE // 10_000
            cents[i], units[i], state[i] = got, give, DONE
            usd[who] += got - fee[i]
            coins[who, coin] -= give
        elif what == SWAP:
            # `who` has an order in the book to sell; `partner` takes it.
            other = partner[i]
            give = np.int64(value[i] / price[i] * UNIT)
            if mode[i] == SHARE:
                give = np.int64(value[i] * coins[who, coin])
            give = min(give, coins[who, coin])
            cost = np.int64(give / UNIT * price[i])
            if closed[other] or cost + cost * TAKER_FEE // 10_000 > usd[other] or cost < _LEAST:
                continue
            fee[i] = cost * TAKER_FEE // 10_000
            cents[i], units[i], state[i] = cost, give, DONE
            usd[other] -= cost + fee[i]
            usd[who] += cost + cost * MAKER_REBATE // 10_000
            coins[who, coin] -= give
            coins[other, coin] += give
            last[other, coin] = price[i]
        elif what == DEPOSIT:
            get = np.int64(value[i] / price[i] * UNIT)
            if mode[i] == OF_ACT:
                get = np.int64(value[i] * units[of[i]])
            if get <= 0:
                continue
            cents[i], units[i], state[i] = np.int64(get / UNIT * price[i]), get, DONE
            coins[who, coin] += get
        elif what == WITHDRAW:
            give = np.int64(value[i] / price[i] * UNIT)
            if mode[i] == SHARE:
                give = np.int64(value[i] * coins[who, coin])
            elif mode[i] == OF_ACT:
                give = np.int64(value[i] * units[of[i]])
            limit[i] = coin_limit[i]
            room = np.int64((coin_limit[i] - used_coin[who]) / price[i] * UNIT)
            give = min(give, coins[who, coin], room)
            wish = np.int64(give / UNIT * price[i])
            if wish < _LEAST:
                continue
            cents[i], units[i] = wish, give
            wanted = ALLOW
            if risk[i] > 0.5 and wish > 30_000 and wish > 0.4 * worth:
                wanted = STEP_UP
            if risk[i] > 0.9 and wish > 30_000:
                wanted = BLOCK
            would[i] = wanted
            action[i], propensity[i] = _decide(wanted, luck[i], pass_through)
            if action[i] == BLOCK:
                state[i] = BLOCKED
            elif action[i] == STEP_UP and not passes[i]:
                state[i] = FAILED
            else:
                state[i] = DONE
                used_coin[who] += wish
                coins[who, coin] -= give
        elif what == CANCEL:
            cents[i] = np.int64(value[i])
            units[i] = np.int64(value[i] / price[i] * UNIT)
            state[i] = DONE
