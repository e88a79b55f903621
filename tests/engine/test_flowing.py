"""Transfers: the kernels and the rules in plain Python, against each other and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stockade import LIFETIME, cycles, hops, seconds, tainted_share
from stockade.building.verify import same
from stockade.definitions.measure import Measure
from stockade.engine.crowds import spans
from stockade.engine.flowing import Labels, Transfers, flow
from stockade.engine.program import FOREVER
from stockade.engine.reference_patterns import Flows, Mark, Transfer, flow_at

US = 1_000_000
NAMES = ("mixer", "scam")
Moved = list[tuple[int, int, int, int, int, int]]
Named = list[tuple[int, int, int, int, int]]


def measures() -> list[Measure]:
    both = (seconds(5), LIFETIME)
    many = [
        hops(), hops(limit=1), hops(categories="scam", limit=3),
        hops(direction="sent", limit=3), hops(categories="mixer", direction="sent"),
        tainted_share(windows=both), tainted_share(categories="scam", windows=both),
        tainted_share(method="fifo", windows=both),
        tainted_share(method="fifo", categories=("mixer", "other"), windows=both),
        *(cycles(length=n, windows=both) for n in (2, 3, 4)),
    ]  # fmt: skip
    return [
        Measure(kind=one.kind, windows=(w,), windowed=one.windowed, limit=one.limit,
                categories=one.categories, direction=one.direction, method=one.method,
                length=one.length)
        for one in many
        for w in one.windows
    ]  # fmt: skip


def until(shown: int, life: int) -> int:
    return FOREVER if life == 99 else (shown + life) * US


def found(
    moved: Moved, named: Named, asked: list[tuple[int, int]], hub: int | None
) -> list[list[object]]:
    wide = [(one, other, amount, time * US, (time + lag) * US, until(time + lag, life))
            for one, other, amount, time, lag, life in moved if one != other]  # fmt: skip
    sender, receiver, amount, *clocks = np.array(wide, np.int64).reshape(-1, 6).T
    notes = [(one, category, time * US, (time + lag) * US, until(time + lag, life))
             for one, category, time, lag, life in named]  # fmt: skip
    address, category, *note_clocks = np.array(notes, np.int64).reshape(-1, 5).T
    key, time = np.array(asked, np.int64).reshape(-1, 2).T
    made = flow(
        Transfers(sender=sender, receiver=receiver, amount=amount, when=spans(*clocks)),
        Labels(address=address, category=category, when=spans(*note_clocks)),
        key, time * US, measures(), names=NAMES, addresses=6, hub=hub,
    )  # fmt: skip
    return [list(column.to_pylist()) for column in made.columns]


def expected(
    moved: Moved, named: Named, asked: list[tuple[int, int]], hub: int | None
) -> list[list[object]]:
    rules = Flows(
        [Transfer(time=time * US, shown=(time + lag) * US, gone=until(time + lag, life),
                  sender=one, receiver=other, amount=amount)
         for one, other, amount, time, lag, life in moved if one != other],
        [Mark(time=time * US, shown=(time + lag) * US, gone=until(time + lag, life), entity=one,
              category=None if category < 0 else NAMES[category])
         for one, category, time, lag, life in named],
        hub,
    )  # fmt: skip
    return [
        [None if key < 0 else flow_at(measure, time * US, key, rules) for key, time in asked]
        for measure in measures()
    ]


TIMES = st.integers(0, 16)
LAG, LIFE = st.sampled_from([0, 0, 1, 6]), st.sampled_from([99, 99, 5, 1])
MOVED = st.tuples(
    st.integers(0, 5), st.integers(0, 5), st.sampled_from([0, 1, 3, 5, 8]), TIMES, LAG, LIFE
)
NAMED = st.tuples(st.integers(0, 5), st.integers(-1, 1), TIMES, LAG, LIFE)
HISTORY = (
    st.lists(MOVED, max_size=16), st.lists(NAMED, max_size=4),
    st.lists(st.tuples(st.integers(-1, 5), st.integers(0, 20)), max_size=6),
    st.sampled_from([None, 2, 3]),
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=4_000, deadline=None, derandomize=True)
@given(*HISTORY)
def test_flows_as_of_each_decision_equal_the_rules_in_plain_python(
    moved: Moved, named: Named, asked: list[tuple[int, int]], hub: int | None
) -> None:
    case = (moved, named, asked, hub)
    for measure, ours, theirs in zip(measures(), found(*case), expected(*case), strict=True):
        assert all(map(same, ours, theirs)), (measure, case, ours, theirs)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_long_history_of_late_and_superseded_transfers_equals_the_rules_too(seed: int) -> None:
    draw = np.random.default_rng(seed)
    moved = [
        (int(draw.integers(6)), int(draw.integers(6)), int(draw.integers(1, 50)),
         int(draw.integers(200)), int(draw.choice([0, 0, 3, 60])), int(draw.choice([99, 99, 20])))
        for _ in range(160)
    ]  # fmt: skip
    named = [(int(draw.integers(6)), int(draw.integers(2)), int(draw.integers(200)), 9, 50)
             for _ in range(5)]  # fmt: skip
    asked = [(int(draw.integers(6)), int(draw.integers(220))) for _ in range(25)]

    case = (moved, named, asked, None if seed else 4)
    for measure, ours, theirs in zip(measures(), found(*case), expected(*case), strict=True):
        assert all(map(same, ours, theirs)), (measure, ours, theirs)


def by_kind(
    moved: Moved, named: Named, asked: tuple[int, int], hub: int | None = None
) -> dict[tuple[str, object], object]:
    """What both the kernels and the rules say of one decision, over a lifetime, of any category."""
    case = (moved, named, [asked], hub)
    ours, theirs = found(*case), expected(*case)
    said: dict[tuple[str, object], object] = {}
    for one, (value,), (rule,) in zip(measures(), ours, theirs, strict=True):
        assert same(value, rule), (one, value, rule)
        if one.windows == (LIFETIME,) and not one.categories and one.limit != 1:
            said[one.kind, one.direction or one.method or one.length] = value
    return said


def test_money_is_followed_back_in_time_order_only() -> None:
    # 0 is labelled; 0 -> 1 -> 2 in order, and 0 -> 3 only after 3 -> 4.
    moved = [(0, 1, 5, 1, 0, 99), (1, 2, 5, 2, 0, 99), (3, 4, 5, 1, 0, 99), (0, 3, 5, 2, 0, 99)]
    named = [(0, 1, 0, 0, 99)]

    assert by_kind(moved, named, (0, 9))["hops", "received"] == 0
    assert by_kind(moved, named, (2, 9))["hops", "received"] == 2
    assert by_kind(moved, named, (3, 9))["hops", "received"] == 1
    assert by_kind(moved, named, (4, 9))["hops", "received"] is None
    assert by_kind(moved, [(2, 1, 0, 0, 99)], (0, 9))["hops", "sent"] == 2
    assert by_kind(moved, [(4, 1, 0, 0, 99)], (0, 9))["hops", "sent"] is None


def test_a_label_counts_for_the_past_once_it_is_known_and_until_it_is_taken_back() -> None:
    moved = [(0, 1, 5, 1, 0, 99), (2, 1, 15, 2, 0, 99)]
    named = [(0, 1, 3, 2, 4)]  # made at 3, known at 5, taken back at 9

    said = [by_kind(moved, named, (1, at)) for at in (4, 5, 8, 9)]
    assert [one["hops", "received"] for one in said] == [None, 1, 1, None]
    assert [one["tainted_share", "haircut"] for one in said] == [0.0, 0.25, 0.25, 0.0]
    assert [one["tainted_share", "fifo"] for one in said] == [0.0, 0.25, 0.25, 0.0]


def test_the_haircut_mixes_and_first_in_first_out_does_not() -> None:
    # 2 receives ten of a labelled address and then thirty clean, and passes twenty on.
    moved = [(0, 2, 10, 1, 0, 99), (1, 2, 30, 2, 0, 99), (2, 3, 20, 3, 0, 99)]
    named = [(0, 0, 0, 0, 99)]

    said = by_kind(moved, named, (3, 9))
    assert said["tainted_share", "haircut"] == 0.25
    assert said["tainted_share", "fifo"] == 0.5
    # What 2 spends beyond its forty is clean.
    rest = by_kind([*moved, (2, 4, 80, 4, 0, 99)], named, (4, 9))
    assert rest["tainted_share", "haircut"] == 5 / 80
    assert rest["tainted_share", "fifo"] == 0.0
    assert by_kind(moved, named, (0, 9))["tainted_share", "haircut"] is None


def test_a_transfer_known_late_changes_what_came_after_it() -> None:
    # The clean thirty of second 2 are known at 6: until then 2 had ten tainted only.
    moved = [(0, 2, 10, 1, 0, 99), (1, 2, 30, 2, 4, 99), (2, 3, 20, 3, 0, 99)]
    named = [(0, 0, 0, 0, 99)]

    said = [by_kind(moved, named, (3, at))["tainted_share", "haircut"] for at in (5, 6)]
    assert said == [0.5, 0.25]


def test_a_hub_passes_nothing_on_but_what_it_is_labelled_for() -> None:
    # 1 has counterparties 0, 2, 3 by second 3: its transfers to 3 and 4 come from a hub.
    moved = [(0, 1, 9, 1, 0, 99), (1, 2, 3, 2, 0, 99), (1, 3, 3, 3, 0, 99), (1, 4, 3, 4, 0, 99)]
    named = [(0, 0, 0, 0, 99)]

    assert [by_kind(moved, named, (n, 9), hub=2)["hops", "received"] for n in (2, 3)] == [2, None]
    shares = [by_kind(moved, named, (n, 9), hub=2)["tainted_share", "fifo"] for n in (2, 3)]
    assert shares == [1.0, 0.0]
    assert by_kind(moved, [(1, 0, 0, 0, 99)], (4, 9), hub=2)["hops", "received"] == 1
    assert by_kind(moved, [(1, 0, 0, 0, 99)], (4, 9), hub=2)["tainted_share", "haircut"] == 1.0
    # What 1 sends is its own; what 0 sent it is lost in the hub.
    paid = [by_kind(moved, [(3, 0, 0, 0, 99)], (n, 9), hub=2)["hops", "sent"] for n in (0, 1)]
    assert paid == [None, 1]
    assert by_kind(moved, [(3, 0, 0, 0, 99)], (0, 9))["hops", "sent"] == 2


def test_money_comes_back_in_circles_that_keep_the_order_of_time() -> None:
    # 0 -> 1 -> 0, 0 -> 1 -> 2 -> 0 twice over the same addresses, and 0 -> 3 -> 0 backwards.
    moved = [
        (0, 1, 1, 1, 0, 99), (1, 0, 1, 2, 0, 99), (1, 2, 1, 2, 0, 99), (2, 0, 1, 3, 0, 99),
        (2, 0, 1, 4, 0, 99), (3, 0, 1, 5, 0, 99), (0, 3, 1, 6, 0, 99),
    ]  # fmt: skip

    said = by_kind(moved, [], (0, 9))
    assert [said["cycles", n] for n in (2, 3, 4)] == [1, 1, 0]
    # In a window of five seconds before second 7, the first transfer is too old.
    inside = found(moved, [], [(0, 7)], None)
    windowed = [i for i, one in enumerate(measures()) if one.kind == "cycles"][::2]
    assert [inside[i] for i in windowed] == [[0], [0], [0]]
