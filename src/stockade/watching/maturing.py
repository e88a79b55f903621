"""How well a model does, as its labels mature: known, and expected while they are pending."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stockade.decisions import DecisionRule
from stockade.definitions.spine import CENSORED, POSITIVE
from stockade.learning.data import LearningData
from stockade.learning.evaluate import evaluate
from stockade.learning.quality import LEAST_POSITIVES, TAIL, by_slice, intervals, outcomes
from stockade.learning.recent import LEAST_SHARE, Completion, completed, completion
from stockade.watching.decided import Watched
from stockade.watching.past import OUTCOME, Day, Found

# Mature decisions are judged by so many days at a time, reports by a week's.
_WINDOW, _WEEK = 28, 7
# Fewer reports say nothing about how long they take, or which were found.
_LEAST = 15
# With fewer positives a metric is chance.
_POSITIVES = 30
_MICROS = "datetime64[us]"
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deciding:
    """A model and what it is held against.

    Attributes:
        name: the model.
        maturity: how long until a decision without a report is honest.
        capacity: reviews a day.
        passed: the action that is no alert; None without a policy.
        rule: the champion's, or None.
        promised: metric -> the low end of its interval on the champion's test period.
    """

    name: str
    maturity: timedelta
    capacity: int
    passed: str | None = None
    rule: DecisionRule | None = None
    promised: tuple[tuple[str, float], ...] = ()

    @classmethod
    def of(cls, watched: Watched) -> "Deciding":
        """Of a model that is watched."""
        spec, champion = watched.spec, watched.champion
        found = champion.judgement.get("intervals", {})
        return cls(
            name=spec.name,
            maturity=spec.training_set.label.maturity,
            capacity=spec.review_capacity,
            passed=None if spec.policy is None else spec.policy.actions[0].name,
            rule=champion.rule,
            promised=tuple((name, float(one["low"])) for name, one in found.items()),
        )


def outcome_measures(decided: pd.DataFrame, day: Day, of: Deciding) -> Iterator[Found]:
    """What was known of a model's decisions at the end of a day.

    Args:
        decided: decisions that begin long enough before `day`; see `decided.outcomes`.
        day: which.
        of: the model.

    Yields:
        Of the reports that became known in the week up to the day: `reports_ratio` (as many as the
        probabilities and the curve of delays foretold are 1), `found_share` (of them, the share
        whose decision was stopped), `report_delay` (hours, median); the first two in each slice
        as well. Of the mature decisions of four weeks: the metrics of `evaluate` with intervals,
        `calibration_ratio` (positives foretold for each one found), `calibration_gap` (how far
        all of its interval lies from 1, as a logarithm), money, and in each slice precision,
        calibration, and what was stopped of it. Of each day that is not mature: `positives` as
        known, and as expected when all is known (estimated, with an interval).
    """
    end = (day + np.timedelta64(1, "D")).astype(_MICROS)
    at = decided["decided_at"].to_numpy().astype(_MICROS)
    rows = decided[(at < end) & (decided["state"].to_numpy() != CENSORED)]
    if not len(rows):
        return
    view = _View(rows, end, of)
    yield Found(
        layer=OUTCOME, subject=of.name, measure="reports",
        value=float((view.reported & (view.known >= end - np.timedelta64(1, "D"))).sum()),
    )  # fmt: skip
    yield from _reports(view, np.ones(len(rows), np.bool_), "")
    for name in (one for one in rows.columns if one.startswith("slice ")):
        for value in _bands(rows[name]):
            yield from _reports(view, value[1], f"{name.removeprefix('slice ')}={value[0]}")
    if view.weekly.sum() >= _LEAST:
        delay = (view.known - view.at)[view.weekly].astype(np.float64) / 3.6e9
        spread = 1.25 * float(np.log(np.maximum(delay, 1 / 60)).std()) / np.sqrt(len(delay))
        yield Found(
            layer=OUTCOME, subject=of.name, measure="report_delay",
            value=max(float(np.median(delay)), 1 / 60), chance=4 * spread,
        )  # fmt: skip
    yield from _pending(view)
    yield from _matured(view)


class _View:
    """Decisions as they were known at one moment."""

    def __init__(self, rows: pd.DataFrame, end: np.datetime64, of: Deciding) -> None:
        self.rows, self.end, self.of = rows, end, of
        self.at = rows["decided_at"].to_numpy().astype(_MICROS)
        self.known = rows["known_at"].to_numpy().astype(_MICROS)
        self.probability = rows["probability"].to_numpy().astype(np.float64)
        positive = rows["state"].to_numpy() == POSITIVE
        # A report is what a later run knows, and this moment too.
        self.reported = positive & (self.known < end)
        self.weekly = self.reported & (self.known >= end - np.timedelta64(_WEEK, "D"))
        age = (end - self.at).astype(np.int64)
        delay = (self.known - self.at).astype(np.int64)
        self.curve: Completion = completion(delay[self.reported], age[self.reported])
        self.share = self.curve.share(age, maturity=of.maturity)
        before = np.maximum(age - _WEEK * 86_400_000_000, 0)
        self.share_before = self.curve.share(before, maturity=of.maturity)
        self.mature = age >= _micros(of.maturity)
        self.stopped = _stopped(rows, of)


def _stopped(rows: pd.DataFrame, of: Deciding) -> NDArray[np.bool_]:
    """What was not let pass; without a policy, what is among the day's highest scores."""
    if of.passed is not None and "action" in rows:
        return rows["action"].to_numpy() != of.passed
    days = rows["decided_at"].dt.floor("D")
    rank = rows["score"].groupby(days).rank(method="first", ascending=False)
    return rank.to_numpy() <= of.capacity


def _reports(view: _View, rows: NDArray[np.bool_], within: str) -> Iterator[Found]:
    due = (view.probability * (view.share - view.share_before))[rows].sum()
    reports = int(view.weekly[rows].sum())
    if due >= _LEAST or reports >= _LEAST:
        # Waves are not Poisson: twice the variance.
        chance = 4 * float(np.sqrt(2 / max(due, 1.0)))
        yield Found(
            layer=OUTCOME, subject=view.of.name, measure="reports_ratio", slice=within,
            value=(reports + 0.5) / (float(due) + 0.5), chance=chance,
        )  # fmt: skip
    if reports >= _LEAST:
        share = float(view.stopped[view.weekly & rows].mean())
        yield Found(
            layer=OUTCOME, subject=view.of.name, measure="found_share", slice=within,
            value=share, chance=3.5 * float(np.sqrt(max(share * (1 - share), 0.05) / reports)),
        )  # fmt: skip


def _bands(values: pd.Series) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """A slice's values and their rows; of numbers, quarters."""
    if values.dtype.kind in "if":
        cuts = np.nanquantile(values.to_numpy(), (0.25, 0.5, 0.75))
        band = np.searchsorted(cuts, values.to_numpy(), side="right")
        for n in range(len(cuts) + 1):
            yield f"quarter {n + 1}", (band == n) & values.notna().to_numpy()
        return
    texts = values.astype("string").fillna("null")
    for one in texts.value_counts().index[:12]:
        yield str(one), (texts == one).to_numpy()


def _pending(view: _View) -> Iterator[Found]:
    """Day by day what is known, and how many positives there will be."""
    days = view.at.astype("datetime64[D]")
    for day in np.unique(days[~view.mature]):
        mine = days == day
        reported, share = int(view.reported[mine].sum()), float(view.share[mine].mean())
        known = partial(Found, layer=OUTCOME, subject=view.of.name, column=str(day))
        yield known(measure="decisions", value=float(mine.sum()))
        yield known(measure="positives_known", value=float(reported))
        yield known(measure="share_known", value=share)
        if share >= LEAST_SHARE:
            expected, within = completed(reported, share)
            yield known(
                measure="positives_expected", value=expected, estimated=True,
                low=within.low, high=within.high,
            )  # fmt: skip


def _matured(view: _View) -> Iterator[Found]:
    """The four weeks of decisions that have matured last."""
    first = (
        view.end - np.timedelta64(_WINDOW, "D") - np.timedelta64(_micros(view.of.maturity), "us")
    )
    rows = view.mature & (view.at >= first)
    labels = view.reported[rows]
    if not _POSITIVES <= labels.sum() < len(labels):
        return
    order = np.argsort(view.at[rows], kind="stable")
    table = view.rows[rows].iloc[order]
    entities = pd.factorize(table["entity"])[0].astype(np.int64)
    sliced = [one for one in table.columns if one.startswith("slice ")]
    losses = table["loss"].to_numpy().astype(np.float64) if "loss" in table else None
    data = LearningData(
        inputs=(), rows=np.empty((len(table), 0), np.float32), labels=labels[order],
        decided_at=view.at[rows][order], entities=entities, losses=losses,
        slices={one.removeprefix("slice "): _in_words(table[one]) for one in sliced},
    )  # fmt: skip
    scores = table["score"].to_numpy().astype(np.float64)
    probability = view.probability[rows][order]
    found = evaluate(
        data.labels, scores, data.decided_at, entities=entities,
        capacity=view.of.capacity, probabilities=probability,
    )  # fmt: skip
    sure = intervals(data, scores, capacity=view.of.capacity)
    promised = dict(view.of.promised)
    of = partial(Found, layer=OUTCOME, subject=view.of.name)
    for name in ("average_precision", "roc_auc", "precision_at_capacity", "recall_at_capacity"):
        value, where = float(getattr(found, name)), sure.get(name)
        low, high = (np.nan, np.nan) if where is None else (where.low, where.high)
        yield of(measure=name, value=value, low=low, high=high)
        if name in promised and where is not None:
            # Above zero: all of the interval lies below all of what the test period promised.
            yield of(measure="metric_gap", column=name, value=promised[name] - high)
    positives = int(data.labels.sum())
    calibrated = _calibrated(of, float(probability.sum()), positives)
    yield calibrated
    # Above zero: all of the interval lies on one side of 1.
    gap = max(np.log(calibrated.low), -np.log(calibrated.high), 0.0)
    yield of(measure="calibration_gap", value=float(gap))
    yield from _sliced(of, data, scores, probability, view.stopped[rows][order])
    yield of(measure="calibration_error", value=found.calibration_error)
    yield of(measure="brier", value=found.brier)
    yield of(measure="positive_share", value=positives / len(data))
    if view.of.rule is not None and losses is not None and "action" in table:
        names = [one.name for one in view.of.rule.policy.actions]
        actions = table["action"].map({name: n for n, name in enumerate(names)}).to_numpy()
        for line in outcomes(data, view.of.rule, actions.astype(np.int64)):
            for name in ("decisions", "positives", "at_risk", "prevented", "cost", "friction"):
                yield of(measure=name, column=f"action {line.action}",
                            value=float(getattr(line, name)))  # fmt: skip


def _calibrated(of: partial[Found], expected: float, positives: int) -> Found:
    """Positives foretold for each one found; positives are counts, and no count is certain."""
    wide, ratio = TAIL / np.sqrt(positives), max(expected, 1e-6) / positives
    return of(measure="calibration_ratio", value=ratio, low=ratio * np.exp(-wide),
              high=ratio * np.exp(wide))  # fmt: skip


def _sliced(
    of: partial[Found],
    data: LearningData,
    scores: Numbers,
    probability: Numbers,
    stopped: NDArray[np.bool_],
) -> Iterator[Found]:
    for line in by_slice(data, scores, probability, stopped)[1:]:
        if not line.value or line.positives < LEAST_POSITIVES:
            continue
        within = partial(of, slice=f"{line.column}={line.value}")
        yield _calibrated(within, line.expected * line.rows, line.positives)
        for name, value in (
            ("positive_share", line.observed), ("average_precision", line.average_precision),
            ("stopped_share", line.found), ("false_alarm_share", line.false_alarms),
        ):  # fmt: skip
            if value is not None:
                yield within(measure=name, value=value)


def _in_words(values: pd.Series) -> NDArray[np.str_]:
    """Each row's band of a slice; '' where it is in none."""
    words = np.full(len(values), "", dtype=object)
    for name, mine in _bands(values):
        words[mine] = name
    return words.astype(np.str_)


def _micros(length: timedelta) -> int:
    return length // timedelta(microseconds=1)
