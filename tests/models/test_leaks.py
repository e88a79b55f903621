"""Three planted leaks, and that the rules which the pack keeps would have stopped each."""

from collections.abc import Iterable

from stockade.definitions.registry import Registry
from stockade.definitions.source import EventSource, Query, Table
from stockade.definitions.view import FeatureView, LookupView
from stockade.definitions.window import days
from trust_safety.simulator.tables import OBSERVED, TABLES

PACK = Registry.load("trust_safety.features", "trust_safety.models")
# What an account or a bank link declares in the very instant that it is decided on.
DECLARED = {"account_profile", "bank_link"}


def read_by(source: EventSource) -> set[str]:
    origin = source.origin
    if isinstance(origin, Query):
        return {one.name for one in origin.inputs.values() if isinstance(one, Table)}
    return {origin.name} if isinstance(origin, Table) else set()


def hindsight(sources: Iterable[EventSource], views: Iterable[object]) -> list[str]:
    """What is wrong with definitions, one sentence a fault."""
    said: list[str] = []
    for source in sources:
        truth = sorted(read_by(source) - set(OBSERVED))
        if truth:
            said.append(f"source '{source.name}' reads {', '.join(truth)}, which nobody observes")
        clocks = {TABLES[name].available_at for name in read_by(source) & set(OBSERVED)}
        if any(clocks) and source.available_at is None and not source.settling_delay:
            said.append(
                f"source '{source.name}' has no available_at and no settling_delay, but what it "
                "reads becomes known later than it happens"
            )
    for view in views:
        if not isinstance(view, FeatureView | LookupView) or view.name in DECLARED:
            continue
        if view.boundary == "inclusive":
            said.append(f"view '{view.name}' counts events of the decision's own instant")
    return said


def test_the_pack_has_no_hindsight() -> None:
    assert hindsight(PACK.all(EventSource), PACK.views()) == []


def test_a_source_that_reads_the_truth_is_found() -> None:
    planted = EventSource(
        name="loot", origin=Query(sql="SELECT * FROM {truth_events}"), event_time="event_at"
    )

    assert hindsight([planted], []) == ["source 'loot' reads truth_events, which nobody observes"]


def test_a_label_source_without_its_clock_is_found() -> None:
    planted = EventSource(
        name="past_reports",
        origin=Query(sql="SELECT * FROM {obs_reports} WHERE kind = 'ato'"),
        event_time="happened_at",
    )

    assert hindsight([planted], []) == [
        "source 'past_reports' has no available_at and no settling_delay, but what it reads "
        "becomes known later than it happens"
    ]


def test_a_view_with_an_inclusive_boundary_is_found() -> None:
    logins = PACK.view("account_logins")
    assert isinstance(logins, FeatureView)
    planted = FeatureView(
        name="logins_until_now",
        entity=logins.entity,
        source=logins.source,
        aggregates={"sign_ins": logins.aggregates["logins"]},
        boundary="inclusive",
    )

    assert hindsight([], [planted]) == [
        "view 'logins_until_now' counts events of the decision's own instant"
    ]


def test_a_settling_delay_stands_for_a_clock() -> None:
    late = EventSource(
        name="late_reports",
        origin=Query(sql="SELECT * FROM {obs_reports}"),
        event_time="happened_at",
        settling_delay=days(45),
    )

    assert hindsight([late], []) == []
