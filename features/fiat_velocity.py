"""How fast dollars move: by account, by bank account, by card."""

from stockade import (
    Category,
    FeatureView,
    count,
    count_distinct,
    entropy,
    max_,
    mean,
    quantile,
    seconds_since_first,
    seconds_since_last,
    stddev,
    sum_,
)
from trust_safety.features.derived import days_since, ratio
from trust_safety.features.entities import bank_account, card, card_bin, user
from trust_safety.features.sources import PAYMENTS, fiat_transfers
from trust_safety.features.windows import (
    DAY,
    EVER,
    HALF_YEAR,
    HOUR,
    LONG,
    MONTH,
    QUARTER,
    WEEK,
)

IN, OUT = "direction = 'in'", "direction = 'out'"
RAILS = Category(column="rail", values=("ach_debit", "wire", "card", "rtp"))

fiat_in = FeatureView(
    name="fiat_in",
    entity=user,
    source=fiat_transfers,
    aggregates={
        "fiat_deposits": count(where=IN, windows=(HOUR, *LONG)),
        "fiat_in_usd": sum_("amount_usd", where=IN, windows=(*LONG, QUARTER, HALF_YEAR)),
        "fiat_in_usd_by": sum_("amount_usd", where=IN, by=RAILS, windows=(WEEK, MONTH)),
        "median_deposit_usd": quantile("amount_usd", q=0.5, where=IN, windows=(QUARTER,)),
        "p95_deposit_usd": quantile("amount_usd", q=0.95, where=IN, windows=(QUARTER,)),
        "largest_deposit_usd": max_("amount_usd", where=IN, windows=(QUARTER,)),
        "stddev_deposit_usd": stddev("amount_usd", where=IN, windows=(QUARTER,)),
        "deposit_banks": count_distinct("bank_account_id", where=IN, windows=(WEEK, MONTH)),
        "deposit_cards": count_distinct("card_id", where=IN, windows=(DAY, MONTH)),
        "deposit_bins": count_distinct("card_bin", where=IN, windows=(DAY,)),
        "rail_entropy": entropy("rail", where=IN, windows=(QUARTER,)),
        "seconds_since_first_deposit": seconds_since_first(where=IN, windows=EVER),
        "seconds_since_deposit": seconds_since_last(where=IN, windows=(MONTH,)),
        "at_limit_deposits": count(
            where=f"{IN} AND amount_usd >= 0.9 * limit_usd", windows=(DAY, WEEK)
        ),
        "strangers_paid_in": count(where="sender_name_match < 0.6", windows=(WEEK, MONTH)),
        "wires_paid_in": count(where="rail IN ('wire', 'rtp')", windows=(WEEK, MONTH)),
        "lowest_sender_match": mean("sender_name_match", windows=(MONTH,)),
    },
    owner=PAYMENTS,
    description="Dollars that come in: how often, how much, by which rail, from whom.",
)

fiat_out = FeatureView(
    name="fiat_out",
    entity=user,
    source=fiat_transfers,
    aggregates={
        "fiat_payouts": count(where=OUT, windows=(DAY, WEEK, MONTH)),
        "fiat_out_usd": sum_("amount_usd", where=OUT, windows=(DAY, WEEK, MONTH)),
        "payout_banks": count_distinct("bank_account_id", where=OUT, windows=(MONTH,)),
    },
    owner=PAYMENTS,
    description="Dollars that go out.",
)

bank_account_velocity = FeatureView(
    name="bank_account_velocity",
    entity=bank_account,
    source=fiat_transfers,
    aggregates={
        "debits_of_bank": count(where="rail = 'ach_debit'", windows=LONG),
        "debited_usd_of_bank": sum_("amount_usd", where="rail = 'ach_debit'", windows=LONG),
        "seconds_since_first_debit_of_bank": seconds_since_first(
            where="rail = 'ach_debit'", windows=EVER
        ),
    },
    owner=PAYMENTS,
    description="What is pulled out of one bank account, whoever pulls.",
)

card_velocity = FeatureView(
    name="card_velocity",
    entity=card,
    source=fiat_transfers,
    aggregates={
        "payments_of_card": count(windows=(HOUR, *LONG)),
        "paid_usd_of_card": sum_("amount_usd", windows=LONG),
        "users_of_card": count_distinct("user_id", windows=(MONTH,)),
        "seconds_since_first_payment_of_card": seconds_since_first(windows=EVER),
    },
    owner=PAYMENTS,
    description="Payments by one card, whoever makes them.",
)

bin_velocity = FeatureView(
    name="bin_velocity",
    entity=card_bin,
    source=fiat_transfers,
    aggregates={
        "payments_of_bin": count(windows=(HOUR, DAY, WEEK)),
        "cards_of_bin": count_distinct("card_id", windows=(DAY, WEEK)),
        "mean_payment_usd_of_bin": mean("amount_usd", windows=(WEEK,)),
    },
    owner=PAYMENTS,
    description="Payments by cards of one issuer; stolen ones come in bursts of one BIN.",
)

amount_per_p95 = ratio(
    "amount_per_p95_90d", "amount_usd", "p95_deposit_usd_90d",
    "The amount against the 95th percentile of the user's deposits", owner=PAYMENTS,
)  # fmt: skip
amount_per_median = ratio(
    "amount_per_median_90d", "amount_usd", "median_deposit_usd_90d",
    "The amount against the user's median deposit", owner=PAYMENTS,
)  # fmt: skip
amount_per_limit = ratio(
    "amount_per_limit", "amount_usd", "limit_usd", "The amount against the limit", owner=PAYMENTS
)
days_since_first_deposit = days_since(
    "days_since_first_deposit", "seconds_since_first_deposit_lifetime",
    "Days since the first deposit of dollars", owner=PAYMENTS,
)  # fmt: skip
bin_burst = ratio(
    "bin_burst", "payments_of_bin_1d * 7", "greatest(payments_of_bin_7d, 1)",
    "Payments by cards of this issuer today against the week's daily mean", owner=PAYMENTS,
)  # fmt: skip
