"""What moved a measure: hypotheses undone one by one, ranked by how much of the alarm goes away."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from stockade.watching.drift import Counts, compared, is_number, mixed
from stockade.watching.judge import Alert, Signal, changed_days
from stockade.watching.past import FEATURE, OUTCOME, SCORES, SOURCE, Day, Past
from stockade.watching.tally import HOUR, LATE, NULL, ON_DAY, PER_OCTAVE

# Of an alarm, what must go away for a hypothesis to be worth telling.
_WORTH = 0.15
_SHOWN = 6
# Wrong units that people know: cents, thousands, minutes for seconds, and back.
_FACTORS = {"100": 100.0, "1,000": 1000.0, "10": 10.0, "60": 60.0, "3,600": 3600.0}
_NEW = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A hypothesis and what speaks for it.

    Attributes:
        kind: such as `unit change` or `late partition`.
        subject: of which source, view or model.
        column, slice: where, if so.
        since: the first day of the alert.
        explained: the share of the alarm that goes away with it, 0 to 1.
        text: what is thought to have happened.
        counterfactual: what the measures would be without it.
    """

    kind: str
    subject: str
    column: str = ""
    slice: str = ""
    since: str = ""
    explained: float
    text: str
    counterfactual: str = ""

    def document(self) -> dict[str, Any]:
        """As plain JSON types."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hypothesis:
    """What may have happened: signal -> share of it that goes away, and what is left of it."""

    kind: str
    subject: str
    text: str
    undone: Callable[[Signal], tuple[float, str]]
    column: str = ""
    slice: str = ""
    # Of hypotheses that explain as much, the plainer one counts.
    cost: float = 0.0


def diagnosed(alert: Alert, past: Past, states: pd.DataFrame) -> tuple[Cause, ...]:
    """Causes of an alert's signals, the one that explains most of them first.

    Each hypothesis is undone in the day's counts: copies dropped, values divided by a factor,
    nulls or a category left out, hours turned back, slices weighted as before. What the alarms
    would have been then says how much of them it explains; the mean over the alert's most
    upstream signals, weighted by how far off they are, ranks it.
    """
    signals = _most_upstream(alert)
    if not signals:
        return ()
    hypotheses = [
        one
        for subject in dict.fromkeys(signal.found.subject for signal in signals)
        for one in _hypotheses(subject, alert, past, states)
    ]
    found: list[tuple[float, Cause]] = []
    weights = np.array([min(signal.weight, 10.0) for signal in signals])
    for one in hypotheses:
        results = [one.undone(signal) for signal in signals]
        explained = float((weights * [share for share, _ in results]).sum() / weights.sum())
        if explained < _WORTH:
            continue
        said = [text for share, text in results if text and share > _WORTH]
        cause = Cause(
            kind=one.kind, subject=one.subject, column=one.column, slice=one.slice,
            since=str(alert.first_day), explained=round(explained, 3), text=one.text,
            counterfactual="; ".join(said[:3]),
        )  # fmt: skip
        found.append((explained - one.cost, cause))
    ranked = sorted(found, key=lambda pair: -pair[0])
    return tuple(cause for _, cause in ranked[:_SHOWN])


def _most_upstream(alert: Alert) -> list[Signal]:
    for layers in ((SOURCE,), (FEATURE, SCORES, OUTCOME)):
        found = [one for one in alert.signals if one.found.layer in layers]
        if found:
            return found
    return []


def _hypotheses(
    subject: str, alert: Alert, past: Past, states: pd.DataFrame
) -> Iterator[_Hypothesis]:
    layer = _most_upstream(alert)[0].found.layer
    if layer == SOURCE:
        yield from _of_source(_Today(past, subject, alert))
        return
    yield from _of_definition(alert, states)
    yield from _of_model(subject, alert, past)


class _Today:
    """A source's counts of the alert's day, and of the days before."""

    def __init__(self, past: Past, source: str, alert: Alert) -> None:
        self.past, self.source, self.alert = past, source, alert
        self.day: Day = alert.last_day
        self.days = past.before(SOURCE, source, self.day, root=alert.root)
        self.signals = [one for one in alert.signals if one.found.subject == source]

    def now(self, column: str, within: str = "") -> Counts:
        return self.past.counts(SOURCE, self.source, column, [self.day], within=within)

    def usual(self, column: str, within: str = "") -> Counts:
        return self.past.counts(SOURCE, self.source, column, self.days, within=within)

    def psi(self, today: Counts, column: str) -> float:
        return compared(today, self.usual(column)).psi if sum(today.values()) else 0.0

    def scalar(self, measure: str, column: str = "") -> float:
        key = (SOURCE, self.source, column, "", measure)
        return self.past.series.get(key, {}).get(self.day, float("nan"))

    @property
    def rows(self) -> float:
        return sum(self.now("").values())

    def expected_rows(self) -> float:
        for one in self.signals:
            if one.found.measure == "rows":
                return one.expected
        return sum(self.usual("").values()) / max(len(self.days), 1)


def _gone(signal: Signal, left: float) -> float:
    """The share of a signal's value that goes away."""
    over = signal.found.value - max(signal.expected, 0.0)
    return float(np.clip((signal.found.value - left) / over, 0.0, 1.0)) if over > 0 else 0.0


def _of_source(today: _Today) -> Iterator[_Hypothesis]:
    for make in (_copies, _missing, _clock):
        yield from make(today)
    columns = [one for one in today.past.columns(SOURCE, today.source) if one not in (HOUR, LATE)]
    for column in columns:
        now, usual = today.now(column), today.usual(column)
        if not now or not usual:
            continue
        yield from _nulls(today, column)
        if any(map(is_number, usual)):
            yield from _units(today, column)
        else:
            yield from _categories(today, column, now, usual)


def _copies(today: _Today) -> Iterator[_Hypothesis]:
    copies = today.scalar("copy_share") * today.rows
    if not copies > 0.01 * today.rows:
        return

    def undone(signal: Signal) -> tuple[float, str]:
        measure = signal.found.measure
        if signal.found.subject != today.source:
            return 0.0, ""
        if measure == "copy_share":
            return 1.0, "without the copies no row is there twice"
        if measure == "rows" and signal.found.value > signal.expected:
            left = signal.found.value - copies
            return _log_gone(signal, left), f"without them there are {left:,.0f} rows"
        return 0.0, ""

    yield _Hypothesis(
        kind="duplicated rows", subject=today.source, undone=undone,
        text=f"{copies:,.0f} of {today.rows:,.0f} rows of '{today.source}' that came on "
        f"{today.day} repeat rows that were there",
    )  # fmt: skip


def _log_gone(signal: Signal, left: float) -> float:
    over = abs(np.log(max(signal.found.value, 0.5) / max(signal.expected, 0.5)))
    rest = abs(np.log(max(left, 0.5) / max(signal.expected, 0.5)))
    return float(np.clip(1 - rest / over, 0.0, 1.0)) if over > 0 else 0.0


def _missing(today: _Today) -> Iterator[_Hypothesis]:
    """Rows that did not come when they should have, or came late."""
    wanted, rows = today.expected_rows(), today.rows
    hours = {
        name: today.usual(HOUR).get(name, 0.0) / max(len(today.days), 1)
        for name in today.usual(HOUR)
    }
    seen = today.now(HOUR)
    gone = sorted(
        name.removeprefix("=") for name, count in hours.items()
        if count >= 5 and seen.get(name, 0.0) < 0.3 * count
    )  # fmt: skip
    late = _surplus_late(today)
    if rows >= 0.8 * wanted and late <= 0.1 * rows:
        return
    where = _concentration(today)

    def undone(signal: Signal) -> tuple[float, str]:
        measure, column = signal.found.measure, signal.found.column
        if signal.found.subject != today.source:
            return 0.0, ""
        if measure == "rows" and signal.found.value < signal.expected:
            return 1 - where, f"with them there would be about {wanted:,.0f} rows"
        if measure == "rows":
            left = signal.found.value - late
            return _log_gone(signal, left), f"without the late ones there are {left:,.0f} rows"
        if measure in ("hours_since_last_event", "lateness_p50", "lateness_p99"):
            return 1.0, ""
        if measure == "psi_previous" and column == HOUR:
            kept = {
                name: count for name, count in seen.items() if name.removeprefix("=") not in gone
            }
            usual = {
                name: count for name, count in today.usual(HOUR).items()
                if name.removeprefix("=") not in gone
            }  # fmt: skip
            left = compared(kept, usual).psi if kept and usual else 0.0
            share = max(_gone(signal, left), min(1.0, late / max(rows, 1) * 1.5))
            return share, f"over the other hours the PSI is {left:.2f}"
        return 0.0, ""

    if rows < 0.8 * wanted:
        text = (
            f"about {wanted - rows:,.0f} of {wanted:,.0f} rows of '{today.source}' did not come on "
            f"{today.day}" + (f"; hours {gone[0]} to {gone[-1]} are missing" if gone else "")
        )
    else:
        text = f"{late:,.0f} rows of '{today.source}' that came on {today.day} were late"
    yield _Hypothesis(
        kind="late partition", subject=today.source, undone=undone, text=text, cost=0.01
    )


def _surplus_late(today: _Today) -> float:
    """Rows later than all but a hundredth used to be, beyond that hundredth."""
    now, usual = today.now(LATE), today.usual(LATE)
    numbers = sorted(int(name) for name in usual if is_number(name))
    if not numbers or not now:
        return 0.0
    rows = np.cumsum([usual[str(one)] for one in numbers])
    edge = numbers[int(np.searchsorted(rows, 0.99 * rows[-1]))]
    late = sum(count for name, count in now.items() if is_number(name) and int(name) > edge)
    return max(0.0, late - 0.01 * sum(now.values()))


def _concentration(today: _Today) -> float:
    """How far missing rows are those of one slice: 0 as its share, 1 all of them."""
    worst = 0.0
    for within in today.past.slices(SOURCE, today.source):
        share = sum(today.usual("", within).values()) / max(sum(today.usual("").values()), 1)
        wanted = today.expected_rows()
        missing = wanted - today.rows
        mine = wanted * share - sum(today.now("", within).values())
        if missing > 0 and share < 0.9:
            worst = max(worst, (mine / missing - share) / (1 - share))
    return float(np.clip(worst, 0.0, 1.0))


def _clock(today: _Today) -> Iterator[_Hypothesis]:
    """Clocks that run ahead or behind by whole hours."""
    now, usual = today.now(HOUR), today.usual(HOUR)
    early = today.scalar("early_share")
    if not now or not usual:
        return
    best, left, part = 0, today.psi(now, HOUR), ""
    for within in ("", *today.past.slices(SOURCE, today.source)):
        for hours in (*range(-12, 0), *range(1, 12)):
            turned = _turned(now, today.now(HOUR, within) if within else now, -hours)
            psi = today.psi(turned, HOUR)
            if psi < left - 0.01:
                best, left, part = hours, psi, within
    if not best and not early > 0.01:
        return

    def undone(signal: Signal) -> tuple[float, str]:
        measure, column = signal.found.measure, signal.found.column
        if signal.found.subject != today.source:
            return 0.0, ""
        if measure == "early_share":
            return 1.0, ""
        if measure == "psi_previous" and column == HOUR:
            return _gone(signal, left), f"turned back, the hours' PSI is {left:.2f}"
        if measure in ("lateness_p50", "lateness_p99", "hours_since_last_event"):
            return 0.9, ""
        return 0.0, ""

    way = "ahead" if best > 0 else "behind"
    text = f"event times of '{today.source}'" + (f" where {part}" if part else "")
    text += f" are {abs(best)} h {way} of what they were" if best else " lie in the future"
    yield _Hypothesis(
        kind="clock skew", subject=today.source, column=HOUR, slice=part, undone=undone, text=text,
        cost=0.02,
    )  # fmt: skip


def _turned(whole: Counts, part: Counts, hours: int) -> Counts:
    """Counts by hour with a part of them moved by so many hours."""
    found = dict(whole)
    for name, count in part.items():
        if name == NULL:
            continue
        found[name] = found.get(name, 0.0) - count
        moved = f"={(int(name.removeprefix('=')) + hours) % 24:02d}"
        found[moved] = found.get(moved, 0.0) + count
    return {name: count for name, count in found.items() if count > 0}


def _nulls(today: _Today, column: str) -> Iterator[_Hypothesis]:
    now, usual = today.now(column), today.usual(column)
    share, was = (
        counted.get(NULL, 0.0) / max(sum(counted.values()), 1) for counted in (now, usual)
    )
    if share < was + 0.01:
        return
    known, before = ({n: c for n, c in one.items() if n != NULL} for one in (now, usual))
    left = compared(known, before).psi if known and before else 0.0

    def undone(signal: Signal) -> tuple[float, str]:
        if (signal.found.subject, signal.found.column) != (today.source, column):
            return 0.0, ""
        if signal.found.measure == "null_share":
            return 1.0, ""
        if signal.found.measure == "psi_previous":
            return _gone(signal, left), f"without nulls the PSI of '{column}' is {left:.2f}"
        return 0.0, ""

    where = _where_null(today, column, share)
    yield _Hypothesis(
        kind="null burst", subject=today.source, column=column, slice=where, undone=undone,
        text=f"'{column}' of '{today.source}' is null in {share:.0%} of rows, {was:.1%} before"
        + (f", above all where {where}" if where else ""),
    )  # fmt: skip


def _where_null(today: _Today, column: str, share: float) -> str:
    found = {}
    for within in today.past.slices(SOURCE, today.source):
        now = today.now(column, within)
        rows = sum(now.values())
        if rows > 30:
            found[within] = now.get(NULL, 0.0) / rows
    worst = max(found, key=lambda one: found[one], default="")
    return worst if worst and found[worst] > 1.5 * share else ""


def _units(today: _Today, column: str) -> Iterator[_Hypothesis]:
    """Values that are a known factor larger or smaller, in all rows or in a slice's."""
    now = today.now(column)
    psi = today.psi(now, column)
    best: tuple[float, str, str] | None = None
    for within in ("", *today.past.slices(SOURCE, today.source)):
        part = today.now(column, within) if within else now
        for name, factor in _FACTORS.items():
            for way in (1, -1):
                left = today.psi(_scaled(now, part, -way * np.log2(factor)), column)
                if left < (best[0] if best else 0.6 * psi):
                    best = (left, f"{name} times {'larger' if way > 0 else 'smaller'}", within)
    if best is None:
        return
    left, how, within = best

    def undone(signal: Signal) -> tuple[float, str]:
        same = (signal.found.subject, signal.found.column) == (today.source, column)
        if same and signal.found.measure == "psi_previous":
            return _gone(signal, left), f"undone, the PSI of '{column}' is {left:.2f}"
        return 0.0, ""

    yield _Hypothesis(
        kind="unit change", subject=today.source, column=column, slice=within, undone=undone,
        text=f"'{column}' of '{today.source}' is {how} than it was"
        + (f" where {within}" if within else ""),
    )  # fmt: skip


def _scaled(whole: Counts, part: Counts, octaves: float) -> Counts:
    """Counts with a part of them multiplied: moved by so many doublings, split between bins."""
    shift = octaves * PER_OCTAVE
    low = int(np.floor(shift))
    found = dict(whole)
    for name, count in part.items():
        if not is_number(name) or int(name) == 0:
            continue
        code = int(name)
        sign = 1 if code > 0 else -1
        found[name] = found.get(name, 0.0) - count
        for step, weight in ((low, 1 - (shift - low)), (low + 1, shift - low)):
            moved = str(sign * max(1, abs(code) + step))
            found[moved] = found.get(moved, 0.0) + weight * count
    return {name: count for name, count in found.items() if count > 1e-9}


def _categories(today: _Today, column: str, now: Counts, usual: Counts) -> Iterator[_Hypothesis]:
    """A value that is new, or whose share has moved; and what follows from that elsewhere."""
    rows, before = sum(now.values()), sum(usual.values())
    moved = {
        name: now.get(name, 0.0) / rows - usual.get(name, 0.0) / before
        for name in {*now, *usual} - {NULL}
    }
    for name in sorted(moved, key=lambda one: -abs(moved[one]))[:3]:
        if abs(moved[name]) < 0.01:
            continue
        value, was = name.removeprefix("="), usual.get(name, 0.0) / before
        is_new = was < _NEW
        kind = "new category" if is_new else "population shift"
        text = (
            f"'{column}' of '{today.source}' has a value '{value}' that was not there, in "
            f"{now[name] / rows:.1%} of rows"
            if is_new
            else f"'{value}' is {now.get(name, 0.0) / rows:.1%} of '{column}' in '{today.source}', "
            f"{was:.1%} before"
        )
        yield _Hypothesis(
            kind=kind, subject=today.source, column=column, slice=f"{column}={value}", text=text,
            undone=_without(today, column, name), cost=0.0 if is_new else 0.03,
        )  # fmt: skip


def _without(today: _Today, column: str, name: str) -> Callable[[Signal], tuple[float, str]]:
    """Leave a value out of both sides; elsewhere, give its rows the weight that they had."""
    value = name.removeprefix("=")
    within = f"{column}={value}"

    def undone(signal: Signal) -> tuple[float, str]:
        found = signal.found
        if found.subject != today.source:
            return 0.0, ""
        if found.measure == "new_share":
            return (1.0 if found.column == column and name not in today.usual(column) else 0.0), ""
        if found.measure == "rows" and found.value > 0:
            share = today.usual(column).get(name, 0.0) / max(sum(today.usual(column).values()), 1)
            extra = today.now(column).get(name, 0.0) - share * signal.expected
            left = found.value - extra
            return _log_gone(signal, left), f"with its usual share there are {left:,.0f} rows"
        if found.measure != "psi_previous":
            return 0.0, ""
        if found.column == column:
            kept, before = (
                {n: c for n, c in one.items() if n != name}
                for one in (today.now(column), today.usual(column))
            )
            left = compared(kept, before).psi if kept and before else 0.0
        else:
            left = _reweighted(today, found.column, column, within)
        return _gone(signal, left), (
            f"without {column} '{value}' the PSI of '{found.column}' is {left:.2f}"
        )

    return undone


def _reweighted(today: _Today, column: str, by: str, within: str) -> float:
    """The PSI of a column if one slice had the share that it had before."""
    part = today.now(column, within)
    if not part:
        return today.psi(today.now(column), column)
    rest = {
        name: count - part.get(name, 0.0) for name, count in today.now(column).items()
        if count - part.get(name, 0.0) > 0
    }  # fmt: skip
    usual = today.usual(by)
    share = usual.get("=" + within.partition("=")[2], 0.0) / max(sum(usual.values()), 1)
    total = sum(today.now(column).values())
    parts = [(total * (1 - share), rest)] if rest else []
    parts += [(total * share, part)] if share else []
    return today.psi(mixed(parts), column)


def _of_definition(alert: Alert, states: pd.DataFrame) -> Iterator[_Hypothesis]:
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
            yield _Hypothesis(
                kind="definition change", subject=str(subject), undone=_changed(items),
                text=f"the definition of {', '.join(sorted(items)[:4])} in view '{subject}' "
                f"changed on {when}",
            )  # fmt: skip
        elif str(subject) in alert.models:
            yield _Hypothesis(
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


def _of_model(model: str, alert: Alert, past: Past) -> Iterator[_Hypothesis]:
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

        yield _Hypothesis(
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

        yield _Hypothesis(
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


def _waves(model: str, past: Past, alert: Alert) -> Iterator[_Hypothesis]:
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

        yield _Hypothesis(
            kind="fraud wave", subject=model, slice=within, undone=undone,
            text=f"reports where {within} are {np.exp(change):.1f} times what they were against "
            "what was foretold",
        )  # fmt: skip


def _concepts(
    model: str, signals: Sequence[Signal], past: Past, alert: Alert
) -> Iterator[_Hypothesis]:
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

    yield _Hypothesis(
        kind="concept drift", subject=model, undone=everywhere(1 - 0.6 * slow), cost=0.02,
        text=f"frauds now look like honest decisions to '{model}': of what is reported it had "
        "stopped less, while its inputs are as before",
    )  # fmt: skip
    yield _Hypothesis(
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
