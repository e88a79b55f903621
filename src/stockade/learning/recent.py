"""Decisions too young for their label: how much of it is known, and what to make of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from stockade.decisions import Numbers
from stockade.definitions.model import Algorithm, ModelSpec, Recent
from stockade.learning.data import (
    Columns,
    LearningData,
    appended,
    are_censored,
    instants_of,
    learning_data,
)
from stockade.learning.models import Fit, Params, fit_spec
from stockade.learning.quality import TAIL, Interval
from stockade.predictors import Predictor

# Of what is less known, a report would have to stand for too many.
LEAST_SHARE = 0.05

Micros = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Completion:
    """Which share of the positives is known how long after the decision.

    Attributes:
        delays: microseconds from decision to report, ascending, each once.
        shares: the share that is known by then; 1 at the last.
    """

    delays: Micros
    shares: Numbers

    def share(self, age: Micros, *, maturity: timedelta) -> Numbers:
        """Of what is known once the label is mature, the share that is known at this age."""
        whole = self._at(np.array([maturity // timedelta(microseconds=1)]))[0]
        if whole <= 0:
            return np.ones(len(age))
        return np.minimum(1.0, self._at(age) / whole)

    def _at(self, age: Micros) -> Numbers:
        steps = np.concatenate([[0.0], self.shares])
        return steps[np.searchsorted(self.delays, age, side="right")]


def completion(delay: Micros, age: Micros) -> Completion:
    """The distribution of the reporting delay, from reports of decisions old and young.

    A report is seen only if its delay is not longer than its decision's age. Time reversed, that
    is a product limit (Kaplan & Meier 1958) with late entry: the estimator of Lynden-Bell (1971)
    for right-truncated data, as in Lagakos, Barraj & De Gruttola (1988). Old decisions alone would
    do as well, and know nothing of how reporting has changed.

    Args:
        delay: from decision to report, of each known positive; microseconds.
        age: of its decision; not less than the delay.
    """
    delays, counts = np.unique(delay, return_counts=True)
    if not len(delays):
        return Completion(delays=np.zeros(0, np.int64), shares=np.zeros(0))
    # At risk at d: those that had come by d, among those old enough to have shown d.
    come = np.searchsorted(np.sort(delay), delays, side="right")
    young = np.searchsorted(np.sort(age), delays, side="left")
    risk = come - young
    kept = np.append((1.0 - counts / risk)[1:], 1.0)
    return Completion(delays=delays, shares=np.cumprod(kept[::-1], dtype=np.float64)[::-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """The decisions of one day that are too young for their label.

    Attributes:
        day: of the decisions.
        rows: how many.
        reported: positives that are known by now.
        share: of all its positives, the share that should be known by now.
        expected: how many positives there will be; None where too little is known to say.
        low, high: where that lies with 90 % confidence.
    """

    day: str
    rows: int
    reported: int
    share: float
    expected: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Young:
    """Decisions whose label was not mature at one moment, as they were known at that moment.

    Attributes:
        rows: in order of time; labelled true where a report was known by then.
        share: per row, the share of the positives of its age that was known.
    """

    rows: LearningData
    share: Numbers

    @property
    def telling(self) -> NDArray[np.int64]:
        """The rows of ages at which enough is known to learn from them."""
        return np.flatnonzero(self.share >= LEAST_SHARE)

    def cohorts(self) -> tuple[Cohort, ...]:
        """Day by day what is known of them, and what is still to come."""
        days = self.rows.decided_at.astype("datetime64[D]")
        return tuple(self._cohort(str(day), days == day) for day in np.unique(days))

    def _cohort(self, day: str, rows: NDArray[np.bool_]) -> Cohort:
        reported, share = int(self.rows.labels[rows].sum()), float(self.share[rows].mean())
        cohort = Cohort(
            day=day, rows=int(rows.sum()), reported=reported, share=share,
            expected=None, low=None, high=None,
        )  # fmt: skip
        if share < LEAST_SHARE:
            return cohort
        expected, within = completed(reported, share)
        return replace(cohort, expected=expected, low=within.low, high=within.high)


def completed(reported: int, share: float) -> tuple[float, Interval]:
    """How many there will be of what is known of in part, and the interval of 90 %.

    Of N each is known with chance `share`, above zero: what is missing is negative binomial.
    """
    expected = reported / share
    spread = TAIL * float(np.sqrt(max(reported, 1) * (1.0 - share))) / share
    return expected, Interval(low=max(float(reported), expected - spread), high=expected + spread)


def young_data(
    table: pa.Table, columns: Columns, *, at: datetime, maturity: timedelta
) -> Young | None:
    """The decisions before `at` whose label was not mature then; None if there are none.

    Censored ones are left out. A report that was taken back later counts as never made.
    """
    if columns.known_at is None:
        return None
    moment = _instant(at)
    decided = instants_of(table, columns.decided_at)
    known = instants_of(table, columns.known_at, nulls=True)
    label = pc.cast(table.column(columns.label), pa.bool_())
    positive = pc.if_else(label.is_valid(), label, pa.scalar(False)).to_numpy()
    reported = positive & (known <= moment) & (decided < moment)
    curve = completion(
        (known - decided)[reported].astype(np.int64), (moment - decided)[reported].astype(np.int64)
    )
    young = (decided < moment) & (decided > moment - np.timedelta64(maturity, "us"))
    young &= ~are_censored(table, columns.state)
    if not young.any():
        return None
    rows = _relabelled(table, columns, young, reported)
    age = (moment - rows.decided_at).astype(np.int64)
    return Young(rows=rows, share=curve.share(age, maturity=maturity))


def censored_data(
    table: pa.Table, columns: Columns, *, since: datetime, until: datetime
) -> LearningData | None:
    """The decisions of `[since, until)` that we cut short, labelled negative; None if none."""
    decided = instants_of(table, columns.decided_at)
    low, high = (_instant(one) for one in (since, until))
    blocked = (decided >= low) & (decided < high) & are_censored(table, columns.state)
    if not blocked.any():
        return None
    honest = np.zeros(len(blocked), np.bool_)
    return _relabelled(table, replace(columns, propensity=None), blocked, honest)


def _relabelled(
    table: pa.Table, columns: Columns, chosen: NDArray[np.bool_], labels: NDArray[np.bool_]
) -> LearningData:
    """The chosen rows with these labels."""
    index = table.column_names.index(columns.label)
    relabelled = table.set_column(index, columns.label, pa.array(labels))
    return learning_data(relabelled.filter(pa.array(chosen)), replace(columns, state=None))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Unlabelled:
    """The decisions that cannot be learnt from as they are.

    Attributes:
        young: those before the test period, as they were known when it began.
        cut_before, cut_during: those that we cut short, before the test period and in it.
        newest: those too young on the build date.
    """

    young: Young | None
    cut_before: LearningData | None
    cut_during: LearningData | None
    newest: Young | None


def unlabelled(
    table: pa.Table,
    columns: Columns,
    *,
    begins: datetime,
    built_at: datetime | None,
    maturity: timedelta,
) -> Unlabelled:
    """The training set's decisions without a mature label; `begins` is the test period's start."""
    first, last = datetime(1, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    newest = None
    if built_at is not None:
        newest = young_data(table, columns, at=built_at, maturity=maturity)
    return Unlabelled(
        young=young_data(table, columns, at=begins, maturity=maturity),
        cut_before=censored_data(table, columns, since=first, until=begins),
        cut_during=censored_data(table, columns, since=begins, until=last),
        newest=newest,
    )


def _instant(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")


def fit_with_young(
    spec: ModelSpec,
    params: Params,
    algorithm: Algorithm,
    known: LearningData,
    young: Young | None,
    *,
    how: Recent | None = None,
    fit: Fit = fit_spec,
) -> Predictor:
    """Fit on mature decisions, and on young ones as the model's definition says.

    - `drop`: on mature ones only.
    - `complete`: a report counts for all those of its age, 1 / share; those without one count
      less, each day's by as many as are still expected.
    - `importance`: likewise, but each decision without a report counts as the chance that it is
      honest, given its inputs and that nothing was reported so far, (1 - p) / (1 - p * share),
      with p from the model fitted on mature ones (Yasui et al. 2020 in its simplest form).

    Of ages at which hardly anything is known, decisions are dropped in any case.
    """
    how = how or spec.recent
    if young is None or how == "drop" or not len(young.telling):
        return fit(spec, params, algorithm, known)
    rows, share = young.rows.take(young.telling), young.share[young.telling]
    if how == "complete":
        unreported = _weights_by_day(rows, share)
    else:
        p = np.clip(fit(spec, params, algorithm, known).predict(rows.rows), 0.0, 1.0)
        unreported = (1.0 - p) / np.maximum(1.0 - p * share, 1e-9)
    weights = np.where(rows.labels, 1.0 / share, unreported)
    return fit(spec, params, algorithm, appended(known, rows, weights))


def _weights_by_day(rows: LearningData, share: Numbers) -> Numbers:
    days = np.unique(rows.decided_at.astype("datetime64[D]"), return_inverse=True)[1]
    expected = np.bincount(days, weights=rows.labels / share)
    number, reported = np.bincount(days), np.bincount(days, weights=rows.labels)
    left = np.maximum(number - expected, 0.0) / np.maximum(number - reported, 1.0)
    return left[days]


def fit_as_negatives(
    spec: ModelSpec,
    params: Params,
    algorithm: Algorithm,
    known: LearningData,
    other: LearningData,
    *,
    fit: Fit = fit_spec,
) -> Predictor:
    """What must never be done, to say what it would have changed: no report, so honest."""
    return fit(spec, params, algorithm, appended(known, other, np.ones(len(other))))


TREATMENTS: Mapping[Recent, str] = {
    "drop": "dropped",
    "complete": "weighted by the completion curve",
    "importance": "weighted by importance",
}
