"""From raw card payments to a champion's scores: what `make demo` runs."""

import argparse
import time
from datetime import UTC, date, datetime
from pathlib import Path

from rich.table import Table

from examples.card_fraud import generator
from examples.card_fraud.model import card_fraud
from examples.steps import screen, step
from stockade import Files
from stockade.feature_store import FeatureStore, connect
from stockade.learning.evaluate import Evaluation
from stockade.target import Target

RENAME = {
    "TRANSACTION_ID": "transaction_id",
    "TX_DATETIME": "paid_at",
    "CUSTOMER_ID": "customer_id",
    "TERMINAL_ID": "terminal_id",
    "TX_AMOUNT": "amount",
    "TX_FRAUD": "is_fraud",
    "TX_FRAUD_SCENARIO": "scenario",
}

# Nine weeks to learn from, a week until their outcomes are known, a week to score.
LEARN_FROM, BUILT, UNTIL = date(2018, 6, 3), date(2018, 8, 12), date(2018, 8, 19)
LEARN_UNTIL = date(2018, 8, 5)
# Five weeks later every outcome of the scored week is known.
JUDGED = datetime(2018, 9, 23, tzinfo=UTC)


def main() -> None:
    """Run every step and say what it did and where to look."""
    arguments = _arguments()
    folder = Path(arguments.target)
    begin = time.monotonic()
    with step("card payments"):
        if arguments.data:
            path = Path(arguments.data) / "transactions.parquet"
        else:
            path = generator.write(generator.world(arguments.scale), folder / "raw")
    with step("start Spark"):
        store = connect("examples.card_fraud", target=Target.local(folder))
    _load(store, path)
    _snapshots(store)
    _learn(store, arguments.trials)
    _score(store)
    minutes, seconds = divmod(int(time.monotonic() - begin), 60)
    screen.print(f"\ndone in {minutes} min {seconds} s. Where to look:")
    screen.print(f"  tables   {store.target.warehouse}")
    screen.print(f"  runs     .venv/bin/mlflow ui --backend-store-uri {store.target.tracking_uri}")
    screen.print("  code     examples/card_fraud/, beginning with cards.py")


def _load(store: FeatureStore, path: Path) -> None:
    with step("load them into Delta, types checked") as said:
        written = store.ingest(
            Files(path=str(path)), "card_transactions", naive_utc=["TX_DATETIME"], rename=RENAME
        )
        said(f"{written.rows:,} payments")


def _snapshots(store: FeatureStore) -> None:
    for view in ("customer_habits", "terminal_history"):
        with step(f"daily snapshots of {view}") as said:
            done = store.materialize(view, start=date(2018, 8, 5), end=BUILT)
            said(f"{done.rows:,} rows for a week")


def _learn(store: FeatureStore, trials: int) -> None:
    name = card_fraud.training_set.name
    with step(f"training set as of {BUILT}") as said:
        built = store.build(
            name, start=_midnight(LEARN_FROM), end=_midnight(LEARN_UNTIL), as_of=_midnight(BUILT)
        )
        states = built.manifest["label_states"]
        said(", ".join(f"{count:,} {state}" for state, count in states.items()))
    with step("audit: is any value later than its decision?") as said:
        audit = store.audit(name).require()
        said(f"none, in {audit.rows:,} rows and {len(audit.checks)} rules")
    with step("verify: engine against oracle") as said:
        found = store.verify(name, sample=200).require()
        said(f"{found.rows} payments x {found.features} features, no difference")
    with step(f"search with TPE, {trials} trials, and register the best") as said:
        trained = store.train(card_fraud, trials=trials, runner="spark")
        said(f"'{trained.name}' version {trained.version} is challenger: {trained.algorithm}")
    with step("ask the gates") as said:
        promotion = store.promote(card_fraud)
        failed = [f"{check.gate}: {check.said}" for check in promotion.checks if not check.passed]
        said("; ".join(failed) or f"version {promotion.version} is champion")
    _print_metrics(
        {
            "search's validation weeks": trained.validation,
            "test week, which the search never saw": trained.judgement.evaluation,
            "test week, logistic baseline": trained.judgement.baseline,
        }
    )


def _score(store: FeatureStore) -> None:
    with step(f"score the week from {BUILT}") as said:
        scored = store.score(card_fraud, since=BUILT, until=UNTIL)
        said(f"{scored.rows:,} payments in table '{scored.table}'")
    with step("judge it by what became known later"):
        found = store.evaluate(card_fraud, since=BUILT, until=UNTIL, as_of=JUDGED)
    _print_metrics({"scored week": found})


def _print_metrics(rows: dict[str, Evaluation]) -> None:
    capacity = next(iter(rows.values())).capacity
    table = Table("", "average precision", "ROC AUC", f"precision@{capacity}", f"recall@{capacity}")
    for name, found in rows.items():
        table.add_row(
            name,
            f"{found.average_precision:.3f}",
            f"{found.roc_auc:.3f}",
            f"{found.precision_at_capacity:.3f}",
            f"{found.recall_at_capacity:.3f}",
        )
    screen.print(table)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--data", help="folder with the published transactions.parquet")
    parser.add_argument("--scale", type=float, default=0.1, help="1 is five thousand customers")
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--target", default=".stockade/demo", help="folder for tables and runs")
    return parser.parse_args()


if __name__ == "__main__":
    main()
