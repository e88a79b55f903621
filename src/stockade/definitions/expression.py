"""SQL that users write inside definitions: parsed, and kept to expressions over columns."""

import re
from functools import cache
from typing import TYPE_CHECKING

from stockade.errors import DefinitionError

if TYPE_CHECKING:
    from sqlglot import exp

# Functions that leave the row: they run code, read files, see the session, make rows of one row, or
# give something else at each call.
_REFUSED = frozenset(
    {
        "java_method", "reflect", "try_reflect", "read_files", "cloud_files", "http_request",
        "ai_query", "secret", "session_user", "user", "rand", "randn", "random", "randstr",
        "uuid", "uniform", "shuffle", "monotonically_increasing_id", "input_file_name",
        "input_file_block_start", "input_file_block_length", "spark_partition_id", "now", "getdate",
        "curdate", "unix_timestamp", "localtimestamp", "version", "window", "session_window",
        "explode", "explode_outer", "posexplode", "posexplode_outer", "inline", "inline_outer",
        "stack", "json_tuple", "ai_classify", "ai_gen", "ai_forecast", "ai_embed",
    }
)  # fmt: skip
# Of functions that the parser does not know, those of Spark that give a value of their arguments
# alone. All others may be somebody's own, in any catalog.
_KNOWN = frozenset(
    {
        "array_repeat", "array_union", "arrays_overlap", "bin", "bit_count", "bit_get", "bround",
        "btrim", "cardinality", "char_length", "conv", "crc32", "date_from_unix_date",
        "date_part", "e", "equal_null", "expm1", "find_in_set", "forall", "format_number", "get",
        "hash", "hypot", "instr", "isnan", "isnotnull", "isnull", "log1p", "luhn_check",
        "make_date", "map_concat", "map_contains_key", "map_filter", "map_values", "mask",
        "named_struct", "nanvl", "negative", "nullifzero", "octet_length", "pmod", "positive",
        "rint", "shiftrightunsigned", "substring_index", "timestamp_micros", "timestamp_millis",
        "timestamp_seconds", "try_add", "try_divide", "try_make_timestamp", "try_mod",
        "try_multiply", "try_subtract", "try_to_date", "try_to_number", "try_to_timestamp",
        "unix_date", "unix_micros", "unix_millis", "unix_seconds", "url_decode", "url_encode",
        "weekday", "xxhash64", "zeroifnull", "zip_with",
    }
)  # fmt: skip
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


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
    if any(node.comments for node in tree.walk()):
        raise DefinitionError(f"'{sql}' has a comment: write it beside the definition")
    if tree.find(exp.Placeholder, exp.Parameter, exp.SessionParameter, exp.Star):
        raise DefinitionError(f"'{sql}' must name its columns and values: no parameter, no '*'")
    for function in tree.find_all(exp.Func):
        _require_row_wise(sql, function, known=not isinstance(function, exp.Anonymous))
    for part in tree.find_all(exp.Identifier):
        if not _PLAIN.match(part.name):
            raise DefinitionError(
                f"'{sql}' names `{part.name}`, which is no plain name: rename it in the source's "
                "query"
            )
    return frozenset(
        (column.parts[0].name if len(column.parts) > 1 else column.name)
        for column in tree.find_all(exp.Column)
    )


def _require_row_wise(sql: str, function: "exp.Func", *, known: bool) -> None:
    name = (function.sql_name() if known else function.name).lower()
    if name in _REFUSED or name.startswith("current_"):
        raise DefinitionError(f"'{sql}' uses {name}(), which depends on more than the row")
    # A name with a catalog or schema before it is somebody's own function, whatever it is called.
    own = type(function.parent).__name__ == "Dot"
    if own or (not known and name not in _KNOWN):
        raise DefinitionError(
            f"'{sql}' uses {name}(), which is not known to depend on its arguments alone: compute "
            "it in the source's query"
        )


def _first_line(fault: Exception) -> str:
    return str(fault).split("\n", maxsplit=1)[0]
