"""What is refused before an interval of a table is replaced."""

from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from stockade.errors import DefinitionError, SchemaError, hint

OUTSIDE = "[DELTA_REPLACE_WHERE_MISMATCH]"


def require_days(name: str, start: date, end: date) -> None:
    """Refuse an interval whose ends are not dates, the first before the second."""
    # A datetime is a date to Python, and a string could say anything.
    for what, day in (("start", start), ("end", end)):
        if type(day) is not date:
            raise DefinitionError(
                f"table '{name}': {what} of an interval must be a date, got {type(day).__name__}"
            )
    if not start < end:
        raise DefinitionError(f"table '{name}': start {start} must be before end {end}")


def require_date(name: str, column: str, frame: DataFrame) -> None:
    """Refuse rows without a date to cut days by."""
    types = {field.name: field.dataType for field in frame.schema}
    if column not in types:
        raise SchemaError(
            f"table '{name}': the rows have no column '{column}' to say which day they belong to: "
            + hint(column, types)
        )
    if not isinstance(types[column], T.DateType):
        raise SchemaError(
            f"table '{name}': '{column}' must be a date to cut days by, and is "
            f"{types[column].simpleString()}"
        )


def within(frame: DataFrame, column: str, start: date, end: date) -> DataFrame:
    """The rows; reading one outside the interval, or without a day, fails."""
    day = F.col(column)
    inside = (day >= F.lit(start)) & (day < F.lit(end))
    return frame.withColumn(column, F.when(inside, day).otherwise(F.raise_error(F.lit(OUTSIDE))))


def require_same_columns(name: str, there: DataFrame, here: DataFrame) -> None:
    """Refuse rows that have other columns than the table, with all that differs."""
    old = {field.name: field.dataType.simpleString() for field in there.schema}
    new = {field.name: field.dataType.simpleString() for field in here.schema}
    said = [f"'{c}' is missing" for c in old if c not in new]
    said += [f"'{c}' is new" for c in new if c not in old]
    said += [f"'{c}' was {old[c]} and is {new[c]}" for c in old if c in new and old[c] != new[c]]
    if said:
        raise SchemaError(f"table '{name}' has other columns than are written: {', '.join(said)}")
