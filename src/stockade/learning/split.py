"""Train on the past, validate on what came later."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from stockade.errors import DataError, raise_all
from stockade.learning.data import Instants

Index = NDArray[np.int64]
_DAY = np.timedelta64(86_400_000_000, "us")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Split:
    """Rows to learn from and rows to judge by; those in the gap are in neither."""

    train: Index
    validation: Index


def time_split(
    decided_at: Instants, labels: NDArray[np.bool_], *, validation: timedelta, gap: timedelta
) -> Split:
    """The last `validation` of the decisions, and those that end `gap` before it.

    The validation period ends at the midnight (UTC) that follows the last decision, so that it is
    made of whole days where `validation` is: review capacity is per day. Training decisions are
    older than the period's start by more than `gap`: given the label's maturity, all that is
    learnt was known when the first of the validation decisions was taken.

    Args:
        decided_at: one instant per row, in any order.
        labels: one label per row.
        validation: length of the validation period.
        gap: the label's maturity.

    Raises:
        DataError: a side has no rows, or rows of one class only.
    """
    if len(decided_at) == 0:
        raise DataError("split: there are no rows: build the training set over a longer period")
    end = decided_at.max().astype("datetime64[D]").astype("datetime64[us]") + _DAY
    start = end - np.timedelta64(validation, "us")
    late = decided_at >= start
    early = decided_at < start - np.timedelta64(gap, "us")
    remedy = {
        "training": f"shorten the validation period ({_days(validation)}) or lengthen the set",
        "validation": f"lengthen the validation period ({_days(validation)})",
    }
    faults: list[Exception] = []
    for side, chosen in (("training", early), ("validation", late)):
        rows, positives = int(chosen.sum()), int(labels[chosen].sum())
        if positives in (0, rows):
            faults.append(
                DataError(
                    f"split: the {side} side has {rows} rows, {positives} of them positive, and "
                    f"both classes are needed: {remedy[side]} (the gap is {_days(gap)})"
                )
            )
    raise_all("split: no model can be trained and judged on these rows", faults)
    return Split(train=_ordered(decided_at, early), validation=_ordered(decided_at, late))


def _ordered(decided_at: Instants, chosen: NDArray[np.bool_]) -> Index:
    index = np.flatnonzero(chosen)
    return index[np.argsort(decided_at[index], kind="stable")]


def _days(length: timedelta) -> str:
    return f"{length / timedelta(days=1):g} days"
