"""One decision explained: its score, what is done about it, and each reason's value taken apart."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pyspark.sql import Row
from pyspark.sql import functions as F

from stockade.building.explain import Explanation, explain_value
from stockade.building.features import TICK, Inputs
from stockade.champion import PROBABILITY, SCORE, Champion
from stockade.definitions.expression import columns_of
from stockade.definitions.fingerprint import from_json
from stockade.definitions.view import FeatureView
from stockade.engine.faults import spark_faults
from stockade.errors import DataError, DefinitionError
from stockade.scoring.explained import featured_decisions
from stockade.scoring.score import ACTION, REASONS, score
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
    """

    input: str
    text: str
    contribution: float
    expression: str
    operands: Mapping[str, object]
    values: Sequence[Explanation]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedDecision:
    """A decision, as the champion would make it.

    Attributes:
        id: what identifies it.
        decided_at: when it was made (UTC).
        model, version: that scored it.
        score, probability: by which to rank, and what it means.
        action: what the policy does; '' without one.
        reasons: the weightiest first.
    """

    id: Mapping[str, object]
    decided_at: datetime
    model: str
    version: int
    score: float
    probability: float
    action: str
    reasons: Sequence[ExplainedReason]


def explain_decision(
    tables: Tables,
    champion: Champion,
    decision: Mapping[str, object],
    *,
    day: date | None = None,
    reasons: int = 3,
    misses: int = 3,
) -> ExplainedDecision:
    """Score one decision again and take its reasons apart.

    Args:
        tables: where to read.
        champion: that scores; its pinned definitions are used.
        decision: id column of the spine -> value.
        day: on which it was made, if known: fewer files are read.
        reasons: how many.
        misses: how many events that nearly count to list for each value.

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
        found = score(rows, champion, id_columns=ids, decided_at=at, explain=reasons).collect()
        if len(found) != 1:
            raise DataError(
                f"spine '{pinned.spine.name}' has {len(found)} decisions of that id, and one is "
                "explained: check the id and the day"
            )
        (row,), (scored,) = rows.collect(), found
        inputs = Inputs.of(tables)
        given: dict[str, Any] = scored.asDict()
        told = [_reason(inputs, pinned, row, one, misses=misses) for one in given[REASONS] or ()]
    return ExplainedDecision(
        id=dict(decision), decided_at=_moment(row), model=champion.name,
        version=champion.version, score=float(given[SCORE]),
        probability=float(given[PROBABILITY]), action=str(given.get(ACTION, "")), reasons=told,
    )  # fmt: skip


def _reason(
    inputs: Inputs, pinned: "TrainingSet", row: Row, given: Row, *, misses: int
) -> ExplainedReason:
    service, name = pinned.features, str(given["input"])
    expressions = {one.name: one.expression for one in service.derived()}
    operands = sorted(columns_of(expressions[name])) if name in expressions else []
    return ExplainedReason(
        input=name, text=str(given["text"]), contribution=float(given["contribution"]),
        expression=expressions.get(name, ""),
        operands={one: row[one] for one in operands if one in row},
        values=tuple(
            _value(inputs, pinned, row, feature, misses=misses)
            for feature in dict.fromkeys(_behind(name, expressions))
            if feature in _viewed(pinned)
        ),
    )  # fmt: skip


def _behind(name: str, expressions: Mapping[str, str]) -> Iterator[str]:
    """The columns that a feature is computed from in the end."""
    if name not in expressions:
        yield name
        return
    for one in sorted(columns_of(expressions[name])):
        yield from _behind(one, expressions)


def _viewed(pinned: "TrainingSet") -> Mapping[str, FeatureView]:
    """Feature -> its view, of the views that count events."""
    return {
        name: one.view
        for one in pinned.features.selections()
        if isinstance(one.view, FeatureView)
        for name in one.names
    }


def _value(
    inputs: Inputs, pinned: "TrainingSet", row: Row, feature: str, *, misses: int
) -> Explanation:
    view, at = _viewed(pinned)[feature], _moment(row)
    if pinned.mode == "snapshot":
        # What the model saw is what the last tick before the decision held.
        at -= (at - datetime(1970, 1, 1, tzinfo=UTC)) % TICK[view.cadence]
    keys = {key: row[pinned.spine.keys.get(key, key)] for key in view.entity.keys}
    return explain_value(inputs, view, feature, keys=keys, at=at, misses=misses)


def _moment(row: Row) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(row[_MICROS]))
