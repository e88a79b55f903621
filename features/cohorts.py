"""How unlike its peers an account is: peers by country and declared occupation, and by income.

FATF guidance asks for the customer's own profile as the yardstick: what is much for a student is
little for a trader.
"""

from stockade import Derived, EventSource, FeatureView, Query, days, mean, stddev
from trust_safety.features.entities import cohort
from trust_safety.features.sources import CRIME
from trust_safety.features.windows import QUARTER

# One row per account and week: what moved in it, known when the week is over.
weekly_turnover = EventSource(
    name="weekly_turnover",
    origin=Query(
        sql="""
        WITH moves AS (
          SELECT DISTINCT transfer_id AS move_id, user_id, amount_usd, requested_at AS moved_at
          FROM {obs_fiat_transfers}
          UNION ALL
          SELECT DISTINCT withdrawal_id, user_id, amount_usd, requested_at
          FROM {obs_crypto_withdrawals}
          UNION ALL
          SELECT DISTINCT deposit_id, user_id, amount_usd, credited_at
          FROM {obs_crypto_deposits})
        SELECT u.country, u.occupation, m.user_id,
          date_trunc('week', m.moved_at) + INTERVAL 7 DAYS AS week_ended_at,
          ln(1 + CAST(sum(m.amount_usd) AS DOUBLE)) AS log_turnover
        FROM moves m
        JOIN (SELECT user_id, min(country) AS country, min(occupation) AS occupation
              FROM {obs_users} GROUP BY user_id) u ON u.user_id = m.user_id
        GROUP BY ALL
        """
    ),
    event_time="week_ended_at",
    # Rows arrive minutes after their event, in bad weeks two days.
    settling_delay=days(2),
    description="The logarithm of what each account moved in a week.",
    owner=CRIME,
)

peers = FeatureView(
    name="peers",
    entity=cohort,
    source=weekly_turnover,
    aggregates={
        "mean_log_turnover_of_peers": mean("log_turnover", windows=(QUARTER,)),
        "stddev_log_turnover_of_peers": stddev("log_turnover", windows=(QUARTER,)),
    },
    owner=CRIME,
    description="What accounts of the same country and occupation move in a week.",
)

peer_score = Derived(
    name="turnover_z",
    expression="try_divide(ln(1 + CAST(money_in_usd_7d + money_out_usd_7d AS DOUBLE)) "
    "- mean_log_turnover_of_peers_90d, stddev_log_turnover_of_peers_90d)",
    owner=CRIME,
    description="Standard deviations above the weekly turnover of the account's peers",
)

# A year's declared income at the middle of its band, for 90 days.
INCOME = (
    "CASE declared_income_band WHEN 'under_25k' THEN 15000 WHEN '25k_50k' THEN 37500 "
    "WHEN '50k_100k' THEN 75000 WHEN '100k_250k' THEN 175000 ELSE 400000 END"
)
income_score = Derived(
    name="turnover_per_income",
    expression=f"try_divide(CAST(money_in_usd_30d AS DOUBLE) * 12, {INCOME})",
    owner=CRIME,
    description="A month's deposits, times twelve, against the declared income of a year",
)
