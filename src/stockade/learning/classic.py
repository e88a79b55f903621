"""Hyperopt's SparkTrials: the one place that needs a SparkContext, which Connect has not."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from hyperopt import Trials, fmin
from pyspark.sql import SparkSession

from stockade.errors import StockadeError


class NoSparkContextError(StockadeError):
    """Raised when a search asks for SparkTrials on a session without a SparkContext."""


def spark_trials_search(
    objective: Callable[..., Any],
    space: Mapping[str, Any],
    suggest: Callable[..., Any],
    *,
    total: int,
    parallelism: int,
    seed: int,
    spark: SparkSession | None,
    report: Callable[[int, int, float | None], None],
) -> list[dict[str, Any]]:
    """Hyperopt's documents of `total` trials, in the order of proposal.

    Raises:
        NoSparkContextError: there is no session, or it is Spark Connect's.
    """
    session = spark or SparkSession.getActiveSession()
    if session is None or not hasattr(session, "sparkContext"):
        found = "no Spark session is active" if session is None else "this session is Spark Connect"
        raise NoSparkContextError(
            f"runner 'spark' (SparkTrials) needs a SparkContext, and {found}: "
            "use runner 'batch' or 'serial'"
        )
    # Imported here: without Spark's Java side it fails on use, and says so at import.
    from hyperopt import SparkTrials

    history = SparkTrials(parallelism=parallelism, spark_session=session)
    fmin(
        objective,
        dict(space),
        algo=suggest,
        max_evals=total,
        trials=history,
        rstate=np.random.default_rng(seed),
        verbose=False,
        show_progressbar=False,
        return_argmin=False,
        early_stop_fn=_watcher(report, total),
    )
    # `.trials` leaves out those whose task died; a search must account for every one.
    ended = sorted(history._dynamic_trials, key=lambda one: one["tid"])
    _report(report, ended, total)
    return ended


def _watcher(
    report: Callable[[int, int, float | None], None], total: int
) -> Callable[..., tuple[bool, list[Any]]]:
    """An early-stop function that never stops: Hyperopt calls it whenever a trial succeeds.

    It must not raise: that kills the dispatcher's thread, and `fmin` waits for ever. Hyperopt's
    own `no_progress_loss` does just that (hyperopt #808) and must never be used here.
    """

    def watch(history: Trials, *_: object) -> tuple[bool, list[Any]]:
        try:
            _report(report, list(history.trials), total)
        except Exception:  # a progress bar is not worth a search
            return False, []
        return False, []

    return watch


def _report(
    report: Callable[[int, int, float | None], None], history: list[dict[str, Any]], total: int
) -> None:
    results = [one["result"] for one in history]
    losses = [result["loss"] for result in results if result.get("status") == "ok"]
    ended = sum(result.get("status") in ("ok", "fail") for result in results)
    report(ended, total, -min(losses) if losses else None)
