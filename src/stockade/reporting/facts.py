"""What a report tells, read from a target: definitions, models, predictions, monitor tables."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from stockade.building.features import AS_OF_ON
from stockade.building.versions import Versions
from stockade.champion import PROBABILITY, SCORE, Champion, predictions_table
from stockade.definitions.fingerprint import view_fingerprints
from stockade.definitions.model import ModelSpec
from stockade.definitions.registry import Registry
from stockade.definitions.release import ReleaseStrategy
from stockade.definitions.view import FeatureView, View
from stockade.errors import TableNotFoundError
from stockade.learning.built import midnight
from stockade.learning.registry import VersionHistory, history, load_model
from stockade.learning.release import CohortRate
from stockade.learning.released import newest_payment, rates_by_cohort
from stockade.learning.tracking import Destination, ModelNotFoundError
from stockade.scoring.explained import explained_rows
from stockade.scoring.predictions import DECIDED_ON
from stockade.scoring.score import ACTION, REASONS
from stockade.store.tables import Tables
from stockade.watching import record
from stockade.watching.lineage import tables_of

# An alert queue and examples are samples: a report is handed on, and holds no more than it needs.
_QUEUE, _EXAMPLES, _REASONS = 12, 5, 3
# Of scores and snapshots, so many days.
_DAYS = timedelta(days=120)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLine:
    """One decision that people would look at.

    Attributes:
        id: what identifies it.
        day: when it was made.
        probability: calibrated.
        action: what the policy does about it; '' without a policy.
        reasons: in words, the weightiest first.
    """

    id: str
    day: str
    probability: float
    action: str
    reasons: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What is on record of a model.

    Attributes:
        spec: its definition.
        champion: the version in use, or else the challenger; None where there is neither.
        role: `champion`, `challenger`, or why there is none.
        history: every version.
        days: per scored day `day`, `decisions`, `probability` (mean) and one column per action.
        scores: twentieths of the probability -> decisions.
        queue: the most suspicious decisions of the newest scored day.
    """

    spec: ModelSpec
    champion: Champion | None
    role: str
    history: Sequence[VersionHistory] = ()
    days: pd.DataFrame = field(default_factory=pd.DataFrame)
    scores: Mapping[float, int] = field(default_factory=dict[float, int])
    queue: Sequence[QueueLine] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewFacts:
    """What is on record of a feature view.

    Attributes:
        view: its definition.
        fingerprints: feature -> fingerprint.
        tables: that its events come from.
        models: that read it.
        snapshots: `feature`, `day`, `low`, `middle`, `high` (5, 50 and 95 %), `missing`; empty
            where it was never materialised.
        rows: of the newest day.
        examples: rows of the newest day, without keys.
    """

    view: View
    fingerprints: Mapping[str, str]
    tables: Sequence[str]
    models: Sequence[str]
    snapshots: pd.DataFrame = field(default_factory=pd.DataFrame)
    rows: int = 0
    examples: Sequence[Mapping[str, object]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnFacts:
    """What came back of the payments of a release strategy.

    Attributes:
        strategy: its definition.
        as_of: the moment by which returns were known; the end of the newest payment's day.
        cohorts: each level for each period, the newest first; empty where nothing can be said.
        said: why there are none.
    """

    strategy: ReleaseStrategy
    as_of: datetime | None = None
    cohorts: Sequence[CohortRate] = ()
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that a report tells.

    Attributes:
        target: where it was read, in words.
        written_at: when.
        models, views: by name.
        measures, alerts: of the monitor tables; empty where nothing was watched.
        returns: of each release strategy.
    """

    target: str
    written_at: datetime
    models: Sequence[ModelFacts]
    views: Sequence[ViewFacts]
    measures: pd.DataFrame
    alerts: pd.DataFrame
    returns: Sequence[ReturnFacts] = ()


def gathered(tables: Tables, registry: Registry) -> Facts:
    """Read what there is; what is missing is left empty and said so by the report."""
    models = tuple(_model(tables, spec) for spec in registry.all(ModelSpec))
    since, until = date(1970, 1, 1), date(2200, 1, 1)
    versions = Versions.read(tables)
    return Facts(
        target=tables.target.schema or tables.target.warehouse.parent.name,
        written_at=datetime.now(UTC),
        models=models,
        views=tuple(_view(tables, registry, versions, view) for view in registry.views()),
        measures=record.read(tables, record.MEASURES, since=since, until=until),
        alerts=record.read(tables, record.ALERTS, since=since, until=until),
        returns=tuple(_returns(tables, one) for one in registry.all(ReleaseStrategy)),
    )


def _returns(tables: Tables, strategy: ReleaseStrategy) -> ReturnFacts:
    try:
        newest = newest_payment(tables, strategy)
        if newest is None:
            return ReturnFacts(strategy=strategy, said="there are no payments")
        as_of = midnight(newest.date() + timedelta(days=1))
        found = rates_by_cohort(tables, strategy, as_of=as_of)
    except TableNotFoundError as fault:
        return ReturnFacts(strategy=strategy, said=str(fault))
    return ReturnFacts(strategy=strategy, as_of=as_of, cohorts=found)


def _model(tables: Tables, spec: ModelSpec) -> ModelFacts:
    destination = Destination.of(tables.target, spec.name)
    champion, role = None, ""
    for alias in ("champion", "challenger"):
        try:
            champion, role = load_model(destination, alias), alias
            break
        except ModelNotFoundError as fault:
            role = role or str(fault)
    versions = history(destination) if champion is not None else ()
    table = predictions_table(spec.name)
    if champion is None or not tables.exists(table):
        return ModelFacts(spec=spec, champion=champion, role=role, history=versions)
    written = tables.read(table)
    last = written.agg(F.max(DECIDED_ON)).first()
    if last is None or last[0] is None:
        return ModelFacts(spec=spec, champion=champion, role=role, history=versions)
    recent = written.where(F.col(DECIDED_ON) > F.lit(last[0] - _DAYS))
    return ModelFacts(
        spec=spec, champion=champion, role=role, history=versions,
        days=_scored_days(recent), scores=_scores(recent),
        queue=tuple(_queue(tables, spec, champion, written.where(F.col(DECIDED_ON) == last[0]))),
    )  # fmt: skip


def _scored_days(predictions: DataFrame) -> pd.DataFrame:
    found = predictions.groupBy(DECIDED_ON).agg(
        F.count(F.lit(1)).alias("decisions"), F.mean(PROBABILITY).alias("probability")
    )
    days = found.toArrow().to_pandas()
    if ACTION in predictions.columns:
        acted = predictions.groupBy(DECIDED_ON, ACTION).count().toArrow().to_pandas()
        wide = acted.pivot_table(index=DECIDED_ON, columns=ACTION, values="count", fill_value=0)
        days = days.merge(wide.reset_index(), on=DECIDED_ON)
    return days.rename(columns={DECIDED_ON: "day"}).sort_values("day")


def _scores(predictions: DataFrame) -> Mapping[float, int]:
    low = F.least(F.floor(F.col(PROBABILITY) * 20), F.lit(19))
    found = predictions.groupBy(low.alias("low")).count().collect()
    return {row["low"] / 20: int(row["count"]) for row in sorted(found)}


def _queue(
    tables: Tables, spec: ModelSpec, champion: Champion, day: DataFrame
) -> Iterator[QueueLine]:
    if spec.policy is not None and ACTION in day.columns:
        day = day.where(F.col(ACTION) != spec.policy.actions[0].name)
    best = day.orderBy(F.desc(SCORE), *spec.training_set.spine.id).limit(_QUEUE)
    rows = best.collect()
    if rows and REASONS not in rows[0]:
        ids = [{name: row[name] for name in spec.training_set.spine.id} for row in rows]
        rows = explained_rows(tables, champion, ids, day=rows[0][DECIDED_ON], reasons=_REASONS)
        rows.sort(key=lambda row: -float(row[SCORE]))
    for row in rows:
        given = row.asDict()
        yield QueueLine(
            id=", ".join(str(given[name]) for name in spec.training_set.spine.id),
            day=f"{given[spec.training_set.spine.decided_at]:%Y-%m-%d %H:%M}",
            probability=float(given[PROBABILITY]),
            action=str(given.get(ACTION, "")),
            reasons=[str(one["text"]) for one in (given[REASONS] or [])[:_REASONS]],
        )


def _view(tables: Tables, registry: Registry, versions: Versions, view: View) -> ViewFacts:
    using = tuple(
        spec.name
        for spec in registry.all(ModelSpec)
        if any(one.view.name == view.name for one in spec.training_set.features.selections())
    )
    facts = {
        "view": view, "fingerprints": view_fingerprints(view),
        "tables": tuple(tables_of(view.source.origin)), "models": using,
    }  # fmt: skip
    table = versions.table_of(view) if isinstance(view, FeatureView) else view.name
    if not tables.exists(table):
        return ViewFacts(**facts)  # type: ignore[arg-type]
    rows = tables.read(table)
    last = rows.agg(F.max(AS_OF_ON)).first() if AS_OF_ON in rows.columns else None
    if last is None or last[0] is None:
        return ViewFacts(**facts)  # type: ignore[arg-type]
    names = [one.name for one in view.features() if one.name in rows.columns]
    numbers = [n for n in names if isinstance(rows.schema[n].dataType, T.NumericType)]
    recent = rows.where(F.col(AS_OF_ON) > F.lit(last[0] - _DAYS))
    newest = rows.where(F.col(AS_OF_ON) == last[0])
    # By a hash of the keys: the same rows each time, and no one's choice.
    lot = newest.orderBy(F.xxhash64(*view.entity.keys)).limit(_EXAMPLES).select(*names)
    return ViewFacts(
        **facts,  # type: ignore[arg-type]
        snapshots=_snapshots(recent, numbers), rows=newest.count(),
        examples=tuple(row.asDict() for row in lot.collect()),
    )  # fmt: skip


def _snapshots(rows: DataFrame, names: Sequence[str]) -> pd.DataFrame:
    wanted: list[Column] = []
    for name in names:
        wanted.append(F.percentile_approx(name, [0.05, 0.5, 0.95]).alias(name))
        wanted.append(F.mean(F.col(name).isNull().cast("double")).alias(f"{name}|missing"))
    parts: list[dict[str, object]] = []
    for row in rows.groupBy(AS_OF_ON).agg(*wanted).orderBy(AS_OF_ON).collect() if names else []:
        for name in names:
            low, middle, high = row[name] or (np.nan,) * 3
            parts.append(
                {
                    "feature": name, "day": row[AS_OF_ON], "low": float(low),
                    "middle": float(middle), "high": float(high),
                    "missing": float(row[f"{name}|missing"]),
                }
            )  # fmt: skip
    return pd.DataFrame(parts)
