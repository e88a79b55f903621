"""Causes behind a model's inputs and outcomes: definitions, versions, people, fraud itself."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from stockade.watching.changes import changed_days
from stockade.watching.hypothesis import Hypothesis
from stockade.watching.judge import Alert, Signal
from stockade.watching.past import FEATURE, OUTCOME, SCORES, Day, Past
from stockade.watching.tally import ON_DAY

Numbers = NDArray[np.float64]

# An alarm is a change's when it begins within so many days of it: runs are late, days overlap.
_NEAR_DAYS = 3
# Of measures that a change does not compute, the share that it may well have moved: scores follow
# a changed input, and all of them a new version but for chance.
_SCORES_FOLLOW, _VERSION = 0.6, 0.95
# Reports that come later are as many in the end; the ratio of a week may be off for more than that.
_LATER = 0.9
# People who are others move inputs and scores; beside that they seldom explain all that is seen.
_PEOPLE, _PEOPLE_ELSEWHERE = 0.7, 0.3
# A slice's reports are held against those of six weeks that end a fortnight ago: a week's reports
# of a wave that began a week ago are of no use for that. Five days are the least for a median.
_BEFORE, _LEAST_DAYS = (14, 60), 5
# A wave is a third more than before, and as many of its own spreads off: of four slices one is so
# by chance in forty weeks.
_WAVE, _WAVE_SPREADS = 0.3, 2.5
# The most slices that are thought of at once; what a wave explains of slices of the same column.
_WAVES, _BESIDE = 2, 0.2
# What a model that no longer sees fraud explains: nearly all of too many reports, little of inputs.
_UNSEEN_REPORTS, _UNSEEN_INPUTS = 0.9, 0.3
# Where a slice alone has more reports, at most so much less is explained by what is everywhere.
_ELSEWHERE = 0.5
# Break or age: of the likelier all is explained, of the other so much.
_OTHER = 0.4
# A break shows in a week's reports over the week and the days that reports take; what takes four
# weeks or eight, and goes on, is age. Sixty days are looked back at; 28 are the least.
_BREAK_DAYS, _AGE_DAYS, _LOOK_BACK, _LEAST_PAST = 10, (28, 56), 60, 28
# Days of a week's reports are alike: seven tell as much as one.
_OVERLAP = 7
# Breaks are more usual among what alarms: odds of e to one. Less evidence than e tells nothing.
_BREAK_ODDS = 1.0
_TELLING = 1.0
# Of hypotheses that explain as much: a new version is rather thought of than drift, and drift
# rather than other people, whom nothing proves.
_VERSION_COST, _DRIFT_COST, _PEOPLE_COST = 0.01, 0.02, 0.05


def of_definition(alert: Alert, states: pd.DataFrame) -> Iterator[Hypothesis]:
    """A definition, a model or a schema that changed when the alarm began."""
    near = states[states["layer"].isin(("view", "model"))]
    for (layer, subject), rows in near.groupby(["layer", "subject"]):
        of = zip(rows[ON_DAY].to_numpy().astype("datetime64[D]"), rows["item"], rows["state"],
                 strict=True)  # fmt: skip
        changes = [
            (when, item, old, new)
            for when, item, old, new in changed_days((d, str(i), str(s)) for d, i, s in of)
            if abs((alert.first_day - when) / np.timedelta64(1, "D")) <= _NEAR_DAYS
        ]
        if not changes:
            continue
        items = {item for _, item, _, _ in changes}
        when = changes[0][0]
        if layer == "view":
            yield Hypothesis(
                kind="definition change", subject=str(subject), undone=_changed(items),
                text=f"the definition of {', '.join(sorted(items)[:4])} in view '{subject}' "
                f"changed on {when}",
            )  # fmt: skip
        elif str(subject) in alert.models:
            yield Hypothesis(
                kind="model change", subject=str(subject), undone=_new_model,
                text=f"version {changes[0][3]} of '{subject}' took the place of {changes[0][2]} on "
                f"{when}", cost=_VERSION_COST,
            )  # fmt: skip


def _changed(items: set[str]) -> Callable[[Signal], tuple[float, str]]:
    def undone(signal: Signal) -> tuple[float, str]:
        found = signal.found
        if found.layer == FEATURE and (found.column in items or found.measure == "skew_share"):
            return 1.0, f"'{found.column or 'the score'}' is computed in another way since"
        # What a changed input does to scores cannot be told apart from here.
        return (_SCORES_FOLLOW, "") if found.layer == SCORES else (0.0, "")

    return undone


def _new_model(signal: Signal) -> tuple[float, str]:
    return (_VERSION, "") if signal.found.layer == SCORES else (0.0, "")


def of_model(model: str, alert: Alert, past: Past) -> Iterator[Hypothesis]:
    """What may have happened to whom a model judges, and to what it is told of them."""
    signals = [one for one in alert.signals if one.found.subject == model]
    delay = next((one for one in signals if one.found.measure == "report_delay"), None)
    if delay is not None:
        longer = delay.found.value > delay.expected

        def later(signal: Signal) -> tuple[float, str]:
            if signal.found.measure == "report_delay":
                return 1.0, ""
            if signal.found.measure == "reports_ratio":
                fits = (signal.found.value < signal.expected) == longer
                return (_LATER if fits else 0.0), "as many reports as before, at another time"
            return 0.0, ""

        yield Hypothesis(
            kind="label delay change", subject=model, undone=later,
            text=f"reports take {delay.found.value:,.0f} h, {delay.expected:,.0f} h before: what "
            "is pending must be completed by another curve",
        )  # fmt: skip
    yield from _waves(model, past, alert)
    yield from _concepts(model, signals, past, alert)
    drifted = [one for one in signals if one.found.layer in (FEATURE, SCORES)]
    if drifted:
        names = ", ".join(f"'{one.found.column}'" for one in drifted[:3] if one.found.column)

        def population(signal: Signal) -> tuple[float, str]:
            mine = signal.found.layer in (FEATURE, SCORES)
            return (_PEOPLE if mine else _PEOPLE_ELSEWHERE), ""

        yield Hypothesis(
            kind="population shift", subject=model, undone=population, cost=_PEOPLE_COST,
            text=f"the decisions of '{model}' are of other kinds than before ({names}), and no "
            "source, definition or version changed",
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moved:
    """A slice's reports against what was foretold.

    Attributes:
        change: logarithm of how many times what they were.
        spreads: how many of its own spreads that is.
    """

    change: float
    spreads: float

    @property
    def is_wave(self) -> bool:
        """Whether it is more than chance makes of a slice."""
        return self.change >= _WAVE and self.spreads >= _WAVE_SPREADS


def _slice_ratios(model: str, past: Past, day: Day) -> Mapping[str, _Moved]:
    found: dict[str, _Moved] = {}
    least, most = (np.timedelta64(days, "D") for days in _BEFORE)
    for (layer, subject, _, within, measure), values in past.series.items():
        if (layer, subject, measure) == (OUTCOME, model, "reports_ratio") and within:
            before = [value for one, value in values.items() if least <= day - one <= most]
            if day in values and len(before) >= _LEAST_DAYS:
                logs = np.log(np.maximum(before, 1e-6))
                change = float(np.log(values[day]) - np.median(logs))
                found[within] = _Moved(change=change, spreads=change / max(float(logs.std()), 1e-6))
    return found


def _waves(model: str, past: Past, alert: Alert) -> Iterator[Hypothesis]:
    """Reports that grow in one slice and not beside it."""
    moved = _slice_ratios(model, past, alert.last_day)
    for within, one in sorted(moved.items(), key=lambda pair: -pair[1].change)[:_WAVES]:
        column = within.partition("=")[0]
        others = [
            other.change for name, other in moved.items()
            if name.partition("=")[0] == column and name != within
        ]  # fmt: skip
        if not one.is_wave or not others:
            continue
        apart = _apart(one.change, others)

        def undone(
            signal: Signal, within: str = within, apart: float = apart, column: str = column
        ) -> tuple[float, str]:
            found = signal.found
            if found.layer != OUTCOME or found.measure == "report_delay":
                return 0.0, ""
            if found.measure == "reports_ratio" and found.value < signal.expected:
                return 0.0, ""
            mine = found.slice in ("", within) or found.slice.partition("=")[0] != column
            return (apart if mine else _BESIDE), (
                f"beside {within} reports are as many as foretold" if mine else ""
            )

        yield Hypothesis(
            kind="fraud wave", subject=model, slice=within, undone=undone,
            text=f"reports where {within} are {np.exp(one.change):.1f} times what they were "
            "against what was foretold",
        )  # fmt: skip


def _apart(change: float, others: Sequence[float]) -> float:
    """How far a slice's change is its own: 0 as the others', 1 they did not grow."""
    return float(np.clip(1 - max(float(np.median(others)), 0.0) / change, 0.0, 1.0))


def _concepts(
    model: str, signals: Sequence[Signal], past: Past, alert: Alert
) -> Iterator[Hypothesis]:
    """Fraud that the model does not see: at once, or more and more as it ages."""
    if not any(one.found.layer == OUTCOME for one in signals):
        return
    evidence = _ageing(model, past, alert.last_day)
    slow = float(expit(evidence - _BREAK_ODDS))
    moved = sorted(_slice_ratios(model, past, alert.last_day).values(), key=lambda one: one.change)
    alone = 0.0
    if len(moved) > 1 and moved[-1].is_wave:
        alone = _apart(moved[-1].change, [one.change for one in moved])

    def everywhere(share: float) -> Callable[[Signal], tuple[float, str]]:
        def undone(signal: Signal) -> tuple[float, str]:
            found = signal.found
            if found.measure in ("found_share", "metric_gap", "calibration_gap"):
                return share * (1 - _ELSEWHERE * alone), ""
            if found.measure == "reports_ratio" and found.value > signal.expected:
                return _UNSEEN_REPORTS * share * (1 - alone), ""
            return (_UNSEEN_INPUTS * share if found.layer in (FEATURE, SCORES) else 0.0), ""

        return undone

    unsure = (
        "; whether it broke or ages will show in some weeks" if abs(evidence) < _TELLING else ""
    )
    yield Hypothesis(
        kind="concept drift", subject=model, cost=_DRIFT_COST,
        undone=everywhere(1 - (1 - _OTHER) * slow),
        text=f"frauds now look like honest decisions to '{model}': of what is reported it had "
        f"stopped less, while its inputs are as before{unsure}",
    )  # fmt: skip
    yield Hypothesis(
        kind="stale champion", subject=model, cost=_DRIFT_COST,
        undone=everywhere(_OTHER + (1 - _OTHER) * slow),
        text=f"'{model}' finds less and less, week after week, without a break: it has aged, and "
        f"what it learnt is no longer how fraud is done{unsure}",
    )  # fmt: skip


def _ageing(model: str, past: Past, day: Day) -> float:
    """The evidence that what is found sank bit by bit, not at once: a log likelihood ratio.

    Both are a level, a slope of some days, and a level again; a break takes as long as a week's
    reports and their delay make of it, age takes longer and began weeks ago. 0 tells nothing:
    so it is on most alarms' first days.
    """
    values = past.series.get((OUTCOME, model, "", "", "found_share"), {})
    days = sorted(one for one in values if day - one <= np.timedelta64(_LOOK_BACK, "D"))
    if len(days) < _LEAST_PAST:
        return 0.0
    y = np.array([values[one] for one in days])
    ago = np.array([(one - day) / np.timedelta64(1, "D") for one in days])
    at_once = _sunk(y, ago, (_BREAK_DAYS,), latest=-1)
    by_and_by = _sunk(y, ago, _AGE_DAYS, latest=-_OVERLAP)
    free = max(len(y) - 4, 1) / _OVERLAP
    return 0.5 * free * float(np.log(max(at_once, 1e-9) / max(by_and_by, 1e-9)))


def _sunk(y: Numbers, ago: Numbers, widths: Sequence[int], *, latest: int) -> float:
    """The least squared distance from a level that sinks to another over so many days."""
    least = float(((y - y.mean()) ** 2).sum())
    for width in widths:
        for begin in np.arange(ago[0] + _OVERLAP, latest):
            x = np.clip((ago - begin) / width, 0.0, 1.0)
            x -= x.mean()
            along = float((x * (y - y.mean())).sum())
            if along < 0:
                least = min(least, float(((y - y.mean()) ** 2).sum()) - along**2 / float(x @ x))
    return least
