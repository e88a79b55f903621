"""The learners: gradient-boosted trees, and the scorecard that they must beat."""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Lock
from typing import Any

import lightgbm as lgb
import numpy as np
import xgboost as xgb
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from stockade.definitions.model import LEARNERS, Algorithm, Choice, Learner, ModelSpec
from stockade.errors import DefinitionError, hint, raise_all
from stockade.learning.data import LearningData, sampled
from stockade.learning.isolation import PARAMS as _ISOLATION_PARAMS
from stockade.learning.isolation import fit_isolation
from stockade.predictors import (
    Blend,
    BoosterMean,
    LightTrees,
    Matrix,
    Predictor,
    Scale,
    Scorecard,
    Trees,
)

Value = str | int | float
Params = Mapping[str, Value]

# What the learner decides itself: the seed comes from the spec, and one thread makes a fit
# repeatable (with several, histogram sums depend on how the rows were shared out).
_MANAGED = {
    "callbacks", "device", "early_stopping_rounds", "enable_categorical", "eval_metric",
    "feature_types", "importance_type", "missing", "monotone_constraints", "n_jobs", "nthread",
    "objective", "random_state", "seed", "verbosity",
}  # fmt: skip
# Beside those of its scikit-learn interface.
_LIGHT_PARAMS = {"cat_l2", "cat_smooth", "extra_trees", "max_bin", "path_smooth"}
_OWN = {"learner", "n_estimators", "seeds"}
_LOGISTIC_PARAMS = ("C", "bins", "class_weight", "max_iter")
# The smallest share of the rows that a bin of the scorecard holds.
_LEAST_BIN = 0.0005
# Warnings are filtered for the whole process: by one fit at a time.
_FILTERING = Lock()


def fit(
    params: Params,
    algorithm: Algorithm,
    data: LearningData,
    *,
    seed: int = 0,
    negatives: float = 1.0,
    monotone: Mapping[str, int] | None = None,
) -> Predictor:
    """The fitted model; the same rows, parameters and seed give the same model.

    Args:
        params: names as in the scikit-learn interface of XGBoost or LightGBM (`n_estimators`
            trees), and `seeds`, how many models with consecutive seeds are averaged. For
            `logistic`: `C`, `bins` (at most so many for a number), `class_weight`, `max_iter`. For
            `isolation`: see `fit_isolation`.
        algorithm: `xgboost`, `lightgbm`, `isolation`, `logistic`, or `blend` of the latter and the
            trees that `params` name as their `learner`.
        data: what to learn from.
        seed: of the random parts.
        negatives: share of the negative rows to learn from; see `sampled`.
        monotone: input -> 1 or -1, the one way in which trees may let it move the score.
    """
    check_params(params, algorithm)
    data = sampled(data, negatives, seed=seed)
    if algorithm == "logistic":
        return _fit_scorecard(params, data, seed=seed)
    if algorithm == "isolation":
        return fit_isolation(params, data, seed=seed)
    trees = _fit_trees(params, data, seed=seed, monotone=monotone or {})
    return Blend(trees, _fit_scorecard({}, data, seed=seed)) if algorithm == "blend" else trees


def learner_of(params: Mapping[str, object]) -> Learner:
    """Which trees the parameters are of.

    Raises:
        DefinitionError: there is no such learner.
    """
    named = params.get("learner", "xgboost")
    for learner in LEARNERS:
        if learner == named:
            return learner
    raise DefinitionError(f"learner '{named}' is not one: {hint(str(named), LEARNERS)}")


# How a model's definition is fitted: here, or on Spark.
Fit = Callable[[ModelSpec, Params, Algorithm, LearningData], Predictor]


def fit_spec(
    spec: ModelSpec, params: Params, algorithm: Algorithm, data: LearningData
) -> Predictor:
    """Fit as the model's definition says."""
    return fit(
        params, algorithm, data,
        seed=spec.seed, negatives=spec.negatives, monotone=spec.monotone,
    )  # fmt: skip


def fit_predict(
    params: Params, algorithm: Algorithm, train: LearningData, test: Matrix, *, seed: int = 0
) -> NDArray[np.float64]:
    """Fit on `train` and score `test`, whose columns are `train.inputs`."""
    return fit(params, algorithm, train, seed=seed).predict(np.asarray(test, np.float32))


def check_params(params: Mapping[str, object], algorithm: Algorithm, *, who: str = "model") -> None:
    """Refuse parameters that the algorithm ignores or that are not the caller's to set.

    Raises:
        DefinitionError: with the nearest known name; several faults are raised together.
    """
    learner = None if algorithm == "logistic" else learner_of(params)
    if learner is not None and algorithm not in (learner, "blend"):
        raise DefinitionError(
            f"{who}: parameter 'learner' is '{learner}', and {algorithm} is asked"
        )
    if (algorithm, learner) == ("blend", "isolation"):
        raise DefinitionError(f"{who}: a blend is of trees that learn: take isolation alone")
    _check_names(params, learner, who=who)


def _check_names(names: Iterable[str], learner: Learner | None, *, who: str) -> None:
    known, algorithm = set(_LOGISTIC_PARAMS), learner or "logistic"
    if learner == "xgboost":
        known = set(xgb.XGBModel().get_params()) - _MANAGED | _OWN
    if learner == "lightgbm":
        known = (set(lgb.LGBMModel().get_params()) | _LIGHT_PARAMS) - _MANAGED | _OWN
    if learner == "isolation":
        known = {*_ISOLATION_PARAMS, "learner"}
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


def learners_of(spec: ModelSpec) -> tuple[Learner, ...]:
    """The trees that a model's search is over."""
    searched = spec.search.get("learner")
    if isinstance(searched, Choice):
        return tuple(learner_of({"learner": one}) for one in searched.options)
    if searched is not None:
        raise DefinitionError(f"model '{spec.name}': learner is searched as a Choice, or fixed")
    return (learner_of(spec.fixed),)


def check_spec(spec: ModelSpec) -> None:
    """Refuse what learners would silently ignore: parameters, and ways of unknown inputs."""
    who = f"model '{spec.name}'"
    learners = learners_of(spec)
    for learner in learners:
        _check_names({**spec.search, **spec.fixed}, learner, who=who)
    if "isolation" in learners and (len(learners) > 1 or spec.monotone):
        raise DefinitionError(
            f"{who}: isolation learns nothing from labels: search it alone, and without monotone"
        )
    inputs = spec.training_set.features.inputs()
    raise_all(
        f"{who} names inputs that it has not, or has otherwise",
        [
            DefinitionError(f"{who}: monotone names '{name}': {hint(name, inputs)}")
            for name in spec.monotone
            if name not in inputs
        ]
        + [
            DefinitionError(f"{who}: texts name '{name}': {hint(name, inputs)}")
            for name in spec.texts
            if name not in inputs
        ]
        + [
            DefinitionError(f"{who}: '{name}' is text, which has no way to be monotone in")
            for name in spec.texts
            if name in spec.monotone
        ],
    )


def constraints(inputs: Sequence[str], monotone: Mapping[str, int]) -> Params:
    """The ways as XGBoost takes them; nothing where there are none."""
    if not monotone:
        return {}
    ways = ",".join(str(monotone.get(name, 0)) for name in inputs)
    return {"monotone_constraints": f"({ways})"}


def _fit_trees(
    params: Params, data: LearningData, *, seed: int, monotone: Mapping[str, int]
) -> Trees:
    if learner_of(params) == "lightgbm":
        return _fit_light_trees(params, data, seed=seed, monotone=monotone)
    settings = {name: value for name, value in params.items() if name not in _OWN}
    settings |= constraints(data.inputs, monotone)
    settings |= {"objective": "binary:logistic", "nthread": 1, "verbosity": 0}
    settings.setdefault("tree_method", "hist")
    rows = xgb.DMatrix(
        data.rows,
        label=data.labels.astype(np.float32),
        weight=data.weights,
        feature_names=list(data.inputs),
        feature_types=data.kinds,
        enable_categorical=True,
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


def _fit_light_trees(
    params: Params, data: LearningData, *, seed: int, monotone: Mapping[str, int]
) -> LightTrees:
    settings: dict[str, Any] = {name: one for name, one in params.items() if name not in _OWN}
    # LightGBM grows by leaves, and XGBoost's depth alone would leave it at 31 of them; its
    # subsample does nothing unless rows are drawn anew.
    depth = int(settings.get("max_depth", -1))
    settings.setdefault("num_leaves", 31 if depth < 1 else min(2**depth, 256))
    settings.setdefault("subsample_freq", 1)
    if monotone:
        settings["monotone_constraints"] = [monotone.get(name, 0) for name in data.inputs]
    settings |= {
        "objective": "binary", "num_threads": 1, "verbosity": -1, "deterministic": True,
        "force_row_wise": True,
    }  # fmt: skip
    categories = [j for j, name in enumerate(data.inputs) if name in data.categories]

    def booster(number: int) -> lgb.Booster:
        # A set of its own: LightGBM bins when it is first fitted, by that fit's parameters.
        rows = lgb.Dataset(
            data.rows,
            label=data.labels.astype(np.float32),
            weight=data.weights,
            feature_name=list(data.inputs),
            categorical_feature=categories,
            params={"verbosity": -1},
        )
        return lgb.train(
            {**settings, "seed": seed + number},
            rows,
            num_boost_round=int(params.get("n_estimators", 200)),
        )

    return LightTrees(data.inputs, tuple(booster(n) for n in range(int(params.get("seeds", 1)))))


def _fit_scorecard(params: Params, data: LearningData, *, seed: int) -> Scorecard:
    """Logistic regression on bins that a small tree cuts for each input (a scorecard)."""
    own = {"bins", "C", "class_weight", "max_iter"}
    most = int(params.get("bins", 10))
    # Checks of parameters and rows, for each input anew, took a fifth of the time.
    with config_context(skip_parameter_validation=True):
        edges: list[NDArray[np.float64]] = [
            # A category is a bin of its own: its numbers are 0, 1, 2, ...
            np.arange(0.5, max(0, len(data.categories[name]) - 1), dtype=np.float64)
            if name in data.categories
            else _edges(data.rows[:, j], data.labels, data.weights, most=most)
            for j, name in enumerate(data.inputs)
        ]
    sizes = [len(one) + 2 for one in edges]
    begins = np.concatenate([[0], np.cumsum(sizes)])
    plain = [Scale(one, np.arange(float(len(one) + 2)), 0.0) for one in edges]
    places = np.stack([scale(data.rows[:, j]) for j, scale in enumerate(plain)], axis=1)
    places = (places + begins[:-1]).astype(np.int32)
    columns = csr_matrix(
        (
            np.ones(places.size),
            places.ravel(),
            np.arange(0, places.size + 1, max(1, len(data.inputs))),
        ),
        shape=(len(data), int(begins[-1])),
    )
    settings: dict[str, Any] = {"max_iter": 300, "random_state": seed}
    settings |= {name: value for name, value in params.items() if name in own - {"bins"}}
    model = LogisticRegression(**settings)
    with _FILTERING, warnings.catch_warnings():
        # Not quite converged is good enough for a baseline, and no reason to alarm anyone.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(columns, data.labels, sample_weight=data.weights)
    points = np.asarray(model.coef_)[0]
    scales: list[Scale] = []
    for j, one in enumerate(edges):
        mine = points[begins[j] : begins[j + 1]].copy()
        centre = float(np.average(points[places[:, j]], weights=data.weights))
        scales.append(Scale(one, mine, centre))
    return Scorecard(data.inputs, tuple(scales), float(np.asarray(model.intercept_)[0]))


def _edges(
    column: NDArray[np.float32],
    labels: NDArray[np.bool_],
    weights: NDArray[np.float64] | None,
    *,
    most: int,
) -> NDArray[np.float64]:
    """Where a tree of one input cuts it: fraud is at the ends, where equal bins are too wide."""
    known = ~np.isnan(column)
    if not known.any():
        return np.zeros(0)
    tree = DecisionTreeClassifier(
        max_leaf_nodes=max(2, most), min_weight_fraction_leaf=_LEAST_BIN, random_state=0
    )
    tree.fit(
        column[known, None],
        labels[known],
        sample_weight=None if weights is None else weights[known],
        check_input=False,
    )
    cuts = tree.tree_.threshold[tree.tree_.feature >= 0]
    return np.unique(np.asarray(cuts, np.float64))
