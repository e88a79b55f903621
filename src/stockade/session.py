"""A Spark session that fits: the runtime's own, or a local one with Delta."""

import logging
import os
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from stockade.errors import StockadeError
from stockade.target import Target

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_JAVA = 17


class SessionError(StockadeError):
    """Raised when Spark cannot be started, or a session is set up in a way that changes values."""


def session(
    target: Target,
    *,
    memory: str = "3g",
    cores: str = "*",
    remote: bool = False,
    optimise: bool = False,
) -> "SparkSession":
    """The active session if there is one, else a new local one with Delta.

    Args:
        target: a local target's folder holds Spark's own scratch files.
        memory: of the local driver.
        cores: how many the local session uses.
        remote: start the local session behind Spark Connect.
        optimise: have the JVM's optimising compiler compile once more what runs often. In a
            session of a few minutes, on a few million events, it takes more time than it saves.

    Raises:
        SessionError: pyspark or a fitting Java is missing; says how to get it.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError as fault:
        raise SessionError('pyspark is missing: pip install "stockade[local]"') from fault
    active = SparkSession.getActiveSession()
    if active is not None:
        return active
    if "DATABRICKS_RUNTIME_VERSION" in os.environ:
        return SparkSession.builder.getOrCreate()
    require_java()
    from delta import configure_spark_with_delta_pip

    # Workers must be this Python: Spark's default is whatever `python3` is on the PATH.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = configure_spark_with_delta_pip(SparkSession.builder)
    builder = builder.remote(f"local[{cores}]") if remote else builder.master(f"local[{cores}]")
    for name, value in _settings(target, memory, optimise=optimise).items():
        builder = builder.config(name, value)
    with _launch_log(_scratch(target) / "spark.log"), warnings.catch_warnings():
        # Connect sets static settings at the start of its server, then warns that it cannot again.
        warnings.filterwarnings("ignore", message="Failed to set spark")
        started = builder.getOrCreate()
    _quiet()
    return started


def _quiet() -> None:
    """Keep pyspark from printing each error, stack and all, before it raises it."""
    from pyspark.logger import PySparkLogger

    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
        PySparkLogger.getLogger(name).setLevel(logging.CRITICAL)


@contextmanager
def _launch_log(path: Path) -> Generator[None]:
    """Send what the JVM says, now and later, to a file: most of it is about resolving jars.

    The JVM inherits this process's streams when it is started; afterwards they are ours again.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    kept = {number: os.dup(number) for number in (1, 2)}
    with path.open("ab") as log:
        for number in kept:
            os.dup2(log.fileno(), number)
    try:
        yield
    except Exception as fault:
        raise SessionError(f"Spark does not start; its log is {path}: {fault}") from fault
    finally:
        for number, original in kept.items():
            os.dup2(original, number)
            os.close(original)


def _scratch(target: Target) -> Path:
    folder = target.folder or Path(".stockade").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def check_session(spark: "SparkSession") -> None:
    """Refuse a session whose settings would change values silently."""
    wanted = {"spark.sql.session.timeZone": ("UTC", "Etc/UTC"), "spark.sql.ansi.enabled": ("true",)}
    for name, values in wanted.items():
        found = spark.conf.get(name)
        if found not in values:
            raise SessionError(
                f"the Spark session has {name} = {found}, wanted {values[0]}: set it with "
                f"spark.conf.set('{name}', '{values[0]}')"
            )


def require_java() -> None:
    """Raise `SessionError` unless a Java of version 17 or newer would be used."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if not java or not Path(java).exists():
        place = f"JAVA_HOME is {home}, which has no bin/java" if home else "no java on the PATH"
        raise SessionError(f"Spark needs Java {_JAVA} or newer, and there is {place}: {_REMEDY}")
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    number = re.search(r'version "(?:1\.)?(\d+)', said)
    if number is None or int(number[1]) < _JAVA:
        found = number[1] if number else "an unknown version"
        raise SessionError(f"Spark needs Java {_JAVA} or newer, {java} is {found}: {_REMEDY}")


_REMEDY = (
    "install one (Debian: apt-get install openjdk-17-jre-headless; macOS: brew install openjdk@17) "
    "and point JAVA_HOME at it"
)


def _settings(target: Target, memory: str, *, optimise: bool) -> dict[str, str]:
    folder = _scratch(target)
    java = ["-Duser.timezone=UTC", f"-Dderby.system.home={folder / 'derby'}", "-XX:+UseParallelGC"]
    if not optimise:
        # What Spark generates for each query would be compiled at length, to run for a second. By
        # itself this choice also shrinks the room for compiled code to less than Spark needs.
        java += ["-XX:TieredStopAtLevel=1", "-XX:ReservedCodeCacheSize=512m"]
    return {
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.driver.memory": memory,
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "true",
        "spark.python.daemon.module": "stockade.worker",
        # Over TCP on one machine, two sides that both write large batches have been seen to stall.
        "spark.python.unix.domain.socket.enabled": "true",
        # To note of each column where in Python it was made takes as long as to make it.
        "spark.python.sql.dataFrameDebugging.enabled": "false",
        "spark.sql.shuffle.partitions": "8",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        # Few large batches: each costs a round trip to the Python worker.
        "spark.sql.execution.arrow.maxRecordsPerBatch": "131072",
        "spark.sql.warehouse.dir": str(folder / "spark-warehouse"),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        # What fails is raised, with its reason; the log would only say it again, at length.
        "spark.log.level": "FATAL",
        "spark.sql.session.localRelationCacheThreshold": "1073741824",
        # Delta's snapshot of a small log needs no fifty tasks.
        "spark.databricks.delta.snapshotPartitions": "2",
        # VACUUM lists folders in so many tasks, and ten thousand are the default.
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": "8",
        "spark.driver.extraJavaOptions": " ".join(java),
    }
