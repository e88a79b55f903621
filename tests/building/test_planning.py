"""What a plan finds deployed, and what it says a change costs; in Spark, on tiny tables."""

from dataclasses import replace
from datetime import date

import pytest

from stockade.building.planning import planned
from stockade.definitions.registry import Registry
from stockade.store.tables import Tables
from stockade.testing import MakeTable
from tests.building.runs import write
from tests.building.samples import NOTE, payments, training, two_days, view

DAYS = (date(2026, 3, 2), date(2026, 3, 3))


@pytest.mark.slow
def test_a_plan_tells_days_rows_and_who_is_concerned_even_past_maintenance(
    tables: Tables, table: MakeTable
) -> None:
    rows = table("account_id string, paid_at timestamp", ("ann", "2026-03-01 10:00:00"))
    tables.replace("payments", rows, note=NOTE)
    assert "new view" in planned(tables, Registry.of([view])).steps[0].reason
    write(tables, table, DAYS, name=view.name, by=two_days)
    tables.compact(view.name)

    same = planned(tables, Registry.of([two_days]))
    changed = replace(two_days, source=replace(payments, event_time="made_at"))
    service = replace(training.features, features=(changed,))
    found = planned(tables, Registry.of([replace(training, features=service)]))

    assert (same.steps, same.costs) == ((), {})
    assert [step.action for step in found.steps] == ["change"]
    (cost,) = found.costs.values()
    assert (cost.days, cost.rows, cost.training_sets) == (2, 1, ("payment_training",))
    assert cost.size > 0
