"""What hindsight would have bought."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from stockade.learning.leak import LATE, leak
from stockade.learning.train import learning_columns
from stockade.lines import leak_lines
from tests.learning.samples import INPUTS, SPEC, training_table


def test_a_leak_promises_more_than_it_keeps() -> None:
    table = training_table(4000)
    for name in INPUTS:
        table = table.append_column(f"{name}{LATE}", table.column(name))
    # Seen a day later, an account's logins tell its outcome: who was returned logs in again.
    logins = np.array(table.column("logins_1d")) + 20 * np.array(table.column("returned"))
    late = f"logins_1d{LATE}"
    table = table.set_column(table.column_names.index(late), late, pa.array(logins))

    found = leak(
        SPEC, table, learning_columns(SPEC, INPUTS), ahead=timedelta(days=1),
        built_at=datetime(2026, 4, 1, tzinfo=UTC),
        algorithm="xgboost", params={"n_estimators": 20, "max_depth": 4},
    )  # fmt: skip

    assert found.promised.roc_auc > 0.99 > found.honest.roc_auc
    # A model that has learnt to wait for the answer knows less than one that had to do without.
    assert found.kept.roc_auc < found.honest.roc_auc
    assert list(found.changed) == ["logins_1d"]
    lines = list(leak_lines(found))
    assert "as if its features had been computed 1 day, 0:00:00 after each decision" in lines[0]
    assert lines[-1].startswith("inputs that hindsight changes: logins_1d (")
