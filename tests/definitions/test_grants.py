from dataclasses import replace

import pytest

from stockade import Entity, EventSource, FeatureView, Files, count, days
from stockade.definitions.grants import grants
from stockade.definitions.registry import Registry
from stockade.errors import DefinitionError


def view(name: str, origin: str) -> FeatureView:
    source = EventSource(name=f"{name}_source", origin=origin, event_time="paid_at")
    entity = Entity(name="account", keys="account_id")
    aggregates = {"events": count(windows=(days(1),))}
    return FeatureView(name=name, entity=entity, source=source, aggregates=aggregates)


def test_a_principal_reads_what_sources_name_and_writes_in_its_own_schema_alone() -> None:
    registry = Registry.of([view("own", "payments"), view("other", "bronze.bank.returns")])

    assert grants(registry, schema="main.fraud", principal="fraud-jobs") == (
        "GRANT USE CATALOG ON CATALOG `bronze` TO `fraud-jobs`",
        "GRANT USE CATALOG ON CATALOG `main` TO `fraud-jobs`",
        "GRANT USE SCHEMA, CREATE TABLE, CREATE MODEL, SELECT, MODIFY ON SCHEMA `main`.`fraud` "
        "TO `fraud-jobs`",
        "GRANT USE SCHEMA ON SCHEMA `bronze`.`bank` TO `fraud-jobs`",
        "GRANT SELECT ON TABLE `bronze`.`bank`.`returns` TO `fraud-jobs`",
    )


def test_a_table_is_looked_for_in_the_targets_schema_and_catalog_and_a_file_nowhere() -> None:
    files = view("files", "payments")
    files = replace(files, source=replace(files.source, origin=Files(path="payments")))
    views = [view("own", "main.fraud.payments"), view("near", "bank.returns"), files]

    said = grants(Registry.of(views), schema="main.fraud", principal="fraud-jobs")

    assert [one.removesuffix(" TO `fraud-jobs`") for one in said] == [
        "GRANT USE CATALOG ON CATALOG `main`",
        "GRANT USE SCHEMA, CREATE TABLE, CREATE MODEL, SELECT, MODIFY ON SCHEMA `main`.`fraud`",
        "GRANT USE SCHEMA ON SCHEMA `main`.`bank`",
        "GRANT SELECT ON TABLE `main`.`bank`.`returns`",
    ]


@pytest.mark.parametrize("principal", ["", " ", "a`b", "a\nb"])
def test_what_is_no_principal_is_refused(principal: str) -> None:
    with pytest.raises(DefinitionError, match="is no name of a group"):
        grants(Registry.of([view("own", "payments")]), schema="main.fraud", principal=principal)


def test_a_folder_has_nothing_to_grant() -> None:
    with pytest.raises(DefinitionError, match=r"must be catalog\.schema"):
        grants(Registry.of([view("own", "payments")]), schema="folder", principal="p")
    with pytest.raises(DefinitionError, match=r"^schema name 'a-b' must be lower case"):
        grants(Registry.of([view("own", "payments")]), schema="main.a-b", principal="p")
