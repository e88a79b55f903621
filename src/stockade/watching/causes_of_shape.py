"""Causes in what a source's rows are made of: its columns, its keys, the rules of its contract."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pandas as pd

from stockade.watching.arrivals import UNDECLARED
from stockade.watching.changes import source_changes
from stockade.watching.hypothesis import Hypothesis
from stockade.watching.judge import Signal
from stockade.watching.today import Today

VIOLATED = ("violation_share", "violations_per_allowed")
# What breaks a contract is a symptom where a plainer cause explains as much.
_VIOLATION_COST = 0.05
_SHOWN = 3
# Rules that a cause breaks by its nature.
_REPEATED, _AHEAD = " repeated", " ahead of time"


def of_schema(today: Today, states: pd.DataFrame) -> Iterator[Hypothesis]:
    """Columns that went, or are of another type, when the alert was seen."""
    for source, before, changes in source_changes(states, on=today.day):
        gone = [(column, was, now) for column, was, now in changes if was]
        if source != today.source or not gone:
            continue
        columns = {column for column, _, _ in gone}

        def undone(signal: Signal, columns: set[str] = columns) -> tuple[float, str]:
            found = signal.found
            if found.subject != today.source:
                return 0.0, ""
            if found.measure in VIOLATED:
                return _broken_by(today, lambda rule: rule == UNDECLARED), ""
            return (
                1.0 if found.measure == "columns_changed" or found.column in columns else 0.0
            ), ""

        told = [
            f"'{column}' was {was} and is {now}" if now else f"'{column}' {was} is gone"
            for column, was, now in gone
        ]
        yield Hypothesis(
            kind="schema change", subject=source, column=gone[0][0], undone=undone,
            text=f"columns of '{source}' changed between {before} and {today.day}: "
            + "; ".join(told[:_SHOWN]),
        )  # fmt: skip


def of_keys(today: Today) -> Iterator[Hypothesis]:
    """Names that are shared by many more rows than before."""
    for signal in today.signals:
        if signal.found.measure != "distinct_per_row":
            continue
        column = signal.found.column
        names = round(signal.found.value * today.rows)

        def undone(one: Signal, column: str = column) -> tuple[float, str]:
            mine = (one.found.subject, one.found.measure, one.found.column)
            return (1.0 if mine == (today.source, "distinct_per_row", column) else 0.0), ""

        yield Hypothesis(
            kind="key collapse", subject=today.source, column=column, undone=undone,
            text=f"'{column}' of '{today.source}' has {names:,} values in {today.rows:,.0f} rows, "
            f"{signal.expected * today.rows:,.0f} were expected: many rows share one",
        )  # fmt: skip


def of_contract(today: Today) -> Iterator[Hypothesis]:
    """Rows that break the source's contract more than before."""
    broken = today.violations()
    if not broken or not any(one.found.measure in VIOLATED for one in today.signals):
        return
    worst = sorted(broken, key=lambda rule: -broken[rule])

    def undone(signal: Signal) -> tuple[float, str]:
        mine = signal.found.subject == today.source and signal.found.measure in VIOLATED
        return (1.0 if mine else 0.0), ""

    told = ", ".join(f"'{rule}' by {broken[rule]:,.0f}" for rule in worst[:_SHOWN])
    yield Hypothesis(
        kind="contract violation", subject=today.source, undone=undone, cost=_VIOLATION_COST,
        text=f"rows of '{today.source}' that came on {today.day} break its contract: {told} of "
        f"{today.rows:,.0f}; they are set aside",
    )  # fmt: skip


def with_violations(today: Today, found: Sequence[Hypothesis]) -> Iterator[Hypothesis]:
    """Hypotheses that also explain the rules that what they suppose would break."""
    for one in found:
        yield replace(one, undone=_also_broken(today, one))


def _also_broken(today: Today, of: Hypothesis) -> Callable[[Signal], tuple[float, str]]:
    def breaks(rule: str) -> bool:
        if of.kind == "duplicated rows":
            return rule.endswith(_REPEATED)
        if of.kind == "clock skew":
            return rule.endswith(_AHEAD)
        return bool(of.column) and rule.startswith(f"{of.column} ")

    def undone(signal: Signal) -> tuple[float, str]:
        if signal.found.subject == today.source and signal.found.measure in VIOLATED:
            return _broken_by(today, breaks), ""
        return of.undone(signal)

    return undone


def _broken_by(today: Today, breaks: Callable[[str], bool]) -> float:
    """The share of the violations beyond what is usual that are of some rules."""
    broken = today.violations()
    every = sum(broken.values())
    return sum(rows for rule, rows in broken.items() if breaks(rule)) / every if every else 0.0
