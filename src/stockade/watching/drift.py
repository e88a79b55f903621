"""How far one distribution lies from another, from counts alone, and how far chance alone gets."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2

from stockade.watching.tally import NULL

Counts = Mapping[str, float]
Numbers = NDArray[np.float64]

OTHER = "other"
_MOST = 12
# A bin that one side lacks would make the index infinite.
_PSEUDO = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compared:
    """Two distributions on the same groups of bins.

    Attributes:
        names: of the groups: a text's value, `null`, `other`, or the first bin of a run of numbers.
        today, before: shares, each above zero and summing to 1.
        today_rows, before_rows: how many rows they are of.
    """

    names: tuple[str, ...]
    today: Numbers
    before: Numbers
    today_rows: float
    before_rows: float

    @property
    def parts(self) -> Numbers:
        """What each group adds to the population stability index."""
        return (self.today - self.before) * np.log(self.today / self.before)

    @property
    def psi(self) -> float:
        """The population stability index: 0 where equal; above 0.25 is usually called a shift."""
        return float(self.parts.sum())

    @property
    def jensen_shannon(self) -> float:
        """The Jensen-Shannon distance, base 2: from 0 to 1, and a metric (Lin 1991)."""
        return float(jensenshannon(self.today, self.before, base=2))

    @property
    def kolmogorov_smirnov(self) -> float:
        """The largest distance between the two cumulated shares; of numbers, in order of size."""
        return float(np.abs(np.cumsum(self.today - self.before)).max())

    def noise(self, level: float) -> float:
        """What the index exceeds with this chance although nothing has changed.

        Times n m / (n + m) it is then about chi-squared (Yurdakul & Naranjo 2020).
        """
        if not self.today_rows or not self.before_rows or len(self.names) < 2:
            return np.inf
        return float(
            chi2.isf(level, len(self.names) - 1) * (1 / self.today_rows + 1 / self.before_rows)
        )


def compared(today: Counts, before: Counts) -> Compared:
    """Put two counts by bin on common groups, chosen by `before` alone.

    Of numbers, runs of neighbouring bins with about a twelfth of the rows each; of texts, the
    twelve commonest values, the rest being `other`. Null is a group of its own.
    """
    names = _groups(before) if any(before.values()) else _groups(today)
    order = list(dict.fromkeys(names.values()))
    order += [name for name in (NULL, OTHER) if name not in order and _has(name, today, names)]
    sides = (_shares(today, names, order), _shares(before, names, order))
    return Compared(
        names=tuple(order), today=sides[0], before=sides[1],
        today_rows=sum(today.values()), before_rows=sum(before.values()),
    )  # fmt: skip


def is_number(name: str) -> bool:
    """Whether a bin is one of numbers."""
    return name.lstrip("-").isdigit()


def mixed(parts: Iterable[tuple[float, Counts]]) -> Counts:
    """Distributions mixed: weight and counts of each; the sum of rows is the sum of weights."""
    found: dict[str, float] = {}
    for weight, part in parts:
        rows = sum(part.values())
        for name, count in part.items():
            found[name] = found.get(name, 0.0) + weight * count / rows
    return found


def _groups(before: Counts) -> dict[str, str]:
    """Bin -> group, in the order of the groups."""
    numbers = sorted(int(name) for name in before if is_number(name))
    if numbers:
        rows = np.array([before[str(one)] for one in numbers])
        # By the middle of each bin's rows: a bin with many is a group of its own.
        place = np.floor((np.cumsum(rows) - rows / 2) / rows.sum() * _MOST)
        first: dict[float, str] = {}
        groups = {str(n): first.setdefault(p, str(n)) for n, p in zip(numbers, place, strict=True)}
    else:
        ranked = sorted((name for name in before if name != NULL), key=lambda n: (-before[n], n))
        groups = {name: name if n < _MOST else OTHER for n, name in enumerate(ranked)}
    if before.get(NULL):
        groups[NULL] = NULL
    return groups


def _group(name: str, names: Mapping[str, str], numbers: list[int]) -> str:
    if name in names:
        return names[name]
    if name == NULL or not is_number(name) or not numbers:
        return NULL if name == NULL else OTHER
    # The run of the nearest bin below, or the first.
    at = max(0, int(np.searchsorted(numbers, int(name), side="right")) - 1)
    return names[str(numbers[at])]


def _has(name: str, today: Counts, names: Mapping[str, str]) -> bool:
    numbers = sorted(int(one) for one in names if is_number(one))
    return any(_group(one, names, numbers) == name for one in today)


def _shares(counts: Counts, names: Mapping[str, str], order: list[str]) -> Numbers:
    numbers = sorted(int(one) for one in names if is_number(one))
    place = {name: n for n, name in enumerate(order)}
    rows = np.full(len(order), _PSEUDO)
    for name, count in counts.items():
        rows[place[_group(name, names, numbers)]] += count
    return rows / rows.sum()
