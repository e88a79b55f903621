"""A fingerprint changes with a feature's values, and with nothing else."""

from dataclasses import replace

import pytest

from stockade import (
    LIFETIME,
    Choice,
    Derived,
    Entity,
    EventSource,
    FeatureService,
    FeatureView,
    Files,
    Label,
    LinkView,
    LookupView,
    ModelSpec,
    Query,
    Spine,
    TrainingSet,
    Uniform,
    component_size,
    count,
    days,
    hours,
    quantile,
)
from stockade.definitions.aggregate import Aggregate
from stockade.definitions.fingerprint import (
    from_json,
    require_same,
    service_fingerprints,
    snapshot_fingerprint,
    to_json,
    view_fingerprints,
)
from stockade.errors import DefinitionError, FingerprintMismatchError

account = Entity(name="account", keys="account_id")
logins = EventSource(name="logins", origin="logins", event_time="attempted_at")
failures = count(where="outcome = 'failure'", windows=(hours(1), days(1)))
view = FeatureView(
    name="account_logins", entity=account, source=logins, aggregates={"failures": failures}
)


def prints(**changes: object) -> list[str]:
    return list(view_fingerprints(replace(view, **changes)).values())  # type: ignore[arg-type]


def of(aggregate: Aggregate) -> list[str]:
    return prints(aggregates={"failures": aggregate})


BEFORE = prints()


def test_documentation_and_names_of_parts_do_not_count() -> None:
    assert prints(owner="someone", description="else", name="other") == BEFORE
    assert prints(source=replace(logins, name="sign_ins", description="x")) == BEFORE
    assert prints(entity=replace(account, name="user", description="x")) == BEFORE


@pytest.mark.parametrize(
    "change",
    [
        {"boundary": "inclusive"},
        {"source": replace(logins, origin="logins_v2")},
        {"source": replace(logins, event_time="known_at")},
        {"source": replace(logins, settling_delay=hours(1))},
        {"source": replace(logins, available_at="known_at")},
        {"source": replace(logins, dedupe="login_id")},
        {"source": replace(logins, non_finite="keep")},
        {"keys": {"account_id": "user_id"}},
    ],
)
def test_whatever_decides_which_events_count_changes_every_feature(
    change: dict[str, object],
) -> None:
    after = prints(**change)

    assert all(new != old for new, old in zip(after, BEFORE, strict=True))


def test_an_aggregates_own_change_changes_it() -> None:
    assert of(replace(failures, where="outcome <> 'success'")) != BEFORE
    assert of(replace(failures, delay=hours(1))) != BEFORE
    assert of(replace(failures, kind="count_distinct", value="ip")) != BEFORE
    assert of(quantile("x", q=0.5, windows=(days(1),))) != of(
        quantile("x", q=0.9, windows=(days(1),))
    )


def test_a_new_window_leaves_the_other_windows_alone() -> None:
    assert of(replace(failures, windows=(hours(1), days(1), days(30))))[:2] == BEFORE


def test_a_derived_feature_changes_with_what_it_is_derived_from() -> None:
    ratio = Derived(name="ratio", expression="try_divide(failures_1h, failures_1d)")
    before = service_fingerprints(FeatureService(name="s", features=(view, ratio)))
    shifted = replace(view, boundary="inclusive")
    after = service_fingerprints(FeatureService(name="s", features=(shifted, ratio)))
    reworded = replace(ratio, expression="try_divide(failures_1h, failures_1d + 1)")
    new = service_fingerprints(FeatureService(name="s", features=(view, reworded)))

    assert before["ratio"] != after["ratio"]
    assert before["ratio"] != new["ratio"]
    assert before["failures_1h"] == new["failures_1h"]


def test_definitions_survive_json() -> None:
    query = Query(sql="SELECT * FROM {a} JOIN {b}", inputs={"b": Files(path="x", format="delta")})
    tiers = LookupView(
        name="tiers", entity=account, source=replace(logins, origin=query), columns="tier"
    )
    lifelong = replace(view, aggregates={"failures": replace(failures, windows=(LIFETIME,))})
    service = FeatureService(
        name="s", features=(lifelong.select("failures_lifetime"), tiers), spine_columns="amount"
    )
    spine = Spine(name="w", origin="withdrawals", decided_at="requested_at", id="withdrawal_id")
    label = Label(
        name="stolen", source=logins, keys={"account_id": "account_id"},
        horizon=days(30), reporting_delay=days(10),
    )  # fmt: skip
    training = TrainingSet(name="t", spine=spine, features=service, label=label)
    model = ModelSpec(
        name="m", training_set=training, fixed={"seed": 1},
        search={"depth": Uniform(low=2, high=5, whole=True), "booster": Choice(options=("a", "b"))},
    )  # fmt: skip

    assert from_json(to_json(model)) == model


@pytest.mark.parametrize(
    ("stranger", "kind"), [(view.features()[0], "Feature"), ({1, 2}, "set"), (Derived, "type")]
)
def test_what_is_no_definition_is_not_written(stranger: object, kind: str) -> None:
    with pytest.raises(DefinitionError, match=f"^a {kind} cannot be part of a definition$"):
        to_json(stranger)


def test_text_that_is_no_definition_is_refused() -> None:
    with pytest.raises(DefinitionError, match="not a definition that this version can read"):
        from_json('{"is": "Sourcery", "name": "x"}')


def test_equal_fingerprints_pass_and_others_are_named_as_changed_missing_and_new() -> None:
    built = {"logins_1d": "aa", "logins_7d": "aa", "returns_30d": "bb"}
    require_same(built, dict(built), who="model 'm' version 7", remedy="retrain it")

    with pytest.raises(
        FingerprintMismatchError,
        match=r"model 'm' version 7 was built with other definitions "
        r"\(changed: 'logins_1d', 'logins_7d'; "
        r"missing: 'returns_30d'; new: 'deposits_7d'\): retrain it",
    ):
        require_same(
            built, {"logins_7d": "ab", "logins_1d": "ab", "deposits_7d": "cc"},
            who="model 'm' version 7", remedy="retrain it",
        )  # fmt: skip


def test_snapshots_differ_with_a_feature_or_the_cadence_and_with_no_word_about_them() -> None:
    found = snapshot_fingerprint(view)

    assert snapshot_fingerprint(replace(view, description="said otherwise")) == found
    hourly, more = replace(view, cadence="hourly"), replace(view, boundary="inclusive")
    assert len({found, snapshot_fingerprint(hourly), snapshot_fingerprint(more)}) == 3


def test_what_tables_and_models_have_on_record_is_still_what_definitions_give() -> None:
    # Another value here means: every table is written and every model trained anew.
    assert snapshot_fingerprint(view) == "159937f84fd22a2e"
    assert view_fingerprints(view) == {
        "failures_1h": "b1a9372f756e88f8",
        "failures_1d": "c0a2c9964c1e6da2",
    }
    abroad = count(where="country <> 'Curaçao'", windows=(days(1),))
    assert of(abroad) == ["fe5ecf6e3ed236b7"]
    ring = LinkView(
        name="ring", entity=account, source=logins, attribute="device_id",
        measures={"ring": component_size()},
    )  # fmt: skip
    assert view_fingerprints(ring) == {"ring": "f4693706e07155ba"}
    ratio = Derived(name="ratio", expression="try_divide(failures_1h * amount, balance)")
    service = FeatureService(
        name="s", features=(view.select("failures_1h"), ratio), spine_columns="amount"
    )
    assert service_fingerprints(service) == {
        "amount": "bc472d46ced3a47d",
        "failures_1h": "b1a9372f756e88f8",
        "ratio": "4cdb5a331f0a88d7",
    }


def test_a_definition_is_written_in_the_letters_it_was_given_in() -> None:
    said = replace(view, description="Versuche, auch fremde: naïve")

    assert "naïve" in to_json(said)
    assert from_json(to_json(said)) == said
