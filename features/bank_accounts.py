"""Bank accounts: since when linked, by whom else, in whose name, and how full."""

from stockade import (
    FeatureView,
    LookupView,
    count,
    count_distinct,
    last,
    min_,
    seconds_since_first,
    seconds_since_last,
)
from trust_safety.features.derived import days_since, ratio
from trust_safety.features.entities import bank_account, user, user_bank_account
from trust_safety.features.sources import PAYMENTS, bank_balances, bank_links
from trust_safety.features.windows import EVER, MONTH, WEEK, YEAR

LINKED, UNLINKED = "action = 'linked'", "action = 'unlinked'"

bank_link = LookupView(
    name="bank_link",
    entity=user_bank_account,
    source=bank_links,
    columns=("method", "account_type", "owner_name_match"),
    owner=PAYMENTS,
    description="How this user linked this bank account, and whether the owner's name agrees.",
    sensitivity="personal",
)

bank_link_age = FeatureView(
    name="bank_link_age",
    entity=user_bank_account,
    source=bank_links,
    aggregates={"seconds_since_link": seconds_since_first(where=LINKED, windows=EVER)},
    owner=PAYMENTS,
    description="Since when this user has this bank account.",
)

bank_links_of_user = FeatureView(
    name="bank_links_of_user",
    entity=user,
    source=bank_links,
    aggregates={
        "banks_linked": count(where=LINKED, windows=(WEEK, MONTH, YEAR)),
        "banks_unlinked": count(where=UNLINKED, windows=(WEEK, MONTH)),
        "link_methods": count_distinct("method", where=LINKED, windows=(YEAR,)),
        "lowest_name_match": min_("owner_name_match", where=LINKED, windows=(YEAR,)),
    },
    owner=PAYMENTS,
    description="Bank accounts that a user links and unlinks.",
)

bank_account_users = FeatureView(
    name="bank_account_users",
    entity=bank_account,
    source=bank_links,
    aggregates={"users_of_bank_account": count_distinct("user_id", windows=(YEAR,))},
    owner=PAYMENTS,
    description="Accounts that one bank account is linked to.",
)

bank_balance = FeatureView(
    name="bank_balance",
    entity=bank_account,
    source=bank_balances,
    aggregates={
        "bank_balance_usd": last("balance_usd", windows=(MONTH,)),
        "lowest_bank_balance_usd": min_("balance_usd", windows=(MONTH,)),
        "seconds_since_balance": seconds_since_last(windows=(MONTH,)),
    },
    owner=PAYMENTS,
    description="What was last seen on the bank account, and how long ago.",
    sensitivity="personal",
)

bank_ratios = (
    days_since("days_since_link", "seconds_since_link_lifetime",
               "Days since this bank account was linked", owner=PAYMENTS),
    days_since("balance_age_days", "seconds_since_balance_30d",
               "Days since the balance was seen", owner=PAYMENTS),
    ratio("amount_per_bank_balance", "amount_usd", "greatest(bank_balance_usd_30d, 1)",
          "The amount against what was last seen on the bank account; above one bounces",
          owner=PAYMENTS),
)  # fmt: skip
