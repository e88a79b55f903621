"""A plan says what would change, and why."""

from dataclasses import replace

from stockade import Entity, EventSource, FeatureService, FeatureView, count, days, mean
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


def test_a_new_feature_concerns_nobody_yet() -> None:
    more = replace(logins, aggregates={**logins.aggregates, "n": count(windows=(days(1),))})
    found = plan([more], {"account_logins": logins})

    services = {"all": FeatureService(name="all", features=(more,))}
    assert used_by(services, found.steps, "account_logins") == ()
