"""Where loss is concentrated: conditions, alone or together, that hold more of it than chance."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from stockade.errors import ColumnNotFoundError, DataError, DefinitionError, hint

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]

# Of numbers, where a condition may begin or end; of texts, how many values have one of their own.
_CUTS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
_VALUES = 30
# For the test, losses above this quantile of all losses count as much as it: one large loss is no
# concentration.
_LARGE = 0.9
# Of two that tell nearly as much, the one of fewer conditions is named.
_NEARLY = 0.95
# Heads that are counted at once, so that memory follows the rows.
_AT_ONCE = 32
_INK, _PALE = "#1f4e79", "#c9762b"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Rows that meet some conditions.

    Attributes:
        conditions: as SQL, all of which hold.
        columns: that they look at.
        rows, support: how many, and which share of all rows.
        loss, loss_share: the loss in them, and which share of all loss.
        lift: `loss_share / support`: 1 where loss is as everywhere.
        p_value: the chance that any conjunction at all would hold as much if loss fell by lot on
            the rows that no earlier segment holds.
    """

    conditions: Sequence[str]
    columns: Sequence[str]
    rows: int
    support: float
    loss: float
    loss_share: float
    lift: float
    p_value: float

    @property
    def where(self) -> str:
        """One SQL condition."""
        return " AND ".join(self.conditions)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segments:
    """What a search found.

    Attributes:
        found: each the most telling of the rows that those before leave over.
        searched: how many conjunctions were looked at in the first round.
        rest_share: the share of all loss in rows of no segment found.
    """

    found: Sequence[Segment]
    searched: int
    rest_share: float
    _tests: Sequence[Sequence["_Condition"]]
    _loss: str

    def table(self) -> pd.DataFrame:
        """One row per segment."""
        names = ["where", "rows", "support", "loss", "loss_share", "lift", "p_value"]
        return pd.DataFrame(
            [[getattr(one, name) for name in names] for one in self.found], columns=names
        )

    def on(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The same segments in other rows: lifts of the rows that were searched are flattered.

        Args:
            rows: with the columns of the search, of another period.
        """
        loss = _losses(rows, self._loss)
        whole = loss.sum()
        lines: list[dict[str, object]] = []
        for one, tests in zip(self.found, self._tests, strict=True):
            holds = np.all([test.holds(rows) for test in tests], axis=0)
            support, share = float(holds.mean()), float(loss[holds].sum() / whole)
            lines.append(
                {
                    "where": one.where, "rows": int(holds.sum()), "support": support,
                    "loss": float(loss[holds].sum()), "loss_share": share,
                    "lift": share / support if support else np.nan,
                }
            )  # fmt: skip
        names = ["where", "rows", "support", "loss", "loss_share", "lift"]
        return pd.DataFrame(lines, columns=names)

    def figure(self) -> Figure:
        """For each segment, its share of the rows beside its share of the loss."""
        shown = list(self.found)[::-1]
        figure = Figure(figsize=(9, 1.0 + 0.5 * max(len(shown), 1)), layout="constrained")
        axes = figure.subplots()
        at = np.arange(len(shown))
        axes.barh(at + 0.2, [one.support for one in shown], 0.38, color=_INK, label="of all rows")
        axes.barh(at - 0.2, [one.loss_share for one in shown], 0.38, color=_PALE,
                  label="of all loss")  # fmt: skip
        axes.set_yticks(at, [one.where for one in shown])
        axes.xaxis.set_major_formatter(lambda share, _: f"{100 * share:.3g} %")
        figure.legend(loc="outside lower right", ncols=2, frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
        return figure


def segments(
    rows: pd.DataFrame,
    *,
    loss: str,
    columns: Sequence[str],
    together: int = 2,
    least_rows: int = 50,
    least_cases: int = 10,
    level: float = 0.05,
    most: int = 10,
    shuffles: int = 400,
    seed: int = 0,
) -> Segments:
    """Conditions that hold more of the loss than chance would put there.

    Every conjunction of up to `together` conditions is counted, none is left out by a heuristic.
    The one that lies most standard deviations above its share is held against the greatest such
    distance in each of `shuffles` tables whose losses were dealt out anew (Westfall and Young's
    single-step maxT), which allows for how many conjunctions were looked at and how they overlap.
    Its rows are then left out, and the search begins anew; it ends at the first that is not told
    from chance.

    Rows must stand for themselves: of a hundred payments of one thief, one row is to be given.

    Args:
        rows: a table with one row per decision.
        loss: column with what was lost, nothing of it negative; 0 where nothing was, or where it is
            null. A column of 0 and 1 finds where cases are concentrated.
        columns: to make conditions of: of texts and flags each of the thirty most frequent values,
            of numbers at least or less than seven of their quantiles, and of both null.
        together: at most so many conditions at once, each of another column; 1 to 3.
        least_rows, least_cases: what a segment must hold, of rows and of rows with a loss.
        level: the chance, in each round, that a segment is named where none is.
        most: segments that are named.
        shuffles, seed: of the test.

    Raises:
        ColumnNotFoundError: a column is not there.
        DataError: nothing was lost, or a loss is negative.
        DefinitionError: an argument makes no sense.
    """
    _check(rows, (loss, *columns), together=together, shuffles=shuffles, level=level)
    worth = _losses(rows, loss)
    if not worth.sum() > 0:
        raise DataError(f"segments: column '{loss}' holds no loss: choose a longer period")
    conditions = [one for name in columns for one in _conditions(rows[name], least_rows)]
    table = np.array([one.holds(rows) for one in conditions], np.float32).reshape(-1, len(rows))
    search = _Search(conditions, together=together, least_rows=least_rows,
                     least_cases=least_cases)  # fmt: skip
    draw = np.random.default_rng(seed)
    left, searched = np.ones(len(rows), np.bool_), 0
    found: list[Segment] = []
    tests: list[tuple[_Condition, ...]] = []
    while len(found) < most:
        best, counted, p_value = search.best(table[:, left], worth[left], shuffles, draw)
        searched = searched or counted
        if best is None or p_value > level:
            break
        holds = table[list(best)].all(axis=0)
        chosen = tuple(conditions[n] for n in best)
        share, support = worth[holds].sum() / worth.sum(), holds.mean()
        found.append(
            Segment(
                conditions=tuple(one.text for one in chosen),
                columns=tuple(one.column for one in chosen), rows=int(holds.sum()),
                support=float(support), loss=float(worth[holds].sum()), loss_share=float(share),
                lift=float(share / support), p_value=p_value,
            )
        )  # fmt: skip
        tests.append(chosen)
        left &= ~holds
    rest = float(worth[left].sum() / worth.sum())
    return Segments(found=found, searched=searched, rest_share=rest, _tests=tests, _loss=loss)


def _check(
    rows: pd.DataFrame, names: Sequence[str], *, together: int, shuffles: int, level: float
) -> None:
    for name in names:
        if name not in rows.columns:
            raise ColumnNotFoundError(f"segments: no column '{name}': {hint(name, rows.columns)}")
    if together not in (1, 2, 3):
        raise DefinitionError(f"segments: together is 1, 2 or 3, not {together}")
    if not 0 < level < 1 or shuffles * level < 1:
        raise DefinitionError(
            f"segments: {shuffles} shuffles cannot tell a chance of {level}: give at least one "
            "divided by the level"
        )


def _losses(rows: pd.DataFrame, name: str) -> Numbers:
    given = rows[name].astype(np.float64).to_numpy(np.float64)
    found: Numbers = np.where(np.isnan(given), 0.0, given)
    if (found < 0).any():
        raise DataError(f"segments: column '{name}' is negative in {int((found < 0).sum())} rows")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Condition:
    """On one column.

    Attributes:
        column: which.
        text: as SQL.
        how: `null`, `is`, `least` or `below`.
        value: that the column is compared with.
    """

    column: str
    text: str
    how: str
    value: object = None

    def holds(self, rows: pd.DataFrame) -> Flags:
        """Per row, whether it does; never for null, but where null is asked for."""
        values = rows[self.column]
        if self.how == "null":
            return values.isna().to_numpy()
        if self.how == "is":
            return (values == self.value).fillna(False).to_numpy(np.bool_)
        numbers = values.astype(np.float64).to_numpy()
        edge = float(str(self.value))
        return numbers >= edge if self.how == "least" else numbers < edge


def _conditions(values: pd.Series, least_rows: int) -> Iterator[_Condition]:
    name = str(values.name)
    if values.isna().sum() >= least_rows:
        yield _Condition(column=name, text=f"{name} IS NULL", how="null")
    known = values.dropna()
    if pd.api.types.is_numeric_dtype(known) and not pd.api.types.is_bool_dtype(known):
        numbers = known.astype(np.float64)
        numbers = numbers[np.isfinite(numbers)]
        for edge in np.unique(numbers.quantile(_CUTS)) if len(numbers) else ():
            for how, sign in (("least", ">="), ("below", "<")):
                yield _Condition(column=name, text=f"{name} {sign} {edge:.6g}", how=how,
                                 value=f"{edge:.6g}")  # fmt: skip
        return
    for value in known.value_counts().index[:_VALUES]:
        quoted = str(value).replace("'", "''")
        text = str(value).lower() if isinstance(value, bool | np.bool_) else f"'{quoted}'"
        yield _Condition(column=name, text=f"{name} = {text}", how="is", value=value)


class _Search:
    """Counts every conjunction at once."""

    def __init__(
        self,
        conditions: Sequence[_Condition],
        *,
        together: int,
        least_rows: int,
        least_cases: int,
    ) -> None:
        """Say which conditions may stand together: those of different columns."""
        names = np.array([one.column for one in conditions], object)
        self.least_rows, self.least_cases = least_rows, least_cases
        every = range(len(conditions))
        self.heads = [head for size in range(together) for head in combinations(every, size)
                      if len({names[n] for n in head}) == size]  # fmt: skip
        # A conjunction is its last condition beside a head of those before it.
        self.allowed = np.array(
            [[n > max(head, default=-1) and names[n] not in names[list(head)] for n in every]
             for head in self.heads], np.bool_,
        ).reshape(len(self.heads), len(conditions))  # fmt: skip

    def best(
        self, table: NDArray[np.float32], worth: Numbers, shuffles: int, draw: np.random.Generator
    ) -> tuple[tuple[int, ...] | None, int, float]:
        """The conjunction most above its share, how many there were, and the chance of it."""
        total, lost = len(worth), np.flatnonzero(worth > 0)
        if len(lost):
            worth = np.minimum(worth, np.quantile(worth[lost], _LARGE))
        sizes = self._sums(table, np.ones(total, np.float32))
        counted = self.allowed & (sizes >= self.least_rows) & (sizes <= total - self.least_rows)
        if not counted.any() or not len(lost):
            return None, 0, 1.0
        mean, variance = worth.mean(), worth.var() * total / max(total - 1, 1)
        # Drawing without return: the sum of a segment as large.
        deviation = np.sqrt(np.maximum(sizes * variance * (1 - sizes / total), 1e-12))
        amounts = worth[lost].astype(np.float32)

        def distances(rows: NDArray[np.int64]) -> Numbers:
            hit = table[:, rows]
            enough = counted & (self._sums(hit, np.ones(len(rows), np.float32)) >= self.least_cases)
            above = self._sums(hit, amounts) - sizes * mean
            return np.where(enough, above / deviation, -np.inf)

        seen = distances(lost)
        if not np.isfinite(seen).any():
            return None, int(counted.sum()), 1.0
        at = self._plainest(seen)
        reached = sum(
            float(distances(draw.choice(total, len(lost), replace=False)).max()) >= float(seen[at])
            for _ in range(shuffles)
        )
        return (
            (*self.heads[at[0]], at[1]), int(counted.sum()), (1 + reached) / (1 + shuffles)
        )  # fmt: skip

    def _sums(self, table: NDArray[np.float32], weights: NDArray[np.float32]) -> Numbers:
        """Heads x conditions: the weights of the rows where all of them hold."""
        found: list[Numbers] = []
        for first in range(0, len(self.heads), _AT_ONCE):
            some = self.heads[first : first + _AT_ONCE]
            parts = np.array([table[list(head)].prod(axis=0) for head in some], np.float32)
            found.append((parts * weights) @ table.T)
        return np.concatenate(found).astype(np.float64)

    def _plainest(self, seen: Numbers) -> tuple[int, int]:
        """Where the greatest distance is, or one nearly as great of fewer conditions."""
        enough = _NEARLY * seen.max()
        sizes = np.array([len(head) for head in self.heads])
        for size in range(int(sizes.max()) + 1):
            own = np.where((sizes == size)[:, None], seen, -np.inf)
            if own.max() >= enough:
                head, last = np.unravel_index(int(np.argmax(own)), own.shape)
                return int(head), int(last)
        head, last = np.unravel_index(int(np.argmax(seen)), seen.shape)
        return int(head), int(last)
