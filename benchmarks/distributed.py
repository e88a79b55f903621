"""Rows shared out among workers that could not hold all: `python -m benchmarks.distributed`."""

import argparse
import os
import resource
import subprocess
import sys
import time
from datetime import timedelta

import numpy as np
from pyspark.sql import SparkSession
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks.tuning import example_rows
from stockade.learning.classic import FitOnSpark
from stockade.learning.models import fit
from stockade.predictors import Predictor

PARAMS = {"n_estimators": 60, "max_depth": 6, "learning_rate": 0.1}


def main() -> None:
    """Fit in one process with and without the budget, then on two workers within it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=4_000_000)
    parser.add_argument("--budget", type=int, default=1_300, help="megabytes of address space")
    parser.add_argument("--alone", action="store_true", help="in this process, as a part of it")
    arguments = parser.parse_args()
    if arguments.alone:
        _alone(arguments.rows, arguments.budget)
        return
    for budget in (arguments.budget, 0):
        # A limit holds for a whole process, so each fit has its own.
        command = [sys.executable, "-m", __spec__.name, "--alone",
                   "--rows", str(arguments.rows), "--budget", str(budget)]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        last = (done.stdout or done.stderr).strip().splitlines()[-1]
        told = last if done.returncode == 0 else f"ended with {done.returncode}: {last[-80:]}"
        print(f"one process, {f'{budget:,} MB' if budget else 'no limit':10s} {told}", flush=True)
    _shared(arguments.rows, arguments.budget)


def _alone(rows: int, budget: int) -> None:
    data = example_rows(rows)
    if budget:
        resource.setrlimit(resource.RLIMIT_AS, (budget << 20, budget << 20))
    begun = time.perf_counter()
    model = fit(PARAMS, "xgboost", data, seed=1)
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"{_judged(model, rows)}, {seconds:.0f} s, {peak:,} MB at most")


def _shared(rows: int, budget: int) -> None:
    os.environ["PYSPARK_PYTHON"] = sys.executable
    local = SparkSession.builder.master("local[2]").config("spark.driver.memory", "3g")
    spark = local.config("spark.executor.pyspark.memory", f"{budget}m").getOrCreate()
    fitter = FitOnSpark(spark=spark, workers=2, deadline=timedelta(minutes=30), scratch=None)
    data = example_rows(rows)
    begun = time.perf_counter()
    model = fitter.fit(PARAMS, data, seed=1)
    seconds = time.perf_counter() - begun
    print(f"two workers, {budget:,} MB each  {_judged(model, rows)}, {seconds:.0f} s")
    spark.stop()


def _judged(model: Predictor, rows: int) -> str:
    test = example_rows(min(rows, 500_000), seed=1)
    scores = np.asarray(model.predict(test.rows))
    precision = average_precision_score(test.labels, scores)
    return f"average precision {precision:.4f}, ROC AUC {roc_auc_score(test.labels, scores):.4f}"


if __name__ == "__main__":
    main()
