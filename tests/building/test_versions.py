"""Versions of a view side by side: applied as planned, deprecated until a day, then refused."""

import warnings
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from stockade import Derived, FeatureService, FeatureView, LookupView, count, days
from stockade.building.features import Inputs, attach_service
from stockade.building.materialize import materialize
from stockade.building.planning import apply, planned
from stockade.building.versions import DeprecatedVersionWarning, Version, Versions
from stockade.definitions.fingerprint import service_fingerprints
from stockade.definitions.registry import Registry
from stockade.definitions.view import View
from stockade.errors import (
    DefinitionError,
    EndedVersionError,
    FingerprintMismatchError,
    PlanMovedError,
    WriteConflictError,
)
from stockade.store.tables import Tables
from tests.building.runs import stopped
from tests.building.samples import training, two_days, view

TODAY, END = date(2026, 4, 1), date(2026, 5, 1)
NOW, LATER = (datetime(2026, month, 1, 12, tzinfo=UTC) for month in (4, 5))
wider = replace(two_days, aggregates={"payments": count(windows=(days(2), days(7)))})
moved = replace(two_days, aggregates={"payments": count(where="amount > 20", windows=(days(2),))})


def of(*views: View) -> Registry:
    return Registry.of(views)


def write(tables: Tables, one: FeatureView, now: datetime = NOW) -> str:
    found = materialize(tables, one, start=date(2026, 3, 2), end=date(2026, 3, 4), now=now)
    return found.view


def features(tables: Tables, one: FeatureView, now: datetime = NOW) -> list[int]:
    spine, inputs = training.spine, replace(Inputs.of(tables), now=now)
    service = FeatureService(name="f", features=(one.select("payments_2d"),))
    rows = inputs.open(spine.origin).where("payment_id in (2, 3)")
    found = attach_service(rows, service, spine, inputs, mode="snapshot").rows
    return [row["payments_2d"] for row in found.orderBy("payment_id").collect()]


@pytest.mark.slow
def test_a_change_is_applied_beside_the_old_version_which_ends_on_its_day(loaded: Tables) -> None:
    assert write(loaded, two_days) == "account_payments"
    plan = planned(loaded, of(moved))

    _, lines = apply(loaded, of(moved), plan_id=plan.id, keep_until=END, today=TODAY)

    assert [(one.number, one.table, one.until) for one in lines] == [
        (1, "account_payments", END), (2, "account_payments_v2", None),
    ]  # fmt: skip
    assert planned(loaded, of(moved)).steps == ()
    assert write(loaded, moved) == "account_payments_v2"
    with pytest.warns(DeprecatedVersionWarning, match="version 1 is deprecated and ends on"):
        assert write(loaded, two_days) == "account_payments"
    with pytest.warns(DeprecatedVersionWarning):
        assert features(loaded, two_days) == [2, 0]
    assert features(loaded, moved) == [1, 0]
    for refused in (write, features):
        with pytest.raises(EndedVersionError, match="version 1 ended on 2026-05-01"):
            refused(loaded, two_days, LATER)
    with pytest.raises(FingerprintMismatchError, match=r"new: 'payments_7d'.*stockade apply"):
        write(loaded, wider)


@pytest.mark.slow
def test_what_is_dropped_ends_and_what_comes_back_finds_its_table(loaded: Tables) -> None:
    apply(loaded, of(two_days), today=TODAY)
    apply(loaded, of(moved), today=TODAY)

    apply(loaded, of(), keep_until=END, today=TODAY)
    apply(loaded, of(two_days), today=TODAY)

    lines = Versions.read(loaded).lines
    assert [(one.number, one.until) for one in lines] == [
        (1, None), (1, TODAY), (2, None), (2, END), (1, None),
    ]  # fmt: skip
    assert [one.reason[:2] for one in lines] == ["+ ", "~ ", "~ ", "- ", "+ "]
    now = Versions.read(loaded)
    assert now.live(two_days, today=TODAY).name == "account_payments"
    assert now.deprecated(today=TODAY) == (moved,)


@pytest.mark.slow
def test_a_plan_that_moved_or_meets_another_records_nothing(loaded: Tables) -> None:
    old = planned(loaded, of(two_days))
    with pytest.raises(PlanMovedError, match="look at `stockade plan` again"):
        apply(loaded, of(moved), plan_id=old.id, today=TODAY)
    with pytest.raises(DefinitionError, match="2026-03-31 has passed"):
        apply(loaded, of(moved), keep_until=date(2026, 3, 31), today=TODAY)
    with pytest.raises(DefinitionError, match="have the table 'payments', which is another's"):
        apply(loaded, of(replace(two_days, name="payments")), today=TODAY)
    assert Versions.read(loaded).lines == ()
    overtaken, _ = stopped(loaded, 1, lambda: apply(loaded, of(moved), today=TODAY))

    with pytest.raises(WriteConflictError):
        apply(overtaken, of(two_days), plan_id=old.id, today=TODAY)

    assert [one.definition for one in Versions.read(loaded).lines] == [moved]


def test_a_pinned_service_may_use_a_version_until_it_ends() -> None:
    ratio = Derived(name="ratio", expression="try_divide(amount, payments_2d)")
    lookup = LookupView(name="terms", entity=view.entity, source=view.source, columns="country")
    pinned, declared = (
        FeatureService(name="f", spine_columns="amount", features=(one, lookup, ratio))
        for one in (two_days, moved)
    )
    line = Version(view=two_days.name, number=1, table=two_days.name, definition=two_days)
    after = Version(view=two_days.name, number=2, table="t", definition=moved)
    wanted = service_fingerprints(pinned)

    with pytest.warns(DeprecatedVersionWarning):
        usable = Versions((replace(line, until=END), after), 0).allowing(
            declared, pinned, today=TODAY
        )
    assert service_fingerprints(usable) == wanted
    with pytest.raises(EndedVersionError):
        Versions((replace(line, until=END), after), 0).allowing(declared, pinned, today=END)
    with warnings.catch_warnings(action="error"):
        never = Versions((), -1).allowing(declared, pinned, today=TODAY)
    assert service_fingerprints(never) != wanted
