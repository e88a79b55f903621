"""How every model of the pack does beside its rules, in several worlds.

`python -m benchmarks.worlds FOLDER [--scale 0.1] [--seeds 0 1 2 3 4] [--trials 4]`. Each seed is a
world of its own, lived and learnt from as `make demo` does it, in a folder of its own. What is
found is kept in FOLDER/worlds.csv, seed by seed, and a seed that is there is not lived again.
Decisions (the mean) and cases are of the test period; the interval is of 90 %, by Student's t over
the worlds.
"""

import argparse
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t as student

from examples.exchange.demo import exchange, learning
from stockade import ModelSpec
from stockade.errors import StockadeError
from stockade.feature_store import FeatureStore, connect
from stockade.session import session
from stockade.target import Target
from trust_safety.simulator.spark import fill
from trust_safety.simulator.tables import TABLES
from trust_safety.simulator.world import World

CONFIDENCE = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One model in one world, on its test period.

    Attributes:
        scale, seed, model: which.
        rows, positives: decisions of the test period, and cases among them.
        rules, average_precision: of the rules and of the model; NaN where it could not be trained.
        caught: share of the cases within the team's reviews a day.
    """

    scale: float
    seed: int
    model: str
    rows: int = 0
    positives: int = 0
    rules: float = float("nan")
    average_precision: float = float("nan")
    caught: float = float("nan")


def live(
    folder: Path, *, scale: float, seed: int, optimise: bool = True
) -> tuple[FeatureStore, World]:
    """A world, and the pack on its tables, which are written to a folder of its own, once.

    The session is of the first world; a store's tables are where its own target says.
    """
    lived = exchange(scale, seed=seed)
    target = Target.local(folder / f"scale_{scale}_seed_{seed}")
    spark = session(target, memory="4g", optimise=optimise)
    store = connect("trust_safety.features", "trust_safety.models", target=target, spark=spark)
    if not all(store.tables.exists(name) for name in TABLES):
        fill(store.tables, lived)
    return store, lived


def measure(folder: Path, *, scale: float, seed: int, trials: int) -> Iterator[Found]:
    """Every model in the world of one seed."""
    store, lived = live(folder, scale=scale, seed=seed)
    specs = store.registry.all(ModelSpec)
    start, end = learning(lived)
    store.build_all(specs, start=start, end=end, as_of=end)
    for spec in specs:
        yield _judged(store, spec, scale=scale, seed=seed, trials=trials)


def _judged(store: FeatureStore, spec: ModelSpec, *, scale: float, seed: int, trials: int) -> Found:
    try:
        judgement = store.train(spec, trials=trials).judgement
    except* StockadeError as faults:
        print(f"seed {seed}: {spec.name}: {faults.exceptions[0]}")
        judgement = None
    if judgement is None:
        return Found(scale=scale, seed=seed, model=spec.name)
    ours, rules = judgement.evaluation, judgement.rules
    return Found(
        scale=scale, seed=seed, model=spec.name, rows=ours.rows, positives=ours.positives,
        rules=float("nan") if rules is None else rules.evaluation.average_precision,
        average_precision=ours.average_precision, caught=ours.recall_at_capacity,
    )  # fmt: skip


def sheet(found: pd.DataFrame) -> str:
    """A line for each model: means over the worlds in which it could be trained, two or more."""
    lines = [
        "| model | worlds | decisions | cases | rules | model | gain, interval | wins | caught |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for model, of_model in found.groupby("model"):
        rows = of_model.dropna(subset=["average_precision"])
        gain = (rows["average_precision"] - rows["rules"]).to_numpy()
        n = len(gain)
        if n < 2:
            lines.append(f"| `{model}` | {n} of {len(of_model)}" + " | -" * 7 + " |")
            continue
        half = student.ppf((1 + CONFIDENCE) / 2, n - 1) * gain.std(ddof=1) / np.sqrt(n)
        low, mean, high = gain.mean() - half, gain.mean(), gain.mean() + half
        lines.append(
            f"| `{model}` | {n} of {len(of_model)} | {rows['rows'].mean():,.0f} | "
            f"{rows['positives'].min():.0f} to {rows['positives'].max():.0f} | "
            f"{rows['rules'].mean():.2f} | "
            f"{rows['average_precision'].mean():.2f} | {mean:+.2f}, {low:+.2f} to {high:+.2f} | "
            f"{(gain > 0).sum()} | {rows['caught'].mean():.0%} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure what is not there yet, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.worlds", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scale", type=float, default=0.1)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2, 3, 4])
    parser.add_argument("--trials", type=int, default=4)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    path = arguments.folder / "worlds.csv"
    found = [pd.read_csv(path)] if path.exists() else []
    lived = {seed for one in found for seed in one[one["scale"] == arguments.scale]["seed"]}
    for seed in (one for one in arguments.seeds if one not in lived):
        made = measure(arguments.folder, scale=arguments.scale, seed=seed, trials=arguments.trials)
        found.append(pd.DataFrame([asdict(one) for one in made]))
        pd.concat(found).to_csv(path, index=False)
        print(f"seed {seed} is in {path}", flush=True)
    known = pd.concat(found)
    print(sheet(known[known["scale"] == arguments.scale]))


if __name__ == "__main__":
    main()
