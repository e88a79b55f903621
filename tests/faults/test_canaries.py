"""Personal values in rows and secrets in the environment: no message, log or record has them."""

import sys
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from stockade import cli
from stockade.engine.faults import spark_faults
from stockade.errors import DataError
from stockade.store.tables import Tables
from stockade.target import Target
from tests.faults.canaries import SECRETS, leaks, plant

WHO, NOTE, AMOUNT = "acct-canary-4711", "eve.canary@example.com", "9" * 37 + "7"
CANARIES = (*SECRETS.values(), WHO, NOTE, AMOUNT)
DAYS = "--start 2026-03-01 --end 2026-03-04"
# Command line -> the exit code, and what is said.
LINES = {
    f"materialize filtered {DAYS}": (1, "cast(note as int)"),
    f"materialize asked {DAYS}": (1, "has no value for some row (cast_invalid_input)"),
    f"materialize summed {DAYS}": (1, "feature 'total_2d': a sum has more than 38 digits"),
    f"materialize revised {DAYS}": (1, "source 'revised_notes'"),
    f"materialize promised {DAYS}": (1, "source 'promised_notes'"),
    f"build learnt {DAYS} --as-of 2026-03-10": (1, "cast(note as bigint)"),
    "ingest {folder}/notes.csv loaded --format csv --schema note_id=int": (1, "declared types"),
    f"materialize sound {DAYS}": (0, "sound: "),
    "verify --tables": (0, "sound: 3 days"),
    "contracts": (1, "FAIL  promised_notes"),
    f"erase account --key account_id={WHO}": (0, "deleted from table 'sound'"),
    "plan": (2, "stockade apply"),
}  # fmt: skip


@pytest.fixture
def loaded(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tables:
    """Tables of one account, with a secret in the environment and in the session."""
    plant(monkeypatch)
    tables = Tables(spark, Target.local(tmp_path / "target"))
    event = f"'{WHO}' AS account_id, TIMESTAMP'2026-03-01 10:00:00' AS written_at, 1 AS revision"
    note = f"'{NOTE}' AS note, CAST('{AMOUNT}' AS decimal(38, 0)) AS amount"
    for name, sql in {
        "notes": f"SELECT {event}, {note} UNION ALL SELECT {event}, {note}",
        "decisions": f"SELECT 1 AS note_id, '{WHO}' AS account_id, '{NOTE}' AS note, "
        "TIMESTAMP'2026-03-02' AS decided_at",
        "returns": "SELECT 1 AS note_id, TIMESTAMP'2026-03-03' AS returned_at",
    }.items():
        tables.replace(name, spark.sql(sql), note={"run_id": "r"})
    (tmp_path / "notes.csv").write_text(f"note_id\n{NOTE}\n")
    return tables


@pytest.mark.slow
def test_no_command_that_fails_or_succeeds_says_or_records_a_canary(
    loaded: Tables,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    place = ["-d", "tests.faults.leaky", "--target", str(loaded.target.folder)]
    wrong: list[tuple[object, ...]] = []
    for line, (code, words) in LINES.items():
        given = line.format(folder=tmp_path).replace("note_id=int", "note_id int").split(" ")
        if "ingest" in line:
            given = [*given[:-2], " ".join(given[-2:])]
        monkeypatch.setattr(sys, "argv", ["stockade", *place, *given])
        try:
            cli.main()
            ended = 0
        except SystemExit as end:
            ended = end.code
        out, err = capfd.readouterr()
        found = [one for one in CANARIES if one in out + err + caplog.text]
        if (ended, words in out + err, found) != (code, True, []):
            wrong.append((line, ended, found, out, err))

    assert not wrong, "\n".join(map(str, wrong))
    assert WHO in {row["account_id"] for row in loaded.read("notes").collect()}
    assert leaks(loaded.target.folder or tmp_path, CANARIES) == []


def test_a_value_of_many_lines_is_not_quoted_either() -> None:
    told = (
        "[TASK_WRITE_FAILED] Task failed. SQLSTATE: 58030\nCaused by: x: [CAST_INVALID_INPUT] The "
        f"value '{NOTE}\n[X] {WHO}' cannot be cast. SQLSTATE: 22018\n== SQL (line 1) ==\nint(note)"
    )
    with pytest.raises(DataError, match=r"in 'int\(note\)' has no value .*cast_invalid") as raised:
        _raise(told)
    assert NOTE not in str(raised.value)


def _raise(text: str) -> None:
    with spark_faults():
        raise RuntimeError(text)
