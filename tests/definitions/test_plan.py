"""A plan says what would change, and why."""

from dataclasses import replace

import pytest

from stockade import (
    Contract,
    Entity,
    EventSource,
    FeatureService,
    FeatureView,
    count,
    days,
    hours,
    mean,
)
from stockade.definitions.plan import Cost, plan, used_by

logins = FeatureView(
    name="account_logins",
    entity=Entity(name="account", keys="account_id"),
    source=EventSource(name="logins", origin="logins", event_time="attempted_at"),
    aggregates={
        "failures": count(where="outcome = 'failure'", windows=(days(1),)),
        "delay": mean("rtt", windows=(days(1),)),
    },
)


def lines(declared: list[FeatureView], deployed: dict[str, FeatureView]) -> list[str]:
    return [step.line() for step in plan(declared, deployed).steps]


def test_nothing_changed_gives_no_steps() -> None:
    assert lines([logins], {"account_logins": replace(logins, owner="else")}) == []


def test_a_new_view_is_created_and_a_forgotten_one_dropped() -> None:
    assert lines([logins], {}) == ["+ account_logins   new view, 2 features"]
    assert lines([], {"account_logins": logins}) == ["- account_logins   no definition declares it"]


def test_each_change_of_a_feature_tells_what_differs() -> None:
    changed = replace(
        logins,
        aggregates={
            "failures": count(where="outcome <> 'success'", windows=(days(1),)),
            "logins": count(windows=(days(1),)),
        },
    )

    assert lines([changed], {"account_logins": logins}) == [
        "~ account_logins.failures_1d   where: \"outcome = 'failure'\" → \"outcome <> 'success'\"",
        "+ account_logins.logins_1d   new feature",
        "- account_logins.delay_1d   no longer declared",
    ]


def test_all_that_differs_of_a_feature_is_told_in_one_line() -> None:
    failures = logins.aggregates["failures"]
    changed = replace(
        logins, aggregates={**logins.aggregates, "failures": replace(failures, value="rtt")},
        boundary="inclusive",
    )  # fmt: skip

    assert lines([changed], {"account_logins": logins})[0] == (
        '~ account_logins.failures_1d   value: none → "rtt"; boundary: "exclusive" → "inclusive"'
    )


def test_what_a_definition_has_now_and_had_not_is_told_whole() -> None:
    kept = replace(logins, source=replace(logins.source, contract=Contract(ahead=hours(1))))

    assert lines([kept], {"account_logins": logins})[0].startswith(
        "~ account_logins.failures_1d   source.contract: none → {'is': 'Contract', "
    )


def test_another_cadence_changes_the_view_and_none_of_its_features() -> None:
    hourly = replace(logins, cadence="hourly")

    assert lines([hourly], {"account_logins": logins}) == [
        "~ account_logins   cadence: daily → hourly"
    ]


def test_a_plan_is_known_by_what_it_changes_and_by_nothing_else() -> None:
    changed, other = replace(logins, boundary="inclusive"), replace(logins, name="other")
    deployed = {"account_logins": logins}
    found = plan([changed], deployed)

    assert len(found.id) == 16
    assert plan([replace(changed, owner="else")], deployed).id == found.id
    assert plan([changed, other], {**deployed, "other": other}).id == found.id
    others = [
        plan([changed, other], deployed),
        plan([changed], {**deployed, "other": other}),
        plan([replace(changed, cadence="hourly")], deployed),
        plan([replace(changed, name="other")], {"other": other}),
        plan([logins], deployed),
    ]
    assert len({found.id, *(one.id for one in others)}) == 6


def test_a_change_of_the_source_is_told_for_each_feature() -> None:
    later = replace(logins, source=replace(logins.source, settling_delay=days(1)))

    assert lines([later], {"account_logins": logins}) == [
        f"~ account_logins.{name}   source.settling_delay.us: 0 → 86400000000"
        for name in ("failures_1d", "delay_1d")
    ]


def test_below_a_views_steps_stands_what_they_cost_and_whom_they_concern() -> None:
    changed = replace(logins, boundary="inclusive")
    found = plan([changed], {"account_logins": logins})
    services = {
        "all": FeatureService(name="all", features=(logins,)),
        "failures": FeatureService(name="f", features=(logins.select("failures_1d"),)),
        "else": FeatureService(name="e", features=(replace(logins, name="other"),)),
    }
    cost = Cost(
        days=365, rows=31_000_000, size=2_100_000_000,
        training_sets=used_by(services, found.steps, "account_logins"), models=("takeover",),
    )  # fmt: skip

    lines = [*replace(found, costs={"account_logins": cost}).lines()]

    assert [line.split()[0] for line in lines] == ["~", "~", "rebuild"]
    assert lines[-1] == (
        "    rebuild 365 days; its inputs have 31,000,000 rows, 2.1 GB; "
        "used by training set 'all'; used by training set 'failures'; used by model 'takeover'"
    )


def test_each_views_cost_stands_once_and_below_its_last_step() -> None:
    new = replace(logins, name="a_new_view")
    found = plan(
        [replace(logins, boundary="inclusive"), new],
        {"account_logins": logins, "gone": replace(logins, name="gone")},
    )
    costs = {name: Cost(days=n, rows=0, size=0) for n, name in enumerate(found.views, 1)}
    del costs["gone"]

    assert found.views == ("a_new_view", "account_logins", "gone")
    assert [line.split("   ")[0] for line in replace(found, costs=costs).lines()] == [
        "+ a_new_view",
        "",
        "~ account_logins.failures_1d",
        "~ account_logins.delay_1d",
        "",
        "- gone",
    ]


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (999, "999 bytes"),
        (1_000, "1.0 kB"),
        (12_345, "12.3 kB"),
        (1_000_000, "1.0 MB"),
        (654_321_000, "654.3 MB"),
        (1_000_000_000, "1.0 GB"),
    ],
)
def test_a_view_of_which_nothing_is_written_costs_what_is_to_be_read(size: int, said: str) -> None:
    assert Cost(days=0, rows=1234, size=size).line() == (
        f"no day is written yet; its inputs have 1,234 rows, {said}"
    )


def test_a_new_feature_concerns_nobody_yet() -> None:
    more = replace(logins, aggregates={**logins.aggregates, "n": count(windows=(days(1),))})
    found = plan([more], {"account_logins": logins})

    services = {"all": FeatureService(name="all", features=(more,))}
    assert used_by(services, found.steps, "account_logins") == ()
