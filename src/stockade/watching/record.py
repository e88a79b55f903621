"""The tables that monitors write: one interval of days at a time, the same for the same days."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

import pandas as pd
import pyarrow as pa
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from stockade.store.tables import Note, Tables
from stockade.watching.past import Past
from stockade.watching.tally import ON_DAY

BINS, MEASURES = "monitor_bins", "monitor_measures"
STATES, ALERTS = "monitor_states", "monitor_alerts"

_DAY = (ON_DAY, pa.date32())
_OF = (("layer", pa.string()), ("subject", pa.string()))
SCHEMAS = {
    BINS: pa.schema(
        [*_OF, _DAY, ("column", pa.string()), ("slice", pa.string()), ("bin", pa.string()),
         ("rows", pa.int64()), ("total", pa.float64())]
    ),
    MEASURES: pa.schema(
        [_DAY, *_OF, ("column", pa.string()), ("slice", pa.string()), ("measure", pa.string()),
         *((name, pa.float64()) for name in ("value", "low", "high")),
         ("estimated", pa.bool_()), ("expected", pa.float64()), ("limit", pa.float64()),
         ("alarm", pa.bool_())]
    ),
    STATES: pa.schema([_DAY, *_OF, ("item", pa.string()), ("state", pa.string())]),
    ALERTS: pa.schema(
        [_DAY, ("alert_id", pa.string()), ("root", pa.string()), ("severity", pa.string()),
         ("first_day", pa.date32()), ("cause", pa.string()), ("cause_text", pa.string()),
         ("explained", pa.float64()), ("signals", pa.int32()), ("models", pa.string()),
         ("text", pa.string()), ("evidence", pa.string())]
    ),
}  # fmt: skip


def write(
    tables: Tables, name: str, rows: pd.DataFrame, *, since: date, until: date, note: Note
) -> None:
    """Replace the days `[since, until)` of one of these tables."""
    schema = SCHEMAS[name]
    held = pa.Table.from_pandas(rows[schema.names], schema=schema, preserve_index=False)
    # Spark Connect reads no types off a table without rows, such as the alerts of a quiet week.
    frame = tables.spark.createDataFrame(held, from_arrow_schema(schema))
    tables.replace_interval(
        name, frame, column=ON_DAY, start=since, end=until, note=note, allow_empty=True
    )


def read(
    tables: Tables, name: str, *, since: date, until: date, only: Iterable[str] = ()
) -> pd.DataFrame:
    """The days `[since, until)` of one of these tables; no rows where it was never written."""
    if not tables.exists(name):
        return SCHEMAS[name].empty_table().to_pandas()
    day = F.col(ON_DAY)
    rows = tables.read(name).where((day >= F.lit(since)) & (day < F.lit(until)))
    layers = list(only)
    if layers:
        rows = rows.where(F.col("layer").isin(*layers))
    return rows.select(*SCHEMAS[name].names).toArrow().to_pandas()


# Expectations look back eight weeks, comparisons of bins four and two of incidents.
_SERIES, _COMPARED = timedelta(days=60), timedelta(days=45)


def past_of(tables: Tables, *, since: date, fresh: Sequence[pd.DataFrame]) -> Past:
    """The record before a day, with the bins of the days to be judged."""
    bins = read(tables, BINS, since=since - _COMPARED, until=since)
    held = [one for one in (bins, *fresh) if len(one)]
    return Past.of(
        bins=pd.concat(held, ignore_index=True) if held else bins,
        states=read(tables, STATES, since=since - _SERIES, until=since),
        measures=read(tables, MEASURES, since=since - _SERIES, until=since),
    )
