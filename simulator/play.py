"""A run of communities, lived from sign-up to the last day."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trust_safety.simulator import abuse, laundering, rings, scams, takeovers, thieves
from trust_safety.simulator.calendars import banking_day, day_of, instant
from trust_safety.simulator.draws import Array, Draws, explode, lognormal
from trust_safety.simulator.honest import Life
from trust_safety.simulator.markets import ASSETS, USDC, Markets
from trust_safety.simulator.networks import HOSTING, VPN, Networks
from trust_safety.simulator.people import COIN_LIMITS, FIAT_LIMITS, People, people, spread
from trust_safety.simulator.script import (
    ACH_DEBIT,
    CARD,
    CENTS,
    DEPOSIT,
    IN,
    POISON,
    RESTORE,
    RETURN,
    SETTLE,
    WITHDRAW,
    Columns,
    Script,
)
from trust_safety.simulator.sweep import Outcome, Plan, sweep
from trust_safety.simulator.wallets import BAIT, Wallets, numbered
from trust_safety.simulator.world import DAY, HOUR, ORIGIN, World

_INSTANT_LIMITS = (250, 1_500, 6_000)


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """What happened in a run of cells.

    Attributes:
        world, markets, people, wallets: of it.
        acts: the script's acts in order of community and time, `rank` within the person added.
        outcome: what became of each act.
        logins, changes, banks, book, tickets: the script's rows before the end, in order of
            person and time, with `rank`.
        baits: addresses that look like another: `bait`, `intended`, `first`, `last` digits.
    """

    world: World
    markets: Markets
    people: People
    wallets: Wallets
    acts: Columns
    outcome: Outcome
    logins: Columns
    changes: Columns
    banks: Columns
    book: Columns
    tickets: Columns
    baits: Columns


def play(world: World, markets: Markets, first: int, until: int) -> Played:
    """Live the cells `[first, until)`; the same whatever else is lived beside them."""
    script = Script(world, markets, people(world, markets, first, until))
    networks, wallets = Networks(world, script.people), Wallets(world, script.people)
    life = Life(script, networks, wallets)
    life.live()
    thieves.steal(script, networks, wallets, life)
    takeovers.take_over(script, networks, wallets, life)
    scams.swindle(script, wallets, life)
    rings.carry(script, wallets, life)
    rings.farm(script, wallets, life)
    rings.mistake(script)
    laundering.launder(script, wallets, life)
    abuse.trade_with_themselves(script, life)
    abuse.deal_with_friends(script)
    abuse.spoof(script)
    abuse.pump(script, life)
    baits = _poison(script, wallets, life)
    logins, place = _ordered(script.logins.seal(), world)
    changes, _ = _ordered(_moved(script.changes.seal(), place), world)
    book, _ = _ordered(_moved(script.book.seal(), place), world)
    banks, _ = _ordered(script.banks.seal(), world)
    tickets, _ = _ordered(script.tickets.seal(), world)
    acts = _moved(script.acts.seal(), place)
    _followed(acts)
    acts = _in_order(acts, script.people, world)
    _judge(acts, script, logins, changes, banks, book)
    outcome = sweep(
        _plan(acts, script),
        people=script.people.number.size,
        assets=len(ASSETS),
        pass_through=world.rates["policy.pass_through"],
    )
    return Played(
        world, markets, script.people, wallets, acts, outcome, logins, changes, banks, book,
        tickets, baits,
    )  # fmt: skip


def _poison(script: Script, wallets: Wallets, life: Life) -> Columns:
    """Dust from an address that looks like the person's own, and the few who are deceived."""
    world, people, rates = script.world, script.people, script.world.rates
    mean = np.full((people.number.size, world.days), rates["poison.addresses"] / 365)
    person, day, slot = spread(people, world, mean, "poison")
    draws = Draws(world.seed, "baits")
    number = people.number[person]
    a, b, c, d = draws.uniform(number, day, slot)
    e, f, g, h = draws.uniform(number, day, 100 + slot)
    bait = numbered(BAIT, draws.code(number, day, 200 + slot).view(np.int64))
    at = instant(day, (DAY * a).astype(np.int64))
    first = (
        3
        + (b >= rates["poison.first_3"])
        + (b >= rates["poison.first_3"] + rates["poison.first_4"]) * 2
    )
    cut = np.cumsum([rates["poison.last_4"], rates["poison.last_5"], rates["poison.last_6"]])
    last = 4 + np.searchsorted(cut, c, side="right")
    script.acts.add(
        person=person, at=at, kind=DEPOSIT, asset=USDC, value=np.rint(5 + 90 * d), address=bait,
        typology=POISON, harm=True, incident=number * 64 + 6,
    )  # fmt: skip
    pays = e < (rates["poison.pays"] if world.intensity <= 1 else rates["poison.pays_small"])
    wait = np.minimum(lognormal(f, rates["poison.hours_median"], rates["poison.hours_sigma"]), 2000)
    value = lognormal(g, rates["poison.value_median"], rates["poison.value_sigma"])
    script.acts.add(
        person=person[pays], at=(at + (HOUR * wait).astype(np.int64))[pays], kind=WITHDRAW,
        asset=life.coin[person[pays]], mode=CENTS, value=np.rint(value[pays] * 100),
        address=bait[pays], typology=POISON, harm=True, reported=h[pays] < 0.9,
        incident=number[pays] * 64 + 6,
    )  # fmt: skip
    return {"bait": bait, "intended": wallets.main(person), "first": first, "last": last}


def _ordered(rows: Columns, world: World) -> tuple[Columns, Array]:
    """Rows before the end in order of person and time, and where each row went (-1: nowhere)."""
    kept = np.flatnonzero(rows["at"] < ORIGIN + world.days * DAY)
    order = kept[np.lexsort((rows["at"][kept], rows["person"][kept]))]
    place = np.full(rows["at"].size, -1)
    place[order] = np.arange(order.size)
    found = {name: values[order] for name, values in rows.items()}
    found["rank"] = _rank(found["person"])
    return found, place


def _rank(person: Array) -> Array:
    """The number of each row among those of its person, in the order of the rows."""
    order = np.argsort(person, kind="stable")
    _, counts = np.unique(person, return_counts=True)
    _, nth = explode(counts)
    rank = np.empty(person.size, dtype=np.int64)
    rank[order] = nth
    return rank


def _moved(rows: Columns, place: Array) -> Columns:
    rows["login"] = np.where(rows["login"] >= 0, place[rows["login"]], -1)
    return rows


def _followed(acts: Columns) -> None:
    """Add what follows a payment at the bank: it settles, comes back, or is won back."""
    money = acts["kind"] == IN
    after = np.where(acts["rail"] == ACH_DEBIT, 3, 1)
    settles = np.flatnonzero(money)
    back = np.flatnonzero(money & (acts["code"] > 0))
    restored = back[acts["reversed_at"][back] > 0]
    # A payment settles at the close of a banking day: 22:00 UTC.
    day = banking_day(day_of(acts["at"][settles]), after[settles])
    blocks = (
        (settles, instant(day, 22 * HOUR), SETTLE),
        (back, np.maximum(acts["back_at"][back], acts["at"][back] + 12 * HOUR), RETURN),
        (restored, acts["reversed_at"][restored], RESTORE),
    )
    size = acts["at"].size
    for name, values in acts.items():
        extra = [values[rows] for rows, _, _ in blocks]
        if name == "at":
            extra = [at for _, at, _ in blocks]
        elif name == "kind":
            extra = [np.full(rows.size, kind) for rows, _, kind in blocks]
        elif name == "of":
            extra = [rows for rows, _, _ in blocks]
        acts[name] = np.concatenate([values, *extra])
    acts["follows"] = np.arange(acts["at"].size) >= size


def _in_order(acts: Columns, people: People, world: World) -> Columns:
    kept = np.flatnonzero(acts["at"] < ORIGIN + world.days * DAY)
    # Rows of one instant keep the order in which they were written.
    order = kept[np.lexsort((acts["at"][kept], people.cell[acts["person"][kept]]))]
    place = np.full(acts["at"].size, -1)
    place[order] = np.arange(order.size)
    found = {name: values[order] for name, values in acts.items()}
    found["of"] = np.where(found["of"] >= 0, place[found["of"]], -1)
    found["rank"] = _rank(found["person"])
    return found


def first_seen(person: Array, thing: Array, at: Array) -> Array:
    """When each (person, thing) was first there, for every row."""
    order = np.lexsort((at, thing, person))
    new = np.ones(order.size, dtype=bool)
    new[1:] = (np.diff(person[order]) != 0) | (thing[order][1:] != thing[order][:-1])
    start = np.flatnonzero(new)
    first = np.empty(order.size, dtype=np.int64)
    first[order] = at[order][start].repeat(np.diff(np.append(start, order.size)))
    return first


def since_last(person: Array, at: Array, others: Columns, chosen: Array) -> Array:
    """Microseconds since the last of other rows of the same person; a century without one."""
    far = np.int64(1) << 52
    keys = np.sort(others["person"][chosen] * far + (others["at"][chosen] - ORIGIN + far // 2))
    mine = person * far + (at - ORIGIN + far // 2)
    found = np.searchsorted(keys, mine, side="right") - 1
    last = keys[np.maximum(found, 0)] if keys.size else np.zeros(at.size, dtype=np.int64)
    same = (found >= 0) & (last // far == person) if keys.size else np.zeros(at.size, dtype=bool)
    return np.where(same, mine - last, 36_500 * DAY)


def _judge(
    acts: Columns, script: Script, logins: Columns, changes: Columns, banks: Columns, book: Columns
) -> None:
    """The policy's own score of each act: a few plain signs, added up."""
    people = script.people
    person, at, kind = acts["person"], acts["at"], acts["kind"]
    login = np.maximum(acts["login"], 0)
    known = acts["login"] >= 0
    some = logins["at"].size > 0
    seen = first_seen(logins["person"], logins["device"], logins["at"])
    burn_in = np.maximum(people.signed_up, ORIGIN + 20 * DAY)
    fresh = (logins["at"] - seen < DAY) & (logins["at"] > burn_in[logins["person"]] + 2 * DAY)
    strange = np.isin(logins["asn_kind"], (HOSTING, VPN))
    new_device = known & fresh[login] if some else known
    hosting = known & strange[login] if some else known
    sends = kind == WITHDRAW
    rows = np.flatnonzero(sends)
    written = {
        "person": np.concatenate([person[rows], book["person"]]),
        "address": np.concatenate([acts["address"][rows], book["address"]]),
        "at": np.concatenate([at[rows], book["at"]]),
    }
    entered = first_seen(written["person"], written["address"], written["at"])[: rows.size]
    acts["entered_at"] = np.zeros(at.size, dtype=np.int64)
    acts["entered_at"][rows] = entered
    new_address = sends & (at - acts["entered_at"] < DAY)
    changed = since_last(person, at, changes, changes["change"] < 4) < 2 * DAY
    linked = since_last(person, at, banks, (banks["method"] >= 0) & banks["linked"]) < 2 * DAY
    young = at - people.signed_up[person] < 3 * DAY
    mismatch = acts["name_match"] < 0.5
    several = np.zeros(at.size)
    card = (kind == IN) & (acts["rail"] == CARD)
    several[card] = _cards_before(person[card], at[card], acts["card"][card])
    sending = 0.35 * new_device + 0.25 * new_address + 0.3 * changed + 0.15 * hosting
    paying = 0.3 * young + 0.3 * linked + 0.4 * mismatch + 0.2 * hosting + 0.3 * several
    by_card = 0.3 * young + 0.3 * hosting + 0.3 * several
    acts["risk"] = np.select(
        [sends, acts["rail"] == ACH_DEBIT, card], [sending, paying, by_card], 0.0
    )
    acts["new_device"], acts["new_address"] = new_device, new_address


def _cards_before(person: Array, at: Array, card: Array) -> Array:
    """How many other cards a person used in the day before, up to three."""
    order = np.lexsort((at, person))
    count = np.zeros(at.size)
    for back in (1, 2, 3):
        mine, theirs = order[back:], order[:-back] if back else order
        near = (person[mine] == person[theirs]) & (at[mine] - at[theirs] < DAY)
        count[mine] += near & (card[mine] != card[theirs])
    return count


def _plan(acts: Columns, script: Script) -> Plan:
    world, people = script.world, script.people
    person, at = acts["person"], acts["at"]
    day = day_of(at)
    tier = people.tier_at(person, day) - 1
    # A policy of lower limits selects other events than the one before it.
    factor = np.where(day >= world.switched("new_limits"), 0.35, 1.0)
    asset = np.maximum(acts["asset"], 0)
    price = np.ones(at.size)
    traded = acts["asset"] >= 0
    price[traded] = script.markets.price(asset[traded], at[traded]) * 100
    luck = Draws(world.seed, "luck").uniform(people.number[person], acts["rank"])[0]

    def limits(dollars: Sequence[int]) -> Array:
        return (np.array(dollars)[tier] * 100 * factor).astype(np.int64)

    return Plan(
        person=person, kind=acts["kind"], asset=acts["asset"], rail=acts["rail"],
        mode=acts["mode"], value=acts["value"], of=acts["of"], partner=acts["partner"],
        risk=acts["risk"], passes=acts["passes"], price=price, day=day,
        fiat_limit=limits(FIAT_LIMITS), coin_limit=limits(COIN_LIMITS),
        instant_limit=limits(_INSTANT_LIMITS), luck=luck,
    )  # fmt: skip
