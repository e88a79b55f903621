"""How hard the simulated exchange is: plain features, two-rule baselines, a model, and a leak.

`python -m benchmarks.hardness [--scale 0.1] [--seeds 5]` prints one row for each typology. What is
measured: the best AUC of any one feature; the average precision of the best pair of rules; that of
a gradient-boosted model on a later period; what a random split would claim; and what a join that
ignores when labels are known would claim. The truth serves as the label here, which only a grader
may do.
"""

import argparse
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
from lightgbm import LGBMClassifier
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table as Sheet
from sklearn.metrics import average_precision_score, roc_auc_score

from trust_safety.simulator.generate import generate
from trust_safety.simulator.world import World, world

Floats = NDArray[np.float64]

# One row for each decision: `at`, `is_bad`, `entity` whose earlier labels may leak, `known_at`,
# and features that were known then. `{...}` names what several share.
_LOGINS = """
    SELECT l.event_id, l.user_id, l.session_id, l.attempted_at AS at,
      epoch(l.attempted_at - min(l.attempted_at) OVER (PARTITION BY l.user_id, l.device_id))
        AS device_age,
      epoch(l.attempted_at - min(l.attempted_at) OVER (PARTITION BY l.user_id, l.ip_prefix))
        AS ip_age,
      epoch(l.attempted_at - min(l.attempted_at) OVER (PARTITION BY l.user_id, l.asn)) AS asn_age,
      (l.ip_country <> u.country)::int AS abroad,
      (l.asn_kind IN ('hosting', 'vpn'))::int AS hosted,
      l.rtt_ms, (l.platform = 'web')::int AS web, hour(l.attempted_at) AS hour,
      count(*) FILTER (WHERE outcome <> 'success') OVER (PARTITION BY l.user_id
        ORDER BY l.attempted_at
        RANGE BETWEEN INTERVAL 1 HOUR PRECEDING AND CURRENT ROW) AS failed_1h,
      count(*) OVER (PARTITION BY l.user_id ORDER BY l.attempted_at
        RANGE BETWEEN INTERVAL 7 DAY PRECEDING AND CURRENT ROW) AS logins_7d,
      epoch(l.attempted_at - lag(l.attempted_at) OVER (PARTITION BY l.user_id
        ORDER BY l.attempted_at)) AS gap,
      epoch(l.attempted_at - (SELECT max(changed_at) FROM obs_account_changes c
        WHERE c.user_id = l.user_id AND c.changed_at < l.attempted_at)) AS since_change,
      l.outcome
    FROM logins l JOIN obs_users u USING (user_id)"""
_QUERIES: Mapping[str, str] = {
    "ACH: bank return": """
      SELECT *, (code IN ('R01','R09','R08','R16','R20','R02','R03','R04'))::int AS is_bad
      FROM debits""",
    "ACH: unauthorised": """
      SELECT *, (typology = 'unauthorised_ach')::int AS is_bad FROM debits""",
    "card chargeback": """
      SELECT f.transfer_id, f.requested_at AS at, f.user_id AS entity, t.would_return_at
        AS known_at,
        coalesce(t.typology = 'stolen_card', false)::int AS is_bad,
        f.amount_usd::double AS amount, f.amount_usd::double / f.limit_usd::double AS of_limit,
        epoch(f.requested_at - u.signed_up_at) AS account_age,
        count(*) OVER day AS cards_1d, count(*) OVER month AS cards_30d,
        epoch(f.requested_at - min(f.requested_at) OVER (PARTITION BY f.card_id)) AS card_age,
        f.amount_usd::double / avg(f.amount_usd::double) OVER past AS to_mean,
        count(*) OVER bin AS bin_1d, hour(f.requested_at) AS hour,
        epoch(f.requested_at - lag(f.requested_at) OVER (PARTITION BY f.user_id
          ORDER BY f.requested_at)) AS gap
      FROM transfers f JOIN obs_users u USING (user_id)
      LEFT JOIN truth_events t ON t.event_id = f.transfer_id
      WHERE f.rail = 'card'
      WINDOW day AS (PARTITION BY f.user_id ORDER BY f.requested_at RANGE
        BETWEEN INTERVAL 1 DAY PRECEDING AND CURRENT ROW),
        month AS (PARTITION BY f.user_id ORDER BY f.requested_at RANGE
          BETWEEN INTERVAL 30 DAY PRECEDING AND CURRENT ROW),
        bin AS (PARTITION BY f.card_bin ORDER BY f.requested_at RANGE
          BETWEEN INTERVAL 1 DAY PRECEDING AND CURRENT ROW),
        past AS (PARTITION BY f.user_id ORDER BY f.requested_at ROWS BETWEEN UNBOUNDED PRECEDING
          AND 1 PRECEDING)""",
    "takeover: sign-in": f"""
      SELECT s.*, s.user_id AS entity, r.known_at,
        coalesce(t.typology = 'account_takeover', false)::int AS is_bad
      FROM ({_LOGINS}) s
      LEFT JOIN (SELECT event_id, any_value(typology) AS typology FROM truth_events
        GROUP BY 1) t USING (event_id)
      LEFT JOIN (SELECT event_id, min(known_at) AS known_at FROM obs_reports
        GROUP BY 1) r USING (event_id)
      WHERE s.outcome = 'success' AND s.at > TIMESTAMPTZ '2025-02-01 00:00:00+00'""",
    "takeover: withdrawal": """
      SELECT * EXCLUDE (typology), coalesce(typology = 'account_takeover', false)::int AS is_bad
        FROM sends""",
    "scam victim": """
      SELECT * EXCLUDE (typology), coalesce(typology = 'scam', false)::int AS is_bad FROM sends""",
    "mule: credit": """
      SELECT c.*, c.user_id AS entity, e.known_at, coalesce(t.typology = 'mule', false)::int
        AS is_bad,
        epoch(c.at - u.signed_up_at) AS account_age,
        sum(amount) OVER week AS in_7d, count(*) OVER week AS credits_7d,
        amount / avg(amount) OVER past AS to_mean, (c.amount % 50 = 0)::int AS is_round,
        (u.phone_type = 'voip')::int AS voip, u.email_domain_age_days AS email_age,
        epoch(c.at - (SELECT max(requested_at) FROM withdrawals w WHERE w.user_id = c.user_id
          AND w.requested_at < c.at)) AS since_out,
        (SELECT coalesce(sum(amount_usd::double), 0) FROM withdrawals w WHERE w.user_id = c.user_id
          AND w.requested_at BETWEEN c.at - INTERVAL 7 DAY AND c.at) / (sum(amount) OVER week + 1)
            AS passed_7d
      FROM (
        SELECT transfer_id AS id, user_id, requested_at AS at, amount_usd::double AS amount,
          coalesce(sender_name_match, 0.9) AS name_match
        FROM transfers WHERE direction = 'in' AND rail = 'rtp'
        UNION ALL SELECT deposit_id, user_id, credited_at, amount_usd::double, 0.9
          FROM obs_crypto_deposits
      ) c JOIN obs_users u USING (user_id)
      LEFT JOIN (SELECT event_id, any_value(typology) AS typology FROM truth_events GROUP BY 1) t
        ON t.event_id = c.id
      LEFT JOIN (SELECT user_id, min(known_at) AS known_at FROM obs_enforcements GROUP BY 1) e
        ON e.user_id = c.user_id
      WHERE c.at >= TIMESTAMPTZ '2025-01-01 00:00:00+00'
      WINDOW week AS (PARTITION BY c.user_id ORDER BY c.at RANGE BETWEEN INTERVAL 7 DAY PRECEDING
        AND CURRENT ROW),
        past AS (PARTITION BY c.user_id ORDER BY c.at ROWS BETWEEN UNBOUNDED PRECEDING
          AND 1 PRECEDING)""",
    "sign-up": """
      SELECT u.user_id AS id, u.signed_up_at AS at, coalesce(u.referred_by, u.user_id) AS entity,
        e.known_at,
        (a.actor_type IN ('synthetic', 'mule', 'thief'))::int AS is_bad,
        u.email_domain_age_days AS email_age, (u.phone_type = 'voip')::int AS voip,
        (u.referred_by IS NOT NULL)::int AS referred, k.face_match,
        count(*) OVER (PARTITION BY k.doc_hash ORDER BY u.signed_up_at) AS same_doc,
        count(*) OVER (PARTITION BY k.address_hash ORDER BY u.signed_up_at) AS same_address,
        count(*) OVER (PARTITION BY u.signup_device_id ORDER BY u.signed_up_at) AS same_device,
        (u.age_band = '18-24')::int AS young, (u.declared_income_band = 'under_25k')::int AS poor,
        (u.country = 'US')::int AS us
      FROM obs_users u JOIN truth_actors a USING (user_id)
      JOIN (SELECT user_id, any_value(face_match) AS face_match, any_value(doc_hash) AS doc_hash,
            any_value(address_hash) AS address_hash FROM obs_kyc_events
              GROUP BY 1) k USING (user_id)
      LEFT JOIN (SELECT user_id, min(known_at) AS known_at FROM obs_enforcements
        GROUP BY 1) e USING (user_id)
      WHERE u.signed_up_at >= TIMESTAMPTZ '2025-01-01 00:00:00+00'""",
    "laundering: week": """
      WITH flows AS (
        SELECT user_id, requested_at AS at, CASE WHEN direction = 'in' THEN amount_usd::double END
          AS fiat_in,
          CASE WHEN direction = 'out' THEN amount_usd::double END AS fiat_out, NULL::double
            AS coin_in, NULL::double AS coin_out,
          (rail = 'wire' AND amount_usd BETWEEN 8000 AND 9999)::int AS near, NULL AS party
            FROM transfers
        UNION ALL SELECT user_id, credited_at, NULL, NULL, amount_usd::double, NULL, 0,
          from_address FROM obs_crypto_deposits
        UNION ALL SELECT user_id, requested_at, NULL, NULL, NULL, amount_usd::double, 0, address
          FROM withdrawals),
      bad AS (SELECT DISTINCT user_id, date_trunc('week', occurred_at) AS week FROM truth_events
        WHERE typology = 'laundering'),
      weeks AS (
        SELECT user_id, date_trunc('week', "at") AS week, coalesce(sum(fiat_in), 0) AS fiat_in,
          coalesce(sum(fiat_out), 0) AS fiat_out,
          coalesce(sum(coin_in), 0) AS coin_in, coalesce(sum(coin_out), 0) AS coin_out, sum(near)
            AS near,
          count(*) AS flows, count(DISTINCT party) AS parties
        FROM flows WHERE "at" >= TIMESTAMPTZ '2025-01-01 00:00:00+00' GROUP BY 1, 2)
      SELECT w.user_id AS id, w.week + INTERVAL 7 DAY AS at, w.user_id AS entity, c.known_at,
        (b.user_id IS NOT NULL)::int AS is_bad,
        w.* EXCLUDE (user_id, week), (coin_out + fiat_out) / (coin_in + fiat_in + 1) AS through,
        (coin_in + fiat_in) / (1 + avg(coin_in + fiat_in) OVER past) AS to_mean
      FROM weeks w LEFT JOIN bad b USING (user_id, week)
      LEFT JOIN (SELECT user_id, min(known_at) AS known_at FROM obs_case_outcomes
        WHERE outcome = 'confirmed' AND queue = 'aml' GROUP BY 1) c USING (user_id)
      WINDOW past AS (PARTITION BY w.user_id ORDER BY w.week ROWS BETWEEN UNBOUNDED PRECEDING
        AND 1 PRECEDING)""",
    "trading: day": """
      WITH placed AS (SELECT user_id, market, date_trunc('day', placed_at) AS day, count(*)
        AS orders,
          sum(amount_usd::double) AS ordered, avg(is_api::int) AS api, max(amount_usd::double)
            AS largest
        FROM (SELECT DISTINCT ON (order_id) * FROM obs_orders) GROUP BY 1, 2, 3),
      gone AS (SELECT user_id, market, date_trunc('day', placed_at) AS day, count(*) AS cancels,
          median(epoch(cancelled_at - placed_at)) AS life FROM obs_order_cancels GROUP BY 1, 2, 3),
      fills AS (SELECT user_id, market, date_trunc('day', executed_at) AS day, sum(amount)
        AS filled, max(n) / count(*) AS top,
          max(p) AS partners
        FROM (SELECT *, count(*) OVER (PARTITION BY user_id, market, date_trunc('day',
          executed_at), other) AS n,
            dense_rank() OVER (PARTITION BY user_id, market, date_trunc('day', executed_at)
              ORDER BY other) AS p
          FROM (SELECT taker_user_id AS user_id, maker_user_id AS other, market, executed_at,
            amount_usd::double AS amount FROM obs_trades
            UNION ALL SELECT maker_user_id, taker_user_id, market, executed_at, amount_usd::double
              FROM obs_trades))
        GROUP BY 1, 2, 3),
      bad AS (SELECT DISTINCT o.user_id, o.market, date_trunc('day', o.placed_at) AS day
        FROM truth_events t
        JOIN obs_orders o ON o.order_id = t.event_id WHERE t.typology IN ('wash_trading',
          'spoofing', 'pump') AND t.is_fraud)
      SELECT p.user_id AS id, p.day + INTERVAL 1 DAY AS at, p.user_id AS entity, c.known_at,
        (b.user_id IS NOT NULL)::int AS is_bad,
        p.* EXCLUDE (user_id, market, day), coalesce(g.cancels, 0) AS cancels, g.life,
          coalesce(g.cancels, 0) / p.orders AS cancelled,
        f.filled, f.top, f.partners, (m.tier = 'thin')::int AS thin
      FROM placed p JOIN obs_markets m USING (market) LEFT JOIN gone g USING (user_id, market, day)
      LEFT JOIN fills f USING (user_id, market, day) LEFT JOIN bad b USING (user_id, market, day)
      LEFT JOIN (SELECT user_id, min(known_at) AS known_at FROM obs_case_outcomes
        WHERE outcome = 'confirmed' AND queue = 'trading' GROUP BY 1) c USING (user_id)
      WHERE p.user_id NOT IN (SELECT user_id FROM truth_actors
        WHERE actor_type = 'market_maker')""",
    "on-chain: deposit": """
      SELECT d.deposit_id AS id, d.credited_at AS at, d.from_address AS entity, l.known_at,
        coalesce(t.typology = 'illicit_deposit', false)::int AS is_bad,
        d.amount_usd::double AS amount, epoch(d.credited_at - u.signed_up_at) AS account_age,
        count(*) OVER (PARTITION BY d.user_id ORDER BY d.credited_at RANGE
          BETWEEN INTERVAL 7 DAY PRECEDING AND CURRENT ROW) AS deposits_7d,
        count(*) OVER (PARTITION BY d.from_address ORDER BY d.credited_at) AS sender_seen,
        (l.known_at <= d.credited_at)::int AS labelled, (h.known_at <= d.credited_at)::int
          AS labelled_1,
        epoch(d.credited_at - c.confirmed_at) AS sender_age
      FROM (SELECT DISTINCT ON (deposit_id) * FROM obs_crypto_deposits) d
        JOIN obs_users u USING (user_id)
      LEFT JOIN (SELECT event_id, any_value(typology) AS typology FROM truth_events GROUP BY 1) t
        ON t.event_id = d.deposit_id
      LEFT JOIN (SELECT to_address, any_value(from_address) AS before, min(confirmed_at)
        AS confirmed_at FROM obs_chain_transfers GROUP BY 1) c ON c.to_address = d.from_address
      LEFT JOIN (SELECT address, min(known_at) AS known_at FROM obs_address_labels
        WHERE category NOT IN ('exchange','dex','gambling') GROUP BY 1) l
          ON l.address = d.from_address
      LEFT JOIN (SELECT address, min(known_at) AS known_at FROM obs_address_labels
        WHERE category NOT IN ('exchange','dex','gambling') GROUP BY 1) h ON h.address = c.before
      WHERE d.credited_at >= TIMESTAMPTZ '2025-01-01 00:00:00+00' AND coalesce(t.typology,
        '') IN ('', 'illicit_deposit')""",
}
_VIEWS: Mapping[str, str] = {
    "logins": "SELECT DISTINCT ON (event_id) * FROM obs_logins ORDER BY ingested_at",
    "transfers": "SELECT DISTINCT ON (transfer_id) * FROM obs_fiat_transfers",
    "withdrawals": "SELECT DISTINCT ON (withdrawal_id) * FROM obs_crypto_withdrawals",
    "signs": f"SELECT * FROM ({_LOGINS}) WHERE session_id IS NOT NULL",
    "debits": """
      SELECT f.transfer_id, f.requested_at AS at, f.user_id AS entity, t.would_return_at
        AS known_at,
        coalesce(t.would_return_code, '') AS code, coalesce(t.typology, '') AS typology,
        f.amount_usd::double AS amount, f.amount_usd::double / f.limit_usd::double AS of_limit,
        epoch(f.requested_at - u.signed_up_at) AS account_age,
        epoch(f.requested_at - (SELECT max(changed_at) FROM obs_bank_accounts b
          WHERE b.user_id = f.user_id
          AND b.bank_account_id = f.bank_account_id AND b.action = 'linked'
            AND b.changed_at <= f.requested_at)) AS link_age,
        f.amount_usd::double / (1 + (SELECT arg_max(balance_usd::double, seen_at)
          FROM obs_bank_balances v
          WHERE v.user_id = f.user_id AND v.seen_at <= f.requested_at)) AS to_balance,
        (SELECT arg_max(owner_name_match, changed_at) FROM obs_bank_accounts b
          WHERE b.user_id = f.user_id
          AND b.bank_account_id = f.bank_account_id AND b.changed_at <= f.requested_at)
            AS name_match,
        count(*) OVER week AS debits_7d, sum(f.amount_usd::double) OVER month AS debited_30d,
        f.amount_usd::double / avg(f.amount_usd::double) OVER past AS to_mean,
        extract(day FROM f.requested_at) % 15 AS payday, hour(f.requested_at) AS hour,
        (u.phone_type = 'voip')::int AS voip, u.email_domain_age_days AS email_age, s.device_age,
          s.hosted, s.ip_age
      FROM transfers f JOIN obs_users u USING (user_id)
      LEFT JOIN (SELECT DISTINCT ON (session_id) session_id, device_age, hosted, ip_age
        FROM signs) s USING (session_id)
      LEFT JOIN (SELECT event_id, any_value(typology) AS typology, any_value(would_return_code)
        AS would_return_code,
        any_value(would_return_at) AS would_return_at FROM truth_events GROUP BY 1) t
          ON t.event_id = f.transfer_id
      WHERE f.rail = 'ach_debit'
      WINDOW week AS (PARTITION BY f.user_id ORDER BY f.requested_at RANGE
        BETWEEN INTERVAL 7 DAY PRECEDING AND CURRENT ROW),
        month AS (PARTITION BY f.user_id ORDER BY f.requested_at RANGE
          BETWEEN INTERVAL 30 DAY PRECEDING AND CURRENT ROW),
        past AS (PARTITION BY f.user_id ORDER BY f.requested_at ROWS BETWEEN UNBOUNDED PRECEDING
          AND 1 PRECEDING)""",
    "sends": """
      SELECT w.withdrawal_id, w.requested_at AS at, w.address AS entity, r.known_at, t.typology,
        w.amount_usd::double AS amount, w.amount_usd::double / w.limit_usd::double AS of_limit,
        epoch(w.requested_at - u.signed_up_at) AS account_age, (u.age_band = '60+')::int AS old,
        epoch(w.requested_at - min(w.requested_at) OVER (PARTITION BY w.user_id, w.address))
          AS address_age,
        w.amount_usd::double / avg(w.amount_usd::double) OVER past AS to_mean,
        count(*) OVER month AS sends_30d,
        approx_count_distinct(w.user_id) OVER (PARTITION BY w.address ORDER BY w.requested_at)
          AS senders,
        epoch(w.requested_at - (SELECT max(changed_at) FROM obs_account_changes c
          WHERE c.user_id = w.user_id
          AND c.changed_at < w.requested_at)) AS since_change,
        (SELECT coalesce(sum(amount_usd::double), 0) FROM transfers f WHERE f.user_id = w.user_id
          AND f.direction = 'in'
          AND f.requested_at BETWEEN w.requested_at - INTERVAL 3 DAY
            AND w.requested_at) / w.amount_usd::double AS fed_3d,
        epoch(w.requested_at - s.at) AS in_session, s.device_age, s.ip_age, s.asn_age, s.abroad,
          s.hosted, s.failed_1h, s.rtt_ms
      FROM withdrawals w JOIN obs_users u USING (user_id)
      LEFT JOIN (SELECT DISTINCT ON (session_id) * FROM signs) s USING (session_id)
      LEFT JOIN (SELECT event_id, min(known_at) AS known_at FROM obs_reports GROUP BY 1) r
        ON r.event_id = w.withdrawal_id
      LEFT JOIN (SELECT event_id, any_value(typology) AS typology FROM truth_events GROUP BY 1) t
        ON t.event_id = w.withdrawal_id
      WHERE w.requested_at > TIMESTAMPTZ '2025-02-01 00:00:00+00'
      WINDOW month AS (PARTITION BY w.user_id ORDER BY w.requested_at RANGE
        BETWEEN INTERVAL 30 DAY PRECEDING AND CURRENT ROW),
        past AS (PARTITION BY w.user_id ORDER BY w.requested_at ROWS BETWEEN UNBOUNDED PRECEDING
          AND 1 PRECEDING)""",
}
_ASIDE = ("at", "is_bad", "entity", "known_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardness:
    """How hard one typology is; shares from 0 to 1.

    Attributes:
        name, rows, positives: which, and how many.
        feature, auc: the strongest single feature, and its AUC in either direction.
        rules: average precision of the best pair of rules, chosen with hindsight.
        later, random: that of a model on the last 40 % of the period, and by a random split.
        leaky: as `later`, with the entity's labels joined without asking when they were known.
    """

    name: str
    rows: int
    positives: int
    feature: str
    auc: float
    rules: float
    later: float
    random: float
    leaky: float


def spines(
    tables: Mapping[str, pa.Table], names: tuple[str, ...] = ()
) -> Iterator[tuple[str, pd.DataFrame]]:
    """For each typology its decisions with plain features."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for name, rows in tables.items():
        connection.register(name, rows)
    for name, sql in _VIEWS.items():
        connection.execute(f"CREATE TABLE {name} AS {sql}")
    for name, sql in _QUERIES.items():
        if not names or name in names:
            yield (
                name,
                connection.sql(sql)
                .to_arrow_table()
                .to_pandas()
                .sort_values("at", ignore_index=True),
            )


def features(rows: pd.DataFrame) -> pd.DataFrame:
    """The numeric columns that a model may learn from."""
    kept = [
        column
        for column in rows.columns
        if column not in _ASIDE and pd.api.types.is_numeric_dtype(rows[column])
    ]
    return rows[kept].astype(float)


def strongest(values: pd.DataFrame, bad: Floats) -> tuple[str, float]:
    """The feature with the highest AUC, whichever way it points; nulls are a value of their own."""
    found = {}
    for column in values:
        filled = values[column].fillna(-1e9).clip(-1e12, 1e12)
        auc = float(roc_auc_score(bad, filled))
        found[column] = max(auc, 1 - auc)
    best = max(found, key=lambda name: found[name])
    return str(best), found[best]


def best_rules(values: pd.DataFrame, bad: Floats) -> float:
    """The average precision of the best two rules together, thresholds chosen with hindsight."""
    rules: list[tuple[float, Floats]] = []
    for column in values:
        filled = values[column].fillna(values[column].median())
        for cut in np.unique(filled.quantile([0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99])):
            for flags in (filled >= cut, filled <= cut):
                hits = flags.to_numpy(dtype=float)
                if 0 < hits.sum() < hits.size:
                    rules.append((_precision(hits, bad), hits))
    rules.sort(key=lambda rule: -rule[0])
    pairs = itertools.combinations(rules[:40], 2)
    return max((_precision(a[1] + b[1], bad) for a, b in pairs), default=0.0)


def _precision(score: Floats, bad: Floats) -> float:
    # Few distinct scores: from the highest down, precision times the recall that it adds.
    total, hits, seen, area = bad.sum(), 0.0, 0.0, 0.0
    for level in sorted(np.unique(score), reverse=True):
        chosen = score == level
        gained = bad[chosen].sum()
        hits, seen = hits + gained, seen + chosen.sum()
        area += gained / total * hits / seen
    return float(area)


def fitted(train: pd.DataFrame, bad: Floats) -> LGBMClassifier:
    """A small gradient-boosted model."""
    model = LGBMClassifier(
        n_estimators=150, learning_rate=0.05, num_leaves=15, min_child_samples=20,
        subsample=0.8, subsample_freq=1, colsample_bytree=0.7, reg_lambda=5.0, verbose=-1,
        random_state=0, n_jobs=2, deterministic=True,
    )  # fmt: skip
    return model.fit(train, bad)


def precision_later(values: pd.DataFrame, bad: Floats, train: NDArray[np.bool_]) -> float:
    """Average precision on the rows that were not trained on."""
    if bad[train].sum() < 5 or bad[~train].sum() < 5:
        return float("nan")
    scores = fitted(values[train], bad[train]).predict_proba(values[~train])
    return float(average_precision_score(bad[~train], np.asarray(scores)[:, 1]))


def leaked(rows: pd.DataFrame) -> Floats:
    """How many positives of the same entity a join finds that ignores when they were known."""
    total = rows.groupby("entity")["is_bad"].transform("sum")
    return total.to_numpy(dtype=float)


def hardness(name: str, rows: pd.DataFrame) -> Hardness:
    """Measure one typology."""
    values, bad = features(rows), rows["is_bad"].to_numpy(dtype=float)
    feature, auc = strongest(values, bad)
    early = np.arange(len(rows)) < 0.6 * len(rows)
    shuffled = np.random.default_rng(0).permutation(early)
    return Hardness(
        name=name,
        rows=len(rows),
        positives=int(bad.sum()),
        feature=feature,
        auc=auc,
        rules=best_rules(values, bad),
        later=precision_later(values, bad, early),
        random=precision_later(values, bad, shuffled),
        leaky=precision_later(values.assign(leak=leaked(rows)), bad, early),
    )


def measure(size: World) -> list[Hardness]:
    """Measure every typology of a world."""
    return [hardness(name, rows) for name, rows in spines(generate(size)) if rows["is_bad"].any()]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hardness", description=__doc__)
    parser.add_argument("--scale", type=float, default=0.1)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--evasion", type=int, default=1)
    arguments = parser.parse_args()
    found = [
        one
        for seed in range(arguments.seeds)
        for one in measure(world(arguments.scale, seed=seed, evasion=arguments.evasion))
    ]
    sheet = Sheet(
        "typology", "rows", "bad", "best feature", "AUC", "two rules", "later", "random", "leaky"
    )
    for name in dict.fromkeys(one.name for one in found):
        same = [one for one in found if one.name == name]
        mean = {
            field: float(np.nanmean([getattr(one, field) for one in same]))
            for field in ("rows", "positives", "auc", "rules", "later", "random", "leaky")
        }
        sheet.add_row(
            name, f"{mean['rows']:,.0f}", f"{mean['positives']:,.0f}", same[0].feature,
            *(f"{mean[field]:.3f}" for field in ("auc", "rules", "later", "random", "leaky")),
        )  # fmt: skip
    Console(width=140).print(sheet)


if __name__ == "__main__":
    main()
