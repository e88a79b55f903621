"""Signals become alerts: one for each cause, as grave as it is."""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from stockade.watching.judge import ACCEPTED, SILENT, Alert, Judge
from stockade.watching.lineage import Lineage, Upstream
from stockade.watching.past import (
    BINS,
    FEATURE,
    MEASURES,
    OUTCOME,
    SCORES,
    SOURCE,
    STATES,
    Found,
    Past,
)

FIRST = np.datetime64("2026-01-05")
WEEKS = 42
BEHIND = Upstream(
    sources=frozenset(("transfers",)), views=frozenset(("totals",)), reach=timedelta(days=7)
)


def judge() -> Judge:
    """Of a model whose input is made of `transfers`; `sign_ups` is read by nobody."""
    past = Past.of(
        bins=pd.DataFrame(columns=list(BINS)), states=pd.DataFrame(columns=list(STATES)),
        measures=pd.DataFrame(columns=list(MEASURES)),
    )  # fmt: skip
    return Judge(past=past, lineage=Lineage(tables={}, inputs={"returns": {"total_7d": BEHIND}}))


def measures(**odd: float) -> list[Found]:
    """A day on which all is as always, but for what is named."""
    draw = np.random.default_rng(len(odd))

    def found(layer: str, subject: str, measure: str, usual: float, column: str = "") -> Found:
        name = f"{subject}_{measure}"
        value = odd.get(name, usual * float(np.exp(draw.normal(0, 0.01))))
        return Found(layer=layer, subject=subject, measure=measure, value=value, column=column)

    return [
        found(SOURCE, "transfers", "rows", 1_000.0),
        found(SOURCE, "sign_ups", "rows", 100.0),
        found(FEATURE, "returns", "missing_share", 0.01, "total_7d"),
        found(FEATURE, "returns", "skew_share", 0.0),
        found(SCORES, "returns", "psi_previous", 0.01, "score"),
        found(OUTCOME, "returns", "found_share", 0.6),
    ]


def settled() -> Judge:
    """Six quiet weeks later."""
    watched = judge()
    for n in range(WEEKS):
        assert watched.day(FIRST + np.timedelta64(n, "D"), measures())[1] == []
    return watched


def day(n: int) -> np.datetime64:
    return FIRST + np.timedelta64(WEEKS + n, "D")


def raised(watched: Judge, n: int, changed: Sequence[str] = (), **odd: float) -> list[Alert]:
    return watched.day(day(n), measures(**odd), changed_views=changed)[1]


def test_what_a_broken_source_does_downstream_is_its_own_alert() -> None:
    watched = settled()

    (alert,) = raised(
        watched, 0, transfers_rows=200.0, returns_missing_share=0.6, returns_psi_previous=0.8
    )

    assert (alert.root, alert.severity, alert.models) == (
        "table transfers",
        "critical",
        ("returns",),
    )
    assert {one.found.layer for one in alert.signals} == {SOURCE, FEATURE, SCORES}
    # A week later its rows are as before, but still in the window that the feature looks at.
    (later,) = raised(watched, 6, returns_missing_share=0.5)
    assert (later.alert_id, later.root, later.first_day) == (alert.alert_id, alert.root, day(0))


def test_an_alert_ends_when_its_window_is_clean_and_the_next_is_another() -> None:
    watched = settled()
    (alert,) = raised(watched, 0, transfers_rows=200.0)
    for n in range(1, SILENT + 8):
        assert raised(watched, n) == []

    (own,) = raised(watched, SILENT + 8, returns_missing_share=0.6)
    (again,) = raised(watched, SILENT + 9, transfers_rows=200.0)

    assert own.root == "model returns"
    assert again.root == alert.root
    assert again.alert_id != alert.alert_id


def test_a_changed_definition_is_the_root_of_what_it_moves() -> None:
    (alert,) = raised(settled(), 0, ["totals", "of_another_model"], returns_missing_share=0.6)

    assert alert.root == "view totals"


@pytest.mark.parametrize(
    ("odd", "severity"),
    [
        ({"returns_missing_share": 0.6}, "notice"),  # an input alone
        ({"returns_psi_previous": 0.25}, "warning"),  # scores
        ({"returns_skew_share": 0.001}, "warning"),  # scored otherwise than trained
        ({"sign_ups_rows": 5.0}, "warning"),  # grave, but no model reads it
        ({"returns_found_share": 0.1}, "critical"),  # frauds pass
    ],
)
def test_severity_follows_what_is_reached(odd: dict[str, float], severity: str) -> None:
    (alert,) = raised(settled(), 0, **odd)

    assert alert.severity == severity


def test_two_causes_are_two_alerts() -> None:
    found = raised(settled(), 0, transfers_rows=200.0, sign_ups_rows=5.0)

    assert {one.root for one in found} == {"table transfers", "table sign_ups"}


def test_what_lasts_becomes_what_is_usual() -> None:
    watched = settled()

    alerts = [n for n in range(90) if raised(watched, n, transfers_rows=400.0)]

    assert alerts[:ACCEPTED] == [*range(ACCEPTED)]
    assert len(alerts) < 2 * ACCEPTED
