"""The monitors' tables: what is written is read again, of a quiet week too."""

from datetime import date, timedelta

import pandas as pd
import pytest

from stockade.store.tables import Tables
from stockade.watching import record
from tests.building.samples import NOTE

SINCE, UNTIL = date(2026, 3, 2), date(2026, 3, 9)
WEEK = timedelta(days=7)


@pytest.mark.parametrize("name", record.SCHEMAS)
def test_a_table_without_rows_is_written_with_its_types(tables: Tables, name: str) -> None:
    schema = record.SCHEMAS[name]

    record.write(
        tables, name, schema.empty_table().to_pandas(), since=SINCE, until=UNTIL, note=NOTE
    )

    held = tables.read(name).select(*schema.names).toArrow()
    assert held.num_rows == 0
    assert held.schema.remove_metadata() == schema
    assert record.read(tables, name, since=SINCE, until=UNTIL).empty


def test_a_quiet_week_after_a_loud_one_leaves_the_loud_one(tables: Tables) -> None:
    loud = pd.DataFrame({
        "on_day": [SINCE], "layer": ["source"], "subject": ["payments"], "item": ["rows"],
        "state": ["alarm"],
    })  # fmt: skip
    record.write(tables, record.STATES, loud, since=SINCE, until=UNTIL, note=NOTE)
    for _ in range(2):
        record.write(
            tables, record.STATES, loud.iloc[:0], since=UNTIL, until=UNTIL + WEEK, note=NOTE
        )

    kept = record.read(tables, record.STATES, since=SINCE, until=UNTIL + WEEK)

    assert kept.to_dict("records") == loud.to_dict("records")
