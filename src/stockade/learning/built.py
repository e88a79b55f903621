"""Learning from a model's newest written training set."""

import calendar
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

from pyspark.sql import functions as F

from stockade.building.features import Inputs, attach_service
from stockade.building.training_set import (
    decisions,
    labelled_rows,
    labels_over_time,
    read_manifest,
    with_rules,
)
from stockade.champion import PROBABILITY, SCORE, Champion, predictions_table
from stockade.definitions.fingerprint import require_same, service_fingerprints
from stockade.definitions.model import ModelSpec
from stockade.definitions.wording import meanings
from stockade.engine.faults import spark_faults
from stockade.errors import DataError, DefinitionError, hint
from stockade.learning.backtest import Backtest, backtest
from stockade.learning.documents import ModelFile, documents
from stockade.learning.evaluate import Evaluation, evaluate
from stockade.learning.leak import LATE, Leak, leak
from stockade.learning.registry import history, load_model
from stockade.learning.tracking import CHALLENGER, Destination, ModelNotFoundError
from stockade.learning.train import Pinned, TrainedModel, learning_columns, train
from stockade.learning.tune import Progress, Running
from stockade.store.tables import Tables

Every = Literal["day", "week", "month"]
_EVERY: Mapping[str, timedelta] = {
    "day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=31)
}  # fmt: skip


def train_newest(
    tables: Tables,
    spec: ModelSpec,
    *,
    destination: Destination,
    running: Running,
    trials: int | None = None,
    progress: Progress | None = None,
) -> TrainedModel:
    """Search, fit and register a challenger on the newest build of its set; see `train`."""
    name, service = spec.training_set.name, spec.training_set.features
    manifest = newest_build(tables, spec)
    columns = learning_columns(spec, service.inputs()).names
    rows = with_rules(tables.read(name, version=manifest["version"]), spec).select(*columns)
    pinned = Pinned(
        definitions_json=manifest["definition"],
        fingerprints=manifest["fingerprints"],
        inputs=service.inputs(),
        training_table=name,
        training_version=str(manifest["version"]),
        training_place=tables.target.place(name),
        content_hash=manifest["content_hash"],
        meanings=meanings(service),
        built_at=datetime.fromisoformat(manifest["as_of"]),
    )
    return train(
        spec, rows.toArrow(), pinned=pinned, destination=destination,
        running=running, trials=trials, progress=progress,
    )  # fmt: skip


def backtest_newest(
    tables: Tables,
    spec: ModelSpec,
    *,
    destination: Destination,
    since: date,
    until: date,
    every: Every,
) -> Backtest:
    """Replay a model on its newest training set; see `backtest`.

    Raises:
        DataError: the dates do not lie within the set's decisions.
        ModelNotFoundError: no version is registered whose parameters could be used.
    """
    name = spec.training_set.name
    manifest = newest_build(tables, spec)
    first, last = (datetime.fromisoformat(one) for one in manifest["interval"])
    start, end = midnight(since), midnight(until)
    if not first < start < end <= last:
        raise DataError(
            f"backtest of '{spec.name}': training set '{name}' holds decisions from {first} to "
            f"{last}: since must lie after its beginning, and until after since and not beyond "
            "its end"
        )
    fitted = newest_model(destination)
    dates = _dates(start, end, every)
    as_of = datetime.fromisoformat(manifest["as_of"])
    with spark_faults():
        rows, labels = labels_over_time(
            tables.read(name, version=manifest["version"]), spec.training_set,
            Inputs.of(tables, manifest["inputs"]), dates, as_of=as_of,
        )  # fmt: skip
        columns = learning_columns(spec, spec.training_set.features.inputs())
        table = with_rules(rows, spec).select(*columns.names, *labels).toArrow()
    return backtest(
        spec, table, columns, list(zip(dates, labels, strict=True)),
        end=end, built_at=as_of, algorithm=fitted.algorithm, params=fitted.params,
    )  # fmt: skip


def leak_newest(
    tables: Tables, spec: ModelSpec, *, destination: Destination, ahead: timedelta | None
) -> Leak:
    """What hindsight would have bought on the newest training set; see `leak`.

    The leaking features are those of the same decisions computed `ahead` later, which is how they
    come about in practice: in a table that is made after the fact. Without `ahead`, it is the
    label's maturity, by when the outcome is known.
    """
    ahead = spec.training_set.label.maturity if ahead is None else ahead
    if ahead <= timedelta(0):
        raise DefinitionError(f"leak of '{spec.name}': ahead must be longer than zero, not {ahead}")
    definition, manifest = spec.training_set, newest_build(tables, spec)
    fitted = newest_model(destination)
    spine, service = definition.spine, definition.features
    first, last = (datetime.fromisoformat(one) for one in manifest["interval"])
    inputs = Inputs.of(tables, manifest["inputs"])
    at = spine.decided_at
    with spark_faults():
        rows = decisions(inputs, spine, start=first, end=last)
        later = attach_service(
            rows.withColumn(at, F.col(at) + F.lit(ahead)),
            service,
            spine,
            inputs,
            mode=definition.mode,
        ).rows
        late = later.select(
            *spine.id, *(F.col(one).alias(f"{one}{LATE}") for one in service.inputs())
        )
        columns = learning_columns(spec, service.inputs())
        on_time = with_rules(tables.read(definition.name, version=manifest["version"]), spec)
        names = [*columns.names, *(f"{one}{LATE}" for one in service.inputs())]
        table = on_time.join(late, [*spine.id]).select(*names).toArrow()
    return leak(
        spec, table, columns,
        ahead=ahead, built_at=datetime.fromisoformat(manifest["as_of"]),
        algorithm=fitted.algorithm, params=fitted.params,
    )  # fmt: skip


def evaluate_predictions(
    tables: Tables, spec: ModelSpec, *, since: date, until: date, as_of: datetime
) -> Evaluation:
    """Judge written predictions of the days `[since, until)` by the labels known at `as_of`.

    Decisions whose label is pending or censored are left out.
    """
    spine, label = spec.training_set.spine, spec.training_set.label
    inputs = Inputs.of(tables)
    rows = decisions(inputs, spine, start=midnight(since), end=midnight(until))
    scored = tables.read(predictions_table(spec.name)).select(*spine.id, SCORE, PROBABILITY)
    labelled = labelled_rows(
        rows.join(scored, [*spine.id]), label, spine, inputs, as_of=as_of
    ).where(F.col(label.name).isNotNull())
    reviewed = spec.review_entity or spine.id[0]
    table = labelled.select(label.name, SCORE, PROBABILITY, spine.decided_at, reviewed).toArrow()
    entities = table.column(reviewed).combine_chunks().dictionary_encode().indices
    return evaluate(
        table.column(label.name).to_numpy(),
        table.column(SCORE).to_numpy(),
        table.column(spine.decided_at).to_numpy(),
        entities=entities.to_numpy(zero_copy_only=False).astype("int64"),
        capacity=spec.review_capacity,
        probabilities=table.column(PROBABILITY).to_numpy(),
    )


def documents_of(
    tables: Tables, spec: ModelSpec, *, destination: Destination, year: int | None
) -> Mapping[str, str]:
    """File name -> content of the champion's documents; see `stockade.learning.documents`."""
    champion = load_model(destination)
    manifest = read_manifest(tables, champion.training_table)
    same = str(manifest.get("version")) == champion.training_version
    file = ModelFile(
        spec=spec, champion=champion, history=history(destination),
        manifest=manifest if same else {}, written_at=datetime.now(UTC),
    )  # fmt: skip
    return documents(file, year=year)


def newest_build(tables: Tables, spec: ModelSpec) -> Mapping[str, Any]:
    """The manifest of the model's training set, which must be of today's definitions."""
    name = spec.training_set.name
    manifest = read_manifest(tables, name)
    require_same(
        manifest["fingerprints"],
        service_fingerprints(spec.training_set.features),
        who=f"training set '{name}'",
        remedy=f"build it again with `stockade build {name}`",
    )
    return manifest


def newest_model(destination: Destination) -> Champion:
    """The champion or, where there is none yet, the challenger."""
    try:
        return load_model(destination)
    except ModelNotFoundError:
        return load_model(destination, CHALLENGER)


def midnight(day: date) -> datetime:
    """The instant at which a UTC day begins."""
    return datetime.combine(day, time.min, tzinfo=UTC)


def _dates(start: datetime, end: datetime, every: Every) -> list[datetime]:
    """Training dates from `start` to before `end`; a month later is the same day, or its last."""
    if every not in _EVERY:
        raise DefinitionError(f"every '{every}' is not one: {hint(every, _EVERY)}")
    dates: list[datetime] = []
    while not dates or dates[-1] < end:
        n = len(dates)
        month = start.month - 1 + n
        year, month = start.year + month // 12, month % 12 + 1
        last = calendar.monthrange(year, month)[1]
        dates.append(
            start.replace(year=year, month=month, day=min(start.day, last))
            if every == "month"
            else start + n * _EVERY[every]
        )
    return dates[:-1]
