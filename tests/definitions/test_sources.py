"""Where events come from: what is read, what is left out, and what is refused."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from stockade import Entity, EventSource, Files, Query, Table, days
from stockade.definitions.source import Origin, parts_of
from stockade.errors import DefinitionError, UnknownNameError

payments = EventSource(name="payments", origin="payments", event_time="paid_at")
JOIN = "SELECT * FROM {payments} JOIN {refunds} USING (id) JOIN {payments} USING (id)"


@pytest.mark.parametrize("name", ["payments", "bank.payments", "main.bank.payments"])
def test_a_table_is_named_within_its_schema_or_its_catalog(name: str) -> None:
    assert Table(name=name).name == name
    assert replace(payments, origin=name).origin == Table(name=name)


@pytest.mark.parametrize("of", ["csv", "json"])
def test_text_files_come_with_types_and_others_bring_theirs(of: str) -> None:
    Files(path="a", format=of, schema="id bigint")
    with pytest.raises(DefinitionError) as raised:
        Files(path="a", format=of)
    assert str(raised.value) == f"files 'a': {of} carries no types, give schema='name type, ...'"
    assert Files(path="a").format == "parquet"
    assert Files(path="a", format="delta").schema is None


def test_a_query_reads_what_is_given_and_the_targets_tables_for_the_rest() -> None:
    refunds = Files(path="refunds")
    query = Query(sql=JOIN, inputs={"refunds": refunds})

    assert dict(query.inputs) == {"payments": Table(name="payments"), "refunds": refunds}


@pytest.mark.parametrize(
    ("origin", "parts"),
    [
        ("payments", (Table(name="payments"),)),
        (Table(name="payments"), (Table(name="payments"),)),
        (Files(path="a"), (Files(path="a"),)),
        (Query(sql=JOIN), (Table(name="payments"), Table(name="refunds"))),
    ],
)
def test_an_origin_tells_the_tables_and_files_that_it_reads(
    origin: Origin | str, parts: tuple[Table | Files, ...]
) -> None:
    assert parts_of(origin) == parts


def test_a_lone_column_that_identifies_an_event_is_one() -> None:
    assert replace(payments, dedupe="payment_id", version="v", retracted="gone").dedupe == (
        "payment_id",
    )
    assert payments.dedupe == ()


def test_an_entity_has_its_keys_in_order() -> None:
    assert Entity(name="card", keys="card_id").keys == ("card_id",)
    assert Entity(name="card", keys=iter(("issuer", "card_id"))).keys == ("issuer", "card_id")


def source(**changes: object) -> Callable[[], EventSource]:
    return lambda: replace(payments, **changes)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Table(name="a.b.c.d"), "table 'a.b.c.d' has 4 parts, at most 3 are read$"),
        (lambda: Table(name="bank.Payments"), "table name 'Payments' must be lower case letters"),
        (
            lambda: Files(path="a.xls", format="xls"),
            "files 'a.xls': format 'xls' is not read: known: 'csv', 'delta', 'json', 'parquet'$",
        ),
        (
            lambda: Query(sql="SELECT * FROM payments"),
            r"a query must name its inputs in braces: SELECT ... FROM \{payments\}$",
        ),
        (
            lambda: Query(sql="SELECT * FROM {payments}", inputs={"payment": Table(name="p")}),
            r"query input 'payment' is not used in its SQL: did you mean 'payments'\?$",
        ),
        (source(event_time="paid at"), "source 'payments': column name 'paid at' must be"),
        (source(available_at="known at"), "source 'payments': column name 'known at' must be"),
        (source(dedupe=("id", "a b")), "source 'payments': column name 'a b' must be"),
        (source(dedupe="id", version="a b"), "source 'payments': column name 'a b' must be"),
        (
            source(dedupe="id", version="v", retracted="a b"),
            "source 'payments': column name 'a b' must be",
        ),
        (
            source(settling_delay=-days(1)),
            "source 'payments': settling_delay '-1 day, 0:00:00' must not be negative$",
        ),
        (
            source(available_at="known_at", settling_delay=days(1)),
            "source 'payments' has both available_at and settling_delay: the column already says "
            "when each row was known; drop settling_delay$",
        ),
        (
            source(version="v"),
            "source 'payments' has a version or retracted column but no dedupe: name the columns "
            "that identify an event$",
        ),
        (source(retracted="gone"), "source 'payments' has a version or retracted column but no"),
        (
            source(dedupe="id", retracted="gone"),
            "source 'payments' has retracted but no version to order its revisions by$",
        ),
        (source(lookback=days(0)), "source 'payments': lookback: window '0:00:00' must be longer"),
        (
            source(expected_every=days(0)),
            "source 'payments': expected_every: window '0:00:00' must be longer than zero$",
        ),
        (
            source(non_finite="zero"),
            "source 'payments': non_finite 'zero' is not a rule: known: 'keep', 'null', 'reject'$",
        ),
        (source(non_finite="nul"), r"source 'payments': non_finite .* did you mean 'null'\?$"),
        (lambda: Entity(name="e", keys=()), "entity 'e' has no keys: name at least one column$"),
        (lambda: Entity(name="e", keys="a b"), "entity 'e': column name 'a b' must be letters"),
        (lambda: Entity(name="e", keys=("a", "a")), r"entity 'e' names a key twice: \['a', 'a'\]$"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_remedy(
    make: Callable[[], object], said: str
) -> None:
    with pytest.raises(DefinitionError, match=f"^{said}"):
        make()


def test_an_input_that_no_sql_uses_is_an_unknown_name() -> None:
    with pytest.raises(UnknownNameError):
        Query(sql="SELECT * FROM {payments}", inputs={"refunds": Table(name="r")})
