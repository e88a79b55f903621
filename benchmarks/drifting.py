"""What each drift of the simulated exchange does to a model that was trained before it.

`python -m benchmarks.drifting [--scale 0.1] [--seeds 5]`. Each world is lived twice, with a switch
and without it; what happens before the switch is the same in both. One model learns from what came
before, and judges what came after in both worlds. Recall is at a capacity of one decision in a
hundred, the highest scores first; the share of features that look as before is that with a
population stability index below 0.1, after the switch with it against without it. The truth is the
label, which only a grader may read.
"""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table as Sheet
from sklearn.metrics import average_precision_score

from benchmarks.hardness import features, fitted, spines
from stockade.watching.drift import compared
from trust_safety.simulator.generate import generate
from trust_safety.simulator.world import DRIFTS, START, Switch, World, world

SWITCHED = START + timedelta(days=220)
CAPACITY = 0.01
STABLE = 0.1
_BINS = 12

SENDS, SIGN_INS, DEBITS = "takeover: withdrawal", "takeover: sign-in", "ACH: unauthorised"
JUDGED: Mapping[str, tuple[str, ...]] = {
    "new_country": (SIGN_INS, "sign-up"),
    "campaign": (SIGN_INS, SENDS),
    "honest_devices": (SIGN_INS, SENDS),
    "new_limits": (DEBITS, SENDS),
    "slow_drip": (SENDS,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """One switch in one world, as one frozen model sees it; shares from 0 to 1.

    Attributes:
        switch, typology: which.
        bad_without, bad_with: positives after the day, without the switch and with it.
        precision_without, precision_with: average precision after the day.
        recall_without, recall_with: of all positives, those within capacity.
        stable: features whose index is below `STABLE`.
    """

    switch: str
    typology: str
    bad_without: int
    bad_with: int
    precision_without: float
    precision_with: float
    recall_without: float
    recall_with: float
    stable: float


def measure(scale: float, seed: int) -> Iterator[Drop]:
    """Every switch in the world of one seed."""
    names = tuple({name for judged in JUDGED.values() for name in judged})
    plain = _decisions(world(scale, seed=seed), names)
    for switch, judged in JUDGED.items():
        switched = (Switch(name=switch, on=SWITCHED),)
        changed = _decisions(world(scale, seed=seed, switches=switched), judged)
        for name in judged:
            found = _drop(switch, name, plain[name], changed[name])
            if found is not None:
                yield found


def _decisions(lived: World, names: tuple[str, ...]) -> dict[str, pd.DataFrame]:
    return dict(spines(generate(lived), names))


def _drop(switch: str, name: str, plain: pd.DataFrame, changed: pd.DataFrame) -> Drop | None:
    """None where either side has too few positives to speak of."""
    on = datetime(SWITCHED.year, SWITCHED.month, SWITCHED.day, tzinfo=UTC)
    early = (plain["at"] < on).to_numpy()
    bad = plain["is_bad"].to_numpy(dtype=float)
    values = features(plain)
    later = changed[(changed["at"] >= on).to_numpy()]
    if bad[early].sum() < 5 or bad[~early].sum() < 5 or later["is_bad"].sum() < 5:
        return None
    model = fitted(values[early], bad[early])
    same, other = values[~early], features(later)
    others_bad = later["is_bad"].to_numpy(dtype=float)
    score, new_score = (
        np.asarray(model.predict_proba(rows))[:, 1] for rows in (same, other[values.columns])
    )
    indices = [_index(other[column], same[column]) for column in values]
    return Drop(
        switch=switch,
        typology=name,
        bad_without=int(bad[~early].sum()),
        bad_with=int(others_bad.sum()),
        precision_without=float(average_precision_score(bad[~early], score)),
        precision_with=float(average_precision_score(others_bad, new_score)),
        recall_without=_recall(score, bad[~early]),
        recall_with=_recall(new_score, others_bad),
        stable=float(np.mean([index < STABLE for index in indices])),
    )


def _recall(score: NDArray[np.float64], bad: NDArray[np.float64]) -> float:
    most = np.argsort(-score, kind="stable")[: max(1, int(CAPACITY * score.size))]
    return float(bad[most].sum() / bad.sum())


def _index(today: pd.Series, before: pd.Series) -> float:
    """The monitor's own index, of twelfths of the rows without the switch."""
    edges = np.unique(before.quantile(np.linspace(0, 1, _BINS + 1)[1:-1]))

    def counts(values: pd.Series) -> dict[str, float]:
        bins = np.where(values.isna(), "null", np.searchsorted(edges, values).astype(str))
        return {str(name): float(n) for name, n in pd.Series(bins).value_counts().items()}

    return compared(counts(today), counts(before)).psi


def main() -> None:
    """Print the table: means over the seeds, and the least and largest drop."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drifting", description=__doc__)
    parser.add_argument("--scale", type=float, default=0.1)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    found = [drop for seed in range(arguments.seeds) for drop in measure(arguments.scale, seed)]
    sheet = Sheet(
        "switch", "typology", "worlds", "bad without, with", "AP without, with",
        "recall without, with", "recall lost", "least to most", "features stable",
    )  # fmt: skip
    for switch, name in dict.fromkeys((one.switch, one.typology) for one in found):
        same = [one for one in found if (one.switch, one.typology) == (switch, name)]
        lost = [1 - one.recall_with / one.recall_without for one in same if one.recall_without > 0]
        sheet.add_row(
            switch, name, f"{len(same)}",
            _pair(same, "bad_without", "bad_with", ",.0f"),
            _pair(same, "precision_without", "precision_with", ".2f"),
            _pair(same, "recall_without", "recall_with", ".2f"),
            f"{np.mean(lost):.0%}" if lost else "-",
            f"{min(lost):.0%} to {max(lost):.0%}" if lost else "-",
            f"{np.mean([one.stable for one in same]):.0%}",
        )  # fmt: skip
    screen = Console(width=150)
    screen.print(sheet)
    for switch in JUDGED:
        screen.print(f"{switch}: {DRIFTS[switch]}")


def _pair(drops: list[Drop], without: str, with_it: str, form: str) -> str:
    means = (float(np.mean([getattr(one, field) for one in drops])) for field in (without, with_it))
    return ", ".join(format(mean, form) for mean in means)


if __name__ == "__main__":
    main()
