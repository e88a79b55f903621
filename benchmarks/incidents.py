"""Planted incidents: how soon the monitor sees each, what it says of the cause, what it cries for.

    python -m benchmarks.incidents

A hundred and thirty days of one source and one model, with a week's rhythm, generated without
Spark and judged by the monitor's own measures, thresholds, alerts and causes. Each incident begins
on the same day of the same history. Written for reading, not for realism in every column.
"""

# pyarrow's stubs know few of the forms of `pa.table`.
# pyright: reportCallIssue=false, reportArgumentType=false

import argparse
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import expit

from stockade.definitions.spine import NEGATIVE, POSITIVE
from stockade.watching.causes import Cause, diagnosed
from stockade.watching.judge import Alert, Judge
from stockade.watching.lineage import Lineage, Upstream
from stockade.watching.maturing import Deciding, outcome_measures
from stockade.watching.measures import (
    Reviewing,
    feature_measures,
    score_measures,
    source_measures,
)
from stockade.watching.past import FEATURE, SCORES, SOURCE, Day, Found, Past, bins_of
from stockade.watching.tally import HOUR, LATE, ON_DAY, RESCORED, SAME, Shape, counts, tally

Numbers = NDArray[np.float64]
FIRST = np.datetime64("2026-01-05")  # a Monday
WARM, ONSET, DAYS = 40, 80, 130
MATURITY = timedelta(days=21)
SOURCE_NAME, MODEL, VIEW = "transfers", "returns", "account_transfers"
COUNTRIES, SHARES = ("US", "DE", "BR", "GB"), (0.45, 0.25, 0.15, 0.15)
CHANNELS = ("web", "app", "api")
# The week's rhythm, Monday first.
RHYTHM = (1.0, 1.05, 1.0, 1.05, 1.15, 0.7, 0.6)
_DAY_HOURS = 24.0


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
        return (self.happened // _DAY_HOURS).astype(np.int64)

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
    hour = (14 + 5 * draw.standard_normal(n)) % _DAY_HOURS
    risk = draw.normal(-4.2, 1.6, n)
    happened = day * _DAY_HOURS + hour
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


def _since(world: World) -> NDArray[np.bool_]:
    return world.day >= ONSET


def _late(world: World, _: np.random.Generator) -> World:
    """The afternoon of one day comes three days late."""
    hit = (world.day == ONSET) & (world.happened % _DAY_HOURS >= 12)
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

LINEAGE = Lineage(
    tables={SOURCE_NAME: SOURCE_NAME, "reports": "reports"},
    inputs={
        MODEL: {
            "amount": Upstream(sources=frozenset((SOURCE_NAME,))),
            "total_7d": Upstream(
                sources=frozenset((SOURCE_NAME,)), views=frozenset((VIEW,)),
                reach=timedelta(days=7),
            ),
        }
    },
    labels={MODEL: frozenset(("reports",))},
)  # fmt: skip
_DECIDING = Deciding(name=MODEL, maturity=MATURITY, capacity=25, passed="approve")


def _dates(days: NDArray[np.int64]) -> NDArray[np.datetime64]:
    return FIRST + days.astype("timedelta64[D]")


class Watched:
    """A history as the monitor would have counted it."""

    def __init__(self, world: World) -> None:
        """Count it, all days at once."""
        self.world = world
        self.arrived = (world.arrived // _DAY_HOURS).astype(np.int64)
        known = self.arrived < DAYS
        seen = world.take(np.flatnonzero(known))
        on = self.arrived[known]
        source = pa.table(
            {
                ON_DAY: _dates(on), "amount": seen.amount, "country": pa.array(seen.country),
                "channel": pa.array(seen.channel),
                HOUR: pa.array([f"{int(one) % 24:02d}" for one in seen.happened]),
                LATE: (seen.arrived - seen.happened) * 3600,
            }
        )  # fmt: skip
        shape = Shape(numbers=("amount", LATE), texts=("country", "channel", HOUR),
                      slices=("country", "channel"))  # fmt: skip
        self.once = np.flatnonzero(~world.copy & (world.day < DAYS))
        self.decided = world.take(self.once)
        features = pa.table(
            {
                ON_DAY: _dates(self.decided.day), "amount": self.decided.amount,
                "total_7d": self.decided.total, RESCORED: [SAME] * len(self.once),
            }
        )  # fmt: skip
        self.probability = expit(self.decided.risk)
        self.action = np.where(self.probability > 0.15, "review", "approve")
        scores = pa.table(
            {ON_DAY: _dates(self.decided.day), "score": self.probability, "action": self.action}
        )
        tallies = {
            (SOURCE, SOURCE_NAME): tally(source, shape),
            (FEATURE, MODEL): tally(features, Shape(numbers=("amount", "total_7d"),
                                                    texts=(RESCORED,))),
            (SCORES, MODEL): tally(scores, Shape(numbers=("score",), texts=("action",))),
        }  # fmt: skip
        self.bins = pd.concat(
            [bins_of(one.to_pandas(), layer=layer, subject=subject)
             for (layer, subject), one in tallies.items()], ignore_index=True,
        )  # fmt: skip
        learnt = tallies[FEATURE, MODEL].to_pandas()
        early = learnt[ON_DAY].to_numpy().astype("datetime64[D]") < FIRST + np.timedelta64(28, "D")
        self.training = {
            str(column): counts(rows) for column, rows in learnt[early].groupby("column") if column
        }

    def states(self) -> pd.DataFrame:
        """As the monitor records them."""
        names = [ON_DAY, "layer", "subject", "item", "state"]
        held = pd.DataFrame(self.world.states, columns=names)
        return held.assign(**{ON_DAY: held[ON_DAY].to_numpy().astype("datetime64[D]")})

    def measures(self, past: Past, n: int) -> Iterator[Found]:
        """Of one day."""
        day, world = FIRST + np.timedelta64(n, "D"), self.world
        mine = self.arrived == n
        rows = float(mine.sum())
        scalars = {("", "rows"): rows}
        if rows:
            last = float(world.happened[mine].max())
            scalars |= {
                ("", "copies"): float(world.copy[mine].sum()),
                ("", "hours_since_last_event"): (n + 1) * _DAY_HOURS - last,
            }
            for name in ("country", "channel"):
                nulls = [one is None for one in getattr(world, name)[mine]]
                scalars[name, "null_share"] = float(np.mean(nulls))
        root = LINEAGE.root(SOURCE_NAME)
        yield from source_measures(past, SOURCE_NAME, day, scalars=scalars, root=root)
        model = f"model {MODEL}"
        yield from feature_measures(past, MODEL, day, training=self.training, root=model)
        reviewing = Reviewing(passed="approve", capacity=25)
        yield from score_measures(past, MODEL, day, reviewing=reviewing, root=model)
        yield from outcome_measures(self.outcomes(n), day, _DECIDING)

    def outcomes(self, n: int) -> pd.DataFrame:
        """The decisions that a day looks back at, as known at its end."""
        world = self.decided
        # Young decisions only: what mature ones say (metrics with intervals) alarms weeks later.
        rows = (world.day <= n) & (world.day > n - MATURITY.days)
        known = world.happened + world.delay
        reported = world.fraud & (known < (n + 1) * _DAY_HOURS) & (
            world.delay <= MATURITY.days * _DAY_HOURS
        )  # fmt: skip
        begin = FIRST.astype("datetime64[us]")
        at, when = (
            begin + (hours[rows] * 3.6e9).astype("timedelta64[us]")
            for hours in (world.happened, known)
        )
        return pd.DataFrame(
            {
                "decided_at": at, "known_at": pd.Series(when).where(reported[rows]),
                "score": self.probability[rows], "probability": self.probability[rows],
                "action": self.action[rows],
                "state": np.where(reported[rows], POSITIVE, NEGATIVE),
                "entity": np.arange(int(rows.sum())), "slice country": world.country[rows],
            }
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An alert on a day, with what is thought to have caused it."""

    day: int
    alert: Alert
    causes: tuple[Cause, ...]


def watch(watched: Watched, judge: Judge, *, since: int, until: int) -> Iterator[Seen]:
    """Judge the days `[since, until)` one after the other."""
    states = watched.states()
    for n in range(since, until):
        day = FIRST + np.timedelta64(n, "D")
        found = list(watched.measures(judge.past, n))
        changed = watched.world.changed.get(n, set[str]())
        recorded = states[states[ON_DAY] <= day]
        _, alerts = judge.day(day, found, changed_views=changed)
        for alert in alerts:
            yield Seen(day=n, alert=alert, causes=diagnosed(alert, judge.past, recorded))


def beginning(watched: Watched, judge: Judge | None = None) -> Judge:
    """A judge of a history; of another one's, with what that one had on record."""
    past = Past.of(
        bins=watched.bins, states=watched.states(),
        measures=pd.DataFrame(columns=[ON_DAY, "layer", "subject", "column", "slice", "measure",
                                       "value"]),
    )  # fmt: skip
    if judge is None:
        return Judge(past=past, lineage=LINEAGE)
    past.series.update(deepcopy(judge.past.series))
    past.excluded.update(deepcopy(judge.past.excluded))
    return Judge(past=past, lineage=LINEAGE, open=dict(judge.open))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of an incident.

    Attributes:
        delay: days from its beginning to the first alert; None where there was none.
        first: the first cause on the alert's most telling day; '' where there is none.
        right: whether it is the right one.
        text, counterfactual: of it.
    """

    incident: str
    delay: int | None
    first: str
    right: bool
    text: str = ""
    counterfactual: str = ""


def plant(incident: Incident, seed: int, before: Judge) -> Outcome:
    """Break the history, and watch it from the day on which it breaks."""
    world = incident.broken(quiet(seed), np.random.default_rng(seed + 1))
    watched = Watched(world)
    until = min(ONSET + incident.days, DAYS)
    seen = list(watch(watched, beginning(watched, before), since=ONSET, until=until))
    if not seen:
        return Outcome(incident=incident.name, delay=None, first="", right=False)
    # An operator opens the alert on its first day; a cause is judged by that day's diagnosis.
    told = next((one for one in seen if one.causes), seen[0])
    best = told.causes[0] if told.causes else None
    return Outcome(
        incident=incident.name, delay=seen[0].day - ONSET,
        first=best.kind if best else "unknown",
        right=best is not None and best.kind in incident.kinds
        and incident.column in ("", best.column),
        text=best.text if best else "", counterfactual=best.counterfactual if best else "",
    )  # fmt: skip


def before_onset(seed: int) -> tuple[Judge, list[Seen]]:
    """A judge at the end of the day before the onset, and what it cried for until then."""
    watched = Watched(quiet(seed))
    judge = beginning(watched)
    seen = list(watch(watched, judge, since=0, until=ONSET))
    return judge, [one for one in seen if one.day >= WARM]


def quiet_alerts(seed: int) -> list[Seen]:
    """What is cried for in ninety days in which nothing happens."""
    judge, seen = before_onset(seed)
    watched = Watched(quiet(seed))
    return [*seen, *watch(watched, beginning(watched, judge), since=ONSET, until=DAYS)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1)
    for seed in range(parser.parse_args().seeds):
        judge, _ = before_onset(seed)
        print(f"seed {seed}\n| incident | seen after, days | first cause | right |  |")
        print("| --- | --- | --- | --- | --- |")
        outcomes = [plant(one, seed, judge) for one in INCIDENTS]
        for one in outcomes:
            seen = "never" if one.delay is None else one.delay
            right = "yes" if one.right else "NO"
            print(f"| {one.incident} | {seen} | {one.first} | {right} | {one.text}; "
                  f"{one.counterfactual} |")  # fmt: skip
        alarms = quiet_alerts(seed)
        ids = {one.alert.alert_id for one in alarms}
        print(f"{sum(one.right for one in outcomes)} of {len(outcomes)} right; "
              f"{len(ids)} false alarms in {DAYS - WARM} quiet days")  # fmt: skip
        for one in alarms:
            print("  false:", one.day, one.alert.root, one.alert.signals[0].text)


if __name__ == "__main__":
    main()
