"""A model against the rules that would do without it, on the same later period."""

from dataclasses import dataclass

from stockade.decisions import Numbers
from stockade.definitions.model import ModelSpec
from stockade.learning.data import LearningData
from stockade.learning.evaluate import Evaluation, evaluate
from stockade.learning.quality import Difference, differences


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesQuality:
    """The rules of a model's definition on its test period.

    Attributes:
        expression: the rules.
        evaluation: how they do; their score is no probability, so its Brier score and calibration
            mean nothing.
        difference: by how much the model's metric is higher, on the same draws; None with too few
            positives.
    """

    expression: str
    evaluation: Evaluation
    difference: Difference | None


def judge_rules(spec: ModelSpec, late: LearningData, scores: Numbers) -> RulesQuality | None:
    """How the rules do where the model has these scores; None where there are no rules."""
    if spec.rules is None or late.rules is None:
        return None
    evaluation = evaluate(
        late.labels,
        late.rules,
        late.decided_at,
        entities=late.entities,
        capacity=spec.review_capacity,
        weights=late.weights,
    )
    drawn = differences(late, scores, late.rules, capacity=spec.review_capacity, seed=spec.seed)
    return RulesQuality(
        expression=spec.rules, evaluation=evaluation, difference=drawn.get(spec.metric)
    )
