"""What small training sets cost on the driver and in tasks, and whether they are the same.

`python -m benchmarks.small_sets FOLDER [--models sign_up scam_victim] [--rounds 2]`. The world of
`make demo` is lived into a folder in FOLDER, if it is not there. Each set is built by tasks and on
the driver in turn; seconds and the ratio are those of the fastest round, so that the first, in
which the JVM is new, counts for little. A set that is not the same to the bit both ways is an
error.
"""

import argparse
import time
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table as Sheet

from benchmarks.worlds import live
from examples.exchange.demo import learning
from stockade import ModelSpec, TrainingSet
from stockade.building.training_set import Built, build
from stockade.engine.faults import spark_faults
from stockade.engine.operator import EngineOptions
from stockade.store.tables import Tables

# What the engine does when it is not told that its inputs are small; and what the store tells it.
WAYS = {"tasks": EngineOptions(), "driver": None}


def main() -> None:
    """Measure each model's set and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.small_sets", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scale", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--models", nargs="*", default=["sign_up", "ach_bank_return"])
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    store, lived = live(
        arguments.folder, scale=arguments.scale, seed=arguments.seed, optimise=False
    )
    sheet = Sheet("set", "rows", "features", "tasks", "driver", "ratio")
    for spec in store.registry.all(ModelSpec):
        if spec.name in arguments.models:
            sheet.add_row(
                *_measured(store.tables, spec.training_set, learning(lived), arguments.rounds)
            )
            Console().print(sheet)


def _measured(
    tables: Tables, definition: TrainingSet, period: tuple[datetime, datetime], rounds: int
) -> list[str]:
    start, end = period
    best = dict.fromkeys(WAYS, float("inf"))
    hashes: set[str] = set()
    built: Built | None = None
    for _ in range(rounds):
        for way, options in WAYS.items():
            begin = time.perf_counter()
            with spark_faults():
                built = build(tables, definition, start=start, end=end, as_of=end, options=options)
            best[way] = min(best[way], time.perf_counter() - begin)
            hashes.add(built.manifest["content_hash"])
    if len(hashes) > 1:
        raise SystemExit(f"'{definition.name}' is not the same both ways")
    rows = 0 if built is None else built.manifest["rows"]
    features = sum(len(one.names) for one in definition.features.selections())
    tasks, driver = best["tasks"], best["driver"]
    return [
        definition.name, f"{rows:,}", f"{features}", f"{tasks:.1f} s", f"{driver:.1f} s",
        f"{tasks / driver:.1f}",
    ]  # fmt: skip


if __name__ == "__main__":
    main()
