"""From a score to a probability, and from a probability to an action."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from stockade.definitions.policy import Action, Policy

# Spark's Python workers import this module: numpy is all it needs.

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """A map from scores to probabilities: straight lines between knots, level beyond them.

    Attributes:
        method: how it was fitted; `none` leaves scores as they are.
        scores: of the knots, ascending.
        probabilities: of the knots, never falling.
    """

    method: str
    scores: Numbers
    probabilities: Numbers

    @classmethod
    def none(cls) -> Self:
        """Scores that are taken for probabilities."""
        ends = np.array([0.0, 1.0])
        return cls("none", ends, ends)

    def __call__(self, scores: Numbers) -> Numbers:
        """One probability per score; a score that is not finite stays so."""
        return np.interp(scores, self.scores, self.probabilities)

    def document(self) -> dict[str, Any]:
        """As plain JSON types."""
        return {
            "method": self.method,
            "scores": self.scores.tolist(),
            "probabilities": self.probabilities.tolist(),
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """What `document` wrote."""
        scores, probabilities = (
            np.asarray(document[name], np.float64) for name in ("scores", "probabilities")
        )
        return cls(str(document["method"]), scores, probabilities)


class Chosen(NamedTuple):
    """What is done about each of n decisions.

    Attributes:
        action: its number in the policy.
        propensity: the chance that the lot had of choosing it, given the score: what the outcome
            must be weighted by (its inverse) to speak for all decisions of such a score.
    """

    action: NDArray[np.int64]
    propensity: Numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRule:
    """A policy with the numbers that were fitted to a period; versioned with the model.

    Attributes:
        policy: what each course costs.
        mean_loss: stands for an amount that is null.
        price: added to the capped action's cost so that capacity suffices on an average day.
        explored: the chance that a decision due for the first action gets the capped one.
    """

    policy: Policy
    mean_loss: float
    price: float
    explored: float

    def costs(self, probability: Numbers, loss: Numbers) -> Numbers:
        """What each action (a column) is expected to cost, without the price of capacity."""
        amount = self.losses(loss)
        return np.stack(
            [_expected(action, probability, amount) for action in self.policy.actions], axis=1
        )

    def losses(self, loss: Numbers) -> Numbers:
        """The amounts at risk: the mean where null, nothing where negative."""
        return np.maximum(np.where(np.isnan(loss), self.mean_loss, loss), 0.0)

    def due(self, probability: Numbers, loss: Numbers) -> NDArray[np.int64]:
        """The action that is due, before any lot is drawn."""
        costs = self.costs(probability, loss)
        for number, action in enumerate(self.policy.actions):
            if action.capped:
                costs[:, number] += self.price
        return np.argmin(costs, axis=1)

    def choose(self, probability: Numbers, loss: Numbers, lot: Numbers) -> Chosen:
        """What is done about n decisions.

        Args:
            probability: n calibrated probabilities.
            loss: n amounts at risk; NaN where unknown.
            lot: n numbers in [0, 1), a decision's own and unrelated to anything known of it.
        """
        due = self.due(probability, loss)
        capped = self.capped
        # A suspicious decision is drawn with the one share, an unsuspicious one with the other.
        share = np.where(due == 0, self.explored, self.policy.pass_through)
        other = np.where(due == 0, capped, 0)
        drawn = (lot < share) & (other >= 0)
        return Chosen(
            action=np.where(drawn, other, due),
            propensity=np.where(drawn, share, np.where(other >= 0, 1.0 - share, 1.0)),
        )

    @property
    def capped(self) -> int:
        """The number of the capped action; -1 where there is none."""
        numbers = [n for n, action in enumerate(self.policy.actions) if action.capped]
        return numbers[0] if numbers else -1

    def document(self) -> dict[str, float]:
        """The fitted numbers."""
        return {"mean_loss": self.mean_loss, "price": self.price, "explored": self.explored}


def fit_rule(
    policy: Policy,
    probability: Numbers,
    loss: Numbers,
    *,
    days: NDArray[np.datetime64],
    entities: NDArray[np.int64],
    capacity: int,
) -> DecisionRule:
    """The rule whose capped action, on an average day of the period, fills the capacity at most.

    The price is the least at which capacity suffices: the decisions that remain are those where
    acting spares most, whatever their score.

    Args:
        policy: what each course costs.
        probability, loss: of n decisions that no part of the model was fitted on.
        days: the day of each.
        entities: what is reviewed; several decisions of one on one day are one review.
        capacity: reviews a day.
    """
    known = loss[~np.isnan(loss)]
    mean_loss = float(np.maximum(known, 0.0).mean()) if len(known) else 0.0
    rule = DecisionRule(policy=policy, mean_loss=mean_loss, price=0.0, explored=0.0)
    capped = rule.capped
    if capped < 0 or len(probability) == 0:
        return rule
    day_count = len(np.unique(days))
    reviews = capacity * (1 - policy.explored)

    def per_day(tried: DecisionRule) -> float:
        chosen = tried.due(probability, loss) == capped
        return len(_distinct(days[chosen], entities[chosen])) / day_count

    if per_day(rule) > reviews:
        # No review spares more than everything that there is to lose.
        low, high = 0.0, float(rule.losses(loss).max()) + sum(a.friction for a in policy.actions)
        for _ in range(60):
            middle = (low + high) / 2
            if per_day(replace(rule, price=middle)) > reviews:
                low = middle
            else:
                high = middle
        rule = replace(rule, price=high)
    passed = rule.due(probability, loss) == 0
    unsuspected = len(_distinct(days[passed], entities[passed])) / day_count
    explored = min(1.0, capacity * policy.explored / unsuspected) if unsuspected else 0.0
    return replace(rule, explored=explored)


def _expected(action: Action, probability: Numbers, loss: Numbers) -> Numbers:
    harm = probability * loss * (1.0 - action.prevented)
    return action.cost + (1.0 - probability) * action.friction + harm


def _distinct(days: NDArray[np.datetime64], entities: NDArray[np.int64]) -> Sequence[Any]:
    pairs = np.stack([days.astype(np.int64), entities], axis=1)
    return list(np.unique(pairs, axis=0)) if len(pairs) else []
