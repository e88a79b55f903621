"""When to make money available: the cheapest course of each band, and rates by cohort."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from stockade import Course, EventSource, Label, Level, ReleaseStrategy, days
from stockade.errors import DefinitionError
from stockade.learning.release import Payments, Reports, approvals, bands, cohorts, known_after
from tests.learning.samples import SPEC

DAY = 86_400_000_000
RETURNS = EventSource(name="returns_", origin="returns", event_time="returned_at")
RETURNED = Label(
    name="is_returned",
    source=RETURNS,
    keys={"deposit_id": "deposit_id"},
    horizon=days(4),
    reporting_delay=days(0),
)
STRATEGY = ReleaseStrategy(
    name="release",
    models=(SPEC,),
    amount="amount",
    courses=(
        Course(name="instant"),
        Course(name="hold_2d", hold=days(2), friction=1.0),
        Course(name="limit_10", limit=10.0, hold=days(4), friction=1.0),
        Course(name="refuse", refuses=True, friction=20.0),
    ),
    levels=(Level(name="returned", label=RETURNED, rate=0.1),),
    bands=(0.5, 0.9),
    cohort=days(10),
)


def reports(delays: list[float], ages: list[float], *, censored: int = 0) -> Reports:
    """Delays and ages in days; a delay of -1 is no report, the last ones are censored."""
    flags = np.zeros(len(ages), np.bool_)
    if censored:
        flags[-censored:] = True
    return Reports(
        age=(np.array(ages) * DAY).astype(np.int64),
        delay=np.where(np.array(delays) < 0, -1, np.array(delays) * DAY).astype(np.int64),
        is_censored=flags,
        maturity=timedelta(days=4),
    )


def test_each_band_gets_the_course_that_costs_least() -> None:
    # Half of the returns are known within two days, all within four.
    known = reports([1, 3] * 5 + [-1] * 90, [20] * 100)
    p = np.r_[np.full(50, 0.001), np.full(40, 0.03), np.full(10, 0.9)]
    payments = Payments(amounts=np.full(100, 100.0), risks={"m": p}, reports={"m": known})

    found, totals = bands(STRATEGY, payments)

    assert [band.course for band in found] == ["instant", "limit_10", "refuse"]
    # Half of what a return would lose is spared, and one honest customer waits for two days.
    assert found[1].costs["hold_2d"] == pytest.approx(0.03 * 100 * 0.5 + 0.97)
    assert found[1].costs["limit_10"] == pytest.approx(0.03 * 10 + 0.97)
    assert found[2].costs == pytest.approx(
        {"instant": 90.0, "hold_2d": 45.1, "limit_10": 9.1, "refuse": 2.0}
    )
    assert totals["bands"].expected == min(total.expected for total in totals.values())


def test_what_a_course_bore_goes_by_when_the_return_was_known() -> None:
    known = reports([1, 3, -1, -1], [20] * 4)
    payments = Payments(amounts=np.full(4, 100.0), risks={"m": np.full(4, 0.5)},
                        reports={"m": known})  # fmt: skip

    totals = bands(STRATEGY, payments)[1]

    # The hold of two days spares the first return and not the second; two honest ones wait.
    assert totals["instant"].borne == 200.0
    assert totals["hold_2d"].borne == 100.0 + 2.0
    assert totals["refuse"].borne == 2 * 20.0


def test_a_limit_is_felt_only_above_it() -> None:
    known = reports([1, -1], [20, 20])
    payments = Payments(amounts=np.array([8.0, 8.0]), risks={"m": np.array([0.1, 0.1])},
                        reports={"m": known})  # fmt: skip

    costs = bands(STRATEGY, payments)[0][0].costs

    assert costs["limit_10"] == costs["instant"] == pytest.approx(0.8)


def test_a_young_cohort_is_completed_with_an_interval() -> None:
    # Old payments: half of the returns within a day, all within three.
    delays = [0.5, 2.5] * 10 + [-1] * 80 + [0.5] * 5 + [-1] * 95
    ages = [20.0] * 100 + [1.0] * 100
    made_at = np.datetime64("2026-03-21", "us") - (np.array(ages) * DAY).astype("timedelta64[us]")

    young, *_, old = cohorts(STRATEGY, made_at, {"returned": reports(delays, ages)})

    assert (old.payments, old.reported, old.matured, old.verdict) == (100, 20, 1.0, "above")
    assert old.completed == old.low == old.high == 0.2
    assert (young.payments, young.observed, young.matured) == (100, 0.05, 0.0)
    assert young.completed is not None
    assert young.low is not None
    assert young.high is not None
    assert 0.07 < young.completed < 0.13
    assert young.low < young.completed < young.high
    assert young.verdict == "open"


def test_stopped_payments_count_neither_as_honest_nor_as_returned() -> None:
    one = reports([1, -1, -1, -1], [20] * 4, censored=2)
    made_at = np.full(4, np.datetime64("2026-03-01", "us"))

    (cohort,) = cohorts(STRATEGY, made_at, {"returned": one})

    assert (cohort.payments, cohort.approved, cohort.observed) == (2, 0.5, 0.5)


def test_fewer_approvals_mean_fewer_returns_where_the_risk_tells_them_apart() -> None:
    known = reports([-1] * 90 + [1] * 10, [20] * 100)
    payments = Payments(amounts=np.full(100, 10.0), risks={"m": np.linspace(0, 1, 100)},
                        reports={"m": known})  # fmt: skip

    points = approvals(payments, {"returned": known}, shares=(0.9, 0.95, 1.0))

    assert [point.rates["returned"] for point in points] == pytest.approx([0.0, 5 / 95, 0.1])


def test_what_is_known_grows_with_each_day_of_a_hold() -> None:
    known = reports([1, 2, 3, 3] + [-1] * 6, [20] * 10)

    assert known_after({"m": known}, days=4) == {"m": [0.25, 0.5, 1.0, 1.0]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"courses": STRATEGY.courses[:1]}, "needs two courses at least"),
        ({"courses": STRATEGY.courses[1:]}, "the first is to let all go"),
        ({"bands": (0.9, 0.5)}, "bands that do not ascend"),
        ({"models": ()}, "has no models"),
    ],
)
def test_a_strategy_that_does_not_fit_together_is_refused(
    change: dict[str, object], said: str
) -> None:
    with pytest.raises((DefinitionError, ExceptionGroup)) as fault:
        replace(STRATEGY, **change)
    faults = getattr(fault.value, "exceptions", (fault.value,))
    assert any(said in str(one) for one in faults)
