"""Two trials at a time beside one, and the runners' studies: `python -m benchmarks.tuning`."""

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from pyspark.sql import SparkSession

from benchmarks.__main__ import FOLDER
from examples.card_fraud.published import card_fraud_published
from stockade import Uniform
from stockade.definitions.model import ModelSpec
from stockade.learning.data import LearningData, from_arrays
from stockade.learning.isolated import end_child
from stockade.learning.models import fit_spec
from stockade.learning.split import Split, walk_forward
from stockade.learning.trial import judge
from stockade.learning.tune import Runner, Running, Study, tune
from stockade.session import session
from stockade.target import Target

INPUTS = tuple(f"x{n:02d}" for n in range(20))
TRIALS, ROUNDS = 12, 3


def main() -> None:
    """Measure in turn, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=120_000)
    arguments = parser.parse_args()
    spark = session(Target.local(FOLDER), memory="2g")
    data = example_rows(arguments.rows)
    spec = _spec()
    maturity = spec.training_set.label.maturity
    periods = walk_forward(
        data, validation=spec.validation, folds=spec.folds, test=spec.test, gap=maturity
    )

    def study(runner: Runner, parallelism: int) -> tuple[Study, float]:
        running = Running(runner=runner, parallelism=parallelism, spark=spark)
        begun = time.perf_counter()
        found = tune(spec, data, periods.folds, running=running, trials=TRIALS)
        spent = time.perf_counter() - begun
        # What is judged beside the trials is done once, whoever runs them.
        return found, spent - found.baseline.seconds - (found.blend or found.baseline).seconds

    runs: tuple[tuple[str, Runner, int], ...] = (
        ("serial", "serial", 2), ("batch of one", "batch", 1), ("batch of two", "batch", 2),
    )  # fmt: skip
    study("batch", 2)
    took: dict[str, list[float]] = {"serial": [], "batch of one": [], "batch of two": []}
    studies: dict[str, Study] = {}
    for _ in range(ROUNDS):
        for name, runner, size in runs:
            studies[name], seconds = study(runner, size)
            took[name].append(seconds)
            print(f"  {name:14s} {seconds:6.1f} s", flush=True)
    ratios = [a / b for a, b in zip(took["batch of one"], took["batch of two"], strict=True)]
    print(f"two at a time: {min(ratios):.2f} to {max(ratios):.2f} times sooner than one, in pairs")
    same = _same(studies["serial"], studies["batch of two"])
    print("the same study from serial and batch:", same)
    print("SparkTrials, its losses found again here:", _as_here(spec, data, periods.folds, spark))
    end_child()
    spark.stop()


def _spec() -> ModelSpec:
    return replace(
        card_fraud_published, review_entity=None, folds=2,
        search={"max_depth": Uniform(low=4, high=8, whole=True),
                "learning_rate": Uniform(low=0.05, high=0.3, log=True)},
        fixed={"n_estimators": 120},
    )  # fmt: skip


def example_rows(rows: int, *, seed: int = 0) -> LearningData:
    """Rows of sixty days in order of time, of which one in twenty or so is positive."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, len(INPUTS))).astype(np.float32)
    odds = x[:, 0] * x[:, 1] + x[:, 2] - 4
    labels = random.random(rows) < 1 / (1 + np.exp(-odds))
    step = np.timedelta64(60 * 86_400_000_000 // rows, "us")
    return from_arrays(
        x, labels, np.datetime64("2026-01-01", "us") + np.arange(rows) * step, inputs=INPUTS
    )


def _same(one: Study, other: Study) -> bool:
    return [(trial.params, one.value(trial)) for trial in one.trials] == [
        (trial.params, other.value(trial)) for trial in other.trials
    ]


def _as_here(
    spec: ModelSpec, data: LearningData, folds: Sequence[Split], spark: SparkSession
) -> bool:
    found = tune(
        spec, data, folds, trials=4,
        running=Running(runner="spark", parallelism=2, spark=spark),
    )  # fmt: skip
    for trial in found.trials:
        values = [
            judge(
                fit_spec(spec, trial.params, "xgboost", data.take(fold.train)),
                data.take(fold.validation),
                capacity=spec.review_capacity,
            ).metric(spec.metric)
            for fold in folds
        ]
        if abs(float(np.mean(values)) - found.value(trial)) > 1e-12:
            return False
    return True


if __name__ == "__main__":
    main()
