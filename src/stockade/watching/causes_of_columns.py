"""Causes within a column of a source: nulls, units, categories."""

from collections.abc import Callable, Iterator

import numpy as np

from stockade.watching.drift import Counts, compared, is_number, mixed
from stockade.watching.hypothesis import Hypothesis
from stockade.watching.judge import Signal
from stockade.watching.past import SOURCE
from stockade.watching.tally import NULL, PER_OCTAVE
from stockade.watching.today import Today, gone, log_gone

# Wrong units that people know: cents, thousands, minutes for seconds, and back.
_FACTORS = {"100": 100.0, "1,000": 1000.0, "10": 10.0, "60": 60.0, "3,600": 3600.0}
# A value of fewer rows than this was not there before.
_NEW = 0.001
# Shares that move by less than this move nothing else; the most values that are thought of.
_MOVED, _VALUES = 0.01, 3
# Undoing a unit must take away so much of the distance: what else moved a column is no unit.
_LEFT = 0.6
# A share in a slice of fewer rows is chance; a slice stands out where it is half as much again.
_ROWS, _STANDS_OUT = 30, 1.5
# A moved share explains as much as a null or a unit does, and proves less.
_SHIFT_COST = 0.03


def of_column(today: Today, column: str) -> Iterator[Hypothesis]:
    """What may have happened to a column's values."""
    now, usual = today.now(column), today.usual(column)
    if not now or not usual:
        return
    yield from _nulls(today, column)
    if any(map(is_number, usual)):
        yield from _units(today, column)
    else:
        yield from _categories(today, column, now, usual)


def _nulls(today: Today, column: str) -> Iterator[Hypothesis]:
    now, usual = today.now(column), today.usual(column)
    share, was = (
        counted.get(NULL, 0.0) / max(sum(counted.values()), 1) for counted in (now, usual)
    )
    if share < was + _MOVED:
        return
    known, before = ({n: c for n, c in one.items() if n != NULL} for one in (now, usual))
    left = compared(known, before).psi if known and before else 0.0

    def undone(signal: Signal) -> tuple[float, str]:
        if (signal.found.subject, signal.found.column) != (today.source, column):
            return 0.0, ""
        if signal.found.measure == "null_share":
            return 1.0, ""
        if signal.found.measure == "psi_previous":
            return gone(signal, left), f"without nulls the PSI of '{column}' is {left:.2f}"
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
        if rows > _ROWS:
            found[within] = now.get(NULL, 0.0) / rows
    worst = max(found, key=lambda one: found[one], default="")
    return worst if worst and found[worst] > _STANDS_OUT * share else ""


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
                if left < (best[0] if best else _LEFT * psi):
                    best = (left, f"{name} times {'larger' if way > 0 else 'smaller'}", within)
    if best is None:
        return
    left, how, within = best

    def undone(signal: Signal) -> tuple[float, str]:
        same = (signal.found.subject, signal.found.column) == (today.source, column)
        if same and signal.found.measure == "psi_previous":
            return gone(signal, left), f"undone, the PSI of '{column}' is {left:.2f}"
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
    for name in sorted(moved, key=lambda one: -abs(moved[one]))[:_VALUES]:
        if abs(moved[name]) < _MOVED:
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
            undone=_without(today, column, name), cost=0.0 if is_new else _SHIFT_COST,
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
            return log_gone(signal, left), f"with its usual share there are {left:,.0f} rows"
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
        return gone(signal, left), (
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
