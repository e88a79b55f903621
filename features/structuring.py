"""Amounts cut small: nearness to a limit alone is no suspicion, repetition and spread are.

FinCEN's FAQ of 9 October 2025: transactions near $10,000 are not by themselves suspicious. So each
count below stands beside the days, bank accounts and senders that it is spread over.
"""

from stockade import Derived, EventSource, FeatureView, Query, count, count_distinct, sum_
from trust_safety.features.derived import ratio
from trust_safety.features.entities import user
from trust_safety.features.sources import CRIME
from trust_safety.features.windows import MONTH, WEEK

NEAR = "is_near"

near_limits = EventSource(
    name="near_limits",
    origin=Query(
        sql="""
        SELECT transfer_id, user_id, bank_account_id, direction, amount_usd, requested_at,
          ingested_at, date_format(requested_at, 'yyyy-MM-dd') AS requested_on,
          (amount_usd BETWEEN 0.8 * limit_usd AND limit_usd)
            OR (amount_usd BETWEEN 8000 AND 9999.99)
            OR (amount_usd BETWEEN 2400 AND 2999.99) AS is_near
        FROM {obs_fiat_transfers} WHERE rail <> 'card'
        """
    ),
    event_time="requested_at",
    available_at="ingested_at",
    dedupe="transfer_id",
    description="Bank transfers, and whether each stays just under a limit that somebody watches.",
    owner=CRIME,
)

structuring = FeatureView(
    name="structuring",
    entity=user,
    source=near_limits,
    aggregates={
        "near_limit_transfers": count(where=NEAR, windows=(WEEK, MONTH)),
        "near_limit_usd": sum_("amount_usd", where=NEAR, windows=(WEEK, MONTH)),
        "near_limit_days": count_distinct("requested_on", where=NEAR, windows=(WEEK, MONTH)),
        "near_limit_banks": count_distinct("bank_account_id", where=NEAR, windows=(MONTH,)),
        "bank_transfers": count(windows=(WEEK, MONTH)),
        "transfer_days": count_distinct("requested_on", windows=(MONTH,)),
    },
    owner=CRIME,
    description="Transfers just under limits, with the days and bank accounts they spread over.",
)

structuring_ratios = (
    ratio("near_limit_share_30d", "near_limit_transfers_30d", "bank_transfers_30d",
          "Share of a month's transfers that stay just under a limit", owner=CRIME),
    Derived(
        name="structuring_evidence",
        expression="CASE WHEN near_limit_transfers_30d >= 3 THEN CAST(near_limit_transfers_30d "
        "* least(near_limit_days_30d, 5) * greatest(near_limit_banks_30d, 1) AS DOUBLE) "
        "ELSE 0.0D END",
        owner=CRIME,
        description="Three or more just under a limit, times the days and the bank accounts",
    ),
)  # fmt: skip
