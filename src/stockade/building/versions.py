"""Versions of a view side by side: which was applied when, its table, and when its use ends."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from stockade.definitions.fingerprint import (
    from_json,
    require_same,
    snapshot_fingerprint,
    to_json,
    view_fingerprints,
)
from stockade.definitions.view import Derived, FeatureService, FeatureView, Selection
from stockade.errors import EndedVersionError, FingerprintMismatchError
from stockade.store.tables import Fence, Tables

VIEWS = "stockade_views"
_SCHEMA = pa.schema(
    {
        "view": pa.string(), "version": pa.int32(), "table_name": pa.string(),
        "definition": pa.string(), "until": pa.date32(), "reason": pa.string(),
        "run_id": pa.string(), "recorded_at": pa.timestamp("us", tz="UTC"),
    }
)  # fmt: skip


class DeprecatedVersionWarning(UserWarning):
    """A version of a view is used that has an end date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a view, as it was recorded at some moment.

    Attributes:
        view: the view's name.
        number: 1, 2, 3 ...
        table: where its snapshots are: the view's name, from 2 on with the number behind it.
        definition: what it computes.
        until: the first day (UTC) on which it may not be used; None for the one that is current.
        reason: what made the difference, for people.
        recorded_at: when; None of what a table says that nobody applied.
    """

    view: str
    number: int
    table: str
    definition: FeatureView
    until: date | None = None
    reason: str = ""
    recorded_at: datetime | None = None

    def in_table(self) -> FeatureView:
        """The definition under its table's name: what `materialize` writes there."""
        return replace(self.definition, name=self.table)

    def document(self) -> Mapping[str, Any]:
        """As plain JSON types."""
        return {
            "view": self.view, "version": self.number, "table": self.table, "until": self.until,
            "reason": self.reason, "recorded_at": self.recorded_at,
            "definition": to_json(self.definition),
        }  # fmt: skip

    def ended(self, today: date) -> bool:
        """Whether its end date has come."""
        return self.until is not None and self.until <= today

    def require_usable(self, today: date) -> None:
        """Warn before the end date, and raise `EndedVersionError` from it on."""
        who = f"view '{self.view}': version {self.number}"
        if self.ended(today):
            raise EndedVersionError(
                f"{who} ended on {self.until}: use the current definition and train what needs "
                "the old one anew, or restore the old definition and apply it"
            )
        if self.until is not None:
            told = f"{who} is deprecated and ends on {self.until}: what uses it is refused then"
            warnings.warn(told, DeprecatedVersionWarning, stacklevel=3)


@dataclass(frozen=True, slots=True)
class Versions:
    """Every version of every view that was applied; of a view that never was, nothing.

    Attributes:
        lines: all that was recorded, the oldest first.
        number: of the commits that did, for the fence of the next one.
    """

    lines: tuple[Version, ...]
    number: int

    @classmethod
    def read(cls, tables: Tables) -> "Versions":
        """What is recorded in a target."""
        if not tables.exists(VIEWS):
            return cls((), -1)
        number = tables.version(VIEWS)
        rows = tables.read(VIEWS, version=number).toArrow().to_pylist()
        return cls(tuple(map(_version, sorted(rows, key=_order))), number)

    def of(self, view: str) -> Mapping[int, Version]:
        """Number -> version of one view, as it stands."""
        return {line.number: line for line in self.lines if line.view == view}

    def all(self) -> tuple[Version, ...]:
        """Every version of every view, as it stands."""
        names = sorted({line.view for line in self.lines})
        return tuple(one for name in names for one in self.of(name).values())

    def current(self) -> Mapping[str, Version]:
        """View -> the version that has no end date."""
        return {one.view: one for one in self.all() if one.until is None}

    def matching(self, view: FeatureView) -> Version | None:
        """The version that computes what a definition says."""
        wanted = snapshot_fingerprint(view)
        found = self.of(view.name).values()
        return next((one for one in found if snapshot_fingerprint(one.definition) == wanted), None)

    def live(self, view: FeatureView, *, today: date) -> FeatureView:
        """A definition under the name of its version's table; as it is, if none was applied.

        Warns of a version that has an end date.

        Raises:
            EndedVersionError: the end date has come.
            FingerprintMismatchError: the view was applied, but not with this definition.
        """
        known = self.of(view.name)
        if not known:
            return view
        found = self.matching(view)
        if found is None:
            latest, remedy = known[max(known)], "look at `stockade plan`, then `stockade apply`"
            who = f"view '{view.name}' as it was applied last"
            built, declared = map(view_fingerprints, (latest.definition, view))
            require_same(built, declared, who=who, remedy=remedy)
            raise FingerprintMismatchError(f"{who} has another cadence: {remedy}")
        found.require_usable(today)
        return found.in_table()

    def table_of(self, view: FeatureView) -> str:
        """Where a definition's snapshots are, or would be; whatever its end date."""
        found = self.matching(view)
        return view.name if found is None else found.table

    def deprecated(self, *, today: date, view: str | None = None) -> tuple[FeatureView, ...]:
        """Definitions that were replaced and may still be used, of one view or of all."""
        return tuple(
            one.definition
            for one in self.all()
            if one.until is not None and not one.ended(today) and view in (None, one.view)
        )

    def allowing(
        self, declared: FeatureService, pinned: FeatureService, *, today: date
    ) -> FeatureService:
        """The declared service, with the views of a pinned one in versions that may still be used.

        Raises:
            EndedVersionError: the pinned one needs a version whose end date has come.
        """
        kept: dict[str, Selection] = {}
        now = {one.view.name: one.view for one in declared.selections()}
        for selection in pinned.selections():
            view = selection.view
            if isinstance(view, FeatureView) and now.get(view.name) != view:
                found = self.matching(view)
                if found is not None and found.until is not None:
                    found.require_usable(today)
                    kept[view.name] = selection
        if not kept:
            return declared
        features = [
            kept.get(item.view.name if isinstance(item, Selection) else item.name, item)
            if not isinstance(item, Derived)
            else item
            for item in declared.features
        ]
        return replace(declared, features=tuple(features), hidden=())

    def record(self, tables: Tables, lines: Sequence[Version], *, run_id: str) -> None:
        """Add lines in one commit.

        Raises:
            WriteConflictError: others were recorded since these were read.
        """
        now = datetime.now(UTC)
        rows = pa.Table.from_pylist([_row(line, run_id, now) for line in lines], _SCHEMA)
        frame = tables.spark.createDataFrame(rows)
        fence = Fence(scope="all", attempt=self.number + 1)
        tables.append(VIEWS, frame, note={"run_id": run_id}, fence=fence)


def _row(line: Version, run_id: str, now: datetime) -> dict[str, Any]:
    return {
        "view": line.view, "version": line.number, "table_name": line.table,
        "definition": to_json(line.definition), "until": line.until, "reason": line.reason,
        "run_id": run_id, "recorded_at": now,
    }  # fmt: skip


def _version(row: Mapping[str, Any]) -> Version:
    return Version(
        view=row["view"], number=row["version"], table=row["table_name"],
        definition=from_json(row["definition"]), until=row["until"], reason=row["reason"],
        recorded_at=row["recorded_at"],
    )  # fmt: skip


def _order(row: Mapping[str, Any]) -> tuple[datetime, str, int]:
    return row["recorded_at"], row["view"], row["version"]
