"""Costs make actions; capacity and lots change some of them, and it is known how many."""

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from stockade import Action, Policy
from stockade.decisions import Calibration, DecisionRule, fit_rule
from stockade.errors import DefinitionError

ALLOW = Action(name="allow")
REVIEW = Action(name="review", cost=5.0, prevented=0.9, capped=True)
BLOCK = Action(name="block", prevented=1.0, friction=40.0)


def rule(*actions: Action, **changes: float) -> DecisionRule:
    shares = {name: changes.pop(name, 0.0) for name in ("pass_through",)}
    policy = Policy(loss="amount", actions=(ALLOW, *actions), **shares)
    return DecisionRule(
        policy=policy, **({"mean_loss": 10.0, "price": 0.0, "explored": 0.0} | changes)
    )


def due(of: DecisionRule, probability: float, loss: float) -> str:
    return of.policy.actions[of.due(np.array([probability]), np.array([loss]))[0]].name


def test_each_amount_has_its_own_threshold() -> None:
    one = rule(REVIEW)

    # A review costs 5 and spares 90 % of probability x amount.
    assert due(one, 0.5, 10.0) == "allow"
    assert due(one, 0.5, 12.0) == "review"
    assert due(one, 0.01, 1000.0) == "review"
    assert due(one, 0.01, 500.0) == "allow"


def test_bands_follow_from_costs() -> None:
    one = rule(REVIEW, BLOCK)

    assert [due(one, p, 200.0) for p in (0.01, 0.1, 0.99)] == ["allow", "review", "block"]


def test_an_unknown_amount_is_the_mean_and_a_negative_one_is_nothing() -> None:
    one = rule(REVIEW, mean_loss=100.0)

    assert due(one, 0.5, math.nan) == due(one, 0.5, 100.0) == "review"
    assert due(one, 1.0, -50.0) == "allow"


numbers = arrays.arrays(np.float64, 60, elements=st.floats(0, 1))


@settings(max_examples=200, deadline=None)
@given(probability=numbers, size=numbers, capacity=st.integers(1, 6),
       explored=st.sampled_from([0.0, 0.25]))  # fmt: skip
def test_capacity_suffices_and_goes_to_where_it_spares_most(
    probability: np.ndarray, size: np.ndarray, capacity: int, explored: float
) -> None:
    policy = Policy(loss="amount", actions=(ALLOW, REVIEW), explored=explored)
    days = np.repeat(np.arange(6), 10).astype("datetime64[D]")
    loss = size * 1000

    fitted = fit_rule(
        policy, probability, loss, days=days, entities=np.arange(60), capacity=capacity
    )

    chosen = fitted.due(probability, loss) == 1
    assert chosen.sum() <= capacity * 6 * (1 - explored)
    gain = fitted.costs(probability, loss) @ np.array([1, -1])
    assert not chosen.any() or gain[chosen].min() >= gain[~chosen].max(initial=-math.inf) - 1e-9
    # Capacity is left only where nothing more is worth a review, or where many gain the same.
    left = capacity * 6 * (1 - explored) - chosen.sum()
    worth = np.sort(gain[~chosen & (gain > 1e-9)])[::-1]
    if left >= 1 and len(worth):
        assert np.isclose(worth, worth[0], atol=1e-6).sum() > left - 1
    assert fitted.explored == pytest.approx(min(1, capacity * explored * 6 / (~chosen).sum()))


def test_reviews_of_one_entity_on_one_day_are_one() -> None:
    policy = Policy(loss="amount", actions=(ALLOW, REVIEW))
    ones, days = np.ones(8), np.zeros(8).astype("datetime64[D]")

    fitted = fit_rule(
        policy, ones, ones * 100, days=days, entities=np.array([1, 1, 1, 1, 2, 2, 2, 2]), capacity=2
    )

    assert fitted.price == 0
    assert (fitted.due(ones, ones * 100) == 1).all()


def test_weighted_by_the_inverse_propensity_those_passed_through_speak_for_all() -> None:
    random = np.random.default_rng(0)
    n = 200_000
    probability = random.random(n)
    positive = random.random(n) < probability
    one = rule(BLOCK, pass_through=0.1)

    chosen = one.choose(probability, np.full(n, 100.0), random.random(n))

    suspicious = one.due(probability, np.full(n, 100.0)) == 1
    seen = suspicious & (chosen.action == 0)
    assert np.allclose(chosen.propensity[seen], 0.1)
    estimate = (positive[seen] / chosen.propensity[seen]).sum()
    assert estimate == pytest.approx(positive[suspicious].sum(), rel=0.02)


def test_documents_read_back() -> None:
    one = Calibration("platt", np.array([0.0, 0.4, 1.0]), np.array([0.1, 0.2, 0.9]))

    again = Calibration.of(one.document())

    np.testing.assert_allclose(again(np.array([-1, 0.2, 2.0])), np.array([0.1, 0.15, 0.9]))


@pytest.mark.parametrize(
    ("actions", "shares", "said"),
    [
        ((ALLOW,), {}, "needs two actions"),
        ((REVIEW, ALLOW), {}, "the first is to let pass"),
        ((ALLOW, REVIEW, REVIEW), {}, "names an action twice"),
        ((ALLOW, BLOCK), {"explored": 0.1}, "no action is capped"),
        ((ALLOW, BLOCK), {"pass_through": 1.0}, r"not in \[0, 1\)"),
    ],
)
def test_a_policy_that_makes_no_choice_is_refused(
    actions: tuple[Action, ...], shares: dict[str, float], said: str
) -> None:
    with pytest.raises((DefinitionError, ExceptionGroup)) as refused:
        Policy(loss="amount", actions=actions, **shares)

    faults = getattr(refused.value, "exceptions", [refused.value])
    assert any(re.search(said, str(fault)) for fault in faults)
