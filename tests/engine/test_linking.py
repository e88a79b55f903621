"""Shared attributes: the kernel and the rules in plain Python, against each other and by hand."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stockade import (
    LIFETIME,
    component_growth,
    component_labelled,
    component_labelled_share,
    component_size,
    labelled_neighbours,
    neighbours,
    seconds,
)
from stockade.building.verify import same
from stockade.definitions.measure import Measure
from stockade.definitions.window import Lifetime
from stockade.engine.crowds import PAIRS, contracted, spans
from stockade.engine.linking import Notes, Ties, joining, link
from stockade.engine.program import FOREVER
from stockade.engine.reference_patterns import Link, Links, Mark, link_at

US = 1_000_000
WINDOWS = (seconds(3), seconds(9))
Rows = list[tuple[int, int, int, int, int]]


def measures() -> list[Measure]:
    many = [
        component_size(), component_growth(windows=WINDOWS), component_labelled(),
        component_labelled_share(), component_labelled_share(prior=0.25, strength=2),
        neighbours(windows=(*WINDOWS, LIFETIME)), labelled_neighbours(windows=(*WINDOWS, LIFETIME)),
    ]  # fmt: skip
    return [
        Measure(kind=one.kind, windows=(w,), windowed=one.windowed, prior=one.prior,
                strength=one.strength)
        for one in many
        for w in one.windows
    ]  # fmt: skip


def until(shown: int, life: int) -> int:
    return FOREVER if life == 99 else (shown + life) * US


def found(
    links: Rows, marks: Rows, asked: list[tuple[int, int]], hub: int | None, memory: int | None
) -> list[list[object]]:
    def columns(rows: Rows) -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
        wide = [(one, other, time * US, (time + lag) * US, until(time + lag, life))
                for one, other, time, lag, life in rows]  # fmt: skip
        return list(np.array(wide, np.int64).reshape(-1, 5).T)

    entity, attribute, time, shown, gone = columns(links)
    kept = None if memory is None else memory * US
    ties = Ties(entity=entity, attribute=attribute, when=spans(time, shown, gone, kept))
    labelled, _, *note_clocks = columns(marks)
    key, at = np.array(asked, np.int64).reshape(-1, 2).T
    notes = Notes(entity=labelled, when=spans(*note_clocks))
    made = link(joining(ties, hub), notes, key, at * US, measures(), entities=6)
    return [list(column.to_pylist()) for column in made.columns]


def expected(
    links: Rows, marks: Rows, asked: list[tuple[int, int]], hub: int | None, memory: int | None
) -> list[list[object]]:
    rules = Links(
        [Link(time=time * US, shown=(time + lag) * US, gone=until(time + lag, life), entity=one,
              attribute=other) for one, other, time, lag, life in links],
        [Mark(time=time * US, shown=(time + lag) * US, gone=until(time + lag, life), entity=one)
         for one, _, time, lag, life in marks],
        hub, None if memory is None else memory * US,
    )  # fmt: skip
    return [
        [None if key < 0 else link_at(measure, time * US, key, rules) for key, time in asked]
        for measure in measures()
    ]


TIMES = st.integers(0, 16)
ROW = st.tuples(
    st.integers(0, 5), st.integers(0, 4), TIMES, st.sampled_from([0, 0, 1, 4]),
    st.sampled_from([99, 99, 5, 1]),
)  # fmt: skip
HISTORY = (
    st.lists(ROW, max_size=14), st.lists(ROW, max_size=5),
    st.lists(st.tuples(st.integers(-1, 5), st.integers(0, 20)), max_size=6),
    st.sampled_from([None, 2, 3]), st.sampled_from([None, 2, 6]),
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=3_000, deadline=None, derandomize=True)
@given(*HISTORY)
def test_links_as_of_each_decision_equal_the_rules_in_plain_python(
    links: Rows, marks: Rows, asked: list[tuple[int, int]], hub: int | None, memory: int | None
) -> None:
    case = (links, marks, asked, hub, memory)
    for measure, ours, theirs in zip(measures(), found(*case), expected(*case), strict=True):
        assert all(map(same, ours, theirs)), (measure, case, ours, theirs)


def by_name(
    links: Rows, marks: Rows, asked: tuple[int, int], hub: int | None = None,
    memory: int | None = None,
) -> dict[str, object]:  # fmt: skip
    """What both the kernel and the rules say of one decision."""
    case = (links, marks, [asked], hub, memory)
    ours, theirs = found(*case), expected(*case)
    assert ours == theirs
    names = [
        one.kind + ("" if isinstance(window, Lifetime) else str(window.seconds))
        for one in measures()
        for window in one.windows
    ]
    return {name: value for name, (value,) in zip(names, ours, strict=True)}


def test_entities_hang_together_by_what_they_share_and_through_others() -> None:
    # 0 and 1 share attribute 0 from second 1, 1 and 2 share attribute 1 from second 5.
    links = [(0, 0, 0, 0, 99), (1, 0, 1, 0, 99), (1, 1, 2, 0, 99), (2, 1, 5, 0, 99)]

    assert by_name(links, [], (0, 1))["component_size"] == 1  # not before the decision
    assert by_name(links, [], (0, 2))["component_size"] == 2
    found_at_6 = by_name(links, [], (0, 6))
    assert found_at_6["component_size"] == 3
    assert found_at_6["component_growth3"] == 1
    assert found_at_6["neighbours"] == 1
    assert found_at_6["neighbours9"] == 1
    assert found_at_6["neighbours3"] == 0


def test_a_link_counts_from_when_it_was_known_until_it_is_superseded_or_forgotten() -> None:
    links = [(0, 0, 0, 0, 99), (1, 0, 1, 4, 3)]  # known at 5, superseded at 8

    assert [by_name(links, [], (0, at))["component_size"] for at in (4, 5, 7, 8)] == [1, 2, 2, 1]
    # Of a memory of 4 s the link of second 1 is there at 5, the link of second 0 is not.
    assert by_name(links, [], (0, 5), memory=4)["component_size"] == 1
    assert by_name([(0, 0, 1, 0, 99), (1, 0, 1, 4, 3)], [], (0, 5), memory=4)["neighbours"] == 1


def test_a_label_of_oneself_never_counts_and_that_of_others_while_it_is_known() -> None:
    links = [(0, 0, 0, 0, 99), (1, 0, 0, 0, 99), (2, 0, 0, 0, 99)]
    marks = [(0, 0, 1, 0, 99), (1, 0, 1, 3, 4)]  # of 1: known at 4, taken back at 8

    assert [by_name(links, marks, (0, at))["component_labelled"] for at in (3, 4, 8)] == [0, 1, 0]
    assert by_name(links, marks, (1, 5))["component_labelled"] == 1
    assert by_name(links, marks, (2, 5))["component_labelled"] == 2
    assert by_name(links, marks, (2, 5))["labelled_neighbours"] == 2
    assert by_name(links, [*marks, (1, 0, 0, 0, 99)], (2, 5))["component_labelled"] == 2


def test_what_more_than_the_hub_share_joins_nobody_from_then_on() -> None:
    links = [(0, 0, 0, 0, 99), (1, 0, 1, 0, 99), (2, 0, 2, 0, 99), (3, 0, 3, 0, 99)]

    # Joined before the attribute became a hub, 0 and 1 stay joined; 2 and 3 come too late.
    assert by_name(links, [], (0, 9), hub=2)["component_size"] == 2
    assert by_name(links, [], (3, 9), hub=2)["component_size"] == 1
    assert by_name(links, [], (3, 9), hub=4)["component_size"] == 4
    # Three of one moment count against each other.
    assert by_name([(n, 0, 1, 0, 99) for n in range(3)], [], (0, 9), hub=2)["neighbours"] == 0


def test_a_long_history_equals_the_rules_too() -> None:
    draw = np.random.default_rng(5)
    links = [
        (int(draw.integers(6)), int(draw.integers(40)), int(draw.integers(400)),
         int(draw.choice([0, 0, 7])), int(draw.choice([99, 60, 9])))
        for _ in range(300)
    ]  # fmt: skip
    marks = [(int(draw.integers(6)), 0, int(draw.integers(400)), 3, 40) for _ in range(12)]
    asked = [(int(draw.integers(6)), int(draw.integers(420))) for _ in range(80)]

    for memory in (None, 50):
        case = (links, marks, asked, 4, memory)
        for ours, theirs in zip(found(*case), expected(*case), strict=True):
            assert all(map(same, ours, theirs))


def test_pairs_contract_to_the_least_node_of_each_component_however_they_are_cut() -> None:
    pairs = [(5, 9), (9, 2), (7, 8), (3, 3), (-4, 8), (1, 6)]
    batches = [pa.record_batch([[a], [b]], schema=PAIRS) for a, b in pairs]
    halves = [*contracted(batches[:3]), *contracted(batches[3:])]

    for cut in (batches, halves):
        rows = [row for batch in contracted(cut) for row in batch.to_pylist()]
        assert {row["_node"]: row["_root"] for row in rows} == {
            5: 2, 9: 2, 2: 2, 7: -4, 8: -4, -4: -4, 3: 3, 1: 1, 6: 1,
        }  # fmt: skip
    assert list(contracted([])) == []
