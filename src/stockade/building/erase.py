"""One entity taken out of every table that Stockade writes, for good."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from uuid import uuid4

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from stockade.building.features import AS_OF_ON, Inputs
from stockade.building.training_set import MANIFEST, read_manifest, renew_manifest
from stockade.definitions.entity import Entity
from stockade.definitions.fingerprint import from_json
from stockade.definitions.model import ModelSpec
from stockade.definitions.pattern import FlowView, LinkView, MatchView
from stockade.definitions.registry import Registry
from stockade.definitions.source import EventSource, Table
from stockade.definitions.spine import Spine, TrainingSet
from stockade.definitions.view import FeatureView, View
from stockade.errors import DefinitionError
from stockade.store.contract import quarantine_of
from stockade.store.erased import entomb, of_entity, of_source
from stockade.store.ledger import Ledger
from stockade.store.tables import Tables

Columns = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What was erased, without saying whose.

    Attributes:
        entity: its kind.
        rows: table -> how many rows were deleted.
        sources: tables that hold it still, because others load them: delete it there, too.
        models: models whose training set held it: they have learnt from it.
    """

    entity: str
    rows: Mapping[str, int]
    sources: tuple[str, ...]
    models: tuple[str, ...]


def erase(
    tables: Tables,
    registry: Registry,
    entity: str,
    key: Mapping[str, str],
    *,
    predictions: Mapping[str, Spine],
) -> Erased:
    """Delete an entity from feature tables, training sets, predictions and quarantine.

    Tombstones come first: from then on no run writes it again, whatever the sources hold. A run
    that began before may still; erasing again finds what it wrote. Features of other entities keep
    what they counted of its events. Deleted rows stay in old versions of the tables until
    `maintain` removes those that are beyond Delta's retention.

    Args:
        tables: of the target.
        registry: the definitions.
        entity: its kind, such as `account`.
        key: entity key -> value, as text, of the one that is erased.
        predictions: table of predictions -> the decisions that it is about.

    Raises:
        DefinitionError: the keys are not the entity's.
        WriteConflictError: a run wrote a table at the same time; erase again.
    """
    found = registry.find("entity", entity)
    assert isinstance(found, Entity)  # noqa: S101 -- narrows; find() is by kind
    if set(key) != set(found.keys):
        raise DefinitionError(
            f"erase: entity '{entity}' has the keys {', '.join(found.keys)}: give a value for each"
        )
    one = tables.spark.createDataFrame(
        [tuple(key[name] for name in found.keys)], ", ".join(f"`{k}` string" for k in found.keys)
    )
    run_id, places = uuid4().hex, [*_places(registry, found)]
    scopes = [of_source(source.name, columns) for source, columns in places]
    entomb(tables, [of_entity(entity, found.keys), *dict.fromkeys(scopes)], one, run_id=run_id)
    removed = _Removal(tables, one, run_id, {})
    sets = [*_training_sets(tables)]
    # While the decisions can still be told from the training sets.
    for name, spine in predictions.items():
        removed.of_decisions(name, spine, found, [s for s, of in sets if of.spine == spine])
    for name in _feature_tables(tables, found):
        removed.of_days(name)
    for name, definition in sets:
        removed.of_set(name, definition, found)
    for name, columns in dict.fromkeys((quarantine_of(source), by) for source, by in places):
        removed.rows_of(name, columns)
    learnt = {
        spec.name for spec in registry.all(ModelSpec) if spec.training_set.name in removed.rows
    }
    return Erased(
        entity=entity, rows=removed.rows, models=tuple(sorted(learnt)),
        sources=tuple(_holders(tables, places, one)),
    )  # fmt: skip


@dataclass(frozen=True)
class _Removal:
    tables: Tables
    key: DataFrame
    run_id: str
    rows: dict[str, int]

    def rows_of(self, name: str, columns: Columns) -> None:
        """Delete where the columns hold the key."""
        if self.tables.exists(name):
            self.remove(name, self.key.toDF(*columns))

    def of_days(self, name: str) -> None:
        """Delete from a table of the ledger, and record its days as they are then."""
        ledger = Ledger(self.tables)
        before = ledger.settle(name, column=AS_OF_ON)
        self.rows_of(name, tuple(self.key.columns))
        if name in self.rows:
            why = "an entity was erased"
            ledger.renew(name, before, column=AS_OF_ON, run_id=self.run_id, reason=why)

    def of_set(self, name: str, definition: TrainingSet, entity: Entity) -> None:
        """Delete from a training set; its manifest tells what it is since."""
        columns = spine_columns(definition.spine, entity)
        if set(columns) <= set(self.tables.read(name).columns):
            self.rows_of(name, columns)
        if name in self.rows and self.tables.exists(f"{name}{MANIFEST}"):
            renew_manifest(self.tables, name, erased=self.rows[name], run_id=self.run_id)

    def of_decisions(self, name: str, spine: Spine, entity: Entity, sets: list[str]) -> None:
        """Delete the decisions about the key, which predictions know by their own id alone."""
        if not self.tables.exists(name):
            return
        columns = spine_columns(spine, entity)
        held = [Inputs.of(self.tables).open(spine.origin), *map(self.tables.read, sets)]
        ids = [
            rows.join(matched(self.key.toDF(*columns), rows), [*columns], "left_semi")
            for rows in held
            if set(columns) <= set(rows.columns)
        ]
        if ids:
            text = [F.col(c).cast("string").alias(c) for c in spine.id]
            self.remove(name, reduce(DataFrame.unionByName, [one.select(*text) for one in ids]))

    def remove(self, name: str, rows: DataFrame) -> None:
        """Delete, and count."""
        deleted = self.tables.remove(name, rows)
        if deleted:
            self.rows[name] = self.rows.get(name, 0) + deleted


def matched(key: DataFrame, rows: DataFrame) -> DataFrame:
    """The key, in the types of the rows; what cannot be one of theirs matches none."""
    types = {field.name: field.dataType for field in rows.schema}
    return key.select(*(F.col(name).try_cast(types[name]).alias(name) for name in key.columns))


def spine_columns(spine: Spine, entity: Entity) -> Columns:
    """What a spine calls an entity's keys."""
    return tuple(spine.keys.get(name, name) for name in entity.keys)


def _places(registry: Registry, entity: Entity) -> Iterator[tuple[EventSource, Columns]]:
    """Each source that has the entity's keys, and what it calls them."""
    for view in registry.views():
        if view.entity == entity:
            for source, keys in _keys(view):
                yield source, tuple(keys[name] for name in entity.keys)


def _keys(view: View) -> Iterator[tuple[EventSource, Mapping[str, str]]]:
    yield view.source, view.keys
    if isinstance(view, MatchView) and view.debits is not None:
        yield view.debits, view.debit_keys
    if isinstance(view, LinkView) and view.labels is not None:
        yield view.labels, view.label_keys
    if isinstance(view, FlowView):
        (key,) = view.entity.keys
        yield view.source, {key: view.sender}
        if view.labels is not None and view.label_key is not None:
            yield view.labels, {key: view.label_key}


def _feature_tables(tables: Tables, entity: Entity) -> Iterator[str]:
    for name in Ledger(tables).known():
        note = tables.note_with(name, "definition") if tables.exists(name) else None
        if note is not None and "view" in note:
            view: FeatureView = from_json(note["definition"])
            if view.entity == entity:
                yield name


def _training_sets(tables: Tables) -> Iterator[tuple[str, TrainingSet]]:
    """Each training set that was written, and the tables that it was made again in."""
    names = tables.names()
    sets = [name for name in names if f"{name}{MANIFEST}" in names]
    made = {name: from_json(read_manifest(tables, name)["definition"]) for name in sets}
    for name in names:
        if name in made:
            yield name, made[name]
            continue
        note = tables.note_with(name, "rebuilt") or tables.note_with(name, "restates") or {}
        of = note.get("rebuilt") or note.get("restates")
        if of in made:
            yield name, made[of]


def _holders(
    tables: Tables, places: list[tuple[EventSource, Columns]], key: DataFrame
) -> Iterator[str]:
    """Tables of sources that hold the key still."""
    asked = {(s.origin.name, c) for s, c in places if isinstance(s.origin, Table)}
    found: set[str] = set()
    for name, columns in sorted(asked):
        if name not in found and tables.exists(name):
            rows = tables.read(name)
            if not rows.join(matched(key.toDF(*columns), rows), [*columns], "left_semi").isEmpty():
                found.add(name)
    yield from sorted(found)
