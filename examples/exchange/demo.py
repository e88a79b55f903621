"""A simulated exchange, from its first event to every model: `python -m examples.exchange.demo`."""

import argparse
import sys
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table

from examples.steps import Laps, screen, step
from stockade import ModelSpec
from stockade.building.training_set import Built
from stockade.errors import StockadeError
from stockade.feature_store import FeatureStore, connect
from stockade.learning.judgement import Judgement
from stockade.learning.registry import Promotion
from stockade.learning.train import TrainedModel
from stockade.session import session
from stockade.target import Target
from trust_safety.simulator.rates import Rates, load_rates
from trust_safety.simulator.spark import fill
from trust_safety.simulator.world import START, World, world

# Labels that take eighty days to be known need more than a year: each fold and the test have a gap
# of that length before them.
DAYS = 540
# Before, accounts have next to no history; after, a month is left to score.
LEARN_FROM, SCORED = START + timedelta(days=20), timedelta(days=31)
# At the simulator's own rates a smaller world has too few cases of some kinds to learn from.
ENOUGH = 0.3
STRATEGY = "ach_release"
_LEGEND = (
    "Cases of the test period; average precision of the rules and of the model, what the model "
    "gains; cases caught by as many reviews a day as the model's team has time for."
)


@dataclass(slots=True, kw_only=True)
class Result:
    """What became of one model; `said` is why it went no further."""

    spec: ModelSpec
    trained: TrainedModel | None = None
    promoted: bool = False
    said: str = ""


def main() -> None:
    """Run every step for every model, and end with a table and where to look."""
    arguments = _arguments()
    begin = time.monotonic()
    lived = exchange(arguments.scale, seed=arguments.seed, days=arguments.days)
    with step("start Spark"):
        target = Target.local(Path(arguments.target))
        spark = session(target, memory="4g", optimise=True)
        store = connect("trust_safety.features", "trust_safety.models", target=target, spark=spark)
    _live(store, lived)
    results = [
        Result(spec=spec)
        for spec in store.registry.all(ModelSpec)
        if not arguments.models or spec.name in arguments.models
    ]
    _training_sets(store, results, lived)
    for result in results:
        _train(store, result, arguments.trials)
    _score(store, [result for result in results if result.trained], lived)
    figure = _strategy(store, lived, results)
    screen.print()
    screen.print(_sheet(results))
    for result in results:
        if result.said:
            screen.print(f"{result.spec.name}: {result.said}")
    _where_to_look(store, figure, time.monotonic() - begin)
    if any(result.trained is None for result in results):
        sys.exit(1)


def exchange(scale: float, *, seed: int, days: int = DAYS) -> World:
    """A world; below `ENOUGH`, crime may be as much more frequent as there are fewer accounts."""
    known, cap = load_rates(), "world.share_cap"
    higher = {cap: known[cap] * max(1.0, ENOUGH / scale)}
    rates = Rates(known.values | higher, known.sources | {cap: "as many cases of fewer accounts"})
    return world(scale, seed=seed, days=days, rates=rates)


def learning(lived: World) -> tuple[datetime, datetime]:
    """The decisions to learn from: from the first instant to before the second, the build date."""
    return _midnight(LEARN_FROM), _midnight(lived.end - SCORED)


def _live(store: FeatureStore, lived: World) -> None:
    with step(f"live an exchange: {lived.users:,} accounts, {lived.days} days") as said:
        written = fill(store.tables, lived)
        rows = sum(one.rows for one in written.values())
        said(f"{rows:,} rows in {len(written)} tables")


def _training_sets(store: FeatureStore, results: list[Result], lived: World) -> None:
    """Every set, as the tables are now, and the proof that none of them looks ahead."""
    start, end = learning(lived)
    screen.print(f"\ntraining sets as of {end:%Y-%m-%d}; the first reads the tables for all")
    lap = Laps()

    def written(built: Built) -> None:
        states = built.manifest["label_states"]
        lap(built.name, ", ".join(f"{n:,} {state}" for state, n in states.items() if n))

    specs = [result.spec for result in results]
    store.build_all(specs, start=start, end=end, as_of=end, progress=written)
    for spec in specs:
        with step(f"audit of {spec.training_set.name}") as said:
            audit = store.audit(spec.training_set.name).require()
            said(f"no value is too late, by {len(audit.checks)} rules on {audit.rows:,} rows")


def _train(store: FeatureStore, result: Result, trials: int) -> None:
    """Search, judge and ask the gates; a failure ends this model only."""
    screen.print(f"\n{result.spec.name}: {result.spec.description}")
    try:
        with step(f"search, {trials} trials, and judge the best on a later period") as said:
            result.trained = store.train(result.spec, trials=trials)
            said(_beside_rules(result.trained.judgement))
        with step("ask the gates") as said:
            promotion = store.promote(result.spec)
            result.promoted = promotion.promoted
            said(_verdict(promotion))
        if not promotion.promoted:
            result.said = f"not promoted: {_verdict(promotion)}"
    except* StockadeError as faults:
        result.said = "; ".join(str(fault) for fault in _leaves(faults))
        screen.print(f"          failed: {result.said}")


def _score(store: FeatureStore, results: list[Result], lived: World) -> None:
    """What the gates refuse scores in the shade: nobody acts on it."""
    since = lived.end - SCORED
    screen.print(f"\nscores of the month from {since}; of what was not promoted, in the shade")
    lap = Laps()
    store.score_all(
        [result.spec for result in results], since=since, until=lived.end,
        shadow=[result.spec.name for result in results if not result.promoted],
        progress=lambda scored: lap(scored.table, f"{scored.rows:,} decisions"),
    )  # fmt: skip


def _strategy(store: FeatureStore, lived: World, results: list[Result]) -> Path | None:
    """When to make deposits available, from the scores of the models that judge them."""
    strategy = store.registry.strategy(STRATEGY)
    champions = {result.spec.name for result in results if result.promoted}
    if not {spec.name for spec in strategy.models} <= champions:
        return None
    path = Path(store.target.warehouse).parent / f"{STRATEGY}.png"
    screen.print()
    with step("release strategy: instant, hold, limit or refuse, by risk") as said:
        found = store.release(
            strategy, since=lived.end - SCORED, until=lived.end, as_of=_midnight(lived.end)
        )
        path.write_bytes(store.release_figure(strategy, found))
        said(", ".join(f"{band.low:.1%} {band.course}" for band in found.bands))
    return path


def _beside_rules(judgement: Judgement) -> str:
    ours, rules = judgement.evaluation, judgement.rules
    said = f"AP {ours.average_precision:.3f}"
    if rules is None:
        return said
    return f"{said}, rules {rules.evaluation.average_precision:.3f}"


def _verdict(promotion: Promotion) -> str:
    failed = [f"{check.gate}: {check.said}" for check in promotion.checks if not check.passed]
    return "; ".join(failed) or f"version {promotion.version} is champion"


def _sheet(results: list[Result]) -> Table:
    """A table of all models; intervals of 90 %, days and accounts drawn anew."""
    sheet = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), caption=_LEGEND, caption_justify="left")
    sheet.add_column("model", no_wrap=True)
    for title in ("cases", "rules", "model", "90 %", "gain", "90 %", "caught"):
        sheet.add_column(title, justify="right", no_wrap=True)
    for result in results:
        if result.trained is None:
            sheet.add_row(result.spec.name, *["-"] * 7)
            continue
        judgement = result.trained.judgement
        ours, rules = judgement.evaluation, judgement.rules
        interval = judgement.intervals.get("average_precision")
        gain = None if rules is None else rules.difference
        sheet.add_row(
            result.spec.name,
            f"{ours.positives:,}",
            "-" if rules is None else _short(rules.evaluation.average_precision),
            _short(ours.average_precision),
            "-" if interval is None else f"{_short(interval.low)} {_short(interval.high)}",
            "-" if gain is None else _short(gain.mean, "+"),
            "-" if gain is None else f"{_short(gain.low, '+')} {_short(gain.high, '+')}",
            f"{ours.recall_at_capacity:.0%}",
        )
    return sheet


def _short(number: float, sign: str = "") -> str:
    """Two digits, without the nought before them."""
    return f"{number:{sign}.2f}".replace("0.", ".", 1)


def _where_to_look(store: FeatureStore, figure: Path | None, seconds: float) -> None:
    minutes, rest = divmod(int(seconds), 60)
    screen.print(f"\ndone in {minutes} min {rest} s. Where to look:")
    screen.print(f"  tables   {store.target.warehouse}")
    screen.print(f"  runs     .venv/bin/mlflow ui --backend-store-uri {store.target.tracking_uri}")
    if figure is not None:
        screen.print(f"  figure   {figure}")
    screen.print("  code     models/, beginning with ach_unauthorised.py; features/; simulator/")


def _leaves(faults: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for fault in faults.exceptions:
        found += _leaves(fault) if isinstance(fault, BaseExceptionGroup) else [fault]
    return found


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m examples.exchange.demo", description=__doc__)
    parser.add_argument("--scale", type=float, default=0.1, help="1 is thirty thousand accounts")
    parser.add_argument("--days", type=int, default=DAYS, help="how long it is lived")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--trials", type=int, default=4, help="points that each search tries")
    parser.add_argument("--models", nargs="*", help="which; by default all")
    parser.add_argument("--target", default=".stockade/exchange", help="folder for tables and runs")
    return parser.parse_args()


if __name__ == "__main__":
    main()
