"""Payments that came back, as far as that was known: matured rates and unsettled exposure.

A rate counts only payments past their return window, so that young ones do not look honest: R01 to
R04, R08, R09, R16 and R20 come within two banking days; R05, R07, R10, R11 and R51 within sixty
calendar days (Nacha Operating Rules).
"""

from stockade import (
    Category,
    EventSource,
    FeatureView,
    Query,
    count,
    days,
    seconds_since_first,
    sum_,
)
from trust_safety.features.derived import ratio
from trust_safety.features.entities import bank_account, card_bin, routing, user
from trust_safety.features.fiat_velocity import IN
from trust_safety.features.sources import (
    PAYMENTS,
    fiat_returns,
    fiat_settlements,
    fiat_transfers,
)
from trust_safety.features.windows import (
    EVER,
    MONTH,
    QUARTER,
    RETURN_WINDOW,
    WEEK,
    YEAR,
)

BANK_WINDOW = days(6)
CLASSES = Category(column="return_class", values=("bank", "unauthorised", "administrative"))

user_returns = FeatureView(
    name="user_returns",
    entity=user,
    source=fiat_returns,
    aggregates={
        "returns": count(windows=(MONTH, QUARTER, YEAR)),
        "returns_by": count(by=CLASSES, windows=(QUARTER, YEAR)),
        "returned_usd": sum_("amount_usd", windows=(YEAR,)),
        "chargebacks": count(where="return_class = 'chargeback'", windows=(QUARTER, YEAR)),
    },
    owner=PAYMENTS,
    description="Payments of this user that came back.",
)

bank_account_returns = FeatureView(
    name="bank_account_returns",
    entity=bank_account,
    source=fiat_returns,
    aggregates={"returns_of_bank": count(windows=(MONTH, QUARTER, YEAR))},
    owner=PAYMENTS,
    description="Payments of this bank account that came back, whoever made them.",
)

# A payment with its outcome is an event of the moment at which its window has closed.
bank_debit_outcomes = EventSource(
    name="bank_debit_outcomes",
    origin=Query(
        sql="""
        SELECT t.transfer_id, b.routing, t.requested_at,
          max(CAST(coalesce(r.return_class = 'bank' AND NOT r.retracted
            AND r.known_at <= t.requested_at + INTERVAL 6 DAYS, false) AS INT)) AS is_returned
        FROM {obs_fiat_transfers} t
        JOIN (SELECT bank_account_id, min(routing) AS routing FROM {obs_bank_accounts}
              GROUP BY bank_account_id) b ON b.bank_account_id = t.bank_account_id
        LEFT JOIN {obs_fiat_returns} r ON r.transfer_id = t.transfer_id
        WHERE t.rail = 'ach_debit'
        GROUP BY t.transfer_id, b.routing, t.requested_at
        """
    ),
    event_time="requested_at",
    settling_delay=BANK_WINDOW,
    dedupe="transfer_id",
    description="ACH debits with what the bank said within six days, known six days later.",
    owner=PAYMENTS,
)

routing_returns = FeatureView(
    name="routing_returns",
    entity=routing,
    source=bank_debit_outcomes,
    aggregates={
        "debits_of_routing": count(windows=(MONTH, QUARTER), delay=BANK_WINDOW),
        "returns_of_routing": sum_("is_returned", windows=(MONTH, QUARTER), delay=BANK_WINDOW),
    },
    owner=PAYMENTS,
    description="Debits drawn on one bank and how many of them it sent back, past their window.",
)

card_outcomes = EventSource(
    name="card_outcomes",
    origin=Query(
        sql="""
        SELECT t.transfer_id, t.card_bin, t.requested_at,
          max(CAST(coalesce(r.return_class = 'chargeback' AND NOT r.retracted
            AND r.known_at <= t.requested_at + INTERVAL 45 DAYS, false) AS INT)) AS is_charged_back
        FROM {obs_fiat_transfers} t
        LEFT JOIN {obs_fiat_returns} r ON r.transfer_id = t.transfer_id
        WHERE t.rail = 'card'
        GROUP BY t.transfer_id, t.card_bin, t.requested_at
        """
    ),
    event_time="requested_at",
    settling_delay=days(45),
    dedupe="transfer_id",
    description="Card payments with the chargebacks of 45 days, known 45 days later.",
    owner=PAYMENTS,
)

bin_chargebacks = FeatureView(
    name="bin_chargebacks",
    entity=card_bin,
    source=card_outcomes,
    aggregates={
        "settled_of_bin": count(windows=(QUARTER,), delay=days(45)),
        "chargebacks_of_bin": sum_("is_charged_back", windows=(QUARTER,), delay=days(45)),
    },
    owner=PAYMENTS,
    description="Card payments of one issuer and how many were charged back within 45 days.",
)

open_debits = FeatureView(
    name="open_debits",
    entity=user,
    source=fiat_transfers,
    aggregates={
        "open_debit_usd": sum_(
            "amount_usd", where="rail = 'ach_debit'", windows=(BANK_WINDOW, RETURN_WINDOW)
        ),
        "open_debits": count(where="rail = 'ach_debit'", windows=(BANK_WINDOW, RETURN_WINDOW)),
        "past_debits": count(where="rail = 'ach_debit'", windows=(YEAR,), delay=RETURN_WINDOW),
        "past_deposits": count(where=IN, windows=(YEAR,), delay=BANK_WINDOW),
    },
    owner=PAYMENTS,
    description="Debits that may still come back, and those that no longer can.",
)

settled_deposits = FeatureView(
    name="settled_deposits",
    entity=user,
    source=fiat_settlements,
    aggregates={
        "settled_transfers": count(windows=(WEEK, QUARTER)),
        "settled_usd": sum_("amount_usd", windows=(WEEK, QUARTER)),
        "seconds_since_first_settlement": seconds_since_first(windows=EVER),
    },
    owner=PAYMENTS,
    description="Transfers that the bank has settled.",
)

# Ten debits at the rate of all banks stand before a bank's own few (an empirical Bayes prior).
PRIOR, ALL_BANKS = 10, 0.015
return_ratios = (
    ratio("routing_return_rate_90d", f"returns_of_routing_90d_delay_6d + {PRIOR * ALL_BANKS}",
          f"debits_of_routing_90d_delay_6d + {PRIOR}",
          "Share of the bank's matured debits that it sent back, smoothed", owner=PAYMENTS),
    ratio("unsettled_share", "open_debit_usd_6d", "greatest(fiat_in_usd_90d, 1)",
          "Share of a quarter's deposits that may still bounce", owner=PAYMENTS),
    ratio("return_rate_365d", "returns_365d + 0.15", "past_deposits_365d_delay_6d + 10",
          "Share of the user's matured deposits that came back, smoothed", owner=PAYMENTS),
)  # fmt: skip

bin_chargeback_rate = ratio(
    "bin_chargeback_rate", "chargebacks_of_bin_90d_delay_45d + 0.05",
    "settled_of_bin_90d_delay_45d + 20",
    "Share of the issuer's matured payments that were charged back, smoothed", owner=PAYMENTS,
)  # fmt: skip
