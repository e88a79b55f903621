"""What a small world's tables hold, by hash: `python -m tests.both_modes FOLDER` on Connect.

The same definitions on the same rows must give the same bits, whether Spark runs in this process's
session or behind Spark Connect.
"""

import json
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

from pyspark.sql import SparkSession

from examples.card_fraud.demo import RENAME
from examples.card_fraud.generator import world, write
from stockade import Files, connect
from stockade.session import session
from stockade.store.content import content
from stockade.target import Target
from tests.notebooks.small import model

VIEW = "terminal_history"
BUILT = datetime(2018, 6, 12, tzinfo=UTC)


def hashes(spark: SparkSession, folder: Path) -> Mapping[str, str]:
    """Table -> rows and content hash: snapshots, a training set, and scores of its model."""
    target = Target.local(folder / "target")
    store = connect("tests.notebooks.small", target=target, spark=spark)
    path = write(world(0.04, days=80), folder / "raw")
    store.ingest(
        Files(path=str(path)), "card_transactions", naive_utc=["TX_DATETIME"], rename=RENAME
    )
    store.materialize(VIEW, start=date(2018, 5, 10), end=date(2018, 5, 12))
    store.build(model, start=datetime(2018, 4, 8, tzinfo=UTC), end=BUILT, as_of=BUILT)
    store.train(model, trials=1, runner="serial")
    scored = store.score(model, since=BUILT.date(), until=date(2018, 6, 14), explain=2, shadow=True)
    found: dict[str, str] = {}
    for name in ("card_transactions", VIEW, model.training_set.name, scored.table):
        held = content(store.tables.read(name))
        found[name] = f"{held.rows} rows, {held.content_hash}"
    return found


def main() -> int:
    """Print them, as computed behind Spark Connect."""
    folder = Path(sys.argv[1])
    spark = session(Target.local(folder / "spark"), cores="2", remote=True)
    spark.conf.set("spark.sql.shuffle.partitions", "2")
    kind = "connect" if "connect" in type(spark).__module__ else "classic"
    print(json.dumps({"session": kind, "tables": hashes(spark, folder)}))
    spark.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
