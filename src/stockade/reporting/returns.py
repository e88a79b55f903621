"""How many payments come back, by when they were made, against the levels that must be kept."""

from collections.abc import Iterator, Sequence
from datetime import date

import numpy as np
import pandas as pd

from stockade.learning.quality import TAIL
from stockade.learning.release import CohortRate
from stockade.reporting import charts
from stockade.reporting.facts import Facts, ReturnFacts
from stockade.reporting.page import Figure, Part, Tile, grid

# Of the normal distribution 5 % lie beyond it, both sides together.
_CHANCE = 1.96
# A page for people who are in a hurry: the charts hold the periods before.
_PERIODS = 3
# From here on nothing is left to be estimated.
_ALL = 0.9995
_VERDICTS = {"below": "below the level", "above": "above the level", "open": "cannot be told yet"}


def returns_tiles(facts: Facts) -> Iterator[Tile]:
    """For each level the newest period of which enough is known."""
    for one in facts.returns:
        for newest, _ in _newest(one):
            yield Tile(
                value=f"{newest.completed:.2%}",
                words=f"{newest.level} returns of payments made {_period(newest)}: "
                f"{_VERDICTS[newest.verdict]}, {_level(newest.limit)}",
            )


def returns_parts(facts: Facts) -> Iterator[Part]:
    """A table and a chart of each level."""
    for one in facts.returns:
        title = f"What comes back: {one.strategy.name}"
        if not one.cohorts or one.as_of is None:
            yield Part(title=title, text=[f"Nothing can be said: {one.said or 'no payments'}."])
            continue
        yield Part(
            title=title,
            text=[
                "Payments are counted by the day they were made, not by the day they came back, as "
                "the levels are; what we stopped ourselves is left out. Known until "
                f"{one.as_of:%Y-%m-%d}. Of a young period not all returns are known: the rest is "
                "estimated from how long returns take, and is not a fact. The interval holds what "
                "it will be in nine of ten cases.",
                *(
                    f"{level.name.capitalize()}, {_level(level.rate)}: {level.description}"
                    for level in one.strategy.levels
                    if level.description
                ),
            ],
            figures=list(_figures(one)),
            tables=[
                grid(
                    "By the period they were made in, the newest ones",
                    ("made", "returns", "payments", "came back", "known so far", "in the end",
                     "90 % interval", "level", "which is"),
                    map(_row, _whole(one)[: _PERIODS * len(one.strategy.levels)]),
                )
            ],
        )  # fmt: skip


def returns_changes(facts: Facts) -> Iterator[str]:
    """How each level's newest period compares with the one before."""
    for one in facts.returns:
        for newest, before in _newest(one):
            if before is None:
                continue
            yield (
                f"{newest.level.capitalize()} returns {_way(newest, before)}: "
                f"{newest.completed:.2%} of payments made {_period(newest)}, "
                f"{before.completed:.2%} of those made {_period(before)}."
            )


def returns_recommended(facts: Facts) -> Iterator[str]:
    """What follows from levels that are, or may be, passed."""
    for one in facts.returns:
        for newest, _ in _newest(one):
            what = f"{newest.level.capitalize()} returns of payments made {_period(newest)}"
            command = f"stockade strategy {one.strategy.name}"
            if newest.verdict == "above":
                yield (
                    f"{what} are {newest.completed:.2%}, {newest.low:.2%} at least, and the level "
                    f"is {_level(newest.limit)}. Hold or refuse more of the riskiest: {command} "
                    "shows by how much the rate falls."
                )
            elif newest.verdict == "open":
                yield (
                    f"{what} may pass the level of {_level(newest.limit)} ({newest.low:.2%} to "
                    f"{newest.high:.2%}, {newest.known:.0%} of them known). Look again in a week, "
                    f"and prepare: {command}."
                )


def _whole(one: ReturnFacts) -> Sequence[CohortRate]:
    """The periods without a stub at the beginning of what is on record, where there are others."""
    oldest = min(one.cohorts, key=lambda c: c.first, default=None)
    if oldest is None:
        return ()
    days = (date.fromisoformat(oldest.last) - date.fromisoformat(oldest.first)).days
    rest = [c for c in one.cohorts if c.first != oldest.first]
    return rest if rest and days < one.strategy.cohort.days - 1 else one.cohorts


def _newest(one: ReturnFacts) -> Iterator[tuple[CohortRate, CohortRate | None]]:
    """Per level the newest period with an estimate, and the one before it."""
    for level in one.strategy.levels:
        told = [c for c in _whole(one) if c.level == level.name and c.completed is not None]
        if told:
            yield told[0], told[1] if len(told) > 1 else None


def _way(newest: CohortRate, before: CohortRate) -> str:
    """`rose` or `fell` where it is more than chance and what is still unknown make of it."""
    now, then = newest.completed or 0.0, before.completed or 0.0
    variance = sum(
        (one.completed or 0.0) / max(one.payments, 1)
        + (((one.high or 0.0) - (one.low or 0.0)) / (2 * TAIL)) ** 2
        for one in (newest, before)
    )
    if abs(now - then) <= _CHANCE * float(np.sqrt(variance)):
        return "are as before"
    return "rose" if now > then else "fell"


def _period(one: CohortRate) -> str:
    return f"{one.first} to {one.last}"


def _level(share: float) -> str:
    return f"{100 * share:g}%"


def _interval(one: CohortRate) -> str:
    if one.low is None or one.high is None:
        return "-"
    return "all is known" if one.known >= _ALL else f"{one.low:.2%} to {one.high:.2%}"


def _row(one: CohortRate) -> tuple[str, ...]:
    told = one.completed is not None
    return (
        _period(one), one.level, f"{one.payments:,}", f"{one.observed:.2%}", f"{one.known:.0%}",
        f"{one.completed:.2%}" if told else "too little is known",
        _interval(one), _level(one.limit), _VERDICTS[one.verdict],
    )  # fmt: skip


def _figures(one: ReturnFacts) -> Iterator[Figure]:
    for level in one.strategy.levels:
        told = [c for c in _whole(one) if c.level == level.name and c.completed is not None]
        if not told:
            continue
        rows = pd.DataFrame(
            {"at": c.last, "low": 100 * (c.low or 0.0), "middle": 100 * (c.completed or 0.0),
             "high": 100 * (c.high or 0.0)}
            for c in reversed(told)
        )  # fmt: skip
        name, rate = level.name.capitalize(), _level(level.rate)
        yield Figure(
            svg=charts.rates(rows, limit=100 * level.rate,
                             words=f"{name} returns by period, and the level of {rate}"),
            caption=f"{name} returns in the end, with 90 % interval; dashed: the level, {rate}.",
        )  # fmt: skip
