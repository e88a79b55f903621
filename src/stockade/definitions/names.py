"""What a name may look like, and how fields are marked."""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from stockade.errors import DefinitionError

# Marks a dataclass field that explains but does not change a value: it is left out of fingerprints.
DOC: Mapping[str, bool] = MappingProxyType({"doc": True})

# Marks a field that came after others were fingerprinted: left out while it has its default, so
# that what was built before it keeps its fingerprint.
LATER: Mapping[str, bool] = MappingProxyType({"later": True})

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")
_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,126}\Z")

K = TypeVar("K")
V = TypeVar("V")


def check_name(name: object, *, what: str) -> None:
    """Refuse a name that is not lower case letters, digits and underscores (at most 63)."""
    if not isinstance(name, str) or not _NAME.match(name):
        raise DefinitionError(
            f"{what} name {name!r} must be lower case letters, digits and '_', "
            "begin with a letter and have at most 63 characters"
        )


def check_column(name: object, *, who: str) -> None:
    """Refuse a column name that is not letters, digits and underscores."""
    if not isinstance(name, str) or not _COLUMN.match(name):
        raise DefinitionError(
            f"{who}: column name {name!r} must be letters, digits and '_'; "
            "rename it in the source's query"
        )


def quoted(name: str) -> str:
    """Any name as SQL takes it."""
    return "`{}`".format(name.replace("`", "``"))


def tuple_of(values: Iterable[V] | str | None) -> tuple[Any, ...]:
    """The values as a tuple; a lone string is one value, not its letters."""
    if values is None:
        return ()
    return (values,) if isinstance(values, str) else tuple(values)


def frozen(mapping: Mapping[K, V]) -> Mapping[K, V]:
    """A read-only copy of the mapping, so that a caller's later change is not seen."""
    return MappingProxyType(dict(mapping))
