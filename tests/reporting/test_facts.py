"""What a report reads of a target."""

from dataclasses import replace

import pytest

from stockade import Course, Level, ModelSpec, ReleaseStrategy, Uniform, days
from stockade.definitions.registry import Registry
from stockade.reporting.facts import gathered
from stockade.store.tables import Tables
from stockade.testing import MakeTable
from tests.building.samples import NOTE, at, returned, training

MODEL = ModelSpec(
    name="payment_return", training_set=training, search={"max_depth": Uniform(low=2, high=4)}
)
STRATEGY = ReleaseStrategy(
    name="holding", models=(MODEL,), amount="amount", cohort=days(7),
    courses=(Course(name="instant"), Course(name="hold", hold=days(2), friction=1.0)),
    levels=(Level(name="returned", label=returned, rate=0.15),),
)  # fmt: skip
_ABSENT = replace(
    returned, name="absent", source=replace(returned.source, name="absent", origin="absent")
)


@pytest.mark.slow
def test_payments_stand_in_the_period_they_were_made_in_and_returns_as_known_when_it_ends(
    tables: Tables, table: MakeTable
) -> None:
    payments = (
        (1, "ann", "2026-03-02 00:00:00", 20.0),
        (2, "ann", "2026-03-03 00:00:00", 20.0),
        (3, "bob", "2026-03-03 00:00:00", 1.0),
        (5, "ann", "2026-03-09 00:00:00", 2.0),
    )
    back = (
        (2, "2026-03-06 00:00:00", "2026-03-07 00:00:00"),
        (3, "2026-03-06 00:00:00", "2026-03-30 00:00:00"),  # not known yet
    )
    decision = "payment_id bigint, account_id string, decided_at timestamp, amount double"
    known = "payment_id bigint, returned_at timestamp, known_at timestamp"
    tables.replace("decisions", table(decision, *payments), note=NOTE)
    tables.replace("returns", table(known, *back), note=NOTE)
    blind = replace(STRATEGY, name="blind", levels=(Level(name="absent", label=_ABSENT, rate=0.1),))

    found = {
        one.strategy.name: one for one in gathered(tables, Registry.of([STRATEGY, blind])).returns
    }

    assert found["holding"].as_of == at("2026-03-10")
    assert [(c.first, c.last, c.payments, c.reported) for c in found["holding"].cohorts] == [
        ("2026-03-03", "2026-03-09", 3, 1),
        ("2026-03-02", "2026-03-02", 1, 0),
    ]
    assert found["blind"].cohorts == ()
    assert "absent" in found["blind"].said
