"""What is computed of the events in a window."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, Required, TypedDict, Unpack

from stockade.definitions.names import check_column, tuple_of
from stockade.definitions.window import Window, check_delay, check_window, suffix
from stockade.errors import DefinitionError

Kind = Literal[
    "count",
    "sum",
    "mean",
    "stddev",
    "variance",
    "min",
    "max",
    "first",
    "last",
    "last_n",
    "count_distinct",
    "entropy",
    "top_share",
    "seconds_since_last",
    "seconds_since_first",
    "quantile",
    "latest",
]

# These may be asked of rows alone; every other aggregate measures a column.
WITHOUT_VALUE: frozenset[Kind] = frozenset({"count", "seconds_since_last", "seconds_since_first"})

NO_DELAY = timedelta(0)


_VALUE = re.compile(r"[A-Za-z0-9_]{1,62}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A bounded category: one feature for each of `values` of `column`."""

    column: str
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check that the values can be part of a feature's name."""
        object.__setattr__(self, "values", tuple_of(self.values))
        check_column(self.column, who="by")
        if not self.values or len(set(self.values)) < len(self.values):
            raise DefinitionError(f"by '{self.column}': name each wanted value once")
        for value in self.values:
            if not _VALUE.match(value):
                raise DefinitionError(
                    f"by '{self.column}': value {value!r} must be letters, digits and '_', at most "
                    "62: it becomes a part of a feature's name"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate:
    """One aggregate over one or more windows; made by the functions below."""

    kind: Kind
    value: str | None
    where: str | None
    windows: tuple[Window, ...]
    delay: timedelta = NO_DELAY
    by: Category | None = None
    n: int | None = None
    q: float | None = None
    exact: bool = False

    def __post_init__(self) -> None:
        """Check the windows, and the arguments that only some kinds have."""
        who = self.kind
        if self.value is not None:
            check_column(self.value, who=who)
        elif self.kind not in WITHOUT_VALUE:
            raise DefinitionError(f"{who} needs the column that it measures")
        if self.where is not None and not self.where.strip():
            raise DefinitionError(f"{who}: where is empty; leave it out to count every event")
        object.__setattr__(self, "windows", tuple(self.windows))
        if not self.windows:
            raise DefinitionError(f"{who} has no windows: give windows=(days(7),) or (LIFETIME,)")
        for window in self.windows:
            check_window(window, who=who)
        if len(set(self.windows)) < len(self.windows):
            raise DefinitionError(f"{who} names a window twice")
        check_delay(self.delay, who=who)
        if self.kind == "last_n" and (self.n is None or self.n < 1):
            raise DefinitionError(f"last_n: n must be at least 1, not {self.n}")
        if self.kind == "quantile" and (self.q is None or not 0 <= self.q <= 1):
            raise DefinitionError(f"quantile: q must be between 0 and 1, not {self.q}")

    def window_suffix(self, window: Window) -> str:
        """The end of a feature's name: `7d`, or `7d_delay_7d` for a delayed window."""
        late = f"_delay_{suffix(self.delay)}" if self.delay else ""
        return suffix(window) + late


class Options(TypedDict, total=False):
    """What every aggregate takes.

    Attributes:
        windows: lengths such as days(7), or LIFETIME; one feature for each.
        where: SQL condition over the source's columns; events for which it is not true are
            left out.
        delay: how far the windows' end lies before the decision.
        by: a bounded category; one feature for each of its values.
    """

    windows: Required[Iterable[Window]]
    where: str | None
    delay: timedelta
    by: Category | None


def _aggregate(
    kind: Kind,
    value: str | None,
    options: Options,
    *,
    n: int | None = None,
    q: float | None = None,
    exact: bool = False,
) -> Aggregate:
    return Aggregate(
        kind=kind,
        value=value,
        where=options.get("where"),
        windows=tuple(options["windows"]),
        delay=options.get("delay", NO_DELAY),
        by=options.get("by"),
        n=n,
        q=q,
        exact=exact,
    )


def count(value: str | None = None, **options: Unpack[Options]) -> Aggregate:
    """How many events, or how many with `value` not null; bigint, 0 for an empty window."""
    return _aggregate("count", value, options)


def sum_(value: str, *, exact: bool = False, **options: Unpack[Options]) -> Aggregate:
    """The sum; 0 for an empty window.

    Whole numbers give bigint and never wrap round: a sum that does not fit is an error.
    Decimals are added exactly and leave as double, or with `exact=True` as decimal(38, scale).
    """
    return _aggregate("sum", value, options, exact=exact)


def mean(value: str, **options: Unpack[Options]) -> Aggregate:
    """The arithmetic mean; double, null for an empty window."""
    return _aggregate("mean", value, options)


def stddev(value: str, **options: Unpack[Options]) -> Aggregate:
    """The sample standard deviation (n - 1); double, null for fewer than two values."""
    return _aggregate("stddev", value, options)


def variance(value: str, **options: Unpack[Options]) -> Aggregate:
    """The sample variance (n - 1); double, null for fewer than two values."""
    return _aggregate("variance", value, options)


def min_(value: str, *, exact: bool = False, **options: Unpack[Options]) -> Aggregate:
    """The smallest value; the column's type (decimals as double unless `exact`), null if none."""
    return _aggregate("min", value, options, exact=exact)


def max_(value: str, *, exact: bool = False, **options: Unpack[Options]) -> Aggregate:
    """The largest value; the column's type (decimals as double unless `exact`), null if none."""
    return _aggregate("max", value, options, exact=exact)


def first(value: str, *, exact: bool = False, **options: Unpack[Options]) -> Aggregate:
    """The earliest value; among values of one instant the smallest; null if none."""
    return _aggregate("first", value, options, exact=exact)


def last(value: str, *, exact: bool = False, **options: Unpack[Options]) -> Aggregate:
    """The latest value; among values of one instant the largest; null if none."""
    return _aggregate("last", value, options, exact=exact)


def last_n(value: str, *, n: int, exact: bool = False, **options: Unpack[Options]) -> Aggregate:
    """The latest `n` values as an array, latest first; of one instant the largest first."""
    return _aggregate("last_n", value, options, n=n, exact=exact)


def count_distinct(value: str, **options: Unpack[Options]) -> Aggregate:
    """How many different values, exactly; bigint, 0 for an empty window."""
    return _aggregate("count_distinct", value, options)


def entropy(value: str, **options: Unpack[Options]) -> Aggregate:
    """Shannon entropy of the values' shares in nats; double, null for an empty window."""
    return _aggregate("entropy", value, options)


def top_share(value: str, **options: Unpack[Options]) -> Aggregate:
    """The share of the most frequent value, in (0, 1]; double, null for an empty window."""
    return _aggregate("top_share", value, options)


def seconds_since_last(value: str | None = None, **options: Unpack[Options]) -> Aggregate:
    """Seconds from the latest event (with `value` not null) to the decision; double."""
    return _aggregate("seconds_since_last", value, options)


def seconds_since_first(value: str | None = None, **options: Unpack[Options]) -> Aggregate:
    """Seconds from the earliest event (with `value` not null) to the decision; double."""
    return _aggregate("seconds_since_first", value, options)


def quantile(value: str, *, q: float, **options: Unpack[Options]) -> Aggregate:
    """The exact `q` quantile, linear between neighbours; double, null for an empty window."""
    return _aggregate("quantile", value, options, q=float(q))
