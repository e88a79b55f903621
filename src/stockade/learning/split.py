"""Train on the past, validate on what came later: again and again, as it would have been lived."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from stockade.definitions.window import in_words
from stockade.errors import DataError, raise_all
from stockade.learning.data import LearningData

_DAY = np.timedelta64(86_400_000_000, "us")


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Consecutive rows to learn from, and later ones to judge by; those between are in neither."""

    train: slice
    validation: slice


@dataclass(frozen=True, slots=True, kw_only=True)
class Periods:
    """How a training set is cut in time.

    Attributes:
        folds: what the search chooses by, oldest first; their validation periods adjoin.
        test: what the choice is judged by at the end; the search sees nothing of it.
        test_begins: the instant at which the test period begins (UTC).
    """

    folds: tuple[Split, ...]
    test: Split
    test_begins: datetime


def walk_forward(
    data: LearningData, *, validation: timedelta, folds: int, test: timedelta, gap: timedelta
) -> Periods:
    """Rolling-origin splits (Tashman 2000), purged by the label's maturity.

    The test period is the last `test` of the decisions. Whoever had trained at its start would
    have known the labels of decisions older than that by more than `gap`: only these are in the
    folds. Their last `validation` is judged by what was known at its start, likewise with a gap;
    the `validation` before that by what was known then; and so on, `folds` times. Each learns
    from everything before its gap.

    Periods end at midnight (UTC), so that they are made of whole days where their lengths are:
    review capacity is per day.

    Args:
        data: n rows in order of time.
        validation: length of one fold's validation period.
        folds: how many.
        test: length of the test period.
        gap: the label's maturity.

    Raises:
        DataError: a side has no rows, or rows of one class only; all such sides are told.
    """
    if len(data) == 0:
        raise DataError("split: there are no rows: build the training set over a longer period")
    end = _midnight(data.decided_at[-1]) + _DAY
    start = end - np.timedelta64(test, "us")
    embargo, length = np.timedelta64(gap, "us"), np.timedelta64(validation, "us")

    def split(begins: np.datetime64, ends: np.datetime64) -> Split:
        known, low, high = np.searchsorted(data.decided_at, [begins - embargo, begins, ends])
        return Split(train=slice(0, int(known)), validation=slice(int(low), int(high)))

    known = _midnight(start - embargo)
    edges = [known - n * length for n in range(folds, -1, -1)]
    periods = Periods(
        folds=tuple(split(*edges[n : n + 2]) for n in range(folds)),
        test=split(start, end),
        test_begins=start.astype(datetime).replace(tzinfo=UTC),
    )
    lengths = (
        f"{folds} x {in_words(validation)} of validation and {in_words(test)} of test, each after "
        f"a gap of {in_words(gap)}"
    )
    _require_both_classes(data, periods, lengths)
    return periods


def _require_both_classes(data: LearningData, periods: Periods, lengths: str) -> None:
    sides: list[tuple[str, slice]] = []
    for n, fold in enumerate(periods.folds, start=1):
        of = f" side of fold {n} of {len(periods.folds)}"
        sides += [(f"training{of}", fold.train), (f"validation{of}", fold.validation)]
    sides += [("training side of the test", periods.test.train)]
    sides += [("test side", periods.test.validation)]
    faults: list[Exception] = []
    for name, rows in sides:
        count, positives = rows.stop - rows.start, int(data.labels[rows].sum())
        if positives in (0, count):
            faults.append(
                DataError(
                    f"split: the {name} has {count} rows, {positives} of them positive, and both "
                    f"classes are needed: build the training set over a longer period, or cut it "
                    f"otherwise than {lengths}"
                )
            )
    raise_all("split: no model can be trained and judged on these rows", faults)


def _midnight(moment: np.datetime64) -> np.datetime64:
    return moment.astype("datetime64[D]").astype("datetime64[us]")
