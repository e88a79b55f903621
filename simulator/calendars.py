"""Banking days, paydays and the hours people keep."""

from datetime import date, timedelta

import numpy as np

from trust_safety.simulator.draws import Array
from trust_safety.simulator.world import DAY, HOUR, MINUTE, ORIGIN, START

_YEARS = range(2022, 2032)
_FIRST = np.datetime64(START, "D")


def holidays(year: int) -> tuple[date, ...]:
    """The days of a year on which the Federal Reserve is closed.

    One that falls on a Sunday is kept on Monday; one on a Saturday is not moved
    (federalreserve.gov, "Holidays observed").
    """
    fixed = ((1, 1), (6, 19), (7, 4), (11, 11), (12, 25))
    # Month, weekday (Monday is 0), and which of the month; -1 is the last.
    moving = ((1, 0, 3), (2, 0, 3), (5, 0, -1), (9, 0, 1), (10, 0, 2), (11, 3, 4))
    days = [date(year, month, day) for month, day in fixed]
    observed = [day + timedelta(days=1) if day.weekday() == 6 else day for day in days]
    return tuple(sorted([*observed, *(_nth(year, *rule) for rule in moving)]))


def _nth(year: int, month: int, weekday: int, which: int) -> date:
    if which < 0:
        day = date(year, month + 1, 1) - timedelta(days=1)
        return day - timedelta(days=(day.weekday() - weekday) % 7)
    day = date(year, month, 1)
    return day + timedelta(days=(weekday - day.weekday()) % 7 + 7 * (which - 1))


# Hours from UTC are those of winter: the world has no summer time.
BANK = np.busdaycalendar(holidays=[day for year in _YEARS for day in holidays(year)])


def banking_day(day: Array, ahead: Array | int) -> Array:
    """The day number that lies so many banking days after a day; a closed day opens first."""
    moved = np.busday_offset(_FIRST + day, ahead, roll="forward", busdaycal=BANK)
    return (moved - _FIRST).astype(np.int64)


def day_of(at: Array) -> Array:
    """The day number (UTC) of instants; those before the first day are negative."""
    return (at - ORIGIN) // DAY


def instant(day: Array | int, micros: Array | int) -> Array:
    """Instants from a day number and microseconds since its midnight."""
    return np.asarray(day * DAY + micros + ORIGIN)


def weekday(day: Array) -> Array:
    """Monday is 0."""
    return (day + START.weekday()) % 7


def since_payday(day: Array) -> Array:
    """Days since wages came: on the 1st and the 15th."""
    month = (_FIRST + day).astype("datetime64[M]").astype("datetime64[D]")
    of_month = (_FIRST + day - month).astype(np.int64)
    return np.where(of_month < 14, of_month, of_month - 14)


def waking(uniform: Array, second: Array, offset: Array) -> Array:
    """Microseconds since midnight UTC at which people at an offset (hours) are up and about.

    Two humps, noon and nine in the evening, by local time.
    """
    noon = uniform < 0.45
    # A triangle's inverse: no tails that would fall on another day.
    left, right = np.sqrt(second / 2), 1 - np.sqrt((1 - second) / 2)
    spread = np.where(second < 0.5, left, right)
    local = np.where(noon, 7.0 + 10.0 * spread, 15.0 + 9.0 * spread)
    hours = (local - offset) % 24.0
    return (hours * HOUR).astype(np.int64) // MINUTE * MINUTE + (uniform * 7919 * MINUTE).astype(
        np.int64
    ) % MINUTE
