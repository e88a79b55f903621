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
from examples.card_fraud.model import card_fraud
from stockade import Files, connect
from stockade.session import session
from stockade.store.content import content
from stockade.target import Target

VIEWS = ("customer_habits", "customer_history", "terminal_history")
BUILT = datetime(2018, 5, 20, tzinfo=UTC)


def hashes(spark: SparkSession, folder: Path) -> Mapping[str, str]:
    """Table -> rows and content hash, of snapshots and of a training set that are written here."""
    target = Target.local(folder / "target")
    store = connect("examples.card_fraud.cards", "examples.card_fraud.model", target=target,
                    spark=spark)  # fmt: skip
    path = write(world(0.02, days=50), folder / "raw")
    store.ingest(
        Files(path=str(path)), "card_transactions", naive_utc=["TX_DATETIME"], rename=RENAME
    )
    for view in VIEWS:
        store.materialize(view, start=date(2018, 5, 10), end=date(2018, 5, 13))
    store.build(card_fraud, start=datetime(2018, 4, 22, tzinfo=UTC), end=BUILT, as_of=BUILT)
    found: dict[str, str] = {}
    for name in ("card_transactions", *VIEWS, card_fraud.training_set.name):
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
