"""Where coins go: new for this user, known to others, alike to an address used before.

Address poisoning plants addresses that agree with one in use in their first and last digits: of
6,633 confirmed payoffs 94 % agree in the first 3 or 4 and 97 % in the last 4 to 6 (Tsuchiya et al.
2025, "Blockchain Address Poisoning").
"""

from stockade import (
    Derived,
    EventSource,
    FeatureView,
    Query,
    count,
    count_distinct,
    mean,
    seconds_since_first,
    seconds_since_last,
    sum_,
)
from trust_safety.features.derived import hours_since
from trust_safety.features.entities import address, user, user_address, user_address_ends
from trust_safety.features.sources import (
    CHAIN,
    crypto_deposits,
    crypto_withdrawals,
    warnings,
    withdraw_addresses,
)
from trust_safety.features.windows import DAY, EVER, HOUR, MONTH, QUARTER, WEEK

destination_novelty = FeatureView(
    name="destination_novelty",
    entity=user_address,
    source=crypto_withdrawals,
    aggregates={
        "withdrawals_to_address": count(windows=(DAY, MONTH, *EVER)),
        "withdrawn_usd_to_address": sum_("amount_usd", windows=(MONTH, *EVER)),
        "seconds_since_first_use_of_address": seconds_since_first(windows=EVER),
        "seconds_since_use_of_address": seconds_since_last(windows=EVER),
    },
    owner=CHAIN,
    description="How often and since when this user has sent to this address.",
)

address_book_entry = FeatureView(
    name="address_book_entry",
    entity=user_address,
    source=withdraw_addresses,
    aggregates={"seconds_in_address_book": seconds_since_first(windows=EVER)},
    owner=CHAIN,
    description="Since when the address is in the user's address book.",
)

paid_back = FeatureView(
    name="paid_back",
    entity=user_address,
    source=crypto_deposits,
    keys={"address": "from_address"},
    aggregates={
        "deposits_from_address": count(windows=(QUARTER,)),
        "received_usd_from_address": sum_("amount_usd", windows=(QUARTER,)),
    },
    owner=CHAIN,
    description="What came back from this address: the small profit that baits a larger send.",
)

# Who sends: the senders' age and tenure are those at the time of each withdrawal.
senders = EventSource(
    name="senders",
    origin=Query(
        sql="""
        SELECT w.withdrawal_id, w.user_id, w.address, w.amount_usd, w.requested_at, w.ingested_at,
          CAST(u.age_band = '60+' AS INT) AS is_senior,
          (unix_micros(w.requested_at) - unix_micros(u.signed_up_at)) / 86400e6D AS tenure_days
        FROM {obs_crypto_withdrawals} w
        JOIN (SELECT user_id, max(age_band) AS age_band, min(signed_up_at) AS signed_up_at
              FROM {obs_users} GROUP BY user_id) u ON u.user_id = w.user_id
        """
    ),
    event_time="requested_at",
    available_at="ingested_at",
    dedupe="withdrawal_id",
    description="Withdrawals with the sender's age band and tenure.",
    owner=CHAIN,
)

destination_senders = FeatureView(
    name="destination_senders",
    entity=address,
    source=senders,
    aggregates={
        "senders_to_address": count_distinct("user_id", windows=(DAY, WEEK, MONTH)),
        "sent_usd_to_address": sum_("amount_usd", windows=(WEEK, MONTH)),
        "senior_share_of_senders": mean("is_senior", windows=(MONTH,)),
        "mean_tenure_days_of_senders": mean("tenure_days", windows=(MONTH,)),
        "seconds_since_first_sender": seconds_since_first(windows=EVER),
    },
    owner=CHAIN,
    description="Which of our users send to this address; a scammer's is sent to by strangers.",
    sensitivity="personal",
)

# Digits are compared as people do: the first four after the prefix and the last four.
ENDS = "concat(substr(regexp_replace(lower({0}), '^(0x|bc1)', ''), 1, 3), right(lower({0}), 4))"

addresses_met = EventSource(
    name="addresses_met",
    origin=Query(
        sql=f"""
        SELECT withdrawal_id AS meeting_id, user_id, address, {ENDS.format("address")}
          AS address_ends, amount_usd, true AS is_sent, requested_at AS met_at, ingested_at
        FROM {{obs_crypto_withdrawals}}
        UNION ALL
        SELECT deposit_id, user_id, from_address, {ENDS.format("from_address")}, amount_usd, false,
          credited_at, ingested_at
        FROM {{obs_crypto_deposits}}
        """  # noqa: S608 -- no input from outside: the definition's own text
    ),
    event_time="met_at",
    available_at="ingested_at",
    dedupe=("is_sent", "meeting_id"),
    description="Addresses that a user sent to or received from, with their ends.",
    owner=CHAIN,
)

lookalikes = FeatureView(
    name="lookalikes",
    entity=user_address_ends,
    source=addresses_met,
    aggregates={
        "addresses_with_ends": count_distinct("address", windows=EVER),
        "sends_to_ends": count(where="is_sent", windows=EVER),
        "dust_from_ends": count(where="NOT is_sent AND amount_usd < 1", windows=(MONTH,)),
        "seconds_since_ends": seconds_since_last(windows=(MONTH,)),
    },
    owner=CHAIN,
    description="Addresses met before that look like this one at both ends.",
)

dust = FeatureView(
    name="dust",
    entity=user,
    source=crypto_deposits,
    aggregates={
        "dust_deposits": count(where="amount_usd < 1", windows=(WEEK, MONTH)),
        "dust_senders": count_distinct("from_address", where="amount_usd < 1", windows=(WEEK,)),
    },
    owner=CHAIN,
    description="Deposits of less than a dollar: bait that puts an address into the history.",
)

scam_warnings = FeatureView(
    name="scam_warnings",
    entity=user,
    source=warnings,
    aggregates={
        "warnings_shown": count(windows=(DAY, MONTH)),
        "warnings_dismissed": count(where="outcome = 'dismissed'", windows=(HOUR, MONTH)),
    },
    owner=CHAIN,
    description="Warnings that the user saw before sending, and waved away.",
)

is_new_address = Derived(
    name="is_new_address",
    expression="CAST(withdrawals_to_address_lifetime = 0 AS INT)",
    owner=CHAIN,
    description="The user never sent to this address",
)
is_lookalike = Derived(
    name="is_lookalike",
    expression="CAST(withdrawals_to_address_lifetime = 0 AND deposits_from_address_90d = 0 "
    "AND addresses_with_ends_lifetime > 0 OR withdrawals_to_address_lifetime = 0 "
    "AND addresses_with_ends_lifetime > 1 AS INT)",
    owner=CHAIN,
    description="New to the user, and alike at both ends to another address that is not",
)
hours_in_address_book = hours_since(
    "hours_in_address_book", "seconds_in_address_book_lifetime",
    "Hours since the address was written into the address book", owner=CHAIN,
)  # fmt: skip
