"""Odd rows stand out, whatever their label."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest as Reference
from sklearn.metrics import roc_auc_score

from stockade import Choice
from stockade.errors import DefinitionError
from stockade.learning.data import LearningData, from_arrays
from stockade.learning.models import check_spec, fit
from stockade.learning.registry import load_model
from stockade.learning.tracking import CHALLENGER
from stockade.learning.train import train
from stockade.learning.tune import Running
from stockade.predictors import UnsafeModelError, predictor_from_files
from tests.learning.samples import PINNED, destination, spec_with, training_table

ALONE = {"learner": "isolation"}


def unusual(rows: int = 5_000) -> tuple[LearningData, np.ndarray]:
    """One row in fifty lies apart in three of six columns; nobody has said so."""
    random = np.random.default_rng(4)
    x = random.normal(size=(rows, 6))
    odd = random.random(rows) < 0.02
    x[odd, :3] += random.choice([-3.0, 3.0], size=(int(odd.sum()), 3))
    days = np.arange(rows).astype("datetime64[m]")
    return from_arrays(x, np.zeros(rows, bool), days, inputs=tuple("abcdef")), odd


def test_odd_rows_are_found_without_a_label_as_well_as_by_scikit_learn() -> None:
    data, odd = unusual()

    ours = fit(ALONE, "isolation", data, seed=1).predict(data.rows)

    reference = -Reference(random_state=1).fit(data.rows).score_samples(data.rows)
    found, theirs = roc_auc_score(odd, ours), roc_auc_score(odd, reference)
    assert found == pytest.approx(theirs, abs=0.01)
    assert found > 0.95
    assert np.median(ours) < 0.5 < np.median(ours[odd])


def test_labels_do_not_matter_and_weights_do() -> None:
    data, odd = unusual()

    files = [
        fit(ALONE, "isolation", replace(data, **changed), seed=1).files()  # type: ignore[arg-type]
        for changed in ({}, {"labels": odd}, {"weights": np.where(odd, 1000.0, 1.0)})
    ]

    assert files[0] == files[1] != files[2]
    common = predictor_from_files("isolation", data.inputs, files[2]).predict(data.rows)
    assert roc_auc_score(odd, common) < 0.9


def test_what_is_odd_about_a_row_is_its_reason_and_a_rare_absence_is_odd() -> None:
    data, _ = unusual()
    data.rows[:10, 5] = np.nan
    model = fit(ALONE, "isolation", data, seed=1)
    row = np.zeros((3, 6), np.float32)
    row[1, 2], row[2, 5] = 6.0, np.nan

    scores, added = model.predict(row), model.contributions(row)

    assert added[1].argmax() == 2
    assert added[2].argmax() == 5
    assert scores[1:].min() > scores[0]


def test_constant_and_empty_columns_and_a_single_row_are_taken() -> None:
    x = np.full((300, 2), np.nan, np.float32)
    x[:, 0] = 7
    days = np.arange(300).astype("datetime64[m]")
    data = from_arrays(x, np.zeros(300, bool), days, inputs=("a", "b"))

    for rows, score in ((data, 0.5), (data.take(slice(0, 1)), 0.8)):
        np.testing.assert_allclose(fit(ALONE, "isolation", rows).predict(rows.rows), score)


@pytest.mark.slow
def test_a_forest_is_searched_judged_by_the_labels_registered_and_read_again(
    tmp_path: Path,
) -> None:
    spec = spec_with(search={"max_samples": Choice(options=(64, 256))}, fixed=ALONE, trials=2)

    trained = train(
        spec, training_table(signal="linear"), pinned=PINNED, destination=destination(tmp_path),
        running=Running(runner="serial"),
    )  # fmt: skip

    # The baseline has seen the labels and is better, but is not what was asked for.
    assert trained.algorithm == "isolation"
    assert trained.baseline.roc_auc > trained.validation.roc_auc
    champion = load_model(destination(tmp_path), CHALLENGER)
    assert list(champion.files) == ["model.json"]
    rows = np.zeros((2, len(PINNED.inputs)), np.float32)
    assert champion.predictor().predict(rows).shape == (2,)


def test_what_would_be_ignored_is_refused() -> None:
    search = {"max_samples": Choice(options=(64, 256))}
    check_spec(spec_with(search=search, fixed=ALONE))

    with pytest.raises(DefinitionError, match="isolation has no parameter 'learning_rate'"):
        check_spec(spec_with(search={"learning_rate": search["max_samples"]}, fixed=ALONE))
    with pytest.raises(DefinitionError, match="search it alone, and without monotone"):
        check_spec(spec_with(search=search, fixed=ALONE, monotone={"amount": 1}))
    with pytest.raises(DefinitionError, match="take isolation alone"):
        fit(ALONE, "blend", unusual(100)[0])


@pytest.mark.parametrize(
    "change",
    [
        {"left": 0}, {"right": 10_000}, {"column": 6}, {"column": -1}, {"column": 0.5},
        {"path": None}, {"cut": "1e999"}, {"left": "x"},
    ],
)  # fmt: skip
def test_a_tree_with_a_way_out_or_round_is_refused(change: dict[str, Any]) -> None:
    data, _ = unusual(500)
    content = json.loads(fit(ALONE, "isolation", data).files()["model.json"])
    for name, value in change.items():
        content["trees"][0][name][0] = value

    with pytest.raises(UnsafeModelError, match=r"'model\.json' is not an isolation forest"):
        predictor_from_files("isolation", data.inputs, {"model.json": json.dumps(content).encode()})
