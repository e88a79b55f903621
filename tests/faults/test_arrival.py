"""Whatever order rows arrive in, the features are the same to the bit."""

import random
from dataclasses import replace
from datetime import date
from itertools import product

import pyarrow as pa
import pytest

from stockade import count, days, sum_
from stockade.building.materialize import materialize
from stockade.definitions.aggregate import Kind
from stockade.store.content import content
from stockade.store.tables import Tables
from stockade.testing import MakeTable
from tests.building.samples import NOTE, payments, view
from tests.engine.test_bucket import bucket, feature

PERMUTATIONS = 100
KINDS: tuple[Kind, ...] = (
    "count", "sum", "mean", "stddev", "variance", "min", "max", "first", "last", "last_n", "latest",
    "count_distinct", "entropy", "top_share", "seconds_since_last", "seconds_since_first",
    "quantile",
)  # fmt: skip


def test_a_hundred_orders_of_arrival_give_the_same_features() -> None:
    draw = random.Random(11)  # noqa: S311
    rows = [
        (time, draw.choice((0.1, 1e9, -1e9, 3.25, -0.1)), known, draw.choice((99, 101, 2**40)))
        # Few instants, so that ties of both clocks are common.
        for time, known in product((89, 90, 95, 99, 100), (96, 100, 101))
        for _ in range(4)
    ]
    wanted = [feature(kind, pa.float64(), window=window) for kind in KINDS for window in (10, None)]

    found = {
        repr([column.to_pylist() for column in bucket(order, pa.float64()).compute(wanted)])
        for order in (draw.sample(rows, len(rows)) for _ in range(PERMUTATIONS))
    }

    assert len(found) == 1


REVISION = (
    "payment_id long, account_id string, paid_at timestamp, known_at timestamp, revision int, "
    "amount double"
)
# What arrived on three days: payments, a late one, a correction that moves one to another account.
ARRIVED = (
    ((1, "ann", "2026-03-01 10:00:00", "2026-03-01 10:00:00", 1, 5.0),
     (2, "bob", "2026-03-02 10:00:00", "2026-03-02 11:00:00", 1, 0.1)),
    ((3, "ann", "2026-03-01 23:00:00", "2026-03-03 08:00:00", 1, 1e9),),
    ((1, "cyd", "2026-03-01 10:00:00", "2026-03-03 09:00:00", 2, 7.0),
     (2, "bob", "2026-03-02 10:00:00", "2026-03-02 10:30:00", 0, 9.0)),
)  # fmt: skip


@pytest.mark.slow
def test_days_that_arrive_in_any_order_end_in_equal_tables(
    tables: Tables, table: MakeTable
) -> None:
    def written(name: str, *arrivals: tuple[tuple[object, ...], ...]) -> str:
        source = replace(
            payments, name=name, origin=name, available_at="known_at", dedupe="payment_id",
            version="revision",
        )  # fmt: skip
        wide = (days(1), days(3))
        aggregates = {"payments": count(windows=wide), "paid": sum_("amount", windows=wide)}
        one = replace(view, name=f"{name}_seen", source=source, aggregates=aggregates)
        for rows in arrivals:
            tables.append(name, table(REVISION, *rows), note=NOTE)
            materialize(tables, one, start=date(2026, 3, 1), end=date(2026, 3, 6))
        return content(tables.read(one.name)).content_hash

    at_once = written("whole", tuple(row for rows in ARRIVED for row in rows))

    assert written("reversed", *ARRIVED[::-1]) == at_once
