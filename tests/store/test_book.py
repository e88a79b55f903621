from collections.abc import Mapping
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stockade.errors import DefinitionError
from stockade.store.book import (
    DAY,
    UNVERSIONED,
    Book,
    Entry,
    Inputs,
    Interval,
    State,
    inputs_of,
    key_of,
    merged,
    month_of,
    runs,
    same,
    states,
)

FIRST = date(2026, 3, 1)
A, B = "a" * 8, "b" * 8
days_of_a_year = st.sets(st.integers(0, 400), max_size=40).map(
    lambda found: {FIRST + timedelta(days=n) for n in found}
)


def line(
    day: date,
    state: State = "done",
    *,
    attempt: int = 1,
    inputs: Inputs | None = None,
    fingerprint: str = A,
) -> Entry:
    return Entry(
        table="t", fingerprint=fingerprint, interval=Interval.of(day), attempt=attempt,
        state=state, run_id="r", inputs=inputs or {"events": 1}, reason=state,
    )  # fmt: skip


def change(old: int, new: int, *stale: Interval | None, fingerprint: str = A) -> list[Entry]:
    return [
        Entry(
            table="t", fingerprint=fingerprint, interval=one, attempt=0, state="stale",
            run_id="r", inputs={"events": old}, newer={"events": new},
        )
        for one in stale or (None,)
    ]  # fmt: skip


def why(book: Book, day: date, inputs: Inputs | None = None, fingerprint: str = A) -> str:
    wanted = book.wanted([day], fingerprint=fingerprint, inputs=inputs or {"events": 1})
    return wanted.get(day, "")


def test_an_interval_ends_after_it_starts() -> None:
    with pytest.raises(DefinitionError, match="must be before end"):
        Interval(start=FIRST, end=FIRST)


def test_a_day_done_from_these_inputs_is_not_wanted_again() -> None:
    assert why(Book((line(FIRST),)), FIRST) == ""


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ((), "not written yet"),
        ((line(FIRST, "waiting", attempt=0),), "waited for its inputs"),
        ((line(FIRST, "running"),), "was not finished"),
        ((line(FIRST, "failed"),), "was not finished"),
        ((line(FIRST), line(FIRST, "stale")), "stale"),
        ((line(FIRST), line(FIRST, "running", attempt=2)), "was not finished"),
        ((line(FIRST, fingerprint=B),), "written by another definition"),
    ],
)
def test_a_day_that_is_not_done_says_why(entries: tuple[Entry, ...], reason: str) -> None:
    assert why(Book(entries), FIRST) == reason


def test_of_one_attempt_the_furthest_state_holds_in_whatever_order_it_was_said() -> None:
    book = Book((line(FIRST), line(FIRST, "running"), line(FIRST, "failed")))

    assert book.current[FIRST].state == "done"
    assert states(book, [FIRST, FIRST + DAY]) == {"done": 1}


def test_days_are_counted_by_state() -> None:
    days = [FIRST + n * DAY for n in range(5)]
    book = Book((line(days[0]), line(days[1]), line(days[2], "failed"), line(days[3])))

    assert states(book, days) == {"done": 3, "failed": 1}


def test_lines_that_are_added_count_and_notes_are_kept() -> None:
    book = Book((line(FIRST, "running"),), {FIRST: 4}).with_entries([line(FIRST)])

    assert book.current[FIRST].state == "done"
    assert book.next_attempt([FIRST]) == 5


def test_a_change_marks_only_the_days_it_concerns() -> None:
    days = [FIRST + n * DAY for n in range(4)]
    stale = Interval(start=days[1], end=days[3])
    book = Book((*map(line, days), *change(1, 2, stale)))

    wanted = book.wanted(days, fingerprint=A, inputs={"events": 2})

    assert wanted == {days[1]: "its inputs changed", days[2]: "its inputs changed"}


def test_changes_are_followed_step_by_step() -> None:
    days = [FIRST + n * DAY for n in range(3)]
    steps = (*change(1, 2, Interval.of(days[0])), *change(2, 5, Interval.of(days[1])))
    book = Book((*map(line, days), *steps))

    assert set(book.wanted(days, fingerprint=A, inputs={"events": 5})) == set(days[:2])


def test_a_change_that_nobody_looked_at_is_asked_for_from_where_it_is_known() -> None:
    book = Book((line(FIRST), *change(1, 2)))

    asked = book.unlinked([FIRST], fingerprint=A, inputs={"events": 4})

    assert asked == [{"events": 2}]
    assert why(book, FIRST, {"events": 4}) == "what changed in its inputs is not known"


def test_a_day_that_is_known_to_be_stale_says_so_whatever_else_is_not_known() -> None:
    book = Book((line(FIRST), *change(1, 2, Interval.of(FIRST))))

    assert why(book, FIRST, {"events": 4}) == "its inputs changed"


def test_changes_up_to_newer_inputs_serve_a_run_with_older_ones() -> None:
    days = [FIRST, FIRST + DAY]
    book = Book((*map(line, days), *change(1, 5, Interval.of(FIRST))))

    assert book.unlinked(days, fingerprint=A, inputs={"events": 3}) == []
    assert book.wanted(days, fingerprint=A, inputs={"events": 3}) == {FIRST: "its inputs changed"}


def test_changes_are_asked_for_of_done_days_alone_that_older_inputs_made() -> None:
    days = [FIRST + n * DAY for n in range(7)]
    book = Book(
        (
            line(days[1], "failed"),
            line(days[2], fingerprint=B),
            line(days[3], inputs={"events": 4}),
            line(days[4], inputs={"events": 9}),
            line(days[5], inputs={"events": 2}),
            line(days[6], inputs={"events": 2}),
        )
    )

    assert book.unlinked(days, fingerprint=A, inputs={"events": 4}) == [{"events": 2}]


@pytest.mark.parametrize(
    ("made_from", "reason"),
    [
        ({"a": 1, "b": 4}, ""),
        ({"a": 1, "b": 9}, ""),
        ({"a": 0, "b": 9}, "what changed in its inputs is not known"),
        ({"a": 1}, "what changed in its inputs is not known"),
        ({"a": 1, "b": 4, "c": 1}, "what changed in its inputs is not known"),
    ],
)
def test_inputs_are_as_new_only_if_each_of_the_same_ones_is(made_from: Inputs, reason: str) -> None:
    book = Book((line(FIRST, inputs=made_from),))

    assert why(book, FIRST, {"a": 1, "b": 4}) == reason


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ({"a": 1}, {"a": 1}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"a": UNVERSIONED}, {"a": UNVERSIONED}, False),
    ],
)
def test_inputs_are_the_same_only_where_that_is_known(
    one: Inputs, other: Inputs, equal: bool
) -> None:
    assert same(one, other) is equal


def test_what_another_definition_learnt_of_a_change_does_not_count() -> None:
    book = Book((line(FIRST), *change(1, 2, fingerprint=B)))

    assert book.unlinked([FIRST], fingerprint=A, inputs={"events": 2}) == [{"events": 1}]


def test_a_day_that_a_run_with_newer_inputs_wrote_is_left_alone() -> None:
    assert why(Book((line(FIRST, inputs={"events": 9}),)), FIRST, {"events": 4}) == ""


def test_an_input_without_versions_is_read_anew_each_time() -> None:
    view = {"events": UNVERSIONED}
    book = Book((line(FIRST, inputs=view),))

    assert why(book, FIRST, view) == "its inputs have no versions to compare"
    assert book.unlinked([FIRST], fingerprint=A, inputs=view) == []


def test_files_that_differ_are_never_taken_for_newer_ones() -> None:
    book = Book((line(FIRST, inputs={"files:/in": 9}),))

    assert why(book, FIRST, {"files:/in": 4}) == "what changed in its inputs is not known"


def test_the_next_attempt_is_above_lines_and_notes_of_commits_alike() -> None:
    book = Book((line(FIRST, attempt=3),), {FIRST + DAY: 7})

    assert book.next_attempt([FIRST]) == 4
    assert book.next_attempt([FIRST, FIRST + DAY]) == 8
    assert book.next_attempt([FIRST + 2 * DAY]) == 1


def test_a_month_begins_with_its_first_day_and_ends_before_the_next() -> None:
    assert month_of(date(2026, 2, 28)) == Interval(start=date(2026, 2, 1), end=FIRST)
    assert month_of(date(2026, 12, 1)) == Interval(start=date(2026, 12, 1), end=date(2027, 1, 1))


def test_inputs_are_recorded_in_the_shortest_text() -> None:
    assert key_of({"b": 1, "a": 20}) == '{"a":20,"b":1}'


@given(days_of_a_year)
def test_runs_hold_each_day_once_and_end_with_the_month(days: set[date]) -> None:
    found = runs(days)

    assert [day for one in found for day in one.days()] == sorted(days)
    assert all(month_of(one.start) == month_of(one.end - DAY) for one in found)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=12))
def test_merged_intervals_hold_the_same_days_and_do_not_touch(spans: list[tuple[int, int]]) -> None:
    given_ = [
        Interval(start=FIRST + n * DAY, end=FIRST + (n + length) * DAY) for n, length in spans
    ]
    found = merged(given_)

    assert {d for one in found for d in one.days()} == {d for one in given_ for d in one.days()}
    assert all(one.end < two.start for one, two in pairwise(found))


@given(st.dictionaries(st.text(max_size=5), st.integers(-1, 2**62), max_size=4))
def test_inputs_read_back_are_the_inputs(inputs: Mapping[str, int]) -> None:
    assert inputs_of(key_of(inputs)) == inputs
    assert key_of(inputs) == key_of(dict(reversed([*inputs.items()])))


@given(st.permutations([*range(6)]))
def test_the_order_of_the_lines_does_not_matter(order: list[int]) -> None:
    lines = [
        line(FIRST, "running"), line(FIRST), line(FIRST, "stale"),
        line(FIRST, "running", attempt=2), line(FIRST, attempt=2, inputs={"events": 2}),
        *change(1, 2, Interval.of(FIRST)),
    ]  # fmt: skip
    book = Book(tuple(lines[n] for n in order))

    assert (book.current[FIRST].attempt, book.current[FIRST].state) == (2, "done")
    assert why(book, FIRST, {"events": 2}) == ""
