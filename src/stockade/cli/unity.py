"""The command that tells Unity Catalog what tables are."""

from dataclasses import replace
from typing import Annotated

import typer

from stockade.cli.frame import app, load_registry, open_store, pair, plain, say, working
from stockade.definitions.view import FeatureView
from stockade.lines import plural
from stockade.target import Target


@app.command()
def annotate(
    context: typer.Context,
    views: Annotated[list[str] | None, typer.Argument(help="views; without any, all")] = None,
    *,
    reader: Annotated[
        list[str] | None, typer.Option(help="SENSITIVITY=GROUP that may read; repeat for more")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="print the SQL, starts no Spark")
    ] = False,
) -> None:
    """Tell Unity Catalog the key, meaning, tags and readers of materialised tables."""
    from stockade.building.versions import Versions
    from stockade.unity import annotate as tell
    from stockade.unity import identifier, readers_of, statements

    readers = readers_of([pair(text, what="reader") for text in reader or []])
    registry = load_registry(context.obj)
    wanted = [one for one in registry.all(FeatureView) if not views or one.name in views]
    for name in views or []:
        registry.view(name)
    if dry_run:
        target = Target.parse(context.obj.target) if context.obj.target else None
        schema = "" if target is None or target.schema is None else f"{target.schema}."
        said = [
            statement.sql
            for view in wanted
            for statement in statements(view, identifier(schema + view.name), readers=readers)
        ]
        say(context.obj, {"statements": said}, ";\n".join([*said, ""]))
        return
    with open_store(context.obj) as store, working("telling the catalog"):
        if store.target.folder is not None:
            text = "a folder has no catalog to tell; --dry-run prints what a catalog would be told"
            say(context.obj, {"tables": []}, text)
            return
        known = Versions.read(store.tables)
        named = [replace(view, name=known.table_of(view)) for view in wanted]
        there = [view for view in named if store.tables.exists(view.name)]
        done = [tell(store.tables, view, readers=readers) for view in there]
    lines = [
        f"{one.table}: "
        + (
            "as it was"
            if one.same
            else f"{len(one.told)} {plural('statement', len(one.told))}"
            + "".join(f", no {kind} ({why})" for kind, why in one.skipped.items())
        )
        for one in done
    ]
    lines.append(f"{len(done)} of {len(wanted)} views have a table")
    say(context.obj, {"tables": [plain(one) for one in done]}, "\n".join(lines))
