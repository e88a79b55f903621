"""Tables, files and queries: written whole or not at all, and read by name."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import functions as F

from stockade.definitions.source import Files, Query, Table
from stockade.engine.faults import spark_faults
from stockade.errors import (
    ColumnNotFoundError,
    DataError,
    DefinitionError,
    EmptyTableError,
    SchemaError,
    TableNotFoundError,
)
from stockade.store.ingest import ingest
from stockade.store.origins import open_origin
from stockade.store.tables import Tables
from stockade.testing import MakeTable

NOTE = {"run_id": "r1"}
DAYS = "id bigint, on_day date"


def test_an_interval_is_replaced_and_its_neighbours_are_kept(
    tables: Tables, table: MakeTable
) -> None:
    first = table(DAYS, (1, date(2026, 1, 1)), (2, date(2026, 1, 2)), (3, date(2026, 1, 3)))
    interval = {"column": "on_day", "note": NOTE}
    tables.replace_interval("d", first, start=date(2026, 1, 1), end=date(2026, 1, 4), **interval)

    again = table(DAYS, (7, date(2026, 1, 2)))
    written = tables.replace_interval(
        "d", again, start=date(2026, 1, 2), end=date(2026, 1, 3), **interval
    )

    assert sorted(row.id for row in tables.read("d").collect()) == [1, 3, 7]
    assert (written.version, written.rows) == (1, 1)
    assert tables.last_note("d") == NOTE


@pytest.mark.parametrize(
    ("schema", "row", "kind", "message"),
    [
        (DAYS, (9, date(2026, 1, 9)), Exception, "REPLACE_WHERE_MISMATCH"),
        ("id string, on_day date", ("x", date(2026, 1, 2)), SchemaError,
         "'id' was bigint and is string"),
        ("id bigint, on_day date, extra int", (1, date(2026, 1, 2), 1), SchemaError,
         "'extra' is new"),
    ],
)  # fmt: skip
def test_what_does_not_belong_is_refused_and_nothing_is_written(
    tables: Tables,
    table: MakeTable,
    schema: str,
    row: tuple[object, ...],
    kind: type[Exception],
    message: str,
) -> None:
    low, high = date(2026, 1, 2), date(2026, 1, 3)
    before = table(DAYS, (1, low))
    tables.replace_interval("d", before, column="on_day", start=low, end=high, note=NOTE)

    with pytest.raises(kind, match=message):
        tables.replace_interval(
            "d", table(schema, row), column="on_day", start=low, end=high, note=NOTE
        )

    assert tables.version("d") == 0
    assert [tuple(found) for found in tables.read("d").collect()] == [(1, low)]


def test_nothing_is_not_written_over_something(tables: Tables, table: MakeTable) -> None:
    tables.replace("t", table("id bigint", (1,)), note=NOTE)

    with pytest.raises(EmptyTableError, match="an empty write would wipe what is there"):
        tables.replace("t", table("id bigint"), note=NOTE)

    assert tables.read("t").count() == 1


def test_a_missing_table_names_the_nearest(tables: Tables, table: MakeTable) -> None:
    tables.replace("card_payments", table("id bigint", (1,)), note=NOTE)

    with pytest.raises(TableNotFoundError, match="no table 'card_payment': did you mean"):
        tables.read("card_payment")


@pytest.mark.parametrize("name", ["../x", "a`b", "x;drop", "A", "", "a.b.c.d"])
def test_a_table_has_a_plain_name(tables: Tables, name: str) -> None:
    with pytest.raises(DefinitionError):
        tables.read(name)


def test_a_query_reads_the_inputs_that_it_names(tables: Tables, table: MakeTable) -> None:
    tables.replace("a", table("id bigint, x int", (1, 10), (2, 20)), note=NOTE)
    tables.replace("b", table("id bigint", (2,)), note=NOTE)
    query = Query(sql="SELECT a.x FROM {a} AS a JOIN {other} AS b USING (id)",
                  inputs={"other": Table(name="b")})  # fmt: skip

    assert [row.x for row in open_origin(tables.spark, tables, query).collect()] == [20]


def test_a_query_that_has_no_meaning_names_its_inputs(tables: Tables, table: MakeTable) -> None:
    tables.replace("a", table("id bigint", (1,)), note=NOTE)

    with pytest.raises(DefinitionError, match=r"query over a: .*nothing"):
        open_origin(tables.spark, tables, Query(sql="SELECT nothing FROM {a}"))


def csv(text: str) -> Callable[[Path], Files]:
    def write(folder: Path) -> Files:
        (folder / "f.csv").write_text(text)
        schema = "id bigint, paid_at timestamp, amount double"
        return Files(path=str(folder / "f.csv"), format="csv", schema=schema)

    return write


def test_typed_text_is_loaded(tables: Tables, tmp_path: Path) -> None:
    files = csv("id,paid_at,amount\n1,2026-01-01T10:00:00Z,2.5\n")(tmp_path)

    written = ingest(tables, files, "t", note=NOTE)

    assert written.rows == 1
    assert dict(tables.read("t").dtypes) == {
        "id": "bigint", "paid_at": "timestamp", "amount": "double",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,paid_at,amount\n1,2026-01-01T10:00:00Z,2.5\n2,2026-01-01T11:00:00Z,oops\n",
         "a row of the files does not fit the declared types"),
        ("id,paid_on,amount\n1,2026-01-01T10:00:00Z,2.5\n", "the header reads id, paid_on, amount"),
    ],
)  # fmt: skip
def test_text_that_breaks_its_types_is_refused_whole(
    tables: Tables, tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises((DataError, SchemaError), match=message), spark_faults():
        ingest(tables, csv(text)(tmp_path), "t", note=NOTE)

    assert not tables.exists("t")


def test_a_naive_time_is_refused_unless_it_is_said_to_be_utc(
    tables: Tables, tmp_path: Path
) -> None:
    path = tmp_path / "f.parquet"
    naive = pa.array([1_767_261_600_000_000], pa.timestamp("us"))
    pq.write_table(pa.table({"TX_AT": naive, "X": [1]}), path)
    files = Files(path=str(path))

    with pytest.raises(SchemaError, match="'TX_AT' is timestamp_ntz, which names no instant"):
        ingest(tables, files, "t", note=NOTE)
    assert not tables.exists("t")

    ingest(tables, files, "t", note=NOTE, naive_utc=["TX_AT"], rename={"TX_AT": "paid_at"})
    hour = tables.read("t").select(F.date_format("paid_at", "yyyy-MM-dd HH:mm")).first()
    assert hour is not None
    assert hour[0] == "2026-01-01 10:00"


def test_files_are_held_to_their_declared_columns(tables: Tables, tmp_path: Path) -> None:
    path = tmp_path / "f.parquet"
    pq.write_table(pa.table({"a": [1], "b": ["x"]}), path)

    with pytest.raises(SchemaError, match="'c' is missing, 'b' is not declared, 'a' is bigint"):
        ingest(tables, Files(path=str(path), schema="a string, c int"), "t", note=NOTE)
    with pytest.raises(ColumnNotFoundError, match="no column 'B': did you mean 'b'"):
        ingest(tables, Files(path=str(path)), "t", note=NOTE, rename={"B": "c"})
    with pytest.raises(TableNotFoundError, match="no file or folder"):
        ingest(tables, Files(path=str(tmp_path / "none.parquet")), "t", note=NOTE)
