"""Planted incidents: how soon the monitor sees each, what it says of the cause, what it cries for.

    python -m benchmarks.incidents --seeds 5

A hundred and thirty days of one source and one model, with a week's rhythm, generated without
Spark and judged by the monitor's own measures, thresholds, alerts and causes. Each incident begins
on the same day of the same history. Written for reading, not for realism in every column.
"""

# pyarrow's stubs know few of the forms of `pa.table`.
# pyright: reportCallIssue=false, reportArgumentType=false

import argparse
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import expit

from benchmarks.incident_histories import (
    DAY_HOURS,
    DAYS,
    FIRST,
    INCIDENTS,
    MODEL,
    ONSET,
    SOURCE_NAME,
    VIEW,
    WARM,
    Incident,
    World,
    quiet,
)
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
from stockade.watching.past import FEATURE, SCORES, SOURCE, Found, Past, bins_of
from stockade.watching.tally import HOUR, LATE, ON_DAY, RESCORED, SAME, Shape, counts, tally

MATURITY = timedelta(days=21)

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
        self.arrived = (world.arrived // DAY_HOURS).astype(np.int64)
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
                ("", "hours_since_last_event"): (n + 1) * DAY_HOURS - last,
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
        reported = world.fraud & (known < (n + 1) * DAY_HOURS) & (
            world.delay <= MATURITY.days * DAY_HOURS
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
        first: the first cause on the first day on which there was one; '' where there is none.
        right: whether it is the right one.
        right_at_last: whether the first cause of that alert's last day is.
        text, counterfactual: of the first.
    """

    incident: str
    delay: int | None
    first: str = ""
    right: bool = False
    right_at_last: bool = False
    text: str = ""
    counterfactual: str = ""


def plant(incident: Incident, seed: int, before: Judge) -> Outcome:
    """Break the history, and watch it from the day on which it breaks."""
    world = incident.broken(quiet(seed), np.random.default_rng(seed + 1))
    watched = Watched(world)
    until = min(ONSET + incident.days, DAYS)
    seen = list(watch(watched, beginning(watched, before), since=ONSET, until=until))
    delay = seen[0].day - ONSET if seen else None
    named = [one for one in seen if one.causes]
    causes = [one.causes[0] for one in named if one.alert.alert_id == named[0].alert.alert_id]
    if not causes:
        return Outcome(incident=incident.name, delay=delay, first="unknown" if seen else "")
    # An operator opens the alert on its first day, and looks again while it lasts.
    first, last = causes[0], causes[-1]
    return Outcome(
        incident=incident.name, delay=delay, first=first.kind,
        right=incident.is_right(first.kind, first.column),
        right_at_last=incident.is_right(last.kind, last.column),
        text=first.text, counterfactual=first.counterfactual,
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
    """Print one table over all seeds, and on request what was said of each incident."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--since", type=int, default=0, help="the first seed")
    parser.add_argument("--verbose", action="store_true", help="what was said, seed by seed")
    asked = parser.parse_args()
    seeds = range(asked.since, asked.since + asked.seeds)
    found: dict[str, list[Outcome]] = {one.name: [] for one in INCIDENTS}
    alarms: list[Seen] = []
    false = 0
    for seed in seeds:
        judge, _ = before_onset(seed)
        for one in INCIDENTS:
            outcome = plant(one, seed, judge)
            found[one.name].append(outcome)
            if asked.verbose:
                print(f"{seed} {outcome}")
        cried = quiet_alerts(seed)
        false += len({one.alert.alert_id for one in cried})
        alarms += cried
    print("\n".join(table(found)))
    weeks = (DAYS - WARM) / 7 * len(seeds)
    print(f"{false} false alarms in {weeks:.0f} quiet weeks: {false / weeks:.2f} a week")
    for one in alarms:
        print("  false:", one.alert.root, one.alert.signals[0].text)


def table(found: Mapping[str, Sequence[Outcome]]) -> Iterator[str]:
    """Lines of Markdown: per incident how often it was seen, how late, and what was said first."""
    yield "| incident | seen | after days (median, most) | cause right at first | and at last |"
    yield "| --- | --- | --- | --- | --- |"
    for name, outcomes in found.items():
        n = len(outcomes)
        delays = [one.delay for one in outcomes if one.delay is not None]
        after = f"{np.median(delays):.0f}, {max(delays)}" if delays else "-"
        wrong = sorted({one.first or "unseen" for one in outcomes if not one.right})
        yield (
            f"| {name} | {len(delays)} of {n} | {after} | {sum(one.right for one in outcomes)}"
            + (f" ({', '.join(wrong)})" if wrong else "")
            + f" | {sum(one.right_at_last for one in outcomes)} |"
        )
    every = [one for outcomes in found.values() for one in outcomes]
    yield (
        f"| all | {sum(one.delay is not None for one in every)} of {len(every)} | | "
        f"{sum(one.right for one in every)} | {sum(one.right_at_last for one in every)} |"
    )


if __name__ == "__main__":
    main()
