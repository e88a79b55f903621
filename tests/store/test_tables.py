"""Every write is one commit that is ours, whole, and refused before it does harm."""

import re
import threading
import time
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import TypedDict
from uuid import uuid4

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from stockade.errors import (
    DataError,
    DefinitionError,
    EmptyTableError,
    SchemaError,
    TableNotFoundError,
    WriteConflictError,
    WriteError,
)
from stockade.store.tables import Moment, Tables, Written
from stockade.target import Target
from stockade.testing import MakeTable

# Each test commits to Delta several times.
pytestmark = pytest.mark.slow

DAYS = "id bigint, on_day date"
FIRST, SECOND, THIRD, FOURTH = (date(2026, 1, day) for day in range(1, 5))


class Interval(TypedDict):
    """What all intervals of these tests share."""

    column: str
    note: dict[str, object]


ON_DAY: Interval = {"column": "on_day", "note": {"run_id": "r1"}}


@pytest.fixture
def catalog(spark: SparkSession) -> Iterator[Target]:
    """A schema of the session's own catalog, in the place of one on Databricks."""
    target = Target.catalog(f"spark_catalog.s{uuid4().hex}")
    spark.sql(f"CREATE SCHEMA {target.schema}")
    yield target
    spark.sql(f"DROP SCHEMA {target.schema} CASCADE")


def ids(tables: Tables, name: str = "t") -> list[int]:
    return sorted(row.id for row in tables.read(name).collect())


def test_a_write_says_what_it_wrote_where(tables: Tables, table: MakeTable, target: Target) -> None:
    note = {"run_id": "r1", "interval": [FIRST], "fingerprint": "é'\"`"}

    written = tables.replace("t", table(DAYS, (1, FIRST), (2, FIRST)), note=note)

    place = str(target.warehouse / "t")
    assert written == Written(name="t", version=0, rows=2, path_or_name=place)
    assert tables.last_note("t") == {**note, "interval": ["2026-01-01"]}
    assert (tables.names(), tables.version("t")) == (("t",), 0)


def test_a_note_without_a_run_is_refused(tables: Tables, table: MakeTable) -> None:
    with pytest.raises(
        DefinitionError, match=r"^table 't': the note of a write must have a run_id$"
    ):
        tables.replace("t", table(DAYS, (1, FIRST)), note={})

    assert not tables.exists("t")


def test_a_whole_table_may_change_its_columns(tables: Tables, table: MakeTable) -> None:
    tables.replace("t", table(DAYS, (1, FIRST)), note={"run_id": "r1"})

    written = tables.replace("t", table("name string", ("x",)), note={"run_id": "r2"})

    assert (written.version, tables.read("t").columns) == (1, ["name"])


@pytest.mark.parametrize("kind", ["local", "catalog"])
def test_a_new_table_is_serializable_and_cut_by_its_day(
    request: pytest.FixtureRequest, spark: SparkSession, table: MakeTable, kind: str
) -> None:
    target: Target = request.getfixturevalue("target" if kind == "local" else "catalog")
    tables = Tables(spark, target)

    tables.replace_interval("t", table(DAYS, (1, FIRST)), start=FIRST, end=SECOND, **ON_DAY)

    place = f"delta.`{target.place('t')}`" if kind == "local" else target.place("t")
    detail = spark.sql(f"DESCRIBE DETAIL {place}").collect()[0]
    assert detail["partitionColumns"] == ["on_day"]
    assert detail["properties"]["delta.isolationLevel"] == "Serializable"


def test_a_catalogs_tables_are_written_and_read_by_name(
    spark: SparkSession, catalog: Target, table: MakeTable
) -> None:
    tables = Tables(spark, catalog)
    rows = table(DAYS, (1, FIRST), (2, SECOND))
    tables.replace_interval("t", rows, start=FIRST, end=THIRD, **ON_DAY)
    table(DAYS).createOrReplaceTempView(f"passing_{uuid4().hex}")

    written = tables.replace_interval(
        "t", table(DAYS, (7, SECOND)), start=SECOND, end=THIRD, **ON_DAY
    )

    assert written == Written(name="t", version=1, rows=1, path_or_name=f"{catalog.schema}.t")
    assert ids(tables) == ids(tables, f"{catalog.schema}.t") == [1, 7]
    assert tables.names() == ("t",)
    with pytest.raises(DataError, match=r"^table 't': a row's 'on_day' is not within"):
        tables.replace_interval("t", table(DAYS, (9, FOURTH)), start=SECOND, end=THIRD, **ON_DAY)
    assert tables.version("t") == 1


@pytest.mark.parametrize("stray", [date(2025, 12, 31), THIRD, None])
@pytest.mark.parametrize("there", [False, True])
def test_a_row_outside_its_interval_is_refused(
    tables: Tables, table: MakeTable, stray: date | None, there: bool
) -> None:
    if there:
        tables.replace_interval("t", table(DAYS, (1, FIRST)), start=FIRST, end=THIRD, **ON_DAY)

    said = "table 't': a row's 'on_day' is not within [2026-01-01, 2026-01-03), the days that are"
    with pytest.raises(DataError, match="^" + re.escape(said)):
        tables.replace_interval(
            "t", table(DAYS, (2, SECOND), (3, stray)), start=FIRST, end=THIRD, **ON_DAY
        )

    assert tables.exists("t") == there
    assert not there or (tables.version("t"), ids(tables)) == (0, [1])


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (SECOND, SECOND, r"^table 't': start 2026-01-02 must be before end 2026-01-02$"),
        (SECOND, FIRST, r"^table 't': start 2026-01-02 must be before end 2026-01-01$"),
        (datetime(2026, 1, 1), SECOND,  # noqa: DTZ001
         r"^table 't': start of an interval must be a date, got datetime$"),
        (FIRST, "2026-01-02' OR 'a'='a",
         r"^table 't': end of an interval must be a date, got str$"),
    ],
)  # fmt: skip
def test_what_is_no_interval_of_days_is_refused(
    tables: Tables, table: MakeTable, start: date, end: date, message: str
) -> None:
    tables.replace_interval("t", table(DAYS, (1, FIRST)), start=FIRST, end=THIRD, **ON_DAY)

    with pytest.raises(DefinitionError, match=message):
        tables.replace_interval("t", table(DAYS, (2, FIRST)), start=start, end=end, **ON_DAY)

    assert (tables.version("t"), ids(tables)) == (0, [1])


@pytest.mark.parametrize(
    ("schema", "row", "message"),
    [
        ("id string, on_day date, extra int", ("x", FIRST, 1),
         "table 't' has other columns than are written: 'amount' is missing, 'extra' is new, "
         "'id' was bigint and is string"),
        ("id bigint, amount decimal(10,3), on_day date", (1, None, FIRST),
         "table 't' has other columns than are written: "
         "'amount' was decimal(10,2) and is decimal(10,3)"),
        ("id bigint, amount decimal(10,2)", (1, None),
         "table 't': the rows have no column 'on_day' to say which day they belong to: "
         "known: 'amount', 'id'"),
        ("id bigint, amount decimal(10,2), on_day timestamp", (1, None, "2026-01-01 00:00:00"),
         "table 't': 'on_day' must be a date to cut days by, and is timestamp"),
    ],
)  # fmt: skip
def test_rows_of_another_shape_are_refused_with_all_that_differs(
    tables: Tables, table: MakeTable, schema: str, row: tuple[object, ...], message: str
) -> None:
    before = table("id bigint, amount decimal(10,2), on_day date", (1, None, FIRST))
    tables.replace_interval("t", before, start=FIRST, end=SECOND, **ON_DAY)

    with pytest.raises(SchemaError, match=f"^{re.escape(message)}$"):
        tables.replace_interval("t", table(schema, row), start=FIRST, end=SECOND, **ON_DAY)

    assert (tables.version("t"), ids(tables)) == (0, [1])


def test_days_of_a_table_that_is_not_cut_by_days_are_refused(
    tables: Tables, table: MakeTable
) -> None:
    tables.replace("t", table(DAYS, (1, FIRST)), note={"run_id": "r1"})

    with pytest.raises(SchemaError, match=r"^table 't' is partitioned by nothing, not by 'on_day'"):
        tables.replace_interval("t", table(DAYS, (2, FIRST)), start=FIRST, end=SECOND, **ON_DAY)

    assert (tables.version("t"), ids(tables)) == (0, [1])


def test_an_empty_interval_is_written_only_when_it_is_meant(
    tables: Tables, table: MakeTable
) -> None:
    rows = table(DAYS, (1, FIRST), (2, SECOND))
    tables.replace_interval("t", rows, start=FIRST, end=THIRD, **ON_DAY)

    with pytest.raises(EmptyTableError, match=r"^table 't': there are no rows to write, and an"):
        tables.replace_interval("t", table(DAYS), start=FIRST, end=SECOND, **ON_DAY)
    assert (tables.version("t"), ids(tables)) == (0, [1, 2])

    written = tables.replace_interval(
        "t", table(DAYS), start=FIRST, end=SECOND, allow_empty=True, **ON_DAY
    )
    assert (written.version, written.rows, ids(tables)) == (1, 0, [2])


def test_a_new_table_may_begin_empty(tables: Tables, table: MakeTable) -> None:
    tables.replace_interval("t", table(DAYS), start=FIRST, end=SECOND, allow_empty=True, **ON_DAY)
    tables.replace_interval("t", table(DAYS, (1, FIRST)), start=FIRST, end=SECOND, **ON_DAY)

    assert (tables.version("t"), ids(tables)) == (1, [1])


def test_nothing_in_the_place_of_nothing_is_a_commit_with_its_note(
    tables: Tables, table: MakeTable
) -> None:
    for run in ("r1", "r2", "r3"):
        tables.replace("whole", table(DAYS), note={"run_id": run}, allow_empty=True)
        written = tables.replace_interval(
            "days", table(DAYS), column="on_day", start=FIRST, end=SECOND, note={"run_id": run},
            allow_empty=True,
        )  # fmt: skip

    assert (written.version, written.rows) == (2, 0)
    for name in ("whole", "days"):
        assert [commit.note["run_id"] for commit in tables.commits(name)] == ["r3", "r2", "r1"]


@pytest.mark.parametrize("ask", ["read", "version", "last_note"])
def test_what_is_asked_of_a_missing_table_names_the_nearest(
    tables: Tables, table: MakeTable, ask: str
) -> None:
    with pytest.raises(TableNotFoundError, match=r"^no table 'logins': known: none$"):
        getattr(tables, ask)("logins")
    tables.replace("login", table(DAYS, (1, FIRST)), note={"run_id": "r1"})

    with pytest.raises(TableNotFoundError, match=r"^no table 'logins': did you mean 'login'\?$"):
        getattr(tables, ask)("logins")


def test_a_strangers_commit_has_no_note(tables: Tables, table: MakeTable, target: Target) -> None:
    tables.replace("t", table(DAYS, (1, FIRST)), note={"run_id": "r1"})

    table(DAYS, (2, FIRST)).write.format("delta").mode("append").save(target.place("t"))

    assert (tables.version("t"), tables.last_note("t")) == (1, None)


def test_a_folder_may_have_any_name(spark: SparkSession, table: MakeTable, tmp_path: Path) -> None:
    tables = Tables(spark, Target.local(tmp_path / "it's `odd` %20 #1"))

    for day in (1, 2):
        tables.replace_interval("t", table(DAYS, (day, FIRST)), start=FIRST, end=SECOND, **ON_DAY)

    assert (tables.version("t"), ids(tables), tables.names()) == (1, [2], ("t",))


class CrashError(Exception):
    """What a killed run looks like from inside."""


@pytest.mark.parametrize(("moment", "found"), [("before commit", "r1"), ("after commit", "r2")])
def test_a_crash_leaves_the_old_rows_or_the_new_ones_with_their_note(
    spark: SparkSession, target: Target, tables: Tables, table: MakeTable, moment: str, found: str
) -> None:
    tables.replace("t", table(DAYS, (1, FIRST)), note={"run_id": "r1"})
    seen: list[tuple[str, str]] = []

    def crash(now: Moment, name: str) -> None:
        seen.append((now, name))
        if now == moment:
            raise CrashError

    with pytest.raises(CrashError):
        Tables(spark, target, step=crash).replace(
            "t", table(DAYS, (2, FIRST)), note={"run_id": "r2"}
        )

    assert seen[-1] == (moment, "t")
    assert tables.last_note("t") == {"run_id": found}
    assert ids(tables) == [int(found[1])]


def test_a_commit_finds_itself_behind_those_of_others(
    spark: SparkSession, target: Target, tables: Tables, table: MakeTable
) -> None:
    days = table(DAYS, (1, FIRST), (2, SECOND))
    tables.replace_interval("t", days, start=FIRST, end=THIRD, **ON_DAY)

    def other(now: Moment, _name: str) -> None:
        if now == "after commit":
            tables.replace_interval(
                "t", table(DAYS, (7, SECOND)), start=SECOND, end=THIRD, **ON_DAY
            )

    written = Tables(spark, target, step=other).replace_interval(
        "t", table(DAYS, (5, FIRST), (6, FIRST)), start=FIRST, end=SECOND, **ON_DAY
    )

    assert (written.version, written.rows, tables.version("t")) == (1, 2, 2)
    assert ids(tables) == [5, 6, 7]


def test_a_write_that_is_skipped_is_noticed(tables: Tables, table: MakeTable) -> None:
    spark = tables.spark
    tables.replace("t", table(DAYS, (1, FIRST)), note={"run_id": "r1"})
    settings = {"spark.databricks.delta.write.txnAppId": "job",
                "spark.databricks.delta.write.txnVersion": "1"}  # fmt: skip
    for name, value in settings.items():
        spark.conf.set(name, value)
    try:
        tables.replace("t", table(DAYS, (2, FIRST)), note={"run_id": "r2"})
        with pytest.raises(WriteError, match=r"^table 't': run r3 is not among its newest commits"):
            tables.replace("t", table(DAYS, (3, FIRST)), note={"run_id": "r3"})
    finally:
        for name in settings:
            spark.conf.unset(name)

    assert (tables.version("t"), ids(tables)) == (1, [2])


def gate(rows: DataFrame, folder: Path) -> DataFrame:
    """The rows; reading one says so with a file, and waits for another."""
    inside, leave = str(folder / "inside"), str(folder / "leave")

    def wait(value: int) -> int:
        import os
        import time

        with open(inside, "w"):
            while not os.path.exists(leave):
                time.sleep(0.05)
        return value

    return rows.withColumn("id", F.udf(wait, "bigint", useArrow=False).asNondeterministic()("id"))


def test_of_two_runs_that_replace_the_same_days_one_loses_whole(
    tables: Tables, table: MakeTable, tmp_path: Path
) -> None:
    tables.replace_interval("t", table(DAYS, (1, FIRST)), start=FIRST, end=SECOND, **ON_DAY)
    slow = gate(table(DAYS, (2, FIRST)), tmp_path)
    faults: list[Exception] = []

    def lose() -> None:
        try:
            tables.replace_interval(
                "t", slow, start=FIRST, end=SECOND, column="on_day", allow_empty=True,
                note={"run_id": "slow"},
            )  # fmt: skip
        except Exception as fault:
            faults.append(fault)

    thread = threading.Thread(target=lose)
    thread.start()
    try:
        end = time.monotonic() + 60
        while not (tmp_path / "inside").exists() and time.monotonic() < end:
            time.sleep(0.05)
        fast = table(DAYS, (3, FIRST))
        tables.replace_interval(
            "t", fast, start=FIRST, end=SECOND, column="on_day", note={"run_id": "fast"}
        )
    finally:
        (tmp_path / "leave").touch()
        thread.join(60)

    said = (
        r"^table 't': another run wrote the same rows at the same time \(DELTA_CONCURRENT_\w+\), "
    )
    assert [type(fault) for fault in faults] == [WriteConflictError]
    assert re.match(said + "and nothing of run slow was written: run it again$", str(faults[0]))
    assert (tables.version("t"), ids(tables)) == (1, [3])
    assert tables.last_note("t") == {"run_id": "fast"}
