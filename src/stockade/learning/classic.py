"""SparkTrials and xgboost.spark: the one place that needs a SparkContext, which Connect has not."""

import logging
import re
import tempfile
import threading
import warnings
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xgboost as xgb
from hyperopt import SparkTrials, Trials, fmin
from hyperopt.base import JOB_STATE_CANCEL, JOB_STATE_NEW, JOB_STATE_RUNNING
from hyperopt.exceptions import AllTrialsFailed
from pyspark.sql import DataFrame, SparkSession
from xgboost.spark import SparkXGBClassifier

from stockade.definitions.model import Algorithm, ModelSpec
from stockade.errors import StockadeError
from stockade.learning.data import LearningData, sampled
from stockade.learning.models import Params, check_params, constraints, fit_spec
from stockade.learning.trial import Objective
from stockade.predictors import BoosterMean, Predictor

_LABEL, _WEIGHT = "label", "weight"
_FILE_ROWS = 1 << 18

Report = Callable[[int, int, float | None], None]


class NoSparkContextError(StockadeError):
    """Raised when a search asks for SparkTrials on a session without a SparkContext."""


class FitLostError(StockadeError):
    """Raised when a fit on several workers did not come to its end."""


class SearchStoppedError(StockadeError):
    """Raised when SparkTrials can start no more trials, say because Spark was stopped."""


def classic_session(spark: SparkSession | None, *, runner: str) -> SparkSession:
    """The session, or the active one, which must have a SparkContext.

    Raises:
        NoSparkContextError: there is no session, or it is Spark Connect's.
    """
    session = spark or SparkSession.getActiveSession()
    if session is None or not hasattr(session, "sparkContext"):
        found = "no Spark session is active" if session is None else "this session is Spark Connect"
        raise NoSparkContextError(
            f"runner '{runner}' needs a SparkContext, and {found}: use runner 'batch' or 'serial'"
        )
    return session


@dataclass(frozen=True, slots=True, kw_only=True)
class FitOnSpark:
    """Fits XGBoost on rows that are shared out among workers, none of which holds them all.

    The driver holds the rows as float32 and writes them to files once per fit; each worker reads
    its share. Trees are grown on histograms that are summed over the workers (`xgboost.spark`), so
    a model is as good as one that was fitted in one place, but not the same to the bit.

    Attributes:
        spark: a session with a SparkContext and a slot for each worker.
        workers: how many share the rows.
        deadline: the longest that one fit may take.
        scratch: a folder that driver and workers share; the machine's temporary one if None.
    """

    spark: SparkSession
    workers: int
    deadline: timedelta
    scratch: Path | None

    def fit_spec(
        self, spec: ModelSpec, params: Params, algorithm: Algorithm, data: LearningData
    ) -> Predictor:
        """Like `models.fit_spec`, for trees; the rest is fitted here."""
        if algorithm != "xgboost":
            return fit_spec(spec, params, algorithm, data)
        rows = sampled(data, spec.negatives, seed=spec.seed)
        return self.fit(params, rows, seed=spec.seed, monotone=spec.monotone)

    def fit(
        self,
        params: Params,
        data: LearningData,
        *,
        seed: int,
        monotone: Mapping[str, int] | None = None,
    ) -> BoosterMean:
        """The fitted trees.

        Raises:
            FitLostError: Spark could not end the fit, or not in time.
        """
        check_params(params, "xgboost")
        params = {**params, **constraints(data.inputs, monotone or {})}
        with tempfile.TemporaryDirectory(prefix="stockade-fit-", dir=self.scratch) as folder:
            columns = _write_rows(data, Path(folder))
            rows = self.spark.read.parquet(folder)
            boosters = [
                self._booster(
                    params,
                    rows,
                    columns,
                    data.kinds,
                    seed=seed + n,
                    weighted=data.weights is not None,
                )
                for n in range(int(params.get("seeds", 1)))
            ]
        for booster in boosters:
            booster.feature_names = list(data.inputs)
            booster.set_param({"nthread": 1})
        return BoosterMean(data.inputs, tuple(boosters))

    def _booster(
        self,
        params: Params,
        rows: DataFrame,
        columns: list[str],
        kinds: list[str],
        *,
        seed: int,
        weighted: bool,
    ) -> xgb.Booster:
        given = {name: value for name, value in params.items() if name != "seeds"}
        settings: dict[str, Any] = {"tree_method": "hist", "n_estimators": 200, **given}
        learner = SparkXGBClassifier(
            features_col=columns, label_col=_LABEL, weight_col=_WEIGHT if weighted else None,
            num_workers=self.workers, feature_types=kinds,
            random_state=seed, verbosity=0, verbose=False,
            **settings,
        )  # fmt: skip
        context = self.spark.sparkContext
        slots = context.defaultParallelism
        if str(context.master).startswith("local") and self.workers > slots:
            # Spark would wait for slots that never come, ten minutes.
            raise FitLostError(
                f"a fit on {self.workers} workers needs as many slots, and this machine's Spark "
                f"has {slots}: ask for fewer, or start it with more cores"
            )
        group = f"stockade-fit-{uuid4().hex}"
        context.setJobGroup(group, "fit on workers", interruptOnCancel=True)
        clock = threading.Timer(self.deadline.total_seconds(), context.cancelJobGroup, [group])
        clock.start()
        logger = logging.getLogger("XGBoost-PySpark")
        level = logger.level
        logger.setLevel(logging.ERROR)
        try:
            return learner.fit(rows).get_booster()
        except Exception as fault:
            late = not clock.is_alive()
            reason = f"it took over {self.deadline}" if late else _last_error(fault)
            raise FitLostError(
                f"the fit on {self.workers} workers was lost: {reason}; each worker needs a slot, "
                "and memory for its share of the rows"
            ) from None
        finally:
            logger.setLevel(level)
            clock.cancel()
            context.setLocalProperty("spark.jobGroup.id", None)  # pyright: ignore[reportArgumentType]


def objective_on_spark(objective: Objective, fitter: FitOnSpark) -> Objective:
    """The same objective, whose fits are shared out among workers."""
    fields = {name: getattr(objective, name) for name in Objective.__dataclass_fields__}
    return _OnSpark(**fields, fitter=fitter)


@dataclass(frozen=True, slots=True, kw_only=True)
class _OnSpark(Objective):
    fitter: FitOnSpark

    def _fit(self, params: Params, rows: LearningData) -> Predictor:
        return self.fitter.fit(
            params,
            sampled(rows, self.negatives, seed=self.seed),
            seed=self.seed,
            monotone=dict(self.monotone),
        )


def _write_rows(data: LearningData, folder: Path) -> list[str]:
    """Parquet files; the names of their input columns, which cannot clash."""
    names = [f"x{n}" for n in range(len(data.inputs))]
    for n, begin in enumerate(range(0, len(data), _FILE_ROWS)):
        part = data.take(slice(begin, begin + _FILE_ROWS))
        columns = {name: pa.array(part.rows[:, j]) for j, name in enumerate(names)}
        columns[_LABEL] = pa.array(part.labels.astype(np.float32))
        if part.weights is not None:
            columns[_WEIGHT] = pa.array(part.weights)
        pq.write_table(pa.table(columns), folder / f"part-{n:05d}.parquet")
    return names


def _last_error(fault: Exception) -> str:
    # A line of its own, or one that says more than that a worker's traceback follows.
    wanted = r"\b\w+(?:Error|Exception)(?:: (?!Traceback)[^\n\\]{1,200}|(?=\n|\\n))"
    named = re.findall(wanted, str(fault))
    return named[-1] if named else type(fault).__name__


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
    history = _Guarded(
        parallelism=parallelism, spark_session=classic_session(spark, runner="spark")
    )
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
