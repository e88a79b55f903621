"""A source's day beside the days before it, and how much of an alarm goes away."""

import numpy as np

from stockade.watching.drift import Counts, compared
from stockade.watching.judge import Alert, Signal
from stockade.watching.past import SOURCE, Day, Past


class Today:
    """A source's counts of the alert's day, and of the days before."""

    def __init__(self, past: Past, source: str, alert: Alert) -> None:
        """Look at the alert's last day."""
        self.past, self.source, self.alert = past, source, alert
        self.day: Day = alert.last_day
        self.days = past.before(SOURCE, source, self.day, root=alert.root)
        self.signals = [one for one in alert.signals if one.found.subject == source]

    def now(self, column: str, within: str = "") -> Counts:
        """Bin -> rows of the day."""
        return self.past.counts(SOURCE, self.source, column, [self.day], within=within)

    def usual(self, column: str, within: str = "") -> Counts:
        """Bin -> rows of the days before."""
        return self.past.counts(SOURCE, self.source, column, self.days, within=within)

    def psi(self, today: Counts, column: str) -> float:
        """How far counts lie from the days before."""
        return compared(today, self.usual(column)).psi if sum(today.values()) else 0.0

    def scalar(self, measure: str, column: str = "") -> float:
        """A measure of the day; NaN where there is none."""
        key = (SOURCE, self.source, column, "", measure)
        return self.past.series.get(key, {}).get(self.day, float("nan"))

    def violations(self) -> dict[str, float]:
        """Broken rule -> rows of the day that break it, beyond what the days before had."""
        found: dict[str, float] = {}
        for (layer, subject, rule, _, measure), values in self.past.series.items():
            if (layer, subject, measure) != (SOURCE, self.source, "violations"):
                continue
            usual = [values.get(day, 0.0) for day in self.days]
            more = values.get(self.day, 0.0) - (sum(usual) / len(usual) if usual else 0.0)
            if more > 0:
                found[rule] = more
        return found

    @property
    def rows(self) -> float:
        """How many rows the day had."""
        return sum(self.now("").values())

    def expected_rows(self) -> float:
        """How many rows the day should have had."""
        for one in self.signals:
            if one.found.measure == "rows":
                return one.expected
        return sum(self.usual("").values()) / max(len(self.days), 1)


def gone(signal: Signal, left: float) -> float:
    """The share of a signal's value that goes away."""
    over = signal.found.value - max(signal.expected, 0.0)
    return float(np.clip((signal.found.value - left) / over, 0.0, 1.0)) if over > 0 else 0.0


def log_gone(signal: Signal, left: float) -> float:
    """The share that goes away of a signal that is a ratio, up or down."""
    over = abs(np.log(max(signal.found.value, 0.5) / max(signal.expected, 0.5)))
    rest = abs(np.log(max(left, 0.5) / max(signal.expected, 0.5)))
    return float(np.clip(1 - rest / over, 0.0, 1.0)) if over > 0 else 0.0
