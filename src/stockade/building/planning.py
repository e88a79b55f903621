"""A plan with what it costs and whom it concerns, and its application: that plan or none."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from uuid import uuid4

from stockade.building.versions import Version, Versions
from stockade.definitions.fingerprint import from_json
from stockade.definitions.model import ModelSpec
from stockade.definitions.plan import Cost, Plan, plan, used_by
from stockade.definitions.registry import Registry
from stockade.definitions.source import Origin, Table, parts_of
from stockade.definitions.spine import TrainingSet
from stockade.definitions.view import FeatureView
from stockade.errors import DefinitionError, PlanMovedError
from stockade.store.ledger import Ledger
from stockade.store.tables import Tables


def planned(tables: Tables, registry: Registry) -> Plan:
    """How the declared views differ from those that were applied, with what that costs.

    Of a view that was never applied, its table says what it was.
    """
    return _planned(tables, registry, Versions.read(tables))


def apply(
    tables: Tables,
    registry: Registry,
    *,
    plan_id: str | None = None,
    keep_until: date | None = None,
    today: date | None = None,
) -> tuple[Plan, tuple[Version, ...]]:
    """Record the declared views as the current ones: all steps of the plan, in one commit.

    A view that changed gets a version with a table of its own; nothing is written into that of the
    version before, nor into that of a view that is no longer declared: both may be used until
    their end date. A definition that was applied before gets its old version and table back.

    Args:
        tables: of the target.
        registry: what is declared.
        plan_id: the plan that somebody looked at; without it, the plan as it is now.
        keep_until: the end date of what is replaced or dropped; without it, today.
        today: the day of the call (UTC).

    Returns:
        The plan, and the versions that it made, deprecated or brought back.

    Raises:
        DefinitionError: the end date has passed.
        PlanMovedError: the plan is not the one that was looked at; nothing is recorded.
        WriteConflictError: another plan was applied at the same time; nothing is recorded.
    """
    now = today or datetime.now(UTC).date()
    until = keep_until or now
    if until < now:
        raise DefinitionError(f"apply: {until} has passed: keep what is replaced until a later day")
    known = Versions.read(tables)
    found = _planned(tables, registry, known)
    if plan_id not in (None, found.id):
        raise PlanMovedError(
            f"plan '{plan_id}' is no longer what would be done: tables or definitions changed "
            "since, look at `stockade plan` again"
        )
    lines = tuple(_lines(tables, registry, known, found, until))
    if lines:
        known.record(tables, lines, run_id=uuid4().hex)
    return found, lines


def _lines(
    tables: Tables, registry: Registry, known: Versions, found: Plan, until: date
) -> Iterator[Version]:
    declared = {view.name: view for view in registry.all(FeatureView)}
    deployed, current = _deployed(tables, known), known.current()
    for name in found.views:
        reason = "; ".join(step.line() for step in found.steps if step.view == name)
        before = current.get(name)
        if before is None and name in deployed:
            before = Version(view=name, number=1, table=name, definition=deployed[name])
        if before is not None:
            yield replace(before, until=until, reason=reason)
        if name in declared:
            view, again = declared[name], known.matching(declared[name])
            taken = [*known.of(name), *([before.number] if before else [])]
            number = max(taken, default=0) + 1
            table = name if number == 1 else f"{name}_v{number}"
            new = Version(view=name, number=number, table=table, definition=view)
            other_view = number > 1 and table in declared
            if again is None and (other_view or tables.exists(table)):
                raise DefinitionError(
                    f"view '{name}': version {number} would have the table '{table}', which is "
                    "another's: rename that one"
                )
            yield replace(again or new, definition=view, until=None, reason=reason)


def _planned(tables: Tables, registry: Registry, known: Versions) -> Plan:
    deployed, current = _deployed(tables, known), known.current()
    declared = {view.name: view for view in registry.all(FeatureView)}
    found = plan([*declared.values()], deployed)
    sets = {one.name: one.features for one in registry.all(TrainingSet)}
    models = {one.name: one.training_set.features for one in registry.all(ModelSpec)}
    ledger, costs = Ledger(tables), dict[str, Cost]()
    size_of = cache(tables.size)  # many views read one table
    for name in {step.view for step in found.steps if step.view in declared}:
        origin = declared[name].source.origin
        sizes = [size_of(table) for table in _inputs(tables, origin)]
        table = current[name].table if name in current else name
        entries = ledger.book(table).current.values() if name in deployed else ()
        costs[name] = Cost(
            days=sum(entry.state == "done" for entry in entries),
            rows=sum(rows for rows, _ in sizes),
            size=sum(size for _, size in sizes),
            training_sets=used_by(sets, found.steps, name),
            models=used_by(models, found.steps, name),
        )
    return replace(found, costs=costs)


def _deployed(tables: Tables, known: Versions) -> Mapping[str, FeatureView]:
    """View -> the definition that was applied last, or that wrote its table if none was.

    What wrote a table is found past what others did to it since.
    """
    current = {name: one.definition for name, one in known.current().items()}
    recorded = {one.table for one in known.all()}
    names = [name for name in tables.names() if name not in recorded]
    notes = {name: tables.note_with(name, "definition") or {} for name in names}
    wrote = {name: from_json(note["definition"]) for name, note in notes.items() if "view" in note}
    return wrote | current


def _inputs(tables: Tables, origin: Origin | str) -> Iterator[str]:
    """The tables of an origin that are there."""
    for part in parts_of(origin):
        if isinstance(part, Table) and tables.exists(part.name):
            yield part.name
