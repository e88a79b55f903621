"""SQL that users write inside definitions: parsed, and kept to expressions over columns."""

from functools import cache

from stockade.errors import DefinitionError

# Functions that leave the row: they run code, read files or see the session.
_REFUSED = frozenset(
    {
        "java_method", "reflect", "try_reflect", "read_files", "cloud_files", "http_request",
        "ai_query", "secret", "current_user", "session_user", "user", "rand", "randn", "random",
        "uuid", "monotonically_increasing_id", "input_file_name", "spark_partition_id",
        "current_timestamp", "now", "current_date", "curdate", "unix_timestamp", "localtimestamp",
    }
)  # fmt: skip


def check_expression(sql: str, *, who: str) -> frozenset[str]:
    """The columns that a row-wise SQL expression uses.

    Raises:
        DefinitionError: it does not parse, or is more than an expression over one row (a
            subquery, an aggregate, a window function, or a function that leaves the row or
            changes from run to run).
    """
    try:
        return columns_of(sql)
    except DefinitionError as fault:
        raise DefinitionError(f"{who}: {fault}") from None


@cache
def columns_of(sql: str) -> frozenset[str]:
    """The columns that the expression uses; raises `DefinitionError` as `check_expression`."""
    # sqlglot is imported here, so that writing definitions costs no more than the standard library.
    from sqlglot import exp, parse
    from sqlglot.errors import SqlglotError

    try:
        statements = parse(sql, dialect="databricks")
    except SqlglotError as fault:
        raise DefinitionError(f"'{sql}' does not parse: {_first_line(fault)}") from None
    tree = statements[0] if len(statements) == 1 else None
    if tree is None or isinstance(tree, exp.Alias):
        raise DefinitionError(f"'{sql}' must be one expression")
    if not isinstance(tree, exp.Condition) or tree.find(exp.Query):
        raise DefinitionError(f"'{sql}' must be an expression over one row, not a query")
    if tree.find(exp.AggFunc) or tree.find(exp.Window):
        raise DefinitionError(f"'{sql}' must be row-wise: no aggregate, no window function")
    for function in tree.find_all(exp.Func):
        name = (
            function.name if isinstance(function, exp.Anonymous) else function.sql_name()
        ).lower()
        if name in _REFUSED:
            raise DefinitionError(f"'{sql}' uses {name}(), which depends on more than the row")
    return frozenset(
        (column.parts[0].name if len(column.parts) > 1 else column.name)
        for column in tree.find_all(exp.Column)
    )


def _first_line(fault: Exception) -> str:
    return (
        str(fault).split("\n", maxsplit=1)[0].replace("\x1b[4m", "").replace("\x1b[0m", "").strip()
    )
