"""Accounts taken over: by guessed passwords, a stolen phone number, or malware on the device."""

import numpy as np

from trust_safety.simulator.calendars import day_of, instant
from trust_safety.simulator.draws import Array, Draws, explode, lognormal, pick
from trust_safety.simulator.honest import Life
from trust_safety.simulator.markets import USDC
from trust_safety.simulator.networks import Networks
from trust_safety.simulator.people import HONEST, MERCHANT, OTC, PAYROLL, spread
from trust_safety.simulator.script import (
    BUY,
    LOOKALIKE,
    LOST_PHONE,
    OWN_WALLET,
    SELL,
    SHARE,
    STUFFING,
    TAKEOVER,
    WITHDRAW,
    Script,
)
from trust_safety.simulator.wallets import ROBBER, Wallets
from trust_safety.simulator.world import DAY, HOUR, MINUTE, SECOND

# By variant (stuffing, SIM swap, session theft, slow drip) and evasion 0 to 3: the chance of a
# device that the account never had, and of the victim's own network.
_NEW_DEVICE = np.array(
    [[1.0, 0.62, 0.35, 0.0], [1.0, 0.72, 0.5, 0.0], [0.1, 0.06, 0.0, 0.0], [0.0] * 4]
)
_OWN_NETWORK = np.array(
    [[0.0, 0.15, 0.4, 0.9], [0.0, 0.1, 0.3, 0.9], [0.3, 0.55, 0.8, 1.0], [1.0] * 4]
)
_RESIDENTIAL = np.array([0.2, 0.6, 0.9, 1.0])
# Median hours between the first sign-in and the money leaving.
_WAIT = np.array([0.3, 2.0, 14.0, 50.0])
_PASSES = np.array([0.3, 0.85, 0.6, 0.9])
_ASIDE = (MERCHANT, OTC, PAYROLL)


def take_over(script: Script, networks: Networks, wallets: Wallets, life: Life) -> None:
    """Write takeovers, and the honest events that look like one."""
    world, people = script.world, script.people
    days = np.arange(world.days)
    rate = world.share("ato.per_user_year") / 365
    more = np.where(days >= world.switched("campaign"), 5.0, 1.0)
    target = (people.role == HONEST) & ~np.isin(people.cohort, _ASIDE)
    person, day, slot = spread(people, world, rate * target[:, None] * more[None, :], "takeovers")
    keep = (day > people.first_day[person] + 10) & (slot == 0) & (day < world.days - 1)
    _attack(script, networks, wallets, life, person[keep], day[keep])
    scale = world.share("ato.per_user_year") / world.rates["ato.per_user_year"]
    rate = world.rates["ato.lookalikes_per_user_year"] * scale / 365
    mean = np.broadcast_to(rate * target[:, None], (people.number.size, world.days))
    person, day, slot = spread(people, world, mean, "look-alikes")
    keep = (day > people.first_day[person] + 10) & (slot == 0) & (day < world.days - 1)
    _resemble(script, networks, wallets, life, person[keep], day[keep])


def _attack(
    script: Script, networks: Networks, wallets: Wallets, life: Life, victim: Array, day: Array
) -> None:
    world, number = script.world, script.people.number[victim]
    draws = Draws(world.seed, "attacks")
    a, b, c, d = draws.uniform(number, day)
    which = pick(a, (0.4, 0.3, 0.3))
    which = np.where((day >= world.switched("slow_drip")) & (b < 0.75), 3, which)
    evasion = np.clip(
        world.evasion + (0 if world.evasion in (0, 3) else np.where(c < 0.2, -1, c > 0.8)), 0, 3
    ).astype(np.int64)
    evasion = np.where(day >= world.switched("honest_devices"), 3, evasion)
    why = {
        "typology": np.full(victim.size, TAKEOVER),
        "variant": which + STUFFING,
        "incident": number * 64 + 8 + day % 32,
        "campaign": day // 14 * 4 + which,
        "harm": np.ones(victim.size, dtype=bool),
        "reported": d < world.rates["ato.reported"],
    }
    at = instant(day, (HOUR * (1 + 20 * b)).astype(np.int64))
    login = _enter(script, networks, life, victim, at, which, evasion, why)
    _prepare(script, victim, at, login, which, evasion, why)
    _drain(script, wallets, life, victim, at, login, which, evasion, why)


def _enter(
    script: Script,
    networks: Networks,
    life: Life,
    victim: Array,
    at: Array,
    which: Array,
    evasion: Array,
    why: dict[str, Array],
) -> Array:
    people, draws = script.people, Draws(script.world.seed, "entries")
    day = (at - at % DAY) // DAY
    number = people.number[victim]
    a, b, c, d = draws.uniform(number, day)
    strange = a < _NEW_DEVICE[which, evasion]
    own = b < _OWN_NETWORK[which, evasion]
    usual = networks.usual(victim, day_of(at), np.full(victim.size, 140)).columns()
    # A farm serves a campaign: its device meets several victims, unless care is taken.
    entity = np.where((evasion < 2) & (c < 0.4), -5 - why["campaign"], number)
    foreign = networks.proxied(
        entity, 0, people.country[victim], residential=c < _RESIDENTIAL[evasion]
    ).columns()
    places = {name: np.where(own, usual[name], foreign[name]) for name in usual}
    for name in ("device", "platform"):
        places[name] = np.where(strange, foreign[name], usual[name])
    # Passwords are tried before one fits.
    tries = np.where((which == 0) & (evasion < 2) & (d < 0.5), 1 + np.floor(d * 6), 0)
    owner, nth = explode(tries.astype(np.int64))
    script.logins.add(
        person=victim[owner],
        at=at[owner] - (nth + 1) * 70 * SECOND,
        outcome=1,
        **{name: values[owner] for name, values in places.items()},
        **{name: values[owner] for name, values in why.items()},
    )
    seconds = lognormal(d, 260, 0.8)
    return script.logins.add(
        person=victim,
        at=at,
        mfa=np.where(which == 1, 1, life.mfa[victim]),
        seconds=seconds,
        clicks=np.maximum(2, seconds / (5 + 8 * a)).astype(np.int64),
        remote=(which == 2) & (c < 0.12),
        **places,
        **why,
    )


def _prepare(
    script: Script,
    victim: Array,
    at: Array,
    login: Array,
    which: Array,
    evasion: Array,
    why: dict[str, Array],
) -> None:
    """Change what would keep the owner informed; the careful change nothing."""
    draws = Draws(script.world.seed, "preparations")
    uniform = draws.uniform(script.people.number[victim], at // DAY)
    care = np.array([1.0, 0.75, 0.4, 0.05])[evasion]
    chances = np.array([[0.4, 0.3, 0.3], [0.75, 0.5, 0.1], [0.05, 0.05, 0.05], [0.0] * 3])
    # Password, second factor and e-mail in the session; the phone number at the help desk.
    for change in range(3):
        does = uniform[change] < chances[which, change] * care
        script.changes.add(
            person=victim[does],
            at=at[does] + (2 + change) * MINUTE,
            change=change,
            login=login[does],
            **{name: values[does] for name, values in why.items()},
        )
    swapped = (which == 1) & (uniform[3] < 0.8 * care)
    script.changes.add(
        person=victim[swapped],
        at=at[swapped] - (HOUR * (0.3 + 5 * uniform[0][swapped])).astype(np.int64),
        change=3,
        **{name: values[swapped] for name, values in why.items()},
    )


def _drain(
    script: Script,
    wallets: Wallets,
    life: Life,
    victim: Array,
    at: Array,
    login: Array,
    which: Array,
    evasion: Array,
    why: dict[str, Array],
) -> None:
    people, draws = script.people, Draws(script.world.seed, "drains")
    number = people.number[victim]
    a, b, c, d = draws.uniform(number, at // DAY)
    e, f, g, h = draws.uniform(number, at // DAY, 1)
    wait = lognormal(a, _WAIT[evasion], 1.1)
    wait = np.where(which == 3, 24 * (12 + 10 * a), np.minimum(wait, 140))
    when = at + (HOUR * wait).astype(np.int64) + 3 * MINUTE
    # Several victims' coins meet at one address, unless the gang takes care.
    share = np.where(
        evasion == 0, why["campaign"], np.where(e < 0.3, why["campaign"] + 7 * (number % 3), number)
    )
    to = wallets.criminal(ROBBER, share, np.where(evasion == 0, 0, why["campaign"]))
    to = np.where(evasion >= 2, wallets.criminal(ROBBER, number, at // DAY), to)
    coin, other = life.coin[victim], life.other[victim]
    sold = (b < 0.45) & (which != 3)
    for asset, kind, wait_for in (
        (coin, SELL, 0),
        (other, SELL, 1),
        (np.full(victim.size, USDC), BUY, 2),
    ):
        script.acts.add(
            person=victim[sold],
            at=when[sold] + wait_for * MINUTE,
            kind=kind,
            asset=asset[sold],
            mode=SHARE,
            value=1.0,
            login=login[sold],
            **{name: values[sold] for name, values in why.items()},
        )
    drips = np.where(which == 3, 4 + np.floor(4 * c), 1 + (f < 0.45)).astype(np.int64)
    owner, nth = explode(drips)
    slow = which[owner] == 3
    step = np.where(slow, 3 * DAY + (DAY * g[owner]).astype(np.int64), 25 * MINUTE)
    part = np.where(
        slow,
        0.10 + 0.12 * d[owner],
        np.where(drips[owner] == 1, 0.35 + 0.65 * np.sqrt(d[owner]), 0.5 + 0.5 * nth),
    )
    asset = np.where(sold[owner], USDC, np.where((nth == 1) & ~slow, other[owner], coin[owner]))
    # A drip uses the owner's own session; others come back for the money.
    script.acts.add(
        person=victim[owner],
        at=when[owner] + (4 + 3 * nth) * MINUTE + nth * step,
        kind=WITHDRAW,
        asset=asset,
        mode=SHARE,
        value=part,
        login=login[owner],
        address=to[owner],
        is_new_address=~slow & (nth == 0),
        passes=(h < _PASSES[which])[owner],
        **{name: values[owner] for name, values in why.items()},
    )
    # The address is written down when the account is entered, and grows old in the book.
    drip = which == 3
    script.book.add(
        person=victim[drip], at=at[drip] + 5 * MINUTE, address=to[drip], login=login[drip]
    )


def _resemble(
    script: Script, networks: Networks, wallets: Wallets, life: Life, person: Array, day: Array
) -> None:
    """A lost phone, or a move to an own wallet: a new device, new credentials, everything out."""
    people, draws = script.people, Draws(script.world.seed, "resemblances")
    number = people.number[person]
    a, b, c, d = draws.uniform(number, day)
    e, f, g, h = draws.uniform(number, day, 1)
    lost = a < 0.55
    at = instant(day, (HOUR * (2 + 20 * b)).astype(np.int64))
    places = networks.usual(person, day, np.full(person.size, 150)).columns()
    new = draws.code(number, day, 3).view(np.int64)
    places["device"] = np.where(lost, new, places["device"])
    away = lost & (f < 0.2)
    foreign = networks.proxied(number, day, people.country[person], residential=f < 0.1).columns()
    for name in ("ip", "country", "asn", "asn_kind", "rtt"):
        places[name] = np.where(away, foreign[name], places[name])
    failed = lost & (c < 0.4)
    script.logins.add(
        person=person[failed],
        at=at[failed] - 50 * SECOND,
        outcome=1,
        **{name: values[failed] for name, values in places.items()},
    )
    why = {
        "typology": np.full(person.size, LOOKALIKE),
        "variant": np.where(lost, LOST_PHONE, OWN_WALLET),
    }
    seconds = lognormal(d, 280, 0.8)
    login = script.logins.add(
        person=person, at=at, mfa=life.mfa[person], seconds=seconds,
        clicks=np.maximum(2, seconds / (6 + 9 * e)).astype(np.int64), **places, **why,
    )  # fmt: skip
    for change, chance in ((0, 0.5), (1, 0.55), (3, 0.2), (2, 0.1)):
        does = lost & (draws.uniform(number, day, 10 + change)[0] < chance)
        script.changes.add(
            person=person[does],
            at=at[does] + (2 + change) * MINUTE,
            change=change,
            login=np.where(change == 3, -1, login[does]),
        )
    sends = ~lost | (g < 0.45)
    who = person[sends]
    when = at[sends] + (HOUR * lognormal(h[sends], 2.5, 1.2)).astype(np.int64)
    fresh = np.ones(who.size, dtype=bool)
    script.acts.add(
        person=who,
        at=when + 5 * MINUTE,
        kind=WITHDRAW,
        asset=life.coin[who],
        mode=SHARE,
        value=0.35 + 0.65 * np.sqrt(e[sends]),
        login=login[sends],
        address=wallets.own(who, day[sends], np.full(who.size, 88), fresh=fresh),
        is_new_address=True,
        passes=f[sends] < 0.95,
        typology=LOOKALIKE,
        variant=why["variant"][sends],
    )
