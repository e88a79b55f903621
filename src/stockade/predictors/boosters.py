"""XGBoost's trees."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import xgboost as xgb

from stockade.predictors.model import Files, Matrix, Scores, UnsafeModelError


@dataclass(frozen=True, slots=True, eq=False)
class BoosterMean:
    """Gradient-boosted trees; of several seeds, the mean probability."""

    inputs: tuple[str, ...]
    boosters: tuple[xgb.Booster, ...]

    @property
    def algorithm(self) -> str:
        """Which learner made it."""
        return "xgboost"

    def predict(self, rows: Matrix) -> Scores:
        """Mean probability over the seeds; NaN is a missing value."""
        if len(rows) == 0:
            return np.empty(0)
        total = np.zeros(len(rows))
        for booster in self.boosters:
            total += np.asarray(booster.inplace_predict(rows, validate_features=False))
        return total / len(self.boosters)

    def contributions(self, rows: Matrix) -> Scores:
        """Exact Shapley values of the trees (Lundberg et al. 2020); the mean over the seeds."""
        total = np.zeros((len(rows), len(self.inputs)))
        if len(rows) == 0:
            return total
        matrix = xgb.DMatrix(
            rows,
            feature_names=list(self.inputs),
            feature_types=self.boosters[0].feature_types,
            enable_categorical=True,
            nthread=1,
        )
        for booster in self.boosters:
            # The last column is the average row's log odds.
            total += np.asarray(booster.predict(matrix, pred_contribs=True))[:, :-1]
        return total / len(self.boosters)

    def files(self) -> Files:
        """One `ubj` file per seed."""
        many = len(self.boosters) > 1
        return {
            f"model-{n}.ubj" if many else "model.ubj": bytes(booster.save_raw("ubj"))
            for n, booster in enumerate(self.boosters)
        }

    @classmethod
    def from_files(cls, inputs: tuple[str, ...], files: Files) -> Self:
        """The trees that `files` wrote; one thread, so that a worker keeps to its core."""
        boosters: list[xgb.Booster] = []
        for name in sorted(files, key=lambda name: (len(name), name)):
            booster = xgb.Booster({"nthread": 1})
            try:
                booster.load_model(bytearray(files[name]))
            except xgb.core.XGBoostError as fault:
                raise UnsafeModelError(
                    f"model file '{name}' is not a whole xgboost model"
                ) from fault
            if tuple(booster.feature_names or ()) != inputs:
                raise UnsafeModelError(
                    f"model file '{name}' was fitted on other columns than its manifest lists: "
                    "register the model again"
                )
            boosters.append(booster)
        return cls(inputs, tuple(boosters))
