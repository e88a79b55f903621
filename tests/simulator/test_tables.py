"""The schema is consistent with itself."""

import pytest

from trust_safety.simulator.tables import OBSERVED, TABLES, TYPES


@pytest.mark.parametrize("name", TABLES)
def test_clocks_and_keys_are_columns(name: str) -> None:
    table = TABLES[name]
    clocks = (table.event_time, table.available_at, table.version, table.retracted)

    assert {column for column in (*clocks, *table.key) if column} <= set(table.column_names)
    assert len(set(table.column_names)) == len(table.columns)
    assert {column.type for column in table.columns} <= set(TYPES)


@pytest.mark.parametrize("name", OBSERVED)
def test_whatever_is_observed_says_when_it_was_known(name: str) -> None:
    table = TABLES[name]
    kinds = {column.name: column.type for column in table.columns}

    assert table.available_at is not None
    assert kinds[table.event_time] == kinds[table.available_at] == "timestamp"
