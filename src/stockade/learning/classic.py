"""Hyperopt's SparkTrials: the one place that needs a SparkContext, which Connect has not."""

import threading
import warnings
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
from hyperopt import SparkTrials, Trials, fmin
from hyperopt.base import JOB_STATE_CANCEL, JOB_STATE_NEW, JOB_STATE_RUNNING
from hyperopt.exceptions import AllTrialsFailed
from pyspark.sql import SparkSession

from stockade.errors import StockadeError

Report = Callable[[int, int, float | None], None]


class NoSparkContextError(StockadeError):
    """Raised when a search asks for SparkTrials on a session without a SparkContext."""


class SearchStoppedError(StockadeError):
    """Raised when SparkTrials can start no more trials, say because Spark was stopped."""


def spark_trials_search(
    objective: Callable[..., Any],
    space: Mapping[str, Any],
    suggest: Callable[..., Any],
    *,
    total: int,
    parallelism: int,
    seed: int,
    spark: SparkSession | None,
    report: Report,
) -> list[dict[str, Any]]:
    """Hyperopt's documents of `total` trials, in the order of proposal.

    Raises:
        NoSparkContextError: there is no session, or it is Spark Connect's.
        SearchStoppedError: the thread that starts the trials died.
    """
    session = spark or SparkSession.getActiveSession()
    if session is None or not hasattr(session, "sparkContext"):
        found = "no Spark session is active" if session is None else "this session is Spark Connect"
        raise NoSparkContextError(
            f"runner 'spark' (SparkTrials) needs a SparkContext, and {found}: "
            "use runner 'batch' or 'serial'"
        )
    history = _Guarded(parallelism=parallelism, spark_session=session)
    # That all have failed is for the caller to tell, with the reasons.
    with suppress(AllTrialsFailed), _watched(history):
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
    if history.fault is not None:
        raise SearchStoppedError(
            f"SparkTrials stopped ({type(history.fault).__name__}: {history.fault}): see whether "
            "Spark is still running, or use runner 'batch'"
        ) from history.fault
    # `.trials` leaves out those whose task died; a search must account for every one.
    ended = sorted(history._dynamic_trials, key=lambda one: one["tid"])  # pyright: ignore[reportPrivateUsage]
    _report(report, ended, total)
    return ended


class _Guarded(SparkTrials):
    """SparkTrials that ends when its dispatcher has died, where Hyperopt waits for ever."""

    fault: BaseException | None = None

    def stop(self, fault: BaseException) -> None:
        self.fault, self._fmin_cancelled = fault, True

    def count_by_state_unsynced(self, arg: object) -> int:
        # Hyperopt polls this; only here is every trial seen that was queued in the meantime.
        if self.fault is not None:
            for one in self._dynamic_trials:
                if one["state"] in (JOB_STATE_NEW, JOB_STATE_RUNNING):
                    one["state"] = JOB_STATE_CANCEL
        return int(super().count_by_state_unsynced(arg))


@contextmanager
def _watched(history: _Guarded) -> Generator[None, None, None]:
    """Tell `history` of its dispatcher's death; keep a warning from being the cause of it."""
    before = threading.excepthook

    def tell(args: threading.ExceptHookArgs) -> None:
        if args.thread is None or "run_dispatcher" not in args.thread.name:
            before(args)
            return
        history.stop(args.exc_value or RuntimeError("unknown"))

    threading.excepthook = tell
    try:
        with warnings.catch_warnings():
            # Raised in the dispatcher where warnings are errors, as in tests.
            warnings.filterwarnings("ignore", message="Spark session is not provided")
            yield
    finally:
        threading.excepthook = before


def _watcher(report: Report, total: int) -> Callable[..., tuple[bool, list[Any]]]:
    """An early-stop function that never stops: Hyperopt calls it whenever a trial succeeds.

    It must not raise: that kills the dispatcher's thread. Hyperopt's own `no_progress_loss` does
    just that (hyperopt #808) and must never be used here.
    """

    def watch(history: Trials, *_: object) -> tuple[bool, list[Any]]:
        try:
            _report(report, list(history.trials), total)
        except Exception:  # a progress bar is not worth a search
            return False, []
        return False, []

    return watch


def _report(report: Report, history: list[dict[str, Any]], total: int) -> None:
    results = [one["result"] for one in history]
    losses = [result["loss"] for result in results if result.get("status") == "ok"]
    ended = sum(result.get("status") in ("ok", "fail") for result in results)
    report(ended, total, -min(losses) if losses else None)
