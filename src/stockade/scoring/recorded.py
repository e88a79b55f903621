"""Decisions on record: which model scored one, and what it said."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pyspark.sql import functions as F

from stockade.champion import PROBABILITY, SCORE, predictions_table
from stockade.definitions.model import ModelSpec
from stockade.errors import DataError, DefinitionError
from stockade.scoring.predictions import DECIDED_ON
from stockade.scoring.score import ACTION, MODEL_VERSION
from stockade.store.tables import Tables

Id = str | Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What a predictions table holds of one decision.

    Attributes:
        model, version: the model's name and the version that scored it.
        day: on which the decision was made (UTC).
        score, probability: as they were written.
        action: what the policy did; '' without one.
    """

    model: str
    version: int
    day: date
    score: float
    probability: float
    action: str


def recorded_decision(
    tables: Tables, spec: ModelSpec, decision: Id, *, day: date | None = None
) -> Recorded | None:
    """What is on record of a decision by this model; None where it was not scored.

    Raises:
        DefinitionError: the id's columns are not those of the model's spine.
        DataError: several decisions have that id.
    """
    named = named_id(spec, decision)
    table = predictions_table(spec.name)
    if not tables.exists(table):
        return None
    rows = tables.read(table)
    if day is not None:
        rows = rows.where(F.col(DECIDED_ON) == F.lit(day))
    for column, value in named.items():
        rows = rows.where(F.col(column).cast("string") == str(value))
    found = rows.limit(2).collect()
    if len(found) > 1:
        raise DataError(
            f"table '{table}' has several decisions of that id, and one is explained: name the day"
        )
    if not found:
        return None
    given: dict[str, Any] = found[0].asDict()
    return Recorded(
        model=spec.name, version=int(given[MODEL_VERSION]), day=given[DECIDED_ON],
        score=float(given[SCORE]), probability=float(given[PROBABILITY]),
        action=str(given.get(ACTION, "")),
    )  # fmt: skip


def model_of_decision(
    tables: Tables, specs: Sequence[ModelSpec], decision: Id, *, day: date | None = None
) -> ModelSpec:
    """The one model that has scored a decision.

    Raises:
        DataError: none has, or several have.
    """
    names = [*_scored_by(tables, specs, decision, day=day)]
    if len(names) != 1:
        said = f"{len(names)} models have" if names else "no model has"
        told = ", ".join(names or sorted(spec.name for spec in specs)) or "none is declared"
        raise DataError(f"{said} scored a decision of that id: name the model ({told})")
    return next(spec for spec in specs if spec.name == names[0])


def named_id(spec: ModelSpec, decision: Id) -> Mapping[str, object]:
    """Id column -> value; a bare id is that of the only column.

    Raises:
        DefinitionError: the spine's id has several columns, or others than were given.
    """
    columns = spec.training_set.spine.id
    if isinstance(decision, str) and len(columns) == 1:
        return {columns[0]: decision}
    if isinstance(decision, str) or set(decision) != set(columns):
        raise DefinitionError(
            f"decisions of '{spec.name}' are named by {', '.join(columns)}: give each as "
            "COLUMN=VALUE"
        )
    return decision


def _scored_by(
    tables: Tables, specs: Sequence[ModelSpec], decision: Id, *, day: date | None
) -> Iterator[str]:
    for spec in specs:
        columns = set(spec.training_set.spine.id)
        fits = len(columns) == 1 if isinstance(decision, str) else set(decision) == columns
        if fits and recorded_decision(tables, spec, decision, day=day) is not None:
            yield spec.name
