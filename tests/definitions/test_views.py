"""What a feature engineer may type, and what is refused."""

from datetime import timedelta

import pytest

from stockade import (
    LIFETIME,
    Category,
    Derived,
    Entity,
    EventSource,
    FeatureService,
    FeatureView,
    Files,
    LookupView,
    Query,
    count,
    days,
    hours,
    last_n,
    mean,
    minutes,
    quantile,
    sum_,
)
from stockade.definitions.aggregate import Aggregate
from stockade.errors import DefinitionError, UnknownNameError

account = Entity(name="account", keys="account_id")
logins = EventSource(name="logins", origin="logins", event_time="attempted_at")


def view(**aggregates: Aggregate) -> FeatureView:
    return FeatureView(name="account_logins", entity=account, source=logins, aggregates=aggregates)


def test_a_feature_is_named_by_its_noun_and_its_window() -> None:
    made = view(
        logins=count(windows=(minutes(90), hours(24), days(30), LIFETIME)),
        frauds=count(windows=(days(7),), delay=days(7)),
    )

    assert [feature.name for feature in made.features()] == [
        "logins_90m",
        "logins_1d",
        "logins_30d",
        "logins_lifetime",
        "frauds_7d_delay_7d",
    ]


def test_a_bounded_category_gives_one_feature_for_each_value() -> None:
    rails = Category(column="rail", values=("ach", "WIRE"))
    made = view(sent=count(where="amount > 0", windows=(days(1),), by=rails))

    assert {feature.name: feature.aggregate.where for feature in made.features()} == {
        "sent_ach_1d": "(amount > 0) AND rail = 'ach'",
        "sent_wire_1d": "(amount > 0) AND rail = 'WIRE'",
    }


@pytest.mark.parametrize("window", [timedelta(0), timedelta(days=-1)])
def test_a_window_must_be_longer_than_zero(window: timedelta) -> None:
    with pytest.raises(DefinitionError, match="must be longer than zero"):
        count(windows=(window,))


def test_a_window_is_never_a_bare_number_or_a_string() -> None:
    with pytest.raises(DefinitionError, match=r"window '7d' is a str, wanted a length"):
        count(windows=("7d",))  # type: ignore[arg-type]


def test_a_delay_may_not_be_negative() -> None:
    with pytest.raises(DefinitionError, match="delay '-1 day, 0:00:00' must not be negative"):
        count(windows=(days(1),), delay=days(-1))


def test_two_features_of_one_name_are_refused() -> None:
    with pytest.raises(DefinitionError, match="has two features named 'logins_1d_1d'"):
        view(
            logins=count(windows=(days(1),), by=Category(column="kind", values=("1d",))),
            logins_1d=count(windows=(days(1),)),
        )


def test_a_feature_may_not_have_the_name_of_a_key() -> None:
    entity = Entity(name="odd", keys="logins_1d")

    with pytest.raises(DefinitionError, match="feature 'logins_1d' has the name of a key"):
        FeatureView(
            name="v", entity=entity, source=logins, aggregates={"logins": count(windows=(days(1),))}
        )


def test_arguments_that_only_some_aggregates_have_are_checked() -> None:
    with pytest.raises(DefinitionError, match=r"q must be between 0 and 1, not 95\.0"):
        quantile("amount", q=95, windows=(days(1),))
    with pytest.raises(DefinitionError, match="n must be at least 1, not 0"):
        last_n("amount", n=0, windows=(days(1),))


def test_a_column_must_be_a_plain_name() -> None:
    with pytest.raises(DefinitionError, match="must be letters, digits and '_'"):
        sum_("amount; drop table x", windows=(days(1),))


def test_an_unknown_feature_names_the_nearest() -> None:
    made = view(logins=count(windows=(days(1),)))

    with pytest.raises(UnknownNameError, match="no feature 'login_1d': did you mean 'logins_1d'"):
        made.select("login_1d")


def test_a_later_change_of_the_callers_mapping_is_not_seen() -> None:
    aggregates = {"logins": count(windows=(days(1),))}
    made = FeatureView(name="v", entity=account, source=logins, aggregates=aggregates)

    aggregates["more"] = count(windows=(days(1),))

    assert [feature.name for feature in made.features()] == ["logins_1d"]


def test_keys_may_have_another_name_in_the_source() -> None:
    made = FeatureView(
        name="received",
        entity=account,
        source=logins,
        keys={"account_id": "receiver_id"},
        aggregates={"received": count(windows=(days(1),))},
    )

    assert dict(made.keys) == {"account_id": "receiver_id"}
    with pytest.raises(UnknownNameError, match="has no key 'acount_id': did you mean 'account_id'"):
        FeatureView(
            name="received",
            entity=account,
            source=logins,
            keys={"acount_id": "receiver_id"},
            aggregates={"received": count(windows=(days(1),))},
        )


def test_a_source_may_not_say_twice_when_its_rows_are_known() -> None:
    with pytest.raises(DefinitionError, match="both available_at and settling_delay"):
        EventSource(
            name="s", origin="t", event_time="at", available_at="known", settling_delay=days(1)
        )


def test_a_version_needs_an_identity() -> None:
    with pytest.raises(DefinitionError, match="but no dedupe"):
        EventSource(name="s", origin="t", event_time="at", version="v")
    with pytest.raises(DefinitionError, match="retracted but no version"):
        EventSource(name="s", origin="t", event_time="at", dedupe="id", retracted="gone")


def test_text_files_must_come_with_types() -> None:
    with pytest.raises(DefinitionError, match="csv carries no types"):
        Files(path="a.csv", format="csv")


def test_a_query_names_its_inputs_in_braces() -> None:
    query = Query(sql="SELECT * FROM {payments} JOIN {refunds} USING (id)")

    assert sorted(query.inputs) == ["payments", "refunds"]
    with pytest.raises(DefinitionError, match="must name its inputs in braces"):
        Query(sql="SELECT * FROM payments")


def test_a_lookup_keeps_the_names_of_its_columns() -> None:
    tiers = LookupView(name="tiers", entity=account, source=logins, columns=("tier", "country"))

    assert [feature.name for feature in tiers.features()] == ["tier", "country"]


def test_a_service_lists_what_the_model_sees_in_order() -> None:
    made = view(logins=count(windows=(days(1), days(30))), amount=mean("x", windows=(days(1),)))
    service = FeatureService(
        name="s",
        spine_columns=("amount",),
        features=(
            made.select("logins_1d", "logins_30d"),
            Derived(name="share", expression="try_divide(logins_1d, logins_30d)"),
        ),
        hidden="logins_30d",
    )

    assert service.computed() == ("logins_1d", "logins_30d", "share")
    assert service.inputs() == ("amount", "logins_1d", "share")


def test_all_faults_of_a_service_come_together() -> None:
    made = view(logins=count(windows=(days(1),)))

    with pytest.raises(ExceptionGroup) as raised:
        FeatureService(name="s", features=(made, made), hidden="nothing")

    assert [str(fault) for fault in raised.value.exceptions] == [
        "service 's' lists view 'account_logins' twice: select all its features at once",
        "service 's' has two features named 'logins_1d'",
        "service 's' hides 'nothing', which it does not have: known: 'logins_1d'",
    ]
