"""A few definitions over payments, for tests."""

from dataclasses import replace
from datetime import UTC, datetime

from stockade import (
    LIFETIME,
    Derived,
    Entity,
    EventSource,
    FeatureService,
    FeatureView,
    Label,
    Spine,
    TrainingSet,
    count,
    days,
    mean,
)

NOTE = {"run_id": "r"}
account = Entity(name="account", keys="account_id")
payments = EventSource(name="payments", origin="payments", event_time="paid_at")
view = FeatureView(
    name="account_payments",
    entity=account,
    source=payments,
    aggregates={
        "payments": count(windows=(days(2), LIFETIME)),
        "mean_amount": mean("amount", windows=(days(2),)),
    },
)
two_days = replace(view, aggregates={"payments": count(windows=(days(2),))})
returned = Label(
    name="returned",
    source=EventSource(
        name="returns", origin="returns", event_time="returned_at", available_at="known_at"
    ),
    keys={"payment_id": "payment_id"},
    horizon=days(5),
    reporting_delay=days(1),
)
training = TrainingSet(
    name="payment_training",
    spine=Spine(name="s", origin="decisions", decided_at="decided_at", id="payment_id"),
    features=FeatureService(
        name="f",
        spine_columns="amount",
        features=(view, Derived(name="ratio", expression="try_divide(amount, mean_amount_2d)")),
    ),
    label=returned,
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
