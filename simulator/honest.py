"""Daily life: signing in, paying in, buying, selling, sending; what most people do all the time."""

import numpy as np

from trust_safety.simulator.calendars import (
    banking_day,
    day_of,
    instant,
    since_payday,
    waking,
    weekday,
)
from trust_safety.simulator.draws import Array, Draws, gamma, lognormal, normal, pick
from trust_safety.simulator.markets import BTC, ETH, THIN, USDC
from trust_safety.simulator.networks import Networks
from trust_safety.simulator.people import (
    ARBITRAGEUR,
    MERCHANT,
    MIGRANT,
    MULE,
    OFFSET,
    OTC,
    PAYROLL,
    RETIREE,
    SYNTHETIC,
    THIEF,
    US,
    spread,
)
from trust_safety.simulator.script import (
    ACH_CREDIT,
    ACH_DEBIT,
    ADMINISTRATIVE,
    BUY,
    CANCEL,
    CARD,
    CODES,
    DEPOSIT,
    FRIENDLY,
    ILLICIT,
    IN,
    NONE,
    NSF,
    OUT,
    REMORSE,
    RTP,
    SELL,
    SHARE,
    WIRE,
    WITHDRAW,
    Script,
)
from trust_safety.simulator.wallets import Wallets
from trust_safety.simulator.world import DAY, HOUR, MINUTE, ORIGIN, SECOND

# Where the day's habits are not everybody's, this much more or less of it.
_BUSY = {THIEF: 0.6, SYNTHETIC: 0.6, MULE: 0.6}
_BANK_CODES = np.array([CODES.index(code) for code in ("R01", "R09", "R08", "R16", "R20")])
_ADMIN_CODES = np.array([CODES.index(code) for code in ("R02", "R03", "R04")])
OWNER_CODES = np.array([CODES.index(code) for code in ("R10", "R07", "R11", "R05", "R29", "R51")])
FRAUD_CODE, SERVICE_CODE = CODES.index("10.4"), CODES.index("13.1")


class Life:
    """The honest acts of a script's people; those who mean harm live so too, in between."""

    def __init__(self, script: Script, networks: Networks, wallets: Wallets) -> None:
        """Draw habits."""
        self.script, self.networks, self.wallets = script, networks, wallets
        self.people = script.people
        number = self.people.number
        draws = Draws(script.world.seed, "habits")
        a, b, c, d = draws.uniform(number)
        liked = np.array([0.36, 0.25, 0.08, 0.10, 0.06, 0.05, *(0.10 / 6,) * 6])
        self.coin = pick(a, liked)
        self.other = pick(b, liked)
        self.mfa = pick(c, (0.30, 0.36, 0.27, 0.07))
        self.banks = draws.code(number, 0, 3).view(np.int64)
        self.routing = np.floor(d**2 * 400).astype(np.int64)
        self.method = pick(draws.uniform(number, 1)[0], (0.62, 0.26, 0.12))
        self.rails = self._rails()
        self._draws = draws

    def _rails(self) -> Array:
        us = self.people.country == US
        shares = np.where(us[:, None], (0.62, 0.0, 0.06, 0.10, 0.22), (0.0, 0.0, 0.05, 0.55, 0.40))
        shares[self.people.cohort == RETIREE] = (0.25, 0.0, 0.6, 0.1, 0.05)
        return shares

    def live(self) -> None:
        """Write everything."""
        self._open()
        self._sessions()
        self._businesses()
        self._bots()

    def _open(self) -> None:
        """Accounts linked to banks, and what those who came before the first day had."""
        people, draws = self.people, self._draws
        everyone = np.arange(people.number.size)
        number = people.number[everyone]
        a, b, c, d = draws.uniform(number, 2)
        matched = np.clip(1 - 0.16 * c**2 - np.where(d < 0.05, 0.5 * a, 0), 0, 1)
        at = people.signed_up[everyone] + (HOUR * (0.2 + 20 * b**3)).astype(np.int64)
        self.script.banks.add(
            person=everyone,
            at=at,
            bank=self.banks[everyone],
            method=self.method[everyone],
            routing=self.routing[everyone],
            savings=d < 0.15,
            name_match=matched,
            balance=np.round(people.bank_wealth[everyone] * np.exp(0.5 * normal(a)), 2),
        )
        # Some change their bank: a second account, and the first is sometimes taken away.
        second = everyone[c < 0.18]
        when = people.signed_up[second] + (DAY * (10 + 300 * b[c < 0.18])).astype(np.int64)
        inside = when < ORIGIN + self.script.world.days * DAY
        second, when = second[inside], when[inside]
        self.script.banks.add(
            person=second,
            at=when,
            bank=self.second_bank(second),
            method=self.method[second],
            routing=(self.routing[second] * 7 + 11) % 400,
            name_match=np.clip(1 - 0.2 * draws.uniform(people.number[second], 3)[0], 0, 1),
            balance=np.round(people.bank_wealth[second] * 0.6, 2),
        )
        gone = draws.uniform(people.number[second], 3)[1] < 0.4
        self.script.banks.add(
            person=second[gone],
            at=when[gone] + 3 * DAY,
            bank=self.banks[second[gone]],
            linked=False,
            method=self.method[second[gone]],
            routing=self.routing[second[gone]],
        )
        old = everyone[(people.first_day[everyone] < 0) & (a < 0.7)]
        number = people.number[old]
        a, b, c, d = draws.uniform(number, 4)
        at = people.signed_up[old] + (DAY * (1 + b)).astype(np.int64)
        paid = self.script.acts.add(
            person=old,
            at=at,
            kind=IN,
            rail=WIRE,
            value=_cents(lognormal(a, 4.0, 0.8) * people.wealth[old]),
            bank=self.banks[old],
            name_match=1.0,
        )
        self.script.acts.add(
            person=old[c < 0.9],
            at=at[c < 0.9] + 3 * HOUR,
            kind=BUY,
            asset=self.coin[old[c < 0.9]],
            mode=SHARE,
            value=0.5 + 0.5 * d[c < 0.9],
            of=paid[c < 0.9],
        )

    def second_bank(self, person: Array) -> Array:
        """The bank account that some link later."""
        return self._draws.code(self.people.number[person], 1, 3).view(np.int64)

    def _sessions(self) -> None:
        script, people = self.script, self.people
        days = np.arange(script.world.days)
        busy = np.ones(people.number.size)
        for role, factor in _BUSY.items():
            busy[people.role == role] = factor
        week = np.where(weekday(days) >= 5, 0.8, 1.08)
        tenure = np.clip(days[None, :] - people.first_day[:, None], 0, None)
        # Most lose interest; a new account is busiest.
        decay = 0.45 + 1.6 * np.exp(-tenure / 25) + 0.4 * np.exp(-tenure / 200)
        mean = (people.activity * busy)[:, None] * (week * script.markets.heat[days])[None, :]
        person, day, slot = spread(people, script.world, mean * decay, "sessions")
        draws = Draws(script.world.seed, "sessions")
        number = people.number[person]
        a, b, c, d = draws.uniform(number, day, slot)
        at = instant(day, waking(a, b, OFFSET[people.country[person]]))
        login = self.sign_in(person, at, slot=slot, failed=c)
        self._changes(person, at, login, d)
        self._pay(person, day, slot, at, login)

    def sign_in(self, person: Array, at: Array, *, slot: Array, failed: Array) -> Array:
        """Own sessions, with what fails before them; positions of the logins that succeed."""
        logins, people = self.script.logins, self.people
        day = day_of(at)
        draws = Draws(self.script.world.seed, "pace")
        a, b, c, d = draws.uniform(people.number[person], day, 64 + slot)
        places = self.networks.usual(person, day, slot).columns()
        # People are themselves: some quick, some slow; now and then somebody stays for an hour.
        own = draws.uniform(people.number[person], 0, 63)[0]
        seconds = lognormal(a, 60 + 300 * own, 0.8) * np.where(c < 0.04, 6.0, 1.0)
        rate = self.script.world.rates["login.failed"]
        many = (failed < rate * 0.85).astype(np.int64) + (failed < rate * 0.12)
        for again in (1, 2):
            wrong = many >= again
            self.script.logins.add(
                person=person[wrong],
                at=at[wrong] - again * (9 + np.floor(40 * b[wrong])).astype(np.int64) * SECOND,
                outcome=np.where(d[wrong] < 0.15, 2, 1),
                mfa=self.mfa[person[wrong]],
                **{name: values[wrong] for name, values in places.items()},
            )
        return logins.add(
            person=person,
            at=at,
            mfa=self.mfa[person],
            seconds=seconds,
            clicks=np.maximum(2, seconds / (6 + 9 * own)).astype(np.int64),
            remote=(d > 0.9975) | ((people.age[person] == 4) & (d > 0.99)),
            **places,
        )

    def _changes(self, person: Array, at: Array, login: Array, uniform: Array) -> None:
        # password, two_factor, email, phone, api_key, limit_raise
        chance = np.cumsum([0.012, 0.006, 0.003, 0.003, 0.002, 0.006])
        kind = np.searchsorted(chance, uniform, side="right")
        some = kind < len(chance)
        self.script.changes.add(
            person=person[some],
            at=at[some] + 40 * SECOND,
            change=kind[some],
            detail=np.where(kind[some] == 4, 1, -1),
            login=login[some],
        )

    def _pay(self, person: Array, day: Array, slot: Array, at: Array, login: Array) -> None:
        people, draws = self.people, Draws(self.script.world.seed, "payments")
        number, cohort = people.number[person], people.cohort[person]
        a, b, c, d = draws.uniform(number, day, slot)
        wages = since_payday(day)
        wish = 0.20 + 0.20 * (wages < 3) + 0.12 * (cohort == MIGRANT) * (wages < 4)
        wish = np.where(people.role[person] == SYNTHETIC, 0.25, wish)
        # A retiree buys once, and then looks at it.
        late = day - np.maximum(people.first_day[person], 0)
        wish = np.where(cohort == RETIREE, np.where(late < 25, 0.3, 0.01), wish)
        pays = a < wish
        paid = self._pay_in(person[pays], day[pays], slot[pays], at[pays], login[pays])
        bought = pays & (b < 0.85)
        first = np.full(person.size, -1)
        first[pays] = paid
        self._trade(person, day, slot, at, login, bought, first, c, d)
        self._send(person, day, slot, at, login, pays)

    def _trade(
        self,
        person: Array,
        day: Array,
        slot: Array,
        at: Array,
        login: Array,
        bought: Array,
        paid: Array,
        c: Array,
        d: Array,
    ) -> None:
        draws = Draws(self.script.world.seed, "trades")
        e, f, g, h = draws.uniform(self.people.number[person], day, slot)
        coin = np.where(e < 0.72, self.coin[person], self.other[person])
        coin = np.where(self.people.cohort[person] == MIGRANT, USDC, coin)
        wait = (MINUTE * (1 + 9 * f)).astype(np.int64)
        buys = bought | (c < 0.10)
        share = np.where(bought, 0.55 + 0.45 * np.sqrt(g), 0.1 + 0.8 * g)
        self.script.acts.add(
            person=person[buys],
            at=at[buys] + wait[buys],
            kind=BUY,
            asset=coin[buys],
            mode=SHARE,
            value=share[buys],
            login=login[buys],
            of=np.where(bought, paid, -1)[buys],
        )
        sells = ~buys & (d < 0.15)
        self.script.acts.add(
            person=person[sells],
            at=at[sells] + wait[sells],
            kind=SELL,
            asset=coin[sells],
            mode=SHARE,
            value=np.where(h < 0.3, 1.0, 0.1 + 0.7 * g)[sells],
            login=login[sells],
        )
        # Limit orders that are thought better of.
        taken_back = ~buys & ~sells & (h < 0.12)
        self.script.acts.add(
            person=person[taken_back],
            at=at[taken_back] + wait[taken_back],
            kind=CANCEL,
            asset=coin[taken_back],
            partner=np.where(g[taken_back] < 0.5, -1, -2),
            value=_cents(self.people.wealth[person[taken_back]] * (0.3 + f[taken_back])),
            life=(lognormal(e[taken_back], 400, 1.6) * SECOND).astype(np.int64),
            login=login[taken_back],
        )

    def _send(
        self, person: Array, day: Array, slot: Array, at: Array, login: Array, pays: Array
    ) -> None:
        script, people = self.script, self.people
        draws = Draws(script.world.seed, "sends")
        number, cohort = people.number[person], people.cohort[person]
        a, b, c, d = draws.uniform(number, day, slot)
        e, f, _, _ = draws.uniform(number, day, 500 + slot)
        sends = a < np.where(cohort == MIGRANT, np.where(pays, 0.8, 0.06), 0.11)
        wait = (MINUTE * (11 + 14 * b)).astype(np.int64)
        who, when = person[sends], at[sends] + wait[sends]
        coin = np.where(c < 0.75, self.coin[person], self.other[person])
        coin = np.where(cohort == MIGRANT, USDC, coin)[sends]
        fresh = d[sends] < np.where(cohort[sends] == MIGRANT, 0.06, 0.5)
        to = self.wallets.own(who, day[sends], slot[sends], fresh=fresh)
        share = np.where(e < 0.45, 1.0, 0.08 + 0.8 * f)[sends]
        script.acts.add(
            person=who,
            at=when,
            kind=WITHDRAW,
            asset=coin,
            mode=SHARE,
            value=share,
            login=login[sends],
            address=to,
            is_new_address=fresh,
        )
        out = ~sends & (b < 0.055)
        script.acts.add(
            person=person[out],
            at=at[out] + wait[out],
            kind=OUT,
            rail=np.where(people.country[person[out]] == US, ACH_CREDIT, RTP),
            mode=SHARE,
            value=np.where(e < 0.5, 1.0, 0.2 + 0.8 * f)[out],
            bank=self.banks[person[out]],
            login=login[out],
        )
        # Coins come from outside at any hour.
        comes = c > 0.95
        who, day, f = person[comes], day[comes], f[comes]
        when = instant(day, (DAY * f).astype(np.int64))
        origin = self.wallets.origin(who, day, slot[comes])
        dirty = origin.pop("dirty")
        script.acts.add(
            person=who,
            at=when,
            kind=DEPOSIT,
            asset=np.where(e[comes] < 0.8, self.coin[who], USDC),
            value=_cents(people.wealth[who] * lognormal(b[comes], 1.1, 0.9)),
            typology=np.where(dirty, ILLICIT, NONE),
            **origin,
        )

    def _pay_in(self, person: Array, day: Array, slot: Array, at: Array, login: Array) -> Array:
        people, draws = self.people, Draws(self.script.world.seed, "amounts")
        number = people.number[person]
        a, b, c, d = draws.uniform(number, day, slot)
        e, f, g, h = draws.uniform(number, day, 500 + slot)
        cut = np.cumsum(self.rails[person], axis=1)
        rail = (a[:, None] > cut / cut[:, -1:]).sum(axis=1)
        amount = people.wealth[person] * lognormal(b, 1.0, 0.6)
        # Savings are moved in once in a while.
        amount = np.where(f < 0.04, amount * (3 + 10 * e), amount)
        amount = np.clip(_rounded(amount, c), 10, None)
        limit = np.array((500, 5_000, 25_000))[people.tier_at(person, day) - 1]
        # People meet their limit, and then use all of it.
        amount = np.where(rail == WIRE, np.maximum(amount, 250), np.minimum(amount, limit))
        bank = np.where(g < 0.9, self.banks[person], self.second_bank(person))
        linked = self.script.people.signed_up[person] + 310 * DAY < at
        bank = np.where(linked, bank, self.banks[person])
        balance = self.balance(person, day, d)
        code, back, why, reversed_at = self._comes_back(
            person, day, slot, at, rail=rail, amount=amount, balance=balance
        )
        # What the bank says is hours or days old.
        seen = (rail == ACH_DEBIT) & (self.method[person] == 0) & (h < 0.8)
        age = (lognormal(h, 20, 1.0) * HOUR).astype(np.int64)
        age = np.minimum(age, np.maximum(at - people.signed_up[person] - HOUR, HOUR))
        self.script.banks.add(
            person=person[seen],
            at=(at - age)[seen],
            bank=bank[seen],
            method=-1,
            balance=np.round(balance * np.exp(0.45 * normal(e)), 2)[seen],
        )
        return self.script.acts.add(
            person=person,
            at=at + (25 * SECOND + 50 * SECOND * e).astype(np.int64),
            kind=IN,
            rail=rail,
            value=_cents(amount),
            bank=np.where(rail == CARD, -1, bank),
            card=np.where(rail == CARD, self.card(person, day), -1),
            bin=np.where(rail == CARD, self.card_bin(person), 0),
            name_match=np.where(
                rail >= WIRE, np.clip(1 - 0.2 * e**3 - (f < 0.04) * 0.6, 0, 1), np.nan
            ),
            memo=np.where(rail == RTP, np.floor(e * 12), -1).astype(np.int64),
            login=login,
            code=code,
            back_at=back,
            reversed_at=reversed_at,
            typology=why,
            reported=why != NONE,
        )

    def balance(self, person: Array, day: Array, uniform: Array) -> Array:
        """What the bank account holds: wages come, and are spent."""
        left = 1.0 - 0.062 * since_payday(day)
        return self.people.bank_wealth[person] * left * np.exp(0.6 * normal(uniform))

    def card(self, person: Array, day: Array) -> Array:
        """The person's card; it is renewed every other year."""
        return self._draws.code(self.people.number[person], (day + 900) // 700, 4).view(np.int64)

    def card_bin(self, person: Array) -> Array:
        """First six digits of the person's card."""
        return 400_000 + (self.routing[person] * 37) % 900

    def _comes_back(
        self,
        person: Array,
        day: Array,
        slot: Array,
        at: Array,
        *,
        rail: Array,
        amount: Array,
        balance: Array,
    ) -> tuple[Array, Array, Array, Array]:
        """Return codes, when they would be known, why, and when a dispute would be won."""
        rates = self.script.world.rates
        draws = Draws(self.script.world.seed, "returns")
        number = self.people.number[person]
        a, b, c, d = draws.uniform(number, day, slot)
        e, f, g, h = draws.uniform(number, day, 500 + slot)
        debit = rail == ACH_DEBIT
        # Money short: what the person forgot is as large as what they knew.
        short = np.log(amount / balance) + 0.9 * normal(a) > 2.75 - 60 * (rates["ach.nsf"] - 0.015)
        drop = self.script.markets.drop_after(self.coin[person], at, 20)
        sorry = np.clip((drop - 0.10) / 0.10, 0, 3) * 2.2 * rates["ach.remorse"]
        why = np.select(
            [
                debit & short,
                debit
                & (b < rates["ach.administrative"] * np.where(self.method[person] > 0, 2, 0.5)),
                debit & (c < sorry),
                debit & (c > 1 - rates["ach.friendly"]),
                (rail == CARD) & (c > 1 - rates["card.friendly"]),
            ],
            [NSF, ADMINISTRATIVE, REMORSE, FRIENDLY, FRIENDLY],
            NONE,
        )
        bank = _BANK_CODES[pick(d, (0.80, 0.12, 0.05, 0.02, 0.01))]
        owner = OWNER_CODES[pick(d, (0.62, 0.18, 0.10, 0.06, 0.02, 0.02))]
        sorry_code = np.where(d < 0.6, CODES.index("R07"), CODES.index("R10"))
        card = np.where(d < 0.5, FRAUD_CODE, SERVICE_CODE)
        code = np.select(
            [why == NSF, why == ADMINISTRATIVE, why == REMORSE, (why == FRIENDLY) & debit,
             why == FRIENDLY],
            [bank, _ADMIN_CODES[pick(d, (0.5, 0.3, 0.2))], sorry_code, owner, card], 0,
        )  # fmt: skip
        back = self.back_at(at, why, e, f)
        reversed_at = won(rates["card.won_disputes"], code, back, g, h)
        return code, np.where(why == NONE, 0, back), why, reversed_at

    def back_at(self, at: Array, why: Array, e: Array, f: Array) -> Array:
        """When a payment of a kind comes back; codes of the bank take two banking days."""
        mean = self.script.world.rates["ach.unauthorised_mean_days"]
        day = day_of(at)
        quick = banking_day(day, 1 + (e < 0.8).astype(np.int64))
        slow = banking_day(day + np.clip(gamma(e, 2.0, mean), 2, 58).astype(np.int64), 0)
        sorry = banking_day(day + 5 + np.floor(e * 40).astype(np.int64), 0)
        choice = np.select(
            [(why == NSF) | (why == ADMINISTRATIVE), why == REMORSE], [quick, sorry], slow
        )
        return instant(choice, (HOUR * (20 + 3 * f)).astype(np.int64))

    def _businesses(self) -> None:
        """Merchants, payroll and desks: much comes in from many, and leaves at once."""
        people, script = self.people, self.script
        draws = Draws(script.world.seed, "business")
        cohorts = {MERCHANT: 1.0, OTC: 0.8, PAYROLL: 0.25}
        mean = np.zeros((people.number.size, script.world.days))
        for cohort, rate in cohorts.items():
            mean[people.cohort == cohort] = rate
        payday = since_payday(np.arange(script.world.days)) == 0
        mean[people.cohort == PAYROLL] *= np.where(payday, 30.0, 0.0)
        person, day, slot = spread(people, script.world, mean, "business")
        number = people.number[person]
        a, b, c, d = draws.uniform(number, day, slot)
        e, f, g, h = draws.uniform(number, day, 500 + slot)
        at = instant(day, (HOUR * (8 + 11 * a)).astype(np.int64))
        coins = (people.cohort[person] != PAYROLL) | (b < 0.3)
        amount = _cents(people.wealth[person] * lognormal(c, 0.35, 0.8))
        who = person[coins]
        origin = self.wallets.origin(who, day[coins], 800 + slot[coins])
        dirty = origin.pop("dirty")
        known = self.wallets.customers(who, e[coins])
        origin["address"] = np.where(dirty | (origin["hops"] == 0), origin["address"], known)
        script.acts.add(
            person=who,
            at=at[coins],
            kind=DEPOSIT,
            asset=np.where(d[coins] < 0.6, USDC, np.where(d[coins] < 0.8, BTC, ETH)),
            value=amount[coins],
            typology=np.where(dirty, ILLICIT, NONE),
            **origin,
        )
        script.acts.add(
            person=person[~coins],
            at=at[~coins],
            kind=IN,
            rail=RTP,
            value=amount[~coins],
            bank=-1,
            name_match=0.3 * e[~coins],
            memo=np.floor(f[~coins] * 12).astype(np.int64),
        )
        # In the evening it is turned into dollars or sent on.
        last = (slot == 0) & (e < 0.8)
        who, day, f, g, h = person[last], day[last], f[last], g[last], h[last]
        evening = instant(day, (HOUR * (20 + 2 * f)).astype(np.int64))
        login = self.sign_in(who, evening, slot=np.full(who.size, 90), failed=h)
        script.acts.add(
            person=who,
            at=evening + 4 * MINUTE,
            kind=SELL,
            asset=USDC,
            mode=SHARE,
            value=1.0,
            login=login,
        )
        script.acts.add(
            person=who,
            at=evening + 9 * MINUTE,
            kind=OUT,
            rail=np.where(people.country[who] == US, ACH_CREDIT, RTP),
            mode=SHARE,
            value=0.6 + 0.4 * g,
            bank=self.banks[who],
            login=login,
        )

    def _bots(self) -> None:
        """Programs that trade all day, and cancel most of what they place."""
        people, script = self.people, self.script
        draws = Draws(script.world.seed, "bots")
        mean = np.zeros((people.number.size, script.world.days))
        mean[people.cohort == ARBITRAGEUR] = 22.0
        person, day, slot = spread(people, script.world, mean, "bots")
        a, b, c, d = draws.uniform(people.number[person], day, slot)
        at = instant(day, (DAY * a).astype(np.int64))
        own = people.number[person] % 3
        coin = np.where(own == 0, THIN + people.number[person] % 6, np.where(b < 0.5, BTC, ETH))
        taken = c < 0.45
        script.acts.add(
            person=person[taken],
            at=at[taken],
            kind=CANCEL,
            asset=coin[taken],
            partner=np.where(d[taken] < 0.5, -1, -2),
            value=_cents(people.wealth[person[taken]] * (0.2 + b[taken])),
            life=(lognormal(d[taken], 6, 1.5) * SECOND).astype(np.int64),
            is_api=True,
        )
        buys = ~taken & (d < 0.5)
        for kind, chosen in ((BUY, buys), (SELL, ~taken & ~buys)):
            script.acts.add(
                person=person[chosen],
                at=at[chosen],
                kind=kind,
                asset=coin[chosen],
                mode=SHARE,
                value=0.05 + 0.3 * b[chosen],
                is_api=True,
            )


def won(rate: float, code: Array, back: Array, g: Array, h: Array) -> Array:
    """When a chargeback is taken back because the dispute was won; 0 where it is not."""
    disputed = (code >= FRAUD_CODE) & (g < rate)
    return np.where(disputed, back + (DAY * (20 + 50 * h)).astype(np.int64), 0)


def _cents(dollars: Array) -> Array:
    return np.rint(dollars * 100)


def _rounded(amount: Array, uniform: Array) -> Array:
    """Amounts as people type them: most are round."""
    unit = np.select([uniform < 0.35, uniform < 0.6, uniform < 0.75], [50.0, 10.0, 100.0], 0.01)
    return np.maximum(np.rint(amount / unit) * unit, 5.0)
