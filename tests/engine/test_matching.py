"""Matched money: the kernel against the rules in plain Python."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stockade import (
    LIFETIME,
    dwell_seconds,
    matched_total,
    mean_dwell_seconds,
    oldest_unmatched_seconds,
    pass_through_share,
    seconds,
    unmatched_seconds,
    unmatched_total,
)
from stockade.building.verify import same
from stockade.definitions.measure import Measure
from stockade.engine.matching import Moves, match
from stockade.engine.program import FOREVER
from stockade.engine.reference_patterns import Move, match_at
from stockade.errors import DataError

US = 1_000_000
WINDOWS = (seconds(3), seconds(9), LIFETIME)


def measures() -> list[Measure]:
    many = [
        *(dwell_seconds(q=q, windows=WINDOWS) for q in (0.0, 0.25, 0.5, 1.0)),
        mean_dwell_seconds(windows=WINDOWS),
        pass_through_share(within=seconds(4), windows=WINDOWS),
        matched_total(windows=WINDOWS),
        unmatched_total(), unmatched_seconds(), oldest_unmatched_seconds(),
    ]  # fmt: skip
    return [
        Measure(kind=one.kind, windows=(w,), windowed=True, q=one.q, within=one.within)
        for one in many
        for w in one.windows
    ]


TIMES = st.integers(0, 20)
MOVE = st.tuples(
    st.integers(0, 2), TIMES, st.integers(0, 6), st.sampled_from([1, 3, 9, 99]),
    st.booleans(), st.sampled_from([0, 1, 2, 5, 2**40]),
)  # fmt: skip
HISTORIES = st.tuples(
    st.lists(MOVE, max_size=14), st.lists(st.tuples(st.integers(-1, 2), TIMES), max_size=6)
)
History = tuple[list[tuple[int, int, int, int, bool, int]], list[tuple[int, int]]]


def found(history: History) -> list[list[object]]:
    rows, asked = history
    wide = [np.array(column) for column in zip(*rows, strict=True)] or [np.empty(0)] * 6
    key, time, lag, life, debit, amount = wide
    shown = (time + lag).astype(np.int64) * US
    moves = Moves(
        key=key.astype(np.int64), time=time.astype(np.int64) * US, shown=shown,
        gone=np.where(life == 99, FOREVER, shown + life.astype(np.int64) * US),
        debit=debit.astype(np.bool_), amount=amount.astype(np.int64), scale=2,
    )  # fmt: skip
    keys, times = (np.array([row[i] for row in asked], np.int64) for i in (0, 1))
    columns = match(moves, keys, times * US, measures(), entities=3).columns
    return [list(column.to_pylist()) for column in columns]


def expected(history: History) -> list[list[object]]:
    rows, asked = history
    moves = [
        (key, Move(time=time * US, shown=(time + lag) * US,
                   gone=FOREVER if life == 99 else (time + lag + life) * US,
                   amount=amount, debit=debit))
        for key, time, lag, life, debit, amount in rows
    ]  # fmt: skip
    return [
        [
            None if key < 0 else
            match_at(measure, time * US, [m for k, m in moves if k == key], scale=2)
            for key, time in asked
        ]
        for measure in measures()
    ]  # fmt: skip


@pytest.mark.slow
@settings(max_examples=3_000, deadline=None, derandomize=True)
@given(HISTORIES)
def test_matches_as_of_each_decision_equal_the_rules_in_plain_python(history: History) -> None:
    for measure, ours, theirs in zip(measures(), found(history), expected(history), strict=True):
        assert all(map(same, ours, theirs)), (measure, history, ours, theirs)


@pytest.mark.slow
def test_a_long_history_of_late_and_superseded_moves_equals_the_rules_too() -> None:
    draw = np.random.default_rng(3)
    rows = [
        (0, int(draw.integers(400)), int(draw.choice([0, 0, 0, 2, 50])),
         int(draw.choice([99, 99, 7])), bool(draw.integers(2)), int(draw.integers(1, 50)))
        for _ in range(600)
    ]  # fmt: skip
    asked = [(0, int(draw.integers(420))) for _ in range(60)]

    for ours, theirs in zip(found((rows, asked)), expected((rows, asked)), strict=True):
        assert all(map(same, ours, theirs))


def test_money_stays_from_the_oldest_credit_to_the_debit_that_takes_it() -> None:
    # 10.00 at 0 s, 5.00 at 4 s; 12.00 leaves at 6 s: ten of it after 6 s, two after 2 s.
    rows = [(0, 0, 0, 99, False, 1000), (0, 4, 0, 99, False, 500), (0, 6, 0, 99, True, 1200)]
    by_kind = {
        (one.kind, one.q, one.windows): column
        for one, column in zip(measures(), found((rows, [(0, 10)])), strict=True)
    }

    assert by_kind["dwell_quantile", 0.5, (LIFETIME,)] == [6.0]
    assert by_kind["dwell_quantile", 0.0, (LIFETIME,)] == [2.0]
    assert by_kind["dwell_mean", None, (LIFETIME,)] == [pytest.approx((10 * 6 + 2 * 2) / 12)]
    assert by_kind["pass_through", None, (LIFETIME,)] == [pytest.approx(2 / 15)]
    assert by_kind["unmatched", None, (LIFETIME,)] == [3.0]
    assert by_kind["unmatched_oldest", None, (LIFETIME,)] == [6.0]


def test_money_beyond_64_bits_is_refused_and_not_wrapped() -> None:
    rows = [(0, n, 0, 99, False, 2**61) for n in range(3)]

    with pytest.raises(DataError, match="more than 64 bits hold"):
        found((rows, [(0, 10)]))


def test_a_column_without_decisions_is_empty() -> None:
    assert found(([], [])) == [[] for _ in measures()]
