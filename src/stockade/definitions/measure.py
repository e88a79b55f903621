"""What is measured of money and neighbours, where a window over own events is not enough."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from stockade.definitions.names import tuple_of
from stockade.definitions.window import LIFETIME, Window, check_window, suffix
from stockade.errors import DefinitionError, hint

MatchKind = Literal[
    "dwell_quantile", "dwell_mean", "pass_through", "matched", "unmatched", "unmatched_age",
    "unmatched_oldest",
]  # fmt: skip
LinkKind = Literal[
    "component_size", "component_growth", "component_labelled", "component_labelled_share",
    "neighbours", "labelled_neighbours",
]  # fmt: skip
FlowKind = Literal["hops", "tainted_share", "cycles"]
MeasureKind = MatchKind | LinkKind | FlowKind

Direction = Literal["received", "sent"]
Method = Literal["haircut", "fifo"]

NOW = (LIFETIME,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One measure over one or more windows; made by the functions below.

    `windows` is the lifetime alone where a measure has no window; its feature then bears the
    noun's name without a suffix.
    """

    kind: MeasureKind
    windows: tuple[Window, ...] = NOW
    windowed: bool = False
    q: float | None = None
    within: timedelta | None = None
    prior: float | None = None
    strength: float | None = None
    categories: tuple[str, ...] = ()
    limit: int | None = None
    direction: Direction | None = None
    method: Method | None = None
    length: int | None = None

    # What every aggregate has; a measure looks at no column of its own.
    @property
    def value(self) -> None:
        """No column."""
        return

    @property
    def where(self) -> None:
        """No filter: a view's sources are filtered in their queries."""
        return

    @property
    def delay(self) -> timedelta:
        """None."""
        return timedelta(0)

    def __post_init__(self) -> None:
        """Check the windows and the arguments."""
        object.__setattr__(self, "windows", tuple(self.windows))
        object.__setattr__(self, "categories", tuple_of(self.categories))
        if not self.windows:
            raise DefinitionError(
                f"{self.kind} has no windows: give windows=(days(7),) or (LIFETIME,)"
            )
        for window in self.windows:
            check_window(window, who=self.kind)
        if len(set(self.windows)) < len(self.windows):
            raise DefinitionError(f"{self.kind} names a window twice")
        if self.q is not None and not 0 <= self.q <= 1:
            raise DefinitionError(f"{self.kind}: q must be between 0 and 1, not {self.q}")
        if self.within is not None:
            check_window(self.within, who=f"{self.kind}: within")
        if self.prior is not None and not 0 <= self.prior <= 1:
            raise DefinitionError(f"{self.kind}: prior must be between 0 and 1, not {self.prior}")
        if self.strength is not None and self.strength < 0:
            raise DefinitionError(f"{self.kind}: strength must not be negative")
        _within(self.kind, "limit", self.limit, 0, 6)
        _within(self.kind, "length", self.length, 2, 4)
        _one_of(self.kind, "direction", self.direction, ("received", "sent"))
        _one_of(self.kind, "method", self.method, ("haircut", "fifo"))

    def name(self, noun: str, window: Window) -> str:
        """The feature's name: the noun, with the window where there is one."""
        return f"{noun}_{suffix(window)}" if self.windowed else noun


def _within(kind: str, what: str, number: int | None, least: int, most: int) -> None:
    if number is not None and not least <= number <= most:
        raise DefinitionError(f"{kind}: {what} must be between {least} and {most}, not {number}")


def _one_of(kind: str, what: str, given: str | None, known: tuple[str, ...]) -> None:
    if given is not None and given not in known:
        raise DefinitionError(f"{kind}: {what} '{given}' is not one: {hint(given, known)}")


# --- money in and out of one entity: `MatchView` ---


def dwell_seconds(*, q: float = 0.5, windows: Iterable[Window]) -> Measure:
    """How long money stayed: a quantile of the seconds from credit to debit, weighted by amount.

    Of the money that debits of the window took out; the smallest dwell that at least a share `q`
    of it did not exceed (0 is the least, 0.5 the median, 1 the most). Double, null if none was
    matched.
    """
    return Measure(kind="dwell_quantile", windows=tuple(windows), windowed=True, q=float(q))


def mean_dwell_seconds(*, windows: Iterable[Window]) -> Measure:
    """The mean seconds from credit to debit, weighted by amount; double, null if none matched."""
    return Measure(kind="dwell_mean", windows=tuple(windows), windowed=True)


def pass_through_share(*, within: timedelta, windows: Iterable[Window]) -> Measure:
    """The share of the money credited in the window that left again no later than `within` after.

    In [0, 1]; double, null if nothing was credited. Credits younger than `within` count with what
    has left of them so far.
    """
    return Measure(kind="pass_through", windows=tuple(windows), windowed=True, within=within)


def matched_total(*, windows: Iterable[Window]) -> Measure:
    """The money of the window's debits that earlier credits account for; double, 0 if none."""
    return Measure(kind="matched", windows=tuple(windows), windowed=True)


def unmatched_total() -> Measure:
    """The credited money that no debit has taken yet; double, 0 if none."""
    return Measure(kind="unmatched")


def unmatched_seconds() -> Measure:
    """The mean age of the money that has not left, weighted by amount; double, null if none."""
    return Measure(kind="unmatched_age")


def oldest_unmatched_seconds() -> Measure:
    """The age of the oldest money that has not left; double, null if there is none."""
    return Measure(kind="unmatched_oldest")


# --- entities that share attributes: `LinkView` ---


def component_size() -> Measure:
    """How many entities hang together, oneself included; bigint, 1 without any link."""
    return Measure(kind="component_size")


def component_growth(*, windows: Iterable[Window]) -> Measure:
    """The component's size now, less that of the entity's component a window ago; bigint.

    Both sizes are what was known at their own time.
    """
    windows = tuple(windows)
    if LIFETIME in windows:
        raise DefinitionError("component_growth compares with a window ago: LIFETIME has none")
    return Measure(kind="component_growth", windows=windows, windowed=True)


def component_labelled() -> Measure:
    """How many others of the component are labelled; bigint, 0 if none. Oneself never counts."""
    return Measure(kind="component_labelled")


def component_labelled_share(*, prior: float = 0.0, strength: float = 0.0) -> Measure:
    """The share of labelled entities among the others of the component, shrunk towards `prior`.

    (labelled + strength * prior) / (others + strength); double, null where that divides by zero.
    `strength` is how many entities the prior is worth.
    """
    return Measure(
        kind="component_labelled_share", prior=float(prior), strength=float(strength)
    )  # fmt: skip


def neighbours(*, windows: Iterable[Window]) -> Measure:
    """How many other entities share an attribute, both links within the window; bigint."""
    return Measure(kind="neighbours", windows=tuple(windows), windowed=True)


def labelled_neighbours(*, windows: Iterable[Window]) -> Measure:
    """How many of the `neighbours` are labelled at the decision; bigint."""
    return Measure(kind="labelled_neighbours", windows=tuple(windows), windowed=True)


# --- transfers between entities: `FlowView` ---


def hops(
    *,
    categories: Iterable[str] | str = (),
    limit: int = 4,
    direction: Direction = "received",
) -> Measure:
    """How many transfers away the nearest labelled address is; bigint, null beyond `limit`.

    0 is the address itself. `received`: money came from there, each transfer no later than the
    next; `sent`: money went there. `categories`: only labels of these; of any without.
    """
    return Measure(
        kind="hops", categories=tuple_of(categories), limit=limit, direction=direction
    )  # fmt: skip


def tainted_share(
    *,
    categories: Iterable[str] | str = (),
    method: Method = "haircut",
    windows: Iterable[Window],
) -> Measure:
    """The share of what was received in the window that stems from labelled addresses.

    `haircut`: what leaves an address is tainted as its balance is; `fifo`: what came first leaves
    first. All that leaves a labelled address is tainted. What an address spends beyond what it was
    seen to receive is clean. In [0, 1]; double, null if nothing was received.
    """
    return Measure(
        kind="tainted_share", categories=tuple_of(categories), method=method,
        windows=tuple(windows), windowed=True,
    )  # fmt: skip


def cycles(*, length: int, windows: Iterable[Window]) -> Measure:
    """In how many ways money came back: different circles of `length` accounts; bigint.

    A circle begins and ends with the entity, visits others once, and its transfers lie in the
    window, each no earlier than the one before.
    """
    return Measure(kind="cycles", length=length, windows=tuple(windows), windowed=True)
