"""The tables of those definitions."""

import pytest

from stockade.store.tables import Tables
from stockade.testing import MakeTable
from tests.building.samples import NOTE


@pytest.fixture
def loaded(tables: Tables, table: MakeTable) -> Tables:
    rows = (
        ("ann", "2026-03-01 10:00:00", 10.0),
        ("ann", "2026-03-02 00:00:00", 30.0),  # on the tick itself
        ("bob", "2026-02-20 10:00:00", 5.0),
        (None, "2026-03-01 10:00:00", 1.0),
    )
    decided = (
        (1, "ann", "2026-03-02 00:00:00", 20.0),
        (2, "ann", "2026-03-03 00:00:00", 20.0),
        (3, "bob", "2026-03-03 00:00:00", 1.0),
        (4, None, "2026-03-03 00:00:00", 1.0),
        (5, "ann", "2026-03-09 00:00:00", 2.0),
    )
    back = ((2, "2026-03-06 00:00:00", "2026-03-07 00:00:00"),
            (3, "2026-03-06 00:00:00", "2026-03-30 00:00:00"))  # fmt: skip
    payment = "account_id string, paid_at timestamp, amount double"
    tables.replace("payments", table(payment, *rows), note=NOTE)
    decision = "payment_id bigint, account_id string, decided_at timestamp, amount double"
    tables.replace("decisions", table(decision, *decided), note=NOTE)
    known = "payment_id bigint, returned_at timestamp, known_at timestamp"
    tables.replace("returns", table(known, *back), note=NOTE)
    return tables
