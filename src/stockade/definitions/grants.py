"""What a job's principal may do, and no more: grants of Unity Catalog, from the definitions."""

from collections.abc import Iterator

from stockade.definitions.names import check_name
from stockade.definitions.registry import Registry
from stockade.definitions.source import EventSource, Origin, Table, parts_of
from stockade.definitions.spine import Spine
from stockade.errors import DefinitionError


def grants(registry: Registry, *, schema: str, principal: str) -> tuple[str, ...]:
    """The statements that let a principal run every declared job in a schema.

    It reads the tables that sources and spines name, and writes in its own schema alone.

    Args:
        registry: the definitions.
        schema: `catalog.schema` of the target.
        principal: a group, or a service principal's application id.

    Raises:
        DefinitionError: the schema or the principal is not such a name.
    """
    parts = schema.split(".")
    if len(parts) != 2:
        raise DefinitionError(f"grants: target '{schema}' must be catalog.schema")
    for part in parts:
        check_name(part, what="schema")
    if not principal.strip() or not principal.isprintable() or "`" in principal:
        raise DefinitionError(f"grants: '{principal}' is no name of a group or principal")
    names = {_full(name, schema) for name in _read(registry)}
    others = sorted(name for name in names if not name.startswith(f"{schema}."))
    schemas = sorted({name.rpartition(".")[0] for name in others})
    catalogs = sorted({parts[0], *(one.partition(".")[0] for one in schemas)})
    return tuple(
        f"GRANT {what} ON {kind} {_quoted(name)} TO `{principal}`"
        for what, kind, name in (
            *(("USE CATALOG", "CATALOG", one) for one in catalogs),
            ("USE SCHEMA, CREATE TABLE, CREATE MODEL, SELECT, MODIFY", "SCHEMA", schema),
            *(("USE SCHEMA", "SCHEMA", one) for one in schemas),
            *(("SELECT", "TABLE", one) for one in others),
        )
    )


def _read(registry: Registry) -> Iterator[str]:
    for one in (*registry.all(EventSource), *registry.all(Spine)):
        yield from _tables(one.origin)


def _tables(origin: Origin | str) -> Iterator[str]:
    return (one.name for one in parts_of(origin) if isinstance(one, Table))


def _full(name: str, schema: str) -> str:
    missing = 2 - name.count(".")
    return ".".join((*schema.split(".")[:missing], name)) if missing > 0 else name


def _quoted(name: str) -> str:
    return ".".join(f"`{part}`" for part in name.split("."))
