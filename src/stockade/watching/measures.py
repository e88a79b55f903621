"""Measures of one day, from the record's bins."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stockade.learning.quality import TAIL
from stockade.watching.drift import Compared, Counts, compared, is_number
from stockade.watching.past import FEATURE, SCORES, SOURCE, Day, Found, Past
from stockade.watching.tally import DIFFERS, HOUR, LATE, NULL, RESCORED, bin_floor

# Fewer days do not say what is usual.
_LEAST_DAYS = 7
# What chance exceeds once in so many comparisons.
_LEVEL = 1e-4
# A settling delay is waited for by all but one row in a thousand.
_SETTLED = 0.999


def source_measures(
    past: Past,
    source: str,
    day: Day,
    *,
    scalars: Mapping[tuple[str, str], float],
    root: str,
    allowed: float = 0.0,
) -> Iterator[Found]:
    """What a day says of a source.

    Args:
        past: with the day's bins.
        source: which.
        day: which.
        scalars: (column, measure) -> value, of what Spark counted; see `arrivals`.
        root: whose incidents are left out of what is usual.
        allowed: the share of rows that may break the source's contract before runs stop.
    """

    def found(measure: str, value: float, column: str = "", chance: float = 0.0) -> Found:
        return Found(layer=SOURCE, subject=source, measure=measure, value=value,
                     column=column, chance=chance)  # fmt: skip

    rows = scalars.get(("", "rows"), 0.0)
    yield found("rows", rows)
    if rows:
        yield found("copy_share", scalars.get(("", "copies"), 0.0) / rows)
    if rows and ("", "violating") in scalars:
        share = scalars["", "violating"] / rows
        yield found("violation_share", share)
        # Where none is allowed, one row is as much as can be borne.
        yield found("violations_per_allowed", share / max(allowed, 1 / rows))
    binned = past.columns(SOURCE, source)
    for (column, measure), value in scalars.items():
        if measure in _AS_COUNTED:
            yield found(measure, value, column)
        if measure == "distinct" and rows and column not in binned:
            # A name: what it holds is not counted, only how many rows share one.
            yield found("distinct_per_row", min(1.0, value / rows), column)
    before = past.before(SOURCE, source, day, root=root)
    for column in binned:
        today = past.counts(SOURCE, source, column, [day])
        if not today:
            continue
        if column == LATE:
            yield found("early_share", early_share(today))
            yield found("lateness_p50", quantile(today, 0.5))
            yield found("lateness_p99", quantile(today, 0.99))
            yield found("lateness_p999", quantile(today, 0.999))
            yield from _settling(source, past.counts(SOURCE, source, LATE, [*before, day]))
            continue
        if len(before) < _LEAST_DAYS:
            continue
        usual = past.counts(SOURCE, source, column, before)
        if column != HOUR and not any(map(is_number, usual)):
            yield found("new_share", new_share(today, usual), column)
        yield from _distances(SOURCE, source, column, compared(today, usual), "previous")


_AS_COUNTED = ("null_share", "distinct", "hours_since_last_event", "violations")


def _settling(source: str, late: Counts) -> Iterator[Found]:
    """The settling delay that four weeks of arrivals suggest, with the interval of its rank."""
    rows = sum(count for name, count in late.items() if is_number(name))
    if not rows:
        return
    spread = TAIL * float(np.sqrt(_SETTLED * (1 - _SETTLED) / rows))
    low, value, high = (
        # The whole bin must have come.
        bin_floor(most + 1) if (most := quantile_bin(late, min(q, 1.0))) > 0 else 0.0
        for q in (_SETTLED - spread, _SETTLED, _SETTLED + spread)
    )
    yield Found(
        layer=SOURCE, subject=source, measure="settling_delay", value=value, low=low, high=high,
        estimated=True,
    )  # fmt: skip


def feature_measures(
    past: Past, model: str, day: Day, *, training: Mapping[str, Counts], root: str
) -> Iterator[Found]:
    """What a day says of a model's inputs, against the training set and the four weeks before."""
    before = past.before(FEATURE, model, day, root=root)
    for column in past.columns(FEATURE, model):
        today = past.counts(FEATURE, model, column, [day])
        if not today:
            continue
        rows = sum(today.values())
        if column == RESCORED:
            share = today.get(f"={DIFFERS}", 0.0) / rows
            yield Found(layer=FEATURE, subject=model, measure="skew_share", value=share)
            continue
        yield Found(
            layer=FEATURE, subject=model, measure="missing_share", column=column,
            value=today.get(NULL, 0.0) / rows,
        )  # fmt: skip
        yield Found(
            layer=FEATURE, subject=model, measure="distinct_bins", column=column,
            value=float(len(today)),
        )  # fmt: skip
        learnt = training.get(column)
        if learnt:
            yield from _distances(FEATURE, model, column, compared(today, learnt), "training")
            yield Found(
                layer=FEATURE, subject=model, measure="outside_share", column=column,
                value=outside_share(today, learnt),
            )  # fmt: skip
        if len(before) >= _LEAST_DAYS:
            usual = past.counts(FEATURE, model, column, before)
            yield from _distances(FEATURE, model, column, compared(today, usual), "previous")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewing:
    """What a model's alerts are held against.

    Attributes:
        passed: the action that is no alert; None without a policy.
        capacity: how many reviews a day people can make.
    """

    passed: str | None
    capacity: int


def score_measures(
    past: Past, model: str, day: Day, *, reviewing: Reviewing, root: str
) -> Iterator[Found]:
    """What a day says of a model's scores and of what was done about them."""

    def found(measure: str, value: float, column: str = "") -> Found:
        return Found(layer=SCORES, subject=model, measure=measure, value=value, column=column)

    rows = past.rows(SCORES, model, day)
    yield found("decisions", rows)
    if not rows:
        return
    actions = past.counts(SCORES, model, "action", [day])
    if actions and reviewing.passed is not None:
        alerts = rows - actions.get(f"={reviewing.passed}", 0.0)
        yield found("alerts", alerts)
        yield found("alerts_per_capacity", alerts / reviewing.capacity)
    for name, count in actions.items():
        yield found("action_share", count / rows, name.removeprefix("="))
    before = past.before(SCORES, model, day, root=root)
    if len(before) < _LEAST_DAYS:
        return
    for column in ("score", "action"):
        today = past.counts(SCORES, model, column, [day])
        if today:
            usual = past.counts(SCORES, model, column, before)
            yield from _distances(SCORES, model, column, compared(today, usual), "previous")


def _distances(
    layer: str, subject: str, column: str, found: Compared, against: str
) -> Iterator[Found]:
    yield Found(
        layer=layer, subject=subject, column=column, measure=f"psi_{against}", value=found.psi,
        chance=found.noise(_LEVEL),
    )  # fmt: skip
    yield Found(
        layer=layer, subject=subject, column=column, measure=f"js_{against}",
        value=found.jensen_shannon,
    )  # fmt: skip


def new_share(today: Counts, usual: Counts) -> float:
    """The share of rows whose text was not seen before."""
    rows = sum(today.values())
    return sum(count for name, count in today.items() if name not in usual and name != NULL) / rows


def outside_share(today: Counts, usual: Counts) -> float:
    """The share of rows beyond the bins that were seen before; of texts, of other texts."""
    numbers = [int(name) for name in usual if is_number(name)]
    if not numbers:
        return new_share(today, usual)
    low, high = min(numbers), max(numbers)
    outside = sum(
        count for name, count in today.items()
        if is_number(name) and not low <= int(name) <= high
    )  # fmt: skip
    return outside / sum(today.values())


def early_share(late: Counts) -> float:
    """The share of rows known a second and more before they happened."""
    early = sum(
        count for name, count in late.items() if is_number(name) and bin_floor(int(name)) <= -1
    )
    return early / sum(late.values())


def quantile(counts: Counts, q: float) -> float:
    """A quantile of binned numbers, to a fifth of its size; NaN where all are null."""
    return bin_floor(quantile_bin(counts, q)) if any(map(is_number, counts)) else float("nan")


def quantile_bin(counts: Counts, q: float) -> int:
    """The bin in which a quantile lies; there must be a number."""
    numbers: Sequence[int] = sorted(int(name) for name in counts if is_number(name))
    rows = np.cumsum([counts[str(one)] for one in numbers])
    return numbers[int(np.searchsorted(rows, q * rows[-1]))]
