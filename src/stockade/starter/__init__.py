"""A starter project for a new team: definitions, their tests, a bundle and a workflow."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from stockade.definitions.names import check_name
from stockade.errors import DefinitionError, hint

# The template is a project called so; its files end in `.template` to be no part of this one.
_NAME = "acme_risk"
_SUFFIX = ".template"
_NODE_TYPES = {"aws": "m6id.2xlarge", "azure": "Standard_D8ds_v5", "gcp": "n2-standard-8"}


def write(folder: Path, *, package: str, cloud: str = "aws") -> tuple[Path, ...]:
    """The files of a new project in a folder that is missing or empty.

    Args:
        folder: where the project goes.
        package: what it is called, in Python and on Databricks.
        cloud: aws, azure or gcp; names the machines of classic clusters.

    Raises:
        DefinitionError: a name is wrong, or the folder holds something; nothing is written.
    """
    check_name(package, what="package")
    if cloud not in _NODE_TYPES:
        raise DefinitionError(f"no cloud is called '{cloud}': {hint(cloud, _NODE_TYPES)}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DefinitionError(f"'{folder}' is not an empty folder: name one that is missing")
    texts = {
        place.replace(_NAME, package): text.replace(_NAME, package).replace(
            _NODE_TYPES["aws"], _NODE_TYPES[cloud]
        )
        for place, text in _templates(files(__name__) / "project", "")
    }
    for place, text in texts.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tuple(sorted(folder / place for place in texts))


def _templates(folder: Traversable, place: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            found += _templates(entry, f"{place}{entry.name}/")
        elif entry.name.endswith(_SUFFIX):
            # Packagers leave out what begins with a dot.
            name = entry.name.removesuffix(_SUFFIX).replace("dot_", ".")
            where = place.replace("workflows/", ".github/workflows/")
            found.append((where + name, entry.read_text(encoding="utf-8")))
    return found
