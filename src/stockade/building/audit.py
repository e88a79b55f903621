"""Proof on the written rows: nothing in a training set was later than its decision."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from stockade.building.gaps import Gap, one_sided_gaps
from stockade.building.training_set import measure, read_manifest
from stockade.definitions.fingerprint import from_json
from stockade.definitions.spine import NEGATIVE, POSITIVE, UNKNOWN, TrainingSet
from stockade.engine.shuffle import clock_columns
from stockade.errors import LeakageError, raise_all
from stockade.store.tables import Tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What an audit looked at.

    Attributes:
        training_set: the set's name.
        rows: how many rows were read again.
        checks: rule -> rows that break it.
        manifest: what the set says of itself.
        gaps: features that one outcome lacks: to be looked at, since there may be a good reason.
    """

    training_set: str
    rows: int
    checks: Mapping[str, int]
    manifest: Mapping[str, Any]
    gaps: tuple[Gap, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether no row breaks any rule."""
        return not any(self.checks.values())

    def require(self) -> "Audit":
        """Raise `LeakageError` for all broken rules together; otherwise itself."""
        raise_all(
            f"training set '{self.training_set}' holds hindsight",
            [
                LeakageError(f"training set '{self.training_set}': {rows} rows where {rule}")
                for rule, rows in self.checks.items()
                if rows
            ],
        )
        return self


def audit(tables: Tables, name: str) -> Audit:
    """Read a training set again and check each row against its manifest and its clocks.

    Raises:
        TableNotFoundError: there is no such set, or no manifest of it.
        LeakageError: the table is not the one that the manifest describes.
    """
    manifest = read_manifest(tables, name)
    definition: TrainingSet = from_json(manifest["definition"])
    rows = tables.read(name)
    measured = measure(rows, definition)
    _same_table(name, manifest, measured, tables.version(name))
    rules = _rules(definition, manifest)
    counted = rows.agg(*(F.count_if(broken).alias(rule) for rule, broken in rules.items())).first()
    return Audit(
        training_set=name,
        rows=measured["rows"],
        checks={} if counted is None else counted.asDict(),
        manifest=manifest,
        gaps=_gaps(rows, definition),
    )


def _gaps(rows: DataFrame, definition: TrainingSet) -> tuple[Gap, ...]:
    state = F.col(definition.label.state)
    names = [
        name
        for selection in definition.features.selections()
        for name in selection.names
        if name in rows.columns
    ]
    return one_sided_gaps(rows, names, positive=state == POSITIVE, negative=state == NEGATIVE)


def _rules(definition: TrainingSet, manifest: Mapping[str, Any]) -> dict[str, Column]:
    moment = F.col(definition.spine.decided_at)
    rules: dict[str, Column] = {}
    for selection in definition.features.selections():
        view = selection.view
        event_at, available_at = (F.col(name) for name in clock_columns(view.name))
        # A snapshot taken at the decision's own instant holds only what came before it.
        same_instant = view.boundary == "inclusive" or definition.mode == "snapshot"
        late = event_at > moment if same_instant else event_at >= moment
        rules[f"view '{view.name}' used an event that had not happened"] = late
        rules[f"view '{view.name}' used an event that was not yet known"] = available_at > moment
    label = definition.label
    built = F.lit(manifest["as_of"]).cast("timestamp")
    known, state = F.col(label.known_at), F.col(label.state)
    rules[f"label '{label.name}' was known only after the build date"] = known > built
    rules[f"label '{label.name}' has a value but no known outcome, or the reverse"] = (
        state.isin(*UNKNOWN) != F.col(label.name).isNull()
    )
    rules["the decision lies outside the set's interval"] = reduce(
        lambda a, b: a | b,
        (
            moment < F.lit(manifest["interval"][0]).cast("timestamp"),
            moment >= F.lit(manifest["interval"][1]).cast("timestamp"),
        ),
    )
    return {rule: F.coalesce(broken, F.lit(False)) for rule, broken in rules.items()}


def _same_table(
    name: str, manifest: Mapping[str, Any], measured: Mapping[str, Any], version: int
) -> None:
    differs = [
        what
        for what, there, here in (
            ("version", manifest["version"], version),
            *((key, manifest[key], measured[key]) for key in measured),
        )
        if there != here
    ]
    if differs:
        raise LeakageError(
            f"training set '{name}' is not the table that its manifest describes "
            f"({', '.join(differs)} differ): build it again with `stockade build {name}`"
        )
