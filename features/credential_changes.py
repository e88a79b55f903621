"""What was changed before the money left: password, second factor, phone, limits."""

from stockade import Category, FeatureView, count, last_n, seconds_since_last
from trust_safety.features.entities import user
from trust_safety.features.sources import IDENTITY, account_changes, withdraw_addresses
from trust_safety.features.windows import DAY, EVER, HOUR, MONTH, WEEK

KINDS = ("password", "two_factor", "email", "phone", "api_key", "limit_raise")

credential_changes = FeatureView(
    name="credential_changes",
    entity=user,
    source=account_changes,
    aggregates={
        "changes": count(windows=(HOUR, DAY, WEEK)),
        "changes_of": count(by=Category(column="kind", values=KINDS), windows=(DAY, WEEK)),
        "seconds_since_change_of": seconds_since_last(
            by=Category(column="kind", values=("password", "two_factor", "email", "phone")),
            windows=(MONTH,),
        ),
        "seconds_since_change": seconds_since_last(windows=EVER),
        "withdraw_keys": count(where="kind = 'api_key' AND detail = 'withdraw'", windows=(DAY,)),
        "changes_by_help_desk": count(where="session_id IS NULL", windows=(WEEK,)),
        "last_changes": last_n("kind", n=20, windows=(MONTH,)),
    },
    owner=IDENTITY,
    description="Changes of credentials and settings; a thief makes several in one session.",
    sensitivity="personal",
)

address_book = FeatureView(
    name="address_book",
    entity=user,
    source=withdraw_addresses,
    aggregates={
        "addresses_added": count(windows=(HOUR, DAY, MONTH)),
        "seconds_since_address_added": seconds_since_last(windows=(MONTH,)),
    },
    owner=IDENTITY,
    description="Addresses lately written into the address book.",
)

# An array is kept for people and for sequence models; trees cannot read it.
SEQUENCES = ("last_changes_30d",)
