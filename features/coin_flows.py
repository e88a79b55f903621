"""Coins in and out, and what is left: how much of what came in has gone again."""

from stockade import (
    FeatureView,
    count,
    count_distinct,
    last_n,
    max_,
    quantile,
    seconds_since_first,
    seconds_since_last,
    stddev,
    sum_,
)
from trust_safety.features.derived import ratio
from trust_safety.features.entities import user
from trust_safety.features.sources import CHAIN, crypto_deposits, crypto_withdrawals
from trust_safety.features.windows import DAY, EVER, HOUR, LONG, MONTH, QUARTER

STABLE = "asset IN ('USDC', 'USDT')"

coin_deposits = FeatureView(
    name="coin_deposits",
    entity=user,
    source=crypto_deposits,
    aggregates={
        "coin_deposits": count(windows=LONG),
        "coin_in_usd": sum_("amount_usd", windows=(*LONG, QUARTER)),
        "coin_senders": count_distinct("from_address", windows=(*LONG, QUARTER)),
        "deposit_addresses": count_distinct("to_address", windows=(QUARTER,)),
        "small_coin_deposits": count(where="amount_usd < 50", windows=(MONTH, QUARTER)),
        "largest_coin_deposit_usd": max_("amount_usd", windows=(QUARTER,)),
        "seconds_since_coin_deposit": seconds_since_last(windows=(MONTH,)),
    },
    owner=CHAIN,
    description="Coins that arrive for an account.",
)

coin_withdrawals = FeatureView(
    name="coin_withdrawals",
    entity=user,
    source=crypto_withdrawals,
    aggregates={
        "withdrawals": count(windows=(HOUR, *LONG)),
        "withdrawn_usd": sum_("amount_usd", windows=(HOUR, *LONG, QUARTER)),
        "withdrawal_addresses": count_distinct("address", windows=(*LONG, QUARTER)),
        "largest_withdrawal_usd": max_("amount_usd", windows=(MONTH, QUARTER)),
        "median_withdrawal_usd": quantile("amount_usd", q=0.5, windows=(QUARTER,)),
        "stddev_withdrawal_usd": stddev("amount_usd", windows=(QUARTER,)),
        "stable_withdrawals": count(where=STABLE, windows=(DAY, MONTH)),
        "at_limit_withdrawals": count(where="amount_usd >= 0.9 * limit_usd", windows=LONG),
        "seconds_since_withdrawal": seconds_since_last(windows=(QUARTER,)),
        "seconds_since_first_withdrawal": seconds_since_first(windows=EVER),
        "last_withdrawals_usd": last_n("amount_usd", n=5, windows=(QUARTER,)),
    },
    owner=CHAIN,
    description="Coins that an account sends away.",
)

LADDER = "last_withdrawals_usd_90d"

withdrawal_ratios = (
    ratio("amount_per_median_withdrawal", "amount_usd", "median_withdrawal_usd_90d",
          "The amount against the user's median withdrawal", owner=CHAIN),
    ratio("amount_per_largest_withdrawal", "amount_usd", "largest_withdrawal_usd_90d",
          "The amount against the largest of a quarter", owner=CHAIN),
    ratio("amount_per_last_withdrawal", "amount_usd", f"get({LADDER}, 0)",
          "The amount against the withdrawal before: a small test, then all of it", owner=CHAIN),
    ratio("ladder_slope",
          f"ln(amount_usd + 1) - ln(CAST(get({LADDER}, size({LADDER}) - 1) AS DOUBLE) + 1)",
          f"size({LADDER})",
          "By how much the logarithm of the amounts grows with each withdrawal", owner=CHAIN),
    ratio("amount_per_limit", "amount_usd", "limit_usd",
          "The amount against the limit of a day", owner=CHAIN),
)  # fmt: skip
