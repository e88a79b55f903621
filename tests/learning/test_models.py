"""The learners, and their files."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from stockade import Choice
from stockade.definitions.model import Algorithm, Learner
from stockade.errors import DefinitionError
from stockade.learning.data import from_arrays, sampled
from stockade.learning.models import Params, check_spec, fit, fit_predict
from stockade.predictors import (
    Predictor,
    Scorecard,
    UnsafeModelError,
    predictor_from_files,
)
from tests.learning.samples import INPUTS, SPEC, spec_with, training_data

TREES: tuple[Learner, ...] = ("xgboost", "lightgbm")
SOME = {"n_estimators": 10, "max_depth": 3, "subsample": 0.7}


LIGHT = {**SOME, "learner": "lightgbm"}
_MODELS: dict[str, tuple[Params, Algorithm]] = {
    "logistic": ({}, "logistic"),
    "xgboost": (SOME, "xgboost"),
    "xgboost of three seeds": ({**SOME, "seeds": 3}, "xgboost"),
    "lightgbm of two seeds": ({**LIGHT, "seeds": 2}, "lightgbm"),
    "isolation": ({"learner": "isolation", "n_estimators": 20}, "isolation"),
    "blend": (SOME, "blend"),
    "blend with lightgbm": (LIGHT, "blend"),
}


@pytest.fixture(params=list(_MODELS))
def model(request: pytest.FixtureRequest) -> Predictor:
    params, algorithm = _MODELS[request.param]
    return fit(params, algorithm, training_data(), seed=5)


def test_a_model_read_back_from_its_files_scores_the_same_to_the_bit(model: Predictor) -> None:
    rows = training_data(seed=1).rows

    again = predictor_from_files(model.algorithm, INPUTS, model.files())

    np.testing.assert_array_equal(again.predict(rows), model.predict(rows))


def test_a_score_does_not_depend_on_the_batch_that_it_is_computed_in(model: Predictor) -> None:
    rows = training_data(seed=1).rows

    one_by_one = np.concatenate([model.predict(rows[n : n + 1]) for n in range(len(rows))])

    np.testing.assert_array_equal(one_by_one, model.predict(rows))


@pytest.mark.parametrize("learner", TREES)
def test_the_same_seed_gives_the_same_files(learner: Learner) -> None:
    params = {**SOME, "learner": learner}

    first, second = (fit(params, learner, training_data(), seed=5).files() for _ in range(2))

    assert first == second


@pytest.mark.parametrize("name", ["logistic", "xgboost", "lightgbm of two seeds", "isolation"])
def test_contributions_add_up_to_the_log_odds(name: str) -> None:
    params, algorithm = _MODELS[name]
    model = fit({**params, "seeds": 1} if "seeds" in params else params, algorithm, training_data())
    rows = training_data(seed=1).rows[:50]

    odds = np.log(model.predict(rows)) - np.log1p(-model.predict(rows))

    # What is left is the average row's, the same for each.
    rest = odds - model.contributions(rows).sum(axis=1)
    np.testing.assert_allclose(rest, rest[0], atol=1e-4)


def test_seeds_are_averaged() -> None:
    data = training_data()

    together = fit_predict({**SOME, "seeds": 2}, "xgboost", data, data.rows, seed=5)

    apart = [fit_predict(SOME, "xgboost", data, data.rows, seed=seed) for seed in (5, 6)]
    assert not np.array_equal(apart[0], apart[1])
    np.testing.assert_allclose(together, np.mean(apart, axis=0), rtol=0, atol=1e-15)


def test_no_rows_give_no_scores(model: Predictor) -> None:
    assert model.predict(np.empty((0, len(INPUTS)), np.float32)).shape == (0,)


def test_the_scorecard_is_scikit_learns_regression_on_its_bins() -> None:
    data = training_data()
    model = fit({"bins": 5}, "logistic", data)
    assert isinstance(model, Scorecard)

    columns = []
    for j, scale in enumerate(model.scales):
        for low, high in pairwise([-np.inf, *scale.edges, np.inf]):
            columns.append((data.rows[:, j] > low) & (data.rows[:, j] <= high))
        columns.append(np.isnan(data.rows[:, j]))
    reference = LogisticRegression(max_iter=300).fit(np.stack(columns, axis=1), data.labels)

    assert max(len(scale.edges) for scale in model.scales) == 4
    expected = reference.predict_proba(np.stack(columns, axis=1))[:, 1]
    np.testing.assert_allclose(model.predict(data.rows), expected, atol=1e-4)
    # What is added to the average decision's log odds is all that there is.
    logit = np.log(expected) - np.log1p(-expected)
    added = model.contributions(data.rows).sum(axis=1)
    centre = model.intercept + sum(scale.centre for scale in model.scales)
    np.testing.assert_allclose(added + centre, logit, atol=1e-2)
    assert abs(added.mean()) < 1e-9


def test_a_declared_way_is_kept_to() -> None:
    random = np.random.default_rng(2)
    x = random.normal(size=(4_000, 2))
    labels = random.random(4_000) < 1 / (1 + np.exp(-2 * np.sin(3 * x[:, 0]) - x[:, 1]))
    data = from_arrays(x, labels, np.arange(4_000).astype("datetime64[s]"), inputs=("a", "b"))
    grid = np.stack([np.linspace(-2, 2, 200), np.zeros(200)], axis=1).astype(np.float32)

    for learner in TREES:
        params = {"n_estimators": 40, "learner": learner}
        free, up, down = (
            fit(params, learner, data, monotone=ways).predict(grid)
            for ways in ({}, {"a": 1}, {"a": -1})
        )
        assert (np.diff(free) < 0).any()
        assert (np.diff(free) > 0).any()
        assert (np.diff(up) >= 0).all()
        assert (np.diff(down) <= 0).all()
    with pytest.raises(DefinitionError, match="monotone names 'logins_2d': known: 'transfers_1d'"):
        check_spec(spec_with(monotone={"logins_2d": 1}))
    with pytest.raises(DefinitionError, match=r"monotone is 1 or -1, not so for \['a'\]"):
        spec_with(monotone={"a": 2})


def test_a_blend_is_the_mean_of_its_parts_log_odds() -> None:
    data = training_data()

    trees, card, blend = (
        fit(SOME, "xgboost", data), fit({}, "logistic", data), fit(SOME, "blend", data),
    )  # fmt: skip

    odds = [np.log(p / (1 - p)) for p in (each.predict(data.rows) for each in (trees, card, blend))]
    np.testing.assert_allclose(odds[2], (odds[0] + odds[1]) / 2, atol=1e-9)
    np.testing.assert_array_equal(
        blend.contributions(data.rows),
        (trees.contributions(data.rows) + card.contributions(data.rows)) / 2,
    )
    with pytest.raises(UnsafeModelError, match="a blend without a model of trees"):
        predictor_from_files("blend", INPUTS, card.files())


def test_a_scorecard_cuts_where_the_fraud_is() -> None:
    random = np.random.default_rng(0)
    amount = random.lognormal(3, 1, 20_000)
    labels = amount > np.quantile(amount, 0.995)
    data = from_arrays(
        amount[:, None], labels, np.arange(20_000).astype("datetime64[s]"), inputs=("amount",)
    )

    scores = fit_predict({}, "logistic", data, data.rows)

    assert scores[labels].min() > scores[~labels].max()


def test_categories_are_told_apart_and_an_unseen_one_is_as_good_as_missing() -> None:
    random = np.random.default_rng(1)
    places = random.integers(0, 4, 8_000).astype(np.float32)
    places[:200] = np.nan
    labels = random.random(8_000) < np.where(np.isin(places, (0, 2)), 0.6, 0.05)
    data = replace(
        from_arrays(
            places[:, None], labels, np.arange(8_000).astype("datetime64[s]"), inputs=("rail",)
        ),
        categories={"rail": ("ach", "card", "wire", "sepa")},
    )
    rows = np.array([[0], [1], [2], [3], [np.nan]], np.float32)

    kinds: tuple[Algorithm, ...] = (*TREES, "logistic")
    for algorithm in kinds:
        trees = {"n_estimators": 40, "learner": algorithm}
        model = fit({} if algorithm == "logistic" else trees, algorithm, data)
        again = predictor_from_files(algorithm, ("rail",), model.files())
        scores = again.predict(rows)
        np.testing.assert_allclose(scores[[0, 2]], 0.6, atol=0.05)
        np.testing.assert_allclose(scores[[1, 3]], 0.05, atol=0.03)
        added = again.contributions(rows)[:, 0]
        assert added[0] > 0 > added[1]
        np.testing.assert_array_equal(scores, model.predict(rows))


def test_logistic_takes_constant_and_empty_columns() -> None:
    data = training_data()
    data.rows[:, 0], data.rows[:, 1] = 0.1, np.nan

    assert np.isfinite(fit_predict({}, "logistic", data, data.rows)).all()


def test_an_unknown_parameter_names_the_closest() -> None:
    with pytest.raises(DefinitionError, match="no parameter 'max_dept': did you mean 'max_depth'"):
        fit({"max_dept": 3}, "xgboost", training_data())


def test_a_parameter_that_stockade_sets_is_refused() -> None:
    with pytest.raises(DefinitionError, match="'objective' is set by stockade"):
        fit({"objective": "reg:squarederror"}, "xgboost", training_data())


def test_a_search_may_be_over_both_kinds_of_trees_if_both_know_its_parameters() -> None:
    both = Choice(options=TREES)
    check_spec(spec_with(search={**SPEC.search, "learner": both}))

    with pytest.raises(DefinitionError, match="xgboost has no parameter 'num_leaves'"):
        check_spec(spec_with(search={"num_leaves": Choice(options=(7, 15)), "learner": both}))
    with pytest.raises(DefinitionError, match="learner 'lightbgm' is not one: did you mean"):
        check_spec(spec_with(fixed={"learner": "lightbgm"}))
    with pytest.raises(DefinitionError, match="'learner' is 'lightgbm', and xgboost is asked"):
        fit(LIGHT, "xgboost", training_data())


@pytest.mark.parametrize(("learner", "name"), [("xgboost", "model.ubj"), ("lightgbm", "model.txt")])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_booster_is_refused(learner: Learner, name: str, share: float) -> None:
    content = fit({**SOME, "learner": learner}, learner, training_data()).files()[name]

    with pytest.raises(UnsafeModelError, match=f"'{name}' is not a whole {learner} model"):
        predictor_from_files(learner, INPUTS, {name: content[: int(len(content) * share)]})


def test_a_model_of_other_columns_is_refused(model: Predictor) -> None:
    with pytest.raises(UnsafeModelError, match="other columns than its manifest lists"):
        predictor_from_files(model.algorithm, INPUTS[::-1], model.files())


def test_a_logistic_file_is_plain_numbers() -> None:
    content = json.loads(fit({}, "logistic", training_data()).files()["model.json"])

    assert set(content) == {"inputs", "intercept", "scales"}
    assert set(content["scales"][0]) == {"edges", "points", "centre"}


def test_a_sample_of_the_negatives_keeps_probabilities_what_they_are() -> None:
    data = training_data(20_000)

    part = sampled(data, 0.2, seed=3)

    assert part.positives == data.positives
    assert part.weights is not None
    assert set(part.weights) == {1.0, 5.0}
    assert len(part) - part.positives == pytest.approx(0.2 * (len(data) - data.positives), rel=0.05)
    whole, sample = (
        fit({"n_estimators": 30, "max_depth": 3}, "xgboost", data, negatives=share).predict(
            data.rows
        )
        for share in (1.0, 0.2)
    )
    assert sample.mean() == pytest.approx(whole.mean(), rel=0.05)
    assert np.corrcoef(whole, sample)[0, 1] > 0.95


def test_a_sample_is_the_same_again() -> None:
    first, again = (sampled(training_data(), 0.3, seed=3) for _ in range(2))

    np.testing.assert_array_equal(first.rows, again.rows)
