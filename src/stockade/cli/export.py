"""Commands that write the registry in the words of other tools."""

from pathlib import Path
from typing import Annotated

import typer

from stockade.cli.frame import NoTables, To, app, load_registry, open_store, say, working

export = typer.Typer(no_args_is_help=True, help="Write the registry in the words of other tools.")
app.add_typer(export, name="export")


@export.command(name="lookml")
def lookml_(
    context: typer.Context,
    *,
    to: To = Path("lookml"),
    connection: Annotated[str, typer.Option(help="Looker's name for the warehouse")] = "databricks",
    no_tables: NoTables = False,
) -> None:
    """Write LookML views of feature and prediction tables, and check them with a parser."""
    from stockade.lookml import lookml, write_lookml, written_columns

    if no_tables:
        from stockade.target import Target

        target = Target.parse(context.obj.target) if context.obj.target else None
        schema = None if target is None else target.schema
        found = lookml(load_registry(context.obj), schema=schema, connection=connection)
    else:
        with open_store(context.obj) as store, working("reading what is on record"):
            columns = written_columns(store.tables, store.registry)
            found = lookml(
                store.registry, schema=store.target.schema, columns=columns, connection=connection
            )
    write_lookml(found, to)
    lines = [f"left out: {name}: {why}" for name, why in found.left.items()]
    lines.append(f"{len(found.files)} files in {to}, each read back by a parser")
    data = {"folder": str(to), "files": list(found.files), "left": dict(found.left)}
    say(context.obj, data, "\n".join(lines))
