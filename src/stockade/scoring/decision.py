"""One decision explained: its score, what is done about it, and each reason's value taken apart."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from pyspark.sql import Row
from pyspark.sql import functions as F

from stockade.building.explain import Asked, Explanation, explain_values
from stockade.building.features import TICK, Inputs
from stockade.champion import PROBABILITY, SCORE, Champion
from stockade.decisions import DecisionRule
from stockade.definitions.expression import columns_of
from stockade.definitions.fingerprint import from_json
from stockade.definitions.view import FeatureView, LookupView, View
from stockade.engine.faults import spark_faults
from stockade.errors import DataError, DefinitionError
from stockade.scoring.explained import featured_decisions
from stockade.scoring.recorded import Recorded
from stockade.scoring.score import ACTION, PROPENSITY, REASONS, score
from stockade.store.tables import Tables

if TYPE_CHECKING:
    from stockade.definitions.spine import TrainingSet

_MICROS = "_decided_micros"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedReason:
    """Why a score is high, down to events.

    Attributes:
        input: of the model.
        text: in words.
        contribution: in log odds.
        expression: of a derived feature; '' otherwise.
        operands: what it is computed from, and the values.
        values: of the features behind it that count events, each taken apart.
        undivided: what else is behind it, and the values: columns of the decision itself, and
            measures of many entities' events together, which have no parts.
    """

    input: str
    text: str
    contribution: float
    expression: str
    operands: Mapping[str, object]
    values: Sequence[Explanation]
    undivided: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeighedAction:
    """An action of the policy, weighed for one decision.

    Attributes:
        name: the action's.
        cost: what it is expected to cost, in the currency of the amount at risk.
        price: what scarce capacity adds to that when actions are compared; 0 where none is capped.
        due: whether it costs least, the price included.
        taken: whether it is the one that was chosen: by lot it may be another than the due one.
    """

    name: str
    cost: float
    price: float
    due: bool
    taken: bool

    @property
    def standing(self) -> str:
        """Which one it is, in words."""
        if self.taken:
            return "the least, taken" if self.due else "taken, by lot"
        return "the least" if self.due else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedDecision:
    """A decision, as the model makes it.

    Attributes:
        id: what identifies it.
        decided_at: when it was made (UTC).
        model, version: that scored it.
        score, probability: by which to rank, and what it means.
        calibration: the method that made the one of the other; `none` where they are the same.
        action: what the policy does; '' without one.
        propensity: the chance that the lot had of choosing that action; None without a policy.
        at_risk: the amount that the policy weighed; the mean amount where the decision has none.
        policy: its actions, in order; empty without one.
        reasons: the weightiest first.
        recorded: what is on record of it; None where it was never scored.
    """

    id: Mapping[str, object]
    decided_at: datetime
    model: str
    version: int
    score: float
    probability: float
    calibration: str
    action: str
    propensity: float | None
    at_risk: float | None
    policy: Sequence[WeighedAction]
    reasons: Sequence[ExplainedReason]
    recorded: Recorded | None = None

    @property
    def as_recorded(self) -> bool:
        """Whether the score on record is this one, to the bit."""
        return self.recorded is not None and self.recorded.score == self.score

    @property
    def standing(self) -> str:
        """How it compares with what is on record, in words."""
        if self.recorded is None:
            return "it was never scored: this is what the champion says of it"
        if self.as_recorded:
            return "on record it has the same score"
        return (
            f"on record its score is {self.recorded.score:.4f} and its probability "
            f"{self.recorded.probability:.2%}: what was known then has been rewritten since"
        )


def explain_decision(
    tables: Tables,
    champion: Champion,
    decision: Mapping[str, object],
    *,
    day: date | None = None,
    reasons: int = 3,
    misses: int = 3,
    recorded: Recorded | None = None,
) -> ExplainedDecision:
    """Score one decision again and take its reasons apart.

    Args:
        tables: where to read.
        champion: that scores; its pinned definitions are used.
        decision: id column of the spine -> value.
        day: on which it was made, if known: fewer files are read.
        reasons: how many.
        misses: how many events that nearly count to list for each value.
        recorded: what is on record of it.

    Raises:
        DefinitionError: an id column is missing, or one is given that the spine lacks.
        DataError: there is no such decision, or several.
    """
    pinned: TrainingSet = from_json(champion.definitions_json)
    ids = pinned.spine.id
    if set(decision) != set(ids):
        raise DefinitionError(
            f"decisions of '{champion.name}' are named by {', '.join(ids)}: give each as "
            "COLUMN=VALUE"
        )
    with spark_faults():
        at = pinned.spine.decided_at
        # As microseconds too: a collected timestamp takes the host's zone.
        rows = featured_decisions(tables, champion, [decision], day=day)
        rows = rows.withColumn(_MICROS, F.unix_micros(at))
        # Its features are computed once: both its score and its reasons are made of them.
        held = rows.toArrow()
        if held.num_rows != 1:
            raise DataError(
                f"spine '{pinned.spine.name}' has {held.num_rows} decisions of that id, and one is "
                "explained: check the id and the day"
            )
        rows = tables.spark.createDataFrame(held, rows.schema)
        scored = score(
            rows, champion, id_columns=ids, decided_at=at, explain=reasons, explain_all=True
        )
        (row,), (one,) = rows.collect(), scored.collect()
        given: dict[str, Any] = one.asDict()
        told = _reasons(Inputs.of(tables), pinned, row, given[REASONS] or (), misses)
    probability, action = float(given[PROBABILITY]), str(given.get(ACTION, ""))
    rule, loss = champion.rule, None
    if rule is not None:
        amount = row[rule.policy.loss]
        loss = np.array([np.nan if amount is None else float(amount)])
    return ExplainedDecision(
        id=dict(decision), decided_at=_moment(row), model=champion.name,
        version=champion.version, score=float(given[SCORE]), probability=probability,
        calibration=champion.calibration.method, action=action, propensity=given.get(PROPENSITY),
        at_risk=None if rule is None or loss is None else float(rule.losses(loss)[0]),
        policy=() if rule is None or loss is None else _weighed(rule, probability, loss, action),
        reasons=told, recorded=recorded,
    )  # fmt: skip


def _weighed(
    rule: DecisionRule, probability: float, loss: np.ndarray, action: str
) -> tuple[WeighedAction, ...]:
    chance = np.array([probability])
    costs, due = rule.costs(chance, loss)[0], int(rule.due(chance, loss)[0])
    return tuple(
        WeighedAction(
            name=one.name, cost=float(costs[n]), price=rule.price if one.capped else 0.0,
            due=n == due, taken=one.name == action,
        )
        for n, one in enumerate(rule.policy.actions)
    )  # fmt: skip


def _reasons(
    inputs: Inputs, pinned: "TrainingSet", row: Row, given: Sequence[Row], misses: int
) -> list[ExplainedReason]:
    """Reasons with the values behind them, each value taken apart once."""
    expressions = {one.name: one.expression for one in pinned.features.derived()}
    views = _viewed(pinned)
    behind = {str(one["input"]): [*_behind(str(one["input"]), expressions)] for one in given}
    names = [*dict.fromkeys(name for found in behind.values() for name in found if name in views)]
    asked = [_asked(pinned, row, views[name], name) for name in names]
    apart = dict(zip(names, explain_values(inputs, asked, misses=misses), strict=True))
    return [
        _reason(one, row, expressions.get(str(one["input"]), ""), behind[str(one["input"])], apart)
        for one in given
    ]


def _asked(pinned: "TrainingSet", row: Row, view: View, feature: str) -> Asked:
    at = _moment(row)
    if pinned.mode == "snapshot" and isinstance(view, FeatureView):
        # What the model saw is what the last tick before the decision held.
        at -= (at - datetime(1970, 1, 1, tzinfo=UTC)) % TICK[view.cadence]
    keys = {key: row[pinned.spine.keys.get(key, key)] for key in view.entity.keys}
    return Asked(view=view, name=feature, keys=keys, at=at)


def _reason(
    given: Row,
    row: Row,
    expression: str,
    behind: Sequence[str],
    apart: Mapping[str, Explanation],
) -> ExplainedReason:
    operands = sorted(columns_of(expression)) if expression else []
    return ExplainedReason(
        input=str(given["input"]), text=str(given["text"]),
        contribution=float(given["contribution"]), expression=expression,
        operands={one: row[one] for one in operands if one in row},
        values=tuple(apart[one] for one in behind if one in apart),
        undivided={one: row[one] for one in behind if one not in apart and one in row},
    )  # fmt: skip


def _behind(name: str, expressions: Mapping[str, str]) -> Iterator[str]:
    """The columns that a feature is computed from in the end, each once."""
    if name not in expressions:
        yield name
        return
    operands = sorted(columns_of(expressions[name]))
    yield from dict.fromkeys(one for name in operands for one in _behind(name, expressions))


def _viewed(pinned: "TrainingSet") -> Mapping[str, View]:
    """Feature -> its view, of the views whose values are made of events one by one."""
    return {
        name: one.view
        for one in pinned.features.selections()
        if isinstance(one.view, FeatureView | LookupView)
        for name in one.names
    }


def _moment(row: Row) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(row[_MICROS]))
