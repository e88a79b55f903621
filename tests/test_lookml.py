"""LookML of the registry reads back as it was written, and what is wrong in it is named."""

from dataclasses import replace
from pathlib import Path

import lkml
import pytest

from stockade import (
    Action,
    Contract,
    EventSource,
    FeatureView,
    LookupView,
    ModelSpec,
    Policy,
    Rule,
    count,
    days,
    last,
    max_,
)
from stockade.definitions.fingerprint import view_fingerprints
from stockade.definitions.registry import Registry
from stockade.errors import DataError, DefinitionError
from stockade.lookml import check_lookml, lookml, write_lookml
from tests.building.samples import account, training, view

payments = EventSource(
    name="card_payments", origin="card_payments", event_time="paid_at",
    contract=Contract(columns={"amount": Rule(type="decimal(12,2)"), "shop": Rule(type="string")}),
)  # fmt: skip
CARDS = FeatureView(
    name="card_view", entity=account, source=payments,
    aggregates={
        "payments": count(where="shop <> 'a \"b\"'", windows=(days(1),)),
        "largest": max_("amount", windows=(days(1),)),
        "shop": last("shop", windows=(days(1),)),
        "colour": last("colour", windows=(days(1),)),
    },
    description='He said: "no;;"\n{{ and }} C:\\',
)  # fmt: skip
PROFILE = LookupView(name="profile", entity=account, source=payments, columns=("colour",))
MODEL = ModelSpec(
    name="payment_return", training_set=training,
    policy=Policy(loss="amount", actions=(Action(name="allow"), Action(name="review", cost=1))),
)  # fmt: skip
FOUND = lookml(Registry.of([CARDS, PROFILE, MODEL]), schema="prod.risk")


def read(path: str) -> dict[str, dict[str, dict[str, object]]]:
    """Kind -> name -> field, of the one view of a file."""
    (one,) = lkml.load(FOUND.files[path])["views"]
    return {
        kind: {field["name"]: field for field in one[kind]}
        for kind in ("dimensions", "dimension_groups", "measures")
    }


def test_every_table_of_the_registry_is_a_view_and_an_explore() -> None:
    assert set(FOUND.files) == {
        "views/card_view.view.lkml", "views/account_payments.view.lkml",
        "views/payment_return_predictions.view.lkml", "stockade.model.lkml",
    }  # fmt: skip
    assert FOUND.left == {
        "profile": "it has no table: it is looked up, or computed at each decision"
    }
    model = lkml.load(FOUND.files["stockade.model.lkml"])
    assert {one["name"] for one in model["explores"]} == {
        "card_view", "account_payments", "payment_return_predictions",
    }  # fmt: skip
    (one,) = lkml.load(FOUND.files["views/account_payments.view.lkml"])["views"]
    assert one["sql_table_name"] == "prod.risk.account_payments"


def test_features_are_dimensions_with_their_meaning_and_measures() -> None:
    fields = read("views/account_payments.view.lkml")

    for name, fingerprint in view_fingerprints(view).items():
        assert f"fingerprint:{fingerprint}" in fields["dimensions"][name]["tags"]  # type: ignore[operator]
    count_2d = fields["dimensions"]["payments_2d"]
    assert (count_2d["type"], count_2d["sql"]) == ("number", "${TABLE}.payments_2d")
    assert count_2d["description"] == "Number of payments of this account in 2 days."
    assert fields["measures"]["average_payments_2d"]["sql"] == "${payments_2d}"
    assert fields["measures"]["total_payments_2d"]["type"] == "sum"
    # A sum of means says nothing.
    assert "total_mean_amount_2d" not in fields["measures"]
    assert {"as_of", "as_of_on"} == set(fields["dimension_groups"])


def test_a_type_is_the_tables_or_the_contracts_or_text() -> None:
    told = read("views/card_view.view.lkml")["dimensions"]
    assert [told[name]["type"] for name in ("largest_1d", "shop_1d", "colour_1d")] == [
        "number", "string", "string",
    ]  # fmt: skip

    types = {"card_view": {"colour_1d": "bigint", "largest_1d": "boolean"}}
    there = lookml(Registry.of([CARDS]), columns=types)
    (one,) = lkml.load(there.files["views/card_view.view.lkml"])["views"]
    kinds = {field["name"]: field["type"] for field in one["dimensions"]}
    assert (kinds["colour_1d"], kinds["largest_1d"]) == ("number", "yesno")


def test_each_action_of_a_policy_is_counted() -> None:
    fields = read("views/payment_return_predictions.view.lkml")

    assert fields["measures"]["review_decisions"]["filters__all"] == [[{"action": "review"}]]
    assert fields["measures"]["expected_positives"]["sql"] == "${probability}"
    assert {"payment_id", "score", "probability", "action"} < set(fields["dimensions"])


def test_words_that_would_end_a_string_are_kept_as_words() -> None:
    model = lkml.load(FOUND.files["stockade.model.lkml"])
    (said,) = [one["description"] for one in model["explores"] if one["name"] == "card_view"]

    assert said == "He said: 'no;;' {{ and }} C:/"
    meaning = read("views/card_view.view.lkml")["dimensions"]["payments_1d"]["description"]
    assert "shop <> 'a 'b''" in str(meaning)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("${payments_2d}", "${payments_3d}", "'average_payments_2d' refers to 'payments_3d'"),
        ("dimension: payments_2d {", "dimension: mean_amount_2d {", "two fields named 'mean_am"),
        ("dimension: payments_2d {", "dimension: Payments {", "'Payments' is no name in LookML"),
        ("sql_table_name: prod.risk.account_payments ;;", "", "names no table"),
        ("view: account_payments", "view: other", "explore 'account_payments' has no view"),
        ("view: account_payments {", "view: account_payments", "has no body"),
        ('"Key of account."', '"Key of account.', "is no LookML"),
        (" ;;", "", "is no LookML"),
    ],
)
def test_a_fault_is_named(old: str, new: str, said: str) -> None:
    path = "views/account_payments.view.lkml"
    broken = {**FOUND.files, path: FOUND.files[path].replace(old, new)}
    assert broken[path] != FOUND.files[path]

    with pytest.raises((DefinitionError, ExceptionGroup)) as raised:
        check_lookml(broken)

    faults = getattr(raised.value, "exceptions", (raised.value,))
    assert any(said in str(fault) for fault in faults)


def test_a_view_that_is_gone_goes_and_other_folders_are_left_alone(tmp_path: Path) -> None:
    write_lookml(FOUND, tmp_path / "looker")
    write_lookml(lookml(Registry.of([replace(CARDS, name="cards")])), tmp_path / "looker")

    names = {path.name for path in (tmp_path / "looker" / "views").iterdir()}
    assert names == {"cards.view.lkml"}
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="holds something else than LookML: name another one"):
        write_lookml(FOUND, tmp_path)
