"""How features move over months: a week's rhythm, steps and bends of the level, odd days."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray
from ruptures import Pelt
from ruptures.base import BaseCost
from scipy.ndimage import median_filter
from statsmodels.tsa.seasonal import STL

from stockade.errors import ColumnNotFoundError, DataError, hint
from stockade.watching.thresholds import limit

Numbers = NDArray[np.float64]

_PERIODS = 4
_KNOWN = 2 / 3
# The median absolute deviation of a normal distribution is 0.6745 of its standard deviation.
_MAD = 1.4826
# In units of noise and the logarithm of the days. Of a hundred series of mere noise over 56, 90 and
# 365 days, 3, 1 and none have a break at this price; of ones whose days are alike (r = 0.7), 14, 11
# and none.
_PRICE = 5.0
# Of noise that is more alike from day to day than this, breaks cannot be told.
_ALIKE = 0.8
# A step is worth its price, as a break is.
_STEP = 2.0
_INK, _PALE, _ODD = "#1f4e79", "#c9762b", "#b3261e"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A day on which a feature's level or its slope broke.

    Attributes:
        day: the first of the new level.
        before, after: the level on that day, by the days before and by those from it on.
        slope_before, slope_after: of the level, per day.
        spreads: how many spreads of the days around their level the step is.
        kind: `step`, or `bend` where a line that bends without a step tells nearly as well.
    """

    day: pd.Timestamp
    before: float
    after: float
    slope_before: float
    slope_after: float
    spreads: float
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trend:
    """One feature's history, taken apart.

    Attributes:
        name: of the feature.
        days: `day`, `value`, `level` (straight between changes), `season` (around the level),
            `low` and `high` (beyond which a day is odd), `odd`. One row per day from the first to
            the last; `value` is NaN on days without one, which are never odd.
        spread: robust standard deviation of the days around level and season.
        changes: in order of time.
    """

    name: str
    days: pd.DataFrame
    spread: float
    changes: Sequence[Change]

    @property
    def oddness(self) -> float:
        """Spreads of what is oddest about it, by which a scan is ordered."""
        odd = self.days[self.days["odd"]]
        off = (odd["value"] - odd["level"] - odd["season"]).abs() / self.spread
        return max([0.0, *off, *(abs(_moved(one, self.spread)) for one in self.changes)])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trends:
    """A scan over features.

    Attributes:
        found: one per feature, the oddest first.
        skipped: feature -> why nothing can be said of it.
    """

    found: Sequence[Trend]
    skipped: Mapping[str, str]

    def table(self) -> pd.DataFrame:
        """One row per step, bend and odd day, the largest first.

        Columns: `feature`, `day`, `what`, `expected` (by the days before; of a bend its slope per
        day), `seen`, and `spreads` from the one to the other (of a bend, within thirty days).
        """
        rows: list[dict[str, object]] = []
        for one in self.found:
            for change in one.changes:
                bend = change.kind == "bend"
                rows.append(
                    {
                        "feature": one.name, "day": change.day, "what": change.kind,
                        "expected": change.slope_before if bend else change.before,
                        "seen": change.slope_after if bend else change.after,
                        "spreads": _moved(change, one.spread),
                    }
                )  # fmt: skip
            odd = one.days[one.days["odd"]]
            expected = odd["level"] + odd["season"]
            for day, seen, usual in zip(odd["day"], odd["value"], expected, strict=True):
                rows.append(
                    {
                        "feature": one.name, "day": day, "what": "odd day", "expected": usual,
                        "seen": seen, "spreads": (seen - usual) / one.spread,
                    }
                )  # fmt: skip
        names = ["feature", "day", "what", "expected", "seen", "spreads"]
        table = pd.DataFrame(rows, columns=names)
        return table.sort_values("spreads", key=np.abs, ascending=False, ignore_index=True)

    def figure(self, most: int = 6) -> Figure:
        """The oddest features: values, what was expected, steps and odd days."""
        shown = self.found[:most]
        figure = Figure(figsize=(10, 2.2 * max(len(shown), 1)), layout="constrained")
        for one, axes in zip(
            shown, np.ravel(figure.subplots(max(len(shown), 1), squeeze=False)), strict=False
        ):
            days = one.days
            axes.fill_between(days["day"], days["low"], days["high"], color=_PALE, alpha=0.2, lw=0)
            axes.plot(days["day"], days["value"], color=_INK, lw=1.2)
            axes.plot(days["day"], days["level"], color=_PALE, lw=1.5)
            odd = days[days["odd"]]
            axes.plot(odd["day"], odd["value"], "o", color=_ODD, ms=5)
            for change in one.changes:
                axes.axvline(change.day, color=_ODD, lw=1, ls=":")
            axes.set_title(one.name, loc="left", fontsize=10)
            axes.spines[["top", "right"]].set_visible(False)
        return figure


def trends(daily: pd.DataFrame, *, on: str, period: int = 7, false_a_year: float = 12.0) -> Trends:
    """Steps, bends and odd days of features over time.

    The rhythm is taken out by a robust seasonal decomposition (statsmodels' STL). What is left is
    cut where straight lines break (ruptures' PELT, exact, priced by the noise between days and by
    how alike neighbouring days are), and a day is odd that lies too far from its line.

    Args:
        daily: one row per day and one column per feature, such as daily means; days may be missing,
            and nulls are not known.
        on: the column with the day.
        period: days after which the rhythm repeats.
        false_a_year: odd days a year that chance alone may raise, of all features together.

    Raises:
        ColumnNotFoundError: `on` is not there.
        DataError: a day has two rows, or the period is shorter than two days.
    """
    if on not in daily.columns:
        raise ColumnNotFoundError(f"trends: no column '{on}': {hint(on, daily.columns)}")
    if period < 2:
        raise DataError(f"trends: a period of {period} days has no rhythm: it must be two or more")
    days = pd.DatetimeIndex(pd.to_datetime(daily[on])).normalize()
    if days.has_duplicates:
        raise DataError(f"trends: days have more than one row: group the rows by '{on}' first")
    numbers = daily.drop(columns=on).select_dtypes(["number", "bool"]).astype(np.float64)
    whole = numbers.set_axis(days).sort_index().asfreq("D")
    k = limit(false_a_year * 7 / 365, series=max(whole.shape[1], 1))
    found: list[Trend] = []
    skipped: dict[str, str] = {
        str(name): "is not a number" for name in daily.columns if name not in (on, *numbers.columns)
    }
    for name in whole.columns:
        known = whole[name].loc[whole[name].first_valid_index() : whole[name].last_valid_index()]
        fault = _fault(known, period)
        if fault:
            skipped[str(name)] = fault
        else:
            found.append(_trend(str(name), known, period, k))
    return Trends(found=sorted(found, key=lambda one: -one.oddness), skipped=skipped)


def _fault(values: pd.Series, period: int) -> str:
    if len(values) < _PERIODS * period:
        return f"has {len(values)} days, and {_PERIODS * period} are needed"
    if values.notna().mean() < _KNOWN:
        return f"is known on {values.notna().mean():.0%} of its days only"
    return "never moves" if values.nunique() < 2 else ""


def _trend(name: str, values: pd.Series, period: int, k: float) -> Trend:
    filled = values.interpolate().to_numpy(np.float64)
    # As rigid as the history allows: a rhythm that follows each week would swallow odd days.
    stiff = 2 * (len(filled) // period) + 7
    parts = STL(filled, period=period, seasonal=stiff, seasonal_deg=0, robust=True).fit()
    season = np.asarray(parts.seasonal, np.float64)
    plain = filled - season
    ends = [0, *_breaks(plain, period), len(plain)]
    level = np.concatenate([_line(plain[low:high]) for low, high in pairwise(ends)])
    off = plain - level
    known = values.notna().to_numpy()
    spread = _MAD * float(np.median(np.abs(off[known] - np.median(off[known]))))
    # A series that hardly ever moves has a median deviation of zero.
    spread = max(spread, 0.25 * float(off[known].std()), 1e-12)
    days = pd.DataFrame(
        {
            "day": values.index, "value": values.to_numpy(), "level": level, "season": season,
            "low": level + season - k * spread, "high": level + season + k * spread,
            "odd": known & (np.abs(off) > k * spread),
        }
    )  # fmt: skip
    changes = tuple(
        _change(days["day"], plain[low:high], low, at, spread)
        for low, at, high in zip(ends, ends[1:], ends[2:], strict=False)
    )
    return Trend(name=name, days=days, spread=spread, changes=changes)


def _change(days: pd.Series, plain: Numbers, low: int, at: int, spread: float) -> Change:
    """What broke at a day, from the days between the breaks before and after it.

    Two lines may meet anywhere, so a bend too looks like a small step. Where a bent line tells
    nearly as well, it is a bend.
    """
    first, second = (
        np.polyfit(x, plain[x], 1) for x in np.split(np.arange(len(plain)), [at - low])
    )
    before, after = (float(np.polyval(line, at - low)) for line in (first, second))
    apart = sum(
        float(((plain[x] - np.polyval(line, x)) ** 2).sum())
        for line, x in zip(
            (first, second), np.split(np.arange(len(plain)), [at - low]), strict=True
        )
    )
    bent, knot, (level, slope, turn) = min(
        (_bent(plain, knot) for knot in range(2, len(plain) - 2)), key=lambda one: one[0]
    )
    if bent - apart > np.log(len(plain)) * spread**2 * _STEP:
        return Change(day=days.iloc[at], before=before, after=after, slope_before=float(first[0]),
                      slope_after=float(second[0]), spreads=(after - before) / spread,
                      kind="step")  # fmt: skip
    there = level + slope * knot
    return Change(day=days.iloc[low + knot], before=there, after=there, slope_before=slope,
                  slope_after=slope + turn, spreads=0.0, kind="bend")  # fmt: skip


def _bent(values: Numbers, knot: int) -> tuple[float, int, tuple[float, float, float]]:
    """Squared distance from the best line that bends at a day, the day, and the line."""
    x = np.arange(len(values), dtype=np.float64)
    design = np.stack([np.ones_like(x), x, np.maximum(x - knot, 0.0)], axis=1)
    line, *_ = np.linalg.lstsq(design, values, rcond=None)
    level, slope, turn = map(float, line)
    return float(((values - design @ line) ** 2).sum()), knot, (level, slope, turn)


def _moved(change: Change, spread: float) -> float:
    """Spreads from what the days before foretold; of a bend, what thirty days make of it."""
    if change.kind == "step":
        return change.spreads
    return 30 * (change.slope_after - change.slope_before) / spread


def _breaks(plain: Numbers, period: int) -> list[int]:
    """Where the level breaks: the first day of each line but the first."""
    # Single odd days are no levels; a running median keeps steps where they are.
    middle = median_filter(plain, size=period, mode="nearest")
    off = plain - middle
    scale = _MAD * float(np.median(np.abs(off))) or float(off.std())
    kept = np.where(np.abs(off) > 4 * scale, middle, plain)
    price = _PRICE * np.log(len(kept)) * _noise(kept)
    cost = _Lines(kept)
    if price <= 0:
        return []
    return Pelt(custom_cost=cost, min_size=period, jump=1).fit(kept).predict(pen=price)[:-1]


def _noise(values: Numbers) -> float:
    """The variance of days around their level, as it counts over many days.

    From differences of neighbours, which steps hardly touch. Where days are alike (a first-order
    autoregression of r), means of many days move (1 + r) / (1 - r) times as much as of free ones.
    """
    steps = np.diff(values)
    edge = 4 * _MAD * float(np.median(np.abs(steps - np.median(steps))))
    steps = np.clip(steps, -edge, edge) if edge else steps
    variance = float(np.mean(steps**2))
    if variance == 0:
        return 0.0
    r = np.clip(1 + 2 * float(np.mean(steps[1:] * steps[:-1])) / variance, 0.0, _ALIKE)
    return float(variance / (2 * (1 - r)) * (1 + r) / (1 - r))


def _line(values: Numbers) -> Numbers:
    x = np.arange(len(values), dtype=np.float64)
    # Theil and Sen's would be sturdier; odd days are few, and PELT has judged by least squares.
    return np.asarray(np.polyval(np.polyfit(x, values, 1), x), np.float64)


class _Lines(BaseCost):
    """The squared distance of each stretch of a series from its own straight line."""

    model = "lines"  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType]
    min_size = 3

    def __init__(self, values: Numbers) -> None:
        """All stretches at once, from running sums."""
        y = values - values.mean()
        x = np.arange(len(y), dtype=np.float64)
        sums = [np.r_[0.0, np.cumsum(one)] for one in (np.ones_like(x), x, y, x * x, x * y, y * y)]
        n, sx, sy, sxx, sxy, syy = (one[None, :] - one[:, None] for one in sums)
        n = np.maximum(n, 1.0)
        across, along = sxy - sx * sy / n, np.maximum(sxx - sx * sx / n, 1e-9)
        self._costs = np.maximum(syy - sy * sy / n - across**2 / along, 0.0)

    def fit(self, signal: Numbers) -> "_Lines":  # type: ignore[override]
        """Nothing is left to do."""
        self.signal = signal
        return self

    def error(self, start: int, end: int) -> float:  # type: ignore[override]
        """Of the stretch `[start, end)`."""
        return float(self._costs[start, end])
