"""What sources allow of their columns, as definitions are loaded."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from stockade import (
    Aggregate,
    Contract,
    Derived,
    Entity,
    EventSource,
    FeatureService,
    FeatureView,
    FlowView,
    Label,
    LinkView,
    LookupView,
    MatchView,
    Rule,
    Spine,
    TrainingSet,
    component_labelled,
    component_size,
    count,
    count_distinct,
    cycles,
    days,
    entropy,
    first,
    last,
    last_n,
    max_,
    min_,
    tainted_share,
    unmatched_total,
)
from stockade.definitions.fingerprint import definition_fingerprint, from_json, to_json
from stockade.definitions.permitted import service_refusals, spine_refusals
from stockade.definitions.registry import Registry
from stockade.definitions.sensitivity import Sensitivity
from stockade.definitions.view import View
from stockade.errors import DefinitionError

account = Entity(name="account", keys="account_id")
source = EventSource(
    name="logins", origin="logins", event_time="at",
    contract=Contract(
        columns={
            "email": Rule(sensitivity="pii"),
            "religion": Rule(sensitivity="prohibited"),
            "location": Rule(sensitivity="purpose_bound", purposes=("fraud", "safety")),
            "device": Rule(sensitivity="personal"),
        }
    ),
)  # fmt: skip
W = (days(1),)


MATCHED = MatchView(
    name="v", entity=account, source=source, amount="amount", credit="direction = 'in'",
    debit="sign < 0", measures={"held": unmatched_total()},
)  # fmt: skip
LABELS = EventSource(name="labels", origin="labels", event_time="labelled_at")
FLOW = FlowView(
    name="v", entity=Entity(name="address", keys="receiver"), source=source, sender="sender",
    receiver="receiver", amount="amount", category="category",
    labels=LABELS, label_key="address",
    measures={"tainted": tainted_share(categories="mixer", windows=W)},
)  # fmt: skip
EVERY = (
    "account_id", "address", "amount", "category", "country", "device", "direction", "holder",
    "location", "os", "paid_out", "payer", "receiver", "sender", "sign", "tier",
)  # fmt: skip


def view(**aggregates: object) -> FeatureView:
    return FeatureView(name="v", entity=account, source=source, aggregates=aggregates)  # type: ignore[arg-type]


def said(of: View | Derived, *, purpose: str | None = None) -> list[str]:
    service = FeatureService(name="s", features=(of,), purpose=purpose)
    return [str(fault) for fault in service_refusals(service)]


def test_who_a_person_is_may_be_counted_and_not_seen() -> None:
    assert said(view(emails=count_distinct("email", windows=W))) == []
    assert said(view(devices=last("device", windows=W))) == []
    assert said(view(email=last("email", windows=W))) == [
        "service 's': 'email_1d' uses 'email' of source 'logins', whose values say who a person is "
        "(pii): count them, or leave it out"
    ]
    lookup = LookupView(name="l", entity=account, source=source, columns="email")
    assert len(said(lookup)) == 1


def test_what_is_prohibited_may_not_even_filter() -> None:
    assert said(view(n=count(where="religion = 'x'", windows=W))) == [
        "service 's': 'n_1d' uses 'religion' of source 'logins', which is prohibited: leave it out"
    ]


def test_what_is_bound_to_a_purpose_is_for_it_alone() -> None:
    places = view(places=count_distinct("location", windows=W))

    assert said(places, purpose="fraud") == []
    assert said(places, purpose="safety") == []
    bound = (
        "service 's': 'places_1d' uses 'location' of source 'logins', which is bound to the "
        "purpose 'fraud', 'safety', "
    )
    assert said(places, purpose="marketing") == [bound + "not 'marketing'"]
    assert said(places) == [bound + "and none is declared"]


@pytest.mark.parametrize("make", [first, last, min_, max_, partial(last_n, n=2)])
def test_a_value_that_is_handed_on_is_seen_and_a_figure_of_it_is_not(
    make: Callable[..., Aggregate],
) -> None:
    assert len(said(view(emails=make("email", windows=W)))) == 1
    assert said(view(emails=entropy("email", windows=W), some=count("email", windows=W))) == []


@pytest.mark.parametrize(
    ("made", "columns"),
    [
        (view(n=count("device", where="country = 'x' AND os = 'y'", windows=W)),
         {"account_id", "device", "country", "os"}),
        (LookupView(name="v", entity=account, source=source, columns="tier"),
         {"account_id", "tier"}),
        (MATCHED, {"account_id", "amount", "direction", "sign"}),
        (replace(MATCHED, debits=replace(source, name="debits"), debit_amount="paid_out",
                 debit_keys={"account_id": "payer"}),
         {"account_id", "amount", "direction", "payer", "paid_out", "sign"}),
        (replace(MATCHED, debits=replace(source, name="debits"), credit=None, debit=None),
         {"account_id", "amount"}),
        (LinkView(name="v", entity=account, source=source, attribute=("device", "os"),
                  measures={"ring": component_size()}),
         {"account_id", "device", "os"}),
        (LinkView(name="v", entity=account, source=source, attribute="device", labels=LABELS,
                  label_keys={"account_id": "holder"}, measures={"bad": component_labelled()}),
         {"account_id", "device", "holder"}),
        (FLOW, {"sender", "receiver", "amount", "address", "category"}),
        (replace(FLOW, amount=None, labels=None, label_key=None, category=None,
                 measures={"back": cycles(length=2, windows=W)}),
         {"sender", "receiver"}),
    ],
)  # fmt: skip
def test_a_view_uses_its_keys_and_every_column_that_it_names(made: View, columns: set[str]) -> None:
    sources = {
        name: one
        for name in ("source", "debits", "labels")
        if isinstance(one := getattr(made, name, None), EventSource)
    }

    def faults(sensitivity: Sensitivity) -> list[list[str]]:
        every = Contract(columns={name: Rule(sensitivity=sensitivity) for name in EVERY})
        closed = {name: replace(one, contract=every) for name, one in sources.items()}
        return [fault.split("'") for fault in said(replace(made, **closed))]

    assert {fault[5] for fault in faults("prohibited")} == columns
    assert {fault[7] for fault in faults("prohibited")} == {one.name for one in sources.values()}
    # Only a lookup hands on what a column holds.
    assert {fault[5] for fault in faults("pii")} == columns & {"tier"}


def test_a_view_of_persons_is_refused_whole_and_one_of_a_purpose_by_its_columns() -> None:
    places = view(places=count_distinct("location", windows=W))

    assert said(replace(places, sensitivity="pii"), purpose="fraud") == [
        "service 's' uses view 'v', whose values say who a person is (pii): count them, or leave "
        "it out"
    ]
    assert said(replace(places, sensitivity="purpose_bound"), purpose="fraud") == []
    assert said(replace(places, sensitivity="personal"), purpose="fraud") == []


def test_a_derived_feature_or_a_view_that_says_it_is_prohibited_is_refused() -> None:
    derived = Derived(name="d", expression="a", sensitivity="prohibited")
    assert said(derived) == ["service 's' uses feature 'd', which is prohibited: leave it out"]
    closed = replace(view(n=count(windows=W)), sensitivity="prohibited")
    assert said(closed) == ["service 's' uses view 'v', which is prohibited: leave it out"]


def test_only_the_features_that_a_service_takes_are_looked_at() -> None:
    both = view(email=last("email", windows=W), n=count(windows=W))

    service = FeatureService(name="s", features=(both.select("n_1d"),))
    assert list(service_refusals(service)) == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"sensitivity": "x"}, "rule: sensitivity 'x' is not one: known: 'internal', 'personal', "
         "'pii', 'prohibited', 'public', 'purpose_bound'"),
        ({"sensitivity": "purpose_bound"},
         "rule: purposes and sensitivity 'purpose_bound' go together: list what it may be used "
         "for, or choose another sensitivity"),
        ({"sensitivity": "purpose_bound", "purposes": ("fraud", "A b")},
         "rule: purpose name 'A b' must be lower case letters, digits and '_', begin with a letter "
         "and have at most 63 characters"),
    ],
)  # fmt: skip
def test_a_sensitivity_that_says_nothing_clear_is_refused(
    wrong: dict[str, object], message: str
) -> None:
    with pytest.raises(DefinitionError) as raised:
        Rule(**wrong)
    assert str(raised.value) == message


def test_a_spine_is_held_against_the_sources_of_its_own_rows_alone() -> None:
    spine = Spine(name="p", origin="logins", decided_at="at", id="login_id")
    service = FeatureService(
        name="s", features=(view(n=count(windows=W)),), spine_columns=("email", "device", "free")
    )

    def refused(*sources: EventSource) -> list[str]:
        return [str(fault).split(",")[0] for fault in spine_refusals(service, spine, sources)]

    assert refused(source) == ["service 's': 'email' uses 'email' of source 'logins'"]
    assert refused(replace(source, origin="others"), replace(source, contract=None)) == []


def test_a_registry_refuses_every_such_service_and_spine_together() -> None:
    service = FeatureService(
        name="s", spine_columns=("email", "device"),
        features=(view(email=last("email", windows=W), n=count(where="religion = 1", windows=W)),),
    )  # fmt: skip
    training = TrainingSet(
        name="t", features=service,
        spine=Spine(name="p", origin="logins", decided_at="at", id="login_id"),
        label=Label(name="bad", source=source, keys={"login_id": "login_id"}, horizon=days(1),
                    reporting_delay=days(1)),
    )  # fmt: skip

    with pytest.raises(ExceptionGroup) as raised:
        Registry.of([training])

    assert sorted(str(fault).split(",")[0] for fault in raised.value.exceptions) == [
        "service 's': 'email' uses 'email' of source 'logins'",
        "service 's': 'email_1d' uses 'email' of source 'logins'",
        "service 's': 'n_1d' uses 'religion' of source 'logins'",
    ]


def test_a_purpose_is_kept_and_changes_no_value() -> None:
    plain = FeatureService(name="s", features=(view(n=count(windows=W)),))
    bound = FeatureService(name="s", features=(view(n=count(windows=W)),), purpose="fraud")

    assert from_json(to_json(bound)).purpose == "fraud"
    assert definition_fingerprint(plain) == definition_fingerprint(bound)
    with pytest.raises(DefinitionError, match="purpose"):
        FeatureService(name="s", features=(view(n=count(windows=W)),), purpose="a b")
