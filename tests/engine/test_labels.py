"""What a decision's label was known to be at a build date."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pyspark.sql import Row

from stockade import EventSource, Label, days
from stockade.engine.labels import attach_label
from stockade.errors import SchemaError
from stockade.testing import MakeTable

SPINE = "payment_id bigint, decided_at timestamp"
REPORTS = (
    "payment_id bigint, case_id string, revision int, charged_at timestamp, known_at timestamp, "
    "won boolean"
)
BLOCKS = "payment_id bigint, blocked_at timestamp, known_at timestamp"
chargeback = Label(
    name="chargeback",
    source=EventSource(
        name="disputes",
        origin="disputes",
        event_time="charged_at",
        available_at="known_at",
        dedupe="case_id",
        version="revision",
        retracted="won",
    ),
    keys={"payment_id": "payment_id"},
    horizon=days(60),
    reporting_delay=days(10),
    blocks=EventSource(
        name="blocks", origin="blocks", event_time="blocked_at", available_at="known_at"
    ),
)

DECIDED = "2026-01-01 00:00:00"
# Payments 1 to 4: charged back; charged back and won; nothing; blocked. 5: blocked in vain.
DISPUTES = (
    (1, "a", 1, "2026-02-10 00:00:00", "2026-02-12 00:00:00", False),
    (2, "b", 1, "2026-02-10 00:00:00", "2026-02-12 00:00:00", False),
    (2, "b", 2, "2026-02-10 00:00:00", "2026-04-20 00:00:00", True),
    (5, "e", 1, "2026-02-10 00:00:00", "2026-02-12 00:00:00", False),
)
BLOCKED = (
    (4, "2026-01-01 00:00:00", "2026-01-01 00:00:00"),
    (5, "2026-01-05 00:00:00", "2026-01-05 00:00:00"),
)


def labelled(table: MakeTable, as_of: str, label: Label = chargeback) -> list[Row]:
    """The five payments, in order, each with a value exactly where its state has one."""
    rows = attach_label(
        table(SPINE, *((n, DECIDED) for n in range(1, 6))),
        label,
        table(REPORTS, *DISPUTES),
        table(BLOCKS, *BLOCKED),
        decided_at="decided_at",
        as_of=datetime.fromisoformat(as_of).replace(tzinfo=UTC),
    ).collect()
    assert len(rows) == 5
    for row in rows:
        valued = row.chargeback is not None
        assert valued == (row.chargeback__state not in ("pending", "censored"))
        assert row.chargeback == (row.chargeback__state == "positive" if valued else None)
        assert (row.chargeback__known_at is not None) == valued
    return sorted(rows, key=lambda row: row.payment_id)


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        ("2026-02-11", ["pending", "pending", "pending", "censored", "censored"]),
        ("2026-02-12", ["positive", "positive", "pending", "censored", "positive"]),
        ("2026-03-11", ["positive", "positive", "pending", "censored", "positive"]),
        ("2026-03-12", ["positive", "positive", "negative", "censored", "positive"]),
        ("2026-04-19", ["positive", "positive", "negative", "censored", "positive"]),
        ("2026-04-20", ["positive", "reversed", "negative", "censored", "positive"]),
    ],
)
def test_a_label_is_what_was_known_at_the_build_date(
    table: MakeTable, as_of: str, expected: list[str]
) -> None:
    assert [row.chargeback__state for row in labelled(table, as_of)] == expected


def test_without_blocks_nothing_is_censored(table: MakeTable) -> None:
    unblocked = replace(chargeback, blocks=None)
    assert labelled(table, "2026-03-12", unblocked)[3].chargeback__state == "negative"


def test_a_reversed_label_is_known_from_the_reversal(table: MakeTable) -> None:
    row = labelled(table, "2026-05-01")[1]
    assert (row.chargeback, row.chargeback__state) == (False, "reversed")
    assert row.chargeback__known_at.astimezone(UTC) == datetime(2026, 4, 20, tzinfo=UTC)


def test_a_block_of_another_kind_of_key_is_refused(table: MakeTable) -> None:
    with pytest.raises(SchemaError, match="'payment_id' is string in source 'blocks': cast"):
        attach_label(
            table(SPINE, (2, DECIDED)),
            chargeback,
            table(REPORTS),
            table("payment_id string, blocked_at timestamp, known_at timestamp"),
            decided_at="decided_at",
            as_of=datetime(2026, 5, 1, tzinfo=UTC),
        )


def test_a_label_that_blocks_censor_is_not_made_without_their_rows(table: MakeTable) -> None:
    with pytest.raises(SchemaError, match=r"censored by source 'blocks', and its rows are missing"):
        attach_label(
            table(SPINE, (2, DECIDED)), chargeback, table(REPORTS),
            decided_at="decided_at", as_of=datetime(2026, 5, 1, tzinfo=UTC),
        )  # fmt: skip
