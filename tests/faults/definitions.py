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


def seen_in(table: str) -> FeatureView:
    """A view that counts a table's rows."""
    source = EventSource(name=table, origin=table, event_time="paid_at")
    return FeatureView(
        name=f"{table}_seen", entity=account, source=source,
        aggregates={"payments": count(windows=(days(2),))},
    )  # fmt: skip


seen = seen_in("payments")
nothing, zoneless, keyless = seen_in("nothing"), seen_in("zoneless"), seen_in("keyless")
profile = LookupView(
    name="profile",
    entity=account,
    source=EventSource(name="profiles", origin="profiles", event_time="since"),
    columns="country",
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
