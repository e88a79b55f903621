"""Origins are read as they were declared, or refused with what to do."""

import re
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from stockade.definitions.source import Files, Query, Table
from stockade.errors import (
    ColumnNotFoundError,
    DataError,
    DefinitionError,
    SchemaError,
    TableNotFoundError,
)
from stockade.store.origins import columns_of, open_origin, require_timestamps
from stockade.store.tables import Tables
from stockade.testing import MakeTable

NOTE = {"run_id": "r1"}
PAID = "id bigint, paid_at timestamp"


def csv(path: Path, text: str, schema: str = "id bigint, name string") -> Files:
    path.write_text(text)
    return Files(path=str(path), format="csv", schema=schema)


def test_a_relative_path_begins_at_the_base_or_here(
    spark: SparkSession, tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    pq.write_table(pa.table({"id": [1]}), tmp_path / "data" / "f.parquet")
    files = Files(path="data/f.parquet")

    based = open_origin(spark, tables, files, base=tmp_path).collect()
    monkeypatch.chdir(tmp_path)
    here = open_origin(spark, tables, files)
    in_a_query = open_origin(
        spark, tables, Query(sql="SELECT id FROM {f}", inputs={"f": files}), base=tmp_path
    )
    monkeypatch.chdir("/")

    assert based == here.collect() == in_a_query.collect()


def test_a_missing_file_is_named_with_where_it_was_looked_for(
    spark: SparkSession, tables: Tables, tmp_path: Path
) -> None:
    with pytest.raises(
        TableNotFoundError, match=f"^no file or folder 'f.parquet' in {re.escape(str(tmp_path))}$"
    ):
        open_origin(spark, tables, Files(path="f.parquet"), base=tmp_path)
    with pytest.raises(TableNotFoundError, match=r"^no file or folder '/nowhere/f.parquet'$"):
        open_origin(spark, tables, Files(path="/nowhere/f.parquet"))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("id,label", "the header reads id, label, declared are id, name: "
                     "'label' is not declared, 'name' is missing"),
        ("id", "the header reads id, declared are id, name: 'name' is missing"),
        ("name,id", "the header reads name, id, declared are id, name: the order differs"),
        ("ID,name", "the header reads ID, name, declared are id, name: "
                    "'ID' is not declared, 'id' is missing"),
    ],
)  # fmt: skip
def test_a_header_names_the_declared_columns(
    spark: SparkSession, tables: Tables, tmp_path: Path, header: str, message: str
) -> None:
    path = tmp_path / "f.csv"

    with pytest.raises(SchemaError, match=f"^files '{re.escape(str(path))}': {message}$"):
        open_origin(spark, tables, csv(path, f"{header}\n1,x\n"))


def test_an_empty_text_has_no_header(spark: SparkSession, tables: Tables, tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="the header reads nothing, declared are id, name"):
        open_origin(spark, tables, csv(tmp_path / "f.csv", ""))


def test_json_has_the_declared_types(spark: SparkSession, tables: Tables, tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    path.write_text('{"id": 1, "name": "x"}\n{"id": 2}\n')
    files = Files(path=str(path), format="json", schema="id bigint, name string")

    rows = open_origin(spark, tables, files)

    assert sorted(tuple(row) for row in rows.collect()) == [(1, "x"), (2, None)]


def test_delta_files_are_read_in_place(
    spark: SparkSession, tables: Tables, table: MakeTable
) -> None:
    place = tables.replace("t", table("id bigint", (1,)), note=NOTE).path_or_name

    assert open_origin(spark, tables, Files(path=place, format="delta")).count() == 1
    with pytest.raises(SchemaError, match=r"'id' is bigint, declared int$"):
        open_origin(spark, tables, Files(path=place, format="delta", schema="id int"))


def test_files_that_are_something_else_are_refused(
    spark: SparkSession, tables: Tables, tmp_path: Path
) -> None:
    path = tmp_path / "f"
    path.mkdir()
    with pytest.raises(TableNotFoundError, match=f"^no delta files at '{re.escape(str(path))}'$"):
        open_origin(spark, tables, Files(path=str(path), format="delta"))

    (path / "f.parquet").write_text("this is no parquet, whatever its name")
    with pytest.raises(DataError, match="cannot be read as parquet: are they of that format"):
        open_origin(spark, tables, Files(path=str(path)))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM {t}",
        "SELECT id FROM {t};",
        "  SELECT id FROM {t} -- the newest\n",
        "WITH a AS (SELECT * FROM {t}) SELECT id FROM a ORDER BY id LIMIT 5",
        "(SELECT id FROM {t}) UNION ALL (SELECT id FROM {t} WHERE id > 1)",
        "SELECT id FROM {t} WHERE name <> '{{}}'",
    ],
)
def test_one_select_is_a_query(
    spark: SparkSession, tables: Tables, table: MakeTable, sql: str
) -> None:
    tables.replace("t", table("id bigint, name string", (1, "x")), note=NOTE)

    rows = open_origin(spark, tables, Query(sql=sql))

    assert [tuple(row) for row in rows.collect()] == [(1,)]


@pytest.mark.parametrize(
    "sql",
    [
        "DROP VIEW {t}",
        "CREATE TABLE x AS SELECT * FROM {t}",
        "INSERT INTO {t} VALUES (1)",
        "FROM {t} INSERT INTO x SELECT id",
        "SET spark.sql.ansi.enabled = false -- {t}",
        "SELECT id FROM {t}; SELECT id FROM {t}",
        "SELECT id FROM {t}; DROP VIEW {t}",
        "SELECT id FROM {t}) AS origin; DROP VIEW {t} --",
        "SELECT id FROM {t} WHERE (id > 1",
        "SELECT id FORM {t} AS t",
        "",
    ],
)
def test_what_is_not_one_select_is_refused_and_does_nothing(
    spark: SparkSession, tables: Tables, table: MakeTable, sql: str
) -> None:
    tables.replace("t", table("id bigint", (1,)), note=NOTE)
    if not sql:
        with pytest.raises(DefinitionError, match="must name its inputs in braces"):
            Query(sql=sql)
        return

    with pytest.raises(DefinitionError, match=r"^query over t must be one SELECT: \[PARSE_"):
        open_origin(spark, tables, Query(sql=sql))

    assert tables.read("t").count() == 1
    assert spark.conf.get("spark.sql.ansi.enabled") == "true"


def test_a_query_without_meaning_says_why_in_its_own_words(
    spark: SparkSession, tables: Tables, table: MakeTable
) -> None:
    tables.replace("t", table("id bigint", (1,)), note=NOTE)

    with pytest.raises(DefinitionError) as caught:
        open_origin(spark, tables, Query(sql="SELECT {t}.idd FROM {t}"))

    assert re.match(r"^query over t: \[UNRESOLVED_COLUMN", str(caught.value))
    assert "Did you mean" in str(caught.value)
    assert re.search(r"stockade_t_|SQLSTATE|\n", str(caught.value)) is None


def test_frames_of_one_name_stay_what_they_were(
    spark: SparkSession, tables: Tables, table: MakeTable
) -> None:
    for name in ("a", "b"):
        tables.replace(name, table("name string", (name,)), note=NOTE)
    queries = [Query(sql="SELECT name FROM {x}", inputs={"x": Table(name=n)}) for n in ("a", "b")]

    first, second = (open_origin(spark, tables, query) for query in queries)

    assert [row.name for row in (*first.collect(), *second.collect())] == ["a", "b"]


def test_a_querys_missing_table_is_named(spark: SparkSession, tables: Tables) -> None:
    with pytest.raises(TableNotFoundError, match=r"^no table 't': known: none$"):
        open_origin(spark, tables, Query(sql="SELECT id FROM {t}"))


def test_columns_are_told_with_their_types(table: MakeTable) -> None:
    rows = table("id bigint, amount decimal(10,2), seen array<struct<at:timestamp>>")

    assert list(columns_of(rows).items()) == [
        ("id", "bigint"),
        ("amount", "decimal(10,2)"),
        ("seen", "array<struct<at:timestamp>>"),
    ]


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ("paid_at timestamp_ntz", "timestamp_ntz, which is no instant: "
                                  "ingest with naive_utc=('paid_at',) or cast it in a query"),
        ("paid_at date", "date, which is a whole day: say in a query which instant of it counts, "
                         "as in CAST(paid_at AS timestamp) + INTERVAL 1 DAY"),
        ("paid_at string", "string: read it in a query with to_timestamp(paid_at, 'its pattern')"),
        ("paid_at bigint",
         "bigint: say its unit in a query, as in timestamp_millis(paid_at)"),
        ("paid_at boolean", "boolean, wanted timestamp: cast it in a query"),
    ],
)  # fmt: skip
def test_a_time_that_is_no_instant_is_refused_with_its_remedy(
    table: MakeTable, schema: str, message: str
) -> None:
    said = f"column 'paid_at' of source 'payments' is {message}"

    with pytest.raises(SchemaError, match=f"^{re.escape(said)}$"):
        require_timestamps(table(schema), ["paid_at"], "source 'payments'")


def test_all_times_that_are_no_instants_are_told_together(table: MakeTable) -> None:
    rows = table("a date, b timestamp, c string", (date(2026, 1, 1), None, "x"))

    require_timestamps(rows, ["b"], "x")
    with pytest.raises(ExceptionGroup, match=r"^x has times that are no instants") as caught:
        require_timestamps(rows, ["a", "b", "c"], "x")
    assert [str(fault).split()[1] for fault in caught.value.exceptions] == ["'a'", "'c'"]
    with pytest.raises(ColumnNotFoundError, match=r"^x has no column 'd'"):
        require_timestamps(rows, ["d"], "x")
