"""What broke inside Spark, said as Stockade would: who, what, what to do, and no data."""

import re
from collections.abc import Generator
from contextlib import contextmanager

from stockade import errors
from stockade.errors import DataError, StockadeError

_RAISED = re.compile(r"\[USER_RAISED_EXCEPTION\] (?P<text>[^\n]*?)(?: SQLSTATE.*)?(?:\n|\Z)")
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
    raised = _RAISED.search(text)
    return DataError(raised["text"].strip()) if raised else None
