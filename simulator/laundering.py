"""Dirty money on its way: many small steps whose shape is all that gives them away."""

import numpy as np

from trust_safety.simulator.calendars import instant
from trust_safety.simulator.draws import Array, Draws, explode, lognormal
from trust_safety.simulator.honest import Life
from trust_safety.simulator.markets import USDC
from trust_safety.simulator.people import LAUNDERER
from trust_safety.simulator.script import (
    BUY,
    CYCLE,
    DEPOSIT,
    FAN_IN,
    FAN_OUT,
    IN,
    LAUNDERING,
    OF_ACT,
    RAPID,
    SCATTER,
    SHARE,
    STRUCTURING,
    WIRE,
    WITHDRAW,
    Script,
)
from trust_safety.simulator.wallets import (
    CLUSTER_CATEGORY,
    LAUNDRY,
    MIXER,
    STRANGER,
    Wallets,
    numbered,
)
from trust_safety.simulator.world import DAY, HOUR, MINUTE

_SHAPES = (STRUCTURING, FAN_IN, FAN_OUT, CYCLE, RAPID, SCATTER)
# The sum under which a report is not due: near it nothing is suspicious by itself.
_THRESHOLD = 10_000.0
_DIRTY = np.flatnonzero(CLUSTER_CATEGORY >= MIXER)


def launder(script: Script, wallets: Wallets, life: Life) -> None:
    """Write episodes of a week to a month, one to three a year for each group."""
    world, people = script.world, script.people
    members = people.of_role(LAUNDERER)
    if not members.size:
        return
    draws = Draws(world.seed, "laundering")
    ring = people.ring[members]
    many = 1 + np.floor(draws.uniform(ring, 0)[0] * 3 * world.days / 365).astype(np.int64)
    owner, episode = explode(many)
    person, ring = members[owner], ring[owner]
    a, b, c, _ = draws.uniform(ring, 1, episode)
    shape = np.array(_SHAPES)[np.floor(a * len(_SHAPES)).astype(np.int64)]
    begin = np.maximum(np.floor(b * world.days * 0.85), people.first_day[person] + 3).astype(
        np.int64
    )
    lasts = 6 + 24 * c
    steps = np.clip(
        np.rint(lognormal(draws.uniform(people.number[person], 2, episode)[0], 8, 0.5)), 3, 30
    )
    which, nth = explode(steps.astype(np.int64))
    person, shape, episode = person[which], shape[which], episode[which]
    e, f, g, h = draws.uniform(people.number[person], 100 + episode, nth)
    day = begin[which] + np.floor(lasts[which] * e).astype(np.int64)
    inside = day < world.days - 1
    person, shape, day, nth, episode = (rows[inside] for rows in (person, shape, day, nth, episode))
    f, g, h = f[inside], g[inside], h[inside]
    why = {
        "typology": np.full(person.size, LAUNDERING),
        "variant": shape,
        "incident": people.number[person] * 64 + 50 + episode,
        "campaign": people.ring[person],
        "harm": np.ones(person.size, dtype=bool),
    }
    at = instant(day, (HOUR * (7 + 15 * f)).astype(np.int64))
    steps_of = _Steps(script, wallets, life, person, day, nth, at, shape, why)
    steps_of.fiat(shape == STRUCTURING, g, h)
    steps_of.coins_in(np.isin(shape, (FAN_IN, RAPID)), g, h)
    steps_of.coins_out(np.isin(shape, (FAN_OUT, CYCLE, SCATTER)), g, h)


class _Steps:
    """The steps of all episodes of a run of cells."""

    def __init__(
        self,
        script: Script,
        wallets: Wallets,
        life: Life,
        person: Array,
        day: Array,
        nth: Array,
        at: Array,
        shape: Array,
        why: dict[str, Array],
    ) -> None:
        self.script, self.wallets, self.life = script, wallets, life
        self.person, self.day, self.nth, self.at, self.shape = person, day, nth, at, shape
        self.why = why
        draws = Draws(script.world.seed, "steps")
        number = script.people.number[person]
        self.uniform = draws.uniform(number, day, nth)
        self.more = draws.uniform(number, day, 400 + nth)
        self.size = script.people.wealth[person] * 3.0

    def fiat(self, chosen: Array, g: Array, h: Array) -> None:
        """Wires below a threshold, again and again, spread over accounts and days."""
        evasion = self.script.people.evasion[self.person]
        low = np.array([0.9, 0.6, 0.35, 0.2])[evasion]
        near = _THRESHOLD * (low + (0.99 - low) * g)
        amount = np.where(evasion == 0, near, np.minimum(near, self.size * (0.6 + g)))
        came = self._add(
            chosen, self.at, kind=IN, rail=WIRE, value=np.rint(amount / 10) * 1000,
            bank=self.life.banks[self.person], name_match=1 - 0.5 * h * (h > 0.6),
        )  # fmt: skip
        login = self._sign_in(chosen)
        self._add(chosen, self.at + 40 * MINUTE, kind=BUY, asset=USDC, mode=SHARE,
                  value=0.9 + 0.1 * h, of=came, login=login)  # fmt: skip
        self._leave(chosen, came, login, np.where(h < 0.5, 0, self.nth))

    def coins_in(self, chosen: Array, g: Array, h: Array) -> None:
        """Coins of many strangers, or of few, that leave to one address."""
        person, draws = self.person, Draws(self.script.world.seed, "payers")
        payers = draws.code(self.script.people.number[person], self.nth, self.day).view(np.int64)
        own = self.wallets.criminal(LAUNDRY, self.script.people.ring[person], self.nth % 2)
        payer = np.where(self.shape == FAN_IN, numbered(STRANGER, payers), own)
        dirty = _DIRTY[np.floor(h * _DIRTY.size).astype(np.int64)]
        hops = 1 + np.floor(4 * self.uniform[2]).astype(np.int64)
        came = self._add(
            chosen, self.at, kind=DEPOSIT, asset=USDC,
            value=np.rint(self.size * np.exp(1.2 * (g - 0.5)) * 100), address=payer,
            source=np.where(h < 0.7, dirty, 0), hops=hops,
        )  # fmt: skip
        login = self._sign_in(chosen)
        self._leave(chosen, came, login, np.zeros(person.size, dtype=np.int64))

    def coins_out(self, chosen: Array, g: Array, h: Array) -> None:
        """Coins that go round: out to several addresses, and back to others of the group."""
        people, person = self.script.people, self.person
        start = chosen & (self.nth % 3 == 0)
        came = self._add(
            start, self.at - HOUR, kind=IN, rail=WIRE, value=np.rint(self.size * (1 + 2 * g)) * 100,
            bank=self.life.banks[person], name_match=1 - 0.1 * h,
        )  # fmt: skip
        login = self._sign_in(chosen)
        self._add(start, self.at + 5 * MINUTE, kind=BUY, asset=USDC, mode=SHARE,
                  value=0.9 + 0.1 * h, of=came, login=login)  # fmt: skip
        to = self.wallets.criminal(LAUNDRY, people.number[person], 20 + self.nth)
        sent = self._add(
            chosen, self.at + 30 * MINUTE, kind=WITHDRAW, asset=USDC, mode=SHARE,
            value=0.3 + 0.6 * g, login=login, address=to,
            is_new_address=np.ones(person.size, dtype=bool),
        )  # fmt: skip
        ring = np.flatnonzero(people.role == LAUNDERER)
        first = np.searchsorted(people.ring[ring], people.ring[person])
        size = np.searchsorted(people.ring[ring], people.ring[person], side="right") - first
        other = ring[first + (people.ring_rank[person] + 1 + self.nth) % size]
        back = np.isin(self.shape, (CYCLE, SCATTER)) & chosen
        delay = (DAY * (0.2 + 3 * self.more[0])).astype(np.int64)
        self._add(
            back, self.at + HOUR + delay, kind=DEPOSIT, asset=USDC, mode=OF_ACT,
            value=0.96 + 0.03 * g, of=sent, person=other, address=to,
        )  # fmt: skip

    def _leave(self, chosen: Array, came: Array, login: Array, which: Array) -> None:
        a, b, _, d = self.more
        people = self.script.people
        evasion = people.evasion[self.person]
        hours = lognormal(a, np.array([2.0, 14.0, 36.0, 90.0])[evasion], 1.0)
        to = self.wallets.criminal(LAUNDRY, people.ring[self.person], 40 + which)
        self._add(
            chosen, self.at + HOUR + (HOUR * np.minimum(hours, 400)).astype(np.int64),
            kind=WITHDRAW, asset=USDC, mode=SHARE, value=0.6 + 0.4 * b, of=came, login=login,
            address=to, is_new_address=self.nth < 2, passes=d < 0.9,
        )  # fmt: skip

    def _sign_in(self, chosen: Array) -> Array:
        found = np.full(self.person.size, -1)
        found[chosen] = self.life.sign_in(
            self.person[chosen], self.at[chosen] + 2 * MINUTE, slot=250 + self.nth[chosen],
            failed=self.uniform[1][chosen],
        )  # fmt: skip
        return found

    def _add(self, chosen: Array, at: Array, **columns: object) -> Array:
        full = {"person": self.person, "at": at, **self.why, **columns}
        found = np.full(self.person.size, -1)
        found[chosen] = self.script.acts.add(
            **{
                name: np.asarray(values)[chosen]
                if np.ndim(np.asarray(values))
                else np.asarray(values)
                for name, values in full.items()
            }
        )
        return found
