"""The truth: who people are, what was meant, and what would have happened."""

import numpy as np
import pyarrow as pa

from trust_safety.simulator.columns import (
    blank,
    choice,
    hexes,
    table,
    taken,
    times,
    usd,
)
from trust_safety.simulator.observer import Observer, Tables
from trust_safety.simulator.people import COHORTS, HONEST, ROLES
from trust_safety.simulator.script import (
    CODES,
    DEPOSIT,
    IN,
    NONE,
    OUT,
    TYPOLOGIES,
    VARIANTS,
    WITHDRAW,
)
from trust_safety.simulator.sweep import SKIPPED

_TABLES = ("fiat_transfers", "crypto_withdrawals", "crypto_deposits", "orders", "logins")


def hidden(seen: Observer) -> Tables:
    """Actors, and the events that are not what they seem."""
    return {"truth_actors": _actors(seen), "truth_events": _events(seen)}


def _actors(seen: Observer) -> pa.Table:
    people = seen.played.people
    return table(
        "truth_actors",
        {
            "user_id": seen.ids.user(people.number),
            "actor_type": choice(ROLES, people.role),
            "cohort": choice(COHORTS, people.cohort),
            "ring_id": blank(hexes("R", seen.ids.code(people.ring, 0, 22)), people.ring < 0),
            "evasion": people.evasion,
            "is_bad": people.role != HONEST,
            "since_at": times(people.signed_up),
        },
    )


def _events(seen: Observer) -> pa.Table:
    acts, logins, outcome = seen.played.acts, seen.played.logins, seen.played.outcome
    meant = (acts["typology"] != NONE) & ~acts["follows"] & (outcome.state != SKIPPED)
    chosen = np.flatnonzero(meant)
    entered = np.flatnonzero(logins["typology"] != NONE)
    size = chosen.size
    kind = acts["kind"][chosen]
    where = np.select([np.isin(kind, (IN, OUT)), kind == WITHDRAW, kind == DEPOSIT], [0, 1, 2], 3)
    ids = taken(
        pa.concat_arrays([seen.acts(letter, chosen) for letter in "fwpo"]),
        np.arange(size) + where * size,
    )
    rows = {
        name: np.concatenate([acts[name][chosen], logins[name][entered]])
        for name in (
            "person",
            "at",
            "typology",
            "variant",
            "incident",
            "campaign",
            "harm",
            "reported",
        )
    }
    number = seen.played.people.number[rows["person"]]
    ring = seen.played.people.ring[rows["person"]]
    gone = np.isin(kind, (IN, WITHDRAW)) & acts["harm"][chosen] | (acts["code"][chosen] > 0)
    none = np.zeros(entered.size, dtype=np.int64)
    code = np.concatenate([acts["code"][chosen], none])
    back = np.concatenate([acts["back_at"][chosen], none])
    return table(
        "truth_events",
        {
            "event_id": pa.concat_arrays([ids, seen.logins(entered)]),
            "event_table": choice(_TABLES, np.concatenate([where, none + 4])),
            "user_id": seen.ids.user(number),
            "typology": choice(TYPOLOGIES, rows["typology"]),
            "variant": choice(VARIANTS, np.where(rows["variant"] > 0, rows["variant"], -1)),
            "incident_id": blank(
                hexes("i", seen.ids.code(number, rows["incident"], 19)), rows["incident"] < 0
            ),
            "ring_id": blank(hexes("R", seen.ids.code(ring, 0, 22)), ring < 0),
            "campaign_id": blank(
                hexes("K", seen.ids.code(rows["campaign"], 0, 23)), rows["campaign"] < 0
            ),
            "is_fraud": rows["harm"],
            "loss_if_allowed_usd": usd(
                np.concatenate([np.where(gone, outcome.cents[chosen], 0), none])
            ),
            "would_return_code": choice(CODES, np.where(code > 0, code, -1)),
            "would_return_at": blank(times(back), code == 0),
            "is_reported": rows["reported"],
            "occurred_at": times(rows["at"]),
        },
    )
