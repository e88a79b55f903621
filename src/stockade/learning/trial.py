"""One point of the search, evaluated where the rows are: on a Spark worker or here."""

import math
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from stockade.definitions.model import Metric
from stockade.errors import DataError
from stockade.learning.data import LearningData
from stockade.learning.evaluate import Evaluation, evaluate, mean_evaluation
from stockade.learning.models import Params, Value, fit, learner_of
from stockade.learning.split import Split
from stockade.predictors import Predictor

_PARTS = ("rows", "labels", "decided_at", "entities", "weights")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of one point.

    Attributes:
        number: its place in the order of proposal.
        params: the point.
        evaluation: the mean over the folds; None where the trial failed or was stopped.
        folds: the evaluation of each fold, the latest first.
        stopped: whether it was given up, as worse than most, before its last fold.
        reason: why there is no evaluation.
        began: seconds since 1970, as the worker's clock had it.
        seconds: how long it took.
    """

    number: int
    params: Mapping[str, Value]
    evaluation: Evaluation | None
    folds: tuple[Evaluation, ...]
    stopped: bool
    reason: str | None
    began: float
    seconds: float

    def judged(self) -> Evaluation:
        """The evaluation of a trial that has one."""
        if self.evaluation is None:
            raise DataError(f"trial {self.number} has no evaluation: {self.reason}")
        return self.evaluation

    @property
    def failed(self) -> bool:
        """Whether it ended with an error."""
        return self.evaluation is None and not self.stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """The function that the search minimises: small, since it travels to every worker.

    Attributes:
        folder: where `save_rows` put the rows; every worker must be able to read it.
        inputs: the rows' columns.
        folds: of the rows, oldest first.
        metric: what is maximised.
        capacity: how many entities are reviewed a day.
        seed: of the fits.
        negatives: share of the negative rows that they see.
        categories: input of text, and its values.
        monotone: input, and the one way in which it may move the score.
    """

    folder: str
    inputs: tuple[str, ...]
    folds: tuple[Split, ...]
    metric: Metric
    capacity: int
    seed: int
    negatives: float = 1.0
    categories: tuple[tuple[str, tuple[str, ...]], ...] = ()
    monotone: tuple[tuple[str, int], ...] = ()

    def __call__(self, params: Mapping[str, Any], bars: Sequence[float] = ()) -> dict[str, Any]:
        """Hyperopt's result for these parameters; never raises, so that a trial fails alone.

        Args:
            params: the point.
            bars: bar k is the mean metric over the first k + 1 folds below which a trial is not
                worth its remaining folds.
        """
        began, begun = time.time(), time.monotonic()
        try:
            result = self._judged(params, bars)
        except FileNotFoundError:
            reason = "the worker cannot read the rows: give a scratch folder that all workers share"
            result = {"status": "fail", "reason": reason}
        except Exception as fault:  # any fault is this trial's own
            result = {"status": "fail", "reason": f"{type(fault).__name__}: {fault}"[:1000]}
        return result | {"began": began, "seconds": time.monotonic() - begun}

    def _judged(self, params: Params, bars: Sequence[float]) -> dict[str, Any]:
        folds: list[Evaluation] = []
        value = math.nan
        # The latest first: it is most like what is to come.
        for fold in reversed(self.folds):
            folds.append(self._fold(params, fold))
            value = float(np.mean([one.metric(self.metric) for one in folds]))
            if not math.isfinite(value):
                raise ValueError(f"{self.metric} is {value}")
            bar = bars[len(folds) - 1] if len(folds) <= len(bars) else -math.inf
            if value < bar and len(folds) < len(self.folds):
                reason = (
                    f"stopped after {len(folds)} of {len(self.folds)} folds: {self.metric} "
                    f"{value:.4f} is below the median of earlier trials, {bar:.4f}"
                )
                return _document(folds, value) | {"stopped": True, "reason": reason}
        return _document(folds, value)

    def _fold(self, params: Params, fold: Split) -> Evaluation:
        """Fit on the training side, judge on the validation side."""
        rows = load_rows(self.folder, self.inputs, self.categories)
        model = self._fit(params, rows.take(fold.train))
        return judge(model, rows.take(fold.validation), capacity=self.capacity)

    def _fit(self, params: Params, rows: LearningData) -> Predictor:
        return fit(
            params, learner_of(params), rows,
            seed=self.seed, negatives=self.negatives, monotone=dict(self.monotone),
        )  # fmt: skip


def judge(model: Predictor, rows: LearningData, *, capacity: int) -> Evaluation:
    """What a model's scores are worth on these rows."""
    return evaluate(
        rows.labels,
        model.predict(rows.rows),
        rows.decided_at,
        entities=rows.entities,
        capacity=capacity,
        weights=rows.weights,
    )


def save_rows(data: LearningData, folder: Path) -> None:
    """Write the rows as plain `.npy` files, which any number of workers map into memory."""
    for part in _PARTS:
        values = getattr(data, part)
        if values is not None:
            np.save(folder / f"{part}.npy", values, allow_pickle=False)


@lru_cache(maxsize=1)
def load_rows(
    folder: str, inputs: tuple[str, ...], categories: tuple[tuple[str, tuple[str, ...]], ...]
) -> LearningData:
    """The rows, mapped, not read; once per process, since a worker lives through many trials."""
    parts = {part: Path(folder) / f"{part}.npy" for part in _PARTS}
    mapped = {
        part: np.load(path, mmap_mode="r", allow_pickle=False)
        for part, path in parts.items()
        if part != "weights" or path.exists()
    }
    return LearningData(inputs=inputs, categories=dict(categories), **mapped)


def trial_of(
    number: int, params: Params, result: Mapping[str, Any], misc: Mapping[str, Any]
) -> Trial:
    """A search result as a value; one without a verdict is a trial whose worker was lost."""
    if result.get("status") not in ("ok", "fail"):
        result = lost_trial(misc.get("error", ""))
    folds = tuple(Evaluation(**one) for one in result.get("folds", ()))
    stopped = bool(result.get("stopped"))
    whole = result["status"] == "ok" and not stopped
    return Trial(
        number=number,
        params=params,
        evaluation=mean_evaluation(folds) if whole else None,
        folds=folds,
        stopped=stopped,
        reason=result.get("reason"),
        began=float(result["began"]),
        seconds=float(result["seconds"]),
    )


def lost_trial(fault: object) -> dict[str, Any]:
    """The result of a trial whose worker was lost; of Spark's error, its last Python error."""
    named = re.findall(r"\b\w+Error: [^\n\\]{1,200}", str(fault))
    cause = f" ({named[-1]})" if named else ""
    reason = f"the worker was lost{cause}: see Spark's log; often it ran out of memory"
    return {"status": "fail", "reason": reason, "began": time.time(), "seconds": 0.0}


def _document(folds: Sequence[Evaluation], value: float) -> dict[str, Any]:
    return {"status": "ok", "loss": -value, "folds": [asdict(one) for one in folds]}
