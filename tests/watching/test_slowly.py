"""What comes slowly: waves that build up, champions that age."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from stockade.watching.causes import Cause, diagnosed
from stockade.watching.judge import Alert, Judge
from stockade.watching.lineage import Lineage, Upstream
from stockade.watching.past import BINS, MEASURES, OUTCOME, STATES, Found, Past

FIRST, MODEL = np.datetime64("2026-01-05"), "returns"
# A week's reports are looked at each day: neighbours share six of seven days.
WEEK = np.ones(7) / 7
Course = Callable[[np.ndarray], np.ndarray]


def judge() -> Judge:
    past = Past.of(
        bins=pd.DataFrame(columns=list(BINS)), states=pd.DataFrame(columns=list(STATES)),
        measures=pd.DataFrame(columns=list(MEASURES)),
    )  # fmt: skip
    return Judge(
        past=past, lineage=Lineage(tables={}, inputs={MODEL: {"amount": Upstream()}}, labels={})
    )


def found(measure: str, value: float, *, within: str = "", chance: float) -> Found:
    return Found(layer=OUTCOME, subject=MODEL, measure=measure, value=value, slice=within,
                 chance=chance)  # fmt: skip


def seen(course: Course, *, days: int, seed: int) -> dict[int, tuple[Alert, tuple[Cause, ...]]]:
    """Day -> alert and causes, of a share of the reports that was found and takes a course."""
    draw, watched = np.random.default_rng(seed), judge()
    noise = np.convolve(draw.normal(0, 0.11, days + 6), WEEK, "valid")
    shares = np.clip(course(np.arange(days)) + noise, 0.02, 0.98)
    alerts = {}
    for n, share in enumerate(shares):
        day = FIRST + np.timedelta64(n, "D")
        _, raised = watched.day(day, [found("found_share", float(share), chance=0.12)])
        for alert in raised:
            alerts[n] = (alert, diagnosed(alert, watched.past, pd.DataFrame(columns=list(STATES))))
    return alerts


def first_causes(course: Course, on: range, days: int) -> list[str]:
    """The first cause on the last of some days with an alert, of ten histories."""
    named = []
    for seed in range(10):
        alerts = seen(course, days=days, seed=seed)
        told = [causes for n, (_, causes) in alerts.items() if n in on and causes]
        named += [told[-1][0].kind] if told else []
    return named


@pytest.mark.slow
def test_a_break_and_age_are_told_apart_once_they_can_be() -> None:
    def broken(n: np.ndarray) -> np.ndarray:
        return 0.45 - 0.25 * np.clip((n - 80) / 9, 0, 1)

    def aged(n: np.ndarray) -> np.ndarray:
        return 0.45 - 0.40 * np.clip((n - 80) / 50, 0, 1)

    at_once = first_causes(broken, range(98, 108), 108)
    by_and_by = first_causes(aged, range(120, 130), 130)

    assert at_once.count("concept drift") >= 8
    assert by_and_by.count("stale champion") >= 7


def test_on_the_first_day_of_an_alarm_nobody_claims_to_know() -> None:
    alerts = seen(lambda n: 0.45 - 0.40 * np.clip((n - 80) / 50, 0, 1), days=110, seed=0)

    _, causes = alerts[min(alerts)]
    assert {one.kind for one in causes} == {"concept drift", "stale champion"}
    assert all("will show in some weeks" in one.text for one in causes)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_wave_that_builds_up_is_no_measure_of_itself(seed: int) -> None:
    watched, draw, raised = judge(), np.random.default_rng(seed), []
    ratios = np.exp(np.log(4.5) * np.clip((np.arange(110) - 80) / 14, 0, 1))
    noise = np.exp(np.convolve(draw.normal(0, 0.7, 116), WEEK, "valid"))
    for n, ratio in enumerate(ratios * noise):
        day = FIRST + np.timedelta64(n, "D")
        measures = [found("reports_ratio", float(ratio), within="country=BR", chance=1.28)]
        _, alerts = watched.day(day, measures)
        raised += [n] * len(alerts)

    assert raised
    assert 80 < raised[0] <= 100
