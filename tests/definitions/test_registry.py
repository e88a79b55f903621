"""Definitions are found, checked together, and looked up by name."""

import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from stockade import Derived, Entity, EventSource, FeatureService, FeatureView, count, days
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


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(name: str, **modules: str) -> str:
        (tmp_path / name).mkdir()
        for module, text in {"__init__": "", **modules}.items():
            (tmp_path / name / f"{module}.py").write_text(dedent(text))
        return name

    return write


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

    with pytest.raises(UnknownNameError, match="no view is called 'account_login': did you mean"):
        registry.view("account_login")


def test_two_definitions_of_one_name_are_refused() -> None:
    with pytest.raises(ExceptionGroup) as raised:
        Registry.of([view(), view(where="outcome = 'failure'")])

    assert str(raised.value.exceptions[0]) == (
        "two different definitions are called view 'account_logins'"
    )


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

    with pytest.raises(ExceptionGroup) as raised:
        Registry.load(name)

    faults = sorted(str(fault) for fault in raised.value.exceptions)
    assert len(faults) == 3
    assert faults[0].startswith("count: window '0:00:00' must be longer than zero")
    assert faults[1].startswith("module 'faulty_pack.imports' does not import: No module named")
    assert faults[2].startswith("view 'v': where of 'n': 'amount >' does not parse")
    sys.modules.pop("faulty_pack", None)


def test_a_package_is_loaded_with_its_modules() -> None:
    registry = Registry.load("examples.card_fraud")

    assert registry.model("card_fraud_published").training_set.spine.name == "card_payments"
    assert "customer_spending" in [found.name for found in registry.views()]


def test_derived_features_are_listed_after_what_they_use() -> None:
    share = Derived(name="share", expression="double_logins / 2")
    doubled = Derived(name="double_logins", expression="logins_1d * 2")

    with pytest.raises(ExceptionGroup) as raised:
        Registry.of([FeatureService(name="s", features=(view(), share, doubled))])

    assert "uses 'double_logins', which must be listed before it" in str(raised.value.exceptions[0])


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("outcome = 'failure' AND amount > 10", {"outcome", "amount"}),
        ("device.os IN ('ios', 'android')", {"device"}),
        ("exists(countries, c -> c = home)", {"countries", "home"}),
        ("hour(paid_at) <= 6", {"paid_at"}),
    ],
)
def test_an_expression_tells_its_columns(sql: str, columns: set[str]) -> None:
    assert check_expression(sql, who="x") == columns


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
        ("rand() < 0.5", "uses rand"),
    ],
)
def test_more_than_an_expression_over_one_row_is_refused(sql: str, reason: str) -> None:
    with pytest.raises(DefinitionError, match=reason):
        check_expression(sql, who="view 'v'")
