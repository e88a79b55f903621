"""From measures to signals, and from signals to one alert per cause."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from stockade.watching.lineage import Lineage
from stockade.watching.past import FEATURE, OUTCOME, SCORES, SOURCE, Day, Found, Past
from stockade.watching.thresholds import Way, excess, expected, limit

# False alarms a week that are borne, of all that is watched together.
BUDGET = 0.5
# An alert that has been silent for so long is over; a new signal is a new alert.
SILENT = 7
# What has lasted so long is what is usual now.
ACCEPTED = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When a measure alarms.

    Attributes:
        way: which direction matters.
        least: how far off it must be at least to matter to anyone, whatever chance says.
        log: whether distances are ratios: they are taken between logarithms.
        absolute: whether `least` itself is the limit, since nothing about it is usual.
        lag: days before which the past is looked at, where so much of it is known: what sinks
            slowly becomes its own rule otherwise.
    """

    way: Way
    least: float
    log: bool = False
    absolute: bool = False
    lag: int = 0


RULES: Mapping[tuple[str, str], Rule] = {
    (SOURCE, "rows"): Rule(way="both", least=0.25, log=True),
    (SOURCE, "copy_share"): Rule(way="up", least=0.02),
    (SOURCE, "hours_since_last_event"): Rule(way="up", least=3.0),
    (SOURCE, "null_share"): Rule(way="up", least=0.02),
    (SOURCE, "new_share"): Rule(way="up", least=0.01),
    (SOURCE, "early_share"): Rule(way="up", least=0.01),
    (SOURCE, "lateness_p50"): Rule(way="both", least=0.7, log=True),
    (SOURCE, "lateness_p99"): Rule(way="up", least=1.1, log=True),
    (SOURCE, "psi_previous"): Rule(way="up", least=0.10),
    (SOURCE, "violation_share"): Rule(way="up", least=0.005),
    (SOURCE, "violations_per_allowed"): Rule(way="up", least=1.0, absolute=True),
    (SOURCE, "columns_changed"): Rule(way="up", least=0.0, absolute=True),
    (SOURCE, "distinct_per_row"): Rule(way="down", least=0.9, log=True),
    (FEATURE, "missing_share"): Rule(way="up", least=0.05),
    (FEATURE, "psi_previous"): Rule(way="up", least=0.15),
    (FEATURE, "psi_training"): Rule(way="up", least=0.25),
    (FEATURE, "outside_share"): Rule(way="up", least=0.02),
    (FEATURE, "distinct_bins"): Rule(way="both", least=0.9, log=True),
    (FEATURE, "skew_share"): Rule(way="up", least=0.0, absolute=True),
    (SCORES, "psi_previous"): Rule(way="up", least=0.10),
    (SCORES, "alerts_per_capacity"): Rule(way="up", least=0.4, log=True),
    (OUTCOME, "reports_ratio"): Rule(way="both", least=0.40, log=True, lag=14),
    (OUTCOME, "found_share"): Rule(way="down", least=0.15, lag=28),
    (OUTCOME, "report_delay"): Rule(way="both", least=0.35, log=True, lag=14),
    (OUTCOME, "metric_gap"): Rule(way="up", least=0.0, absolute=True),
    (OUTCOME, "calibration_gap"): Rule(way="up", least=0.25, absolute=True),
}  # fmt: skip
# Where a label comes from, what is reported moves with fraud itself: that is judged as outcome.
_LABEL_ROWS = Rule(way="down", least=1.6, log=True)
_LABEL_MEASURES = (
    "rows", "copy_share", "null_share", "violation_share", "violations_per_allowed",
    "columns_changed",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """A measure that is too far from what it should be.

    Attributes:
        found: the measure.
        day: of which day.
        expected: what it should be.
        limit: where alarms begin.
        weight: how many times as far off as the limit allows; at least 1.
    """

    found: Found
    day: Day
    expected: float
    limit: float
    weight: float

    @property
    def text(self) -> str:
        """In one line."""
        what = self.found.measure.replace("_", " ")
        where = f" of '{self.found.column}'" if self.found.column else ""
        part = f" where {self.found.slice}" if self.found.slice else ""
        return (
            f"{self.found.layer} '{self.found.subject}': {what}{where}{part} is "
            f"{self.found.value:.4g}, and {self.expected:.4g} was expected "
            f"(alarms from {self.limit:.4g})"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A measure with what it was held against; `limit` is NaN where nothing is known yet."""

    found: Found
    expected: float
    limit: float
    signal: Signal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One cause and what it moved.

    Attributes:
        alert_id: the same on every day that the cause lasts.
        root: where it begins: `table x`, `view x` or `model x`.
        severity: `critical`, `warning` or `notice`.
        first_day, last_day: of its signals.
        signals: of the day.
        models: that are reached.
    """

    alert_id: str
    root: str
    severity: str
    first_day: Day
    last_day: Day
    signals: tuple[Signal, ...]
    models: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Judge:
    """Judges days one after the other.

    Attributes:
        past: the record; `excluded` of it grows with the alerts.
        lineage: what depends on what.
        open: root -> its alert, while it lasts.
        budget: false alarms a week that are borne.
    """

    past: Past
    lineage: Lineage
    open: dict[str, Alert] = field(default_factory=dict[str, Alert])
    budget: float = BUDGET

    def day(
        self, day: Day, found: Sequence[Found], *, changed_views: Iterable[str] = ()
    ) -> tuple[list[Judged], list[Alert]]:
        """Judge a day's measures; the alerts that have signals on it.

        Args:
            day: after every day judged before.
            found: its measures.
            changed_views: whose definition changed lately.
        """
        watched = [one for one in found if rule_of(one, self.lineage) is not None]
        k = limit(self.budget, series=len(watched))
        judged = [self._judged(day, one, k) for one in found]
        for one in found:
            self.past.series.setdefault(one.series, {})[day] = one.value
        signals = [one.signal for one in judged if one.signal is not None]
        alerts = self._alerts(day, signals, frozenset(changed_views))
        return judged, alerts

    def _judged(self, day: Day, found: Found, k: float) -> Judged:
        rule = rule_of(found, self.lineage)
        if rule is None or np.isnan(found.value):
            return Judged(found=found, expected=np.nan, limit=np.nan, signal=None)
        if rule.absolute:
            over = found.value > rule.least
            weight = found.value / max(rule.least, 1e-3)
            signal = Signal(found=found, day=day, expected=0.0, limit=rule.least,
                            weight=max(1.0, weight)) if over else None  # fmt: skip
            return Judged(found=found, expected=0.0, limit=rule.least, signal=signal)
        values = self.past.values(found.series, root=self.root(found))
        days = np.array(sorted(values), dtype="datetime64[D]")
        known = np.array([values[one] for one in days], dtype=np.float64)
        known, old = _scale(known, rule), days <= day - np.timedelta64(rule.lag, "D")
        usual = expected(days[old], known[old], on=day) or expected(days, known, on=day)
        if usual is None:
            return Judged(found=found, expected=np.nan, limit=np.nan, signal=None)
        off = excess(float(_scale(np.array([found.value]), rule)[0]), usual.value, rule.way)
        allowed = max(rule.least, k * usual.spread, found.chance)
        sign = -1.0 if rule.way == "down" else 1.0
        middle, edge = usual.value, usual.value + sign * allowed
        if rule.log:
            middle, edge = np.exp(middle), np.exp(edge)
        signal = None
        if off > allowed:
            signal = Signal(found=found, day=day, expected=float(middle), limit=float(edge),
                            weight=float(off / allowed))  # fmt: skip
        return Judged(found=found, expected=float(middle), limit=float(edge), signal=signal)

    def root(self, found: Found) -> str:
        """Where a measure belongs when nothing upstream is wrong."""
        if found.layer == SOURCE:
            return self.lineage.root(found.subject)
        return f"model {found.subject}"

    def _alerts(self, day: Day, signals: Sequence[Signal], changed: frozenset[str]) -> list[Alert]:
        grouped: dict[str, list[Signal]] = {}
        for signal in sorted(signals, key=lambda one: one.found.layer != SOURCE):
            root = self._root(day, signal, grouped, changed)
            grouped.setdefault(root, []).append(signal)
        for root in [one for one, alert in self.open.items() if _age(day, alert.last_day) > SILENT]:
            del self.open[root]
        return [self._alert(day, root, tuple(found)) for root, found in grouped.items()]

    def _alert(self, day: Day, root: str, signals: tuple[Signal, ...]) -> Alert:
        known = self.open.get(root)
        own = [one for one in signals if one.found.layer == SOURCE] or signals
        models = {
            model
            for one in signals
            for model in (
                self.lineage.models_of(one.found.subject)
                if one.found.layer == SOURCE
                else (one.found.subject,)
            )
        }
        alert = Alert(
            alert_id=known.alert_id if known else _identity(root, day),
            root=root,
            severity=_severity(own, bool(models)),
            first_day=known.first_day if known else day,
            last_day=day,
            signals=signals,
            models=tuple(sorted(models)),
        )
        if known and _RANK[known.severity] > _RANK[alert.severity]:
            alert = replace(alert, severity=known.severity)
        self.open[root] = alert
        if _age(day, alert.first_day) < ACCEPTED:
            self.past.excluded.setdefault(root, set()).add(day)
        return alert

    def _root(
        self, day: Day, signal: Signal, grouped: Mapping[str, object], changed: frozenset[str]
    ) -> str:
        """The most upstream place that is in trouble and reaches this signal."""
        found = signal.found
        if found.layer == SOURCE:
            return self.root(found)
        if found.layer == FEATURE and found.column:
            upstream = self.lineage.inputs.get(found.subject, {}).get(found.column)
        else:
            upstream = self.lineage.of_model(found.subject)
        if upstream is not None:
            for source in sorted(upstream.sources):
                root = self.lineage.root(source)
                reach = SILENT + upstream.reach.days
                alert = self.open.get(root)
                if root in grouped or (alert and _age(day, alert.last_day) <= reach):
                    return root
            if found.layer != OUTCOME:
                for view in sorted(upstream.views & changed):
                    return f"view {view}"
        return self.root(found)


def rule_of(found: Found, lineage: Lineage) -> Rule | None:
    """The rule that a measure is held to, if any."""
    rule = RULES.get((found.layer, found.measure))
    if rule is None or found.layer != SOURCE or not lineage.is_label(found.subject):
        return rule
    if found.measure not in _LABEL_MEASURES:
        return None
    return _LABEL_ROWS if found.measure == "rows" else rule


_RANK = {"notice": 0, "warning": 1, "critical": 2}


def _severity(signals: Sequence[Signal], reaches_models: bool) -> str:
    layers = {one.found.layer for one in signals}
    if layers == {FEATURE} and not any(one.found.measure == "skew_share" for one in signals):
        return "notice"
    grave = max(one.weight for one in signals) >= 3 or OUTCOME in layers
    return "critical" if grave and reaches_models else "warning"


def _scale(values: np.ndarray, rule: Rule) -> np.ndarray:
    # A count of zero is a ratio of one half to one.
    return (
        np.log(np.maximum(values, 1e-6 if rule.way != "both" else 0.5e-3)) if rule.log else values
    )


def _age(day: Day, of: Day) -> int:
    return int((day - of) / np.timedelta64(1, "D"))


def _identity(root: str, day: Day) -> str:
    return hashlib.sha256(f"{root} {day}".encode()).hexdigest()[:10]
