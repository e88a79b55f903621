"""Run the benchmarks: `python -m benchmarks [--sizes 1,5,20] [--only engine,floor,...]`."""

import argparse
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from pyspark.sql import DataFrame, SparkSession

from benchmarks import contenders
from benchmarks.data import Files, Shape, generate
from stockade.engine.operator import EngineOptions
from stockade.session import session
from stockade.target import Target

FOLDER = Path(".stockade/benchmarks")
SHAPES = {
    "1": Shape(events=1_000_000, decisions=100_000),
    "5": Shape(events=5_000_000, decisions=500_000),
    "20": Shape(events=20_000_000, decisions=1_000_000),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """One contender on one size.

    Attributes:
        name, size: which.
        first, best: seconds of the first run in this process and of the best of all runs.
        memory: peak resident gigabytes of this process and all it started.
    """

    name: str
    size: str
    first: float
    best: float
    memory: float


def main() -> int:
    """Generate, run, print a table, and leave the figures as JSON."""
    arguments = _parser().parse_args()
    if arguments.cold:
        return _cold(arguments)
    spark = session(Target.local(FOLDER), memory="8g", optimise=True)
    timings: list[Timing] = []
    for size in arguments.sizes.split(","):
        for name, run in _runs(spark, size, SHAPES[size]).items():
            if arguments.only and name not in arguments.only.split(","):
                continue
            # What takes minutes is run once.
            repeats = 1 if name in ("spark windows", "duckdb") else arguments.repeats
            timings.append(_timed(name, size, run, repeats))
            print(_line(timings[-1], timings), flush=True)
    (FOLDER / "timings.json").write_text(
        json.dumps([{field: getattr(t, field) for field in Timing.__slots__} for t in timings])
    )
    spark.stop()
    return 0


def _runs(spark: SparkSession, size: str, shape: Shape) -> dict[str, Callable[[], object]]:
    files = generate(shape, FOLDER)
    hot = Shape(events=shape.events, decisions=shape.decisions, hot=0.5)

    def engine(where: Files, **options: object) -> Callable[[], object]:
        return lambda: _drain(contenders.engine(spark, where, **options))  # type: ignore[arg-type]

    runs: dict[str, Callable[[], object]] = {
        "floor": lambda: _drain(contenders.floor(spark, files)),
        "engine": engine(files),
        "engine two clocks": engine(files, two_clocks=True),
    }
    if size == "1":
        runs["spark windows"] = lambda: _drain(contenders.spark_windows(spark, files))
    runs["duckdb"] = lambda: contenders.duckdb_windows(files)
    if size == "5":
        hot_files = generate(hot, FOLDER)
        whole = EngineOptions(hot_rows=shape.events)
        runs["engine hot key"] = engine(hot_files)
        runs["engine hot key whole"] = engine(hot_files, options=whole)
        runs["floor hot key"] = lambda: _drain(contenders.floor(spark, hot_files))
    return runs


def _drain(rows: DataFrame) -> None:
    rows.write.format("noop").mode("overwrite").save()


def _timed(name: str, size: str, run: Callable[[], object], repeats: int) -> Timing:
    seconds: list[float] = []
    with peak_memory() as peak:
        for _ in range(repeats):
            start = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - start)
    return Timing(name=name, size=size, first=seconds[0], best=min(seconds), memory=peak[0] / 2**30)


@contextmanager
def peak_memory() -> Generator[list[float]]:
    """The largest sum of resident memory over this process and its descendants, in bytes."""
    peak, stop = [0.0], threading.Event()

    def watch() -> None:
        here = psutil.Process()
        while not stop.wait(0.2):
            total = 0
            for process in (here, *here.children(recursive=True)):
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            peak[0] = max(peak[0], total)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        stop.set()
        watcher.join()


def _line(timing: Timing, timings: list[Timing]) -> str:
    floors = [t for t in timings if t.size == timing.size and t.name == "floor"]
    ratio = f"{timing.best / floors[0].best:6.2f} x floor" if floors else ""
    return (
        f"{timing.size:>3} M  {timing.name:22s} first {timing.first:7.2f} s  "
        f"best {timing.best:7.2f} s  {timing.memory:5.1f} GB  {ratio}"
    )


def _cold(arguments: argparse.Namespace) -> int:
    """One engine run in a fresh process with compiled kernels on disk, and one without."""
    for name, clear in (("compiled kernels on disk", False), ("nothing compiled", True)):
        folder = FOLDER / "numba"
        if clear:
            folder = FOLDER / f"numba-{time.time_ns()}"
        command = [sys.executable, "-m", "benchmarks", "--only", "engine", "--repeats", "2"]
        print(name, flush=True)
        subprocess.run(
            [*command, "--sizes", arguments.sizes],
            env={**_environment(), "NUMBA_CACHE_DIR": str(folder.resolve())},
            check=True,
        )
    return 0


def _environment() -> dict[str, str]:
    return dict(psutil.Process().environ())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--sizes", default="1,5", help="millions of events, of 1, 5, 20")
    parser.add_argument("--only", default="", help="contenders, comma between")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cold", action="store_true", help="fresh processes instead")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
