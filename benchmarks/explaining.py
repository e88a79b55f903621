"""How long one value takes to explain: `python -m benchmarks.explaining [--events N]`.

Events of one year in no order, as `benchmarks.data` makes them; the key with the most of them, and
others drawn by lot. Each explanation reads the source anew, and is held against engine and
reference before it is given.
"""

import argparse
import time
from datetime import UTC, datetime

import numpy as np

from benchmarks.__main__ import FOLDER
from benchmarks.data import Shape, generate
from stockade import Entity, EventSource, FeatureView, Files, count, days, mean, sum_
from stockade.building.explain import explain_value
from stockade.building.features import Inputs
from stockade.session import session
from stockade.store.tables import Tables
from stockade.target import Target

WIDE = (days(1), days(30))
ROUNDS = 5


def main() -> None:
    """Explain one value to warm up, then others; print the median and the most."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=5_000_000)
    events = parser.parse_args().events
    files = generate(Shape(events=events, decisions=8), FOLDER)
    target = Target.local(FOLDER / "explaining")
    tables = Tables(session(target, memory="2g"), target)
    view = FeatureView(
        name="payments_of_key",
        entity=Entity(name="payer", keys="key"),
        source=EventSource(
            name="payments", origin=Files(path=str(files.events.resolve())),
            event_time="happened_at", available_at="known_at",
        ),
        aggregates={
            "payments": count(windows=WIDE),
            "paid": sum_("amount", windows=WIDE),
            "mean_paid": mean("amount", windows=WIDE),
        },
    )  # fmt: skip
    draw = np.random.default_rng(7)
    keys = [0, *draw.integers(1, events // 500, ROUNDS).tolist()]
    at = datetime(2025, 10, 1, tzinfo=UTC)
    for feature in ("payments_30d", "paid_1d", "mean_paid_30d"):
        took: list[float] = []
        parts: list[int] = []
        for key in keys:
            began = time.perf_counter()
            found = explain_value(Inputs.of(tables), view, feature, keys={"key": key}, at=at)
            took.append(time.perf_counter() - began)
            parts.append(len(found.events))
        print(
            f"{feature}: the first {took[0]:.1f} s ({parts[0]:,} parts); then median "
            f"{np.median(took[1:]):.1f} s, most {max(took[1:]):.1f} s ({parts[1:]} parts)",
            flush=True,
        )
    tables.spark.stop()


if __name__ == "__main__":
    main()
