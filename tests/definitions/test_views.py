"""What a feature engineer may type, and what is refused."""

from dataclasses import replace
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
    LinkView,
    LookupView,
    Query,
    component_size,
    count,
    days,
    hours,
    last_n,
    mean,
    minutes,
    neighbours,
    quantile,
    sum_,
    unmatched_total,
)
from stockade.definitions.aggregate import Aggregate
from stockade.definitions.view import View, sources_of
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


def test_each_feature_of_a_category_has_one_window_and_no_category() -> None:
    rails = Category(column="rail", values="ach")
    made = view(sent=count(windows=(days(1), LIFETIME), by=rails))

    assert [(one.name, one.aggregate) for one in made.features()] == [
        ("sent_ach_1d", count(where="rail = 'ach'", windows=(days(1),))),
        ("sent_ach_lifetime", count(where="rail = 'ach'", windows=(LIFETIME,))),
    ]


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


LOGINS = view(logins=count(windows=(days(1),)))
TIERS = LookupView(name="tiers", entity=account, source=logins, columns="tier")
RINGS = LinkView(
    name="rings", entity=account, source=logins, attribute="device_id",
    measures={"ring": component_size(), "shares": neighbours(windows=(days(1), days(30)))},
)  # fmt: skip
SERVICE = FeatureService(name="s", features=(LOGINS,))


@pytest.mark.parametrize(
    ("sound", "wrong", "said"),
    [
        (LOGINS, {"boundary": "x"}, "boundary 'x' is not a rule: known: 'exclusive', 'inclusive'$"),
        (LOGINS, {"boundary": "inclusiv"}, r"boundary .* did you mean 'inclusive'\?$"),
        (LOGINS, {"cadence": "x"}, "cadence 'x' is not one: known: 'daily', 'hourly'$"),
        (LOGINS, {"cadence": "hour"}, r"cadence .* did you mean 'hourly'\?$"),
        (LOGINS, {"aggregates": {}}, "has no aggregates$"),
        (LOGINS, {"aggregates": {"a b": count(windows=(days(1),))}}, "column name 'a b_1d' must"),
        (TIERS, {"max_age": days(0)}, "max_age: window '0:00:00' must be longer than zero$"),
        (TIERS, {"columns": ()}, "has no columns$"),
        (TIERS, {"columns": ("a b",)}, "column name 'a b' must be letters"),
        (TIERS, {"columns": ("tier", "tier")}, "has two features named 'tier'$"),
        (TIERS, {"columns": ("account_id",)}, "feature 'account_id' has the name of a key$"),
        (RINGS, {"measures": {}}, "has no measures$"),
        (RINGS, {"measures": {"a b": component_size()}}, "column name 'a b' must be letters"),
        (RINGS, {"measures": {"account_id": component_size()}}, "feature 'account_id' has the"),
        (
            RINGS,
            {"measures": {"held": unmatched_total()}},
            "'held' is of kind unmatched, which a LinkView does not measure: it knows "
            "component_growth, component_labelled, component_labelled_share, component_size, "
            "labelled_neighbours, neighbours$",
        ),
        *((one, {"keys": {"account_id": "a b"}}, "column name") for one in (LOGINS, TIERS, RINGS)),
        *((one, {"keys": {"x": "y"}}, "entity 'account' has no") for one in (LOGINS, TIERS, RINGS)),
    ],
)
def test_a_view_that_makes_no_sense_is_refused_by_its_name(
    sound: View, wrong: dict[str, object], said: str
) -> None:
    with pytest.raises(DefinitionError, match=f"^view '{sound.name}':? {said}"):
        replace(sound, **wrong)


@pytest.mark.parametrize(
    ("what", "sound"),
    [
        ("view", LOGINS),
        ("view", TIERS),
        ("view", RINGS),
        ("service", SERVICE),
        ("derived feature", Derived(name="d", expression="a")),
        ("source", logins),
        ("entity", account),
    ],
)
def test_a_name_that_no_table_can_have_is_refused(what: str, sound: View | Derived) -> None:
    with pytest.raises(DefinitionError, match=f"^{what} name 'A b' must be lower case letters"):
        replace(sound, name="A b")


def test_all_faults_of_a_view_come_together() -> None:
    with pytest.raises(ExceptionGroup, match=r"^view 'tiers' is not consistent") as raised:
        replace(TIERS, columns=("tier", "tier", "account_id"))
    assert len(raised.value.exceptions) == 2

    with pytest.raises(ExceptionGroup, match=r"^view 'tiers' lacks features") as raised:
        TIERS.select("tear", "x")
    assert [str(fault) for fault in raised.value.exceptions] == [
        "view 'tiers' has no feature 'tear': did you mean 'tier'?",
        "view 'tiers' has no feature 'x': known: 'tier'",
    ]


def test_a_derived_feature_says_something() -> None:
    with pytest.raises(DefinitionError, match=r"^derived feature 'd' has an empty expression$"):
        Derived(name="d", expression=" ")


def test_a_lookup_takes_the_latest_row_however_old_unless_it_has_an_age() -> None:
    latest = Aggregate(kind="latest", value="tier", where=None, windows=(LIFETIME,), exact=True)
    (tier,) = TIERS.features()
    (young,) = replace(TIERS, max_age=days(30)).features()

    assert tier.aggregate == latest
    assert young.aggregate == replace(latest, windows=(days(30),))


def test_a_measure_with_several_windows_gives_one_feature_for_each() -> None:
    assert [(one.name, one.aggregate) for one in RINGS.features()] == [
        ("ring", component_size()),
        ("shares_1d", neighbours(windows=(days(1),))),
        ("shares_30d", neighbours(windows=(days(30),))),
    ]


def test_a_view_tells_every_source_that_it_reads() -> None:
    labels = EventSource(name="labels", origin="labels", event_time="labelled_at")

    assert sources_of(LOGINS) == (logins,)
    assert sources_of(TIERS) == (logins,)
    assert sources_of(replace(RINGS, labels=labels)) == (logins, labels)


def test_a_lookup_may_be_taken_in_part() -> None:
    wide = replace(TIERS, columns=("tier", "country", "age"))

    assert FeatureService(name="s", features=(wide.select("age", "tier"),)).inputs() == (
        "age",
        "tier",
    )


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
