"""How an address behaves on the chain, and what others allege of it, as known by then.

An allegation counts from the day it was published until it is taken back. It is an allegation by
a third party, never a finding about a person.
"""

from stockade import (
    Category,
    FeatureView,
    count,
    count_distinct,
    max_,
    mean,
    seconds_since_first,
    seconds_since_last,
    sum_,
)
from trust_safety.features.derived import days_since, ratio
from trust_safety.features.entities import address
from trust_safety.features.sources import (
    CHAIN,
    address_labels,
    chain_transfers,
    crypto_deposits,
)
from trust_safety.features.windows import DAY, EVER, MONTH, QUARTER, WEEK

ILLICIT = "category IN ('sanctioned', 'mixer', 'ransomware', 'scam', 'phishing')"

chain_in = FeatureView(
    name="chain_in",
    entity=address,
    source=chain_transfers,
    keys={"address": "to_address"},
    aggregates={
        "chain_receipts": count(windows=(DAY, WEEK, QUARTER)),
        "chain_received_usd": sum_("amount_usd", windows=(DAY, WEEK, QUARTER)),
        "chain_payers": count_distinct("from_address", windows=(WEEK, QUARTER)),
        "chain_dust": count(where="amount_usd < 1", windows=(WEEK,)),
        "mean_receipt_usd": mean("amount_usd", windows=(QUARTER,)),
        "seconds_since_first_receipt": seconds_since_first(windows=EVER),
        "seconds_since_receipt": seconds_since_last(windows=(MONTH,)),
    },
    owner=CHAIN,
    description="What an address received on the chain, and from how many.",
)

chain_out = FeatureView(
    name="chain_out",
    entity=address,
    source=chain_transfers,
    keys={"address": "from_address"},
    aggregates={
        "chain_sends": count(windows=(DAY, WEEK, QUARTER)),
        "chain_sent_usd": sum_("amount_usd", windows=(DAY, WEEK, QUARTER)),
        "chain_payees": count_distinct("to_address", windows=(WEEK, QUARTER)),
        "largest_send_usd": max_("amount_usd", windows=(QUARTER,)),
        "seconds_since_first_send": seconds_since_first(windows=EVER),
        "seconds_since_send": seconds_since_last(windows=(MONTH,)),
    },
    owner=CHAIN,
    description="What an address sent on the chain, and to how many.",
)

address_allegations = FeatureView(
    name="address_allegations",
    entity=address,
    source=address_labels,
    aggregates={
        "allegations": count(windows=EVER),
        "illicit_allegations": count(where=ILLICIT, windows=EVER),
        "allegations_of": count(
            by=Category(column="category", values=("sanctioned", "mixer", "scam", "exchange")),
            windows=EVER,
        ),
        "highest_confidence": max_("confidence", where=ILLICIT, windows=EVER),
    },
    owner=CHAIN,
    description="What the address itself is alleged to be, as published by then.",
)

address_customers = FeatureView(
    name="address_customers",
    entity=address,
    source=crypto_deposits,
    keys={"address": "from_address"},
    aggregates={
        "customers_paid_by_address": count_distinct("user_id", windows=(WEEK, MONTH, QUARTER)),
        "seconds_since_first_deposit_from_address": seconds_since_first(windows=EVER),
    },
    owner=CHAIN,
    description="Our users that this address pays.",
)

chain_ratios = (
    days_since("address_age_days",
               "greatest(seconds_since_first_receipt_lifetime, seconds_since_first_send_lifetime)",
               "Days since the address was first seen on the chain", owner=CHAIN),
    ratio("chain_pass_through_7d", "chain_sent_usd_7d", "chain_received_usd_7d",
          "Dollars sent on for each dollar received, a week", owner=CHAIN),
    ratio("chain_fan_out_7d", "chain_payees_7d", "greatest(chain_payers_7d, 1)",
          "Payees for each payer", owner=CHAIN),
)  # fmt: skip
