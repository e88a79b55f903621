"""Accounts and sessions as the exchange sees them."""

import numpy as np
import pyarrow as pa

from trust_safety.simulator.columns import (
    blank,
    choice,
    constant,
    dotted,
    dotted_prefix,
    hexes,
    table,
    times,
    usd,
)
from trust_safety.simulator.draws import Array, lognormal, pick
from trust_safety.simulator.networks import ASN_KINDS, MFA, PLATFORMS, Networks
from trust_safety.simulator.observer import Observer, Tables
from trust_safety.simulator.people import (
    AGES,
    COUNTRIES,
    INCOMES,
    MULE,
    OCCUPATIONS,
    RETIREE,
    ROLES,
    STUDENT,
    SYNTHETIC,
    THIEF,
)
from trust_safety.simulator.script import CLOSE
from trust_safety.simulator.texts import tickets
from trust_safety.simulator.world import DAY, HOUR, MINUTE, ORIGIN, SECOND

_CHANGES = ("password", "two_factor", "email", "phone", "api_key", "limit_raise")
_METHODS = ("instant", "micro_deposit", "manual")
_DOCUMENTS = ("passport", "licence", "id_card")
# A release every six weeks.
_RELEASE = 42


def accounts(seen: Observer) -> Tables:
    """Sign-ups, documents, enforcements."""
    return {
        "obs_users": _users(seen),
        "obs_kyc_events": _documents(seen),
        "obs_enforcements": _enforcements(seen),
    }


def _users(seen: Observer) -> pa.Table:
    people = seen.played.people
    everyone = np.arange(people.number.size)
    draws = seen.draws("profiles")
    a, b, c, d = draws.uniform(people.number)
    e, f, g, _ = draws.uniform(people.number, 1)
    invented = np.isin(people.role, (SYNTHETIC, THIEF, MULE))
    # Some honest people have a domain of their own, or a number in the cloud.
    fresh = np.where(invented, np.array([0.8, 0.3, 0.2, 0.1])[people.evasion], 0.05)
    young = a < fresh
    voip = np.where(invented & (c < np.array([0.7, 0.25, 0.15, 0.1])[people.evasion]), 0.95, 0.07)
    networks = Networks(seen.played.world, people)
    first = networks.usual(everyone, people.first_day, np.full(everyone.size, 300))
    job = pick(e, (16, 10, 2, 12, 6, 8, 8, 8, 8, 5, 12, 9))
    job = np.select([people.cohort == STUDENT, people.cohort == RETIREE], [1, 2], job)
    # Who pays more earns more, as far as they say so.
    income = np.log(people.wealth / 160) + 0.9 * (f + g - 1) * 2
    lag = seen.delivery.lag("obs_users", people.number, everyone * 0)
    return table(
        "obs_users",
        {
            "user_id": seen.ids.user(people.number),
            "signed_up_at": times(people.signed_up),
            "ingested_at": times(people.signed_up + lag),
            "country": choice([row[0] for row in COUNTRIES], people.country),
            "age_band": choice(AGES, people.age),
            "email_domain_age_days": np.where(
                young, lognormal(b, 50, 1.0), lognormal(b, 1_800, 0.9)
            ).astype(np.int64),
            "phone_type": choice(
                ("mobile", "voip", "landline"), np.where(d < voip, 1, np.where(d > 0.97, 2, 0))
            ),
            "referred_by": _referrals(seen),
            "occupation": choice(OCCUPATIONS, job),
            "declared_income_band": choice(INCOMES, np.digitize(income, [-1.1, -0.3, 0.6, 1.6])),
            "signup_device_id": hexes("d", first.device),
            "signup_ip": dotted(first.ip),
            "name_hash": hexes("n", seen.ids.code(people.number, 0, 6)),
        },
    )


def _referrals(seen: Observer) -> pa.Array:
    """Who invited whom: a tenth of the honest; farms invite themselves."""
    people = seen.played.people
    a, b, _, _ = seen.draws("referrals").uniform(people.number)
    farm = people.role == SYNTHETIC
    # Neighbours know each other; a farm is a tree with two branches at each node.
    back = np.where(farm, people.ring_rank - (people.ring_rank - 1) // 2, 1 + np.floor(b * 8))
    position = np.arange(people.number.size) - back.astype(np.int64)
    inside = position >= 0
    position = np.maximum(position, 0)
    same = inside & (people.cell[position] == people.cell)
    earlier = people.signed_up[position] < people.signed_up
    invited = np.where(farm, (people.ring_rank > 0) & (a < 0.65), a < 0.12)
    return blank(seen.ids.user(people.number[position]), ~(same & earlier & invited))


def _documents(seen: Observer) -> pa.Table:
    world, people = seen.played.world, seen.played.people
    end = ORIGIN + world.days * DAY
    later = np.flatnonzero((people.tier_day < world.days) & (people.tier_later > people.tier))
    person = np.concatenate([np.arange(people.number.size), later])
    second = np.arange(person.size) >= people.number.size
    at = np.where(
        second,
        ORIGIN + people.tier_day[person] * DAY,
        people.signed_up[person] + 8 * MINUTE,
    )
    person, second, at = person[at < end], second[at < end], at[at < end]
    number = people.number[person]
    a, b, c, d = seen.draws("documents").uniform(number, 0, second)
    bad = np.isin(people.role[person], (SYNTHETIC, THIEF, MULE))
    # A farm uses one portrait, one address, for several names.
    farm = (people.role[person] == SYNTHETIC) & (people.evasion[person] < 2)
    owner = np.where(farm, -9 - people.ring[person] * 32 - people.ring_rank[person] // 2, number)
    home = np.where(farm, -9 - people.ring[person] * 32 - people.ring_rank[person] // 5, number)
    likeness = np.clip(1 - np.where(bad, 0.27, 0.2) * a**2 - 0.25 * (b < 0.03), 0, 1)
    result = np.where(likeness < 0.72, np.where(c < 0.3, 1, 2), 0)
    return table(
        "obs_kyc_events",
        {
            "kyc_id": hexes("k", seen.ids.code(number, second, 7)),
            "user_id": seen.ids.user(number),
            "submitted_at": times(at),
            "ingested_at": times(at + (MINUTE * (1 + 300 * d**6)).astype(np.int64)),
            "tier": np.where(second, people.tier_later[person], people.tier[person]),
            "doc_type": choice(_DOCUMENTS, pick(d, (0.3, 0.5, 0.2))),
            "doc_hash": hexes("h", seen.ids.code(owner, 0, 8)),
            "face_match": np.round(likeness, 4),
            "address_hash": hexes("a", seen.ids.code(home, 0, 9)),
            "dob_hash": hexes("b", seen.ids.code(number, 0, 10)),
            "result": choice(("passed", "failed", "review"), result),
        },
    )


def _enforcements(seen: Observer) -> pa.Table:
    acts, people = seen.played.acts, seen.played.people
    chosen = np.flatnonzero(acts["kind"] == CLOSE)
    number, at = seen.number(acts, chosen), acts["at"][chosen]
    again = acts["value"][chosen] < 0
    # An appeal's revision speaks of the enforcement that it takes back.
    begun = np.zeros(people.number.size, dtype=np.int64)
    first = ~again
    begun[acts["person"][chosen][first]] = at[first]
    since = begun[acts["person"][chosen]]
    a, _, _, _ = seen.draws("enforcements").uniform(number, again)
    return table(
        "obs_enforcements",
        {
            "enforcement_id": hexes("e", seen.ids.code(number, 0, 11)),
            "user_id": seen.ids.user(number),
            "action": constant("off_board", chosen.size),
            "reason": choice(ROLES, np.abs(acts["value"][chosen]).astype(np.int64)),
            "enforced_at": times(since),
            "known_at": times(at + (HOUR * (1 + 7 * a)).astype(np.int64)),
            "version": 1 + again,
            "retracted": again,
        },
    )


def sessions(seen: Observer) -> Tables:
    """Sign-ins, sessions, changes, tickets, and bank accounts."""
    return {
        "obs_logins": _logins(seen),
        "obs_sessions": _sessions(seen),
        "obs_account_changes": _changes(seen),
        "obs_tickets": _tickets(seen),
        **_banks(seen),
    }


def _logins(seen: Observer) -> pa.Table:
    logins = seen.played.logins
    every = np.arange(logins["at"].size)
    ip, country = logins["ip"], logins["country"]
    place = np.array([row[3:] for row in COUNTRIES])[country]
    # Somewhere in the country; one block of addresses is in one town.
    town = seen.draws("towns").uniform(ip >> 8)
    week = (logins["at"] - ORIGIN) // (_RELEASE * DAY)
    platform = logins["platform"]
    outcome = logins["outcome"]
    columns: dict[str, pa.Array | Array] = {
        "event_id": seen.logins(every),
        "user_id": seen.user(logins, every),
        "attempted_at": times(logins["at"]),
        "ip": dotted(ip),
        "ip_prefix": dotted_prefix(ip >> 8),
        "ip_country": choice([row[0] for row in COUNTRIES], country),
        "asn": logins["asn"],
        "asn_kind": choice(ASN_KINDS, logins["asn_kind"]),
        "latitude": np.round(place[:, 0] + 6 * (town[0] - 0.5), 2),
        "longitude": np.round(place[:, 1] + 8 * (town[1] - 0.5), 2),
        "device_id": hexes("d", logins["device"]),
        "platform": choice(PLATFORMS, platform),
        "app_version": choice(
            [f"{number // 10}.{number % 10}" for number in range(50, 80)],
            np.clip(week, 0, 29),
        ),
        "user_agent": _agents(platform, logins["device"]),
        "rtt_ms": np.round(logins["rtt"], 1),
        "outcome": choice(("success", "failure", "challenge_failed"), outcome),
        "mfa": choice(MFA, logins["mfa"]),
        "session_id": seen.sessions(every),
    }
    return seen.arrive("obs_logins", columns, logins, every)


def _agents(platform: Array, device: Array) -> pa.Array:
    kind = device.view(np.uint64) % np.uint64(7)
    names = (
        *(f"Exchange/iOS iPhone1{number},1" for number in range(7)),
        *(f"Exchange/Android SM-G9{number}0" for number in range(7)),
        *("Mozilla Chrome Windows", "Mozilla Firefox Windows", "Mozilla Chrome Mac"),
        *("Mozilla Safari Mac", "Mozilla Edge Windows", "Mozilla Chrome Linux", "Mozilla Chrome"),
    )
    return choice(names, platform * 7 + kind.astype(np.int64))


def _sessions(seen: Observer) -> pa.Table:
    logins = seen.played.logins
    chosen = np.flatnonzero(logins["outcome"] == 0)
    seconds, at = logins["seconds"][chosen], logins["at"][chosen]
    ended = at + (seconds * SECOND).astype(np.int64)
    columns: dict[str, pa.Array | Array] = {
        "session_id": seen.sessions(chosen),
        "user_id": seen.user(logins, chosen),
        "started_at": times(at),
        "ended_at": times(ended),
        "clicks": logins["clicks"][chosen],
        "seconds": np.round(seconds, 1),
        "has_remote_access": logins["remote"][chosen],
    }
    return seen.delivery.rows(
        "obs_sessions",
        columns,
        at=ended,
        number=seen.number(logins, chosen),
        rank=logins["rank"][chosen],
    )


def _changes(seen: Observer) -> pa.Table:
    changes = seen.played.changes
    every = np.arange(changes["at"].size)
    number = seen.number(changes, every)
    columns: dict[str, pa.Array | Array] = {
        "change_id": hexes("c", seen.ids.code(number, changes["rank"], 12)),
        "user_id": seen.ids.user(number),
        "changed_at": times(changes["at"]),
        "kind": choice(_CHANGES, changes["change"]),
        "detail": choice(("read", "trade", "withdraw"), changes["detail"]),
        "session_id": seen.sessions(changes["login"]),
    }
    return seen.arrive("obs_account_changes", columns, changes, every)


def _tickets(seen: Observer) -> pa.Table:
    rows = seen.played.tickets
    every = np.arange(rows["at"].size)
    number = seen.number(rows, every)
    a, _, _, _ = seen.draws("channels").uniform(number, rows["rank"])
    columns: dict[str, pa.Array | Array] = {
        "ticket_id": hexes("t", seen.ids.code(number, rows["rank"], 13)),
        "user_id": seen.ids.user(number),
        "opened_at": times(rows["at"]),
        "channel": choice(("chat", "email", "phone"), pick(a, (0.6, 0.3, 0.1))),
        "text": tickets(seen.played.world.seed, number, rows["rank"], rows["topic"]),
    }
    return seen.arrive("obs_tickets", columns, rows, every)


def _banks(seen: Observer) -> Tables:
    banks = seen.played.banks
    changed = np.flatnonzero(banks["method"] >= 0)
    number = seen.number(banks, changed)
    links: dict[str, pa.Array | Array] = {
        "bank_event_id": hexes("y", seen.ids.code(number, banks["rank"][changed], 14)),
        "bank_account_id": hexes("z", banks["bank"][changed]),
        "user_id": seen.ids.user(number),
        "action": choice(("unlinked", "linked"), banks["linked"][changed].astype(np.int64)),
        "changed_at": times(banks["at"][changed]),
        "method": choice(_METHODS, banks["method"][changed]),
        "routing": choice(
            [f"0{21_000_000 + 9 * code}" for code in range(400)], banks["routing"][changed]
        ),
        "account_type": choice(("checking", "savings"), banks["savings"][changed].astype(np.int64)),
        "owner_name_match": np.round(banks["name_match"][changed], 3),
    }
    looked = np.flatnonzero((banks["balance"] >= 0) & (banks["method"] <= 0))
    number = seen.number(banks, looked)
    balances: dict[str, pa.Array | Array] = {
        "balance_id": hexes("v", seen.ids.code(number, banks["rank"][looked], 15)),
        "bank_account_id": hexes("z", banks["bank"][looked]),
        "user_id": seen.ids.user(number),
        "seen_at": times(banks["at"][looked]),
        "balance_usd": usd(np.rint(banks["balance"][looked] * 100).astype(np.int64)),
    }
    return {
        "obs_bank_accounts": seen.arrive("obs_bank_accounts", links, banks, changed),
        "obs_bank_balances": seen.arrive("obs_bank_balances", balances, banks, looked),
    }
