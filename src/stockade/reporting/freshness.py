"""How new what a target holds is: the newest moment of each source, view and model."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from stockade.building.features import AS_OF, Inputs
from stockade.champion import predictions_table
from stockade.definitions.model import ModelSpec
from stockade.definitions.registry import Registry
from stockade.definitions.source import EventSource
from stockade.definitions.spine import Spine
from stockade.engine.faults import spark_faults
from stockade.errors import TableNotFoundError
from stockade.learning.registry import VersionHistory, history
from stockade.learning.tracking import Destination
from stockade.reporting.lineage import Node
from stockade.scoring.predictions import DECIDED_ON
from stockade.store.tables import Tables

_CLOCK = "yyyy-MM-dd HH:mm:ss"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """What a table holds.

    Attributes:
        rows: how many.
        newest: its newest moment as text (UTC), or the newest day of decisions; '' where it has no
            rows.
    """

    rows: int
    newest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a target holds of the definitions.

    Attributes:
        target: its name.
        fresh: node -> what its table holds; none where there is no such table.
        versions: model -> its registered versions, the newest first.
    """

    target: str
    fresh: Mapping[Node, Fresh]
    versions: Mapping[str, Sequence[VersionHistory]] = field(
        default_factory=dict[str, Sequence[VersionHistory]]
    )


def held(tables: Tables, registry: Registry) -> Held:
    """Read how new each table is; what is not there is left out."""
    fresh: dict[Node, Fresh] = {}
    inputs = Inputs.of(tables)
    with spark_faults():
        for origin, node, clock in _origins(registry):
            try:
                rows = inputs.open(origin.origin)
            except TableNotFoundError:
                continue
            fresh[node] = _fresh(rows, clock)
        for view in registry.views():
            # A source may bear a view's name: only a table of snapshots is the view's.
            if tables.exists(view.name) and AS_OF in (rows := tables.read(view.name)).columns:
                fresh[Node("view", view.name)] = _fresh(rows, AS_OF)
        for spec in registry.all(ModelSpec):
            table = predictions_table(spec.name)
            if tables.exists(table):
                fresh[Node("model", spec.name)] = _fresh(tables.read(table), DECIDED_ON)
    return Held(
        target=tables.target.schema or tables.target.warehouse.parent.name,
        fresh=fresh,
        versions={
            spec.name: history(Destination.of(tables.target, spec.name))
            for spec in registry.all(ModelSpec)
        },
    )


def _origins(registry: Registry) -> Iterator[tuple[EventSource | Spine, Node, str]]:
    for source in registry.all(EventSource):
        yield source, Node("source", source.name), source.event_time
    for spine in registry.all(Spine):
        yield spine, Node("spine", spine.name), spine.decided_at


def _fresh(rows: DataFrame, clock: str) -> Fresh:
    newest = F.max(clock)
    if dict(rows.dtypes)[clock] != "date":
        newest = F.date_format(newest, _CLOCK)
    (found,) = rows.agg(F.count(F.lit(1)), newest.cast("string")).collect()
    return Fresh(rows=int(found[0]), newest=found[1] or "")
