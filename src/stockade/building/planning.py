"""What a plan costs and whom it concerns, from the ledger and Delta's statistics."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache

from stockade.definitions.fingerprint import from_json
from stockade.definitions.model import ModelSpec
from stockade.definitions.plan import Cost, Plan, plan, used_by
from stockade.definitions.registry import Registry
from stockade.definitions.source import Origin, Query, Table
from stockade.definitions.spine import TrainingSet
from stockade.definitions.view import FeatureView
from stockade.store.ledger import Ledger
from stockade.store.tables import Tables


def planned(tables: Tables, registry: Registry) -> Plan:
    """What materialising the declared views would change, with what it costs."""
    deployed = _deployed(tables)
    declared = {view.name: view for view in registry.all(FeatureView)}
    found = plan([*declared.values()], deployed)
    sets = {one.name: one.features for one in registry.all(TrainingSet)}
    models = {one.name: one.training_set.features for one in registry.all(ModelSpec)}
    ledger, costs = Ledger(tables), dict[str, Cost]()
    size_of = cache(tables.size)  # many views read one table
    for name in {step.view for step in found.steps if step.view in declared}:
        origin = declared[name].source.origin
        sizes = [size_of(table) for table in _inputs(tables, origin)]
        entries = ledger.book(name).current.values() if name in deployed else ()
        costs[name] = Cost(
            days=sum(entry.state == "done" for entry in entries),
            rows=sum(rows for rows, _ in sizes),
            size=sum(size for _, size in sizes),
            training_sets=used_by(sets, found.steps, name),
            models=used_by(models, found.steps, name),
        )
    return replace(found, costs=costs)


def _deployed(tables: Tables) -> Mapping[str, FeatureView]:
    """The view that wrote each materialised table, past what others did to it since."""
    notes = {name: tables.note_with(name, "definition") or {} for name in tables.names()}
    return {name: from_json(note["definition"]) for name, note in notes.items() if "view" in note}


def _inputs(tables: Tables, origin: Origin | str) -> Iterator[str]:
    """The tables of an origin that are there."""
    parts = origin.inputs.values() if isinstance(origin, Query) else (origin,)
    for part in parts:
        if isinstance(part, Table) and tables.exists(part.name):
            yield part.name
