"""What other thresholds or capacities would have brought: alerts, precision, recall, money."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from stockade.decisions import DecisionRule, Numbers, fit_rule
from stockade.definitions.policy import Policy
from stockade.errors import ColumnNotFoundError, DataError, DefinitionError, hint

Flags = NDArray[np.bool_]

_COLUMNS = ("decided_at", "probability", "loss", "label", "entity")
_RESAMPLED, _CONFIDENCE = 500, (5.0, 95.0)
_INK, _PALE, _ODD = "#1f4e79", "#c9762b", "#5b8c5a"
# What is counted of each day; all else follows from sums of these.
_COUNTED = ("alerts", "acted", "found", "positives", "known", "at_risk", "prevented", "cost",
            "friction")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WhatIf:
    """What each choice would have brought over a period.

    Attributes:
        table: one row per choice; see `what_if`.
        by: `threshold` or `capacity`.
        days: that the period has.
    """

    table: pd.DataFrame
    by: str
    days: int

    def figure(self) -> Figure:
        """Precision and recall, and money, each against alerts a day, with 90 % intervals."""
        figure = Figure(figsize=(10, 3.6), layout="constrained")
        rates, money = figure.subplots(1, 2)
        lines = self.table.sort_values("alerts_a_day")
        for axes, name, colour in ((rates, "precision", _INK), (rates, "recall", _PALE),
                                   (money, "net", _INK)):  # fmt: skip
            x = lines["alerts_a_day"]
            axes.fill_between(x, lines[f"{name}_low"], lines[f"{name}_high"], color=colour,
                              alpha=0.15, lw=0)  # fmt: skip
            axes.plot(x, lines[name], "o-", color=colour, ms=4, label=name)
        for name, colour in (("prevented", _ODD), ("friction", _PALE)):
            money.plot(lines["alerts_a_day"], lines[name], "o-", color=colour, ms=4, label=name)
        rates.set(title="of what is known", ylim=(0, 1.02), xlabel="alerts a day")
        money.set(title=f"money over {self.days} days", xlabel="alerts a day")
        for axes in (rates, money):
            axes.legend(frameon=False)
            axes.spines[["top", "right"]].set_visible(False)
        return figure


def what_if(
    decisions: pd.DataFrame,
    policy: Policy,
    *,
    thresholds: Sequence[float] = (),
    capacities: Sequence[int] = (),
    seed: int = 0,
) -> WhatIf:
    """What other thresholds or capacities would have brought for decisions that were scored.

    A threshold does what the policy's capped action does (its second, where none is capped) with
    every decision of at least that probability. A capacity has the policy's price of a review
    fitted anew, on these same decisions, so that so many reviews a day suffice on average; its
    other actions are as the policy says. Lots (`pass_through`, `explored`) are not drawn.

    Outcomes are counted where they are known. Where something was stopped they are not, so that
    what the policy in force acts on is the least known: read `known` before anything else.

    Args:
        decisions: one row each: `decided_at`, `probability`, `loss` (null where unknown), `label`
            (null where it is not known), `entity` (what is reviewed); as
            `FeatureStore.outcomes` gives them.
        policy: what each action costs and spares.
        thresholds: probabilities to try; or
        capacities: reviews a day to try.
        seed: of the intervals.

    Returns:
        A table with, per choice: `alerts_a_day` (entities acted on, once a day each), `known` (the
        share of decisions acted on whose outcome is known), and of these `precision` and `recall`,
        and the sums `at_risk`, `prevented`, `cost` (of acting, known or not), `friction` and `net`
        (prevented less cost and friction), in the currency of the amounts. `precision`, `recall`
        and `net` have `_low` and `_high`, 90 % intervals from days drawn again. What nothing is
        known of is NaN.

    Raises:
        ColumnNotFoundError: a column is missing.
        DataError: there are no decisions, or a probability is not a number.
        DefinitionError: neither or both of thresholds and capacities are given.
    """
    for name in _COLUMNS:
        if name not in decisions.columns:
            raise ColumnNotFoundError(
                f"what-if: no column '{name}': {hint(name, decisions.columns)}"
            )
    if bool(thresholds) == bool(capacities):
        raise DefinitionError("what-if: give thresholds or capacities, one of the two")
    probability = decisions["probability"].to_numpy(np.float64)
    if not len(decisions) or not np.isfinite(probability).all():
        raise DataError("what-if: there must be decisions, each with a probability: score them")
    rows = _Rows.of(decisions, policy)
    by = "threshold" if thresholds else "capacity"
    draw = np.random.default_rng(seed)
    times = draw.multinomial(rows.days, np.full(rows.days, 1 / rows.days), _RESAMPLED)
    found: list[dict[str, float]] = []
    for choice in thresholds or capacities:
        actions = rows.over(choice) if thresholds else rows.within(int(choice))
        daily = rows.counted(actions)
        told = _line(daily.sum(axis=0), rows.days)
        line = {by: choice, **{name: float(value) for name, value in told.items()}}
        again = _line(times @ daily, rows.days)
        for name in ("precision", "recall", "net"):
            low, high = _between(np.asarray(again[name]))
            line |= {f"{name}_low": low, f"{name}_high": high}
        found.append(line)
    return WhatIf(table=pd.DataFrame(found), by=by, days=rows.days)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rows:
    """Decisions as arrays, and what may be done about them."""

    rule: DecisionRule
    probability: Numbers
    loss: Numbers
    known: Flags
    positive: Flags
    day: NDArray[np.int64]
    entity: NDArray[np.int64]
    dates: NDArray[np.datetime64]

    @classmethod
    def of(cls, decisions: pd.DataFrame, policy: Policy) -> "_Rows":
        loss = decisions["loss"].to_numpy(np.float64, na_value=np.nan)
        amounts = loss[~np.isnan(loss)]
        mean = float(np.maximum(amounts, 0.0).mean()) if len(amounts) else 0.0
        dates = decisions["decided_at"].to_numpy().astype("datetime64[D]")
        label = decisions["label"]
        return cls(
            rule=DecisionRule(policy=policy, mean_loss=mean, price=0.0, explored=0.0),
            probability=decisions["probability"].to_numpy(np.float64), loss=loss,
            known=label.notna().to_numpy(),
            positive=(label == True).fillna(False).to_numpy(np.bool_),  # noqa: E712 -- null is neither
            day=np.unique(dates, return_inverse=True)[1].astype(np.int64),
            entity=pd.factorize(decisions["entity"])[0].astype(np.int64), dates=dates,
        )  # fmt: skip

    @property
    def days(self) -> int:
        """How many have decisions."""
        return int(self.day.max()) + 1

    def over(self, threshold: float) -> NDArray[np.int64]:
        """What is done with one threshold."""
        action = self.rule.capped if self.rule.capped > 0 else 1
        return np.where(self.probability >= threshold, action, 0)

    def within(self, capacity: int) -> NDArray[np.int64]:
        """What the policy does within a capacity."""
        policy = self.rule.policy
        if self.rule.capped < 0:
            raise DefinitionError("what-if: no action of the policy is capped: try thresholds")
        rule = fit_rule(policy, self.probability, self.loss, days=self.dates,
                        entities=self.entity, capacity=capacity)  # fmt: skip
        return rule.due(self.probability, self.loss)

    def counted(self, actions: NDArray[np.int64]) -> Numbers:
        """Days x `_COUNTED`."""
        acted, amounts = actions > 0, self.rule.losses(self.loss)
        of = [(one.prevented, one.cost, one.friction) for one in self.rule.policy.actions]
        prevented, cost, friction = np.array(of, np.float64).T[:, actions]
        # An entity that comes up several times on a day is one alert.
        pairs = np.unique(np.stack([self.day[acted], self.entity[acted]]), axis=1)
        honest = self.known & ~self.positive
        columns = {
            "acted": acted * 1.0, "found": acted & self.positive, "positives": self.positive,
            "known": acted & self.known, "at_risk": amounts * self.positive,
            "prevented": amounts * self.positive * prevented, "cost": cost,
            "friction": friction * honest,
        }  # fmt: skip
        sums = {"alerts": np.bincount(pairs[0], minlength=self.days)}
        sums |= {
            name: np.bincount(self.day, weights=values.astype(np.float64), minlength=self.days)
            for name, values in columns.items()
        }
        return np.stack([sums[name] for name in _COUNTED], axis=1).astype(np.float64)


def _line(sums: Numbers, days: int) -> Mapping[str, Numbers]:
    """What is told, of sums whose last axis is `_COUNTED`."""
    of = {name: sums[..., n] for n, name in enumerate(_COUNTED)}
    return {
        "alerts_a_day": of["alerts"] / days, "known": _ratio(of["known"], of["acted"]),
        "precision": _ratio(of["found"], of["known"]),
        "recall": _ratio(of["found"], of["positives"]),
        "at_risk": of["at_risk"], "prevented": of["prevented"], "cost": of["cost"],
        "friction": of["friction"], "net": of["prevented"] - of["cost"] - of["friction"],
    }  # fmt: skip


def _ratio(part: Numbers, whole: Numbers) -> Numbers:
    return np.where(whole > 0, part / np.maximum(whole, 1e-12), np.nan)


def _between(values: Numbers) -> tuple[float, float]:
    told = values[np.isfinite(values)]
    if not len(told):
        return np.nan, np.nan
    low, high = np.percentile(told, _CONFIDENCE)
    return float(low), float(high)
