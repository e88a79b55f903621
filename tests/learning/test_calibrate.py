"""Scores become probabilities that later time bears out."""

import numpy as np
import pytest

from stockade.learning.calibrate import METHODS, choose_calibration, log_loss
from stockade.learning.evaluate import reliability


def sample(rows: int, truth: str, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores, and labels drawn with another probability than the score."""
    random = np.random.default_rng(seed)
    scores = random.beta(1, 8, rows)
    odds = scores / (1 - scores)
    probability = {
        "as scored": scores,
        "overconfident": odds**0.5 * 0.2 / (1 + odds**0.5 * 0.2),
        "stepped": np.where(scores < 0.1, 0.01, np.where(scores < 0.3, 0.2, 0.25)),
    }[truth]
    return scores, random.random(rows) < probability


@pytest.mark.parametrize("truth", ["as scored", "overconfident", "stepped"])
def test_the_choice_is_nearly_as_good_as_the_best_method_on_new_rows(truth: str) -> None:
    chosen = choose_calibration(*sample(20_000, truth))

    scores, labels = sample(50_000, truth, seed=1)
    losses = {
        name: log_loss(labels, fit(*sample(20_000, truth), np.ones(20_000))(scores))
        for name, fit in METHODS.items()
    }
    assert log_loss(labels, chosen.calibration(scores)) <= min(losses.values()) + 1e-3
    assert chosen.losses.keys() == METHODS.keys()


def test_an_overconfident_score_is_put_right() -> None:
    calibration = choose_calibration(*sample(20_000, "overconfident")).calibration

    scores, labels = sample(50_000, "overconfident", seed=1)
    raw, put_right = (
        sum(abs(mean - share) * rows for mean, share, rows in reliability(labels, each)) / 50_000
        for each in (scores, calibration(scores))
    )
    assert put_right < raw / 4
    assert put_right < 0.01


@pytest.mark.parametrize("method", METHODS)
def test_a_higher_score_is_never_less_probable(method: str) -> None:
    calibration = METHODS[method](*sample(3_000, "stepped"), np.ones(3_000))

    probabilities = calibration(np.linspace(-0.5, 1.5, 5_000))
    assert (np.diff(probabilities) >= 0).all()
    assert probabilities.min() >= 0
    assert probabilities.max() <= 1


def test_venn_abers_is_the_pair_of_isotonic_fits_by_definition() -> None:
    from sklearn.isotonic import IsotonicRegression

    scores, labels = sample(300, "stepped")
    calibration = METHODS["venn-abers"](scores, labels, np.ones(300))

    for knot in calibration.scores[5::37]:
        low, high = (
            IsotonicRegression(out_of_bounds="clip")
            .fit(np.append(scores, knot), np.append(labels, outcome).astype(float))
            .predict([knot])[0]
            for outcome in (0, 1)
        )
        assert calibration(np.array([knot]))[0] == pytest.approx(high / (1 - low + high), abs=0.02)


def test_with_too_few_positives_scores_are_left_as_they_are() -> None:
    labels = np.zeros(1000, bool)
    labels[::100] = True

    chosen = choose_calibration(np.linspace(0, 1, 1000), labels)

    assert (chosen.calibration.method, chosen.losses) == ("none", {})


def test_weights_undo_a_sample_of_the_negatives() -> None:
    scores, labels = sample(60_000, "as scored")
    kept = labels | (np.random.default_rng(3).random(60_000) < 0.1)

    fitted = choose_calibration(
        scores[kept], labels[kept], np.where(labels[kept], 1.0, 10.0)
    ).calibration

    assert fitted(scores).mean() == pytest.approx(labels.mean(), rel=0.05)
    assert (
        choose_calibration(scores[kept], labels[kept]).calibration(scores).mean()
        > 1.5 * labels.mean()
    )
