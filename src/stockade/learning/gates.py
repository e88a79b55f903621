"""Whether a challenger may become champion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stockade.definitions.gates import Gates
from stockade.learning.quality import LEAST_POSITIVES, TAIL


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One gate: whether it lets the challenger pass, and why."""

    gate: str
    passed: bool
    said: str


def check_gates(
    gates: Gates, judgement: Mapping[str, Any], *, champion: int | None
) -> Sequence[Check]:
    """What each gate says of a judgement.

    Args:
        gates: the bounds.
        judgement: of the challenger, as `Judgement.document` tells it.
        champion: the version that is champion now, if any.
    """
    return [
        _better(gates, judgement, champion),
        _calibrated(gates, judgement),
        _calibrated_slices(gates, judgement),
        _slices(gates, judgement, champion),
        _available(gates, judgement),
        _fast(gates, judgement),
    ]


def _better(gates: Gates, judgement: Mapping[str, Any], champion: int | None) -> Check:
    gate = "better"
    rival = judgement["rival"]
    metric = judgement["metric"]
    if champion is None:
        low = judgement["intervals"].get(metric, {}).get("low")
        evaluation = judgement["evaluation"]
        chance = {"average_precision": evaluation["positives"] / evaluation["rows"],
                  "roc_auc": 0.5}.get(metric, 0.0)  # fmt: skip
        if low is None:
            return Check(
                gate=gate, passed=False, said=f"no interval of {metric}: too few positives"
            )
        return Check(
            gate=gate, passed=low > chance,
            said=f"{metric} is at least {low:.4f}; by chance it would be {chance:.4f}; there is no "
            "champion to beat",
        )  # fmt: skip
    if rival is None or rival["version"] != champion:
        why = "" if rival is None else f" with version {rival['version']}, not"
        return Check(
            gate=gate, passed=False,
            said=f"not compared{why} with version {champion}, the champion: train it again "
            "(where features have changed since, no comparison is possible: `stockade withdraw` "
            "the champion)",
        )  # fmt: skip
    difference = rival["difference"]
    return Check(
        gate=gate,
        passed=difference["low"] >= -gates.margin,
        said=f"{metric} differs from the champion's by {difference['mean']:+.4f} "
        f"({difference['low']:+.4f} to {difference['high']:+.4f}); at least {-gates.margin:+.4f} "
        "is wanted",
    )


def _calibrated_slices(gates: Gates, judgement: Mapping[str, Any]) -> Check:
    """Each slice with enough positives."""
    gate = "calibrated slices"
    lines = {
        f"{line['column']}: {line['value']}": line
        for line in judgement["slices"][1:]
        if line["positives"] >= LEAST_POSITIVES
    }
    if not lines:
        return Check(gate=gate, passed=True, said="no slice with enough positives")
    worst = max(lines, key=lambda name: _beyond_chance(lines[name]))
    miss = _beyond_chance(lines[worst])
    return Check(
        gate=gate,
        passed=miss <= gates.slice_bias,
        said=f"of {len(lines)} slices the worst is '{worst}': "
        + _expected(lines[worst], miss, gates.slice_bias),
    )


def _calibrated(gates: Gates, judgement: Mapping[str, Any]) -> Check:
    whole = judgement["slices"][0]
    miss = _beyond_chance(whole)
    return Check(
        gate="calibrated", passed=miss <= gates.bias, said=_expected(whole, miss, gates.bias)
    )


def _beyond_chance(line: Mapping[str, Any]) -> float:
    """By what share expected positives miss the nearest end of the observed ones' interval.

    Of a count, a twentieth on either side lies beyond `TAIL` times its root.
    """
    ratio, spread = line["expected"] / line["observed"], TAIL * line["positives"] ** -0.5
    return max(abs(ratio - 1) - spread, 0.0)


def _expected(line: Mapping[str, Any], miss: float, allowed: float) -> str:
    return (
        f"{line['expected'] / line['observed']:.3f} positives are expected for each one of "
        f"{line['positives']} observed, beyond chance by {miss:.2f}; at most {allowed:.2f} is "
        "allowed"
    )


def _slices(gates: Gates, judgement: Mapping[str, Any], champion: int | None) -> Check:
    rival = judgement["rival"]
    theirs = {} if champion is None or rival is None else rival["slices"]
    drops = {
        name: theirs[name] - line["roc_auc"]
        for line in judgement["slices"][1:]
        if line["roc_auc"] is not None
        and theirs.get(name := f"{line['column']}: {line['value']}") is not None
    }
    worst = max(drops, key=lambda name: drops[name], default=None)
    if worst is None:
        return Check(gate="slices", passed=True, said="no slice to compare")
    return Check(
        gate="slices",
        passed=drops[worst] <= gates.slice_drop,
        said=f"of {len(drops)} slices the worst is '{worst}': ROC AUC {-drops[worst]:+.4f} against "
        f"the champion's; at least {-gates.slice_drop:+.4f} is wanted",
    )


def _available(gates: Gates, judgement: Mapping[str, Any]) -> Check:
    rises = {name: test - train for name, (train, test) in judgement["missing"].items()}
    gone = sorted(name for name, rise in rises.items() if rise > gates.missing_rise)
    if gone:
        listed = ", ".join(f"'{name}' (by {rises[name]:.0%} of rows)" for name in gone)
        return Check(
            gate="available", passed=False, said=f"missing more often than in training: {listed}"
        )
    return Check(
        gate="available", passed=True, said=f"all {len(rises)} inputs are there as in training"
    )


def _fast(gates: Gates, judgement: Mapping[str, Any]) -> Check:
    took = judgement["microseconds"]
    return Check(
        gate="fast",
        passed=took <= gates.microseconds,
        said=f"{took:.1f} microseconds a row; at most {gates.microseconds:g} is wanted",
    )
