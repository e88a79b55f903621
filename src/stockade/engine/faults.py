"""What broke inside Spark, said as Stockade would: who, what, what to do, and no data."""

import re
from collections.abc import Generator
from contextlib import contextmanager

from stockade import errors
from stockade.errors import DataError, StockadeError

_RAISED = re.compile(r"\[USER_RAISED_EXCEPTION\] (?P<text>[^\n]*?)(?: SQLSTATE.*)?(?:\n|\Z)")
# What Spark calls a data exception, SQLSTATE 22: its text quotes the value, be it of many lines.
_BROKEN = re.compile(
    r"\[(?P<name>[A-Z][A-Z0-9_]*)(?:\.[A-Z0-9_]+)*\](?:(?!SQLSTATE: ).)*SQLSTATE: 22\w{3}"
    r"(?:\s*== SQL[^\n]* ==\n(?P<sql>[^\n]*))?",
    re.DOTALL,
)
_IN_WORKER = re.compile(r"^stockade\.errors\.(?P<kind>\w+): (?P<text>[^\n]*)$", re.MULTILINE)


@contextmanager
def spark_faults() -> Generator[None]:
    """Turn errors that rows cause while Spark runs into the `StockadeError` behind them.

    Kernels and rules run on workers, from where Spark brings only text back; an error that is
    not Stockade's own passes unchanged.
    """
    try:
        yield
    except (StockadeError, ExceptionGroup):
        raise
    except Exception as fault:  # a failed write comes as py4j's own error, which Connect lacks
        known = _behind(str(fault))
        if known is None:
            raise
        raise known from None


def _behind(text: str) -> StockadeError | None:
    worker = list(_IN_WORKER.finditer(text))
    if worker:
        kind = getattr(errors, worker[-1]["kind"], DataError)
        return kind(worker[-1]["text"].strip())
    if "MALFORMED_RECORD" in text or "MALFORMED_CSV_RECORD" in text:
        # Spark's own message quotes the row.
        return DataError(
            "a row of the files does not fit the declared types: correct the files or the schema; "
            "nothing was written"
        )
    raised, broken = _RAISED.search(text), _BROKEN.search(text)
    if raised:
        return DataError(raised["text"].strip())
    if broken:
        where = f" in '{broken['sql'].strip()}'" if broken["sql"] else ""
        return DataError(
            f"an expression{where} has no value for some row ({broken['name'].lower()}): use its "
            "try_ form, such as try_cast or try_divide, or leave such rows out in the source's "
            "query; nothing was written"
        )
    return None
