"""Definitions that commands are given bad inputs for."""

from stockade import (
    Entity,
    EventSource,
    FeatureService,
    FeatureView,
    Label,
    LookupView,
    Spine,
    TrainingSet,
    count,
    days,
)

account = Entity(name="account", keys="account_id")
seen = FeatureView(
    name="payments_seen",
    entity=account,
    source=EventSource(name="payments", origin="payments", event_time="paid_at"),
    aggregates={"payments": count(windows=(days(2),))},
)
profile = LookupView(
    name="profile",
    entity=account,
    source=EventSource(name="profiles", origin="profiles", event_time="since"),
    columns="country",
)
nothing = FeatureView(
    name="nothing_seen",
    entity=account,
    source=EventSource(name="nothing", origin="nothing", event_time="paid_at"),
    aggregates={"payments": count(windows=(days(2),))},
)
zoneless = FeatureView(
    name="zoneless_seen",
    entity=account,
    source=EventSource(name="zoneless", origin="zoneless", event_time="paid_at"),
    aggregates={"payments": count(windows=(days(2),))},
)
keyless = FeatureView(
    name="keyless_seen",
    entity=account,
    source=EventSource(name="keyless", origin="keyless", event_time="paid_at"),
    aggregates={"payments": count(windows=(days(2),))},
)
learnt = TrainingSet(
    name="learnt",
    spine=Spine(name="decisions", origin="decisions", decided_at="decided_at", id="payment_id"),
    features=FeatureService(name="f", features=(seen,)),
    label=Label(
        name="returned",
        source=EventSource(name="returns", origin="returns", event_time="returned_at"),
        keys={"payment_id": "payment_id"},
        horizon=days(5),
        reporting_delay=days(1),
    ),
)
