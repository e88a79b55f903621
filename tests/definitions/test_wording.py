"""What features mean, in words."""

from stockade import (
    LIFETIME,
    Derived,
    Entity,
    EventSource,
    FeatureService,
    FeatureView,
    LookupView,
    count,
    count_distinct,
    days,
    hours,
    seconds_since_last,
    sum_,
)
from stockade.definitions.wording import meanings

account = Entity(name="account", keys="account_id")
payments = EventSource(name="card_payments", origin="p", event_time="paid_at")
spent = FeatureView(
    name="spent", entity=account, source=payments,
    aggregates={
        "paid": sum_("amount_usd", where="ok", windows=(days(7), LIFETIME)),
        "shops": count_distinct("shop_id", windows=(hours(1),), delay=days(1)),
        "quiet": seconds_since_last(windows=(hours(36),)),
        "payments": count(windows=(days(1),)),
    },
)  # fmt: skip
profile = LookupView(
    name="profile", entity=account, columns=("country",),
    source=EventSource(name="profiles", origin="q", event_time="since"),
)  # fmt: skip


def test_every_column_of_a_service_is_told_in_words() -> None:
    service = FeatureService(
        name="s",
        features=(
            spent, profile,
            Derived(name="mean_paid", expression="try_divide(paid_7d, payments_1d)"),
            Derived(name="is_home", expression="country = 'DE'", description="Whether at home."),
        ),
        spine_columns=("card_type",),
    )  # fmt: skip

    assert dict(meanings(service)) == {
        "card_type": "card type",
        "paid_7d": "sum of amount usd over card payments where ok of this account in 7 days",
        "paid_lifetime": "sum of amount usd over card payments where ok of this account so far",
        "shops_1h_delay_1d":
            "number of different shop id in card payments of this account in 1 hour, "
            "until 1 day before",
        "quiet_36h": "seconds since the last of card payments of this account in 36 hours",
        "payments_1d": "number of card payments of this account in 1 day",
        "country": "country as last known from profiles",
        "mean_paid": "try_divide(paid_7d, payments_1d)",
        "is_home": "Whether at home",
    }  # fmt: skip
