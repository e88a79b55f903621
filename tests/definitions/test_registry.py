"""Definitions are found, checked together, and looked up by name."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest

from stockade import (
    Course,
    Derived,
    Entity,
    EventSource,
    FeatureService,
    FeatureView,
    Label,
    LookupView,
    MatchView,
    ModelSpec,
    ReleaseStrategy,
    Spine,
    TrainingSet,
    count,
    days,
    unmatched_total,
)
from stockade.definitions.expression import check_expression
from stockade.definitions.registry import Registry
from stockade.errors import DefinitionError, UnknownNameError

account = Entity(name="account", keys="account_id")
logins = EventSource(name="logins", origin="logins", event_time="attempted_at")


def view(name: str = "account_logins", where: str | None = None) -> FeatureView:
    return FeatureView(
        name=name,
        entity=account,
        source=logins,
        aggregates={"logins": count(where=where, windows=(days(1),))},
    )


training = TrainingSet(
    name="takeovers_2026",
    spine=Spine(name="withdrawals", origin="withdrawals", decided_at="at", id="withdrawal_id"),
    features=FeatureService(name="s", features=(view(),), spine_columns="amount"),
    label=Label(name="stolen", source=logins, keys={"account_id": "account_id"},
                horizon=days(30), reporting_delay=days(10)),
)  # fmt: skip
model = ModelSpec(name="takeover", training_set=training)
strategy = ReleaseStrategy(
    name="release", models=(model,), amount="amount",
    courses=(Course(name="at_once"), Course(name="later", hold=days(3))),
)  # fmt: skip


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def write(name: str, **modules: str) -> str:
        (tmp_path / name).mkdir()
        for module, text in {"__init__": "", **modules}.items():
            (tmp_path / name / f"{module}.py").write_text(dedent(text))
        return name

    yield write
    for module in set(sys.modules) - before:
        if (getattr(sys.modules[module], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[module]


def faults_of(*roots: object) -> list[str]:
    with pytest.raises(ExceptionGroup) as raised:
        Registry.of(roots)
    return [str(fault) for fault in raised.value.exceptions]


def load_faults(*modules: str) -> list[str]:
    with pytest.raises(ExceptionGroup) as raised:
        Registry.load(*modules)
    assert not any(isinstance(fault, ExceptionGroup) for fault in raised.value.exceptions)
    return sorted(str(fault) for fault in raised.value.exceptions)


def test_a_definition_brings_all_that_it_refers_to() -> None:
    registry = Registry.of([FeatureService(name="s", features=(view(),))])

    assert set(registry.definitions) == {
        ("service", "s"),
        ("view", "account_logins"),
        ("entity", "account"),
        ("source", "logins"),
    }


def test_a_misspelt_name_gets_the_nearest() -> None:
    registry = Registry.of([view()])

    with pytest.raises(
        UnknownNameError,
        match=r"^no view is called 'account_login': did you mean 'account_logins'\?$",
    ):
        registry.view("account_login")


def test_each_kind_of_definition_is_found_by_its_name() -> None:
    registry = Registry.of([strategy])

    assert registry.strategy("release") is strategy
    assert registry.model("takeover") is model
    assert registry.training_set("takeovers_2026") is training
    assert registry.view("account_logins") == view()
    assert registry.sources("logins") == (logins,)


def test_sources_and_views_are_listed_by_name() -> None:
    profiles = EventSource(name="a_profile", origin="profiles", event_time="since")
    lookup = LookupView(name="zone", entity=account, source=profiles, columns="zone")
    registry = Registry.of([lookup, view("n"), view("b")])

    assert registry.sources() == (profiles, logins)
    assert [one.name for one in registry.views()] == ["b", "n", "zone"]


@pytest.mark.parametrize(
    ("find", "said"),
    [
        (Registry.strategy, "no strategy is called 'xyz': known: 'release'"),
        (Registry.model, "no model is called 'xyz': known: 'takeover'"),
        (Registry.training_set, "no training set is called 'xyz': known: 'takeovers_2026'"),
        (Registry.view, "no view is called 'xyz': known: 'account_logins'"),
        (Registry.sources, "no source is called 'xyz': known: 'logins'"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(
    find: Callable[[Registry, str], object], said: str
) -> None:
    with pytest.raises(UnknownNameError) as raised:
        find(Registry.of([strategy]), "xyz")

    assert str(raised.value) == said


def test_a_model_stands_for_its_training_set_unless_a_set_bears_the_name() -> None:
    assert Registry.of([model]).training_set("takeover") is training
    namesake = replace(training, name="takeover")
    assert Registry.of([model, namesake]).training_set("takeover") is namesake


def test_the_fingerprint_of_all_changes_with_any_definition_and_with_no_word_about_it() -> None:
    found = Registry.of([view()]).fingerprint()

    assert Registry.of([replace(view(), owner="else")]).fingerprint() == found
    others = [[view(where="ok")], [view("other")], [view(), view("other")]]
    assert len({found, *(Registry.of(roots).fingerprint() for roots in others)}) == 4


def test_two_definitions_of_one_name_are_refused() -> None:
    assert faults_of(view(), view(where="outcome = 'failure'")) == [
        "two different definitions are called view 'account_logins'"
    ]


def test_all_faults_of_a_load_are_reported_together(package: Callable[..., str]) -> None:
    name = package(
        "faulty_pack",
        windows="from stockade import count, days\nbad = count(windows=(days(0),))\n",
        imports="import nothing_of_that_name\n",
        filters="""
            from stockade import Entity, EventSource, FeatureView, count, days
            v = FeatureView(
                name="v",
                entity=Entity(name="e", keys="k"),
                source=EventSource(name="s", origin="t", event_time="at"),
                aggregates={"n": count(where="amount >", windows=(days(1),))},
            )
        """,
    )

    faults = load_faults(name)

    assert len(faults) == 3
    assert faults[0].startswith("count: window '0:00:00' must be longer than zero")
    assert faults[1].startswith("module 'faulty_pack.imports' does not import: No module named")
    assert faults[2].startswith("view 'v': where of 'n': 'amount >' does not parse")


SOURCE = """
from stockade import Entity, EventSource, FeatureService, FeatureView, count, days
account = Entity(name="account", keys="account_id")
logins = EventSource(name="logins", origin="logins", event_time="at")
"""
A_VIEW = """
from sound_pack.sources import account, count, days, logins, FeatureView
def of(name):
    aggregates = {"n": count(windows=(days(1),))}
    return FeatureView(name=name, entity=account, source=logins, aggregates=aggregates)
"""


def test_a_package_is_loaded_with_its_modules(package: Callable[..., str]) -> None:
    name = package(
        "sound_pack",
        __main__="raise SystemExit('a program is not a definition')",
        sources=SOURCE,
        first=A_VIEW + "one = of('one')",
        second=A_VIEW + "two = of('two')",
        third="number = 3",
    )

    assert [one.name for one in Registry.load(name).views()] == ["one", "two"]
    assert [one.name for one in Registry.load("sound_pack.second").views()] == ["two"]
    both = Registry.load("sound_pack.first", "sound_pack.second")
    assert both.definitions == Registry.load(name).definitions


def test_every_module_that_does_not_import_is_named(package: Callable[..., str]) -> None:
    name = package("half_pack", sources=SOURCE)

    assert load_faults("no_pack", name, "nor_this") == [
        "module 'no_pack' does not import: No module named 'no_pack'",
        "module 'nor_this' does not import: No module named 'nor_this'",
    ]


def test_the_faults_of_one_definition_stand_beside_the_others_each_once(
    package: Callable[..., str],
) -> None:
    name = package(
        "twice_pack",
        sources=SOURCE,
        service="""
            from twice_pack.sources import *
            v = FeatureView(name="v", entity=account, source=logins,
                            aggregates={"n": count(windows=(days(1),))})
            s = FeatureService(name="s", features=(v, v))
        """,
        user="from twice_pack.service import s",
        wrong="from stockade import days, count; count(windows=())",
    )

    assert load_faults(name) == [
        "count has no windows: give windows=(days(7),) or (LIFETIME,)",
        "service 's' has two features named 'n_1d'",
        "service 's' lists view 'v' twice: select all its features at once",
    ]


def test_derived_features_are_listed_after_what_they_use() -> None:
    share = Derived(name="share", expression="double_logins / logins_1d")
    doubled = Derived(name="double_logins", expression="logins_1d * 2")
    more = Derived(name="more", expression="share + amount")

    assert faults_of(FeatureService(name="s", features=(view(), share, doubled, more))) == [
        "service 's': derived feature 'share' uses 'double_logins', which must be listed before it"
    ]
    service = FeatureService(name="s", features=(view(), doubled, share, more))
    assert Registry.of([service]).find("service", "s") is service


def test_sql_that_does_not_parse_is_told_with_who_says_it() -> None:
    derived = FeatureService(name="t", features=(Derived(name="d", expression="a +"),))
    matched = MatchView(
        name="held", entity=account, source=logins, amount="amount", credit="in >", debit="out",
        measures={"held": unmatched_total()},
    )  # fmt: skip
    rules = replace(model, rules="logins_1d >")

    said = [fault.split(" does not parse")[0] for fault in faults_of(derived, matched, rules)]

    assert sorted(said) == [
        "model 'takeover': rules: 'logins_1d >'",
        "service 't': derived feature 'd': 'a +'",
        "view 'held': credit: 'in >'",
    ]


def test_rules_may_use_what_the_training_set_has() -> None:
    ruled = replace(model, rules="logins_1d > 9 AND amount > 100")
    assert Registry.of([ruled]).model("takeover") is ruled

    assert faults_of(replace(model, rules="login_1d > 9 AND amont > 100")) == [
        "model 'takeover': rules use 'amont', which service 's' does not have: "
        "did you mean 'amount'?",
        "model 'takeover': rules use 'login_1d', which service 's' does not have: "
        "did you mean 'logins_1d'?",
    ]


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("outcome = 'failure' AND amount > 10", {"outcome", "amount"}),
        ("device.os IN ('ios', 'android')", {"device"}),
        ("exists(countries, c -> c = home)", {"countries", "home"}),
        ("TRY_DIVIDE(paid, Received)", {"paid", "Received"}),
        ("hour(paid_at) <= 6", {"paid_at"}),
    ],
)
def test_an_expression_tells_its_columns(sql: str, columns: set[str]) -> None:
    assert check_expression(sql, who="x") == columns


def test_sql_that_does_not_parse_is_told_where_and_not_shown_again() -> None:
    with pytest.raises(DefinitionError) as raised:
        check_expression("amount > 10\nAND (outcome = 'failure'", who="view 'v'")

    said = str(raised.value)
    assert said.startswith("view 'v': 'amount > 10\nAND (outcome = 'failure'' does not parse: ")
    assert said.endswith("Line 2, Col: 24.")


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("a = = b", "does not parse"),
        ("a; b", "must be one expression"),
        ("a IN (SELECT b FROM c)", "not a query"),
        ("(SELECT 1)", "not a query"),
        ("DROP TABLE x", "not a query"),
        ("sum(a) > 1", "no aggregate"),
        ("row_number() OVER (ORDER BY a) = 1", "no aggregate, no window function"),
        ("java_method('java.lang.System', 'exit', 1)", "uses java_method"),
        ("reflect('x', 'y')", "uses reflect"),
        ("at > current_timestamp()", "depends on more than the row"),
        ("rand() < 0.5", r"uses rand\(\), which depends on more than the row$"),
        (
            "my_own(a)",
            r"uses my_own\(\), which is not known to depend on its arguments alone: "
            "compute it in the source's query$",
        ),
        ("catalog.schema.try_divide(a, b)", r"uses try_divide\(\), which is not known"),
        ("a -- b", "has a comment: write it beside the definition$"),
        ("a > :limit", r"must name its columns and values: no parameter, no '\*'$"),
        ("`a b` = 1", "names `a b`, which is no plain name: rename it in the source's query$"),
    ],
)
def test_more_than_an_expression_over_one_row_is_refused(sql: str, reason: str) -> None:
    with pytest.raises(DefinitionError, match=reason):
        check_expression(sql, who="view 'v'")
