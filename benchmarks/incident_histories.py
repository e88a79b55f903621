"""Generated histories of one source and one model, quiet or with something planted in them."""

# NumPy's stubs know few of the forms of `np.where`.
# pyright: reportCallIssue=false, reportArgumentType=false

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from stockade.watching.past import SOURCE, Day

Numbers = NDArray[np.float64]
FIRST = np.datetime64("2026-01-05")  # a Monday
WARM, ONSET, DAYS = 40, 80, 130
SOURCE_NAME, MODEL, VIEW = "transfers", "returns", "account_transfers"
COUNTRIES, SHARES = ("US", "DE", "BR", "GB"), (0.45, 0.25, 0.15, 0.15)
CHANNELS = ("web", "app", "api")
# The week's rhythm, Monday first.
RHYTHM = (1.0, 1.05, 1.0, 1.05, 1.15, 0.7, 0.6)
DAY_HOURS = 24.0


@dataclass(slots=True, kw_only=True)
class World:
    """What happened, one row per transfer, each also a decision of the model.

    Attributes:
        happened, arrived: hours since the first midnight.
        amount, total: of the transfer, and of the account in seven days; a feature of each.
        country, channel: texts; None is null.
        copy: whether the row was delivered before.
        risk: what the model says, in log odds.
        fraud: whether it is reported in the end, after `delay` hours.
        states: (day, layer, subject, item, state) that the monitor records.
        changed: day -> views whose definition changed lately.
    """

    happened: Numbers
    arrived: Numbers
    amount: Numbers
    total: Numbers
    country: NDArray[np.object_]
    channel: NDArray[np.object_]
    copy: NDArray[np.bool_]
    risk: Numbers
    fraud: NDArray[np.bool_]
    delay: Numbers
    states: list[tuple[Day, str, str, str, str]] = field(
        default_factory=list[tuple[Day, str, str, str, str]]
    )
    changed: dict[int, set[str]] = field(default_factory=dict[int, set[str]])

    @property
    def day(self) -> NDArray[np.int64]:
        """The day on which each happened."""
        return (self.happened // DAY_HOURS).astype(np.int64)

    def take(self, rows: NDArray[np.int64]) -> "World":
        """Some rows, in another order or more than once."""
        names = ("happened", "arrived", "amount", "total", "country", "channel", "copy", "risk",
                 "fraud", "delay")  # fmt: skip
        return replace(self, **{name: getattr(self, name)[rows] for name in names})


def quiet(seed: int) -> World:
    """A history in which nothing happens but the week and chance."""
    draw = np.random.default_rng(seed)
    # Days differ by more than their draws: five in a hundred, as people's days do.
    mean = 500 * np.array([RHYTHM[n % 7] for n in range(DAYS)]) * draw.lognormal(0, 0.05, DAYS)
    day = np.repeat(np.arange(DAYS), draw.poisson(mean))
    n = len(day)
    hour = (14 + 5 * draw.standard_normal(n)) % DAY_HOURS
    risk = draw.normal(-4.2, 1.6, n)
    happened = day * DAY_HOURS + hour
    return World(
        happened=happened, arrived=happened + draw.lognormal(np.log(0.1), 0.6, n),
        amount=draw.lognormal(4, 1, n), total=draw.lognormal(5.5, 0.8, n),
        country=draw.choice(np.array(COUNTRIES, object), n, p=SHARES),
        channel=draw.choice(np.array(CHANNELS, object), n, p=(0.5, 0.4, 0.1)),
        copy=np.zeros(n, np.bool_), risk=risk, fraud=draw.random(n) < expit(risk),
        delay=draw.lognormal(np.log(72), 0.6, n),
        states=[
            (FIRST, "view", VIEW, "total_7d", "a1"), (FIRST, "model", MODEL, "version", "3"),
            (FIRST, SOURCE, SOURCE_NAME, "schema", "amount double"),
        ],
    )  # fmt: skip


Break = Callable[[World, np.random.Generator], World]


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """What is planted.

    Attributes:
        name: what it is called.
        kinds: of causes, those that are right.
        broken: history and chance -> the history with the incident in it.
        column: that the right cause names; '' where any is right.
        days: how long it is watched.
    """

    name: str
    kinds: tuple[str, ...]
    broken: Break
    column: str = ""
    days: int = 14

    def is_right(self, kind: str, column: str) -> bool:
        """Whether a cause of this kind, in this column, is the right one."""
        return kind in self.kinds and self.column in ("", column)


def _since(world: World) -> NDArray[np.bool_]:
    return world.day >= ONSET


def _late(world: World, _: np.random.Generator) -> World:
    """The afternoon of one day comes three days late."""
    hit = (world.day == ONSET) & (world.happened % DAY_HOURS >= 12)
    world.arrived = np.where(hit, world.arrived + 72, world.arrived)
    return world


def _twice(world: World, _: np.random.Generator) -> World:
    day = np.flatnonzero(world.day == ONSET)
    again = world.take(np.concatenate([np.arange(len(world.happened)), day]))
    again.copy[-len(day) :] = True
    return again


def _cents(world: World, _: np.random.Generator) -> World:
    world.amount = np.where(_since(world), world.amount * 100, world.amount)
    return world


def _category(world: World, draw: np.random.Generator) -> World:
    hit = _since(world) & (draw.random(len(world.happened)) < 0.08)
    world.channel = np.where(hit, "kiosk", world.channel)
    return world


def _nulls(world: World, draw: np.random.Generator) -> World:
    hit = _since(world) & (draw.random(len(world.happened)) < 0.3)
    world.channel = np.where(hit, None, world.channel)
    return world


def _skew(world: World, _: np.random.Generator) -> World:
    """One country's clocks run three hours ahead; what arrives does so when it did."""
    hit = _since(world) & (world.country == "DE")
    world.happened = np.where(hit, world.happened + 3, world.happened)
    return world


def _population(world: World, draw: np.random.Generator) -> World:
    hit = _since(world) & (draw.random(len(world.happened)) < 0.35)
    world.country = np.where(hit, "BR", world.country)
    return world


def _concept(world: World, draw: np.random.Generator) -> World:
    """Frauds look like anyone: as many as before, spread over all scores."""
    rows = np.flatnonzero(_since(world))
    world.fraud[rows] = draw.permutation(world.fraud[rows])
    return world


def _wave(world: World, draw: np.random.Generator) -> World:
    hit = _since(world) & (world.country == "BR")
    world.fraud = world.fraud | (hit & (draw.random(len(world.happened)) < 0.15))
    return world


def _definition(world: World, _: np.random.Generator) -> World:
    world.total = np.where(_since(world), world.total * 0.3, world.total)
    world.states.append((FIRST + np.timedelta64(ONSET, "D"), "view", VIEW, "total_7d", "b2"))
    world.changed = {ONSET + n: {VIEW} for n in range(4)}
    return world


def _stale(world: World, draw: np.random.Generator) -> World:
    """Day after day more frauds look like anyone: over fifty days, all of them."""
    share = np.clip((world.day - ONSET) / (DAYS - ONSET), 0, 1)
    hidden = world.fraud & (draw.random(len(world.happened)) < share)
    others = np.flatnonzero(_since(world) & ~world.fraud)
    chosen = draw.choice(others, int(hidden.sum()), replace=False)
    # Each goes to a row of about the same day.
    order = np.sort(chosen)
    world.fraud = world.fraud & ~hidden
    world.fraud[order] = True
    return world


def _delay(world: World, _: np.random.Generator) -> World:
    world.delay = np.where(_since(world), world.delay * 2.2, world.delay)
    return world


INCIDENTS = (
    Incident(name="late partition", kinds=("late partition",), broken=_late),
    Incident(name="duplicated day", kinds=("duplicated rows",), broken=_twice),
    Incident(name="unit change", kinds=("unit change",), broken=_cents, column="amount"),
    Incident(name="new category", kinds=("new category",), broken=_category, column="channel"),
    Incident(name="null burst", kinds=("null burst",), broken=_nulls, column="channel"),
    Incident(name="clock skew", kinds=("clock skew",), broken=_skew),
    Incident(name="population shift", kinds=("population shift",), broken=_population,
             column="country"),
    Incident(name="concept drift", kinds=("concept drift",), broken=_concept, days=30),
    Incident(name="fraud wave in a slice", kinds=("fraud wave",), broken=_wave, days=30),
    Incident(name="definition change", kinds=("definition change",), broken=_definition),
    Incident(name="stale champion", kinds=("stale champion",), broken=_stale, days=50),
    Incident(name="label delay change", kinds=("label delay change",), broken=_delay, days=30),
)  # fmt: skip
