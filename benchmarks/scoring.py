"""Scoring beside a bare `Booster.predict`: `python -m benchmarks.scoring [--millions 10]`."""

import argparse
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xgboost as xgb
from pyspark.sql import functions as F

from benchmarks.__main__ import FOLDER, peak_memory
from stockade import Action, Policy
from stockade.champion import Champion
from stockade.decisions import Calibration, DecisionRule
from stockade.learning.data import from_arrays
from stockade.learning.models import fit
from stockade.predictors import BoosterMean
from stockade.scoring.score import score, scorer
from stockade.session import session
from stockade.target import Target

INPUTS = tuple(f"x{n:02d}" for n in range(30))
BATCH, BATCHES, REPEATS = 131_072, 2, 3
POLICY = Policy(
    loss="amount",
    actions=(Action(name="approve"), Action(name="review", cost=40.0, prevented=0.9, friction=1.0)),
)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--millions", type=int, default=10, help="rows scored on Spark")
    millions = parser.parse_args().millions
    champion = _champion()
    _in_one_process(champion)
    _on_spark(champion, millions)


def _champion() -> Champion:
    random = np.random.default_rng(0)
    rows = random.normal(size=(50_000, len(INPUTS))).astype(np.float32)
    rows[random.random(rows.shape) < 0.05] = np.nan
    labels = random.random(len(rows)) < 1 / (1 + np.exp(4 - np.nan_to_num(rows[:, :5]).sum(axis=1)))
    decided = np.datetime64("2026-01-01", "us") + np.arange(len(rows)) * np.timedelta64(1, "m")
    data = from_arrays(rows, labels, decided, inputs=INPUTS)
    model = fit({"n_estimators": 300, "max_depth": 6}, "xgboost", data)
    knots = np.linspace(0, 1, 50)
    return Champion(
        name="benchmark", version=1, run_id="", algorithm="xgboost", params={}, inputs=INPUTS,
        fingerprints={}, definitions_json="", training_table="t", training_version="0",
        label="bad", metrics={}, files=model.files(),
        calibration=Calibration("isotonic", knots, knots),
        rule=DecisionRule(policy=POLICY, mean_loss=33.0, price=0.0, explored=0.0),
        judgement={}, categories={},
        meanings={name: f"number of {name} in 7 days" for name in INPUTS},
        population={name: np.linspace(-3, 3, 99) for name in INPUTS},
    )  # fmt: skip


def _batches() -> list[pa.RecordBatch]:
    random = np.random.default_rng(1)
    return [
        pa.RecordBatch.from_pydict(
            {
                "id": np.arange(BATCH),
                "at": pa.array(np.arange(BATCH), pa.timestamp("us", tz="UTC")),
                **{name: random.normal(size=BATCH) for name in INPUTS},
                "_loss": random.lognormal(3, 1, BATCH),
                "_lot": random.random(BATCH),
            }
        )
        for _ in range(BATCHES)
    ]


def _in_one_process(champion: Champion) -> None:
    batches = _batches()
    model = champion.predictor()
    if not isinstance(model, BoosterMean):
        raise TypeError(type(model).__name__)
    (booster,) = model.boosters

    def bare(given: Iterable[pa.RecordBatch]) -> Iterator[object]:
        for batch in given:
            columns = xgb.DMatrix(pa.Table.from_batches([batch.select(list(INPUTS))]), nthread=1)
            yield booster.predict(columns)

    runs: dict[str, Callable[[Iterable[pa.RecordBatch]], Iterable[object]]] = {"bare": bare}
    for explain in (0, 3):
        name = f"stockade, {explain} reasons"
        runs[name] = scorer(champion, ("id", "at"), explain=explain, who="the benchmark")
    best: dict[str, float] = {}
    told = 0
    # In turn, so that a busy moment meets them all.
    for _ in range(REPEATS):
        for name, run in runs.items():
            begun = time.perf_counter()
            done = list(run(batches))
            best[name] = min(best.get(name, np.inf), time.perf_counter() - begun)
            told = sum(_told(one) for one in done)
    rows = BATCH * BATCHES
    share = told / rows
    print(
        f"one process, {rows:,} rows x {len(INPUTS)} inputs, 300 trees of depth 6; reasons for "
        f"{share:.1%} of them"
    )
    for name, seconds in best.items():
        print(f"  {name:22s} {rows / seconds:>12,.0f} rows/s  {seconds / best['bare']:5.2f} x bare")


def _told(scored: object) -> int:
    """How many rows of a batch have reasons."""
    if not isinstance(scored, pa.RecordBatch) or "reasons" not in scored.schema.names:
        return 0
    return int(np.count_nonzero(pc.list_value_length(scored.column("reasons")).to_numpy()))


def _on_spark(champion: Champion, millions: int) -> None:
    spark = session(Target.local(FOLDER), memory="4g", optimise=True)
    path = str(Path(FOLDER / f"scoring-{millions}m").resolve())
    rows = spark.range(millions * 1_000_000).select(
        "id", F.timestamp_micros(F.col("id") * 1_000_000).alias("at"),
        *(F.randn(n).alias(name) for n, name in enumerate(INPUTS)),
        F.exp(F.randn(99) + 3).alias("amount"),
    )  # fmt: skip
    if not Path(path).exists():
        rows.write.parquet(path)
    given = spark.read.parquet(path)
    for explain in (0, 3):
        with peak_memory() as peak:
            begun = time.perf_counter()
            scored = score(given, champion, id_columns=["id"], decided_at="at", explain=explain)
            scored.write.format("delta").mode("overwrite").save(f"{path}-scored-{explain}")
            seconds = time.perf_counter() - begun
        print(
            f"Spark, {millions} M rows into Delta, {explain} reasons: {seconds:,.0f} s, "
            f"{millions * 1e6 / seconds:,.0f} rows/s, {peak[0] / 2**30:.1f} GB at most"
        )
    spark.stop()


if __name__ == "__main__":
    main()
