"""Bad inputs to commands: exit code 1, one clear error without data, tables as they were."""

import sys
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from stockade import cli
from stockade.store.tables import Tables
from stockade.target import Target

pytestmark = pytest.mark.slow

WHO = "a-secret-account"
MARCH = "--start 2026-03-01 --end 2026-03-05"
BUILT = f"{MARCH} --as-of 2026-03-10"
AT = "--at 2026-03-02"
# Command line -> what the error says.
BAD = {
    f"materialize payments_sen {MARCH}": "did you mean 'payments_seen'",
    f"materialize profile {MARCH}": "there is nothing to materialise",
    f"materialize learnt {MARCH}": "no view is called 'learnt'",
    "materialize payments_seen --start 2026-03-05 --end 2026-03-01": "start 2026-03-05 must be",
    "materialize payments_seen --start 2026-03-05 --end 2026-03-05": "must be before end",
    "materialize payments_seen --start 2026-13-01 --end 2026-03-01": "'2026-13-01' is no time",
    "materialize payments_seen --start 2026-02-30 --end 2026-03-01": "'2026-02-30' is no time",
    "materialize payments_seen --start 2026-03-01T12:00 --end 2026-03-05": "must be a whole day",
    "materialize payments_seen --start yesterday --end 2026-03-05": "'yesterday' is no time",
    "materialize payments_seen --start 01.03.2026 --end 2026-03-05": "'01.03.2026' is no time",
    f"materialize nothing_seen {MARCH}": "has no rows: load its data, or allow it to be empty",
    f"materialize zoneless_seen {MARCH}": "'paid_at' is timestamp_ntz, which names",
    f"materialize keyless_seen {MARCH}": "has no column 'account_id'",
    f"build learn {BUILT}": "no training set is called 'learn': did you mean 'learnt'",
    f"build payments_seen {BUILT}": "no training set is called 'payments_seen'",
    "build learnt --start 2026-03-05 --end 2026-03-01 --as-of 2026-03-10": "must be before end",
    "build learnt --start 2026-03-01 --end 2026-03-05 --as-of 2026-03-04": "before the last",
    "build learnt --start 2027-03-01 --end 2027-03-05 --as-of 2027-03-10": "has no decisions from",
    "build learnt --start 2026-03-01 --end 2026-03-05 --as-of tomorrow": "'tomorrow' is no time",
    "build learnt --start x --end 2026-03-05 --as-of 2026-03-10": "'x' is no time",
    "audit learnt": "has no manifest: build it with",
    "audit nothing_at_all": "no training set is called 'nothing_at_all'",
    "rebuild learnt": "has no manifest: build it with",
    "rebuild nothing_at_all": "has no manifest",
    "restate learnt": "has no manifest",
    "restate nothing_at_all": "no training set is called 'nothing_at_all'",
    "verify nothing_at_all": "no training set is called 'nothing_at_all'",
    "verify": "name a training set, or say --tables",
    "verify learnt --tables": "name a training set, or say --tables",
    f"explain payments_2d --key account_id={WHO} {AT}": "must read VIEW.FEATURE",
    f"explain payments_seen.payments_3d --key account_id={WHO} {AT}": "payments_2d",
    f"explain payments_sen.payments_2d --key account_id={WHO} {AT}": "no view is called",
    f"explain payments_seen.payments_2d --key {WHO} {AT}": "must read FROM=TO",
    f"explain payments_seen.payments_2d --key account={WHO} {AT}": "account_id",
    f"explain payments_seen.payments_2d --key account_id={WHO} --at now": "'now' is no time",
    f"erase acount --key account_id={WHO}": "no entity is called 'acount': did you mean 'account'",
    f"erase account --key account={WHO}": "has the keys account_id: give a value for each",
    f"erase account --key {WHO}": "must read FROM=TO",
    "score learnt --since 2026-03-01 --until 2026-03-05": "no model is called 'learnt'",
    "train learnt": "no model is called 'learnt'",
    "contracts paymnts": "no source is called 'paymnts': did you mean 'payments'",
    "ingest /nowhere/at/all.parquet loaded": "/nowhere/at/all.parquet",
}  # fmt: skip


@pytest.fixture(scope="module")
def loaded(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """Tables, one without rows."""
    tables = Tables(spark, Target.local(tmp_path_factory.mktemp("bad")))
    event = f"'{WHO}' AS account_id, TIMESTAMP'2026-03-01 10:00:00' AS paid_at"
    for name, sql in {
        "payments": f"SELECT {event}",
        "profiles": f"SELECT '{WHO}' AS account_id, TIMESTAMP'2026-03-01' AS since, 'x' AS country",
        "nothing": f"SELECT {event} WHERE false",
        "zoneless": f"SELECT '{WHO}' AS account_id, TIMESTAMP_NTZ'2026-03-01 10:00:00' AS paid_at",
        "keyless": "SELECT 'a' AS account, TIMESTAMP'2026-03-01 10:00:00' AS paid_at",
        "decisions": f"SELECT 1 AS payment_id, '{WHO}' AS account_id, TIMESTAMP'2026-03-02' "
        "AS decided_at",
        "returns": "SELECT 1 AS payment_id, TIMESTAMP'2026-03-03' AS returned_at",
    }.items():  # fmt: skip
        tables.replace(name, spark.sql(sql), note={"run_id": "r"}, allow_empty=True)
    return tables


def test_there_are_forty_of_them() -> None:
    assert len(BAD) >= 40


@pytest.mark.parametrize("line", BAD)
def test_a_bad_input_is_one_error_and_changes_no_table(
    loaded: Tables, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = _files(loaded.target.warehouse)
    place = ["-d", "tests.faults.definitions", "--target", str(loaded.target.folder)]
    monkeypatch.setattr(sys, "argv", ["stockade", *place, *line.split()])

    with pytest.raises(SystemExit) as raised:
        cli.main()

    said = capsys.readouterr().err.strip()
    assert raised.value.code == 1, said
    assert said.startswith("error: ")
    assert len(said.splitlines()) == 1
    assert BAD[line] in said
    assert WHO not in said.replace(f"'{WHO}' must read", "")  # what was typed is no data
    assert _files(loaded.target.warehouse) == before


def _files(folder: Path) -> set[Path]:
    return {*folder.rglob("*.json"), *folder.rglob("*.parquet")}
