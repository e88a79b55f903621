"""Random schedules of runs, crashes, corrections and restores over a model of the store."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stockade.store.book import Book
from tests.store.world import DAYS, Runner, World, run

RUNNERS = 4

spans = st.tuples(st.integers(0, 3), st.integers(0, 3)).map(
    lambda ends: DAYS[min(ends) : max(ends) + 1]
)
who = st.integers(0, RUNNERS - 1)
actions = st.one_of(
    *[st.tuples(st.just("advance"), who, st.integers(1, 12))] * 3,
    st.tuples(st.just("advance"), who, st.just(200)),
    *[st.tuples(st.just("start"), spans, st.booleans())] * 2,
    *[st.tuples(st.just("whole"), spans, st.booleans())] * 2,
    st.tuples(st.just("kill"), who),
    st.tuples(st.just("correct"), spans),
    st.tuples(st.just("restore"), st.integers(0, 20)),
    st.tuples(st.just("wipe"), spans),
)


def _act(world: World, runners: list[Runner], action: tuple[Any, ...]) -> None:
    match action:
        case ("advance", who, steps) if who < len(runners):
            for _ in range(steps):
                _turn(world, runners[who])
        case ("kill", who) if who < len(runners):
            runners[who].kill()
        case ("start", days, force):
            runners[:] = [one for one in runners if not one.ended]
            if len(runners) < RUNNERS:
                runners.append(Runner(lambda: run(world, days, force=force)))
        case ("whole", days, force):
            world.pause = lambda: None
            run(world, days, force=force)
        case ("correct", days):
            world.corrections.append(set(days))
        case ("restore", back) if world.history:
            world.stranger("RESTORE", world.history[-1 - back % len(world.history)][1])
        case ("wipe", days) if world.history:
            kept = {day: n for day, n in world.rows().items() if day not in days}
            world.stranger("DELETE", kept)
        case _:
            pass


def _turn(world: World, runner: Runner) -> None:
    world.pause = runner.pause
    runner.advance()


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.lists(actions, min_size=15, max_size=60))
def test_whatever_the_schedule_nothing_is_lost_mixed_or_doubled(
    schedule: list[tuple[Any, ...]],
) -> None:
    world, runners = World(), list[Runner]()
    try:
        for action in schedule:
            _act(world, runners, action)
    finally:
        for runner in runners:
            world.pause = runner.pause
            runner.kill()
    world.pause = lambda: None

    run(world, DAYS)

    newest = len(world.corrections) - 1
    assert world.rows() == {day: world.truth(day, newest) for day in DAYS}
    book = Book(tuple(world.lines))
    assert {day: entry.content_hash for day, entry in book.current.items()} == {
        day: str(n) for day, n in world.rows().items()
    }
    before = len(world.history)
    assert run(world, DAYS) == []
    assert len(world.history) == before
