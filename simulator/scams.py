"""People who are talked into sending their money away, themselves, from their own device."""

import numpy as np

from trust_safety.simulator.calendars import instant, waking
from trust_safety.simulator.draws import Array, Draws, explode, lognormal
from trust_safety.simulator.honest import Life
from trust_safety.simulator.markets import BTC, USDC
from trust_safety.simulator.people import HONEST, OFFSET, RETIREE, STANDARD, TRAVELLER, US, spread
from trust_safety.simulator.script import (
    ACH_DEBIT,
    BUY,
    DEPOSIT,
    ELDER,
    IMPOSTOR,
    IN,
    LOOKALIKE,
    NEW_INVESTOR,
    PIG,
    ROMANCE,
    RTP,
    SCAM,
    SHARE,
    WIRE,
    WITHDRAW,
    Script,
)
from trust_safety.simulator.wallets import SWINDLER, Wallets
from trust_safety.simulator.world import DAY, MINUTE

# Topics of tickets: see `texts`.
INVESTMENT, LOVE, URGENT, ORDINARY = range(4)


def swindle(script: Script, wallets: Wallets, life: Life) -> None:
    """Write scams, and honest newcomers who invest in the same steps."""
    world, people = script.world, script.people
    target = (people.role == HONEST) & np.isin(people.cohort, (STANDARD, TRAVELLER, RETIREE))
    # Those over sixty are met twice as often.
    weight = target * np.where(people.age == 4, 2.0, 0.92)
    scale = world.share("scam.impostor_per_user_year") / world.rates["scam.impostor_per_user_year"]
    for name, purpose, pig in (
        ("scam.pig_per_user_year", "pigs", True),
        ("scam.impostor_per_user_year", "impostors", False),
    ):
        rate = world.share(name) / 365 * 1.3
        person, day = _meet(script, weight * rate, purpose)
        draws = Draws(world.seed, purpose)
        a, b, _, _ = draws.uniform(people.number[person], day, 1)
        old = people.age[person] == 4
        variant = np.where(
            pig, PIG, np.where(old & (a < 0.5), ELDER, np.where(a < 0.75, IMPOSTOR, ROMANCE))
        )
        reported = b < world.rates["scam.pig_reported" if pig else "scam.impostor_reported"]
        _ladder(script, wallets, life, person, day, variant, reported)
    rate = world.rates["scam.lookalikes_per_user_year"] * min(scale, 6.0) / 365
    person, day = _meet(script, target * rate, "investors")
    honest = np.zeros(person.size, dtype=bool)
    _ladder(script, wallets, life, person, day, np.full(person.size, NEW_INVESTOR), honest)


def _meet(script: Script, rate: Array, purpose: str) -> tuple[Array, Array]:
    days = script.world.days
    mean = np.broadcast_to(rate[:, None], (rate.size, days))
    person, day, slot = spread(script.people, script.world, mean, purpose)
    keep = (slot == 0) & (day > script.people.first_day[person] + 2) & (day < days - 3)
    return person[keep], day[keep]


def _ladder(
    script: Script,
    wallets: Wallets,
    life: Life,
    person: Array,
    begin: Array,
    variant: Array,
    reported: Array,
) -> None:
    """Payments that grow: money in, into coins, and out to somebody else's address."""
    people, world = script.people, script.world
    draws = Draws(world.seed, "ladders")
    number = people.number[person]
    a, b, c, d = draws.uniform(number, begin)
    e, f, g, h = draws.uniform(number, begin, 1)
    honest = variant == NEW_INVESTOR
    short = np.isin(variant, (IMPOSTOR, ELDER))
    steps = np.where(short, 1 + np.floor(2.5 * a), 2 + np.floor(5 * a)).astype(np.int64)
    grows = np.where(honest, 1.0 + 0.45 * b, np.where(short, 1.1 + 0.4 * b, 1.25 + 0.45 * b))
    gap = np.where(short, 0.4 + 2 * c, np.where(honest, 3 + 12 * c, 2 + 9 * c))
    start = people.wealth[person] * lognormal(d, np.where(short, 2.4, 1.1), 0.7)
    # Victims of one campaign send to one address for a while; an own wallet is nobody else's.
    campaign = begin // 20 * 8 + np.floor(e * 3).astype(np.int64)
    alone = f < (0.3 + 0.25 * world.evasion)
    gang = wallets.criminal(SWINDLER, np.where(alone, number, campaign), np.where(alone, begin, 0))
    own = wallets.own(person, begin, np.full(person.size, 66), fresh=np.ones(person.size, bool))
    to = np.where(honest, own, gang)
    coin = np.where(g < 0.55, USDC, BTC)
    owner, nth = explode(steps)
    day = begin[owner] + np.floor(gap[owner] * nth).astype(np.int64)
    inside = day < world.days - 1
    owner, nth, day = owner[inside], nth[inside], day[inside]
    who = person[owner]
    p, q, r, s = draws.uniform(people.number[who], day, 2)
    at = instant(day, waking(p, q, OFFSET[people.country[who]]))
    login = life.sign_in(who, at, slot=np.full(who.size, 160), failed=r)
    amount = start[owner] * grows[owner] ** nth * np.exp(0.5 * (s - 0.5))
    why = {
        "typology": np.where(honest, LOOKALIKE, SCAM)[owner],
        "variant": variant[owner],
        "incident": np.where(honest, -1, number * 64 + 40)[owner],
        "campaign": np.where(honest, -1, campaign)[owner],
        "harm": ~honest[owner],
        "reported": reported[owner],
    }
    us = people.country[who] == US
    wire = amount > 3_000
    paid = script.acts.add(
        person=who,
        at=at + 2 * MINUTE,
        kind=IN,
        rail=np.where(wire, WIRE, np.where(us & (q < 0.5), ACH_DEBIT, RTP)),
        value=np.rint(amount / 10) * 1000,
        bank=life.banks[who],
        name_match=np.where(wire, 1.0 - 0.1 * q, np.nan),
        login=login,
        **why,
    )
    script.acts.add(
        person=who,
        at=at + 9 * MINUTE,
        kind=BUY,
        asset=coin[owner],
        mode=SHARE,
        value=0.9 + 0.1 * q,
        of=paid,
        login=login,
    )
    hours = np.where(honest[owner], lognormal(r, 5, 1.4), lognormal(r, 3, 1.4))
    script.acts.add(
        person=who,
        at=at + 14 * MINUTE + (hours * 60 * MINUTE).astype(np.int64),
        kind=WITHDRAW,
        asset=coin[owner],
        mode=SHARE,
        value=0.7 + 0.3 * s,
        login=login,
        address=to[owner],
        is_new_address=nth == 0,
        passes=s < 0.92,
        memo=np.where(s < 0.15, np.floor(q * 4), -1).astype(np.int64),
        **why,
    )
    # A small profit is paid out, so that more is sent.
    bait = (variant == PIG) & (h < 0.5)
    script.acts.add(
        person=person[bait],
        at=instant(begin[bait] + 4, 15 * 60 * MINUTE),
        kind=DEPOSIT,
        asset=coin[bait],
        value=np.rint(start[bait] * 15),
        address=gang[bait],
        source=-1,
        typology=SCAM,
        variant=PIG,
        campaign=campaign[bait],
        harm=True,
    )
    _write(script, person, begin, variant, draws)


def _write(script: Script, person: Array, begin: Array, variant: Array, draws: Draws) -> None:
    """Some ask the help desk about it: how to send more, or whether it is real."""
    a, b, c, _ = draws.uniform(script.people.number[person], begin, 3)
    asks = a < np.where(variant == NEW_INVESTOR, 0.2, 0.35)
    topic = np.select([variant == PIG, variant == ROMANCE], [INVESTMENT, LOVE], URGENT)
    topic = np.where((variant == NEW_INVESTOR) & (b < 0.5), INVESTMENT, topic)
    topic = np.where(b > 0.75, ORDINARY, topic)
    at = instant(
        begin + np.floor(12 * c).astype(np.int64), (DAY * 0.4 + b * 0.4 * DAY).astype(np.int64)
    )
    keep = asks & (at < instant(script.world.days, 0))
    script.tickets.add(person=person[keep], at=at[keep], topic=topic[keep])
