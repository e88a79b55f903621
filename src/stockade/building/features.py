"""A service's features for any spine: opened, attached, derived."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from stockade.building.versions import Versions
from stockade.definitions.expression import columns_of
from stockade.definitions.fingerprint import require_same, view_fingerprints
from stockade.definitions.source import EventSource, Origin, Table, parts_of
from stockade.definitions.spine import Mode, Spine
from stockade.definitions.view import (
    Derived,
    FeatureService,
    FeatureView,
    LookupView,
    PatternView,
    Selection,
    sources_of,
)
from stockade.definitions.window import days, hours
from stockade.engine.bind import History
from stockade.engine.checks import reason
from stockade.engine.operator import Attached, EngineOptions, Request, attach_all
from stockade.errors import ColumnNotFoundError, DefinitionError, hint, raise_all
from stockade.session import check_session
from stockade.store.contract import Check, admitted, check, require_declared, require_kept
from stockade.store.origins import open_origin
from stockade.store.snapshot import Snapshot
from stockade.store.tables import Tables

TICK: Mapping[str, timedelta] = {"daily": days(1), "hourly": hours(1)}
AS_OF, AS_OF_ON = "as_of", "as_of_on"

# What a driver of a few gigabytes can hold: Parquet is a fifth or less of what it is in memory.
DRIVER_BYTES = 256 << 20
DRIVER_VALUES = 20_000_000

# What a window without events gives: in a snapshot an entity without a row had none.
_ZERO_WHEN_EMPTY = frozenset({"count", "sum", "count_distinct"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Opens each origin once, so that views of one source share its rows and one shuffle.

    Attributes:
        tables: as of one moment.
        pinned: whether an earlier run is made again: its inputs were checked then.
        until: the moment that the run needs events up to; contracts ask for freshness by it.
        now: what is later is ahead of time.
    """

    tables: Snapshot
    pinned: bool = False
    until: datetime | None = None
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    opened: list[tuple[Origin, DataFrame]] = field(default_factory=list[tuple[Origin, DataFrame]])
    kept: list[tuple[EventSource, DataFrame]] = field(
        default_factory=list[tuple[EventSource, DataFrame]]
    )

    @classmethod
    def of(
        cls,
        tables: Tables,
        versions: Mapping[str, int] | None = None,
        *,
        until: datetime | None = None,
    ) -> "Inputs":
        """Nothing opened yet; `versions` are table -> version, of others the newest is read.

        Raises:
            SessionError: the session's zone or arithmetic has been changed since it was opened.
        """
        check_session(tables.spark)
        pinned = versions is not None
        return cls(tables=Snapshot(tables, versions), pinned=pinned, until=until)

    def open(self, origin: Origin | str) -> DataFrame:
        """The rows of a table, files or query."""
        named = Table(name=origin) if isinstance(origin, str) else origin
        for known, frame in self.opened:
            if known == named:
                return frame
        frame = open_origin(self.tables.spark, self.tables, named)
        self.opened.append((named, frame))
        return frame

    def history(self, selection: Selection) -> History:
        """A selection with the rows of every source of its view."""
        events, *others = (self.events(source) for source in sources_of(selection.view))
        return History(selection, events, tuple(others))

    def events(self, source: EventSource) -> DataFrame:
        """The rows of a source that keep its contract; the one way from a source to a run.

        Raises:
            SchemaError, DataError: the contract stops the run; see `store.contract`.
        """
        rows = self.open(source.origin)
        if source.contract is None:
            return rows
        for known, frame in self.kept:
            if known == source:
                return frame
        if self.pinned:
            require_declared(source, rows)
        else:
            until = None if self.until is None else min(self.until, self.now)
            require_kept(source, self.check(source), until=until)
        frame = admitted(rows, source, now=self.now)
        self.kept.append((source, frame))
        return frame

    def versions(self, origins: Iterable[Origin | str]) -> Mapping[str, int]:
        """Table -> version of all Delta tables that these read, where they have been opened."""
        parts = {part for origin in origins for part in parts_of(origin)}
        names = {part.name for part in parts if isinstance(part, Table)}
        return {name: n for name, n in self.tables.versions.items() if name in names}

    def options(self) -> EngineOptions:
        """How the engine should compute from what was opened: on the driver if that is little."""
        parts = (part for origin, _ in self.opened for part in parts_of(origin))
        if not all(isinstance(part, Table) for part in parts):
            return EngineOptions()
        size = self.tables.bytes()
        little = size is not None and size <= DRIVER_BYTES
        return EngineOptions(driver_values=DRIVER_VALUES if little else 0)

    def check(self, source: EventSource) -> Check:
        """What is found of a source that has a contract; writes its quarantine table."""
        rows = self.open(source.origin)
        versions = self._behind(source.origin)
        return check(self.tables.tables, source, rows, versions=versions, now=self.now)

    def _behind(self, origin: Origin | str) -> Mapping[str, int]:
        """Table -> version of all that an origin reads; empty where something has no version."""
        parts = parts_of(origin)
        names = [one.name for one in parts if isinstance(one, Table)]
        versions = {name: self.tables.versions.get(name) for name in names}
        known = {name: version for name, version in versions.items() if version is not None}
        return known if len(known) == len(parts) else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Decisions, and the service whose features they shall have.

    Attributes:
        rows: n rows of the spine.
        service: which features.
        spine: names the time and key columns of `rows`.
        mode: `exact` (from events, at each decision) or `snapshot` (from materialised tables).
    """

    rows: DataFrame
    service: FeatureService
    spine: Spine
    mode: Mode = "exact"


def attach_service(
    rows: DataFrame,
    service: FeatureService,
    spine: Spine,
    inputs: Inputs,
    *,
    mode: Mode = "exact",
    audit: bool = False,
    options: EngineOptions | None = None,
) -> Attached:
    """Attach a service's features to decisions.

    Args:
        rows, service, spine, mode: as of `Wanted`.
        inputs: where events come from.
        audit: also attach the latest clocks that each view used.
        options: how the engine cuts its work; by default as fits the size of the inputs.

    Returns:
        n rows: the spine's columns, every computed feature (hidden ones too), audit columns.
    """
    wanted = Wanted(rows=rows, service=service, spine=spine, mode=mode)
    (attached,) = attach_services([wanted], inputs, audit=audit, options=options)
    return attached


def attach_services(
    wanted: Sequence[Wanted],
    inputs: Inputs,
    *,
    audit: bool = False,
    options: EngineOptions | None = None,
) -> Iterator[Attached]:
    """As `attach_service`, for each of several; see `engine.operator.attach_all`."""
    requests = [_request(one, inputs) for one in wanted]
    found = attach_all(requests, audit=audit, options=options or inputs.options())
    for one, attached in zip(wanted, found, strict=True):
        features = attached.rows
        if one.mode == "snapshot":
            features = _filled(features, one.service.selections())
        yield Attached(_derived(features, one.rows, one.service), attached.profile)


def sources_read(service: FeatureService, mode: Mode, inputs: Inputs) -> Iterator[EventSource]:
    """What a service's features are computed from, in that mode."""
    for selection in _selections(service, mode, inputs):
        yield from sources_of(selection.view)


def _request(wanted: Wanted, inputs: Inputs) -> Request:
    selections = _selections(wanted.service, wanted.mode, inputs)
    return Request(
        spine=wanted.rows,
        histories=[inputs.history(selection) for selection in selections],
        decided_at=wanted.spine.decided_at,
        keys=wanted.spine.keys,
    )


def _selections(service: FeatureService, mode: Mode, inputs: Inputs) -> Iterable[Selection]:
    selections = service.selections()
    return selections if mode == "exact" else _snapshots(selections, inputs)


def _snapshots(selections: Sequence[Selection], inputs: Inputs) -> Iterator[Selection]:
    """The same features, looked up in the tables of the views' versions."""
    versions, today = Versions.read(inputs.tables.tables), inputs.now.astimezone(UTC).date()
    for selection in selections:
        view = selection.view
        if isinstance(view, LookupView):
            yield selection
        elif isinstance(view, PatternView):
            raise DefinitionError(
                f"view '{view.name}' is computed at each decision and has no snapshots: use mode "
                "'exact', or leave it out"
            )
        elif inputs.pinned:
            yield _snapshot(selection, view, versions.table_of(view))
        else:
            table = versions.live(view, today=today).name
            _refuse_other_definition(inputs.tables.tables, selection, table)
            yield _snapshot(selection, view, table)


def _snapshot(selection: Selection, view: FeatureView, table: str) -> Selection:
    source = EventSource(name=f"{view.name}_snapshot", origin=Table(name=table), event_time=AS_OF)
    lookup = LookupView(
        name=view.name,
        entity=view.entity,
        source=source,
        columns=selection.names,
        # An entity without a row in the last snapshot had no events then: older rows are not it.
        max_age=TICK[view.cadence],
    )
    return Selection(view=lookup, names=selection.names)


def _refuse_other_definition(tables: Tables, selection: Selection, table: str) -> None:
    """The snapshots of a view that nobody applied may be another definition's."""
    note = tables.note_with(table, "fingerprints") if tables.exists(table) else None
    if note is not None:
        wrote, declared = note["fingerprints"], view_fingerprints(selection.view)
        require_same(
            {name: wrote[name] for name in selection.names if name in wrote},
            {name: declared[name] for name in selection.names},
            who=f"table '{table}'",
            remedy=f"look at `stockade plan`, and write '{selection.view.name}' again before its "
            "snapshots are used",
        )


def _filled(rows: DataFrame, selections: Iterable[Selection]) -> DataFrame:
    zero = [
        feature.name
        for selection in selections
        if isinstance(selection.view, FeatureView)
        for feature in selection.view.features()
        if feature.name in selection.names and feature.aggregate.kind in _ZERO_WHEN_EMPTY
    ]
    return rows.fillna(0, subset=zero) if zero else rows


def _derived(features: DataFrame, spine: DataFrame, service: FeatureService) -> DataFrame:
    faults: list[Exception] = [
        ColumnNotFoundError(
            f"service '{service.name}': the spine has no column '{name}': "
            + hint(name, spine.columns)
        )
        for name in service.spine_columns
        if name not in spine.columns
    ]
    for derived in service.derived():
        fault = _fault(features, service, derived)
        if fault is None:
            features = features.withColumn(derived.name, F.expr(derived.expression))
        else:
            faults.append(fault)
    raise_all(f"service '{service.name}' does not fit its spine", faults)
    return features


def _fault(features: DataFrame, service: FeatureService, derived: Derived) -> Exception | None:
    who = f"service '{service.name}': derived feature '{derived.name}'"
    if derived.name in features.columns:
        return DefinitionError(f"{who} has the name of a column of the spine; rename one")
    for name in sorted(columns_of(derived.expression)):
        if name not in features.columns:
            return ColumnNotFoundError(f"{who} uses '{name}': {hint(name, features.columns)}")
    try:
        _ = features.select(F.expr(derived.expression)).schema
    except AnalysisException as fault:
        return DefinitionError(f"{who} has no meaning here: {reason(fault)}")
    return None
