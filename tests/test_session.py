"""Sessions: set up so that values cannot change, or refused with what to do."""

import os
import sys
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from stockade.session import SessionError, check_session, require_java, session
from stockade.target import Target
from stockade.testing import MakeTable


def fake_java(folder: Path, version: str) -> Path:
    """A home whose java says that it is of some version."""
    (folder / "bin").mkdir(parents=True)
    java = folder / "bin" / "java"
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n")
    java.chmod(0o755)
    return folder


def test_the_tests_session_is_utc_and_ansi(spark: SparkSession) -> None:
    check_session(spark)

    assert spark.conf.get("spark.sql.execution.arrow.pyspark.enabled") == "true"


def test_connect_is_tested_when_it_is_asked_for(spark: SparkSession) -> None:
    wanted = "connect" if os.environ.get("STOCKADE_TEST_REMOTE") == "1" else "session"

    assert type(spark).__module__.split(".")[2] == wanted


def test_an_active_session_is_used(spark: SparkSession, tmp_path: Path) -> None:
    assert session(Target.local(tmp_path / "other")) is spark
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("spark.sql.session.timeZone", "America/New_York",
         r"^the Spark session has spark.sql.session.timeZone = America/New_York, wanted UTC: "
         r"set it with spark.conf.set\('spark.sql.session.timeZone', 'UTC'\)$"),
        ("spark.sql.ansi.enabled", "false",
         r"^the Spark session has spark.sql.ansi.enabled = false, wanted true: "
         r"set it with spark.conf.set\('spark.sql.ansi.enabled', 'true'\)$"),
    ],
)  # fmt: skip
def test_a_setting_that_changes_values_is_refused(
    spark: SparkSession, setting: str, value: str, message: str
) -> None:
    kept = str(spark.conf.get(setting))
    spark.conf.set(setting, value)
    try:
        with pytest.raises(SessionError, match=message):
            check_session(spark)
    finally:
        spark.conf.set(setting, kept)


@pytest.mark.parametrize(
    ("version", "found"), [("11.0.2", "is 11"), ("1.8.0_392", "is 8"), ("?", "is an unknown")]
)
def test_an_old_java_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str, found: str
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path, version)))

    with pytest.raises(SessionError, match=rf"^Spark needs Java 17 or newer, .*{found}") as caught:
        require_java()

    assert "apt-get install openjdk-17-jre-headless" in str(caught.value)


@pytest.mark.parametrize("version", ["17.0.15", "21", "25-ea"])
def test_a_new_java_will_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str) -> None:
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path, version)))

    require_java()


def test_a_missing_java_is_said_to_be_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(SessionError, match="and there is no java on the PATH: install one"):
        require_java()

    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(SessionError, match=r"JAVA_HOME is .*, which has no bin/java: install one"):
        require_java()


def test_a_missing_pyspark_is_said_to_be_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)

    with pytest.raises(SessionError, match=r'^pyspark is missing: pip install "stockade\[local\]"'):
        session(Target.local(tmp_path))


def test_an_error_is_raised_and_not_printed(
    spark: SparkSession, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Exception, match="nothing_such"):
        _ = spark.sql("SELECT nothing_such").schema

    assert capfd.readouterr() == ("", "")


def test_a_tests_times_are_utc_unless_they_say_otherwise(table: MakeTable) -> None:
    rows = table(
        "at timestamp",
        ("2026-03-01 12:00:00",),
        ("2026-03-01T12:00:00+02:00",),
        ("2026-03-01T12:00:00Z",),
        (None,),
    )

    times = [row.t for row in rows.selectExpr("CAST(at AS string) AS t").collect()]

    assert times == ["2026-03-01 12:00:00", "2026-03-01 10:00:00", "2026-03-01 12:00:00", None]
