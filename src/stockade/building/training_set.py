"""Training sets: decisions with what was known of them and what became of them, and a manifest."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from stockade.building.features import Inputs, Wanted, attach_services, sources_read
from stockade.definitions.fingerprint import (
    definition_fingerprint,
    from_json,
    service_fingerprints,
    to_json,
)
from stockade.definitions.model import RULES_SCORE, ModelSpec
from stockade.definitions.permitted import service_refusals
from stockade.definitions.source import Origin
from stockade.definitions.spine import STATES, Label, Spine, TrainingSet
from stockade.engine.checks import reason
from stockade.engine.labels import attach_label
from stockade.engine.operator import Attached, EngineOptions
from stockade.engine.shuffle import clock_columns
from stockade.errors import (
    DefinitionError,
    EmptyTableError,
    SchemaError,
    TableNotFoundError,
    raise_all,
    require_columns,
)
from stockade.store.content import content_hash
from stockade.store.erased import without_erased
from stockade.store.tables import Tables

MANIFEST = "_manifest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A training set that was written.

    Attributes:
        name: its table.
        version: the table's Delta version.
        manifest: what went into it; see `build`.
    """

    name: str
    version: int
    manifest: Mapping[str, Any]


def build(
    tables: Tables,
    definition: TrainingSet,
    *,
    start: datetime,
    end: datetime,
    as_of: datetime,
    options: EngineOptions | None = None,
) -> Built:
    """Write a training set as its own table, with a manifest beside it.

    Args:
        tables: where to read and write.
        definition: spine, features, label.
        start, end: which decisions: `start <= decided_at < end`, instants with a time zone.
        as_of: the build date: labels known later are not seen. Not before `end`.
        options: how the engine cuts its work.

    Returns:
        The table's name and version and the manifest: fingerprints, definitions, versions of the
        input tables, rows, rows with null keys or times, label states, content hash, and per view
        the latest event time and availability that was used.

    Raises:
        DefinitionError: a source does not allow what the features use of it.
        EmptyTableError: no decision lies in the interval; nothing is written.
    """
    (built,) = build_all(tables, [definition], start=start, end=end, as_of=as_of, options=options)
    return built


def build_all(
    tables: Tables,
    definitions: Sequence[TrainingSet],
    *,
    start: datetime,
    end: datetime,
    as_of: datetime,
    options: EngineOptions | None = None,
) -> Iterator[Built]:
    """As `build`, for several sets, from the same versions of all tables.

    Returns:
        Each set once it is written, in the order of the definitions. Where one cannot be built,
        those before it are written.

    Raises:
        DefinitionError: a source does not allow what some set uses of it; nothing is written.
    """
    refused: list[Exception] = []
    for definition in definitions:
        _check_interval(definition, start=start, end=end, as_of=as_of)
        refused += service_refusals(definition.features)
    names = ", ".join(f"'{definition.name}'" for definition in definitions)
    raise_all(f"training set {names} may not be built", refused)
    inputs = Inputs.of(tables, until=end)
    assembled = _assembled(inputs, definitions, start=start, end=end, as_of=as_of, options=options)
    for definition, attached in zip(definitions, assembled, strict=True):
        if attached.profile.rows == 0:
            raise EmptyTableError(
                f"training set '{definition.name}': spine '{definition.spine.name}' has no "
                f"decisions from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC: widen the "
                "interval or load the data"
            )
        given = {
            "run_id": uuid4().hex,
            "training_set": definition.name,
            "fingerprint": definition_fingerprint(definition),
            "fingerprints": dict(service_fingerprints(definition.features)),
            "definition": to_json(definition),
            "interval": [_text(start), _text(end)],
            "as_of": _text(as_of),
            "mode": definition.mode,
            "inputs": dict(inputs.versions(_origins(definition, inputs))),
            "keyless_rows": {",".join(k): n for k, n in attached.profile.keyless.items()},
            "timeless_rows": attached.profile.timeless,
        }
        # There are rows: to ask the frame would compute all features once more.
        written = tables.replace(definition.name, attached.rows, note=given, allow_empty=True)
        measured = measure(tables.read(definition.name), definition)
        manifest = given | {"version": written.version} | measured
        _write_manifest(tables, definition.name, manifest)
        yield Built(name=definition.name, version=written.version, manifest=manifest)


def _origins(definition: TrainingSet, inputs: Inputs) -> Iterator[Origin | str]:
    """What a set is built from: decisions, events, and what becomes of the decisions."""
    yield definition.spine.origin
    sources = sources_read(definition.features, definition.mode, inputs)
    for source in (*sources, definition.label.source, definition.label.blocks):
        if source is not None:
            yield source.origin


def assemble(
    inputs: Inputs,
    definition: TrainingSet,
    *,
    start: datetime,
    end: datetime,
    as_of: datetime,
    options: EngineOptions | None = None,
) -> Attached:
    """The rows that `build` writes: decisions, features, clocks, label; nothing is written."""
    (found,) = _assembled(inputs, [definition], start=start, end=end, as_of=as_of, options=options)
    return found


def _assembled(
    inputs: Inputs,
    definitions: Sequence[TrainingSet],
    *,
    start: datetime,
    end: datetime,
    as_of: datetime,
    options: EngineOptions | None,
) -> Iterator[Attached]:
    wanted = [
        Wanted(
            rows=decisions(inputs, one.spine, start=start, end=end),
            service=one.features, spine=one.spine, mode=one.mode,
        )
        for one in definitions
    ]  # fmt: skip
    found = attach_services(wanted, inputs, audit=True, options=options)
    for one, attached in zip(definitions, found, strict=True):
        rows = labelled_rows(attached.rows, one.label, one.spine, inputs, as_of=as_of)
        yield Attached(rows, attached.profile)


def decisions(
    inputs: Inputs, spine: Spine, *, start: datetime | None = None, end: datetime | None = None
) -> DataFrame:
    """The spine's rows with `start <= decided_at < end`; rows without a time are kept.

    Those about an entity that was erased are left out.
    """
    rows = inputs.open(spine.origin)
    require_columns(rows.columns, spine.decided_at, *spine.id, where=f"spine '{spine.name}'")
    moment = F.col(spine.decided_at)
    inside = F.lit(True)
    if start is not None:
        inside &= moment >= F.lit(start)
    if end is not None:
        inside &= moment < F.lit(end)
    kept = rows.where(inside | moment.isNull())
    return without_erased(inputs.tables.tables, kept, spine.keys)


def labelled_rows(
    rows: DataFrame, label: Label, spine: Spine, inputs: Inputs, *, as_of: datetime
) -> DataFrame:
    """Decisions with their label as known at `as_of`; see `engine.labels.attach_label`."""
    return attach_label(
        rows,
        label,
        inputs.events(label.source),
        None if label.blocks is None else inputs.events(label.blocks),
        decided_at=spine.decided_at,
        as_of=as_of,
    )


def labels_over_time(
    rows: DataFrame,
    definition: TrainingSet,
    inputs: Inputs,
    dates: Sequence[datetime],
    *,
    as_of: datetime,
) -> tuple[DataFrame, tuple[str, ...]]:
    """A training set's rows with their label as it was known at each date, and at `as_of`.

    Features need no such care: they are what was known at each decision, whenever they are made.

    Returns:
        The rows, and the column with the label as of each date: null where it was not known.
    """
    label, spine = definition.label, definition.spine
    own = (label.name, label.state, label.known_at)
    rows = rows.drop(*own)
    columns = tuple(f"{label.name}__{n}" for n in range(len(dates)))
    for at, column in zip(dates, columns, strict=True):
        then = labelled_rows(rows, label, spine, inputs, as_of=at)
        rows = then.withColumnRenamed(label.name, column).drop(*own)
    return labelled_rows(rows, label, spine, inputs, as_of=as_of), columns


def with_rules(rows: DataFrame, spec: ModelSpec) -> DataFrame:
    """A training set's rows with what the model's rules say of each, if it has rules."""
    if spec.rules is None:
        return rows
    try:
        return rows.withColumn(RULES_SCORE, F.expr(spec.rules).cast("double"))
    except AnalysisException as fault:
        raise DefinitionError(
            f"model '{spec.name}': rules have no meaning here: {reason(fault)}"
        ) from None


def read_manifest(tables: Tables, name: str) -> Mapping[str, Any]:
    """The manifest of the newest build of a training set."""
    if not tables.exists(f"{name}{MANIFEST}"):
        raise TableNotFoundError(
            f"training set '{name}' has no manifest: build it with `stockade build {name}`"
        )
    row = tables.read(f"{name}{MANIFEST}").first()
    return {} if row is None else json.loads(row["manifest"])


def renew_manifest(tables: Tables, name: str, *, erased: int, run_id: str) -> None:
    """Write a set's manifest anew, because so many of its rows were erased."""
    manifest = read_manifest(tables, name)
    now = {
        "version": tables.version(name),
        "erased_rows": erased + manifest.get("erased_rows", 0),
        "erasures": 1 + manifest.get("erasures", 0),
        "erased_by": run_id,
    }
    measured = measure(tables.read(name), from_json(manifest["definition"]))
    _write_manifest(tables, name, {**manifest, **now, **measured})


def measure(rows: DataFrame, definition: TrainingSet) -> dict[str, Any]:
    """What a manifest says of the rows themselves; one pass.

    Returns:
        rows, content_hash (independent of row order), label_states, latest_used.
    """
    state, known = definition.label.state, definition.label.known_at
    used = [
        (view, name)
        for view in (selection.view.name for selection in definition.features.selections())
        for name in clock_columns(view)
    ]
    row = rows.agg(
        F.count(F.lit(1)).alias("rows"),
        content_hash(rows).alias("content_hash"),
        *(F.count_if(F.col(state) == one).alias(one) for one in STATES),
        *(_latest(name) for name in (*(name for _, name in used), known)),
    ).first()
    found: dict[str, Any] = {} if row is None else row.asDict()
    latest: dict[str, dict[str, str]] = {}
    for view, name in used:
        latest.setdefault(view, {})[name.removeprefix(f"{view}__")] = found[name]
    return {
        "rows": found["rows"],
        "content_hash": str(found["content_hash"]),
        "label_states": {one: found[one] for one in STATES},
        "latest_used": latest,
        "label_latest_known_at": found[known],
    }


def _latest(column: str) -> Column:
    return F.date_format(F.max(column), "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'").alias(column)


def _write_manifest(tables: Tables, name: str, manifest: Mapping[str, Any]) -> None:
    text = json.dumps(manifest, ensure_ascii=False)
    frame = tables.spark.createDataFrame([(name, text)], "training_set string, manifest string")
    note = {"run_id": manifest["run_id"], "training_set": name}
    tables.replace(f"{name}{MANIFEST}", frame, note=note)


def _check_interval(
    definition: TrainingSet, *, start: datetime, end: datetime, as_of: datetime
) -> None:
    who = f"training set '{definition.name}'"
    for what, moment in (("start", start), ("end", end), ("as_of", as_of)):
        if moment.tzinfo is None:
            raise SchemaError(f"{who}: {what} {moment} has no time zone: add tzinfo=timezone.utc")
    if not start < end:
        raise SchemaError(f"{who}: start {start} must be before end {end}")
    if as_of < end:
        raise SchemaError(
            f"{who}: build date {as_of} is before the last decision may happen ({end}): "
            "a set cannot be built before its decisions"
        )


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
