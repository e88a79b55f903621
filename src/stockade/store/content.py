"""What rows are worth comparing by: how many there are, and a hash of them in any order."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from stockade.definitions.names import quoted

_ROWS, _HASH = "_rows", "_hash"


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Rows, told apart from others.

    Attributes:
        rows: how many.
        content_hash: equal for equal rows in any order, duplicates counted.
    """

    rows: int
    content_hash: str


NOTHING = Content(rows=0, content_hash="0")


def content_hash(rows: DataFrame) -> Column:
    """A sum of row hashes: equal for equal rows in any order, duplicates counted."""
    # As one text: Spark takes a column of Python's apart call by call, and there are hundreds.
    return F.expr(f"sum(CAST(xxhash64({_parts(rows)}) AS DECIMAL(38, 0)))")


def content(rows: DataFrame) -> Content:
    """What the rows are; one pass."""
    return _of(rows.agg(F.count(F.lit(1)).alias(_ROWS), content_hash(rows).alias(_HASH)).first())


def content_by_day(rows: DataFrame, column: str) -> Mapping[date, Content]:
    """Day -> what its rows are, of the days that have any; one pass."""
    by_day = rows.groupBy(F.col(column).alias("_day"))
    found = by_day.agg(F.count(F.lit(1)).alias(_ROWS), content_hash(rows).alias(_HASH)).collect()
    return {row["_day"]: _of(row) for row in found}


def _parts(rows: DataFrame) -> str:
    """Each column, and which are null: the hash of Spark passes over nulls."""
    names = [quoted(name) for name in sorted(rows.columns)]
    empty = ", ".join(f"IF({name} IS NULL, '1', '0')" for name in names)
    return f"{', '.join(names)}, concat({empty})"


def _of(row: object) -> Content:
    found = row.asDict() if row is not None else {}  # type: ignore[attr-defined]
    # The sum over no rows is null.
    return Content(rows=found.get(_ROWS, 0), content_hash=str(found.get(_HASH) or 0))
