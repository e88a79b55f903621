"""Accounts that are not people: mules that pass money on, and farms of invented names."""

import numpy as np

from trust_safety.simulator.calendars import instant
from trust_safety.simulator.draws import Array, Draws, explode, lognormal
from trust_safety.simulator.honest import Life
from trust_safety.simulator.markets import USDC
from trust_safety.simulator.people import (
    FIAT_LIMITS,
    HONEST,
    MERCHANT,
    MULE,
    OTC,
    PAYROLL,
    SYNTHETIC,
)
from trust_safety.simulator.script import (
    BUY,
    CARD,
    CLOSE,
    DEPOSIT,
    IN,
    MULED,
    OF_ACT,
    RTP,
    SHARE,
    SYNTHETICS,
    WITHDRAW,
    Script,
)
from trust_safety.simulator.wallets import LAUNDRY, SWINDLER, Wallets
from trust_safety.simulator.world import DAY, HOUR, MINUTE, World

# Median hours that money stays, and the share of payers whose name is another's, by evasion.
_STAY = np.array([0.4, 16.0, 40.0, 90.0])
_STRANGE = np.array([0.9, 0.3, 0.2, 0.1])


def begin_day(world: World, first_day: Array, ring: Array, number: Array) -> Array:
    """The day on which an account of a ring starts to work."""
    draws = Draws(world.seed, "ring days")
    a, _, _, _ = draws.uniform(ring, 0)
    b, _, _, _ = draws.uniform(number, 1)
    start = np.floor(a * world.days * 0.7) + np.floor(-np.log(b) * 12)
    return np.maximum(start, first_day + 1 + np.floor(8 * b)).astype(np.int64)


def carry(script: Script, wallets: Wallets, life: Life) -> None:
    """Write what mules do: money comes from strangers and leaves within hours or days."""
    world, people = script.world, script.people
    mules = people.of_role(MULE)
    if not mules.size:
        return
    draws = Draws(world.seed, "mules")
    begin = begin_day(world, people.first_day[mules], people.ring[mules], people.number[mules])
    a, b, c, _ = draws.uniform(people.number[mules])
    lasts = (12 + 30 * a).astype(np.int64)
    counts = np.clip(np.rint(lognormal(b, 9, 0.6)), 3, 40).astype(np.int64)
    owner, nth = explode(counts)
    person = mules[owner]
    e, f, g, h = draws.uniform(people.number[person], 1, nth)
    day = begin[owner] + np.floor(lasts[owner] * e).astype(np.int64)
    inside = day < world.days - 1
    owner, nth, day, person = owner[inside], nth[inside], day[inside], person[inside]
    e, f, g, h = e[inside], f[inside], g[inside], h[inside]
    p, q, r, s = draws.uniform(people.number[person], 2, nth)
    evasion = people.evasion[person]
    at = instant(day, (HOUR * (6 + 16 * f)).astype(np.int64))
    limit = np.array(FIAT_LIMITS)[people.tier_at(person, day) - 1]
    amount = np.minimum(people.wealth[person] * lognormal(g, 2.2, 0.8), 3 * limit)
    amount = np.where(p < 0.45, np.rint(amount / 50) * 50, amount)
    why = {
        "typology": np.full(person.size, MULED),
        "incident": people.number[person] * 64 + 2,
        "campaign": people.ring[person],
        "harm": np.ones(person.size, dtype=bool),
    }
    coins = h < 0.4
    strange = q < _STRANGE[evasion]
    came = np.empty(person.size, dtype=np.int64)
    came[~coins] = script.acts.add(
        person=person[~coins],
        at=at[~coins],
        kind=IN,
        rail=RTP,
        value=np.rint(np.clip(amount[~coins], 20, None) * 100),
        bank=-1,
        name_match=np.where(strange, 0.4 * r, 1 - 0.3 * r)[~coins],
        memo=np.floor(s[~coins] * 16).astype(np.int64),
        **{name: values[~coins] for name, values in why.items()},
    )
    came[coins] = script.acts.add(
        person=person[coins],
        at=at[coins],
        kind=DEPOSIT,
        asset=USDC,
        value=np.rint(np.clip(amount[coins], 20, None) * 100),
        address=wallets.criminal(SWINDLER, people.ring[person[coins]], nth[coins] % 7),
        **{name: values[coins] for name, values in why.items()},
    )
    _pass_on(script, wallets, life, person, nth, day, at, came, coins, why)
    _close(script, mules, begin + 30, 60, c, 0.75, MULE)


def _pass_on(
    script: Script,
    wallets: Wallets,
    life: Life,
    person: Array,
    nth: Array,
    day: Array,
    at: Array,
    came: Array,
    coins: Array,
    why: dict[str, Array],
) -> None:
    people, draws = script.people, Draws(script.world.seed, "passing on")
    evasion = people.evasion[person]
    a, b, c, d = draws.uniform(people.number[person], day, nth)
    e, f, g, _ = draws.uniform(people.number[person], day, 300 + nth)
    stay = (HOUR * np.minimum(lognormal(a, _STAY[evasion], 1.0), 300)).astype(np.int64)
    when = at + 10 * MINUTE + stay
    login = life.sign_in(person, when, slot=200 + nth % 40, failed=e)
    script.acts.add(
        person=person[~coins],
        at=(when + 3 * MINUTE)[~coins],
        kind=BUY,
        asset=USDC,
        mode=SHARE,
        value=(0.8 + 0.2 * b)[~coins],
        of=came[~coins],
        login=login[~coins],
    )
    ring = people.ring[person]
    single = (evasion >= 2) | (c < 0.45)
    to = wallets.criminal(LAUNDRY, np.where(single, people.number[person], ring), nth % 3)
    # Some buy something for themselves, as anybody would.
    keeps = f < np.array([0.05, 0.4, 0.5, 0.6])[evasion]
    sent = script.acts.add(
        person=person,
        at=when + 8 * MINUTE,
        kind=WITHDRAW,
        asset=USDC,
        mode=SHARE,
        value=np.where(keeps, 0.5 + 0.3 * d, 0.85 + 0.15 * d),
        of=came,
        login=login,
        address=to,
        is_new_address=nth < 3,
        passes=d < 0.85,
        **why,
    )
    # The first of the ring collects: what the others send comes back to the exchange.
    first = np.flatnonzero((people.role == MULE) & (people.ring_rank == 0))
    head = first[np.searchsorted(people.ring[first], ring)]
    collects = (head != person) & (g < 0.25)
    script.acts.add(
        person=head[collects],
        at=(when + 3 * HOUR + stay // 2)[collects],
        kind=DEPOSIT,
        asset=USDC,
        mode=OF_ACT,
        value=0.98,
        of=sent[collects],
        address=to[collects],
        **{name: values[collects] for name, values in why.items()},
    )


def farm(script: Script, wallets: Wallets, life: Life) -> None:
    """Write what invented people do: small payments, a bonus, and out to one wallet."""
    world, people = script.world, script.people
    made = people.of_role(SYNTHETIC)
    if not made.size:
        return
    draws = Draws(world.seed, "farms")
    owner, nth = explode(
        1 + np.floor(draws.uniform(people.number[made], 0)[0] * 3.99).astype(np.int64)
    )
    person = made[owner]
    a, b, c, d = draws.uniform(people.number[person], 1, nth)
    day = np.maximum(people.first_day[person], 0) + 1 + nth * 6 + np.floor(5 * a).astype(np.int64)
    inside = day < world.days - 1
    person, nth, day = person[inside], nth[inside], day[inside]
    a, b, c, d = a[inside], b[inside], c[inside], d[inside]
    at = instant(day, (HOUR * (3 + 19 * b)).astype(np.int64))
    login = life.sign_in(person, at, slot=240 + nth, failed=c)
    why = {
        "typology": np.full(person.size, SYNTHETICS),
        "incident": people.number[person] * 64 + 3,
        "campaign": people.ring[person],
        "harm": np.ones(person.size, dtype=bool),
    }
    paid = script.acts.add(
        person=person,
        at=at + MINUTE,
        kind=IN,
        rail=np.where(d < 0.5, CARD, RTP),
        value=np.rint(lognormal(c, 70, 0.6)) * 100,
        card=np.where(d < 0.5, life.card(person, day), -1),
        bin=np.where(d < 0.5, life.card_bin(person), 0),
        bank=-1,
        name_match=np.where(d < 0.5, np.nan, 1 - 0.5 * d * c),
        login=login,
        **why,
    )
    script.acts.add(
        person=person,
        at=at + 5 * MINUTE,
        kind=BUY,
        asset=USDC,
        mode=SHARE,
        value=0.95,
        of=paid,
        login=login,
    )
    single = people.evasion[person] >= 2
    script.acts.add(
        person=person,
        at=at + 9 * MINUTE + (DAY * lognormal(a, 0.8, 1.0)).astype(np.int64),
        kind=WITHDRAW,
        asset=USDC,
        mode=SHARE,
        value=0.9 + 0.1 * b,
        of=paid,
        login=login,
        address=wallets.criminal(
            LAUNDRY, np.where(single, people.number[person], people.ring[person]), 9
        ),
        is_new_address=nth == 0,
        **why,
    )
    start = np.maximum(people.first_day[made], 0) + 30
    _close(script, made, start, 90, draws.uniform(people.number[made], 9)[0], 0.7, SYNTHETIC)


def _close(
    script: Script,
    person: Array,
    start: Array,
    within: int,
    uniform: Array,
    caught: float,
    why: int,
) -> None:
    """Off-board those who are found, 30 days or more after they began."""
    day = start + np.floor(within * uniform / caught).astype(np.int64)
    found = (uniform < caught) & (day < script.world.days)
    script.acts.add(
        person=person[found], at=instant(day[found], 15 * HOUR), kind=CLOSE, value=float(why)
    )


def mistake(script: Script) -> None:
    """Off-board a few who did nothing, merchants and desks above all; some appeals are upheld."""
    world, people = script.world, script.people
    draws = Draws(world.seed, "mistakes")
    busy = np.isin(people.cohort, (MERCHANT, OTC, PAYROLL))
    chance = 0.10 * (world.share("mule.users") + world.share("synthetic.signups"))
    a, b, c, d = draws.uniform(people.number)
    wrong = np.flatnonzero((people.role == HONEST) & (a < chance * np.where(busy, 6.0, 0.7)))
    day = np.maximum(people.first_day[wrong], 0) + 30 + np.floor(b[wrong] * 60).astype(np.int64)
    inside = day < world.days
    who, day = wrong[inside], day[inside]
    at = instant(day, 15 * HOUR)
    script.acts.add(person=who, at=at, kind=CLOSE, value=float(MULE))
    upheld = c[who] < 0.6
    again = at[upheld] + (DAY * (4 + 20 * d[who[upheld]])).astype(np.int64)
    script.acts.add(person=who[upheld], at=again, kind=CLOSE, value=-float(MULE))
