"""What would change if the declared definitions were materialised: steps as data."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from stockade.definitions.fingerprint import (
    digest,
    feature_semantics,
    snapshot_fingerprint,
    view_fingerprints,
)
from stockade.definitions.view import FeatureService, FeatureView

Action = Literal["create", "change", "drop"]
_SIGN: Mapping[Action, str] = {"create": "+", "change": "~", "drop": "-"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One change to a view or to one of its features.

    Attributes:
        action: create, change or drop.
        view: the view's name.
        feature: the feature's name; None for the whole view.
        reason: what differs, for people.
    """

    action: Action
    view: str
    feature: str | None
    reason: str

    def line(self) -> str:
        """The step as one line of a plan."""
        name = self.view if self.feature is None else f"{self.view}.{self.feature}"
        return f"{_SIGN[self.action]} {name}   {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the steps of one declared view take, and whom they concern.

    Attributes:
        days: that the deployed definition has written: a rebuild writes them again.
        rows, size: of the tables that the view reads, as Delta's statistics have them; bytes.
        training_sets, models: that use a feature which changes or goes.
    """

    days: int
    rows: int
    size: int
    training_sets: tuple[str, ...] = ()
    models: tuple[str, ...] = ()

    def line(self) -> str:
        """The cost as one line of a plan, below the view's steps."""
        days = f"rebuild {self.days} days" if self.days else "no day is written yet"
        said = f"{days}; its inputs have {self.rows:,} rows, {_bytes(self.size)}"
        for what, names in (("training set", self.training_sets), ("model", self.models)):
            said += "".join(f"; used by {what} '{name}'" for name in names)
        return said


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would change.

    Attributes:
        id: 16 hex digits that are others when the plan is another one, whatever it costs.
        steps: views in order of their names.
        costs: view -> what its steps cost.
    """

    id: str
    steps: tuple[Step, ...]
    costs: Mapping[str, Cost] = field(default_factory=dict[str, Cost])

    @property
    def views(self) -> tuple[str, ...]:
        """The views that have steps."""
        return tuple(dict.fromkeys(step.view for step in self.steps))

    def lines(self) -> Iterator[str]:
        """The plan as text: each view's steps, and below them what they cost."""
        for n, step in enumerate(self.steps):
            yield step.line()
            last = n + 1 == len(self.steps) or self.steps[n + 1].view != step.view
            if last and step.view in self.costs:
                yield f"    {self.costs[step.view].line()}"


def used_by(
    services: Mapping[str, FeatureService], steps: Sequence[Step], view: str
) -> tuple[str, ...]:
    """Who uses a feature of a view that changes or goes: the keys of `services`, in order."""
    touched = [step for step in steps if step.view == view and step.action != "create"]
    names = {step.feature for step in touched}
    return tuple(
        who
        for who, service in sorted(services.items())
        for selection in service.selections()
        if selection.view.name == view and (None in names or names & {*selection.names})
    )


def plan(declared: Sequence[FeatureView], deployed: Mapping[str, FeatureView]) -> Plan:
    """Compare declared views with those that the materialised tables were written by.

    Args:
        declared: views of the registry.
        deployed: view name -> the definition that was applied last, or that wrote its table.
    """
    by_name = {view.name: view for view in declared}
    steps: list[Step] = []
    names = sorted({*by_name, *deployed})
    for name in names:
        here, there = by_name.get(name), deployed.get(name)
        if there is None and here is not None:
            count = len(here.features())
            steps.append(_step("create", name, None, f"new view, {count} features"))
        elif here is None:
            steps.append(_step("drop", name, None, "no definition declares it"))
        elif there is not None:
            steps += _changes(here, there)
    sides = [[n, *(_print(side.get(n)) for side in (by_name, deployed))] for n in names]
    return Plan(id=digest([one for one in sides if one[1] != one[2]]), steps=tuple(steps))


def _print(view: FeatureView | None) -> str | None:
    return None if view is None else snapshot_fingerprint(view)


def _changes(here: FeatureView, there: FeatureView) -> Iterator[Step]:
    ours, theirs = view_fingerprints(here), view_fingerprints(there)
    new = {feature.name: feature_semantics(here, feature) for feature in here.features()}
    old = {feature.name: feature_semantics(there, feature) for feature in there.features()}
    for name in ours:
        if name not in theirs:
            yield _step("create", here.name, name, "new feature")
        elif ours[name] != theirs[name]:
            differences = "; ".join(_differences(old[name], new[name]))
            yield _step("change", here.name, name, differences)
    for name in theirs:
        if name not in ours:
            yield _step("drop", here.name, name, "no longer declared")
    if here.cadence != there.cadence:
        yield _step("change", here.name, None, f"cadence: {there.cadence} → {here.cadence}")


def _differences(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """Where two semantics differ, by the deepest names that tell them apart."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        before: Mapping[str, Any] = old  # pyright: ignore[reportUnknownVariableType]
        after: Mapping[str, Any] = new  # pyright: ignore[reportUnknownVariableType]
        for key in sorted({*before, *after}):
            # "aggregate.where" reads no better than "where".
            inner = key if path in ("", "aggregate") else f"{path}.{key}"
            yield from _differences(before.get(key), after.get(key), inner)
    elif old != new:
        yield f"{path}: {_shown(old)} → {_shown(new)}"


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    return "none" if value is None else str(value)


def _step(action: Action, view: str, feature: str | None, reason: str) -> Step:
    return Step(action=action, view=view, feature=feature, reason=reason)


def _bytes(size: int) -> str:
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"
