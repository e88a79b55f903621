"""Storage that fails, on a tiny table."""

from datetime import date

import pytest

from stockade.errors import WriteError
from stockade.store.tables import Tables
from stockade.testing import MakeTable
from tests.building.samples import NOTE

PAYMENT = "account_id string, paid_at timestamp"
START, END = date(2026, 3, 2), date(2026, 3, 5)


@pytest.fixture
def loaded(tables: Tables, table: MakeTable) -> Tables:
    tables.replace("payments", table(PAYMENT, ("ann", "2026-03-01 10:00:00")), note=NOTE)
    return tables


@pytest.mark.slow
def test_a_write_that_storage_refuses_leaves_the_old_rows_and_no_data_in_the_message(
    loaded: Tables, table: MakeTable
) -> None:
    rows = table("on date, account_id string", (START, "ann"))
    loaded.replace_interval("held", rows, column="on", start=START, end=END, note=NOTE)
    (loaded.target.path("held") / "on=2026-03-03").write_text("in the way")
    more = table("on date, account_id string", (date(2026, 3, 3), "a-secret-account"))

    with pytest.raises(WriteError, match="table 'held': storage refused the write") as raised:
        loaded.replace_interval("held", more, column="on", start=START, end=END, note=NOTE)

    assert "a-secret-account" not in str(raised.value)
    assert [row["account_id"] for row in loaded.read("held").collect()] == ["ann"]
