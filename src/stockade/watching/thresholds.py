"""What a series should be today, from its own past, and how far off is too far."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

Numbers = NDArray[np.float64]
Days = NDArray[np.datetime64]
Way = Literal["both", "up", "down"]

# What a series must have been seen before anything is said about it.
LEAST_DAYS = 14
_WEEK = 7
_WEEKS = 8
_RECENT = 28
# The median absolute deviation of a normal distribution is 0.6745 of its standard deviation.
_MAD = 1.4826
# Daily series of payments have heavier tails than the normal distribution.
_FREEDOM = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What one day of a series should be.

    Attributes:
        value: the middle.
        spread: the scale of the past's distances from their own middles; above zero.
        days: how many past days it was made from.
    """

    value: float
    spread: float
    days: int


def expected(days: Days, values: Numbers, *, on: np.datetime64) -> Expected | None:
    """The value that a series should have on a day, from the days before it; None if too few.

    The middle is the median of the last four weeks, moved by what is usual for the day of the week
    (the median of that weekday's values, less that of all). Medians, so that a past incident does
    not become the rule. The spread is robust too.

    Args:
        days: of the values, ascending.
        values: finite or NaN; NaN is not known.
        on: the day.
    """
    past = (days < on) & (days >= on - np.timedelta64(_WEEKS * _WEEK, "D")) & np.isfinite(values)
    if int(past.sum()) < LEAST_DAYS:
        return None
    known, then = values[past], days[past]
    level, weekday = float(np.median(known)), _weekday(then)
    usual = np.zeros(_WEEK)
    if len(known) >= 3 * _WEEK:
        for n in range(_WEEK):
            mine = known[weekday == n]
            usual[n] = np.median(mine) - level if len(mine) >= 3 else 0.0
    off = known - level - usual[weekday]
    spread = _MAD * float(np.median(np.abs(off - np.median(off))))
    # A quarter's worth of the plain deviation: a series that hardly ever moves has a MAD of zero.
    spread = max(spread, 0.25 * float(off.std()), 1e-9)
    # The last four weeks say where the series is now; all eight, what a weekday does to it.
    recent = known[then >= on - np.timedelta64(_RECENT, "D")]
    now = float(np.median(recent)) if len(recent) >= _WEEK else level
    middle = now + float(usual[_weekday(np.array([on]))[0]])
    return Expected(value=middle, spread=spread, days=len(known))


def limit(budget: float, *, series: int) -> float:
    """How many spreads off is too far, so that chance alone raises `budget` alarms a week.

    Args:
        budget: false alarms a week that are borne, of all series together.
        series: how many series are watched each day.
    """
    chance = min(0.1, budget / (_WEEK * max(series, 1)))
    return float(student.isf(chance / 2, _FREEDOM))


def excess(value: float, middle: float, way: Way) -> float:
    """How far a value lies off in the direction that matters; never negative."""
    distance = value - middle
    if way == "both":
        return abs(distance)
    return max(0.0, distance if way == "up" else -distance)


def _weekday(days: Days) -> NDArray[np.int64]:
    return (days.astype("datetime64[D]").astype(np.int64) + 3) % _WEEK
