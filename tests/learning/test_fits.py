"""Models that are fitted once, and the same in however many threads."""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from stockade.definitions.model import Algorithm, ModelSpec
from stockade.learning.data import LearningData
from stockade.learning.fits import Fits
from stockade.learning.models import Params, fit, fit_spec
from stockade.learning.train import TrainedModel, train
from stockade.learning.tune import Running
from stockade.predictors import Blend, Predictor
from tests.learning.samples import (
    PINNED,
    SPEC,
    destination,
    spec_with,
    training_data,
    training_table,
)

ROWS = training_data(600)
LIGHT = {"learner": "lightgbm", "n_estimators": 5}


class Counted:
    """`fit_spec`, and what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(
        self, spec: ModelSpec, params: Params, algorithm: Algorithm, data: LearningData
    ) -> Predictor:
        self.asked.append(algorithm)
        return fit_spec(spec, params, algorithm, data)


def asked(fits: Fits) -> list[Callable[[], Predictor]]:
    """Fits of every learner, some of them twice; one step is too few to converge."""
    kinds: list[tuple[Algorithm, Params]] = [
        ("xgboost", {"n_estimators": 5}),
        ("lightgbm", LIGHT),
        ("blend", {"n_estimators": 5}),
        ("logistic", {"max_iter": 1}),
        ("logistic", {}),
        ("isolation", {"learner": "isolation", "n_estimators": 5}),
    ]
    return [
        partial(fits, SPEC, params, algorithm, ROWS.take(slice(0, rows)))
        for rows in (300, 450, 600, 600)
        for algorithm, params in kinds
    ]


def test_models_are_the_same_in_any_number_of_threads() -> None:
    alone, together = (Fits(at_once=n) for n in (1, 4))

    files = [[model.files() for model in fits.all(asked(fits))] for fits in (alone, together)]

    assert files[0] == files[1]
    direct = fit({"n_estimators": 5}, "blend", ROWS, seed=SPEC.seed)
    assert files[1][-4] == direct.files()


def test_what_was_fitted_is_not_fitted_again() -> None:
    counted = Counted()
    fits = Fits(counted, at_once=2)

    twice = fits.all([partial(fits, SPEC, {}, "logistic", training_data(600)) for _ in range(2)])
    blend = fits(SPEC, LIGHT, "blend", ROWS)

    assert twice[0] is twice[1]
    assert isinstance(blend, Blend)
    assert blend.scorecard is twice[0]
    assert sorted(counted.asked) == ["lightgbm", "logistic"]


@pytest.mark.parametrize(
    ("spec", "params", "rows"),
    [
        (spec_with(seed=8), {}, ROWS),
        (SPEC, {"C": 0.5}, ROWS),
        (SPEC, {}, ROWS.take(slice(0, 599))),
        (SPEC, {}, replace(ROWS, labels=~ROWS.labels)),
        (SPEC, {}, replace(ROWS, weights=1.0 + ROWS.labels)),
    ],
)
def test_another_fit_is_another_model(spec: ModelSpec, params: Params, rows: LearningData) -> None:
    fits = Fits()

    assert fits(spec, params, "logistic", rows) is not fits(SPEC, {}, "logistic", ROWS)


def test_a_fault_in_a_thread_is_the_callers() -> None:
    fits = Fits(at_once=2)

    with pytest.raises(Exception, match="no parameter 'max_depht'"):
        fits.all([partial(fits, SPEC, {"max_depht": 3}, "xgboost", ROWS)] * 3)


@pytest.mark.slow
def test_a_study_is_the_same_on_any_number_of_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trained(cores: int) -> TrainedModel:
        monkeypatch.setattr(os, "cpu_count", lambda: cores)
        home = tmp_path / str(cores)
        home.mkdir()
        return train(
            spec_with(recent="importance"), training_table(),
            pinned=replace(PINNED, built_at=datetime(2026, 3, 21, tzinfo=UTC)),
            destination=destination(home),
            running=Running(runner="serial", parallelism=3), trials=3,
        )  # fmt: skip

    one, three = trained(1), trained(3)

    assert one.judgement == three.judgement
    assert (one.baseline, one.validation) == (three.baseline, three.validation)
