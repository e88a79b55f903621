"""How many rows partial aggregates would spare: `python -m benchmarks.tiles --target FOLDER`."""

import argparse
from pathlib import Path

from pyspark.sql import functions as F

from stockade import FeatureView
from stockade.building.features import Inputs
from stockade.feature_store import connect
from stockade.target import Target


def main() -> None:
    """Print, for each view of the pack, how many events one tile would hold.

    A tile is what lies in one hour, or one day, of one entity: fewer aggregates than events are
    what an incremental path over tiles reads less of.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", type=Path, required=True, help="of `examples.exchange.demo`")
    target = Target.local(parser.parse_args().target)
    store = connect("trust_safety.features", target=target)
    inputs = Inputs.of(store.tables)
    for view in store.registry.all(FeatureView):
        events, by_hour, by_day = _tiles(inputs, view)
        print(f"{view.name:24} {events:9,} events, {by_hour:5.2f} an hour, {by_day:6.2f} a day")
    store.spark.stop()


def _tiles(inputs: Inputs, view: FeatureView) -> tuple[int, float, float]:
    keys = list(view.keys.values())
    time = F.col(view.source.event_time)
    found = (
        inputs.events(view.source)
        .dropna(subset=keys)
        .agg(
            F.count("*"),
            *(F.count_distinct(*keys, F.date_trunc(unit, time)) for unit in ("hour", "day")),
        )
        .first()
    )
    events, hours, days = found or (0, 0, 0)
    return events, events / max(hours, 1), events / max(days, 1)


if __name__ == "__main__":
    main()
