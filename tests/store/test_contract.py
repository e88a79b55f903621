"""Contracts on real rows: what is set aside, what stops a run, and what is left as it was."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from typer.testing import CliRunner

from stockade import Contract, EventSource, Rule, days, hours
from stockade.building.contracts import contract_states
from stockade.building.features import Inputs
from stockade.building.materialize import materialize
from stockade.building.training_set import build
from stockade.cli import frame
from stockade.errors import DataError, SchemaError
from stockade.store.contract import VIOLATIONS, SchemaDriftWarning, judged, last_check, measure
from stockade.store.tables import Tables
from stockade.testing import MakeTable
from tests.building.conftest import loaded
from tests.building.samples import NOTE, at, payments, training, view
from tests.store.promised import promised

__all__ = ["loaded"]
pytestmark = pytest.mark.slow

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SCHEMA = (
    "payment_id int, paid_at timestamp, known_at timestamp, amount double, fee decimal(9,2), "
    "currency string"
)
DAY = "2026-03-01 10:00:00"
source = EventSource(
    name="cards",
    origin="cards",
    event_time="paid_at",
    available_at="known_at",
    contract=Contract(
        columns={
            "amount": Rule(type="double", required=True, low=0, high=100),
            "fee": Rule(low=0.1, high=0.3),
            "currency": Rule(values=("EUR", "USD")),
        },
        unique="payment_id",
        ahead=hours(1),
        max_violations=1.0,
    ),
)


def test_each_row_is_told_what_it_breaks(table: MakeTable) -> None:
    good = (DAY, DAY, 1.0, "0.10", "EUR")
    rows = [
        (1, *good),
        (2, DAY, DAY, None, None, None),  # null passes all but `required`
        (3, DAY, DAY, -0.5, "0.31", "GBP"),
        (4, DAY, DAY, float("nan"), "0.30", "USD"),  # NaN reads as missing
        (5, None, DAY, 100.0, "0.10", "USD"),
        (6, "2026-03-01 11:00:01", DAY, 100.5, "0.09", "USD"),
        (7, "2026-07-01 00:00:00", "2026-07-01 00:00:00", 1.0, "0.2", "EUR"),  # after now
        (8, *good),
        (8, DAY, "2026-03-01 09:59:59", 1.0, "0.10", "EUR"),  # known first: it counts
        (8, DAY, "2026-03-01 09:00:00", -1.0, "0.10", "EUR"),  # breaks another rule
        (None, *good),
        (None, *good),
    ]
    cards = table(SCHEMA.replace("decimal(9,2)", "string"), *rows).selectExpr(
        "*", "cast(fee as decimal(9,2)) as exact"
    )
    cards = cards.drop("fee").withColumnRenamed("exact", "fee")

    found = sorted(
        (row.payment_id or 0, row.known_at.hour, tuple(row[VIOLATIONS]))
        for row in judged(cards, source, now=NOW).collect()
        if row[VIOLATIONS]
    )

    assert found == [
        (2, 10, ("amount missing",)),
        (3, 10, ("amount below 0", "fee above 0.3", "currency not among the 2 allowed")),
        (4, 10, ("amount missing",)),
        (5, 10, ("paid_at missing",)),
        (6, 10, ("amount above 100", "fee below 0.1", "paid_at ahead of time")),
        (7, 0, ("paid_at ahead of time",)),
        (8, 9, ("amount below 0",)),
        (8, 10, ("payment_id repeated",)),
    ]
    measured = measure(cards, source, now=NOW)
    assert (measured.rows, measured.violating) == (12, 8)
    assert measured.reasons["amount missing"] == 2
    assert measured.reasons["payment_id repeated"] == 1
    assert measured.newest == datetime(2026, 3, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("non_finite", "said"),
    [
        ("null", [[], [], []]),
        ("keep", [["amount not a number", "amount above 100"], ["amount above 100"], []]),
        ("reject", [[], [], []]),
    ],
)
def test_what_is_no_number_follows_the_source(
    table: MakeTable, non_finite: str, said: list[list[str]]
) -> None:
    bounded = replace(
        source, non_finite=non_finite, contract=Contract(columns={"amount": Rule(low=0, high=100)})
    )
    cards = table(
        "n int, paid_at timestamp, known_at timestamp, amount double",
        (1, DAY, DAY, float("nan")),
        (2, DAY, DAY, float("inf")),
        (3, DAY, DAY, 1.0),
    )

    found = {row.n: row[VIOLATIONS] for row in judged(cards, bounded, now=NOW).collect()}

    assert [found[n] for n in (1, 2, 3)] == said


def test_two_revisions_of_one_version_break_the_contract(table: MakeTable) -> None:
    revised = replace(source, dedupe="payment_id", version="v", contract=Contract())
    cards = table(
        "payment_id int, paid_at timestamp, known_at timestamp, v int, amount double",
        (1, DAY, DAY, 1, 1.0),
        (1, DAY, "2026-03-01 11:00:00", 2, 2.0),
        (1, DAY, "2026-03-01 12:00:00", 2, 3.0),
    )

    found = [row for row in judged(cards, revised, now=NOW).collect() if row[VIOLATIONS]]

    assert [(row.amount, row[VIOLATIONS]) for row in found] == [(3.0, ["payment_id, v repeated"])]


def test_whole_days_are_counted_and_part_days_are_not(table: MakeTable) -> None:
    sized = replace(
        source, available_at=None, contract=Contract(daily_rows=(2, 3), max_violations=1)
    )
    days_of = {1: 1, 2: 2, 3: 1, 5: 4, 6: 1}  # none on the fourth; the first and last are parts
    rows = [(f"2026-03-0{day} 10:00:00",) for day, n in days_of.items() for _ in range(n)]

    found = measure(table("paid_at timestamp", *rows), sized, now=NOW)

    assert (found.days, found.thin, found.crowded) == (4, 2, 1)
    nothing = measure(table("paid_at timestamp"), sized, now=NOW)
    assert (nothing.rows, nothing.days, nothing.thin, nothing.crowded) == (0, 0, 0, 0)
    one = measure(table("paid_at timestamp", (DAY,)), sized, now=NOW)
    assert (one.days, one.thin, one.crowded) == (0, 0, 0)


guarded = replace(view, source=promised)
guarded_set = replace(
    training, features=replace(training.features, features=(guarded, *training.features.derived()))
)
MARCH = {"start": at("2026-03-01"), "end": at("2026-03-10"), "as_of": at("2026-03-10")}


def test_violating_rows_are_set_aside_and_never_computed_with(loaded: Tables) -> None:
    build(loaded, guarded_set, **MARCH)

    rows = {row.payment_id: row for row in loaded.read("payment_training").collect()}
    # 10.0 counts, 30.0 breaks the rule.
    assert rows[2].payments_2d == 1
    aside = loaded.read("payments_quarantine").collect()
    assert [(row.amount, row[VIOLATIONS]) for row in aside] == [(30.0, ["amount above 20"])]
    found = last_check(loaded, promised)
    assert found is not None
    assert (found.found.rows, found.found.violating) == (4, 1)
    assert found.versions == {"payments": 0}


def test_what_was_checked_as_it_is_now_is_not_checked_again(loaded: Tables) -> None:
    build(loaded, guarded_set, **MARCH)
    build(loaded, guarded_set, **MARCH)
    assert loaded.version("payments_quarantine") == 0

    loaded.replace("payments", loaded.read("payments"), note=NOTE)
    build(loaded, guarded_set, **MARCH)
    assert loaded.version("payments_quarantine") == 1


def test_a_source_that_keeps_its_contract_is_checked_each_time_it_grows(loaded: Tables) -> None:
    kept = replace(promised, contract=Contract(columns={"amount": Rule(high=100)}))
    view_of_kept = replace(view, source=kept)
    wanted = replace(
        training,
        features=replace(training.features, features=(view_of_kept, *training.features.derived())),
    )
    for version in range(3):
        build(loaded, wanted, **MARCH)
        found = last_check(loaded, kept)
        assert found is not None
        assert (found.found.violating, found.versions) == (0, {"payments": version})
        loaded.replace("payments", loaded.read("payments"), note=NOTE)


@pytest.mark.parametrize(
    ("contract", "said"),
    [
        (
            Contract(columns={"amount": Rule(high=20)}, max_violations=0.2),
            "source 'payments': 1 of 4 rows break its contract, more than the share 0.2 that may: "
            r"amount above 20 \(1\): nothing was written; see table 'payments_quarantine'",
        ),
        (
            Contract(freshness=days(2)),
            "source 'payments': its newest event is of 2026-03-02 00:00 UTC, more than 2 days "
            "before 2026-03-10 00:00 UTC: nothing was written",
        ),
        (Contract(daily_rows=(1, None)), "8 of 9 whole days have fewer than 1 rows"),
    ],
)
def test_a_broken_contract_stops_the_run_before_it_writes(
    loaded: Tables, contract: Contract, said: str
) -> None:
    strict = replace(view, source=replace(payments, contract=contract))
    features = replace(training.features, features=(strict, *training.features.derived()))

    with pytest.raises(DataError, match=said):
        build(loaded, replace(training, features=features), **MARCH)
    with pytest.raises(DataError, match=said):
        materialize(loaded, strict, start=date(2026, 3, 9), end=date(2026, 3, 10))

    assert not loaded.exists("payment_training")
    assert not loaded.exists("account_payments")


def test_drift_is_told_before_anything_is_computed(loaded: Tables) -> None:
    build(loaded, guarded_set, **MARCH)
    before = loaded.version("payment_training")
    wider = loaded.read("payments").selectExpr("*", "1 AS channel")
    loaded.replace("payments", wider, note=NOTE)
    with pytest.warns(SchemaDriftWarning, match=r"\+ 'channel' int is new and not used"):
        build(loaded, guarded_set, **MARCH)

    other = wider.selectExpr("account_id", "paid_at", "cast(amount as string) AS amount")
    loaded.replace("payments", other, note=NOTE)
    with pytest.raises(
        SchemaError,
        match="source 'payments' is not what its contract declares: ~ 'amount' is string, "
        "declared double; - 'channel' int is gone; no rule mentions it",
    ):
        build(loaded, guarded_set, **MARCH)
    assert loaded.version("payment_training") == before + 1


def test_a_pinned_run_is_filtered_and_not_judged_anew(loaded: Tables) -> None:
    strict = replace(promised, contract=replace(promised.contract, max_violations=0.0))
    inputs = Inputs.of(loaded, {"payments": 0})

    assert inputs.events(strict).count() == 3
    assert not loaded.exists("payments_quarantine")


def test_the_state_of_contracts_is_told(loaded: Tables) -> None:
    states = list(
        contract_states(loaded, [promised, replace(payments, name="free"),
                                 replace(promised, name="lost", origin="lost")])
    )  # fmt: skip

    assert [(state.source, state.declared, len(state.faults)) for state in states] == [
        ("payments", True, 0),
        ("free", False, 0),
        ("lost", True, 1),
    ]
    assert states[2].faults[0].startswith("no table 'lost': known: 'decisions'")


def test_the_command_tells_the_state_and_refuses_files_that_break_a_contract(
    loaded: Tables, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("files")
    (folder / "payments.csv").write_text(
        "account_id,paid_at,amount\nann,2026-03-01 10:00:00,10\nann,2026-03-01 11:00:00,9999.5\n"
    )
    options = ["-d", "tests.store.promised", "--target", str(loaded.target.folder)]
    told = CliRunner().invoke(frame.app, [*options, "--json", "contracts"])
    assert told.exit_code == 0, told.output
    (state,) = json.loads(told.stdout)["contracts"]
    assert state["check"]["found"]["violating"] == 1
    assert "1  amount above 20" in CliRunner().invoke(frame.app, [*options, "contracts"]).stdout

    schema = "account_id string, paid_at timestamp, amount double"
    given = [str(folder / "payments.csv"), "payments", "--format", "csv", "--schema", schema]
    found = CliRunner().invoke(frame.app, [*options, "ingest", *given])
    assert isinstance(found.exception, DataError)
    assert "1 of 2 rows break its contract" in str(found.exception)
    assert "9999" not in str(found.exception)
    assert loaded.version("payments") == 0
