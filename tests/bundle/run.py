"""The bundle's jobs, run by the installed wheel with the bundle's parameters: `make bundle-run`.

Builds the wheel, installs it alone into a fresh environment, adds what the runtime brings (Spark,
Delta, and `dbutils` for task values), and runs job after job as the Jobs service would: tasks in
the order of their dependencies, conditions, one task per input, jobs that jobs run. As on
serverless compute each task is a process of its own, and Spark is behind Spark Connect.

The first days are quiet. Then two weeks come in whose frauds are other payments than those that
the champion learnt, and the monitor must start the training job; by then the bundle is deployed
with `compute: classic`, and what wants a cluster gets a Spark of its own, not behind Connect.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import venv
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from examples.card_fraud.demo import RENAME
from examples.card_fraud.generator import transactions, world
from tests.bundle.checker import filled
from tests.bundle.files import read, resolved

ROOT = Path(__file__).parent.parent.parent
START, TODAY, DRIFT, LATER = date(2018, 4, 1), "2018-08-12", "2018-08-13", "2018-08-27"
# What is run on the payments before DRIFT, and on those before LATER.
QUIET: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("materialize_daily", {}), ("materialize_hourly", {}), ("train_weekly", {}),
    ("score", {}), ("score_on_arrival", {}), ("monitor", {}),
)  # fmt: skip
DRIFTED: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("score", {"as_of": LATER, "days": "14"}), ("monitor", {"as_of": LATER, "days": "1"}),
    ("maintain", {}),
)  # fmt: skip
JOBS = tuple(dict.fromkeys(job for job, _ in QUIET + DRIFTED))
EXTRA = {"trials": "3"}
SERVER = "org.apache.spark.sql.connect.service.SparkConnectServer"
RUNTIME = ("delta-spark==4.3.1", "pyspark[connect]==4.1.1")

# What the runtime puts behind `databricks.sdk.runtime`: here a file holds the values.
DBUTILS = """
import json, os

class _Values:
    def set(self, key, value):
        with open(os.environ["TASK_VALUES"], "a") as file:
            file.write(json.dumps({key: value}) + "\\n")

class _Jobs:
    taskValues = _Values()

class _Utils:
    jobs = _Jobs()

class UserNamespaceInitializer:
    @staticmethod
    def getOrCreate():
        return UserNamespaceInitializer()

    def get_namespace_globals(self):
        return {"dbutils": _Utils()}
"""
HOURLY = '''
"""The card example as the warehouse's definitions, with one hourly view.

So few payments and trials make a model that is badly calibrated: its gates are wide, so that what
comes after a promotion is run too. The example is imported as a module: two models of one name
would be refused.
"""

from dataclasses import replace

import examples.card_fraud.model as whole
from examples.card_fraud.cards import payments, terminal
from stockade import FeatureView, Gates, count, hours

busy_terminals = FeatureView(
    name="busy_terminals", entity=terminal, source=payments, cadence="hourly",
    aggregates={"payments": count(windows=(hours(6),))},
    owner="card-risk@example.com", description="How busy a terminal is.",
)
model = replace(whole.card_fraud, gates=Gates(bias=3.0, slice_bias=10.0, slice_drop=1.0))
'''


class Failed(RuntimeError):
    """A task failed."""


class Machine:
    """A folder with an environment, a warehouse and the wheel in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "venv" / "bin"
        self.lines: list[str] = []
        self.busy: dict[str, bool] = {}
        self.port = 0
        self.jobs: dict[str, Any] = {}
        self.faults: list[str] = []

    def deploy(self, *, compute: str) -> None:
        """The bundle's jobs, as production has them."""
        bundle = read(ROOT)
        # A catalog with a slash in it makes the target a folder of this machine.
        catalog = str(self.folder / "warehouse")
        bundle.top["targets"]["prod"]["variables"] |= {"catalog": catalog, "compute": compute}
        self.jobs = resolved(bundle, "prod")["jobs"]
        self.faults += bundle.faults

    def install(self, constraints: Path | None) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        shutil.rmtree(ROOT / "build", ignore_errors=True)
        self._do(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir",
                 self.folder / "dist", ROOT)  # fmt: skip
        (wheel,) = (self.folder / "dist").glob("*.whl")
        venv.create(self.folder / "venv", with_pip=True)
        pins = ["-c", constraints] if constraints else []
        pip = [self.bin / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        self._do(*pip, *pins, wheel)
        brought = self._do(self.bin / "python", "-m", "pip", "list", "--format=freeze")
        if "pyspark" in brought or "delta-spark" in brought:
            raise Failed("the wheel brings a Spark of its own")
        self._do(*pip, *pins, *RUNTIME)

    @contextmanager
    def furnished(self) -> Generator[None]:
        """Spark, `dbutils`, and definitions for an empty warehouse."""
        for name in ("runtime", "conf", "scratch", "examples", "warehouse.trust_safety"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        (self.folder / "runtime").mkdir()
        (self.folder / "runtime" / "dbruntime.py").write_text(DBUTILS)
        (self.folder / "conf").mkdir()
        script = (
            "from pathlib import Path\n"
            "from pyspark.sql import SparkSession\n"
            "from delta import configure_spark_with_delta_pip as delta\n"
            "from stockade.session import _settings\n"
            "from stockade.target import Target\n"
            f"settings = _settings(Target.local({str(self.folder / 'scratch')!r}), '2g')\n"
            "settings.pop('spark.python.daemon.module')\n"
            "settings |= delta(SparkSession.builder)._options | {'spark.master': 'local[2]'}\n"
            f"path = Path({str(self.folder / 'conf' / 'spark-defaults.conf')!r})\n"
            "path.write_text('\\n'.join(f'{k} {v}' for k, v in settings.items()))\n"
        )
        self._do(self.bin / "python", "-c", script)
        shutil.copytree(ROOT / "examples", self.folder / "examples")
        (self.folder / "warehouse_definitions.py").write_text(HOURLY)
        (self.folder / "pyproject.toml").write_text(
            '[tool.stockade]\ndefinitions = ["warehouse_definitions"]\n'
        )
        with self._served():
            yield

    def ingest(self, *, until: str) -> None:
        """The payments before a day, as the warehouse's table."""
        days = (date.fromisoformat(LATER) - START).days
        payments = transactions(world(0.1, days=days), start=START)
        drifted = (payments["TX_DATETIME"] >= pd.Timestamp(DRIFT)).to_numpy()
        # As many frauds, and nothing tells them from other payments.
        frauds = payments["TX_FRAUD"].to_numpy(copy=True)
        frauds[drifted] = np.random.default_rng(0).permutation(frauds[drifted])
        known = payments.assign(TX_FRAUD=frauds)[payments["TX_DATETIME"] < pd.Timestamp(until)]
        known.to_parquet(self.folder / "payments.parquet", index=False, coerce_timestamps="us")
        renames = [part for pair in RENAME.items() for part in ("--rename", "=".join(pair))]
        self._do(self.bin / "stockade", "--target", f"{self.folder / 'warehouse'}.trust_safety",
                 "ingest", "payments.parquet", "card_transactions",
                 "--naive-utc", "TX_DATETIME", *renames, env=self._env())  # fmt: skip
        self.say(f"{len(known)} payments, until {until}")

    @contextmanager
    def _served(self) -> Generator[None]:
        """Spark Connect on a free port."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        said = self.folder / "spark.log"
        # It would take a server for a client.
        alone = {name: value for name, value in self._env().items() if name != "SPARK_REMOTE"}
        with said.open("w") as log:
            server = subprocess.Popen(
                [self.bin / "spark-submit", "--class", SERVER,
                 "--conf", "spark.connect.grpc.binding.address=127.0.0.1",
                 "--conf", f"spark.connect.grpc.binding.port={self.port}", "spark-internal"],
                cwd=self.folder, env=alone, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            while not self._answers():
                if server.poll() is not None:
                    raise Failed(f"Spark Connect does not start\n{said.read_text()}")
                time.sleep(0.5)
            yield
        finally:
            server.terminate()
            server.wait()

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def run(self, key: str, given: Mapping[str, str], depth: int = 0) -> None:
        """One run of a job; raises where a task of it fails."""
        job = self.jobs[key]
        self.say(f"job {key} {dict(given) or ''}", depth)
        known = {"job.start_time.iso_date": TODAY, **given}
        ended: dict[str, str] = {}
        values: dict[str, str] = {}
        for task in _in_order(job["tasks"]):
            if not _is_wanted(task, ended):
                ended[task["task_key"]] = "skipped"
                self.say(f"  {task['task_key']}: skipped", depth)
                continue
            ended[task["task_key"]] = self._task(task, job, {**known, **values}, values, depth + 1)

    def _task(
        self, task: Mapping[str, Any], job: Mapping[str, Any], known: Mapping[str, str],
        values: dict[str, str], depth: int,
    ) -> str:  # fmt: skip
        def fill(text: object) -> str:
            return filled(str(text), job, known)

        if "condition_task" in task:
            asked = task["condition_task"]
            left, right = fill(asked["left"]), fill(asked["right"])
            holds = left == right if asked["op"] == "EQUAL_TO" else float(left) > float(right)
            self.say(f"{task['task_key']}: {left} {asked['op']} {right}: {holds}", depth)
            if asked["op"] == "GREATER_THAN":
                self.busy[job["name"]] = self.busy.get(job["name"], False) or holds
            return str(holds).lower()
        if "for_each_task" in task:
            for one in json.loads(fill(task["for_each_task"]["inputs"])):
                inner = task["for_each_task"]["task"]
                self._task(inner, job, {**known, "input": one}, values, depth)
            return "done"
        if "run_job_task" in task:
            call = task["run_job_task"]
            key = call["job_id"].split(".")[2]
            declared = {one["name"] for one in self.jobs[key]["parameters"]}
            extra = {name: value for name, value in EXTRA.items() if name in declared}
            passed = {name: fill(value) for name, value in call["job_parameters"].items()}
            self.run(key, {**extra, **passed}, depth)
            return "done"
        wheel = task["python_wheel_task"]
        parameters = [fill(one) for one in wheel["parameters"]]
        env = self._env()
        if "job_cluster_key" in task:
            del env["SPARK_REMOTE"]
        started = time.monotonic()
        said = self._do(self.bin / wheel["entry_point"], *parameters, env=env)
        took = time.monotonic() - started
        self.say(f"{took:5.1f} s  {wheel['entry_point']} {' '.join(parameters)}", depth)
        for line in said.strip().splitlines()[-4:]:
            self.say(f"         {line}", depth)
        for name, value in self._shared():
            values[f"tasks.{task['task_key']}.values.{name}"] = (
                value if isinstance(value, str) else json.dumps(value)
            )
        return "done"

    def _shared(self) -> Iterator[tuple[str, object]]:
        path = self.folder / "values"
        for line in path.read_text().splitlines() if path.exists() else ():
            yield from json.loads(line).items()
        path.unlink(missing_ok=True)

    def _env(self) -> dict[str, str]:
        kept = {
            name: os.environ[name] for name in ("PATH", "HOME", "JAVA_HOME") if name in os.environ
        }
        return {
            **kept, "DATABRICKS_RUNTIME_VERSION": "18.x",
            "TASK_VALUES": str(self.folder / "values"),
            "PYTHONPATH": str(self.folder / "runtime"), "TZ": "UTC",
            "SPARK_CONF_DIR": str(self.folder / "conf"),
            "SPARK_REMOTE": f"sc://127.0.0.1:{self.port}",
            "PYSPARK_PYTHON": str(self.bin / "python"),
        }  # fmt: skip

    def _do(self, *command: object, env: Mapping[str, str] | None = None) -> str:
        done = subprocess.run(
            [str(part) for part in command], cwd=self.folder, env=env, text=True,
            capture_output=True, check=False,
        )  # fmt: skip
        if done.returncode:
            shown = " ".join(str(part) for part in command)
            raise Failed(f"{shown}\nexit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def say(self, line: str, depth: int = 0) -> None:
        self.lines.append("  " * depth + line)
        print(self.lines[-1], flush=True)


def _in_order(tasks: list[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Each task after those it depends on."""
    done: set[str] = set()
    while len(done) < len(tasks):
        ready = [
            task for task in tasks
            if task["task_key"] not in done
            and {one["task_key"] for one in task.get("depends_on", [])} <= done
        ]  # fmt: skip
        if not ready:
            raise Failed("the tasks depend on one another in a circle")
        for task in ready:
            yield task
            done.add(task["task_key"])


def _is_wanted(task: Mapping[str, Any], ended: Mapping[str, str]) -> bool:
    met = [
        ended[one["task_key"]] == one["outcome"] if "outcome" in one
        else ended[one["task_key"]] != "skipped"
        for one in task.get("depends_on", [])
    ]  # fmt: skip
    return any(met) if task.get("run_if") == "AT_LEAST_ONE_SUCCESS" else all(met)


def main() -> int:
    """Run them; exit code 1 if one fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / ".stockade" / "bundle-run")
    parser.add_argument("--constraints", type=Path, help="pins, as of a runtime")
    parser.add_argument("--keep", action="store_true", help="use the environment that is there")
    parser.add_argument("jobs", nargs="*", default=JOBS)
    chosen = parser.parse_args()
    machine = Machine(chosen.folder.resolve())
    failed: list[str] = []
    if not chosen.keep:
        machine.install(chosen.constraints and chosen.constraints.resolve())
    with machine.furnished():
        for compute, until, runs in (("serverless", DRIFT, QUIET), ("classic", LATER, DRIFTED)):
            machine.deploy(compute=compute)
            machine.ingest(until=until)
            for job, given in runs:
                if job not in chosen.jobs:
                    continue
                try:
                    machine.run(job, given)
                except Failed as fault:
                    failed.append(job)
                    machine.say(f"FAILED: {fault}")
    # A job that finds nothing to do proves nothing.
    failed += [f"{name} had nothing to do" for name, busy in machine.busy.items() if not busy]
    failed += dict.fromkeys(machine.faults)
    machine.say("FAILED: " + ", ".join(failed) if failed else f"{len(chosen.jobs)} jobs ran")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
