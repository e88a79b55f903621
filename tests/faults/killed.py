"""A run that kills itself, driver and JVM, with SIGKILL: `python -m tests.faults.killed`."""

import os
import signal
import sys
import threading
from pathlib import Path

from stockade.building.materialize import materialize
from stockade.session import session
from stockade.store.tables import Moment, Tables
from stockade.target import Target
from tests.faults.test_kills import END, START, payments_seen


def main(folder: str, at: str, after: str) -> None:
    """Materialise, and die so many seconds after the step number `at` of the write began."""
    target, steps = Target.local(Path(folder)), list[str]()

    def step(moment: Moment, name: str) -> None:
        steps.append(f"{moment} {name}")
        if len(steps) == int(at):
            # Spark's JVM was started in this process group, which is our own.
            kill = threading.Timer(float(after), lambda: os.killpg(0, signal.SIGKILL))
            kill.start()
            if not float(after):
                kill.join(60)

    spark = session(target, cores="2")
    spark.conf.set("spark.sql.shuffle.partitions", "2")
    materialize(Tables(spark, target, step=step), payments_seen, start=START, end=END)


if __name__ == "__main__":
    main(*sys.argv[1:])
