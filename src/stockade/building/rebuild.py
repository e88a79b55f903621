"""A training set made again: as it was, to prove it; or as it would be today, to see what moved."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from stockade.building.features import Inputs
from stockade.building.training_set import assemble, read_manifest
from stockade.definitions.fingerprint import from_json, to_json
from stockade.definitions.spine import TrainingSet
from stockade.engine.operator import EngineOptions
from stockade.errors import DataError, WriteError
from stockade.store.content import content
from stockade.store.tables import Tables, Written

RESTATED = "_restated"
_HERE, _THERE = "_here", "_there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """A training set that was made again from what its manifest says.

    Attributes:
        training_set: the set's name.
        rows: how many it has now.
        content_hash: of the rows now; independent of their order.
        recorded_hash: of the rows when it was built; of those that were left, after an erasure.
        inputs: table -> version that was read.
        written: where the rows were written, if anywhere.
        erased_rows, erasures: how many rows of how many erased entities are left out, that were in
            the set when it was built.
    """

    training_set: str
    rows: int
    content_hash: str
    recorded_hash: str
    inputs: Mapping[str, int]
    written: Written | None
    erased_rows: int = 0
    erasures: int = 0

    @property
    def identical(self) -> bool:
        """Whether every row is what it was, to the last bit; of those that were not erased."""
        return self.content_hash == self.recorded_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one cause did to one column.

    Attributes:
        cause: what is no longer as it was recorded.
        column: the column; `(decisions)` where whole rows came or went.
        how: `changed`, `came`, `went`; of a label's state `<before> -> <after>`.
        rows: decisions concerned.
    """

    cause: str
    column: str
    how: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Restatement:
    """What a training set would be today.

    Attributes:
        training_set: the set's name.
        causes: what differs from the manifest, in the order in which it was put in.
        changes: what that did, cause by cause; the columns with the most rows first.
        table: where today's rows are, beside the set; None where nothing differs.
    """

    training_set: str
    causes: tuple[str, ...]
    changes: tuple[Change, ...]
    table: str | None


def rebuild(
    tables: Tables, name: str, *, into: str | None = None, options: EngineOptions | None = None
) -> Rebuilt:
    """Make a training set again from its manifest: same definitions, build date, input versions.

    Rows about entities that were erased since stay out, whatever the old versions of the inputs
    hold; what other rows counted of their events is as it was. Files have no versions: a set that
    reads files directly is the same only if they are.

    Args:
        tables: where the set, its manifest and its inputs are.
        name: the set's.
        into: a table for the rows, new or an earlier rebuild; without it nothing is written.
        options: how the engine cuts its work; of no consequence for the result.

    Raises:
        TableNotFoundError: there is no manifest, or an input is no longer there as of the version
            that was read.
        WriteError: `into` is a table of another kind.
    """
    manifest = read_manifest(tables, name)
    if into is not None:
        _require_ours(tables, into, name)
    inputs = Inputs.of(tables, manifest["inputs"])
    rows = _assembled(inputs, manifest, from_json(manifest["definition"]), options=options)
    written = None
    if into is not None:
        note = {"run_id": uuid4().hex, "rebuilt": name, "of_run": manifest["run_id"]}
        written = tables.replace(into, rows, note=note)
        rows = tables.read(into, version=written.version)
    found = content(rows)
    return Rebuilt(
        training_set=name,
        rows=found.rows,
        content_hash=found.content_hash,
        recorded_hash=manifest["content_hash"],
        inputs=inputs.tables.versions,
        written=written,
        erased_rows=manifest.get("erased_rows", 0),
        erasures=manifest.get("erasures", 0),
    )


def _require_ours(tables: Tables, into: str, name: str) -> None:
    note = tables.last_note(into) if tables.exists(into) else {"rebuilt": name}
    if note is None or note.get("rebuilt") != name:
        raise WriteError(
            f"table '{into}' is there and is no rebuild of training set '{name}': give a new name"
        )


def restate(
    tables: Tables,
    definition: TrainingSet,
    *,
    as_of: datetime | None = None,
    options: EngineOptions | None = None,
) -> Restatement:
    """Compare a training set with what it would be today, one cause after the other.

    First each input table whose newest version is another takes that version, in the order of
    names; then the definitions are today's; then the build date. What a step changes is due to
    its cause, given the steps before it. The steps are versions of the table `<name>_restated`.

    Args:
        tables: where the set, its manifest and its inputs are.
        definition: the set as it is defined today.
        as_of: another build date; without it the recorded one.
        options: how the engine cuts its work.

    Raises:
        DataError: the spine's id does not tell decisions apart, so that they cannot be compared.
    """
    name = definition.name
    manifest = read_manifest(tables, name)
    before = tables.read(name, version=manifest["version"])
    _require_ids(before, definition)
    causes: list[str] = []
    changes: list[Change] = []
    table = f"{name}{RESTATED}"
    for cause, versions, stage, given in _stages(tables, manifest, definition, as_of):
        note = {"run_id": uuid4().hex, "restates": name, "of_run": manifest["run_id"]}
        rows = _assembled(Inputs.of(tables, versions), given, stage, options=options)
        written = tables.replace(table, rows, note={**note, "cause": cause}, allow_empty=True)
        after = tables.read(table, version=written.version)
        causes.append(cause)
        changes += _compared(before, after, stage, cause)
        before = after
    return Restatement(
        training_set=name,
        causes=tuple(causes),
        changes=tuple(changes),
        table=table if causes else None,
    )


def _stages(
    tables: Tables,
    manifest: Mapping[str, Any],
    definition: TrainingSet,
    as_of: datetime | None,
) -> Iterator[tuple[str, Mapping[str, int], TrainingSet, Mapping[str, Any]]]:
    """Cause, versions to read, definition, interval and build date; each adds one cause."""
    stage: TrainingSet = from_json(manifest["definition"])
    versions = dict(manifest["inputs"])
    for table, recorded in sorted(versions.items()):
        newest = tables.version(table)
        if newest != recorded:
            versions[table] = newest
            yield f"table '{table}', version {recorded} -> {newest}", versions, stage, manifest
    if to_json(definition) != manifest["definition"]:
        stage = definition
        yield "the definitions", versions, stage, manifest
    if as_of is not None and as_of != datetime.fromisoformat(manifest["as_of"]):
        text = f"{as_of.astimezone(UTC):%Y-%m-%d %H:%M}"
        yield (
            f"the build date, {manifest['as_of'][:16].replace('T', ' ')} -> {text}",
            versions, stage, {**manifest, "as_of": as_of.isoformat()},
        )  # fmt: skip


def _assembled(
    inputs: Inputs,
    manifest: Mapping[str, Any],
    definition: TrainingSet,
    *,
    options: EngineOptions | None,
) -> DataFrame:
    start, end = (datetime.fromisoformat(one) for one in manifest["interval"])
    as_of = datetime.fromisoformat(manifest["as_of"])
    return assemble(inputs, definition, start=start, end=end, as_of=as_of, options=options).rows


def _require_ids(rows: DataFrame, definition: TrainingSet) -> None:
    repeated = rows.groupBy(*definition.spine.id).count().where("count > 1").limit(1).count()
    if repeated:
        raise DataError(
            f"training set '{definition.name}': several decisions have the same "
            f"{_quoted(definition.spine.id)}, so they cannot be compared one by one: give the "
            f"spine '{definition.spine.name}' an id that tells them apart"
        )


def _compared(
    before: DataFrame, after: DataFrame, definition: TrainingSet, cause: str
) -> list[Change]:
    ids, state = list(definition.spine.id), definition.label.state
    came = [name for name in after.columns if name not in before.columns]
    went = [name for name in before.columns if name not in after.columns]
    shared = [name for name in before.columns if name in after.columns and name not in ids]
    old = before.select(*ids, *(F.col(name).alias(f"b_{name}") for name in shared))
    new = after.select(*ids, *(F.col(name).alias(f"a_{name}") for name in shared))
    old, new = old.withColumn(_THERE, F.lit(True)), new.withColumn(_HERE, F.lit(True))
    same = [old[name].eqNullSafe(new[name]) for name in ids]
    both = F.col(_HERE).isNotNull() & F.col(_THERE).isNotNull()
    joined = old.join(new, same, "full").select(
        _HERE, _THERE, *(f"{side}_{name}" for name in shared for side in "ba")
    )
    moved = F.concat_ws(" -> ", f"b_{state}", f"a_{state}")
    differ = {
        name: both & ~F.col(f"b_{name}").eqNullSafe(F.col(f"a_{name}"))
        for name in shared
        if name != state
    }
    row = joined.agg(
        F.count_if(F.col(_THERE).isNull()).alias("came"),
        F.count_if(F.col(_HERE).isNull()).alias("went"),
        *(F.count_if(broken).alias(f"n_{name}") for name, broken in differ.items()),
    ).first()
    counted: dict[str, int] = {} if row is None else row.asDict()
    states: Sequence[Any] = []
    if state in shared:
        changed = both & ~F.col(f"b_{state}").eqNullSafe(F.col(f"a_{state}"))
        states = joined.where(changed).groupBy(moved.alias("how")).count().collect()
    rows = after.count() if came else 0
    found = [("(decisions)", how, counted.get(how, 0)) for how in ("came", "went")]
    found += [(name, "came", rows) for name in came] + [(name, "went", 0) for name in went]
    found += sorted(
        ((name, "changed", counted.get(f"n_{name}", 0)) for name in differ),
        key=lambda one: (-one[2], one[0]),
    )
    found += [(state, one["how"], one["count"]) for one in sorted(states)]
    return [
        Change(cause=cause, column=column, how=how, rows=count)
        for column, how, count in found
        if count or column in went
    ]


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
