"""The state of the sources' contracts, for people."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from stockade.building.features import Inputs
from stockade.definitions.source import EventSource
from stockade.errors import StockadeError
from stockade.store.contract import Check, faults, quarantine_of
from stockade.store.tables import Tables


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractState:
    """How a source stands by its contract.

    Attributes:
        source: its name.
        declared: whether it has a contract at all.
        check: what was found; None without a contract, or where the source cannot be checked.
        faults: what would stop a run that needs events up to now.
        quarantine: the table of the rows that are set aside.
    """

    source: str
    declared: bool
    check: Check | None
    faults: tuple[str, ...]
    quarantine: str


def contract_states(tables: Tables, sources: Iterable[EventSource]) -> Iterator[ContractState]:
    """Check each source that has a contract; a source that was checked as it is now is not again.

    Rows that break a rule are written to the source's quarantine table.
    """
    for source in sources:
        inputs = Inputs.of(tables)
        found: Check | None = None
        told: tuple[str, ...] = ()
        if source.contract is not None:
            try:
                found = inputs.check(source)
                told = faults(source, found, until=inputs.now)
            except StockadeError as fault:
                told = (str(fault),)
        yield ContractState(
            source=source.name,
            declared=source.contract is not None,
            check=found,
            faults=told,
            quarantine=quarantine_of(source),
        )
