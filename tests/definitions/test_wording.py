"""What features mean, in words."""

from stockade import (
    LIFETIME,
    Derived,
    Entity,
    EventSource,
    FeatureService,
    FeatureView,
    FlowView,
    LinkView,
    LookupView,
    MatchView,
    component_size,
    count,
    count_distinct,
    cycles,
    days,
    dwell_seconds,
    hops,
    hours,
    neighbours,
    pass_through_share,
    seconds_since_last,
    sum_,
    tainted_share,
    unmatched_total,
)
from stockade.definitions.wording import meanings

account = Entity(name="bank_account", keys="account_id")
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


device = Entity(name="shared_device", keys="device_id")
hot_wallets = EventSource(name="hot_wallets", origin="w", event_time="labelled_at")
matched = MatchView(
    name="matched", entity=device, source=payments, amount="amount", credit="a > 0", debit="a < 0",
    measures={
        "dwell": dwell_seconds(q=0.9, windows=(days(1),)),
        "left": pass_through_share(within=hours(36), windows=(LIFETIME,)),
        "held": unmatched_total(),
    },
)  # fmt: skip
rings = LinkView(
    name="rings", entity=device, source=payments, attribute="ip",
    measures={"ring": component_size(), "shares": neighbours(windows=(days(30),))},
)  # fmt: skip
flows = FlowView(
    name="flows", entity=device, source=payments, sender="sender", receiver="receiver",
    amount="amount", labels=hot_wallets, category="category",
    measures={
        "near": hops(categories=("dark_market", "mixer"), direction="sent"),
        "any": hops(),
        "tainted": tainted_share(method="fifo", windows=(days(7),)),
        "circles": cycles(length=3, windows=(days(7),)),
    },
)  # fmt: skip


def test_money_and_neighbours_are_told_in_words() -> None:
    service = FeatureService(name="s", features=(matched, rings, flows))

    assert dict(meanings(service)) == {
        "dwell_1d":
            "seconds that money stayed before it left (0.9 quantile by amount) of this shared "
            "device in 1 day",
        "left_lifetime":
            "share of the money received that left again within 36 hours of this shared device "
            "so far",
        "held": "money in that has not left of this shared device",
        "ring": "number, oneself included, connected through card payments of this shared device",
        "shares_30d":
            "number of others that share something through card payments of this shared device "
            "in 30 days",
        "near":
            "transfers to the nearest dark market or mixer address, money sent of this shared "
            "device",
        "any": "transfers to the nearest labelled address, money received of this shared device",
        "tainted_7d":
            "share of the money received that stems from labelled addresses (fifo) of this shared "
            "device in 7 days",
        "circles_7d":
            "number of circles of 3 through which money came back of this shared device in 7 days",
    }  # fmt: skip


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
        "paid_7d": "sum of amount usd over card payments where ok of this bank account in 7 days",
        "paid_lifetime":
            "sum of amount usd over card payments where ok of this bank account so far",
        "shops_1h_delay_1d":
            "number of different shop id in card payments of this bank account in 1 hour, "
            "until 1 day before",
        "quiet_36h": "seconds since the last of card payments of this bank account in 36 hours",
        "payments_1d": "number of card payments of this bank account in 1 day",
        "country": "country as last known from profiles",
        "mean_paid": "try_divide(paid_7d, payments_1d)",
        "is_home": "Whether at home",
    }  # fmt: skip
