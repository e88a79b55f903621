"""One point of the search, evaluated where the rows are: on a Spark worker or here."""

import math
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from stockade.definitions.model import Metric
from stockade.errors import DataError
from stockade.learning.data import LearningData
from stockade.learning.evaluate import Evaluation, evaluate
from stockade.learning.models import FitTimeoutError, Params, Value, fit
from stockade.learning.split import Split

_PARTS = ("rows", "labels", "decided_at", "entities", "weights")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of one point: an evaluation, or the reason why there is none.

    `began` is in seconds since 1970, as the worker's clock had it.
    """

    number: int
    params: Mapping[str, Value]
    evaluation: Evaluation | None
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
        """Whether there is no evaluation."""
        return self.evaluation is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """The function that the search minimises: small, since it travels to every worker.

    Attributes:
        folder: where `save_sides` put the rows; every worker must be able to read it.
        inputs: the rows' columns.
        metric: what is maximised.
        capacity: how many entities are reviewed a day.
        seed: of the fits.
        deadline: the longest that one fit may take.
    """

    folder: str
    inputs: tuple[str, ...]
    metric: Metric
    capacity: int
    seed: int
    deadline: timedelta

    def __call__(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Hyperopt's result for these parameters; never raises, so that a trial fails alone."""
        began, begun = time.time(), time.monotonic()
        plain = {name: _plain(value) for name, value in params.items()}
        try:
            evaluation = self.evaluate(plain)
            loss = -evaluation.metric(self.metric)
            if not math.isfinite(loss):
                raise ValueError(f"{self.metric} is {-loss}")
            result: dict[str, Any] = {
                "status": "ok",
                "loss": loss,
                "evaluation": asdict(evaluation),
            }
        except FitTimeoutError as fault:
            result = {"status": "fail", "reason": f"took over {self.deadline}: {fault}"}
        except FileNotFoundError:
            reason = "the worker cannot read the rows: give a scratch folder that all workers share"
            result = {"status": "fail", "reason": reason}
        except Exception as fault:  # any fault is this trial's own
            result = {"status": "fail", "reason": f"{type(fault).__name__}: {fault}"[:1000]}
        return result | {"began": began, "seconds": time.monotonic() - begun}

    def evaluate(self, params: Params) -> Evaluation:
        """Fit on the training side, judge on the validation side."""
        train = load_side(self.folder, "train", self.inputs)
        late = load_side(self.folder, "validation", self.inputs)
        model = fit(params, "xgboost", train, seed=self.seed, deadline=self.deadline)
        return evaluate(
            late.labels,
            model.predict(late.rows),
            late.decided_at,
            entities=late.entities,
            capacity=self.capacity,
        )


def save_sides(data: LearningData, split: Split, folder: Path) -> None:
    """Write both sides as plain `.npy` files, which any number of workers map into memory."""
    for side, index in (("train", split.train), ("validation", split.validation)):
        rows = data.take(index)
        for part in _PARTS:
            values = getattr(rows, part)
            if values is not None:
                np.save(folder / f"{side}_{part}.npy", values, allow_pickle=False)


@lru_cache(maxsize=2)
def load_side(folder: str, side: str, inputs: tuple[str, ...]) -> LearningData:
    """One side, mapped, not read; once per process, since a worker lives through many trials."""
    parts = {part: Path(folder) / f"{side}_{part}.npy" for part in _PARTS}
    mapped = {
        part: np.load(path, mmap_mode="r", allow_pickle=False)
        for part, path in parts.items()
        if part != "weights" or path.exists()
    }
    return LearningData(inputs=inputs, **mapped)


def trial_of(
    number: int, params: Params, result: Mapping[str, Any], misc: Mapping[str, Any]
) -> Trial:
    """A search result as a value; one without a verdict is a trial whose worker was lost."""
    if result.get("status") not in ("ok", "fail"):
        result = lost_trial(misc.get("error", ""))
    evaluation = Evaluation(**result["evaluation"]) if result["status"] == "ok" else None
    return Trial(
        number=number,
        params=params,
        evaluation=evaluation,
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


def _plain(value: object) -> Value:
    plain = value.item() if isinstance(value, np.generic) else value
    if not isinstance(plain, str | int | float):
        raise TypeError(f"a parameter cannot be a {type(value).__name__}")
    return plain
