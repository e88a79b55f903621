"""What an account should hold: everything that came in, less everything that went out.

Coins are counted at what they were worth when they moved; the fees are the exchange's.
"""

from stockade import Derived, EventSource, FeatureView, Query, count, sum_
from trust_safety.features.derived import ratio
from trust_safety.features.entities import user
from trust_safety.features.sources import PAYMENTS
from trust_safety.features.windows import DAY, DAYS, EVER, HOUR, MONTH, WEEK

money_moves = EventSource(
    name="money_moves",
    origin=Query(
        sql="""
        SELECT transfer_id AS move_id, user_id, CONCAT('fiat_', direction) AS kind,
          CAST(CASE WHEN direction = 'in' THEN amount_usd ELSE 0 END AS DECIMAL(18,2)) AS in_usd,
          CAST(CASE WHEN direction = 'out' THEN amount_usd ELSE 0 END AS DECIMAL(18,2)) AS out_usd,
          amount_usd AS moved_usd, direction = 'in' AS is_credit,
          coalesce(bank_account_id, card_id) AS counterparty, requested_at AS moved_at, ingested_at
        FROM {obs_fiat_transfers}
        UNION ALL
        SELECT deposit_id, user_id, 'coin_in', amount_usd, CAST(0 AS DECIMAL(18,2)), amount_usd,
          true, from_address, credited_at, ingested_at
        FROM {obs_crypto_deposits}
        UNION ALL
        SELECT withdrawal_id, user_id, 'coin_out', CAST(0 AS DECIMAL(18,2)), amount_usd, amount_usd,
          false, address, requested_at, ingested_at
        FROM {obs_crypto_withdrawals}
        """
    ),
    event_time="moved_at",
    available_at="ingested_at",
    dedupe=("kind", "move_id"),
    description="Everything that enters and leaves an account, in dollars of the moment.",
    owner=PAYMENTS,
)

money_flow = FeatureView(
    name="money_flow",
    entity=user,
    source=money_moves,
    aggregates={
        "money_in_usd": sum_("in_usd", windows=(HOUR, DAY, DAYS, WEEK, MONTH, *EVER)),
        "money_out_usd": sum_("out_usd", windows=(HOUR, DAY, DAYS, WEEK, MONTH, *EVER)),
        "credits": count("in_usd", where="in_usd > 0", windows=(DAY, WEEK, MONTH)),
        "debits": count("out_usd", where="out_usd > 0", windows=(DAY, WEEK, MONTH)),
        "round_moves": count(where="(in_usd + out_usd) % 100 = 0", windows=(MONTH,)),
        "moves": count(windows=(DAY, MONTH)),
    },
    owner=PAYMENTS,
    description="What came in and went out by all rails and chains together.",
)

equity = Derived(
    name="equity_usd",
    expression="CAST(money_in_usd_lifetime - money_out_usd_lifetime AS DOUBLE)",
    owner=PAYMENTS,
    description="What should be left of all that came in",
    sensitivity="personal",
)

flow_ratios = (
    ratio("pass_through_1d", "money_out_usd_1d", "money_in_usd_1d",
          "Dollars out for each dollar in, one day", owner=PAYMENTS),
    ratio("pass_through_3d", "money_out_usd_3d", "money_in_usd_3d",
          "Dollars out for each dollar in, three days", owner=PAYMENTS),
    ratio("pass_through_7d", "money_out_usd_7d", "money_in_usd_7d",
          "Dollars out for each dollar in, a week", owner=PAYMENTS),
    ratio("flow_week_per_month", "4.3 * (money_in_usd_7d + money_out_usd_7d)",
          "greatest(money_in_usd_30d + money_out_usd_30d, 1)",
          "The week's turnover against the month's", owner=PAYMENTS),
    ratio("round_share_30d", "round_moves_30d", "moves_30d",
          "Share of a month's amounts that are whole hundreds", owner=PAYMENTS),
)  # fmt: skip

drain = ratio(
    "amount_per_equity", "amount_usd", "greatest(equity_usd, 1)",
    "The amount against all that should be left: near one, the account is emptied", owner=PAYMENTS,
)  # fmt: skip
