"""The daemon of a local session's Python workers: Spark's own, with a search path that is cheap.

Before each task Spark has its worker forget what Python knows of its search path. On that path are
Spark's archives and every jar of `spark.jars.packages`, and before Python 3.12 the directory of
each archive is then read again: a third of a second a task. Jars hold no Python, and the archives
nothing that the installed pyspark lacks. After each task it collects garbage, for which what was
imported before the workers part is left aside.
"""

import gc
import importlib
import sys
from pathlib import Path


class NoModules:
    """The finder for a jar: there is nothing to import in it."""

    def __init__(self, entry: str) -> None:
        """Raise ImportError for what is not in a jar, as path hooks do for what is not theirs."""
        if not any(part.endswith(".jar") for part in Path(entry).parts):
            raise ImportError(entry)

    def find_spec(self, fullname: str, target: object = None) -> None:
        """Nothing."""


def without_archives(path: list[str]) -> list[str]:
    """A search path without the archives of Spark's own Python."""
    return [entry for entry in path if not _is_sparks_own(Path(entry))]


def _is_sparks_own(entry: Path) -> bool:
    # The folder alone would not do: an interpreter in /opt/python has its library in python/lib.
    in_place = entry.parts[-3:-1] == ("python", "lib")
    return in_place and entry.suffix == ".zip" and entry.name.startswith(("pyspark", "py4j"))


if __name__ == "__main__":
    sys.path_hooks.insert(0, NoModules)
    sys.path[:] = without_archives(sys.path)
    sys.path_importer_cache.clear()
    from pyspark.daemon import manager

    # What every worker needs, loaded once for all.
    importlib.import_module("stockade.engine.operator")
    gc.freeze()
    manager()
