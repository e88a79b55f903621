"""Views beyond windows: what they refuse, what they are called, and what changes their values."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from stockade import (
    LIFETIME,
    Entity,
    EventSource,
    FeatureService,
    FlowView,
    LinkView,
    MatchView,
    Measure,
    component_growth,
    component_labelled,
    component_labelled_share,
    component_size,
    cycles,
    days,
    dwell_seconds,
    hops,
    hours,
    labelled_neighbours,
    matched_total,
    mean_dwell_seconds,
    neighbours,
    oldest_unmatched_seconds,
    pass_through_share,
    tainted_share,
    unmatched_seconds,
    unmatched_total,
)
from stockade.definitions.fingerprint import from_json, to_json, view_fingerprints
from stockade.definitions.registry import Registry
from stockade.definitions.view import PatternView
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


W = (days(1), LIFETIME)


@pytest.mark.parametrize(
    ("make", "options", "made"),
    [
        (dwell_seconds, {"windows": W}, {"kind": "dwell_quantile", "q": 0.5}),
        (dwell_seconds, {"windows": W, "q": 1}, {"kind": "dwell_quantile", "q": 1.0}),
        (mean_dwell_seconds, {"windows": W}, {"kind": "dwell_mean"}),
        (
            pass_through_share,
            {"windows": W, "within": hours(1)},
            {"kind": "pass_through", "within": hours(1)},
        ),
        (matched_total, {"windows": W}, {"kind": "matched"}),
        (unmatched_total, {}, {"kind": "unmatched"}),
        (unmatched_seconds, {}, {"kind": "unmatched_age"}),
        (oldest_unmatched_seconds, {}, {"kind": "unmatched_oldest"}),
        (component_size, {}, {"kind": "component_size"}),
        (component_growth, {"windows": (days(1),)}, {"kind": "component_growth"}),
        (component_labelled, {}, {"kind": "component_labelled"}),
        (
            component_labelled_share,
            {},
            {"kind": "component_labelled_share", "prior": 0.0, "strength": 0.0},
        ),
        (
            component_labelled_share,
            {"prior": 1, "strength": 2},
            {"kind": "component_labelled_share", "prior": 1.0, "strength": 2.0},
        ),
        (neighbours, {"windows": W}, {"kind": "neighbours"}),
        (labelled_neighbours, {"windows": W}, {"kind": "labelled_neighbours"}),
        (hops, {}, {"kind": "hops", "limit": 4, "direction": "received"}),
        (
            hops,
            {"categories": "mixer", "limit": 0, "direction": "sent"},
            {"kind": "hops", "categories": ("mixer",), "limit": 0, "direction": "sent"},
        ),
        (tainted_share, {"windows": W}, {"kind": "tainted_share", "method": "haircut"}),
        (
            tainted_share,
            {"windows": W, "categories": ("a", "b"), "method": "fifo"},
            {"kind": "tainted_share", "categories": ("a", "b"), "method": "fifo"},
        ),
        (cycles, {"windows": W, "length": 2}, {"kind": "cycles", "length": 2}),
        (cycles, {"windows": W, "length": 4}, {"kind": "cycles", "length": 4}),
    ],
)
def test_a_function_asks_for_what_it_is_called(
    make: Callable[..., Measure], options: dict[str, object], made: dict[str, object]
) -> None:
    windowed = {"windows": options["windows"], "windowed": True} if "windows" in options else {}

    assert make(**options) == Measure(**(made | windowed))
    assert Measure(**made).windows == (LIFETIME,)


def test_a_measure_looks_at_no_column_and_is_never_late() -> None:
    one = component_size()

    assert (one.value, one.where, one.delay) == (None, None, timedelta(0))


def test_debits_of_their_own_are_read_like_credits_unless_it_is_said_otherwise() -> None:
    out = replace(money, name="out")
    alike = replace(matched, debits=out, credit=None, debit=None)
    other = replace(alike, debit_amount="paid", debit_keys={"account_id": "payer"})

    assert (alike.debit_amount, dict(alike.debit_keys)) == ("amount", {"account_id": "account_id"})
    assert (other.debit_amount, dict(other.debit_keys)) == ("paid", {"account_id": "payer"})
    assert (alike.sources(), matched.sources()) == ((money, out), (money,))
    assert (matched.debit_amount, dict(matched.debit_keys)) == (None, {})
    assert dict(alike.conditions()) == {}
    assert dict(matched.conditions()) == {
        "credit": "direction = 'in'", "debit": "direction = 'out'",
    }  # fmt: skip


def test_labels_bear_the_entitys_key_unless_it_is_said_otherwise() -> None:
    held = {"account_id": "holder"}
    plain = replace(devices, labels=None, label_keys={}, measures={"ring": component_size()})

    assert dict(devices.label_keys) == {"account_id": "account_id"}
    assert dict(replace(devices, label_keys=held).label_keys) == held
    assert (devices.sources(), plain.sources()) == ((logins, labels), (logins,))
    assert (dict(plain.label_keys), plain.attribute) == ({}, ("device_id",))
    assert (chain.label_key, replace(chain, label_key="wallet").label_key) == ("address", "wallet")
    assert dict(chain.keys) == {"address": "receiver"}
    assert chain.sources() == (money, labels)
    circles = FlowView(
        name="c", entity=address, source=money, sender="sender", receiver="receiver", hub=2,
        measures={"circles": cycles(length=2, windows=W)},
    )  # fmt: skip
    assert (circles.sources(), circles.label_key) == ((money,), None)


@pytest.mark.parametrize("one", [matched, devices, chain])
def test_what_happened_at_the_decisions_instant_does_not_count(one: PatternView) -> None:
    assert one.boundary == "exclusive"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: replace(matched, amount="a b"), "view 'matched': column name 'a b' must be"),
        *(
            (lambda side=side: replace(matched, **{side: None}),
             "view 'matched': say which rows of source 'money' are credits and which debits with "
             "credit= and debit=, or give the debits' own source as debits=$")
            for side in ("credit", "debit")
        ),
        *(
            (lambda wrong=wrong: replace(matched, **wrong),
             "view 'matched' has debit_amount or debit_keys but no debits$")
            for wrong in ({"debit_amount": "paid"}, {"debit_keys": {"account_id": "payer"}})
        ),
        *(
            (lambda side=side: replace(matched, **{side: " "}),
             f"view 'matched': {side} is empty; leave it out to take every row$")
            for side in ("credit", "debit")
        ),
        (lambda: replace(matched, debits=logins, debit_amount="a b"),
         "view 'matched': column name 'a b' must be"),
        (lambda: replace(matched, debits=logins, debit_keys={"account": "payer"}),
         r"view 'matched': entity 'account' has no key 'account': did you mean 'account_id'\?$"),
        (lambda: replace(matched, measures={"n": component_size()}),
         "view 'matched': 'n' is of kind component_size, which a MatchView does not measure"),
        (lambda: replace(devices, attribute=()),
         "view 'devices' has no attribute: name what its entities share$"),
        (lambda: replace(devices, attribute="a b"), "view 'devices': column name 'a b' must be"),
        (lambda: replace(devices, hub=1), "view 'devices': hub must be at least 2, not 1$"),
        (lambda: replace(devices, memory=days(0)),
         "view 'devices': memory: window '0:00:00' must be longer than zero$"),
        (lambda: replace(devices, labels=None, label_keys={}),
         "view 'devices': 'ring_labelled' needs labels=$"),
        (lambda: replace(devices, labels=None), "view 'devices' names columns of labels but no la"),
        (lambda: replace(devices, label_keys={"account": "a"}),
         r"view 'devices': entity 'account' has no key 'account': did you mean 'account_id'\?$"),
        (lambda: replace(chain, entity=Entity(name="pair", keys=("a", "b")), keys={}),
         "view 'chain': entity 'pair' has 2 keys, and a flow joins things with one: make one "
         "column of them in a query$"),
        (lambda: replace(chain, keys={"address": "sender"}),
         "view 'chain': give sender= and receiver= instead of keys=$"),
        *(
            (lambda name=name: replace(chain, keys={}, **{name: "a b"}),
             "view 'chain': column name 'a b' must be")
            for name in ("sender", "receiver", "amount", "label_key", "category")
        ),
        (lambda: replace(chain, receiver="sender", keys={}),
         "view 'chain': sender and receiver are the same column$"),
        (lambda: replace(chain, hub=1), "view 'chain': hub must be at least 2, not 1$"),
        (lambda: replace(chain, labels=None, category=None),
         "view 'chain' names columns of labels but no labels$"),
        (lambda: replace(chain, labels=None, label_key=None),
         "view 'chain' names columns of labels but no labels$"),
        (lambda: replace(chain, labels=None, label_key=None, category=None, measures={"h": hops()}),
         "view 'chain': 'h' needs labels=$"),
        (lambda: replace(chain, labels=None, label_key=None, category=None,
                         measures={"t": tainted_share(windows=W)}),
         "view 'chain': 't' needs labels=$"),
        (lambda: replace(chain, amount=None), "view 'chain': 'tainted' needs amount=$"),
        (lambda: replace(chain, category=None),
         "view 'chain': 'sanctioned_hops' names categories, so category= is needed$"),
        (lambda: Measure(kind="matched", windows=()),
         r"matched has no windows: give windows=\(days\(7\),\) or \(LIFETIME,\)$"),
        (lambda: neighbours(windows=(days(0),)), "neighbours: window '0:00:00' must be longer"),
        (lambda: neighbours(windows=(days(1), hours(24))), "neighbours names a window twice$"),
        *(
            (lambda q=q: dwell_seconds(q=q, windows=W),
             f"dwell_quantile: q must be between 0 and 1, not {q}")
            for q in (-0.01, 1.01)
        ),
        (lambda: pass_through_share(within=days(0), windows=W),
         "pass_through: within: window '0:00:00' must be longer than zero$"),
        *(
            (lambda prior=prior: component_labelled_share(prior=prior),
             f"component_labelled_share: prior must be between 0 and 1, not {prior}")
            for prior in (-0.01, 1.01)
        ),
        (lambda: component_labelled_share(strength=-0.01),
         "component_labelled_share: strength must not be negative$"),
        *(
            (lambda n=n: hops(limit=n), f"hops: limit must be between 0 and 6, not {n}$")
            for n in (-1, 7)
        ),
        *(
            (lambda n=n: cycles(length=n, windows=W),
             f"cycles: length must be between 2 and 4, not {n}$")
            for n in (1, 5)
        ),
        (lambda: hops(direction="x"),
         "hops: direction 'x' is not one: known: 'received', 'sent'$"),
        (lambda: tainted_share(method="x", windows=W),
         "tainted_share: method 'x' is not one: known: 'fifo', 'haircut'$"),
        (lambda: component_growth(windows=(days(1), LIFETIME)),
         "component_growth compares with a window ago: LIFETIME has none$"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(DefinitionError, match=f"^{message}"):
        make()


def test_borders_are_allowed() -> None:
    assert hops(limit=6).limit == 6
    assert dwell_seconds(q=0, windows=W).q == 0
    assert replace(devices, hub=2, memory=days(1)).hub == 2
