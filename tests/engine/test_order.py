"""Long time lines are sorted as short ones are: by time, those of one instant as they came."""

import numpy as np
import pytest

from stockade.engine.order import sort_by_entity_and_time


@pytest.mark.parametrize("span", [1, 2, 1 << 11, (1 << 11) + 1, 1 << 45, 1 << 62])
def test_rows_are_in_order_of_entity_and_time_and_equal_ones_as_they_came(span: int) -> None:
    draw = np.random.default_rng(span % 1_000)
    # A long, a middling and a short entity, and rows of none.
    entity = draw.choice([-1, 0, 1, 2], 12_000, p=[0.1, 0.8, 0.098, 0.002])
    time = draw.integers(-span // 2, span - span // 2, entity.size)

    order, start = sort_by_entity_and_time(entity, time, 3)

    wanted = np.lexsort((np.arange(entity.size), time, entity))
    assert (order == wanted[entity[wanted] >= 0]).all()
    assert np.diff(start).tolist() == [(entity == k).sum() for k in range(3)]


def test_the_farthest_times_are_no_trouble() -> None:
    draw = np.random.default_rng(1)
    time = draw.integers(-(2**63), 2**63 - 1, 5_000)

    order, _ = sort_by_entity_and_time(np.zeros(time.size, np.int64), time, 1)

    assert (order == np.argsort(time, kind="stable")).all()
