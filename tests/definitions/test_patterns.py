"""Views beyond windows: what they refuse, what they are called, and what changes their values."""

from dataclasses import replace

import pytest

from stockade import (
    LIFETIME,
    Entity,
    EventSource,
    FeatureService,
    FlowView,
    LinkView,
    MatchView,
    component_growth,
    component_labelled,
    component_size,
    cycles,
    days,
    dwell_seconds,
    hops,
    hours,
    neighbours,
    pass_through_share,
    tainted_share,
    unmatched_total,
)
from stockade.definitions.fingerprint import from_json, to_json, view_fingerprints
from stockade.definitions.registry import Registry
from stockade.definitions.wording import meanings
from stockade.errors import DefinitionError

account = Entity(name="account", keys="account_id")
address = Entity(name="address", keys="address")
money = EventSource(name="money", origin="money", event_time="at")
logins = EventSource(name="logins", origin="logins", event_time="at")
labels = EventSource(name="labels", origin="labels", event_time="labelled_at")

matched = MatchView(
    name="matched", entity=account, source=money, amount="amount",
    credit="direction = 'in'", debit="direction = 'out'",
    measures={
        "dwell": dwell_seconds(windows=(days(1), LIFETIME)),
        "left": pass_through_share(within=hours(24), windows=(days(7),)),
        "held": unmatched_total(),
    },
)  # fmt: skip
devices = LinkView(
    name="devices", entity=account, source=logins, attribute="device_id", labels=labels,
    measures={
        "ring": component_size(), "ring_growth": component_growth(windows=(days(7),)),
        "ring_labelled": component_labelled(), "shares": neighbours(windows=(days(30),)),
    },
)  # fmt: skip
chain = FlowView(
    name="chain", entity=address, source=money, sender="sender", receiver="receiver",
    amount="amount", labels=labels, category="category", hub=200,
    measures={
        "sanctioned_hops": hops(categories="sanctioned"),
        "tainted": tainted_share(windows=(days(90),)),
        "circles_of_3": cycles(length=3, windows=(days(7),)),
    },
)  # fmt: skip


def test_features_bear_the_window_where_there_is_one() -> None:
    names = [f.name for view in (matched, devices, chain) for f in view.features()]

    assert names == [
        "dwell_1d", "dwell_lifetime", "left_7d", "held",
        "ring", "ring_growth_7d", "ring_labelled", "shares_30d",
        "sanctioned_hops", "tainted_90d", "circles_of_3_7d",
    ]  # fmt: skip


def test_definitions_survive_json_and_are_found_by_the_registry() -> None:
    service = FeatureService(name="all", features=(matched, devices.select("ring"), chain))

    assert from_json(to_json(service)) == service
    assert Registry.of([service]).views() == (chain, devices, matched)
    assert meanings(service)["left_7d"] == (
        "share of the money received that left again within 1 day of this account in 7 days"
    )


def test_what_a_view_says_is_part_of_the_fingerprint_and_its_documentation_is_not() -> None:
    before = view_fingerprints(chain)

    assert view_fingerprints(replace(chain, owner="x@example.com", name="other")) == before
    assert (
        view_fingerprints(replace(chain, hub=100))["circles_of_3_7d"] != before["circles_of_3_7d"]
    )
    assert len(set(before.values())) == 3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: replace(matched, debit=None), "which rows of source 'money' are credits"),
        (lambda: replace(matched, measures={"n": component_size()}), "MatchView does not measure"),
        (lambda: replace(devices, labels=None, label_keys={}), "'ring_labelled' needs labels="),
        (lambda: replace(devices, hub=1), "hub must be at least 2"),
        (lambda: replace(chain, amount=None), "'tainted' needs amount="),
        (lambda: replace(chain, category=None), "'sanctioned_hops' names categories"),
        (lambda: replace(chain, receiver="sender", keys={}), "are the same column"),
        (lambda: hops(limit=9), "limit must be between 0 and 6"),
        (lambda: cycles(length=5, windows=(days(1),)), "length must be between 2 and 4"),
        (lambda: component_growth(windows=(LIFETIME,)), "LIFETIME has none"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(make: object, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        make()  # type: ignore[operator]
