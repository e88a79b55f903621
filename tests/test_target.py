"""Where things live: a folder, or a catalog and schema."""

from pathlib import Path

import pytest

from stockade.errors import DefinitionError
from stockade.target import Target


def test_a_folder_holds_tables_runs_and_models(tmp_path: Path) -> None:
    target = Target.local(tmp_path)

    assert target.place("logins") == f"{tmp_path}/warehouse/logins"
    assert target.tracking_uri == f"sqlite:///{tmp_path}/mlflow.db"
    assert target.registry_uri == target.tracking_uri
    assert target.experiment("account_takeover") == "/trust_safety/account_takeover"
    assert target.registered_model("account_takeover") == "account_takeover"


def test_a_catalog_and_schema_hold_them_by_name() -> None:
    target = Target.catalog("main.fraud")

    assert target.place("logins") == "main.fraud.logins"
    assert (target.tracking_uri, target.registry_uri) == ("databricks", "databricks-uc")
    assert target.registered_model("account_takeover") == "main.fraud.account_takeover"
    with pytest.raises(DefinitionError, match=r"^target 'main.fraud' has no folder"):
        _ = target.warehouse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("main.fraud", Target.catalog("main.fraud")),
        ("./main.fraud", Target.local("./main.fraud")),
        ("/data/x", Target.local("/data/x")),
        ("", Target.local(".stockade")),
    ],
)
def test_the_environment_names_either(
    monkeypatch: pytest.MonkeyPatch, text: str, expected: Target
) -> None:
    monkeypatch.setenv("STOCKADE_TARGET", text)

    assert Target.from_environment() == expected


def test_without_a_word_it_is_a_folder_here(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("STOCKADE_TARGET", raising=False)
    monkeypatch.chdir(tmp_path)

    assert Target.from_environment().folder == tmp_path / ".stockade"


def test_a_target_stays_where_it_was_when_the_process_moves(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    target = Target.local("kept")
    monkeypatch.chdir("/")

    assert target.warehouse == tmp_path / "kept" / "warehouse"


@pytest.mark.parametrize("name", ["../up", "/etc", "a.b", "a`b", "A", "a b", "", "é", "a\n"])
def test_a_table_that_could_lie_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    for target in (Target.local(tmp_path), Target.catalog("main.fraud")):
        with pytest.raises(DefinitionError, match=r"^table name .* must be lower case letters"):
            target.place(name)


def test_a_link_out_of_the_warehouse_is_refused(tmp_path: Path) -> None:
    target = Target.local(tmp_path / "target")
    target.warehouse.mkdir(parents=True)
    (target.warehouse / "logins").symlink_to(tmp_path)

    with pytest.raises(DefinitionError, match=r"^table 'logins' is a link out of .*warehouse: put"):
        target.path("logins")


@pytest.mark.parametrize("schema", ["main", "main.fraud.logins", "main.Fraud", "main.", "a`.b"])
def test_what_is_no_catalog_and_schema_is_refused(schema: str) -> None:
    with pytest.raises(DefinitionError):
        Target.catalog(schema)


def test_a_target_is_a_folder_or_a_catalog() -> None:
    assert Target.parse("main.fraud").registered_model("m") == "main.fraud.m"
    assert Target.parse("main.fraud").tracking_uri == "databricks"
    assert Target.parse("/data/x").tracking_uri == "sqlite:////data/x/mlflow.db"
    with pytest.raises(DefinitionError, match="must be lower case"):
        Target.catalog("main.Fr`aud")
