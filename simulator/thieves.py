"""Stolen bank logins and stolen cards, paid in, turned into coins and sent away."""

import numpy as np

from trust_safety.simulator.calendars import instant
from trust_safety.simulator.draws import Array, Draws, explode, gamma, lognormal, pick
from trust_safety.simulator.honest import FRAUD_CODE, OWNER_CODES, Life, won
from trust_safety.simulator.networks import Networks
from trust_safety.simulator.people import FIAT_LIMITS, THIEF
from trust_safety.simulator.script import (
    ACH_DEBIT,
    BUY,
    CARD,
    IN,
    SHARE,
    STOLEN_CARD,
    UNAUTHORISED,
    WITHDRAW,
    Script,
)
from trust_safety.simulator.wallets import ROBBER, Wallets
from trust_safety.simulator.world import DAY, HOUR, MINUTE

# By evasion: the share that strikes within days of signing up, and the median hours that the
# coins stay. The patient strike after two months of an ordinary life.
_YOUNG = np.array([1.0, 0.42, 0.3, 0.1])
_STAY = np.array([0.6, 3.0, 18.0, 60.0])
_NEW_LINK = np.array([1.0, 0.5, 0.3, 0.15])


def steal(script: Script, networks: Networks, wallets: Wallets, life: Life) -> None:
    """Write what thieves do, besides an ordinary life."""
    people = script.people
    thieves = people.of_role(THIEF)
    if not thieves.size:
        return
    draws = Draws(script.world.seed, "thieves")
    number, evasion = people.number[thieves], people.evasion[thieves]
    a, b, c, d = draws.uniform(number)
    young = a < _YOUNG[evasion]
    wait = np.where(young, lognormal(b, 1 + 3.0 * evasion, 0.8), lognormal(b, 70, 0.7))
    begin = np.maximum(people.first_day[thieves], 0) + 1 + np.floor(wait).astype(np.int64)
    strikes = begin < script.world.days - 2
    by_card = c < 0.4
    for chosen, how in ((strikes & ~by_card, _debits), (strikes & by_card, _cards)):
        how(script, networks, wallets, life, thieves[chosen], begin[chosen], d[chosen])


def _debits(
    script: Script,
    networks: Networks,
    wallets: Wallets,
    life: Life,
    thief: Array,
    begin: Array,
    uniform: Array,
) -> None:
    people, draws = script.people, Draws(script.world.seed, "stolen debits")
    evasion = people.evasion[thief]
    a, b, c, d = draws.uniform(people.number[thief])
    fresh = a < _NEW_LINK[evasion]
    stolen = draws.code(people.number[thief], 0, 9).view(np.int64)
    bank = np.where(fresh, stolen, life.banks[thief])
    lag = (DAY * np.minimum(lognormal(b, 0.6 + evasion, 1.0), begin)).astype(np.int64)
    script.banks.add(
        person=thief[fresh],
        at=(instant(begin, 10 * HOUR) - lag)[fresh],
        bank=stolen[fresh],
        method=np.where(c[fresh] < 0.7, 0, 2),
        routing=np.floor(d[fresh] ** 2 * 400).astype(np.int64),
        name_match=np.clip(1 - 0.2 * c**2 - (d < 0.3) * 0.4, 0, 1)[fresh],
        balance=np.round(lognormal(d[fresh], 3_000, 1.0), 2),
    )
    owner, nth = explode(1 + np.floor(uniform * 2.99).astype(np.int64))
    thief, bank, evasion = thief[owner], bank[owner], evasion[owner]
    day = begin[owner] + nth * (1 + evasion)
    inside = day < script.world.days - 1
    thief, bank, evasion, day, nth = (rows[inside] for rows in (thief, bank, evasion, day, nth))
    at, login = _sign_in(script, networks, life, thief, day, nth)
    e, f, g, h = draws.uniform(people.number[thief], day, 1)
    limit = np.array(FIAT_LIMITS)[people.tier_at(thief, day) - 1]
    # Those who see the limit stay below it.
    wish = people.wealth[thief] * lognormal(e, 1.9, 0.7)
    amount = np.where(evasion == 0, limit, np.minimum(wish, limit * (0.8 + 0.2 * f)))
    amount = np.where(g < 0.6, np.rint(amount / 50) * 50, amount)
    mean = script.world.rates["ach.unauthorised_mean_days"]
    back = at + (DAY * np.clip(gamma(h, 2.0, mean), 2, 58)).astype(np.int64)
    known = draws.uniform(people.number[thief], day, 2)
    paid = script.acts.add(
        person=thief,
        at=at + MINUTE,
        kind=IN,
        rail=ACH_DEBIT,
        value=np.rint(np.clip(amount, 20, None) * 100),
        bank=bank,
        login=login,
        code=np.where(
            known[0] < 0.88, OWNER_CODES[pick(known[1], (0.7, 0.1, 0.08, 0.1, 0.01, 0.01))], 0
        ),
        back_at=back,
        typology=UNAUTHORISED,
        harm=True,
        reported=known[0] < 0.88,
        incident=people.number[thief] * 64,
    )
    _cash_out(script, wallets, life, thief, at, day, evasion, paid, login, UNAUTHORISED)


def _cards(
    script: Script,
    networks: Networks,
    wallets: Wallets,
    life: Life,
    thief: Array,
    begin: Array,
    uniform: Array,
) -> None:
    people, draws = script.people, Draws(script.world.seed, "stolen cards")
    owner, nth = explode(2 + np.floor(uniform * 4.99).astype(np.int64))
    thief = thief[owner]
    evasion = people.evasion[thief]
    # A burst within hours; those who adapt wait for days.
    day = begin[owner] + nth * np.array([0, 2, 4, 6])[evasion]
    inside = day < script.world.days - 1
    thief, evasion, day, nth = thief[inside], evasion[inside], day[inside], nth[inside]
    at, login = _sign_in(script, networks, life, thief, day, nth)
    a, b, c, d = draws.uniform(people.number[thief], day, nth)
    e, f, g, h = draws.uniform(people.number[thief], day, 100 + nth)
    # Cards of one theft share their first digits; the careful buy from several.
    lot = np.where(b < 0.35, day // 20, 1_000 + people.number[thief] + nth)
    bins = 400_000 + (draws.words(lot, 0, 5)[0] % np.uint64(900)).astype(np.int64)
    same = c < np.array([0.0, 0.35, 0.2, 0.2])[evasion]
    card = draws.code(people.number[thief], np.where(same, 0, nth), 6).view(np.int64)
    back = at + (DAY * (15 + np.clip(gamma(e, 2.0, 30), 0, 104))).astype(np.int64)
    code = np.where(f < 0.9, FRAUD_CODE, 0)
    paid = script.acts.add(
        person=thief,
        at=at + MINUTE,
        kind=IN,
        rail=CARD,
        value=np.rint(np.clip(people.wealth[thief] * lognormal(a, 1.3, 0.7), 20, 4_000) * 100),
        card=np.where(g < 0.5, life.card(thief, day), card),
        bin=np.where(g < 0.5, life.card_bin(thief), bins),
        login=login,
        code=code,
        back_at=back,
        reversed_at=won(script.world.rates["card.won_disputes"] * 0.2, code, back, d, h),
        typology=STOLEN_CARD,
        harm=True,
        reported=f < 0.9,
        incident=people.number[thief] * 64 + 1,
    )
    _cash_out(script, wallets, life, thief, at, day, evasion, paid, login, STOLEN_CARD)


def _sign_in(
    script: Script, networks: Networks, life: Life, thief: Array, day: Array, nth: Array
) -> tuple[Array, Array]:
    """Sessions of a strike; the careless come through a hosting network."""
    draws = Draws(script.world.seed, "strikes")
    a, b, c, _ = draws.uniform(script.people.number[thief], day, nth)
    at = instant(day, (HOUR * (13 + 8 * a) + 20 * MINUTE * nth).astype(np.int64))
    hidden = b < np.array([0.7, 0.3, 0.2, 0.05])[script.people.evasion[thief]]
    login = np.empty(thief.size, dtype=np.int64)
    login[~hidden] = life.sign_in(
        thief[~hidden], at[~hidden], slot=120 + nth[~hidden], failed=c[~hidden]
    )
    country = script.people.country[thief[hidden]]
    places = networks.proxied(
        script.people.number[thief[hidden]], 0, country, residential=c[hidden] < 0.5
    )
    login[hidden] = script.logins.add(
        person=thief[hidden],
        at=at[hidden],
        mfa=life.mfa[thief[hidden]],
        seconds=200.0,
        clicks=25,
        **places.columns(),
    )
    return at, login


def _cash_out(
    script: Script,
    wallets: Wallets,
    life: Life,
    thief: Array,
    at: Array,
    day: Array,
    evasion: Array,
    paid: Array,
    login: Array,
    typology: int,
) -> None:
    draws = Draws(script.world.seed, "cash out")
    a, b, c, d = draws.uniform(script.people.number[thief], day, typology)
    stay = (HOUR * lognormal(a, _STAY[evasion], 0.9)).astype(np.int64)
    script.acts.add(
        person=thief,
        at=at + 6 * MINUTE,
        kind=BUY,
        asset=life.coin[thief],
        mode=SHARE,
        value=0.9 + 0.1 * b,
        of=paid,
        login=login,
        typology=typology,
        harm=True,
    )
    gang = wallets.criminal(ROBBER, script.people.number[thief], np.where(c < 0.5, 0, day))
    own = wallets.own(thief, day, np.full(thief.size, 77), fresh=np.ones(thief.size, dtype=bool))
    script.acts.add(
        person=thief,
        at=at + 10 * MINUTE + stay,
        kind=WITHDRAW,
        asset=life.coin[thief],
        mode=SHARE,
        value=0.85 + 0.15 * d,
        of=paid,
        login=login,
        address=np.where(c < 0.5, gang, own),
        is_new_address=True,
        typology=typology,
        harm=True,
        passes=d < 0.7,
    )
