"""Trading that is not meant as trading: wash trades, spoofed orders, pumps."""

import numpy as np

from trust_safety.simulator.calendars import instant
from trust_safety.simulator.draws import Array, Draws, explode, lognormal
from trust_safety.simulator.honest import Life
from trust_safety.simulator.markets import BTC, ETH, THIN
from trust_safety.simulator.people import ARBITRAGEUR, HONEST, SPOOFER, WASHER, spread
from trust_safety.simulator.script import (
    BUY,
    CANCEL,
    CENTS,
    IN,
    PUMP,
    SELL,
    SHARE,
    SPOOF,
    SWAP,
    WASH,
    WIRE,
    Script,
)
from trust_safety.simulator.world import DAY, HOUR, MINUTE, ORIGIN, SECOND

_BUYER, _SELLER = -1, -2
# By evasion: seconds that a wash order stands, and a spoofed order in payments.
_STANDS = np.array([0.6, 8.0, 60.0, 300.0])
_WALL = np.array([25.0, 9.0, 5.0, 3.0])


def trade_with_themselves(script: Script, life: Life) -> None:
    """Write wash trades: a ring passes a thin coin around, for the rebate and for the volume."""
    world, people = script.world, script.people
    washers = people.of_role(WASHER)
    if not washers.size:
        return
    draws = Draws(world.seed, "wash")
    ring = people.ring[washers]
    a, b, _, _ = draws.uniform(ring)
    coin = THIN + np.floor(a * 6).astype(np.int64)
    begin = np.maximum(people.first_day[washers] + 2, np.floor(b * 0.5 * world.days)).astype(
        np.int64
    )
    # Money and coins to begin with.
    inside = begin < world.days - 2
    who, when = washers[inside], instant(begin[inside], 9 * HOUR)
    paid = script.acts.add(
        person=who, at=when, kind=IN, rail=WIRE,
        value=np.rint(people.wealth[who] * 12 + 2_000) * 100, bank=life.banks[who], name_match=1.0,
    )  # fmt: skip
    script.acts.add(
        person=who, at=when + HOUR, kind=BUY, asset=coin[inside], mode=SHARE, value=0.5, of=paid
    )
    _pass_around(script, washers, coin, begin, draws)


def _pass_around(script: Script, washers: Array, coin: Array, begin: Array, draws: Draws) -> None:
    world, people = script.world, script.people
    mean = np.zeros((people.number.size, world.days))
    days = np.arange(world.days)
    on = draws.uniform(people.ring[washers][:, None].repeat(world.days, 1).ravel(),
                       np.tile(days, washers.size), 1)[0].reshape(washers.size, -1)  # fmt: skip
    mean[washers] = np.where((on < 0.08) & (days[None, :] > begin[:, None]), 2.5, 0.0)
    person, day, slot = spread(people, world, mean, "wash trades")
    a, b, c, d = draws.uniform(people.number[person], day, 10 + slot)
    members = np.flatnonzero(people.role == WASHER)
    first = np.searchsorted(people.ring[members], people.ring[person])
    size = np.searchsorted(people.ring[members], people.ring[person], side="right") - first
    step = 1 + np.floor(a * (size - 1)).astype(np.int64)
    other = members[first + (people.ring_rank[person] + step) % size]
    evasion = people.evasion[person]
    # At first always the same size; later every size, and honest trades in between.
    own = people.wealth[person] * np.where(evasion == 0, 1.0, lognormal(b, 0.8, 0.7))
    place = np.searchsorted(washers, person)
    at = instant(day, (HOUR * (2 + 21 * c)).astype(np.int64))
    script.acts.add(
        person=person, at=at, kind=SWAP, asset=coin[place], partner=other, mode=CENTS,
        value=np.rint(np.clip(own, 20, None) * 100), is_api=d < 0.6,
        life=(SECOND * lognormal(d, _STANDS[evasion], 1.0)).astype(np.int64),
        typology=WASH, campaign=people.ring[person], harm=True,
        incident=people.number[person] * 64 + 4,
    )  # fmt: skip
    # Volume with strangers, so that not all of it is with each other.
    mixed = (b < 0.2 + 0.15 * evasion) & (slot < 4)
    script.acts.add(
        person=person[mixed], at=at[mixed] + 20 * MINUTE,
        kind=np.where(d[mixed] < 0.5, BUY, SELL), asset=coin[place[mixed]], mode=SHARE,
        value=0.05 + 0.1 * a[mixed], is_api=d[mixed] < 0.6,
    )  # fmt: skip


def deal_with_friends(script: Script) -> None:
    """Write what looks alike and is honest: two friends who deal, and quotes that stand briefly."""
    world, people = script.world, script.people
    draws = Draws(world.seed, "friends")
    # Neighbours by position, so that both know of each other in whatever part of the world.
    pairs = people.number // 2
    honest = (people.role == HONEST).reshape(-1, 2).all(axis=1).repeat(2)
    a, b, c, d = draws.uniform(pairs)
    days = np.arange(world.days)
    alive = days[None, :] > (people.signed_up[:, None] - ORIGIN) // DAY + 3
    deals = ((a < 0.05) & honest)[:, None] & alive
    person, day, slot = spread(people, world, np.where(deals, 0.05, 0.0), "friends")
    coin = np.where(b[person] < 0.7, THIN + np.floor(c[person] * 6), BTC).astype(np.int64)
    e, f, g, h = draws.uniform(people.number[person], day, 10 + slot)
    many, nth = explode(1 + np.floor(e * 3).astype(np.int64))
    size = np.clip(people.wealth[person] * lognormal(g, 0.8, 0.7), 20, None)
    at = instant(day, (HOUR * (7 + 15 * f)).astype(np.int64))
    script.acts.add(
        person=person[many], at=at[many] + nth * 7 * MINUTE, kind=SWAP, asset=coin[many],
        partner=(person ^ 1)[many], mode=CENTS,
        value=np.rint(size * 100)[many],
        is_api=(h < 0.4)[many], life=(SECOND * lognormal(h, 40.0, 1.3)).astype(np.int64)[many],
    )  # fmt: skip
    quotes = ((d < 0.03) & honest)[:, None] & alive
    person, day, slot = spread(people, world, np.where(quotes, 0.06, 0.0), "quotes")
    e, f, g, h = draws.uniform(people.number[person], day, 30 + slot)
    many, nth = explode(1 + np.floor(f * 4).astype(np.int64))
    own = np.where(e < 0.6, THIN + people.number[person] % 6, np.where(e < 0.8, BTC, ETH))
    at = instant(day, (HOUR * (1 + 22 * g)).astype(np.int64))
    stands = (SECOND * lognormal(h, 60.0, 1.4)).astype(np.int64)
    script.acts.add(
        person=person[many], at=at[many] + nth * 3 * SECOND, kind=CANCEL, asset=own[many],
        partner=np.where(f < 0.5, _SELLER, _BUYER)[many], life=stands[many],
        value=np.rint(people.wealth[person] * 6.0 * (0.4 + e))[many] * 100, is_api=True,
    )  # fmt: skip
    filled = g < 0.6
    script.acts.add(
        person=person[filled], at=(at + stands // 2)[filled], asset=own[filled], mode=SHARE,
        kind=np.where(h < 0.5, BUY, SELL)[filled], value=(0.1 + 0.3 * e)[filled], is_api=True,
    )  # fmt: skip


def spoof(script: Script) -> None:
    """Write spoofing: a large order on one side, a fill on the other, and the large one is gone."""
    world, people = script.world, script.people
    days = np.arange(world.days)
    draws = Draws(world.seed, "spoof")
    active = draws.uniform(people.number, 0, 2)[0] * 0.5 * world.days
    mean = np.where((people.role == SPOOFER)[:, None] & (days[None, :] > active[:, None]), 0.2, 0.0)
    person, day, slot = spread(people, world, mean, "spoofs")
    a, b, c, d = draws.uniform(people.number[person], day, 10 + slot)
    evasion = people.evasion[person]
    coin = np.where(a < 0.5, THIN + people.number[person] % 6, np.where(a < 0.75, BTC, ETH))
    at = instant(day, (HOUR * (1 + 22 * b)).astype(np.int64))
    buys = c < 0.5
    life_of = lognormal(d, np.array([8.0, 35.0, 120.0, 600.0])[evasion], 0.8)
    layers = np.array([1, 2, 3, 4])[evasion]
    owner, nth = explode(layers)
    why = {"typology": SPOOF, "harm": True}
    script.acts.add(
        person=person[owner], at=at[owner] + nth * 2 * SECOND, kind=CANCEL, asset=coin[owner],
        partner=np.where(buys, _SELLER, _BUYER)[owner],
        value=np.rint(people.wealth[person] * _WALL[evasion] * (0.6 + a))[owner] * 100,
        life=(life_of[owner] * SECOND).astype(np.int64), is_api=True,
        incident=people.number[person[owner]] * 64 + 5, **why,
    )  # fmt: skip
    script.acts.add(
        person=person, at=at + (life_of * 0.7 * SECOND).astype(np.int64),
        kind=np.where(buys, BUY, SELL), asset=coin, mode=SHARE, value=0.1 + 0.3 * a, is_api=True,
        incident=people.number[person] * 64 + 5, **why,
    )  # fmt: skip


def pump(script: Script, life: Life) -> None:
    """Write pumps: those who know buy before, a crowd buys after, and both sell."""
    world, people = script.world, script.people
    draws = Draws(world.seed, "pump crowd")
    pumps = script.markets.pumps
    for which, (coin, start) in enumerate(zip(pumps.asset, pumps.at, strict=True)):
        a, b, c, d = draws.uniform(people.number, which)
        alive = (people.signed_up < start - 3 * DAY) & np.isin(people.role, (HONEST, SPOOFER))
        # The same few know of one pump after another.
        circle = draws.uniform(people.number, 0, 9)[0] < 0.02
        knows = np.flatnonzero(alive & circle & (a < 0.4) & (people.cohort != ARBITRAGEUR))
        crowd = np.flatnonzero(alive & ~circle & (a < 0.012))
        for who, insider in ((knows, True), (crowd, False)):
            before = -(8 + 170 * b[who] ** 2) if insider else 1 + 12 * b[who]
            after = 2 + 9 * c[who] if insider else 14 + 90 * c[who]
            why = {"typology": PUMP if insider else 0, "campaign": which, "harm": insider}
            script.acts.add(
                person=who, at=start - 4 * HOUR - (HOUR * c[who]).astype(np.int64), kind=IN,
                rail=WIRE, value=np.rint(people.wealth[who] * (0.8 + d[who])) * 100,
                bank=life.banks[who], name_match=1.0,
            )  # fmt: skip
            # As much as they came with, however much earlier pumps earned them: a thin book
            # sells nobody a fortune.
            script.acts.add(
                person=who, at=start + (MINUTE * before).astype(np.int64), kind=BUY, asset=coin,
                value=np.rint(people.wealth[who] * (0.4 + 0.5 * d[who])) * 100, **why,
            )  # fmt: skip
            script.acts.add(
                person=who, at=start + (MINUTE * after).astype(np.int64), kind=SELL, asset=coin,
                mode=SHARE, value=0.9 + 0.1 * d[who], **why,
            )  # fmt: skip
