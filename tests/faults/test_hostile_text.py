"""Text that would do more than it says, wherever a definition takes a name or a filter."""

from collections.abc import Callable

import pytest

from stockade import Derived, Entity, EventSource, FeatureService, FeatureView, count, days
from stockade.definitions.names import check_column, check_name
from stockade.definitions.registry import Registry
from stockade.definitions.source import Table
from stockade.errors import DefinitionError

# What another function, table, session or machine would be reached by.
REACHES = [
    f"{name}({arguments})"
    for name in (
        "java_method", "JAVA_METHOD", "`java_method`", "reflect", "ReFlEcT", "`reflect`",
        "try_reflect", "system.builtin.reflect", "builtin.java_method", "main.default.steal",
        "`main`.`default`.`steal`", "default.steal", "steal", "read_files", "cloud_files", "secret",
        "try_secret", "list_secrets", "http_request", "ai_query", "ai_gen", "ai_classify",
        "vector_search", "remote_query", "event_log", "table_changes", "read_kafka", "sql", "sleep",
        "pg_sleep", "load_file", "xp_cmdshell", "benchmark", "is_member", "raise_error",
        "java.lang.Runtime.getRuntime", "IDENTIFIER",
    )
    for arguments in ("", "'a'", "'a', 'b'")
]  # fmt: skip
MOVING = [
    f"{call} = amount"
    for call in (
        "rand()", "randn()", "random(1)", "uuid()", "now()", "current_timestamp", "current_date()",
        "current_user()", "session_user()", "current_database()", "current_catalog()", "version()",
        "input_file_name()", "input_file_block_start()", "monotonically_increasing_id()",
        "spark_partition_id()", "shuffle(a)", "uniform(1, 2)", "randstr(5)", "unix_timestamp()",
        "current_timezone()", "getdate()", "coalesce(amount, rand())", "CAST(rand() AS INT)",
        "aggregate(a, 0, (acc, x) -> acc + rand())", "a[reflect('x', 'y')]",
    )
]  # fmt: skip
OTHERS = [
    "amount > (SELECT 1)", "EXISTS (SELECT 1 FROM t)", "amount IN (SELECT x FROM t)",
    "amount IN (TABLE t)", "amount > 0; DROP TABLE t", "amount > 0 UNION SELECT 1", "1=1) OR (1=1",
    "amount > 0 -- x", "amount > 0 /* x */", "amount > 0 /*+ BROADCAST(t) */", "${env:HOME}",
    "{{ secret }}", ":param = 1", "? = 1", "@@version = 1", "amount > 0 LIMIT 1", "DROP TABLE t",
    "SELECT 1", "WITH x AS (SELECT 1) SELECT * FROM x", "VALUES (1)", "TRANSFORM(a) USING 'sh'",
    "amount = 1 AS y", "sum(amount) > 1", "count(*) > 1", "row_number() OVER (ORDER BY a) = 1",
    "lag(a) OVER (ORDER BY b) = 1", "collect_list(a)", "`a``b` = 1", "`a.b` = 1",
    "delta.`/etc/passwd`", "*", "t.*", "struct(*)", "explode(a) = 1", "stack(2, a, b) = 1",
    "inline(a)", "json_tuple(a, 'x')", "USE DATABASE x", "SET x = 1", "EXECUTE IMMEDIATE 'x'",
    "CALL x()", "", " ", ";", "'", "`", "(", "/*", "--",
]  # fmt: skip
NAMES = [
    "", " ", "A", "a b", "a-b", "a.b", "a;b", "a`b", "a'b", 'a"b', "a/b", "a\\b", "..", "../a",
    "a/..", "/a", "~a", "$a", "${a}", "{a}", "a\n", "\na", "a\x00", "a\t", "\xe9", "_a", "1a",
    "*", "%", "a--", "a/*", "delta.`/etc`", "a)", "(a", "a,b", "a=b", "a|b", "a&b", "a<b", "a>b",
    "a?", "a#b", "a@b", "a!", "\u202ea", "\u0430", "a\u200b", "\uff21", "a\r\nb", "file:/a",
    "http://a", "CON ", ".", "-", "a" * 64,
]  # fmt: skip

source = EventSource(name="payments", origin="payments", event_time="paid_at")
account = Entity(name="account", keys="account_id")


def _where(text: str) -> None:
    Registry.of(
        [
            FeatureView(
                name="v", entity=account, source=source,
                aggregates={"payments": count(where=text, windows=(days(1),))},
            )
        ]
    )  # fmt: skip


def _derived(text: str) -> None:
    derived = Derived(name="d", expression=text)
    Registry.of([FeatureService(name="s", spine_columns=("amount", "a", "b"), features=(derived,))])


def _refused(act: Callable[[str], object], text: str) -> bool:
    try:
        act(text)
    except (DefinitionError, ExceptionGroup):  # several faults of one definition come together
        return True
    return False


def test_there_are_two_hundred_of_them() -> None:
    assert len({*REACHES, *MOVING, *OTHERS, *NAMES}) >= 200


@pytest.mark.parametrize("act", [_where, _derived])
def test_hostile_text_is_refused_wherever_a_name_or_a_filter_stands(
    act: Callable[[str], object],
) -> None:
    passed = [text for text in (*REACHES, *MOVING, *OTHERS) if not _refused(act, text)]

    assert passed == []


@pytest.mark.parametrize(
    "act",
    [
        lambda name: check_name(name, what="table"),
        lambda name: Entity(name=name, keys="account_id"),
        lambda name: EventSource(name=name, origin="payments", event_time="paid_at"),
        lambda name: Derived(name=name, expression="amount"),
    ],
)
def test_a_hostile_name_is_refused(act: Callable[[str], object]) -> None:
    assert [name for name in NAMES if not _refused(act, name)] == []


def test_a_hostile_column_or_table_is_refused() -> None:
    fine = {"A", "_a", "a" * 64}
    columns = [n for n in NAMES if not _refused(lambda n: check_column(n, who="t"), n)]
    tables = [n for n in NAMES if not _refused(lambda n: Table(name=n), n)]

    assert set(columns) <= fine
    assert set(tables) <= {"a.b"}


@pytest.mark.parametrize(
    "sql",
    [
        "amount > 1 AND kind IN ('a', 'b')", "try_divide(a, b) > 0.5", "amount::int = 1",
        "CASE WHEN kind = 'a' THEN 1 ELSE 0 END = 1", "get(last_amounts, 0) > 1",
        "kind LIKE 'a%' OR kind RLIKE '^b'", "a BETWEEN 1 AND 2", "hash(a) % 10 = 1",
        "exists(a, x -> x > 1)", "transform(a, x -> x + 1)[0] = 1", "s.field = 1",
    ],
)  # fmt: skip
def test_an_honest_filter_passes(sql: str) -> None:
    _where(sql)
