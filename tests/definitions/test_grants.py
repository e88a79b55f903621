import pytest

from stockade import Entity, EventSource, FeatureView, count, days
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


@pytest.mark.parametrize("principal", ["", " ", "a`b", "a\nb"])
def test_what_is_no_principal_is_refused(principal: str) -> None:
    with pytest.raises(DefinitionError, match="is no name of a group"):
        grants(Registry.of([view("own", "payments")]), schema="main.fraud", principal=principal)


def test_a_folder_has_nothing_to_grant() -> None:
    with pytest.raises(DefinitionError, match=r"must be catalog\.schema"):
        grants(Registry.of([view("own", "payments")]), schema="folder", principal="p")
