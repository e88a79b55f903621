"""The tables of a target as of one moment each."""

from collections.abc import Mapping

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame

from stockade.store.tables import Tables


class Snapshot:
    """The tables of a target as of one moment each: every read of a table gives the same rows.

    A run that reads a table twice, or counts before it computes, must not see another's commit
    between. What was read can be read again from `versions`.
    """

    def __init__(self, tables: Tables, versions: Mapping[str, int] | None = None) -> None:
        """Hold the tables.

        Args:
            tables: of the target.
            versions: table -> version to read; of others, the newest when first read.
        """
        self.tables = tables
        self.spark = tables.spark
        self._versions = dict(versions or {})
        self._read: set[str] = set()
        self._unversioned: set[str] = set()
        self._bytes: dict[str, int] = {}

    @property
    def unversioned(self) -> frozenset[str]:
        """What was read and has no versions: views of the catalog, tables of another format."""
        return frozenset(self._unversioned)

    @property
    def versions(self) -> Mapping[str, int]:
        """Table -> version, of all Delta tables that were read."""
        return {name: self._versions[name] for name in sorted(self._read)}

    def bytes(self) -> int | None:
        """How many bytes all tables have that were read; None where one of them has no log."""
        if self._unversioned:
            return None
        for name in self._read - self._bytes.keys():
            self._bytes[name] = self.tables.bytes(name)
        return sum(self._bytes[name] for name in self._read)

    def read(self, name: str) -> DataFrame:
        """The rows of a table; see `Tables.read`."""
        if name not in self._versions:
            try:
                self._versions[name] = self.tables.version(name)
            except AnalysisException:
                self._unversioned.add(name)
                return self.tables.read(name)
        self._read.add(name)
        return self.tables.read(name, version=self._versions[name])
