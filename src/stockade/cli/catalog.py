"""The command that shows all definitions as a site."""

from pathlib import Path

import typer

from stockade.cli.frame import NoTables, To, app, load_registry, open_store, say, working


@app.command(name="catalog")
def catalog_(
    context: typer.Context,
    *,
    to: To = Path("catalog"),
    no_tables: NoTables = False,
) -> None:
    """Write every definition as a static site: features, sources, models, lineage, search."""
    if no_tables:
        from stockade.reporting.catalog import catalog

        site = catalog(load_registry(context.obj))
    else:
        with open_store(context.obj) as store, working("reading what is on record"):
            site = store.catalog()
    from stockade.reporting.catalog import write_site

    write_site(site, to)
    first = to / "index.html"
    say(context.obj, {"folder": str(to), "files": len(site.files)}, str(first))
