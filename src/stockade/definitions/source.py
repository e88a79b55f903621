"""Where events come from, and which clocks they carry."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from string import Formatter
from typing import Literal

from stockade.definitions.contract import Contract
from stockade.definitions.names import DOC, LATER, check_column, check_name, frozen, tuple_of
from stockade.definitions.window import check_delay, check_window
from stockade.errors import DefinitionError, UnknownNameError, hint

FileFormat = Literal["parquet", "csv", "json", "delta"]
NonFinite = Literal["null", "keep", "reject"]

FILE_FORMATS: tuple[FileFormat, ...] = ("parquet", "csv", "json", "delta")
NON_FINITE: tuple[NonFinite, ...] = ("null", "keep", "reject")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of the target, by name: `card_transactions`, or `catalog.schema.table`."""

    name: str

    def __post_init__(self) -> None:
        """Check each part of the name."""
        parts = self.name.split(".")
        if len(parts) > 3:
            raise DefinitionError(f"table '{self.name}' has {len(parts)} parts, at most 3 are read")
        for part in parts:
            check_name(part, what="table")


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Files read in place.

    Attributes:
        path: a file or folder.
        format: parquet, csv, json or delta.
        schema: column types as a DDL string (`tx_id bigint, tx_at timestamp`). Required for csv and
            json, which carry none. A csv file must have a header row.
    """

    path: str
    format: FileFormat = "parquet"
    schema: str | None = None

    def __post_init__(self) -> None:
        """Check the format, and that text files come with types."""
        if self.format not in FILE_FORMATS:
            raise DefinitionError(
                f"files '{self.path}': format '{self.format}' is not read: "
                + hint(self.format, FILE_FORMATS)
            )
        if self.format in ("csv", "json") and not self.schema:
            raise DefinitionError(
                f"files '{self.path}': {self.format} carries no types, give schema='name type, ...'"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Rows selected by SQL from tables or files.

    Attributes:
        sql: one SELECT; `{name}` stands for an input.
        inputs: what each `{name}` means; a name left out is the target's table of that name.
    """

    sql: str
    inputs: Mapping[str, Table | Files] = field(default_factory=dict[str, Table | Files])

    def __post_init__(self) -> None:
        """Resolve the names in braces."""
        used = [name for _, name, _, _ in Formatter().parse(self.sql) if name is not None]
        if not used:
            raise DefinitionError(
                "a query must name its inputs in braces: SELECT ... FROM {payments}"
            )
        for name in self.inputs:
            if name not in used:
                raise UnknownNameError(
                    f"query input '{name}' is not used in its SQL: {hint(name, used)}"
                )
        inputs = {name: self.inputs.get(name) or Table(name=name) for name in used}
        object.__setattr__(self, "inputs", frozen(inputs))


Origin = Table | Files | Query


def parts_of(origin: Origin | str) -> tuple[Table | Files, ...]:
    """The tables and files that an origin reads; a bare string is a table's name."""
    if isinstance(origin, str):
        return (Table(name=origin),)
    return tuple(origin.inputs.values()) if isinstance(origin, Query) else (origin,)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSource:
    """Events, one row each, with the clocks that say what was known when.

    Attributes:
        name: the source's name.
        origin: a `Table`, `Files` or a `Query`; a bare string is a table's name.
        event_time: when it happened (timestamp, UTC).
        available_at: when we could have known (timestamp); without it that is `event_time`
            plus `settling_delay`.
        settling_delay: how long after `event_time` a row may be relied on to have arrived.
        dedupe: the columns that identify an event. Rows that agree on them are revisions of one
            event, of which at most one counts at any time.
        version: orders the revisions: the highest one known counts. Without it, rows that agree
            on `dedupe` are copies, and the first to arrive counts.
        retracted: boolean column; while a revision that says true is the one that counts, the
            event does not.
        non_finite: what NaN and infinities in measured columns mean: `null` (missing, the
            default), `keep` (IEEE rules, NaN above all as in Spark), or `reject` (the run stops).
        lookback: how far before the source's newest row a change still makes snapshots stale that
            were written; without it, however far. What comes later than that is in no old snapshot.
        expected_every: a stretch of this length without a row means that the data has not come:
            snapshots wait that would look into it. Without it, nothing waits.
        contract: what the rows promise; those that break it are set aside.
        description: one sentence for people.
        owner: who answers for it.
    """

    name: str
    origin: Origin | str
    event_time: str
    available_at: str | None = None
    settling_delay: timedelta = timedelta(0)
    dedupe: tuple[str, ...] | str = ()
    version: str | None = None
    retracted: str | None = None
    non_finite: NonFinite = "null"
    lookback: timedelta | None = field(default=None, metadata=DOC)
    expected_every: timedelta | None = field(default=None, metadata=DOC)
    contract: Contract | None = field(default=None, metadata=LATER)
    description: str = field(default="", metadata=DOC)
    owner: str = field(default="", metadata=DOC)

    def __post_init__(self) -> None:
        """Check names and clocks."""
        check_name(self.name, what="source")
        who = f"source '{self.name}'"
        if isinstance(self.origin, str):
            object.__setattr__(self, "origin", Table(name=self.origin))
        object.__setattr__(self, "dedupe", tuple_of(self.dedupe))
        optional = (self.available_at, self.version, self.retracted)
        for column in (self.event_time, *self.dedupe, *(name for name in optional if name)):
            check_column(column, who=who)
        check_delay(self.settling_delay, who=who, what="settling_delay")
        if self.available_at and self.settling_delay:
            raise DefinitionError(
                f"{who} has both available_at and settling_delay: the column already says when "
                "each row was known; drop settling_delay"
            )
        if (self.version or self.retracted) and not self.dedupe:
            raise DefinitionError(
                f"{who} has a version or retracted column but no dedupe: "
                "name the columns that identify an event"
            )
        if self.retracted and not self.version:
            raise DefinitionError(f"{who} has retracted but no version to order its revisions by")
        for what in ("lookback", "expected_every"):
            if getattr(self, what) is not None:
                check_window(getattr(self, what), who=f"{who}: {what}")
        if self.non_finite not in NON_FINITE:
            raise DefinitionError(
                f"{who}: non_finite '{self.non_finite}' is not a rule: "
                + hint(str(self.non_finite), NON_FINITE)
            )
