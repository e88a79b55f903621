"""What releasing money early costs, band by band, and how many payments come back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from stockade.decisions import Numbers
from stockade.definitions.release import Course, Level, ReleaseStrategy
from stockade.learning.data import Instants
from stockade.learning.recent import LEAST_SHARE, Completion, Micros, completed, completion

_APPROVED = (0.8, 0.85, 0.9, 0.92, 0.94, 0.96, 0.97, 0.98, 0.99, 0.995, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reports:
    """What is known of n payments at one moment, of one way in which they may come back.

    Attributes:
        age: microseconds since each was made.
        delay: microseconds from the payment to the report; -1 where nothing is reported.
        is_censored: whether we stopped it, so that nothing can be known.
        maturity: how long a report may take.
    """

    age: Micros
    delay: Micros
    is_censored: NDArray[np.bool_]
    maturity: timedelta

    @property
    def reported(self) -> NDArray[np.bool_]:
        """Which came back, as far as is known."""
        return self.delay >= 0

    @property
    def mature(self) -> NDArray[np.bool_]:
        """Which are old enough to be trusted to be honest where nothing is reported."""
        return (self.age >= self.maturity // timedelta(microseconds=1)) & ~self.is_censored

    def completion(self) -> Completion:
        """The distribution of the delay, from reports of payments old and young."""
        return completion(self.delay[self.reported], self.age[self.reported])

    def share(self, curve: Completion) -> Numbers:
        """Per payment, the share of all reports of its age that should be known."""
        return curve.share(self.age, maturity=self.maturity)

    def take(self, rows: NDArray[np.bool_]) -> "Reports":
        """Only these payments."""
        return Reports(
            age=self.age[rows],
            delay=self.delay[rows],
            is_censored=self.is_censored[rows],
            maturity=self.maturity,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Payments:
    """Scored payments.

    Attributes:
        amounts: of n payments.
        risks: model -> calibrated probability that it comes back so.
        reports: model -> what is known of it.
    """

    amounts: Numbers
    risks: Mapping[str, Numbers]
    reports: Mapping[str, Reports]


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Payments of like risk.

    Attributes:
        low, high: the least and the highest risk of the band.
        payments, mean_amount: how many, and how large.
        expected: model -> mean probability.
        observed: model -> share that came back of those old enough to know; None without any.
        costs: course -> expected loss and friction of one payment.
        course: the one that costs least.
    """

    low: float
    high: float
    payments: int
    mean_amount: float
    expected: Mapping[str, float]
    observed: Mapping[str, float | None]
    costs: Mapping[str, float]
    course: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What a way of releasing costs: expected of all payments, and borne by those old enough."""

    expected: float
    borne: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """If only the least risky payments were approved: the share that comes back of them."""

    approved: float
    rates: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortRate:
    """Payments made in one period, and how many came back, counted by when they were made.

    Attributes:
        first, last: the period's first and last day.
        level: which returns, and where they should stay below.
        limit: the level's rate.
        payments: how many were let through.
        approved: the share of all that these are.
        reported: how many are known to have come back.
        observed: the share that these are.
        matured: the share of the payments that are old enough for all of it to be known.
        known: the share of all returns that should be known by now.
        completed, low, high: the share that will have come back in the end, with 90 % confidence;
            None where too little is known.
        verdict: `below`, `above` or, with the level inside the interval, `open`.
    """

    first: str
    last: str
    level: str
    limit: float
    payments: int
    approved: float
    reported: int
    observed: float
    matured: float
    known: float
    completed: float | None
    low: float | None
    high: float | None
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A strategy, worked out for a period.

    Attributes:
        strategy: its name.
        since, until, as_of: which payments, and when that was known.
        payments, mature: how many were scored, and how many are old enough to know what became of
            them.
        bands: the least risky first.
        totals: `bands` (each band's own course), then each course for all.
        approvals: the rate of returns against the share approved.
        cohorts: the levels, period by period, the newest first.
        delays: model -> share of its returns that is known after 1 to 5 days.
    """

    strategy: str
    since: str
    until: str
    as_of: str
    payments: int
    mature: int
    bands: Sequence[Band]
    totals: Mapping[str, Totals]
    approvals: Sequence[Approval] = field(default=())
    cohorts: Sequence[CohortRate] = field(default=())
    delays: Mapping[str, Sequence[float]] = field(default_factory=dict[str, Sequence[float]])


def bands(strategy: ReleaseStrategy, payments: Payments) -> tuple[list[Band], dict[str, Totals]]:
    """The cheapest course of each band, and what that and each course for all would cost."""
    names = [course.name for course in strategy.courses]
    curves = {name: one.completion() for name, one in payments.reports.items()}
    expected = np.stack(
        [_expected(course, payments, curves) for course in strategy.courses], axis=1
    )
    borne, mature = _borne(strategy.courses, payments)
    risk = risks(payments)
    order = np.argsort(risk, kind="stable")
    ends = [round(len(risk) * edge) for edge in (0.0, *strategy.bands, 1.0)]
    found: list[Band] = []
    chosen = np.zeros(len(risk), np.int64)
    for low, high in pairwise(ends):
        rows = order[low:high]
        if not len(rows):
            continue
        costs = expected[rows].mean(axis=0)
        best = int(np.argmin(costs))
        chosen[rows] = best
        found.append(
            Band(
                low=float(risk[rows[0]]),
                high=float(risk[rows[-1]]),
                payments=len(rows),
                mean_amount=float(payments.amounts[rows].mean()),
                expected={name: float(p[rows].mean()) for name, p in payments.risks.items()},
                observed={name: _observed(one, rows) for name, one in payments.reports.items()},
                costs=dict(zip(names, costs.tolist(), strict=True)),
                course=names[best],
            )
        )
    every = np.arange(len(risk))
    totals = {"bands": _totals(expected[every, chosen], borne[every, chosen], mature)}
    for n, name in enumerate(names):
        totals[name] = _totals(expected[:, n], borne[:, n], mature)
    return found, totals


def risks(payments: Payments) -> Numbers:
    """The chance that a payment comes back in any of the ways; at most 1."""
    return np.minimum(np.sum(list(payments.risks.values()), axis=0), 1.0)


def approvals(
    payments: Payments, levels: Mapping[str, Reports], *, shares: Sequence[float] = _APPROVED
) -> list[Approval]:
    """The completed rate of returns when only the least risky payments are approved.

    A report counts for all those of its age, 1 / (share known at that age); stopped payments are
    left out, since nobody knows of them.
    """
    order = np.argsort(risks(payments), kind="stable")
    weights: dict[str, Numbers] = {}
    for name, one in levels.items():
        share = one.share(one.completion())
        telling = one.reported & (share >= LEAST_SHARE)
        weights[name] = np.where(telling, 1.0 / np.maximum(share, LEAST_SHARE), 0.0)
    points: list[Approval] = []
    for approved in shares:
        rows = order[: max(1, round(len(order) * approved))]
        points.append(
            Approval(
                approved=approved,
                rates={
                    name: float(weights[name][rows].sum() / max(1, (~one.is_censored[rows]).sum()))
                    for name, one in levels.items()
                },
            )
        )
    return points


def cohorts(
    strategy: ReleaseStrategy, made_at: Instants, levels: Mapping[str, Reports]
) -> list[CohortRate]:
    """Every level for each period back from the newest payment, the newest first."""
    if not len(made_at):
        return []
    length = np.timedelta64(strategy.cohort, "us")
    end = made_at.max() + np.timedelta64(1, "us")
    found: list[CohortRate] = []
    curves = {name: one.completion() for name, one in levels.items()}
    while end > made_at.min():
        rows = (made_at >= end - length) & (made_at < end)
        if rows.any():
            period = (made_at[rows].min(), made_at[rows].max())
            for level in strategy.levels:
                one = levels[level.name].take(rows)
                found.append(_cohort(level, period, one, curves[level.name]))
        end = end - length
    return found


def known_after(reports: Mapping[str, Reports], days: int = 5) -> dict[str, list[float]]:
    """Model -> share of its returns that is known after 1 to `days` days."""
    return {
        name: [
            float(_known(one.completion(), timedelta(days=n), one.maturity))
            for n in range(1, days + 1)
        ]
        for name, one in reports.items()
    }


def _cohort(
    level: Level, period: tuple[np.datetime64, np.datetime64], one: Reports, curve: Completion
) -> CohortRate:
    let_through = ~one.is_censored
    payments, reported = int(let_through.sum()), int(one.reported.sum())
    known = float(one.share(curve)[let_through].mean()) if payments else 0.0
    estimate = low = high = None
    if payments and known >= LEAST_SHARE:
        total, within = completed(reported, known)
        estimate, low, high = (one / payments for one in (total, within.low, within.high))
    verdict = "open"
    if low is not None and high is not None:
        verdict = "above" if low > level.rate else "below" if high <= level.rate else "open"
    return CohortRate(
        first=str(period[0].astype("datetime64[D]")),
        last=str(period[1].astype("datetime64[D]")),
        level=level.name,
        limit=level.rate,
        payments=payments,
        approved=payments / len(let_through),
        reported=reported,
        observed=reported / payments if payments else 0.0,
        matured=float(one.mature.sum() / payments) if payments else 0.0,
        known=known,
        completed=estimate,
        low=low,
        high=high,
        verdict=verdict,
    )


def _known(curve: Completion, hold: timedelta, maturity: timedelta) -> float:
    """The share of the returns that is known when a hold of this length ends."""
    after = np.array([hold // timedelta(microseconds=1)], np.int64)
    return float(curve.share(after, maturity=maturity)[0]) if len(curve.delays) else 0.0


def _split(course: Course, amounts: Numbers) -> tuple[Numbers, Numbers]:
    """How much is available at once, and how much waits."""
    nothing = np.zeros(len(amounts))
    if course.refuses:
        return nothing, nothing
    if not course.hold:
        return amounts, nothing
    at_once = nothing if course.limit is None else np.minimum(amounts, course.limit)
    return at_once, amounts - at_once


def _friction(course: Course, amounts: Numbers) -> Numbers:
    """A limit is felt only above it."""
    felt = np.ones(len(amounts)) if course.limit is None else (amounts > course.limit) * 1.0
    return np.asarray(course.friction * felt, np.float64)


def _expected(course: Course, payments: Payments, curves: Mapping[str, Completion]) -> Numbers:
    at_once, held = _split(course, payments.amounts)
    cost: Numbers = (1.0 - risks(payments)) * _friction(course, payments.amounts)
    for name, p in payments.risks.items():
        known = _known(curves[name], course.hold, payments.reports[name].maturity)
        cost = cost + p * (at_once + held * (1.0 - known))
    return cost


def _borne(courses: Sequence[Course], payments: Payments) -> tuple[Numbers, NDArray[np.bool_]]:
    """Payments x courses: what each would have cost, and which payments are old enough to say."""
    reports = list(payments.reports.values())
    mature = np.all([one.mature for one in reports], axis=0)
    came_back = np.any([one.reported for one in reports], axis=0)
    # What comes back twice is lost once, and known by the first report.
    delays = [np.where(one.reported, one.delay, np.iinfo(np.int64).max) for one in reports]
    delay = np.min(delays, axis=0)
    columns: list[Numbers] = []
    for course in courses:
        at_once, held = _split(course, payments.amounts)
        late = delay > course.hold // timedelta(microseconds=1)
        loss = np.where(came_back, at_once + held * late, 0.0)
        columns.append(loss + np.where(came_back, 0.0, _friction(course, payments.amounts)))
    return np.stack(columns, axis=1), mature


def _observed(one: Reports, rows: NDArray[np.int64]) -> float | None:
    mature = one.mature[rows]
    return float(one.reported[rows][mature].mean()) if mature.any() else None


def _totals(expected: Numbers, borne: Numbers, mature: NDArray[np.bool_]) -> Totals:
    return Totals(expected=float(expected.sum()), borne=float(borne[mature].sum()))
