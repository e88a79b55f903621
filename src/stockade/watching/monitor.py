"""The monitor: gather what happened on some days, judge each, write it down."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import uuid4

import numpy as np
import pandas as pd

from stockade.building.features import Inputs
from stockade.champion import predictions_table
from stockade.definitions.fingerprint import view_fingerprints
from stockade.definitions.model import ModelSpec
from stockade.definitions.registry import Registry
from stockade.definitions.source import EventSource
from stockade.definitions.spine import Spine
from stockade.errors import DefinitionError
from stockade.learning.registry import load_model
from stockade.learning.tracking import Destination, ModelNotFoundError
from stockade.store.tables import Tables
from stockade.watching import record
from stockade.watching.arrivals import arrivals
from stockade.watching.causes import Cause, diagnosed
from stockade.watching.changes import changed_days, source_changes
from stockade.watching.decided import (
    Watched,
    feature_bins,
    midnight,
    outcomes,
    score_bins,
    training_bins,
)
from stockade.watching.drift import Counts
from stockade.watching.judge import Alert, Judge, Judged
from stockade.watching.lineage import lineage, spine_source
from stockade.watching.maturing import Deciding, outcome_measures
from stockade.watching.measures import (
    Reviewing,
    feature_measures,
    score_measures,
    source_measures,
)
from stockade.watching.past import FEATURE, SCORES, SOURCE, Day, Found, bins_of
from stockade.watching.tally import ON_DAY, counts

# How long after it changed a definition is looked at as a cause.
_CHANGED = 3
# Outcomes are looked back at so many days beyond their maturity.
_OUTCOMES = timedelta(days=28)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFound:
    """What a day brought: its measures as judged, and its alerts with what caused them."""

    day: date
    judged: Sequence[Judged]
    alerts: Sequence[tuple[Alert, Sequence[Cause]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitored:
    """What a run of the monitor found.

    Attributes:
        days: each day's findings, in order.
        retrain: model -> why it should be trained anew; empty where no gate opens.
        unwatched: model -> why only its sources are watched.
    """

    days: Sequence[DayFound]
    retrain: Mapping[str, str]
    unwatched: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gathered:
    """What Spark counted of the days, before anything is judged."""

    bins: Sequence[pd.DataFrame]
    scalars: Mapping[str, pd.DataFrame]
    states: pd.DataFrame
    training: Mapping[str, Mapping[str, Counts]]
    decided: Mapping[str, pd.DataFrame]


def monitor(
    tables: Tables,
    registry: Registry,
    *,
    since: date,
    until: date,
    sample: int = 5_000,
) -> Monitored:
    """Watch the days `[since, until)` and write what was found.

    Args:
        tables: where to read and write.
        registry: all definitions.
        since, until: the days; run again, they are replaced by the same.
        sample: of how many decisions a day features are computed again.

    A model without a champion or predictions is not watched itself, only its sources.
    """
    if not since < until:
        raise DefinitionError(f"monitor: since {since} must be before until {until}")
    models, unwatched = watched_models(tables, registry)
    found = _gathered(tables, registry, models, since=since, until=until, sample=sample)
    past = record.past_of(tables, since=since, fresh=found.bins)
    depends = lineage(registry)
    judge = Judge(past=past, lineage=depends)
    _reopen(judge, tables, since)
    states = pd.concat([past.states, found.states], ignore_index=True)
    days: list[DayFound] = []
    for n in range((until - since).days):
        day = since + timedelta(days=n)
        at = np.datetime64(day, "D")
        measured = list(_measures(judge, found, models, registry, at))
        measured += _columns_changed(states, at)
        changed = {str(subject) for subject, *_ in _view_changes(states, at)}
        judged, alerts = judge.day(at, measured, changed_views=changed)
        causes = [(one, diagnosed(one, past, states)) for one in alerts]
        days.append(DayFound(day=day, judged=judged, alerts=causes))
    _write(tables, found, days, since=since, until=until)
    return Monitored(days=days, retrain=_retrain(days), unwatched=unwatched)


def watched_models(tables: Tables, registry: Registry) -> tuple[list[Watched], dict[str, str]]:
    """The models with a champion and predictions; of the others, why not."""
    watched: list[Watched] = []
    unwatched: dict[str, str] = {}
    for spec in registry.all(ModelSpec):
        table = predictions_table(spec.name)
        if not tables.exists(table):
            unwatched[spec.name] = f"no predictions yet: `stockade score {spec.name}`"
            continue
        try:
            champion = load_model(Destination.of(tables.target, spec.name))
        except ModelNotFoundError as fault:
            unwatched[spec.name] = str(fault)
            continue
        watched.append(Watched(spec=spec, champion=champion, predictions=table))
    return watched, unwatched


def _gathered(
    tables: Tables,
    registry: Registry,
    models: Sequence[Watched],
    *,
    since: date,
    until: date,
    sample: int,
) -> _Gathered:
    inputs = Inputs.of(tables)
    bins: list[pd.DataFrame] = []
    scalars: dict[str, pd.DataFrame] = {}
    states = [_view_states(registry, since)]
    for source in watched_sources(registry):
        arrived = arrivals(inputs, source, keys=_keys(registry, source), since=since, until=until)
        bins.append(bins_of(arrived.bins, layer=SOURCE, subject=source.name))
        scalars[source.name] = arrived.scalars
        states.append(_states(since, SOURCE, source.name, {"schema": arrived.schema}))
    training: dict[str, Mapping[str, Counts]] = {}
    decided: dict[str, pd.DataFrame] = {}
    for one in models:
        name, days = one.spec.name, {"since": since, "until": until}
        predictions = tables.read(one.predictions)
        bins.append(bins_of(score_bins(predictions, **days), layer=SCORES, subject=name))
        features = feature_bins(inputs, one, predictions, **days, sample=sample)
        bins.append(bins_of(features, layer=FEATURE, subject=name))
        learnt = training_bins(tables.read(one.champion.training_table), one)
        training[name] = {
            str(column): counts(rows) for column, rows in learnt.groupby("column") if column
        }
        label = one.spec.training_set.label
        decided[name] = outcomes(
            inputs, one.spec, predictions, since=since - label.maturity - _OUTCOMES, until=until,
            as_of=midnight(until),
        )  # fmt: skip
        states.append(_states(since, "model", name, {"version": str(one.champion.version)}))
    return _Gathered(
        bins=bins, scalars=scalars, states=pd.concat(states, ignore_index=True),
        training=training, decided=decided,
    )  # fmt: skip


def watched_sources(registry: Registry) -> tuple[EventSource, ...]:
    """Every source, and every spine as one."""
    return (*registry.all(EventSource), *map(spine_source, registry.all(Spine)))


def _keys(registry: Registry, source: EventSource) -> frozenset[str]:
    """The source's columns that name things."""
    found = set(source.dedupe)
    for view in registry.views():
        if view.source.name == source.name:
            found |= set(view.keys.values())
    for (kind, _), one in registry.definitions.items():
        if kind == "entity":
            found |= set(one.keys)  # type: ignore[attr-defined]
        if kind == "label" and one.source.name == source.name:  # type: ignore[attr-defined]
            found |= set(one.keys.values())  # type: ignore[attr-defined]
        if kind == "spine" and one.name == source.name:  # type: ignore[attr-defined]
            found |= {*one.id, *one.keys.values()}  # type: ignore[attr-defined]
    return frozenset(found)


def _measures(
    judge: Judge, found: _Gathered, models: Sequence[Watched], registry: Registry, day: Day
) -> Iterator[Found]:
    past = judge.past
    for source in watched_sources(registry):
        rows = found.scalars[source.name]
        mine = rows[rows[ON_DAY].to_numpy().astype("datetime64[D]") == day]
        scalars = {
            (str(column), str(measure)): float(value)
            for column, measure, value in mine[["column", "measure", "value"]].itertuples(
                index=False
            )
        }
        root = judge.lineage.root(source.name)
        allowed = 0.0 if source.contract is None else source.contract.max_violations
        yield from source_measures(
            past, source.name, day, scalars=scalars, root=root, allowed=allowed
        )
    for one in models:
        name, root = one.spec.name, f"model {one.spec.name}"
        yield from feature_measures(past, name, day, training=found.training[name], root=root)
        policy = one.spec.policy
        reviewing = Reviewing(
            passed=None if policy is None else policy.actions[0].name,
            capacity=one.spec.review_capacity,
        )
        yield from score_measures(past, name, day, reviewing=reviewing, root=root)
        yield from outcome_measures(found.decided[name], day, Deciding.of(one))


def _columns_changed(states: pd.DataFrame, day: Day) -> Iterator[Found]:
    """Of each source that a run of this day saw again: columns that went or changed their type."""
    for source, _, changes in source_changes(states, on=day):
        # A column that is new moves nothing that is read.
        gone = [column for column, before, _ in changes if before]
        yield Found(layer=SOURCE, subject=source, measure="columns_changed", value=float(len(gone)))


def _reopen(judge: Judge, tables: Tables, since: date) -> None:
    """The alerts that were open on the day before, and the days that they spoilt."""
    rows = record.read(tables, record.ALERTS, since=since - timedelta(days=45), until=since)
    for row in rows.sort_values(ON_DAY).to_dict("records"):
        first, last = (np.datetime64(row[one], "D") for one in ("first_day", ON_DAY))
        judge.open[str(row["root"])] = Alert(
            alert_id=str(row["alert_id"]), root=str(row["root"]), severity=str(row["severity"]),
            first_day=first, last_day=last, signals=(),
            models=tuple(one for one in str(row["models"]).split(", ") if one),
        )  # fmt: skip
        judge.past.excluded.setdefault(str(row["root"]), set()).add(last)


def _view_states(registry: Registry, day: date) -> pd.DataFrame:
    parts = [_states(day, "view", view.name, view_fingerprints(view)) for view in registry.views()]
    return pd.concat(parts, ignore_index=True) if parts else _states(day, "view", "", {})


def _states(day: date, layer: str, subject: str, items: Mapping[str, str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            ON_DAY: [day] * len(items), "layer": layer, "subject": subject,
            "item": list(items), "state": list(items.values()),
        }
    )  # fmt: skip


def _view_changes(states: pd.DataFrame, day: Day) -> Iterator[tuple[str, Day, str]]:
    for subject, rows in states[states["layer"] == "view"].groupby("subject"):
        of = zip(rows[ON_DAY].to_numpy().astype("datetime64[D]"), rows["item"], rows["state"],
                 strict=True)  # fmt: skip
        for when, item, _, _ in changed_days((one, str(a), str(b)) for one, a, b in of):
            if np.timedelta64(0, "D") <= day - when <= np.timedelta64(_CHANGED, "D"):
                yield str(subject), when, item


def _write(
    tables: Tables, found: _Gathered, days: Sequence[DayFound], *, since: date, until: date
) -> None:
    note = {"run_id": uuid4().hex, "interval": [since.isoformat(), until.isoformat()]}
    held: dict[str, pd.DataFrame] = {
        record.BINS: pd.concat(found.bins, ignore_index=True),
        record.MEASURES: _rows(record.MEASURES, _measure_rows(days)),
        record.STATES: found.states,
        # Last: who sees an alert finds all that it was made of.
        record.ALERTS: _rows(record.ALERTS, _alert_rows(days)),
    }
    for name, rows in held.items():
        record.write(tables, name, rows, since=since, until=until, note=note)


def _rows(name: str, rows: Iterator[dict[str, object]]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=record.SCHEMAS[name].names)


def _measure_rows(days: Sequence[DayFound]) -> Iterator[dict[str, object]]:
    for day in days:
        for one in day.judged:
            found = one.found
            yield {
                ON_DAY: day.day, "layer": found.layer, "subject": found.subject,
                "column": found.column, "slice": found.slice, "measure": found.measure,
                "value": found.value, "low": found.low, "high": found.high,
                "estimated": found.estimated, "expected": one.expected, "limit": one.limit,
                "alarm": one.signal is not None,
            }  # fmt: skip


def _alert_rows(days: Sequence[DayFound]) -> Iterator[dict[str, object]]:
    for day in days:
        for alert, causes in day.alerts:
            first = causes[0] if causes else None
            signals = sorted(alert.signals, key=lambda one: -one.weight)
            yield {
                ON_DAY: day.day, "alert_id": alert.alert_id, "root": alert.root,
                "severity": alert.severity, "first_day": alert.first_day.astype(object),
                "cause": first.kind if first else "unknown",
                "cause_text": first.text if first else "no cause explains it",
                "explained": first.explained if first else 0.0,
                "signals": len(signals), "models": ", ".join(alert.models),
                "text": signals[0].text,
                "evidence": json.dumps(
                    {
                        "signals": [one.text for one in signals[:20]],
                        "causes": [one.document() for one in causes],
                    },
                    ensure_ascii=False,
                ),
            }  # fmt: skip


# Causes that a new model could learn from; faults of data must be mended instead.
_LEARNABLE = ("population shift", "concept drift", "fraud wave", "stale champion")


def _retrain(days: Sequence[DayFound]) -> Mapping[str, str]:
    """Model -> why its retraining gate is open on the last of the days."""
    found: dict[str, str] = {}
    for alert, causes in days[-1].alerts if days else ():
        if not causes or causes[0].kind not in _LEARNABLE:
            continue
        for signal in alert.signals:
            if signal.found.layer == "outcome":
                found.setdefault(signal.found.subject, f"{causes[0].kind}: {signal.text}")
    return found
