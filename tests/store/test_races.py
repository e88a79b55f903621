"""Two runs, one stopped at a step until the other has ended: all steps, over a model of the store.

The same races on Delta are in tests/building/test_races.py.
"""

from collections.abc import Sequence
from datetime import date

import pytest

from stockade.errors import WriteConflictError
from stockade.store.book import Book
from tests.store.world import DAYS, World, run

# Of the days 30 March to 2 April.
RACES = {
    "the same days": (DAYS, DAYS),
    "days in common": (DAYS[:3], DAYS[1:]),
    "other days of a month": (DAYS[:1], DAYS[1:2]),
    "days of other months": (DAYS[:2], DAYS[2:]),
}


def race(
    world: World, ours: Sequence[date], theirs: Sequence[date], *, at: int, corrected: bool
) -> int:
    """Our run, stopped at its step number `at` for the whole of theirs; how many steps it had."""
    steps = 0

    def pause() -> None:
        nonlocal steps
        steps += 1
        if steps == at:
            world.pause = lambda: None
            if corrected:
                world.corrections.append({DAYS[1], DAYS[2]})
            run(world, theirs)
            world.pause = pause

    world.pause = pause
    try:
        run(world, ours)
    finally:
        world.pause = lambda: None
    return steps


@pytest.mark.parametrize("corrected", [False, True])
@pytest.mark.parametrize("name", RACES)
def test_wherever_a_run_is_overtaken_each_day_ends_as_one_run_would_leave_it(
    name: str, corrected: bool
) -> None:
    ours, theirs = RACES[name]
    alone = race(World(), ours, theirs, at=0, corrected=False)
    assert alone >= 6

    for at in range(1, alone + 1):
        world = World()
        race(world, ours, theirs, at=at, corrected=corrected)
        newest = len(world.corrections) - 1

        if not corrected:
            assert world.rows() == {day: 1 for day in {*ours, *theirs}}, at
        run(world, DAYS)

        assert world.rows() == {day: world.truth(day, newest) for day in DAYS}, at
        book = Book(tuple(world.lines))
        assert {day: entry.content_hash for day, entry in book.current.items()} == {
            day: str(n) for day, n in world.rows().items()
        }, at
        assert run(world, DAYS) == [], at


def test_twelve_writers_of_one_interval_leave_the_rows_of_one() -> None:
    world, ended, refused = World(), 0, 0

    def turn(depth: int) -> None:
        """One writer, overtaken within its commit by the next."""
        nonlocal ended, refused
        steps = 0

        def pause() -> None:
            nonlocal steps
            steps += 1
            if steps == 10 and depth < 12:
                turn(depth + 1)
            world.pause = pause

        world.pause = pause
        try:
            run(world, DAYS, force=True)
            ended += 1
        except WriteConflictError:
            refused += 1

    turn(1)
    world.pause = lambda: None

    assert ended + refused == 12
    assert ended >= 1
    assert world.rows() == dict.fromkeys(DAYS, 1)
    assert run(world, DAYS) == []
