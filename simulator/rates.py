"""The rates of the world, read from one file that people may edit."""

import csv
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from stockade.errors import DefinitionError, hint

_COLUMNS = ["name", "value", "unit", "source"]


class Rates:
    """Numbers by name, `rates["ach.nsf"]`; every one says where it comes from."""

    def __init__(self, values: Mapping[str, float], sources: Mapping[str, str]) -> None:
        """Hold values and sources of the same names."""
        self.values, self.sources = dict(values), dict(sources)

    def __getitem__(self, name: str) -> float:
        """A rate.

        Raises:
            DefinitionError: there is no such rate; the nearest is named.
        """
        if name not in self.values:
            raise DefinitionError(f"no rate '{name}': {hint(name, tuple(self.values))}")
        return self.values[name]


def load_rates(path: Path | None = None) -> Rates:
    """The shipped rates, with those of a file of the same form in their place.

    Raises:
        DefinitionError: the file has other columns, a rate that is not known, no number, or no
            source.
    """
    shipped = _read(resources.files(__package__ or "").joinpath("rates.csv").read_text(), "rates")
    if path is None:
        return shipped
    own = _read(path.read_text(), str(path))
    for name in own.values:
        _ = shipped[name]
    return Rates({**shipped.values, **own.values}, {**shipped.sources, **own.sources})


def _read(text: str, where: str) -> Rates:
    lines = csv.DictReader(text.splitlines())
    if lines.fieldnames is None or list(lines.fieldnames) != _COLUMNS:
        raise DefinitionError(f"'{where}' must have the columns {', '.join(_COLUMNS)}")
    values: dict[str, float] = {}
    sources: dict[str, str] = {}
    for line in lines:
        name, source = line["name"], line["source"]
        if not source or not source.strip():
            raise DefinitionError(f"'{where}': rate '{name}' has no source: say where it is from")
        try:
            value = float(line["value"])
        except (TypeError, ValueError):
            raise DefinitionError(f"'{where}': rate '{name}' is not a number") from None
        if not 0 <= value < float("inf"):
            raise DefinitionError(f"'{where}': rate '{name}' must be a number from 0")
        values[name], sources[name] = value, source.strip()
    return Rates(values, sources)
