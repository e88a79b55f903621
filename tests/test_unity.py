"""What Unity Catalog is told of a view's table; and of what a smaller catalog takes only a part."""

from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession
from typer.testing import CliRunner

from stockade import Entity, EventSource, FeatureView, count, hours
from stockade.cli import frame
from stockade.errors import DefinitionError
from stockade.store.tables import Tables
from stockade.target import Target
from stockade.testing import MakeTable
from stockade.unity import annotate, identifier, readers_of, statements

VIEW = FeatureView(
    name="sign_ins",
    entity=Entity(name="account", keys=("region", "account_id")),
    source=EventSource(name="logins", origin="logins", event_time="attempted_at"),
    aggregates={"logins": count(windows=(hours(1),))},
    owner="risk@example.com",
    sensitivity="personal",
    description="How often an account's owner\nsigns in; \\ isn't a quote'",
)
TABLE = "`c`.`s`.`sign_ins`"


def said(kind: str, **readers: list[str]) -> list[str]:
    found = statements(VIEW, TABLE, readers=readers)  # type: ignore[arg-type]
    return [one.sql for one in found if one.kind == kind]


def test_the_key_is_the_entity_and_its_time_a_series() -> None:
    assert said("key") == [
        f"ALTER TABLE {TABLE} ALTER COLUMN `region` SET NOT NULL",
        f"ALTER TABLE {TABLE} ALTER COLUMN `account_id` SET NOT NULL",
        f"ALTER TABLE {TABLE} ALTER COLUMN `as_of` SET NOT NULL",
        f"ALTER TABLE {TABLE} DROP PRIMARY KEY IF EXISTS CASCADE",
        f"ALTER TABLE {TABLE} ADD CONSTRAINT `sign_ins_key` "
        "PRIMARY KEY (`region`, `account_id`, `as_of` TIMESERIES)",
    ]


def test_tags_name_owner_sensitivity_and_what_computed_each_column() -> None:
    table, column = said("tag")

    assert table.startswith(f"ALTER TABLE {TABLE} SET TAGS ('owner' = 'risk@example.com', ")
    assert "'sensitivity' = 'personal'" in table
    assert column.startswith(f"ALTER TABLE {TABLE} ALTER COLUMN `logins_1h` SET TAGS ('fingerprint")


def test_nothing_in_a_description_ends_the_string() -> None:
    assert said("comment")[0] == (
        f"COMMENT ON TABLE {TABLE} IS "
        "'How often an account\\'s owner signs in; \\\\ isn\\'t a quote\\''"
    )


def test_only_the_groups_of_its_sensitivity_may_read_it() -> None:
    assert said("grant", internal=["everyone"], personal=["t&s", "a`b"]) == [
        f"GRANT SELECT ON TABLE {TABLE} TO `t&s`",
        f"GRANT SELECT ON TABLE {TABLE} TO `a``b`",
    ]


@pytest.mark.parametrize(
    ("typed", "fault"),
    [
        (("personel", "t"), "no such sensitivity: did you mean 'personal'"),
        (("prohibited", "t"), "nobody reads what is prohibited"),
    ],
)
def test_readers_are_of_a_sensitivity_that_may_be_read(typed: tuple[str, str], fault: str) -> None:
    with pytest.raises(DefinitionError, match=fault):
        readers_of([typed])


def test_the_sql_can_be_printed_without_spark() -> None:
    done = CliRunner().invoke(
        frame.app,
        ["--target", "prod.trust_safety", "annotate", "account_logins", "--dry-run",
         "--reader", "internal=account users"],
    )  # fmt: skip

    assert done.exit_code == 0, done.output
    assert "ON TABLE `prod`.`trust_safety`.`account_logins`" in done.output
    assert "`user_id`, `as_of` TIMESERIES" in done.output


def test_a_folder_cannot_be_told(tables: Tables) -> None:
    with pytest.raises(DefinitionError, match="is a folder: only a catalog can be told"):
        annotate(tables, VIEW, readers={})


@pytest.fixture
def schema(spark: SparkSession) -> Iterator[Target]:
    spark.sql("CREATE SCHEMA IF NOT EXISTS spark_catalog.told")
    yield Target.catalog("spark_catalog.told")
    spark.sql("DROP SCHEMA spark_catalog.told CASCADE")


@pytest.mark.slow
def test_a_catalog_is_told_what_it_understands_and_only_once(
    spark: SparkSession, schema: Target, table: MakeTable
) -> None:
    tables = Tables(spark, schema)
    rows = table(
        "region string, account_id string, as_of timestamp, logins_1h long",
        ("eu", "ann", "2026-03-01 00:00:00", 3),
    )
    tables.replace("sign_ins", rows, note={"run_id": "r"})

    first = annotate(tables, VIEW, readers={"personal": ["t&s"]})
    again = annotate(tables, VIEW, readers={"personal": ["t&s"]})

    assert {one.kind for one in first.told} == {"comment"}
    assert set(first.skipped) == {"key", "tag", "grant"}
    assert again.same
    columns = spark.table("spark_catalog.told.sign_ins").schema
    assert columns["logins_1h"].metadata["comment"] == "number of logins of this account in 1 hour"
    assert {commit.operation for commit in tables.commits("sign_ins") if commit.moves_rows} <= {
        "CREATE OR REPLACE TABLE AS SELECT", "CREATE TABLE AS SELECT", "WRITE",
    }  # fmt: skip


def test_a_dotted_name_is_quoted_part_by_part() -> None:
    assert identifier("c.s.t") == "`c`.`s`.`t`"
