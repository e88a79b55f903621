"""How long values take to explain: `python -m benchmarks.explaining [--events N]`, or `--values N`.

One at a time: events of one year in no order, as `benchmarks.data` makes them; the key with the
most of them, and others drawn by lot. Each explanation reads the source anew, and is held against
engine and reference before it is given. With `--copies` the source may hold an event several times.

`--values N --target FOLDER`: so many values of the features that are made of events one by one, of
the simulated exchange in FOLDER (`python -m examples.exchange.demo --target FOLDER`): keys and
moments near their events are drawn by lot. A value that its parts do not make ends the run.
"""

import argparse
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from pyspark.sql import functions as F

from benchmarks.__main__ import FOLDER
from benchmarks.data import Shape, generate
from stockade import (
    Entity,
    EventSource,
    FeatureView,
    Files,
    LookupView,
    count,
    days,
    mean,
    sum_,
)
from stockade.building.explain import Asked, explain_value, explain_values
from stockade.building.features import Inputs
from stockade.feature_store import connect
from stockade.session import session
from stockade.store.tables import Tables
from stockade.target import Target

WIDE = (days(1), days(30))
ROUNDS = 5


def main() -> None:
    """Explain one value to warm up, then others; print the median and the most."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--copies", action="store_true")
    parser.add_argument("--values", type=int, default=0)
    parser.add_argument("--target", default=".stockade/exchange")
    arguments = parser.parse_args()
    if arguments.values:
        _many(Path(arguments.target), arguments.values)
    else:
        _one_by_one(arguments.events, copies=arguments.copies)


def _many(folder: Path, values: int) -> None:
    """Explain values of every view; print for each how many events were looked at."""
    store = connect("trust_safety.features", target=Target.local(folder))
    views = [view for view in store.registry.views() if isinstance(view, FeatureView | LookupView)]
    draw, inputs = np.random.default_rng(7), Inputs.of(store.tables)
    share = -(-values // len(views))
    explained = counted = missed = features = 0
    began = time.perf_counter()
    for view in views:
        asked = _drawn(inputs, view, share, draw)
        features += len({one.name for one in asked})
        for one in explain_values(inputs, asked, misses=1_000_000):
            explained += 1
            counted += len(one.events)
            missed += len(one.misses)
        print(f"{view.name}: {len(asked)} values, {time.perf_counter() - began:.0f} s", flush=True)
    print(
        f"{explained:,} values of {features} features in {len(views)} views are the sums of their "
        f"{counted:,} parts; {missed:,} near misses; {time.perf_counter() - began:.0f} s"
    )
    store.spark.stop()


def _drawn(
    inputs: Inputs, view: FeatureView | LookupView, values: int, draw: np.random.Generator
) -> list[Asked]:
    """Moments from an hour before an event of the view's source to six weeks after it."""
    columns = [view.keys[key] for key in view.entity.keys]
    known = inputs.events(view.source).dropna(subset=[*columns, view.source.event_time])
    time_of = F.unix_micros(view.source.event_time).alias("_at")
    rows = known.orderBy(F.rand(int(draw.integers(1 << 31)))).select(*columns, time_of)
    near = rows.limit(values).collect()
    names = [feature.name for feature in view.features()]
    return [
        Asked(
            view=view,
            name=names[int(draw.integers(len(names)))],
            keys={key: near[n % len(near)][view.keys[key]] for key in view.entity.keys},
            at=datetime.fromtimestamp(near[n % len(near)]["_at"] / 1e6, UTC)
            + timedelta(seconds=int(3600 * (10 ** draw.uniform(0, 3) - 2))),
        )
        for n in range(values if near else 0)
    ]


def _one_by_one(events: int, *, copies: bool) -> None:
    files = generate(Shape(events=events, decisions=8), FOLDER)
    target = Target.local(FOLDER / "explaining")
    tables = Tables(session(target, memory="2g"), target)
    view = FeatureView(
        name="payments_of_key",
        entity=Entity(name="payer", keys="key"),
        source=EventSource(
            name="payments", origin=Files(path=str(files.events.resolve())),
            event_time="happened_at", available_at="known_at",
            dedupe=("key", "happened_at") if copies else (),
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
