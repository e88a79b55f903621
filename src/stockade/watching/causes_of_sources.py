"""Causes within a source's own rows: copies, gaps, clocks; and within its columns."""

from collections.abc import Iterator

import numpy as np

from stockade.watching.causes_of_columns import of_column
from stockade.watching.causes_of_shape import of_contract, of_keys, with_violations
from stockade.watching.drift import Counts, compared, is_number
from stockade.watching.hypothesis import Hypothesis
from stockade.watching.judge import Signal
from stockade.watching.measures import early_share, quantile
from stockade.watching.past import SOURCE
from stockade.watching.tally import HOUR, LATE, NULL
from stockade.watching.today import Today, gone, log_gone

# Of a day's rows, copies below this share are a sender's habit.
_COPIES = 0.01
# A fifth less than a day should have is a gap; so is a tenth of its rows, if that came late.
_FEW, _LATE_SHARE = 0.8, 0.1
# An hour is empty that has less than a third of its rows; of fewer than five chance may do that.
_EMPTY, _HOUR_ROWS = 0.3, 5
# Later than all but so many used to be is late; late rows bend the hours by more than they are.
_SELDOM, _BEND = 0.01, 1.5
# A slice that is nearly all rows says nothing about where they are missing.
_NEARLY_ALL = 0.9
# Clocks are turned by up to half a day; a turn must bring the hours this much nearer.
_TURNS, _NEARER = 12, 0.01
# Rows that are known before they happen: more than this share of all, and half as much again in the
# slice that is at fault. Fewer rows than thirty have no share.
_EARLY, _STANDS_OUT, _ROWS = 0.01, 1.5, 30
# A wrong clock moves lateness too, though not all of it.
_CLOCK_ELSEWHERE = 0.9
# Of hypotheses that explain as much, copies are the plainest, then gaps, then clocks.
_GAP_COST, _CLOCK_COST = 0.01, 0.02
# That there are more rows, or fewer, is what is left when nothing says why.
_VOLUME_COST = 0.06


def of_source(today: Today) -> Iterator[Hypothesis]:
    """What may have happened to a source's rows."""
    plain = [one for make in (_copies, _missing, _volume, _clock) for one in make(today)]
    columns = [one for one in today.past.columns(SOURCE, today.source) if one not in (HOUR, LATE)]
    plain += [one for column in columns for one in of_column(today, column)]
    yield from with_violations(today, plain)
    yield from of_keys(today)
    yield from of_contract(today)


def _copies(today: Today) -> Iterator[Hypothesis]:
    copies = today.scalar("copy_share") * today.rows
    if not copies > _COPIES * today.rows:
        return

    def undone(signal: Signal) -> tuple[float, str]:
        measure = signal.found.measure
        if signal.found.subject != today.source:
            return 0.0, ""
        if measure == "distinct_per_row":
            return 1.0, ""
        if measure == "copy_share":
            return 1.0, "without the copies no row is there twice"
        if measure == "rows" and signal.found.value > signal.expected:
            left = signal.found.value - copies
            return log_gone(signal, left), f"without them there are {left:,.0f} rows"
        return 0.0, ""

    yield Hypothesis(
        kind="duplicated rows", subject=today.source, undone=undone,
        text=f"{copies:,.0f} of {today.rows:,.0f} rows of '{today.source}' that came on "
        f"{today.day} repeat rows that were there",
    )  # fmt: skip


def _missing(today: Today) -> Iterator[Hypothesis]:
    """Rows that did not come when they should have, or came late."""
    wanted, rows = today.expected_rows(), today.rows
    hours = {
        name: today.usual(HOUR).get(name, 0.0) / max(len(today.days), 1)
        for name in today.usual(HOUR)
    }
    seen = today.now(HOUR)
    absent = sorted(
        name.removeprefix("=") for name, count in hours.items()
        if count >= _HOUR_ROWS and seen.get(name, 0.0) < _EMPTY * count
    )  # fmt: skip
    late = _surplus_late(today)
    if rows >= _FEW * wanted and late <= _LATE_SHARE * rows:
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
            return log_gone(signal, left), f"without the late ones there are {left:,.0f} rows"
        if measure in ("hours_since_last_event", "lateness_p50", "lateness_p99"):
            return 1.0, ""
        if measure == "psi_previous" and column == HOUR:
            kept = {
                name: count for name, count in seen.items() if name.removeprefix("=") not in absent
            }
            usual = {
                name: count for name, count in today.usual(HOUR).items()
                if name.removeprefix("=") not in absent
            }  # fmt: skip
            left = compared(kept, usual).psi if kept and usual else 0.0
            share = max(gone(signal, left), min(1.0, late / max(rows, 1) * _BEND))
            return share, f"over the other hours the PSI is {left:.2f}"
        return 0.0, ""

    if rows < _FEW * wanted:
        text = (
            f"about {wanted - rows:,.0f} of {wanted:,.0f} rows of '{today.source}' did not come on "
            f"{today.day}" + (f"; hours {absent[0]} to {absent[-1]} are missing" if absent else "")
        )
    else:
        text = f"{late:,.0f} rows of '{today.source}' that came on {today.day} were late"
    yield Hypothesis(
        kind="late partition", subject=today.source, undone=undone, text=text, cost=_GAP_COST
    )


def _volume(today: Today) -> Iterator[Hypothesis]:
    """More or fewer rows of the same kinds: no copies, none late, no hour and no slice apart."""
    signal = next((one for one in today.signals if one.found.measure == "rows"), None)
    wanted, rows = today.expected_rows(), today.rows
    if signal is None or not wanted or not rows:
        return
    copies = today.scalar("copy_share") * rows
    of_another = (np.nan_to_num(copies) + _surplus_late(today)) / max(rows - wanted, 1.0)
    alike = (1 - _concentration(today)) * (1 - float(np.clip(of_another, 0.0, 1.0)))

    def undone(signal: Signal) -> tuple[float, str]:
        mine = (signal.found.subject, signal.found.measure) == (today.source, "rows")
        return (alike if mine else 0.0), ""

    yield Hypothesis(
        kind="volume change", subject=today.source, undone=undone, cost=_VOLUME_COST,
        text=f"'{today.source}' has {rows:,.0f} rows on {today.day}, {rows / wanted:.2g} times "
        "what it should have, of the same kinds as before",
    )  # fmt: skip


def _surplus_late(today: Today) -> float:
    """Rows later than all but a hundredth used to be, beyond that hundredth."""
    now, usual = today.now(LATE), today.usual(LATE)
    numbers = sorted(int(name) for name in usual if is_number(name))
    if not numbers or not now:
        return 0.0
    rows = np.cumsum([usual[str(one)] for one in numbers])
    edge = numbers[int(np.searchsorted(rows, (1 - _SELDOM) * rows[-1]))]
    late = sum(count for name, count in now.items() if is_number(name) and int(name) > edge)
    return max(0.0, late - _SELDOM * sum(now.values()))


def _concentration(today: Today) -> float:
    """How far rows that are missing, or too many, are those of one slice: 0 as its share, 1 all."""
    worst = 0.0
    for within in today.past.slices(SOURCE, today.source):
        share = sum(today.usual("", within).values()) / max(sum(today.usual("").values()), 1)
        wanted = today.expected_rows()
        missing = wanted - today.rows
        mine = wanted * share - sum(today.now("", within).values())
        if missing and share < _NEARLY_ALL:
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
        for hours in (*range(-_TURNS, 0), *range(1, _TURNS)):
            turned = _turned(now, today.now(HOUR, within) if within else now, -hours)
            psi = today.psi(turned, HOUR)
            if psi < left - _NEARER:
                best, left, part = hours, psi, within
    if not best and not early > _EARLY:
        return

    def undone(signal: Signal) -> tuple[float, str]:
        measure, column = signal.found.measure, signal.found.column
        if signal.found.subject != today.source:
            return 0.0, ""
        if measure == "early_share":
            rest = _early_beside(today, part)
            return gone(signal, rest), f"beside it {rest:.1%} come before they happen"
        if measure == "psi_previous" and column == HOUR:
            return gone(signal, left), f"turned back, the hours' PSI is {left:.2f}"
        if measure in ("lateness_p50", "lateness_p99", "hours_since_last_event"):
            return _CLOCK_ELSEWHERE, ""
        return 0.0, ""

    best = best or _hours_ahead(today, part)
    way = "ahead" if best > 0 else "behind"
    text = f"event times of '{today.source}'" + (f" where {part}" if part else "")
    text += f" are {abs(best)} h {way} of what they were" if best else " lie in the future"
    yield Hypothesis(
        kind="clock skew", subject=today.source, column=HOUR, slice=part, undone=undone, text=text,
        cost=_CLOCK_COST,
    )  # fmt: skip


def _ahead(today: Today) -> tuple[str, ...]:
    """The slice most of whose rows are known before they happen; none where all slices are."""
    found = {
        within: early_share(late)
        for within in today.past.slices(SOURCE, today.source)
        if sum((late := today.now(LATE, within)).values()) > _ROWS
    }
    whole = early_share(today.now(LATE)) if today.now(LATE) else 0.0
    worst = max(found, key=lambda one: found[one], default="")
    return (worst,) if worst and whole > _EARLY and found[worst] > _STANDS_OUT * whole else ()


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
