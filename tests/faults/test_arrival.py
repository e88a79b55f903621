"""Whatever order rows arrive in, the features are the same to the bit."""

import random
from itertools import product

import pyarrow as pa

from stockade.definitions.aggregate import Kind
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
