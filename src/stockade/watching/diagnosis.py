"""An alert that is on record, with the causes that were found for it day by day."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from stockade.errors import UnknownNameError, hint
from stockade.store.tables import Tables
from stockade.watching import record
from stockade.watching.tally import ON_DAY

_FIRST, _LAST = date(1970, 1, 1), date(2200, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What is on record of an alert.

    Attributes:
        alert_id, root, severity: which, and where it begins.
        first_day, last_day: of its signals.
        models: that it reaches.
        day: of which `signals` and `causes` are: the one that is explained best.
        signals: what was too far from what it should be.
        causes: as `stockade.watching.causes.Cause` documents them, the likeliest first.
    """

    alert_id: str
    root: str
    severity: str
    first_day: date
    last_day: date
    models: str
    day: date
    signals: Sequence[str]
    causes: Sequence[Mapping[str, Any]]


def diagnosis(tables: Tables, alert_id: str) -> Diagnosis:
    """Read an alert.

    Raises:
        UnknownNameError: no alert has this id.
    """
    return of_record(record.read(tables, record.ALERTS, since=_FIRST, until=_LAST), alert_id)


def of_record(alerts: pd.DataFrame, alert_id: str) -> Diagnosis:
    """An alert among the rows of the monitor's table."""
    mine = alerts[alerts["alert_id"] == alert_id].sort_values(ON_DAY)
    if not len(mine):
        known = [str(one) for one in alerts["alert_id"].unique()]
        raise UnknownNameError(f"no alert is called '{alert_id}': {hint(alert_id, known)}")
    rows = mine.to_dict("records")
    best = max(rows, key=lambda row: float(row["explained"]))
    evidence = json.loads(str(best["evidence"]))
    return Diagnosis(
        alert_id=alert_id, root=str(best["root"]), severity=str(rows[-1]["severity"]),
        first_day=best["first_day"], last_day=rows[-1][ON_DAY], models=str(best["models"]),
        day=best[ON_DAY], signals=evidence["signals"], causes=evidence["causes"],
    )  # fmt: skip


def diagnosis_lines(found: Diagnosis) -> Iterator[str]:
    """A diagnosis as lines."""
    reaches = f", reaches {found.models}" if found.models else ""
    yield (
        f"alert {found.alert_id}: {found.severity}, {found.root}, {found.first_day} to "
        f"{found.last_day}{reaches}"
    )
    if not found.causes:
        yield f"no cause explains what was seen on {found.day}"
    for n, cause in enumerate(found.causes, start=1):
        yield f"{n}. {cause['kind']} ({cause['explained']:.0%} of the alarm): {cause['text']}"
        if cause["counterfactual"]:
            yield f"   {cause['counterfactual']}"
    yield f"seen on {found.day}:"
    for one in found.signals:
        yield f"  {one}"
