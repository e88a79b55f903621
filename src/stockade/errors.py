"""Everything Stockade raises: one base, one line on when each is raised."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

# StockadeError
# ├── DefinitionError        a definition contradicts itself or another
# │   └── UnknownNameError   a name is used that nothing declares
# ├── SchemaError            a table's columns or types are not what was declared
# │   └── ColumnNotFoundError
# ├── TableNotFoundError     a table or file that is read does not exist
# ├── DataError              rows break a rule that the definition states
# │   └── EmptyTableError
# ├── FingerprintMismatchError   a definition changed since something was built with it
# ├── EndedVersionError      a version of a view is used past its end date
# ├── PlanMovedError         a plan is applied that is no longer what would be done
# ├── LeakageError           a value was later than its decision
# ├── VerificationError      engine and oracle disagree
# └── WriteError             a write would replace what it must not
#     └── WriteConflictError another run wrote at the same time


class StockadeError(Exception):
    """Base of every error that Stockade raises on purpose."""


class DefinitionError(StockadeError):
    """Raised when a definition contradicts itself or another definition."""


class UnknownNameError(DefinitionError):
    """Raised when a definition names something that nothing declares."""


class SchemaError(StockadeError):
    """Raised when a table's columns or types are not what the definition declares."""


class ColumnNotFoundError(SchemaError):
    """Raised when a column that a definition names is missing from its table."""


class TableNotFoundError(StockadeError):
    """Raised when a table or file that is to be read does not exist."""


class DataError(StockadeError):
    """Raised when rows break a rule that their source states."""


class EmptyTableError(DataError):
    """Raised when a table that must hold rows holds none."""


class FingerprintMismatchError(StockadeError):
    """Raised when a definition is no longer the one that something was built with."""


class EndedVersionError(StockadeError):
    """Raised when a version of a view is used past its end date."""


class PlanMovedError(StockadeError):
    """Raised when a plan is applied that is no longer what would be done; nothing was recorded."""


class LeakageError(StockadeError):
    """Raised when a value in a training set was later than its decision."""


class VerificationError(StockadeError):
    """Raised when the engine and the oracle give different values."""


class WriteError(StockadeError):
    """Raised when a write would replace what it must not; nothing was written."""


class WriteConflictError(WriteError):
    """Raised when another run wrote the same rows at the same time; nothing was written."""


def hint(name: str, known: Iterable[str]) -> str:
    """The nearest known name as a question, or else the list of known names."""
    names = sorted(set(known))
    by_lower = {known.lower(): known for known in names}
    close = get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{by_lower[close[0]]}'?"
    return "known: " + (", ".join(f"'{known}'" for known in names) or "none")


def raise_all(message: str, faults: Sequence[Exception]) -> None:
    """Raise nothing, the one fault, or all faults together as an `ExceptionGroup`."""
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise ExceptionGroup(message, list(faults))


def require_columns(columns: Iterable[str], *names: str, where: str) -> None:
    """Raise one error for all of `names` that are not among `columns` of the table `where`."""
    known = list(columns)
    faults = [
        ColumnNotFoundError(f"{where} has no column '{name}': {hint(name, known)}")
        for name in names
        if name not in known
    ]
    raise_all(f"{where} lacks columns", faults)
