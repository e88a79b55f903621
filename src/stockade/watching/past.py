"""What monitors have on record: bins, measures, states and alerts, day by day."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from stockade.watching.drift import Counts
from stockade.watching.tally import COUNTS, KEYS, ON_DAY

Day = np.datetime64

SOURCE, FEATURE, SCORES, OUTCOME = "source", "feature", "score", "outcome"
# A tally or a measure is one of a layer's subject: a source, or a model.
OF = ("layer", "subject")
BINS = (*OF, *KEYS, *COUNTS)
MEASURES = (
    ON_DAY, *OF, "column", "slice", "measure", "value", "low", "high", "estimated",
    "expected", "limit", "alarm",
)  # fmt: skip
SERIES = (*OF, "column", "slice", "measure")
STATES = (ON_DAY, *OF, "item", "state")

# How many days make up what a day is compared with.
BEFORE = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One measure of one day; see `MEASURES` in docs/watching.md for what each means.

    Attributes:
        layer, subject, column, slice: of what; '' where it is of the whole.
        measure: which.
        value: its value.
        low, high: where it lies with 90 % confidence, where it is not known exactly.
        estimated: whether it is a guess about what is still to come, never to be shown as fact.
        chance: what chance alone may make of it, where that follows from the number of rows.
    """

    layer: str
    subject: str
    measure: str
    value: float
    column: str = ""
    slice: str = ""
    low: float = float("nan")
    high: float = float("nan")
    estimated: bool = False
    chance: float = 0.0

    @property
    def series(self) -> tuple[str, str, str, str, str]:
        """What its values of other days share."""
        return (self.layer, self.subject, self.column, self.slice, self.measure)


@dataclass(slots=True, kw_only=True)
class Past:
    """The record that a day is judged against; grows as days are judged.

    Attributes:
        series: series -> day -> value.
        excluded: root -> days that are no measure of what is usual.
    """

    bins: pd.DataFrame
    states: pd.DataFrame
    series: dict[tuple[str, str, str, str, str], dict[Day, float]] = field(
        default_factory=dict[tuple[str, str, str, str, str], dict[Day, float]]
    )
    excluded: dict[str, set[Day]] = field(default_factory=dict[str, set[Day]])
    _tables: dict[tuple[str, str, str, str], pd.DataFrame] = field(
        default_factory=dict[tuple[str, str, str, str], pd.DataFrame]
    )
    _wide: dict[tuple[str, str], pd.DataFrame] = field(
        default_factory=dict[tuple[str, str], pd.DataFrame]
    )

    @classmethod
    def of(cls, bins: pd.DataFrame, states: pd.DataFrame, measures: pd.DataFrame) -> "Past":
        """The record as the tables hold it."""
        past = cls(bins=_dated(bins), states=_dated(states))
        dated = _dated(measures)
        days = dated[ON_DAY].to_numpy().astype("datetime64[D]")
        keys = zip(*(dated[name].astype(str) for name in SERIES), strict=True)
        for key, day, value in zip(keys, days, dated["value"].to_numpy(), strict=True):
            past.series.setdefault(key, {})[day] = float(value)
        return past

    def columns(self, layer: str, subject: str) -> list[str]:
        """The columns that are counted of a subject."""
        return sorted({str(one) for one in self._of(layer, subject)["column"].unique()} - {""})

    def slices(self, layer: str, subject: str) -> list[str]:
        """The slices, as `column=value`, that its columns are counted in."""
        return sorted({str(one) for one in self._of(layer, subject)["slice"].unique()} - {""})

    def counts(
        self, layer: str, subject: str, column: str, days: Iterable[Day], *, within: str = ""
    ) -> Counts:
        """Bin -> rows of a column on some days, within a slice or all."""
        table = self._table(layer, subject, column, within)
        chosen = table.reindex(list(days)).sum()
        return {str(name): float(rows) for name, rows in chosen.items() if rows}

    def rows(self, layer: str, subject: str, day: Day, *, within: str = "") -> float:
        """The rows of a day."""
        return float(sum(self.counts(layer, subject, "", [day], within=within).values()))

    def before(self, layer: str, subject: str, day: Day, *, root: str = "") -> list[Day]:
        """The days that a day is compared with: four weeks before it, incidents left out."""
        table = self._table(layer, subject, "", "")
        left_out = self.excluded.get(root, set())
        first = day - np.timedelta64(BEFORE, "D")
        days = (np.datetime64(one, "D") for one in table.index)
        return [one for one in days if first <= one < day and one not in left_out]

    def values(self, key: tuple[str, str, str, str, str], *, root: str = "") -> Mapping[Day, float]:
        """Day -> value of a series, incidents left out."""
        left_out = self.excluded.get(root, set())
        found = self.series.get(key, {})
        return {day: value for day, value in found.items() if day not in left_out}

    def _of(self, layer: str, subject: str) -> pd.DataFrame:
        if (layer, subject) not in self._wide:
            mine = (self.bins["layer"] == layer) & (self.bins["subject"] == subject)
            self._wide[layer, subject] = self.bins[mine]
        return self._wide[layer, subject]

    def _table(self, layer: str, subject: str, column: str, within: str) -> pd.DataFrame:
        key = (layer, subject, column, within)
        if key not in self._tables:
            of = self._of(layer, subject)
            mine = of[(of["column"] == column) & (of["slice"] == within)]
            table = mine.pivot_table(index=ON_DAY, columns="bin", values="rows", aggfunc="sum")
            self._tables[key] = table.fillna(0.0)
        return self._tables[key]


def _dated(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(**{ON_DAY: rows[ON_DAY].to_numpy().astype("datetime64[D]")})


def bins_of(tallied: pd.DataFrame, *, layer: str, subject: str) -> pd.DataFrame:
    """A tally as rows of the record."""
    return tallied.assign(layer=layer, subject=subject)[list(BINS)]
