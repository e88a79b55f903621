"""What people and analysts find out, and when: reports, alerts, cases, labels of addresses."""

import numpy as np
import pyarrow as pa

from trust_safety.simulator.chain import deposits, dirty, spelled
from trust_safety.simulator.columns import (
    blank,
    choice,
    either,
    hexes,
    table,
    taken,
    times,
    usd,
)
from trust_safety.simulator.draws import Array, gamma, lognormal
from trust_safety.simulator.markets import MARKETS
from trust_safety.simulator.observer import Observer, Tables
from trust_safety.simulator.script import (
    BUY,
    CANCEL,
    IN,
    LAUNDERING,
    MULED,
    NONE,
    PIG,
    POISON,
    PUMP,
    SCAM,
    SELL,
    SPOOF,
    SWAP,
    TAKEOVER,
    WASH,
    WIRE,
    WITHDRAW,
    Columns,
)
from trust_safety.simulator.sweep import DONE, SKIPPED
from trust_safety.simulator.wallets import CATEGORIES, CLUSTER_CATEGORY, PHISHER, SCAMMER
from trust_safety.simulator.world import DAY, HOUR, ORIGIN, World

_QUEUES = ("aml", "trading", "scam", "takeover", "account_quality")
_RULES = (
    "large_transfer",
    "rapid_out",
    "near_threshold",
    "new_device_and_address",
    "self_match",
    "cancel_share",
    "before_pump",
    "referral",
)
_LARGE, _RAPID, _NEAR, _NEW, _SELF, _CANCELS, _BEFORE, _REFERRAL = range(len(_RULES))
_WEEK = 7 * DAY


def review(seen: Observer) -> Tables:
    """Everything that people decide about what happened."""
    alerts, cases = _alerts(seen)
    return {
        "obs_reports": _reports(seen),
        "obs_alerts": alerts,
        **_cases(seen, cases),
        "obs_address_labels": _labels(seen),
    }


def label_lag(world: World, uniform: Array, second: Array) -> Array:
    """Microseconds from an address's deed to the list that has it."""
    rates = world.rates
    gap = lognormal(second, rates["labels.list_gap_median_days"], rates["labels.list_gap_sigma"])
    days = np.select(
        [uniform < rates["labels.same_day"], uniform > 1 - rates["labels.year_late"]],
        [second, 330 + 40 * second],
        np.minimum(gap, 300),
    )
    return (DAY * days).astype(np.int64)


def _incidents(seen: Observer) -> tuple[Columns, Array]:
    """Acts and sign-ins that somebody reports, and when they do."""
    acts, logins, outcome = seen.played.acts, seen.played.logins, seen.played.outcome
    gone = (acts["kind"] == WITHDRAW) & (outcome.state == DONE)
    told = np.flatnonzero(
        gone & acts["reported"] & np.isin(acts["typology"], (TAKEOVER, SCAM, POISON))
    )
    entered = np.flatnonzero(
        (logins["typology"] == TAKEOVER) & logins["reported"] & (logins["outcome"] == 0)
    )
    rows = {
        name: np.concatenate([acts[name][told], logins[name][entered]])
        for name in ("person", "at", "typology", "variant", "incident", "rank")
    }
    rows["place"] = np.concatenate([told, entered])
    rows["is_login"] = np.arange(rows["at"].size) >= told.size
    # The whole incident is told at once, some time after its last event.
    unique, place = np.unique(rows["incident"], return_inverse=True)
    last = np.zeros(unique.size, dtype=np.int64)
    np.maximum.at(last, place, rows["at"])
    a, b, _, _ = seen.draws("reports").uniform(unique)
    kind = np.zeros(unique.size, dtype=np.int64)
    kind[place] = rows["typology"] * 100 + rows["variant"]
    median = seen.played.world.rates["ato.median_days"]
    days = np.select(
        [kind // 100 == TAKEOVER, kind // 100 == POISON, kind % 100 == PIG],
        [np.minimum(gamma(a, 0.9, median * 1.7), 30), 3 * a, np.clip(gamma(a, 2.0, 60), 7, 180)],
        np.minimum(gamma(a, 1.2, 14), 60),
    )
    told_at = last + (DAY * days).astype(np.int64) + (HOUR * (1 + 4 * b)).astype(np.int64)
    return rows, told_at[place]


def _reports(seen: Observer) -> pa.Table:
    acts, world = seen.played.acts, seen.played.world
    rows, told = _incidents(seen)
    false = _false_reports(seen)
    late = seen.draws("false reports").uniform(seen.number(acts, false), acts["rank"][false])
    size = false.size
    place = np.concatenate([rows["place"], false, false])
    login = np.concatenate([rows["is_login"], np.zeros(2 * size, dtype=bool)])
    claimed = acts["at"][false] + (DAY * (1 + 20 * late[0])).astype(np.int64)
    reported = np.concatenate([told, claimed, claimed])
    known = np.concatenate(
        [
            told + 12 * HOUR,
            claimed + (DAY * late[1]).astype(np.int64),
            claimed + (DAY * (8 + 30 * late[1])).astype(np.int64),
        ]
    )
    # A revision is there only where the false report was found out.
    found_out = np.concatenate([np.ones(told.size + size, dtype=bool), late[2] < 0.55])
    again = np.concatenate([np.zeros(told.size + size, dtype=bool), np.ones(size, dtype=bool)])
    kept = np.flatnonzero(found_out & (reported < ORIGIN + world.days * DAY))
    place, login, again, reported, known = (
        values[kept] for values in (place, login, again, reported, known)
    )
    logins = seen.played.logins
    safe = np.where(login, 0, place)
    entry = np.where(login, place, 0)
    person = np.where(login, _at(logins["person"], entry), acts["person"][safe])
    incident = np.where(login, _at(logins["incident"], entry), acts["incident"][safe])
    typology = np.where(login, TAKEOVER, acts["typology"][safe])
    number = seen.played.people.number[person]
    events = seen.acts("w", safe)
    if logins["at"].size:
        events = either(events, seen.logins(entry), login)
    happened = np.where(login, _at(logins["at"], entry), acts["at"][safe])
    lost = np.where(login, 0, seen.played.outcome.cents[safe])
    codes = np.where(login, seen.ids.code(number, _at(logins["rank"], entry), 17),
                     seen.ids.code(number, acts["rank"][safe], 18))  # fmt: skip
    return table(
        "obs_reports",
        {
            "report_id": hexes("m", codes),
            "incident_id": hexes("i", seen.ids.code(number, incident, 19)),
            "user_id": seen.ids.user(number),
            "kind": choice(("ato", "scam"), np.isin(typology, (SCAM, POISON)).astype(np.int64)),
            "event_id": events,
            "event_table": choice(("crypto_withdrawals", "logins"), login.astype(np.int64)),
            "loss_usd": usd(lost),
            "happened_at": times(happened),
            "reported_at": times(reported),
            "known_at": times(known),
            "version": 1 + again,
            "retracted": again,
        },
    )


def _at(values: Array, place: Array) -> Array:
    return values[place] if values.size else np.zeros(place.size, dtype=np.int64)


def _false_reports(seen: Observer) -> Array:
    """Honest withdrawals that their owner disowns."""
    acts, world = seen.played.acts, seen.played.world
    honest = (acts["kind"] == WITHDRAW) & (seen.played.outcome.state == DONE)
    chosen = np.flatnonzero(honest & (acts["typology"] == NONE))
    # About two and a half withdrawals a year and person stand behind each takeover's two reports.
    rate = world.rates["noise.false_reports"] * world.share("ato.per_user_year") * 2 / 2.5
    uniform = seen.draws("disowned").uniform(seen.number(acts, chosen), acts["rank"][chosen])[0]
    return chosen[uniform < rate]


def _alerts(seen: Observer) -> tuple[pa.Table, Columns]:
    """Alerts of plain rules, and the rows behind them."""
    acts, outcome, people = seen.played.acts, seen.played.outcome, seen.played.people
    alive = outcome.state != SKIPPED
    kind, cents, person = acts["kind"], outcome.cents, acts["person"]
    sends = (kind == WITHDRAW) & alive
    conditions = {
        _LARGE: alive & np.isin(kind, (IN, WITHDRAW)) & (cents > 1_000_000),
        _RAPID: sends & (cents > 100_000) & (cents > 0.8 * outcome.equity),
        _NEAR: alive
        & (kind == IN)
        & (acts["rail"] == WIRE)
        & (cents > 800_000)
        & (cents < 1_000_000),
        _NEW: sends & acts["new_device"] & acts["new_address"] & (cents > 20_000),
        _SELF: (kind == SWAP) & alive,
        _CANCELS: (kind == CANCEL) & alive & (cents > 500_000),
        _BEFORE: (kind == BUY) & alive & (acts["typology"] == PUMP),
    }
    odds = {
        _LARGE: 0.25,
        _RAPID: 0.12,
        _NEAR: 0.5,
        _NEW: 0.3,
        _SELF: 0.10,
        _CANCELS: 0.02,
        _BEFORE: 0.35,
    }
    uniform = seen.draws("alerts").uniform(people.number[person], acts["rank"])
    chosen = [
        np.flatnonzero(found & (uniform[0] < odds[rule])) for rule, found in conditions.items()
    ]
    rows = np.concatenate(chosen)
    rule = np.repeat(np.fromiter(conditions, dtype=np.int64), [found.size for found in chosen])
    number = people.number[person[rows]]
    at = acts["at"][rows] + HOUR
    events = seen.acts("f", rows), seen.acts("w", rows), seen.acts("o", rows)
    which = np.select([kind[rows] == IN, kind[rows] == WITHDRAW], [0, 1], 2)
    made = seen.delivery.rows(
        "obs_alerts",
        {
            "alert_id": hexes("x", seen.ids.code(number, acts["rank"][rows], 30 + rule)),
            "user_id": seen.ids.user(number),
            "rule": choice(_RULES, rule),
            "score": np.round(0.3 + 0.6 * uniform[1][rows], 3),
            "event_id": taken(
                pa.concat_arrays(list(events)), np.arange(rows.size) + which * rows.size
            ),
            "raised_at": times(at),
        },
        at=at,
        number=number,
        rank=acts["rank"][rows] * 8 + rule,
    )
    return made, {"rows": rows, "rule": rule}


def _cases(seen: Observer, alerts: Columns) -> Tables:
    """Cases by account and week (and market), from alerts, tips and samples."""
    acts, people, world = seen.played.acts, seen.played.people, seen.played.world
    alive = seen.played.outcome.state != SKIPPED
    abuse = np.isin(acts["typology"], (WASH, SPOOF, PUMP)) & np.isin(
        acts["kind"], (BUY, SELL, SWAP, CANCEL)
    )
    tips = np.flatnonzero(alive & (abuse | np.isin(acts["typology"], (LAUNDERING, MULED))))
    uniform = seen.draws("tips").uniform(
        people.number[acts["person"][tips]], acts["at"][tips] // _WEEK
    )
    tips = tips[uniform[0] < np.where(acts["typology"][tips] == MULED, 0.25, 0.6)]
    rows = np.concatenate([alerts["rows"], tips])
    rule = np.concatenate([alerts["rule"], np.full(tips.size, -1)])
    trading = np.isin(acts["kind"][rows], (BUY, SELL, SWAP, CANCEL))
    takeover = rule == _NEW
    queue = np.where(trading, 1, np.where(takeover, 3, 0))
    span = np.where(trading, DAY, _WEEK)
    start = ORIGIN + (acts["at"][rows] - ORIGIN) // span * span
    market = np.where(trading, acts["asset"][rows], -1)
    person = acts["person"][rows]
    # One case for an account, a week (a day in trading), and a market.
    order = np.lexsort((rule < 0, acts["at"][rows], market, start, queue, person))
    keys = np.stack([person, queue, start, market])[:, order]
    new = np.ones(order.size, dtype=bool)
    new[1:] = (np.diff(keys, axis=1) != 0).any(axis=0)
    group = np.cumsum(new) - 1
    harm = np.zeros(int(new.sum()), dtype=bool)
    np.logical_or.at(harm, group, acts["harm"][rows][order])
    first = order[new]
    person, queue, start, market = keys[:, new]
    number = people.number[person]
    a, b, c, d = seen.draws("cases").uniform(number, start // DAY, queue * 16 + market + 1)
    # Not every alert is looked at: those without a tip compete for the analysts' time.
    looked = (a < 0.35) | harm
    wrong = np.where(
        harm, world.rates["noise.analyst_error"], world.rates["noise.wrongly_confirmed"]
    )
    confirmed = harm ^ (b < wrong)
    opened = acts["at"][rows[first]] + (DAY * (0.5 + np.where(queue == 1, 20, 6) * c)).astype(
        np.int64
    )
    closed = opened + (DAY * np.where(queue == 1, 12 + 85 * d, 4 + 24 * d)).astype(np.int64)
    end = ORIGIN + world.days * DAY
    picked = np.flatnonzero(looked & (opened < end))
    columns = {
        "number": number, "queue": queue, "market": market, "confirmed": confirmed,
        "opened": opened, "closed": closed, "subject": np.maximum(start, ORIGIN - 700 * DAY),
        "row": rows[first], "rule": rule[first], "a": a, "d": d,
    }  # fmt: skip
    return _case_tables(seen, {name: values[picked] for name, values in columns.items()}, end)


def _case_tables(seen: Observer, cases: Columns, end: int) -> Tables:
    number, queue = cases["number"], cases["queue"]
    codes = seen.ids.code(number, cases["subject"] // DAY, 200 + queue * 16 + cases["market"] + 1)
    acts = seen.played.acts
    alert = seen.ids.code(number, acts["rank"][cases["row"]], 30 + np.maximum(cases["rule"], 0))
    common = {
        "case_id": hexes("C", codes),
        "user_id": seen.ids.user(number),
    }
    about = {"market": choice(MARKETS, cases["market"]), "subject_at": times(cases["subject"])}
    opened = table(
        "obs_cases",
        {
            **common,
            **about,
            "alert_id": blank(hexes("x", alert), cases["rule"] < 0),
            "queue": choice(_QUEUES, queue),
            "opened_at": times(cases["opened"]),
            "ingested_at": times(cases["opened"] + HOUR),
        },
    )
    # A few are opened again, and end the other way.
    again = seen.draws("reopened").uniform(number, cases["subject"] // DAY)[0] < 0.02
    place = np.concatenate([np.arange(number.size), np.flatnonzero(again)])
    second = np.arange(place.size) >= number.size
    closed = cases["closed"][place] + second * 30 * DAY
    kept = np.flatnonzero(closed < end)
    place, second, closed = place[kept], second[kept], closed[kept]
    analyst = (cases["a"][place] * 1e6).astype(np.int64) % 12
    outcomes = table(
        "obs_case_outcomes",
        {
            **{name: taken(values, place) for name, values in {**common, **about}.items()},
            "queue": choice(_QUEUES, queue[place]),
            "outcome": choice(
                ("dismissed", "confirmed"), (cases["confirmed"][place] ^ second).astype(np.int64)
            ),
            "analyst": choice([f"analyst-{one}" for one in range(12)], analyst),
            "closed_at": times(closed),
            "known_at": times(closed + HOUR),
            "version": 1 + second,
            "retracted": np.zeros(place.size, dtype=bool),
        },
    )
    filed = cases["closed"] + (DAY * (2 + 27 * cases["d"])).astype(np.int64)
    sar = np.flatnonzero(cases["confirmed"] & (queue == 0) & (filed < end))
    return {
        "obs_cases": opened,
        "obs_case_outcomes": outcomes,
        "obs_sars": table(
            "obs_sars",
            {
                **{name: taken(values, sar) for name, values in common.items()},
                "subject_at": times(cases["subject"][sar]),
                "filed_at": times(filed[sar]),
                "known_at": times(filed[sar] + DAY),
            },
        ),
    }


def _labels(seen: Observer) -> pa.Table:
    """Addresses that a victim named, or that forensics traced; some allegations are wrong."""
    acts, world = seen.played.acts, seen.played.world
    rows, told = _incidents(seen)
    victims = np.flatnonzero(~rows["is_login"])
    named = rows["place"][victims]
    a, b, _, _ = seen.draws("named").uniform(seen.number(acts, named), acts["rank"][named])
    kept = a < 0.6
    named, named_at = named[kept], told[victims][kept] + (DAY * (1 + 5 * b[kept])).astype(np.int64)
    traced = dirty(seen)
    e, f, g, _ = seen.draws("traced").uniform(seen.number(acts, traced), acts["rank"][traced])
    odds = np.array([0.0, 0.65, 0.45, 0.3, 0.15, 0.1])[acts["hops"][traced]]
    traced = traced[e < odds]
    f, g = f[e < odds], g[e < odds]
    traced_at = acts["at"][traced] + label_lag(world, f, g)
    wrong = _wrongly(seen)
    wrong_at = acts["at"][wrong] + 9 * DAY
    place = np.concatenate([named, traced, wrong])
    known = np.concatenate([named_at, traced_at, wrong_at])
    source = np.repeat([0, 1, 1], [named.size, traced.size, wrong.size])
    scam = np.isin(acts["typology"][place], (SCAM,))
    origin = CLUSTER_CATEGORY[np.maximum(acts["source"][place], 0)]
    category = np.select([source == 0, np.isin(place, traced)],
                         [np.where(scam, SCAMMER, PHISHER), origin], SCAMMER)  # fmt: skip
    number, rank = seen.number(acts, place), acts["rank"][place]
    u, v, _, _ = seen.draws("doubts").uniform(number, rank)
    taken_back = np.flatnonzero(
        (u < world.rates["labels.retracted"]) | np.isin(place, wrong) & (v < 0.5)
    )
    index = np.concatenate([np.arange(place.size), taken_back])
    second = np.arange(index.size) >= place.size
    when = known[index] + second * (DAY * (20 + 60 * v[index])).astype(np.int64)
    inside = when < ORIGIN + world.days * DAY
    index, second, when = index[inside], second[inside], when[inside]
    return table(
        "obs_address_labels",
        {
            "label_id": hexes("L", seen.ids.code(number, rank, 21)[index]),
            "address": spelled(seen.played, acts["address"][place[index]]),
            "category": choice(CATEGORIES, category[index]),
            "source": choice(("victim_report", "forensic"), source[index]),
            "confidence": np.round(np.where(source[index] == 0, 0.6, 0.8) + 0.15 * u[index], 2),
            "labelled_at": times(acts["at"][place[index]]),
            "known_at": times(when),
            "version": 1 + second,
            "retracted": second,
        },
    )


def _wrongly(seen: Observer) -> Array:
    """Honest senders whom somebody names by mistake."""
    acts = seen.played.acts
    chosen = deposits(seen)
    chosen = chosen[acts["typology"][chosen] == NONE]
    uniform = seen.draws("wrongly").uniform(seen.number(acts, chosen), acts["rank"][chosen])[0]
    return chosen[uniform < 0.0008]
