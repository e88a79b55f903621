"""A key cut into slices of time: nothing is lost at an edge, and little travels twice."""

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from stockade.engine.bucket import Events, Queries, compute
from stockade.engine.slices import Spread, cut
from tests.engine.histories import SPAN, History, histories
from tests.engine.test_kernels import agree, reference, sides

EDGES = st.lists(st.integers(1, SPAN), min_size=1, max_size=3, unique=True).map(sorted)


@settings(max_examples=250, deadline=None, derandomize=True)
@given(histories(), EDGES)
def test_slices_give_every_decision_what_the_whole_gives_it(
    history: History, edges: list[int]
) -> None:
    outputs = [one for one in history.outputs if one.window is not None]
    # A sum that overflows is another test's business.
    outputs = [one for one in outputs if one.kind != "sum" or history.column != "whole"]
    reach = max((int(one.window or 0) + one.delay for one in outputs), default=0) + 1
    events, queries = sides(history)
    seen = [0] * len(history.decisions)
    in_slices = {output: [None] * len(seen) for output in outputs}
    shown, asked = _placed(events.time, edges, reach), _placed(queries.time, edges, 0)
    for bucket in range(5, 6 + len(edges)):
        here = asked[bucket]
        found = compute(_taken(events, shown[bucket]), _asked(queries, here), outputs, entities=4)
        for row in here:
            seen[row] += 1
        for output, column in zip(outputs, found, strict=True):
            for row, value in zip(here, column.to_pylist(), strict=True):
                in_slices[output][row] = value

    assert seen == [1] * len(seen)
    for output in outputs:
        assert agree(in_slices[output], list(reference(history, output))), (output, edges, history)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.integers(0, 2**32), st.sampled_from(["even", "crowded", "instant"]), st.integers(1, 5_000),
    st.integers(20, 400),
)  # fmt: skip
def test_however_events_crowd_slices_bring_along_half_of_them_at_most(
    seed: int, kind: str, reach: int, wanted: int
) -> None:
    draw = np.random.default_rng(seed)
    span = {"even": 10_000, "crowded": 200, "instant": 1}[kind]
    times = np.sort(np.r_[draw.integers(0, span, 1_000), draw.integers(0, 10_000, 200)])

    edges = cut(times, first=1_000, reach=reach, wanted=wanted)

    assert (np.diff(edges) > 0).all()
    assert (edges >= 1_000).all()
    brought = sum(((times >= edge - reach) & (times < edge)).sum() for edge in edges)
    assert brought <= times.size / 2
    begin = np.searchsorted(times, 1_000)
    held = np.diff(np.r_[begin, np.searchsorted(times, edges)])
    assert (held >= wanted - np.unique(times, return_counts=True)[1].max()).all()


def test_a_year_of_even_events_is_cut_into_slices_of_the_size_that_is_wanted() -> None:
    edges = cut(np.arange(0, 365_000, 100), first=30_000, reach=30_000, wanted=800)

    assert edges.tolist() == [110_000, 190_000, 270_000]


def _placed(time: np.ndarray, edges: list[int], reach: int) -> dict[int, np.ndarray]:
    """Bucket -> rows, the first slice being bucket 5."""
    spread = Spread(edges={5: np.array(edges)}, time="t", reach=reach)
    at, bucket = spread(pa.table({"t": pa.array(time)}), np.full(time.size, 5, np.int64))
    return {one: at[bucket == one] for one in range(5, 6 + len(edges))}


def _taken(events: Events, rows: np.ndarray) -> Events:
    until, known = events.visible_until, events.visible_from
    return Events(
        key=events.key[rows], time=events.time[rows], settling=events.settling,
        visible_from=None if known is None else known[rows],
        visible_until=None if until is None else until[rows],
        values={name: column.take(pa.array(rows)) for name, column in events.values.items()},
        masks={name: mask[rows] for name, mask in events.masks.items()},
    )  # fmt: skip


def _asked(queries: Queries, rows: np.ndarray) -> Queries:
    valid = queries.valid
    return Queries(
        key=queries.key[rows], time=queries.time[rows], valid=None if valid is None else valid[rows]
    )
