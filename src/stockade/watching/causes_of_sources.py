"""Causes within a source's own rows: copies, gaps, clocks, nulls, units, categories."""

from collections.abc import Callable, Iterator

import numpy as np

from stockade.watching.drift import Counts, compared, is_number, mixed
from stockade.watching.hypothesis import Hypothesis
from stockade.watching.judge import Alert, Signal
from stockade.watching.measures import early_share, quantile
from stockade.watching.past import SOURCE, Day, Past
from stockade.watching.tally import HOUR, LATE, NULL, PER_OCTAVE

# Wrong units that people know: cents, thousands, minutes for seconds, and back.
_FACTORS = {"100": 100.0, "1,000": 1000.0, "10": 10.0, "60": 60.0, "3,600": 3600.0}
_NEW = 0.001


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


def _gone(signal: Signal, left: float) -> float:
    """The share of a signal's value that goes away."""
    over = signal.found.value - max(signal.expected, 0.0)
    return float(np.clip((signal.found.value - left) / over, 0.0, 1.0)) if over > 0 else 0.0


def of_source(today: Today) -> Iterator[Hypothesis]:
    """What may have happened to a source's rows."""
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


def _copies(today: Today) -> Iterator[Hypothesis]:
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

    yield Hypothesis(
        kind="duplicated rows", subject=today.source, undone=undone,
        text=f"{copies:,.0f} of {today.rows:,.0f} rows of '{today.source}' that came on "
        f"{today.day} repeat rows that were there",
    )  # fmt: skip


def _log_gone(signal: Signal, left: float) -> float:
    over = abs(np.log(max(signal.found.value, 0.5) / max(signal.expected, 0.5)))
    rest = abs(np.log(max(left, 0.5) / max(signal.expected, 0.5)))
    return float(np.clip(1 - rest / over, 0.0, 1.0)) if over > 0 else 0.0


def _missing(today: Today) -> Iterator[Hypothesis]:
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
    yield Hypothesis(
        kind="late partition", subject=today.source, undone=undone, text=text, cost=0.01
    )


def _surplus_late(today: Today) -> float:
    """Rows later than all but a hundredth used to be, beyond that hundredth."""
    now, usual = today.now(LATE), today.usual(LATE)
    numbers = sorted(int(name) for name in usual if is_number(name))
    if not numbers or not now:
        return 0.0
    rows = np.cumsum([usual[str(one)] for one in numbers])
    edge = numbers[int(np.searchsorted(rows, 0.99 * rows[-1]))]
    late = sum(count for name, count in now.items() if is_number(name) and int(name) > edge)
    return max(0.0, late - 0.01 * sum(now.values()))


def _concentration(today: Today) -> float:
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


def _clock(today: Today) -> Iterator[Hypothesis]:
    """Clocks that run ahead or behind by whole hours."""
    now, usual = today.now(HOUR), today.usual(HOUR)
    early = today.scalar("early_share")
    if not now or not usual:
        return
    ahead = _ahead(today)
    best, left, part = 0, today.psi(now, HOUR), "".join(ahead)
    for within in ahead or ("", *today.past.slices(SOURCE, today.source)):
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
            rest = _early_beside(today, part)
            return _gone(signal, rest), f"beside it {rest:.1%} come before they happen"
        if measure == "psi_previous" and column == HOUR:
            return _gone(signal, left), f"turned back, the hours' PSI is {left:.2f}"
        if measure in ("lateness_p50", "lateness_p99", "hours_since_last_event"):
            return 0.9, ""
        return 0.0, ""

    best = best or _hours_ahead(today, part)
    way = "ahead" if best > 0 else "behind"
    text = f"event times of '{today.source}'" + (f" where {part}" if part else "")
    text += f" are {abs(best)} h {way} of what they were" if best else " lie in the future"
    yield Hypothesis(
        kind="clock skew", subject=today.source, column=HOUR, slice=part, undone=undone, text=text,
        cost=0.02,
    )  # fmt: skip


def _ahead(today: Today) -> tuple[str, ...]:
    """The slice most of whose rows are known before they happen; none where all slices are."""
    found = {
        within: early_share(late)
        for within in today.past.slices(SOURCE, today.source)
        if sum((late := today.now(LATE, within)).values()) > 30
    }
    whole = early_share(today.now(LATE)) if today.now(LATE) else 0.0
    worst = max(found, key=lambda one: found[one], default="")
    return (worst,) if worst and whole > 0.01 and found[worst] > 1.5 * whole else ()


def _hours_ahead(today: Today, within: str) -> int:
    """By how much less than before rows are late, in whole hours."""
    now, usual = today.now(LATE, within), today.usual(LATE, within)
    if not now or not usual:
        return 0
    less = quantile(usual, 0.5) - quantile(now, 0.5)
    return 0 if np.isnan(less) else round(less / 3600)


def _early_beside(today: Today, within: str) -> float:
    """The share of rows known before they happened, without a slice; 0 of all rows."""
    part = today.now(LATE, within) if within else today.now(LATE)
    rest = {name: rows - part.get(name, 0.0) for name, rows in today.now(LATE).items()}
    return early_share(rest) if sum(rest.values()) else 0.0


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


def _nulls(today: Today, column: str) -> Iterator[Hypothesis]:
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
    yield Hypothesis(
        kind="null burst", subject=today.source, column=column, slice=where, undone=undone,
        text=f"'{column}' of '{today.source}' is null in {share:.0%} of rows, {was:.1%} before"
        + (f", above all where {where}" if where else ""),
    )  # fmt: skip


def _where_null(today: Today, column: str, share: float) -> str:
    found = {}
    for within in today.past.slices(SOURCE, today.source):
        now = today.now(column, within)
        rows = sum(now.values())
        if rows > 30:
            found[within] = now.get(NULL, 0.0) / rows
    worst = max(found, key=lambda one: found[one], default="")
    return worst if worst and found[worst] > 1.5 * share else ""


def _units(today: Today, column: str) -> Iterator[Hypothesis]:
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

    yield Hypothesis(
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


def _categories(today: Today, column: str, now: Counts, usual: Counts) -> Iterator[Hypothesis]:
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
        yield Hypothesis(
            kind=kind, subject=today.source, column=column, slice=f"{column}={value}", text=text,
            undone=_without(today, column, name), cost=0.0 if is_new else 0.03,
        )  # fmt: skip


def _without(today: Today, column: str, name: str) -> Callable[[Signal], tuple[float, str]]:
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


def _reweighted(today: Today, column: str, by: str, within: str) -> float:
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
