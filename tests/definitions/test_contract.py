"""What a contract is, and what follows from breaking it: no Spark needed."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from stockade import Contract, EventSource, Rule, days, hours
from stockade.definitions.contract import Measured, broken, drift
from stockade.definitions.fingerprint import definition_fingerprint, from_json, to_json
from stockade.errors import DefinitionError

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CLEAN = Measured(rows=1000, violating=0, reasons={}, newest=NOON)
payments = EventSource(name="payments", origin="payments", event_time="paid_at")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("bigint", "bigint"),
        ("LONG", "bigint"),
        ("integer", "int"),
        ("short", "smallint"),
        ("byte", "tinyint"),
        ("real", "float"),
        ("str", "string"),
        ("bool", "boolean"),
        ("decimal(18, 2)", "decimal(18,2)"),
        ("array<string>", "array<string>"),
        (None, None),
    ],
)
def test_a_type_is_written_as_in_sql(written: str | None, read: str | None) -> None:
    assert Rule(type=written).type == read


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            {"type": "timestamp_ntz"},
            r"rule: type 'timestamp_ntz' names no instant: declare 'timestamp', and ingest with "
            r"naive_utc or cast it in the source's query$",
        ),
        (
            {"type": "text"},
            r"rule: type 'text' is not one that is read: write it as SQL does, such as "
            r"'string', 'bigint', 'double', 'decimal\(18,2\)', 'timestamp'$",
        ),
        ({"type": "string; drop table x"}, r"rule: type 'string; drop table x' is not one"),
        ({"low": float("nan")}, r"rule: bound nan must be a finite number"),
        ({"high": float("inf")}, r"rule: bound inf must be a finite number"),
        ({"low": True}, r"rule: bound True must be a finite number"),
        ({"low": 2, "high": 1}, r"rule: low 2 is above high 1"),
        ({"values": ("a", "a")}, r"rule: values names one twice$"),
        ({"sensitivity": "secret"}, r"rule: sensitivity 'secret' is not one: known: "),
        ({"sensitivity": "purpose_bound"}, r"rule: purposes and sensitivity 'purpose_bound' go"),
        ({"purposes": "aml"}, r"rule: purposes and sensitivity 'purpose_bound' go together"),
    ],
)
def test_a_rule_that_says_nothing_clear_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(DefinitionError, match=f"^{said}"):
        Rule(**wrong)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"columns": {"a b": Rule()}}, r"contract: column name 'a b' must be letters"),
        ({"unique": "a;b"}, r"contract: column name 'a;b' must be letters"),
        ({"ahead": -hours(1)}, r"contract: ahead '-1 day, 23:00:00' must not be negative"),
        ({"ahead": 5}, r"contract: ahead 5 must be a length"),
        ({"freshness": 5}, r"contract: freshness 5 must be a length"),
        ({"max_violations": 1.01}, r"contract: max_violations 1.01 is a share, from 0 to 1"),
        ({"max_violations": -0.01}, r"contract: max_violations -0.01 is a share, from 0 to 1"),
        ({"daily_rows": (5, 4)}, r"contract: daily_rows 5 to 4 allows no number of rows"),
        ({"daily_rows": (-1, None)}, r"contract: daily_rows -1 to None allows no number"),
        ({"daily_rows": (None, -1)}, r"contract: daily_rows None to -1 allows no number"),
        (
            {"daily_rows": (1,)},
            r"contract: daily_rows is \(least, most\), None where there is none$",
        ),
    ],
)
def test_a_contract_that_cannot_be_kept_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(DefinitionError, match=f"^{said}"):
        Contract(**wrong)


def test_bounds_may_touch() -> None:
    assert Rule(low=1, high=1).low == 1
    assert Contract(max_violations=1, daily_rows=(4, 4), ahead=timedelta(0)).daily_rows == (4, 4)
    assert Contract(max_violations=0).max_violations == 0
    assert Contract(daily_rows=(0, 0)).daily_rows == (0, 0)


def test_a_lone_purpose_is_one_purpose() -> None:
    assert Rule(sensitivity="purpose_bound", purposes="aml").purposes == ("aml",)


def test_a_contract_survives_the_way_through_json() -> None:
    source = replace(
        payments,
        contract=Contract(
            columns={"amount": Rule(type="double", low=0, values=(1, 2), sensitivity="pii")},
            unique="payment_id",
            ahead=hours(1),
            freshness=days(1),
            daily_rows=(1, None),
        ),
    )

    assert from_json(to_json(source)) == source


def test_rules_that_set_rows_aside_change_fingerprints_and_limits_do_not() -> None:
    def fingerprint(**contract: object) -> str:
        return definition_fingerprint(replace(payments, contract=Contract(**contract)))

    plain = fingerprint()
    assert fingerprint(freshness=days(1), daily_rows=(1, 2), max_violations=0.5) == plain
    assert fingerprint(columns={"a": Rule(sensitivity="pii")}) == fingerprint(columns={"a": Rule()})
    assert fingerprint(columns={"a": Rule(low=0)}) != fingerprint(columns={"a": Rule(low=1)})
    assert fingerprint(unique="a") != plain
    assert fingerprint(ahead=hours(1)) != plain
    assert definition_fingerprint(payments) != plain


def test_a_source_without_a_contract_keeps_the_fingerprint_it_had_before_there_were_any() -> None:
    # Of version 0.1.0; what was built then must not look changed.
    assert definition_fingerprint(payments) == "931215616fc2301c"


def test_drift_tells_what_is_gone_retyped_and_new() -> None:
    contract = Contract(
        columns={
            "amount": Rule(type="decimal(18,2)"),
            "country": Rule(type="string"),
            "note": Rule(),
        },
        unique=("payment_id",),
    )
    before = {"amount": "decimal(18,2)", "country": "string", "note": "string", "extra": "int",
              "old": "int", "payment_id": "bigint"}  # fmt: skip
    found = {"amount": "string", "ip_country": "string", "note": "bigint", "extra": "bigint"}

    told = drift(contract, found, before)

    assert told.faults == (
        "~ 'amount' is string, declared decimal(18,2)",
        "- 'country' is gone, declared string: did you mean 'ip_country'?",
        "- 'payment_id' is gone: known: 'amount', 'extra', 'ip_country', 'note'",
    )
    assert told.warnings == (
        "+ 'ip_country' string is new and not used",
        "~ 'extra' was int, is bigint; no rule mentions it",
        "- 'old' int is gone; no rule mentions it",
        "- 'payment_id' bigint is gone; no rule mentions it",
    )


def test_a_table_as_declared_has_not_drifted() -> None:
    contract = Contract(columns={"amount": Rule(type="double"), "note": Rule()}, unique="id")
    found = {"amount": "double", "note": "string", "id": "int"}

    assert drift(contract, found, found) == drift(contract, found)
    assert drift(contract, found).faults == ()
    assert drift(contract, found).warnings == ()
    # Nobody knows what is new in a table that was never looked at.
    assert drift(contract, {**found, "more": "int"}).warnings == ()


@pytest.mark.parametrize(
    ("violating", "share", "stops"),
    [(10, 0.01, False), (11, 0.01, True), (0, 0.0, False), (1, 0.0, True), (1000, 1.0, False)],
)
def test_more_violations_than_may_be_stop_the_run(
    violating: int, share: float, stops: bool
) -> None:
    found = replace(CLEAN, violating=violating, reasons={"amount missing": violating})

    assert bool(list(broken(Contract(max_violations=share), found, until=None))) == stops


def test_the_worst_reasons_are_told_first() -> None:
    reasons = {"a": 1, "b": 2, "c": 3, "d": 4, "f": 5, "e": 5}
    found = replace(CLEAN, violating=20, reasons=reasons)

    assert list(broken(Contract(), found, until=None)) == [
        "20 of 1000 rows break its contract, more than the share 0.01 that may: "
        "e (5), f (5), d (4), c (3), b (2)"
    ]


@pytest.mark.parametrize(
    ("until", "said"),
    [
        (NOON + hours(6), []),
        (
            NOON + hours(7),
            [
                "its newest event is of 2026-03-01 12:00 UTC, more than 6 hours before "
                "2026-03-01 19:00 UTC"
            ],
        ),
        (None, []),
    ],
)
def test_a_source_is_late_when_its_newest_event_is_older_than_it_says(
    until: datetime | None, said: list[str]
) -> None:
    assert list(broken(Contract(freshness=hours(6)), CLEAN, until=until)) == said


def test_a_source_without_events_is_late() -> None:
    empty = replace(CLEAN, newest=None)

    assert list(broken(Contract(freshness=hours(6)), empty, until=NOON)) == [
        "it has no event, and needs one since 2026-03-01 06:00 UTC"
    ]
    assert list(broken(Contract(), empty, until=NOON)) == []


@pytest.fixture
def new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "America/New_York")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("new_york")
def test_times_are_told_in_utc_wherever_the_run_is() -> None:
    late = broken(Contract(freshness=hours(6)), CLEAN, until=NOON + hours(7))
    empty = broken(Contract(freshness=hours(6)), replace(CLEAN, newest=None), until=NOON)

    assert [*late, *empty] == [
        "its newest event is of 2026-03-01 12:00 UTC, more than 6 hours before "
        "2026-03-01 19:00 UTC",
        "it has no event, and needs one since 2026-03-01 06:00 UTC",
    ]


def test_days_of_the_wrong_size_stop_the_run() -> None:
    found = replace(CLEAN, days=7, thin=2, crowded=1)

    assert list(broken(Contract(daily_rows=(10, 20)), found, until=None)) == [
        "2 of 7 whole days have fewer than 10 rows",
        "1 of 7 whole days have more than 20 rows",
    ]
