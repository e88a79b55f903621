"""Lengths of time: how they are written, named and told."""

from datetime import UTC, datetime, timedelta

import pytest

from stockade import LIFETIME, days, hours, minutes, seconds
from stockade.definitions.names import check_column, check_name
from stockade.definitions.window import (
    Window,
    check_delay,
    check_window,
    in_words,
    microseconds,
    microseconds_since_1970,
    suffix,
)
from stockade.errors import DefinitionError

US = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("length", "name", "words"),
    [
        (days(30), "30d", "30 days"),
        (days(1), "1d", "1 day"),
        (hours(24), "1d", "1 day"),
        (hours(36), "36h", "36 hours"),
        (minutes(60), "1h", "1 hour"),
        (minutes(90), "90m", "90 minutes"),
        (seconds(60), "1m", "1 minute"),
        (seconds(1), "1s", "1 second"),
        (seconds(90), "90s", "90 seconds"),
        (timedelta(milliseconds=1500), "1500ms", "1.5 seconds"),
        (250 * US, "250us", "0.00025 seconds"),
    ],
)
def test_a_length_is_named_and_told_in_the_largest_unit_that_divides_it(
    length: timedelta, name: str, words: str
) -> None:
    assert suffix(length) == name
    assert in_words(length) == words


def test_a_length_is_given_in_the_unit_that_reads_best() -> None:
    assert days(1) == hours(24) == minutes(24 * 60) == seconds(24 * 60 * 60) == timedelta(days=1)


def test_all_that_was_known_so_far_is_a_lifetime() -> None:
    assert suffix(LIFETIME) == "lifetime"


def test_time_is_counted_in_whole_microseconds_even_where_a_float_would_round() -> None:
    century = timedelta(days=36525) + US
    at = datetime(2026, 3, 1, 12, 0, 0, 1, tzinfo=UTC)

    assert microseconds(century) == 3_155_760_000_000_001
    assert microseconds_since_1970(at) == 1_772_366_400_000_001


@pytest.mark.parametrize("window", [US, LIFETIME])
def test_any_length_above_zero_is_a_window(window: Window) -> None:
    check_window(window, who="w")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (timedelta(0), "w: window '0:00:00' must be longer than zero"),
        (-US, "w: window '-1 day, 23:59:59.999999' must be longer than zero"),
        (7, "w: window 7 is a int, wanted a length such as days(7), or LIFETIME"),
    ],
)
def test_a_window_looks_back(wrong: object, said: str) -> None:
    with pytest.raises(DefinitionError) as raised:
        check_window(wrong, who="w")
    assert str(raised.value) == said


def test_a_delay_is_zero_or_more() -> None:
    check_delay(timedelta(0), who="w")
    for wrong, said in [
        (-US, "w: delay '-1 day, 23:59:59.999999' must not be negative"),
        (LIFETIME, "w: delay Lifetime() must be a length such as days(7)"),
    ]:
        with pytest.raises(DefinitionError) as raised:
            check_delay(wrong, who="w")
        assert str(raised.value) == said


@pytest.mark.parametrize("name", ["a", "a_1", "a" * 63])
def test_a_name_is_lower_case_and_short_enough_for_a_table(name: str) -> None:
    check_name(name, what="view")


@pytest.mark.parametrize("name", ["", "A", "1a", "_a", "a-b", "a\n", "a" * 64, None])
def test_any_other_name_is_refused_and_quoted(name: object) -> None:
    with pytest.raises(DefinitionError) as raised:
        check_name(name, what="view")
    assert str(raised.value) == (
        f"view name {name!r} must be lower case letters, digits and '_', "
        "begin with a letter and have at most 63 characters"
    )


@pytest.mark.parametrize("name", ["", "1a", "a b", "a.b", "a\n", "a" * 128, None])
def test_a_column_with_another_name_is_to_be_renamed(name: object) -> None:
    check_column("_Paid_2", who="view 'v'")
    with pytest.raises(DefinitionError) as raised:
        check_column(name, who="view 'v'")
    assert str(raised.value) == (
        f"view 'v': column name {name!r} must be letters, digits and '_'; "
        "rename it in the source's query"
    )
