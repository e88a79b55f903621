"""What sources allow of their columns, as definitions are loaded."""

import pytest

from stockade import (
    Contract,
    Derived,
    Entity,
    EventSource,
    FeatureService,
    FeatureView,
    Label,
    LookupView,
    Rule,
    Spine,
    TrainingSet,
    count,
    count_distinct,
    days,
    last,
)
from stockade.definitions.fingerprint import definition_fingerprint, from_json, to_json
from stockade.definitions.permitted import service_refusals
from stockade.definitions.registry import Registry
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
    assert "not 'marketing'" in said(places, purpose="marketing")[0]
    assert "bound to the purpose 'fraud', 'safety', and none is declared" in said(places)[0]


def test_a_derived_feature_or_a_view_that_says_it_is_prohibited_is_refused() -> None:
    derived = Derived(name="d", expression="a", sensitivity="prohibited")
    assert said(derived) == ["service 's' uses feature 'd', which is prohibited: leave it out"]


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
