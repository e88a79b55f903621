"""What a source promises about its rows: rules as data, and what follows from breaking them."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from stockade.definitions.names import DOC, check_column, frozen, tuple_of
from stockade.definitions.sensitivity import Sensitivity, check_sensitivity
from stockade.definitions.window import check_delay, in_words
from stockade.errors import DefinitionError, hint

Bound = int | float | None

# What people write -> what Spark calls it.
_SAME_TYPE: Mapping[str, str] = {
    "long": "bigint",
    "integer": "int",
    "short": "smallint",
    "byte": "tinyint",
    "real": "float",
    "str": "string",
    "bool": "boolean",
}
_TYPE = re.compile(
    r"(tinyint|smallint|int|bigint|float|double|boolean|string|binary|date|timestamp"
    r"|decimal\(\d{1,2},\d{1,2}\)|(array|map|struct)<[a-z0-9_<>,:()]+>)\Z"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What holds of one column.

    Attributes:
        type: its SQL type, such as `decimal(18,2)`; `timestamp_ntz` names no instant and is
            refused.
        required: whether null (and NaN where the source reads it as missing) breaks the rule.
        low, high: the smallest and largest value, both allowed; null passes.
        values: all the values that there are; null passes.
        sensitivity, purposes: who may see it; see `definitions.sensitivity`.
    """

    type: str | None = None
    required: bool = False
    low: Bound = None
    high: Bound = None
    values: tuple[str | int, ...] = ()
    sensitivity: Sensitivity = field(default="internal", metadata=DOC)
    purposes: tuple[str, ...] | str = field(default=(), metadata=DOC)

    def __post_init__(self) -> None:
        """Check the type's name and the bounds."""
        if self.type is not None:
            object.__setattr__(self, "type", _sql_type(self.type))
        object.__setattr__(self, "values", tuple_of(self.values))
        purposes = check_sensitivity(self.sensitivity, self.purposes, who="rule")
        object.__setattr__(self, "purposes", purposes)
        for bound in (self.low, self.high):
            if bound is not None and (isinstance(bound, bool) or not math.isfinite(bound)):
                raise DefinitionError(f"rule: bound {bound!r} must be a finite number")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise DefinitionError(f"rule: low {self.low} is above high {self.high}")
        if len(set(self.values)) < len(self.values):
            raise DefinitionError("rule: values names one twice")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What a source promises; rows that break a rule are set aside, and never computed with.

    Attributes:
        columns: column -> rule. A declared column that is missing or has another type stops a run.
        unique: columns that no two rows share; of rows that do, the first to be known counts
            (then the smallest hash), and the others are set aside. Null is equal to nothing.
        ahead: how far `event_time` may lie after the moment at which it was known, or after now.
        freshness: the newest event is at most so old when a run begins.
        daily_rows: least and most rows of a whole day (UTC); None where there is no limit.
        max_violations: the share of rows that may break rules before the run stops.
    """

    columns: Mapping[str, Rule] = field(default_factory=dict[str, Rule])
    unique: tuple[str, ...] | str = ()
    ahead: timedelta | None = None
    freshness: timedelta | None = field(default=None, metadata=DOC)
    daily_rows: tuple[int | None, int | None] = field(default=(None, None), metadata=DOC)
    max_violations: float = field(default=0.01, metadata=DOC)

    def __post_init__(self) -> None:
        """Check names, lengths and limits."""
        object.__setattr__(self, "columns", frozen(self.columns))
        object.__setattr__(self, "unique", tuple_of(self.unique))
        object.__setattr__(self, "daily_rows", tuple(self.daily_rows))
        for column in (*self.columns, *self.unique):
            check_column(column, who="contract")
        if self.ahead is not None:
            check_delay(self.ahead, who="contract", what="ahead")
        if self.freshness is not None:
            check_delay(self.freshness, who="contract", what="freshness")
        if not 0 <= self.max_violations <= 1:
            raise DefinitionError(
                f"contract: max_violations {self.max_violations} is a share, from 0 to 1"
            )
        self._check_daily_rows()

    def _check_daily_rows(self) -> None:
        if len(self.daily_rows) != 2:
            raise DefinitionError("contract: daily_rows is (least, most), None where there is none")
        least, most = self.daily_rows
        if min(least or 0, most or 0) < 0 or (most is not None and (least or 0) > most):
            raise DefinitionError(
                f"contract: daily_rows {least} to {most} allows no number of rows"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How a table's columns differ from what was declared and from what they were.

    Attributes:
        faults: what stops a run.
        warnings: what does not: no rule mentions it.
    """

    faults: tuple[str, ...]
    warnings: tuple[str, ...]


def drift(
    contract: Contract, found: Mapping[str, str], before: Mapping[str, str] | None = None
) -> Drift:
    """Compare a table's columns with the contract, and with those of the last check.

    Args:
        contract: declares columns.
        found: column -> SQL type, as the table is.
        before: the same when it was last checked by this contract, if it was.
    """
    faults: list[str] = []
    for column in dict.fromkeys((*contract.columns, *contract.unique)):
        rule = contract.columns.get(column)
        declared = None if rule is None else rule.type
        said = "" if declared is None else f", declared {declared}"
        if column not in found:
            faults.append(f"- '{column}' is gone{said}: {hint(column, found)}")
        elif declared is not None and found[column] != declared:
            faults.append(f"~ '{column}' is {found[column]}{said}")
    warnings: list[str] = []
    free = [column for column in before or {} if column not in contract.columns]
    if before is not None:
        warnings += [f"+ '{c}' {found[c]} is new and not used" for c in found if c not in before]
        for column in free:
            was = before[column]
            if column not in found:
                warnings.append(f"- '{column}' {was} is gone; no rule mentions it")
            elif found[column] != was:
                warnings.append(f"~ '{column}' was {was}, is {found[column]}; no rule mentions it")
    return Drift(faults=tuple(faults), warnings=tuple(warnings))


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one pass over a source found.

    Attributes:
        rows: all of them.
        violating: rows that break a rule or more.
        reasons: what is broken -> by how many rows; a row may break several.
        newest: the latest event time of the rows that break none.
        days: whole days between the first and the last, which may be part days.
        thin, crowded: of those, the days with too few and with too many rows.
    """

    rows: int
    violating: int
    reasons: Mapping[str, int]
    newest: datetime | None
    days: int = 0
    thin: int = 0
    crowded: int = 0


def broken(contract: Contract, found: Measured, *, until: datetime | None) -> Iterator[str]:
    """What stops a run, one sentence each.

    Args:
        contract: the promises.
        found: what the rows are like.
        until: the moment that the run needs events up to, not after now; None needs none.
    """
    if found.violating > contract.max_violations * found.rows:
        worst = sorted(found.reasons.items(), key=lambda item: (-item[1], item[0]))
        told = ", ".join(f"{reason} ({n})" for reason, n in worst[:5])
        yield (
            f"{found.violating} of {found.rows} rows break its contract, more than the share "
            f"{contract.max_violations:g} that may: {told}"
        )
    least, most = contract.daily_rows
    if found.thin:
        yield f"{found.thin} of {found.days} whole days have fewer than {least} rows"
    if found.crowded:
        yield f"{found.crowded} of {found.days} whole days have more than {most} rows"
    if contract.freshness is not None and until is not None:
        yield from _stale(contract.freshness, found.newest, until)


def _stale(freshness: timedelta, newest: datetime | None, until: datetime) -> Iterator[str]:
    wanted = until - freshness
    if newest is None:
        yield f"it has no event, and needs one since {wanted.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    elif newest < wanted:
        yield (
            f"its newest event is of {newest.astimezone(UTC):%Y-%m-%d %H:%M} UTC, more than "
            f"{in_words(freshness)} before {until.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        )


def _sql_type(text: str) -> str:
    name = re.sub(r"\s", "", text.lower())
    name = _SAME_TYPE.get(name, name)
    if name == "timestamp_ntz":
        raise DefinitionError(
            "rule: type 'timestamp_ntz' names no instant: declare 'timestamp', and ingest with "
            "naive_utc or cast it in the source's query"
        )
    if not _TYPE.match(name):
        raise DefinitionError(
            f"rule: type '{text}' is not one that is read: write it as SQL does, such as "
            "'string', 'bigint', 'double', 'decimal(18,2)', 'timestamp'"
        )
    return name
