"""Contracts held against rows: one pass, rows that break a rule set aside with the reason."""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql import types as T

from stockade.definitions.contract import Bound, Contract, Measured, Rule, broken, drift
from stockade.definitions.fingerprint import to_json
from stockade.definitions.source import EventSource
from stockade.definitions.window import microseconds
from stockade.errors import DataError, SchemaError, WriteError
from stockade.store.erased import without_set_aside
from stockade.store.origins import columns_of, require_timestamps
from stockade.store.tables import Tables

QUARANTINE = "_quarantine"
VIOLATIONS, CHECKED_AT = "_violations", "_checked_at"
_DAY = "_day"


class SchemaDriftWarning(UserWarning):
    """Said when a source's columns changed in a way that no rule mentions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What a source was found to be.

    Attributes:
        source: its name.
        versions: the Delta tables behind it -> version; empty where it reads files.
        checked_at: when; UTC.
        found: counts of rows and of what is broken.
        columns: column -> SQL type.
    """

    source: str
    versions: Mapping[str, int]
    checked_at: datetime
    found: Measured
    columns: Mapping[str, str]


def quarantine_of(source: EventSource) -> str:
    """The table of the rows of a source that break its contract."""
    return f"{source.name}{QUARANTINE}"


def admitted(rows: DataFrame, source: EventSource, *, now: datetime) -> DataFrame:
    """The rows that keep the source's contract, all columns."""
    if source.contract is None:
        return rows
    return judged(rows, source, now=now).where(F.size(VIOLATIONS) == 0).drop(VIOLATIONS)


def judged(rows: DataFrame, source: EventSource, *, now: datetime) -> DataFrame:
    """All rows, and in `_violations` the reasons why each breaks the contract, in order."""
    contract = source.contract or Contract()
    reasons = F.array_compact(F.array(*_reasons(rows, source, contract, now)))
    found = rows.withColumn(VIOLATIONS, reasons.cast("array<string>"))
    for keys in _unique(source, contract):
        known = F.col(source.available_at or source.event_time)
        # What breaks another rule does not stand in the way of its good copy.
        own = Window.partitionBy(*keys, F.size(VIOLATIONS) == 0)
        place = F.row_number().over(own.orderBy(known, F.xxhash64(*sorted(rows.columns))))
        whole = F.lit(True)
        for key in keys:
            whole &= F.col(key).isNotNull()
        repeated = F.when(whole & (place > 1), F.array(F.lit(f"{', '.join(keys)} repeated")))
        added = F.coalesce(repeated, F.array().cast("array<string>"))
        found = found.withColumn(VIOLATIONS, F.concat(VIOLATIONS, added))
    return found


def measure(rows: DataFrame, source: EventSource, *, now: datetime) -> Measured:
    """What one pass over the rows finds."""
    contract = source.contract or Contract()
    names = [*_possible(rows, source, contract)]
    checked = judged(rows, source, now=now)
    counts = {
        "rows": F.count(F.lit(1)),
        "violating": F.count_if(F.size(VIOLATIONS) > 0),
        "newest": F.max(F.when(F.size(VIOLATIONS) == 0, F.unix_micros(source.event_time))),
    } | {f"r{n}": F.count_if(F.array_contains(VIOLATIONS, one)) for n, one in enumerate(names)}
    if contract.daily_rows == (None, None):
        row = checked.agg(*(count.alias(name) for name, count in counts.items())).first()
    else:
        by_day = checked.groupBy(F.to_date(source.event_time).alias(_DAY))
        daily = by_day.agg(*(count.alias(name) for name, count in counts.items()))
        row = daily.agg(*_over_days(counts, contract)).first()
    found: dict[str, Any] = {} if row is None else row.asDict()
    reasons = {name: found[f"r{n}"] or 0 for n, name in enumerate(names)}
    days, thin, crowded = _whole_days(found, contract)
    return Measured(
        rows=found["rows"] or 0,
        violating=found["violating"] or 0,
        reasons={name: n for name, n in reasons.items() if n},
        newest=None if found["newest"] is None else _moment(found["newest"]),
        days=days,
        thin=thin,
        crowded=crowded,
    )


def check(
    tables: Tables,
    source: EventSource,
    rows: DataFrame,
    *,
    versions: Mapping[str, int],
    now: datetime,
) -> Check:
    """Hold rows against the source's contract, and set those that break it aside.

    Args:
        tables: of the target; the quarantine table is written there.
        source: has a contract.
        rows: the source's.
        versions: the Delta tables that the rows come from -> version; empty if there are files
            among them. What was found of the same versions and contract is not looked for again.
        now: what is later is ahead of time.

    Raises:
        SchemaError: declared columns are gone or have other types; says all that differs.
    """
    before = last_check(tables, source)
    require_declared(source, rows, None if before is None else before.columns)
    if before is not None and versions and before.versions == versions:
        return before
    found = Check(
        source=source.name,
        versions=dict(versions),
        checked_at=now,
        found=measure(rows, source, now=now),
        columns=columns_of(rows),
    )
    _set_aside(tables, source, rows, found)
    return found


def faults(source: EventSource, found: Check, *, until: datetime | None) -> tuple[str, ...]:
    """What of a check stops a run that needs events up to `until`; None needs none."""
    return tuple(broken(source.contract or Contract(), found.found, until=until))


def require_kept(source: EventSource, found: Check, *, until: datetime | None) -> None:
    """Raise `DataError` if what was found stops a run; see `definitions.contract.broken`."""
    told = faults(source, found, until=until)
    if told:
        where = f"; see table '{quarantine_of(source)}'" if found.found.violating else ""
        raise DataError(f"source '{source.name}': {'; '.join(told)}: nothing was written{where}")


def require_loadable(source: EventSource, rows: DataFrame, *, now: datetime) -> None:
    """Refuse rows that are about to become a source's table, as a run would refuse them there.

    Rows that break a rule are loaded all the same while they are few: a table holds what came,
    and it is runs that leave them out.
    """
    require_declared(source, rows)
    found = measure(rows, source, now=now)
    told = list(broken(source.contract or Contract(), found, until=None))
    if told:
        raise DataError(f"source '{source.name}': {'; '.join(told)}: nothing was written")


def require_declared(
    source: EventSource, rows: DataFrame, before: Mapping[str, str] | None = None
) -> None:
    """Raise `SchemaError` with all that differs where declared columns are not as declared.

    Columns that no rule mentions may come, go and change: that is a `SchemaDriftWarning`, if it is
    known `before` what they were.
    """
    found = drift(source.contract or Contract(), columns_of(rows), before)
    if found.faults:
        raise SchemaError(
            f"source '{source.name}' is not what its contract declares: "
            + "; ".join((*found.faults, *found.warnings))
        )
    require_timestamps(rows, [source.event_time], f"source '{source.name}'")
    if found.warnings:
        told = f"source '{source.name}' changed: {'; '.join(found.warnings)}"
        warnings.warn(told, SchemaDriftWarning, stacklevel=2)


def last_check(tables: Tables, source: EventSource) -> Check | None:
    """What the newest check by this contract found; None if there was none."""
    name = quarantine_of(source)
    note = (tables.last_note(name) or {}) if tables.exists(name) else {}
    told = note.get("check")
    if told is None or note["definition"] != to_json(source):
        return None
    found = told["found"]
    newest = found["newest"]
    return Check(
        source=told["source"],
        versions=told["versions"],
        checked_at=datetime.fromisoformat(told["checked_at"]),
        found=Measured(**found | {"newest": newest and datetime.fromisoformat(newest)}),
        columns=told["columns"],
    )


def _set_aside(tables: Tables, source: EventSource, rows: DataFrame, check: Check) -> None:
    """Write the quarantine table anew: the rows that break a rule now, and what was found."""
    bad = judged(rows, source, now=check.checked_at).where(F.size(VIOLATIONS) > 0)
    if check.found.violating == 0:
        bad = bad.limit(0)
    bad = without_set_aside(tables, bad, source.name)
    bad = bad.withColumn(CHECKED_AT, F.lit(check.checked_at))
    told = asdict(check)
    told["checked_at"] = check.checked_at.isoformat()
    told["found"]["newest"] = check.found.newest and check.found.newest.isoformat()
    note = {"run_id": uuid4().hex, "check": told, "definition": to_json(source)}
    name = quarantine_of(source)
    try:
        tables.replace(name, bad, note=note, allow_empty=True)
    except WriteError:
        # Two runs looked at one source: what the other wrote is as good if it saw the same.
        other = last_check(tables, source)
        if other is None or other.versions != check.versions:
            raise


def _reasons(
    rows: DataFrame, source: EventSource, contract: Contract, now: datetime
) -> Iterator[Column]:
    for reason, holds in _rules(rows, source, contract, now):
        yield F.when(~F.coalesce(holds, F.lit(True)), F.lit(reason))


def _possible(rows: DataFrame, source: EventSource, contract: Contract) -> Iterator[str]:
    yield from (name for name, _ in _rules(rows, source, contract, datetime.now(UTC)))
    yield from (f"{', '.join(keys)} repeated" for keys in _unique(source, contract))


def _rules(
    rows: DataFrame, source: EventSource, contract: Contract, now: datetime
) -> Iterator[tuple[str, Column]]:
    """What must be true of a row, null counting as true, and what it is when it is not."""
    happened = F.col(source.event_time)
    yield f"{source.event_time} missing", happened.isNotNull()
    for column, rule in contract.columns.items():
        yield from _column_rules(column, rows.schema[column].dataType, rule, source)
    if contract.ahead is not None:
        late = F.timestamp_micros(F.unix_micros(happened) - microseconds(contract.ahead))
        known = F.lit(now) if source.available_at is None else F.col(source.available_at)
        yield f"{source.event_time} ahead of time", late <= F.least(known, F.lit(now))


def _column_rules(
    column: str, kind: T.DataType, rule: Rule, source: EventSource
) -> Iterator[tuple[str, Column]]:
    value = F.col(column)
    if isinstance(kind, T.FloatType | T.DoubleType):
        finite = F.abs(value) < F.lit(float("inf"))
        if source.non_finite == "keep":
            if rule.low is not None or rule.high is not None:
                # NaN is above all numbers to Spark, and so passes any lower bound.
                yield f"{column} not a number", ~F.isnan(value)
        else:
            # Missing, or under `reject` for the engine to stop at: no bound says anything of it.
            value = F.when(finite, value)
    if rule.required:
        there = F.col(column) if source.non_finite == "reject" else value
        yield f"{column} missing", there.isNotNull()
    if rule.low is not None:
        yield f"{column} below {rule.low}", value >= _bound(column, kind, rule.low, source)
    if rule.high is not None:
        yield f"{column} above {rule.high}", value <= _bound(column, kind, rule.high, source)
    if rule.values:
        yield f"{column} not among the {len(rule.values)} allowed", value.isin(*rule.values)


def _bound(column: str, kind: T.DataType, bound: Bound, source: EventSource) -> Column:
    if not isinstance(kind, T.NumericType):
        raise SchemaError(
            f"source '{source.name}': '{column}' is {kind.simpleString()}, and its contract "
            "bounds it as a number: drop the bound, or cast the column in a query"
        )
    # A double beside a decimal would turn the decimal into a double.
    return F.lit(Decimal(str(bound)) if isinstance(kind, T.DecimalType) else bound)


def _unique(source: EventSource, contract: Contract) -> Iterator[tuple[str, ...]]:
    if contract.unique:
        yield tuple(contract.unique)
    if source.dedupe and source.version:
        # Of two revisions of one version, nothing says which is right.
        own = (*source.dedupe, source.version)
        if own != tuple(contract.unique):
            yield own


def _over_days(counts: Mapping[str, Column], contract: Contract) -> Iterator[Column]:
    for name in counts:
        yield (F.max(name) if name == "newest" else F.sum(name)).alias(name)
    least, most = contract.daily_rows
    n = F.col("rows")
    whole = F.col(_DAY).isNotNull()
    yield F.min(_DAY).alias("first")
    yield F.max(_DAY).alias("last")
    yield F.count_if(whole).alias("days")
    yield F.count_if(whole & (n < F.lit(least or 0))).alias("thin")
    yield (
        F.count_if(whole & (n > F.lit(most))).alias("crowded")
        if most is not None
        else F.lit(0).alias("crowded")
    )
    for end, pick in (("first", F.min_by), ("last", F.max_by)):
        yield pick(F.when(whole, n), _DAY).alias(f"{end}_rows")


def _whole_days(found: Mapping[str, Any], contract: Contract) -> tuple[int, int, int]:
    """Whole days, and how many have too few and too many rows; the ends may be part days."""
    if not found.get("days"):
        return 0, 0, 0
    span = (found["last"] - found["first"]).days + 1
    least, _ = contract.daily_rows
    ends = {"first": found["first_rows"], "last": found["last_rows"]}
    if found["first"] == found["last"]:
        del ends["last"]
    thin = found["thin"] - sum(n < (least or 0) for n in ends.values())
    if least:
        thin += span - found["days"]
    return max(span - 2, 0), thin, found["crowded"]


def _moment(micros: int) -> datetime:
    return datetime.fromtimestamp(micros // 1_000_000, tz=UTC).replace(
        microsecond=micros % 1_000_000
    )
