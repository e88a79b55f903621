"""What each way to cheat would have bought: the same model, with one view planted.

`python -m benchmarks.leaks FOLDER [--scale 0.3] [--seeds 0]`. The worlds are those of
`benchmarks.worlds`, each lived into a folder in FOLDER if it is not there. Takeovers of withdrawals
are learnt as the pack does it, and then with one more view, which sees what nobody knew. Figures
are of the test period, means over the worlds.
"""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.worlds import live
from examples.exchange.demo import learning
from stockade import EventSource, FeatureView, ModelSpec, Query, count, days
from stockade.definitions.view import Boundary
from stockade.feature_store import FeatureStore
from trust_safety.features.entities import user
from trust_safety.models.takeover_login import reported_takeovers
from trust_safety.models.takeover_withdrawal import takeover_withdrawal

_TRUTH = EventSource(
    name="thefts",
    origin=Query(sql="SELECT * FROM {truth_events} WHERE is_fraud"),
    event_time="occurred_at",
)
_NO_CLOCK = EventSource(
    name="reports_by_their_events", origin=reported_takeovers.origin, event_time="happened_at"
)


def planted() -> Mapping[str, ModelSpec]:
    """What is done -> the model with that view."""
    return {
        "nothing: as it is": takeover_withdrawal,
        "a feature that reads the truth": _with("truth", _TRUTH),
        "a source of labels without its clock": _with("no_clock", _NO_CLOCK),
        "an inclusive boundary": _with("inclusive", reported_takeovers, "inclusive"),
        "both of the last two": _with("no_clock_inclusive", _NO_CLOCK, "inclusive"),
    }


def _with(name: str, source: EventSource, boundary: Boundary = "exclusive") -> ModelSpec:
    view = FeatureView(
        name=f"leak_{name}", entity=user, source=source, boundary=boundary,
        aggregates={f"bad_events_{name}": count(windows=(days(1), days(30)))},
    )  # fmt: skip
    known = takeover_withdrawal.training_set
    features = replace(
        known.features, name=f"features_{name}", features=(*known.features.features, view)
    )
    return replace(
        takeover_withdrawal,
        name=f"takeover_withdrawal_{name}",
        training_set=replace(known, name=f"takeover_withdrawal_{name}_set", features=features),
    )


def measure(
    store: FeatureStore, period: tuple[datetime, datetime], *, trials: int
) -> Iterator[dict[str, Any]]:
    """What became of each leak, in one world."""
    start, end = period
    specs = planted()
    store.build_all(specs.values(), start=start, end=end, as_of=end)
    for what, spec in specs.items():
        found = store.train(spec, trials=trials).judgement.evaluation
        yield {
            "planted": what, "cases": found.positives, "AP": found.average_precision,
            "caught": found.recall_at_capacity, "audit": store.audit(spec.training_set.name).passed,
        }  # fmt: skip


def sheet(found: pd.DataFrame) -> str:
    """A line for each leak: means over the worlds."""
    lines = ["| planted | average precision | caught |", "| --- | --- | --- |"]
    for what, rows in found.groupby("planted", sort=False):
        lines.append(f"| {what} | {rows['AP'].mean():.2f} | {rows['caught'].mean():.0%} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.leaks", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scale", type=float, default=0.3)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--trials", type=int, default=4)
    arguments = parser.parse_args()
    found: list[dict[str, Any]] = []
    for seed in arguments.seeds:
        store, lived = live(arguments.folder, scale=arguments.scale, seed=seed)
        for one in measure(store, learning(lived), trials=arguments.trials):
            found.append({"seed": seed, **one})
            print(found[-1], flush=True)
    print(sheet(pd.DataFrame(found)))


if __name__ == "__main__":
    main()
