"""Causes behind a model's inputs and outcomes: definitions, versions, people, fraud itself."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from stockade.watching.hypothesis import Hypothesis
from stockade.watching.judge import Alert, Signal, changed_days
from stockade.watching.past import FEATURE, OUTCOME, SCORES, Day, Past
from stockade.watching.tally import ON_DAY


def of_definition(alert: Alert, states: pd.DataFrame) -> Iterator[Hypothesis]:
    """A definition, a model or a schema that changed when the alarm began."""
    near = states[states["layer"].isin(("view", "model"))]
    for (layer, subject), rows in near.groupby(["layer", "subject"]):
        of = zip(rows[ON_DAY].to_numpy().astype("datetime64[D]"), rows["item"], rows["state"],
                 strict=True)  # fmt: skip
        changes = [
            (when, item, old, new)
            for when, item, old, new in changed_days((d, str(i), str(s)) for d, i, s in of)
            if abs((alert.first_day - when) / np.timedelta64(1, "D")) <= 3
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
                f"{when}", cost=0.01,
            )  # fmt: skip


def _changed(items: set[str]) -> Callable[[Signal], tuple[float, str]]:
    def undone(signal: Signal) -> tuple[float, str]:
        found = signal.found
        if found.layer == FEATURE and (found.column in items or found.measure == "skew_share"):
            return 1.0, f"'{found.column or 'the score'}' is computed in another way since"
        # What a changed input does to scores cannot be told apart from here.
        return (0.6, "") if found.layer == SCORES else (0.0, "")

    return undone


def _new_model(signal: Signal) -> tuple[float, str]:
    return (0.95, "") if signal.found.layer == SCORES else (0.0, "")


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
                return (0.9 if fits else 0.0), "as many reports as before, at another time"
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
            return (0.7 if signal.found.layer in (FEATURE, SCORES) else 0.3), ""

        yield Hypothesis(
            kind="population shift", subject=model, undone=population, cost=0.05,
            text=f"the decisions of '{model}' are of other kinds than before ({names}), and no "
            "source, definition or version changed",
        )  # fmt: skip


def _slice_ratios(model: str, past: Past, day: Day) -> Mapping[str, float]:
    found = {}
    for (layer, subject, _, within, measure), values in past.series.items():
        if (layer, subject, measure) == (OUTCOME, model, "reports_ratio") and within:
            before = [
                value for one, value in values.items()
                if np.timedelta64(14, "D") <= day - one <= np.timedelta64(60, "D")
            ]  # fmt: skip
            if day in values and len(before) >= 5:
                found[within] = float(np.log(values[day] / max(float(np.median(before)), 1e-6)))
    return found


def _waves(model: str, past: Past, alert: Alert) -> Iterator[Hypothesis]:
    """Reports that grow in one slice and not beside it."""
    moved = _slice_ratios(model, past, alert.last_day)
    for within, change in sorted(moved.items(), key=lambda pair: -pair[1])[:2]:
        column = within.partition("=")[0]
        others = [
            other for name, other in moved.items()
            if name.partition("=")[0] == column and name != within
        ]  # fmt: skip
        if change < 0.3 or not others:
            continue
        apart = float(np.clip(1 - max(float(np.median(others)), 0.0) / change, 0.0, 1.0))

        def undone(
            signal: Signal, within: str = within, apart: float = apart, column: str = column
        ) -> tuple[float, str]:
            found = signal.found
            if found.layer != OUTCOME or found.measure == "report_delay":
                return 0.0, ""
            if found.measure == "reports_ratio" and found.value < signal.expected:
                return 0.0, ""
            mine = found.slice in ("", within) or found.slice.partition("=")[0] != column
            return (apart if mine else 0.2), (
                f"beside {within} reports are as many as foretold" if mine else ""
            )

        yield Hypothesis(
            kind="fraud wave", subject=model, slice=within, undone=undone,
            text=f"reports where {within} are {np.exp(change):.1f} times what they were against "
            "what was foretold",
        )  # fmt: skip


def _concepts(
    model: str, signals: Sequence[Signal], past: Past, alert: Alert
) -> Iterator[Hypothesis]:
    """Fraud that the model does not see: at once, or more and more as it ages."""
    if not any(one.found.layer == OUTCOME for one in signals):
        return
    slow = _slowness(model, past, alert.last_day)
    moved = sorted(_slice_ratios(model, past, alert.last_day).values())
    alone = 0.0
    if len(moved) > 1 and moved[-1] > 0.3:
        alone = float(np.clip(1 - max(float(np.median(moved)), 0.0) / moved[-1], 0.0, 1.0))

    def everywhere(share: float) -> Callable[[Signal], tuple[float, str]]:
        def undone(signal: Signal) -> tuple[float, str]:
            found = signal.found
            if found.measure in ("found_share", "metric_gap"):
                return share * (1 - 0.5 * alone), ""
            if found.measure == "reports_ratio" and found.value > signal.expected:
                return 0.9 * share * (1 - alone), ""
            return (0.3 * share if found.layer in (FEATURE, SCORES) else 0.0), ""

        return undone

    yield Hypothesis(
        kind="concept drift", subject=model, undone=everywhere(1 - 0.6 * slow), cost=0.02,
        text=f"frauds now look like honest decisions to '{model}': of what is reported it had "
        "stopped less, while its inputs are as before",
    )  # fmt: skip
    yield Hypothesis(
        kind="stale champion", subject=model, undone=everywhere(0.4 + 0.6 * slow), cost=0.02,
        text=f"'{model}' finds less and less, week after week, without a break: it has aged, and "
        "what it learnt is no longer how fraud is done",
    )  # fmt: skip


def _slowness(model: str, past: Past, day: Day) -> float:
    """1 where what is found has sunk steadily over two months, 0 where it broke at once."""
    values = past.series.get((OUTCOME, model, "", "", "found_share"), {})
    days = sorted(one for one in values if day - one <= np.timedelta64(60, "D"))
    if len(days) < 28:
        return 0.0
    y = np.array([values[one] for one in days])
    x = np.arange(len(y), dtype=np.float64)
    line = y - np.polyval(np.polyfit(x, y, 1), x)
    step = min(
        float(((y[:k] - y[:k].mean()) ** 2).sum() + ((y[k:] - y[k:].mean()) ** 2).sum())
        for k in range(7, len(y) - 2)
    )
    straight = float((line**2).sum())
    return float(np.clip(step / (step + straight) * 2 - 0.5, 0.0, 1.0))
