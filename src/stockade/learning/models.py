"""The two learners: gradient-boosted trees, and the logistic regression they must beat."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from stockade.champion import BoosterMean, Logistic, Matrix, Predictor
from stockade.definitions.model import Algorithm, ModelSpec
from stockade.errors import DefinitionError, hint, raise_all
from stockade.learning.data import LearningData, sampled

Value = str | int | float
Params = Mapping[str, Value]

# What the learner decides itself: the seed comes from the spec, and one thread makes a fit
# repeatable (with several, histogram sums depend on how the rows were shared out).
_MANAGED = {
    "callbacks", "device", "early_stopping_rounds", "enable_categorical", "eval_metric",
    "feature_types", "importance_type", "missing", "n_jobs", "nthread", "objective",
    "random_state", "seed", "verbosity",
}  # fmt: skip
_LOGISTIC_PARAMS = ("C", "class_weight", "max_iter")


def fit(
    params: Params,
    algorithm: Algorithm,
    data: LearningData,
    *,
    seed: int = 0,
    negatives: float = 1.0,
) -> Predictor:
    """The fitted model; the same rows, parameters and seed give the same model.

    Args:
        params: XGBoost's names as in its scikit-learn interface (`n_estimators` trees), and
            `seeds`, how many models with consecutive seeds are averaged. For `logistic`: `C`,
            `class_weight`, `max_iter`.
        algorithm: `xgboost` or `logistic`.
        data: what to learn from.
        seed: of the random parts.
        negatives: share of the negative rows to learn from; see `sampled`.
    """
    check_params(params, algorithm)
    data = sampled(data, negatives, seed=seed)
    if algorithm == "logistic":
        return _fit_logistic(params, data, seed=seed)
    return _fit_boosters(params, data, seed=seed)


# How a model's definition is fitted: here, or on Spark.
Fit = Callable[[ModelSpec, Params, Algorithm, LearningData], Predictor]


def fit_spec(
    spec: ModelSpec, params: Params, algorithm: Algorithm, data: LearningData
) -> Predictor:
    """Fit as the model's definition says."""
    return fit(params, algorithm, data, seed=spec.seed, negatives=spec.negatives)


def fit_predict(
    params: Params, algorithm: Algorithm, train: LearningData, test: Matrix, *, seed: int = 0
) -> NDArray[np.float64]:
    """Fit on `train` and score `test`, whose columns are `train.inputs`."""
    return fit(params, algorithm, train, seed=seed).predict(np.asarray(test, np.float32))


def check_params(names: Mapping[str, object], algorithm: Algorithm, *, who: str = "model") -> None:
    """Refuse parameters that the algorithm ignores or that are not the caller's to set.

    Raises:
        DefinitionError: with the nearest known name; several faults are raised together.
    """
    known = set(_LOGISTIC_PARAMS)
    if algorithm == "xgboost":
        known = (set(xgb.XGBModel().get_params()) | {"seeds"}) - _MANAGED
    raise_all(
        f"{who} has parameters that {algorithm} does not take",
        [
            DefinitionError(
                f"{who}: parameter '{name}' is set by stockade: remove it"
                if name in _MANAGED
                else f"{who}: {algorithm} has no parameter '{name}': {hint(name, known)}"
            )
            for name in names
            if name not in known
        ],
    )


def check_spec(spec: ModelSpec) -> None:
    """Refuse a search space that XGBoost would silently ignore a part of."""
    check_params({**spec.search, **spec.fixed}, "xgboost", who=f"model '{spec.name}'")


def _fit_boosters(params: Params, data: LearningData, *, seed: int) -> BoosterMean:
    own = {"n_estimators", "seeds"}
    settings = {name: value for name, value in params.items() if name not in own}
    settings |= {"objective": "binary:logistic", "nthread": 1, "verbosity": 0}
    settings.setdefault("tree_method", "hist")
    rows = xgb.DMatrix(
        data.rows,
        label=data.labels.astype(np.float32),
        weight=data.weights,
        feature_names=list(data.inputs),
        nthread=1,
    )
    return BoosterMean(
        data.inputs,
        tuple(
            xgb.train(
                {**settings, "seed": seed + n},
                rows,
                num_boost_round=int(params.get("n_estimators", 200)),
            )
            for n in range(int(params.get("seeds", 1)))
        ),
    )


def _fit_logistic(params: Params, data: LearningData, *, seed: int) -> Logistic:
    missing = np.isnan(data.rows)
    medians = np.array([_median(column) for column in data.rows.T])
    filled = np.where(missing, medians, data.rows.astype(np.float64))
    means, scales = filled.mean(axis=0), filled.std(axis=0)
    # A constant tells nothing; rounding may leave it a deviation of 1e-16 instead of zero.
    scales[scales <= 1e-12 * np.maximum(1.0, np.abs(means))] = 1.0
    flagged = np.flatnonzero(missing.any(axis=0))
    columns = np.hstack([(filled - means) / scales, missing[:, flagged]])
    settings: dict[str, Any] = {"max_iter": 1000, "random_state": seed, **params}
    model = LogisticRegression(**settings)
    with warnings.catch_warnings():
        # Not quite converged is good enough for a baseline, and no reason to alarm anyone.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(columns, data.labels, sample_weight=data.weights)
    weights = np.asarray(model.coef_)[0]
    missing_weights = np.zeros(len(data.inputs))
    missing_weights[flagged] = weights[len(data.inputs) :]
    return Logistic(
        inputs=data.inputs,
        medians=medians,
        means=means,
        scales=scales,
        weights=weights[: len(data.inputs)].copy(),
        missing_weights=missing_weights,
        intercept=float(np.asarray(model.intercept_)[0]),
    )


def _median(column: NDArray[np.float32]) -> float:
    known = column[~np.isnan(column)]
    return float(np.median(known)) if len(known) else 0.0
