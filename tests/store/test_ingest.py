"""Files become a table whole, with their declared types, or not at all."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stockade.definitions.source import Files
from stockade.errors import DataError, DefinitionError, EmptyTableError, SchemaError
from stockade.store.ingest import ingest
from stockade.store.tables import Tables
from stockade.testing import MakeTable

# Each test commits to Delta twice or more.
pytestmark = pytest.mark.slow

NOTE = {"run_id": "r1"}
NOON = datetime(2026, 3, 1, 12)  # noqa: DTZ001
NAIVE = pa.array([NOON], pa.timestamp("us"))
AWARE = pa.array([NOON.replace(tzinfo=UTC)], pa.timestamp("us", "UTC"))


@pytest.fixture
def before(tables: Tables, table: MakeTable) -> Tables:
    """Tables among which `payments` holds a row already."""
    tables.replace("payments", table("id bigint", (0,)), note={"run_id": "r0"})
    return tables


def untouched(tables: Tables) -> bool:
    rows = [tuple(row) for row in tables.read("payments").collect()]
    return (tables.version("payments"), rows) == (0, [(0,)])


def parquet(folder: Path, schema: str | None = None, **columns: object) -> Files:
    path = folder / "f.parquet"
    pq.write_table(pa.table(columns), path)  # pyright: ignore[reportCallIssue]
    return Files(path=str(path), schema=schema)


def csv(folder: Path, text: str, schema: str = "id bigint, paid_at timestamp") -> Files:
    path = folder / "f.csv"
    path.write_text(text)
    return Files(path=str(path), format="csv", schema=schema)


def times(tables: Tables) -> list[str]:
    rows = tables.read("payments").selectExpr("CAST(paid_at AS string) AS t").collect()
    return [row.t for row in rows]


def test_a_table_is_cut_by_the_day_of_a_time(before: Tables, tmp_path: Path) -> None:
    late = datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC)
    files = parquet(tmp_path, TX_AT=pa.array([late], pa.timestamp("us", "UTC")), id=[1])

    written = ingest(
        before, files, "payments", note=NOTE, rename={"TX_AT": "paid_at"}, partition_on="paid_at"
    )

    rows = before.read("payments")
    assert rows.columns == ["paid_at", "id", "paid_on"]
    assert [row.paid_on for row in rows.collect()] == [date(2026, 3, 1)]
    assert (written.version, written.rows) == (1, 1)
    assert list(before.target.path("payments").glob("paid_on=2026-03-01"))


@pytest.mark.parametrize(
    ("columns", "kind", "message"),
    [
        ({"paid_at": ["2026-03-01"]}, SchemaError,
         r"'paid_at' of files '.*' is string: read it in"),
        ({"paid_at": AWARE, "paid_on": [1]}, DefinitionError,
         r"partition_on 'paid_at' would add 'paid_on', which is there already: rename it$"),
        ({"other": [1]}, SchemaError, r"files '.*' has no column 'paid_at': known: 'other'$"),
    ],
)  # fmt: skip
def test_a_day_that_cannot_be_told_is_refused(
    before: Tables,
    tmp_path: Path,
    columns: dict[str, object],
    kind: type[Exception],
    message: str,
) -> None:
    with pytest.raises(kind, match=message):
        ingest(before, parquet(tmp_path, **columns), "payments", note=NOTE, partition_on="paid_at")

    assert untouched(before)


def test_all_that_is_wrong_is_told_together(before: Tables, tmp_path: Path) -> None:
    files = parquet(
        tmp_path, "id int, amount decimal(10,2), paid_at timestamp",
        id=[1], paid_at=NAIVE, known_at=NAIVE, **{"bad name": [1]},
    )  # fmt: skip

    with pytest.raises(ExceptionGroup, match=r"^files '.*' cannot be loaded") as caught:
        ingest(before, files, "payments", note=NOTE, naive_utc=["paid"], rename={"x": "y"})

    said = [str(fault).replace(files.path, "F") for fault in caught.value.exceptions]
    remedy = "which names no instant: if it means UTC, ingest with naive_utc"
    assert said == [
        "files 'F': 'amount' is missing, 'known_at' is not declared, "
        "'bad name' is not declared, 'id' is bigint, declared int",
        f"files 'F': column 'paid_at' is timestamp_ntz, {remedy} ('paid_at')",
        f"files 'F': column 'known_at' is timestamp_ntz, {remedy} ('known_at')",
        "files 'F' has no column 'paid': did you mean 'paid_at'?",
        "files 'F' has no column 'x': known: 'bad name', 'id', 'known_at', 'paid_at'",
        "files 'F': column name 'bad name' must be letters, digits and '_'; "
        "rename it in the source's query",
    ]
    assert untouched(before)


def declared_parquet(folder: Path) -> Files:
    return parquet(folder, "id bigint, paid_at timestamp", id=[1], paid_at=NAIVE)


def declared_csv(folder: Path) -> Files:
    return csv(folder, "id,paid_at\n1,2026-03-01 12:00:00\n", "id bigint, paid_at timestamp_ntz")


@pytest.mark.parametrize("write", [declared_parquet, declared_csv])
def test_a_naive_time_is_declared_and_then_said_to_be_utc(
    before: Tables, tmp_path: Path, write: Callable[[Path], Files]
) -> None:
    files = write(tmp_path)

    with pytest.raises(SchemaError, match="'paid_at' is timestamp_ntz, which names no instant"):
        ingest(before, files, "payments", note=NOTE)
    assert untouched(before)

    ingest(before, files, "payments", note=NOTE, naive_utc=("paid_at",))
    assert times(before) == ["2026-03-01 12:00:00"]


def test_a_zone_in_text_is_respected(before: Tables, tmp_path: Path) -> None:
    files = csv(tmp_path, "id,paid_at\n1,2026-03-01T12:00:00+02:00\n")

    ingest(before, files, "payments", note=NOTE, naive_utc=("paid_at",))

    assert times(before) == ["2026-03-01 10:00:00"]


def test_what_is_no_time_does_not_mean_utc(before: Tables, tmp_path: Path) -> None:
    files = parquet(tmp_path, paid_at=["2026-03-01 12:00:00"])

    with pytest.raises(
        SchemaError, match=r"naive_utc names 'paid_at', which is string and no time$"
    ):
        ingest(before, files, "payments", note=NOTE, naive_utc=["paid_at"])

    assert untouched(before)


@pytest.mark.parametrize("last", ["2000,secret", "secret,2026-03-01T12:00:00Z", "2000", "1,2,3"])
def test_text_that_breaks_in_its_last_line_changes_nothing_and_is_not_quoted(
    before: Tables, tmp_path: Path, last: str
) -> None:
    good = "".join(f"{number},2026-03-01T12:00:00Z\n" for number in range(2000))
    files = csv(tmp_path, f"id,paid_at\n{good}{last}\n")

    said = f"files '{files.path}': a row of the files does not fit the declared types: correct"
    with pytest.raises(DataError, match="^" + re.escape(said)) as caught:
        ingest(before, files, "payments", note=NOTE)

    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__
    assert untouched(before)


def test_json_that_breaks_its_types_changes_nothing(before: Tables, tmp_path: Path) -> None:
    (tmp_path / "f.json").write_text('{"id": 1}\n{"id": "secret"}\n')
    files = Files(path=str(tmp_path / "f.json"), format="json", schema="id bigint")

    with pytest.raises(DataError, match="a row of the files does not fit the declared types"):
        ingest(before, files, "payments", note=NOTE)

    assert untouched(before)


def test_each_file_of_a_folder_has_the_declared_header(before: Tables, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    csv(folder, "id,paid_at\n1,2026-03-01T12:00:00Z\n")
    (folder / "g.csv").write_text("paid_at,id\n2026-03-01T12:00:00Z,1\n")
    files = Files(path=str(folder), format="csv", schema="id bigint, paid_at timestamp")

    with pytest.raises(SchemaError, match=r"the header reads|has another header than declared"):
        ingest(before, files, "payments", note=NOTE)

    assert untouched(before)


def test_two_columns_of_one_name_are_refused(before: Tables, tmp_path: Path) -> None:
    files = parquet(tmp_path, a=[1], b=[2])

    with pytest.raises(DefinitionError, match=r"two columns would be called the same: a, A$"):
        ingest(before, files, "payments", note=NOTE, rename={"b": "A"})

    assert untouched(before)


def test_files_without_rows_are_refused(before: Tables, tmp_path: Path) -> None:
    with pytest.raises(EmptyTableError, match=r"^table 'payments': there are no rows to write"):
        ingest(before, csv(tmp_path, "id,paid_at\n"), "payments", note=NOTE)

    assert untouched(before)
