"""The command that says when to make money available."""

from pathlib import Path
from typing import Annotated

import typer

from stockade.cli.frame import Day, app, day, instant, open_store, plain, say, working
from stockade.lines import release_lines


@app.command()
def strategy(
    context: typer.Context,
    name: str,
    *,
    since: Day,
    until: Day,
    as_of: Annotated[str, typer.Option(help="returns known later are not seen")],
    figure: Annotated[Path | None, typer.Option(help="write a PNG there")] = None,
) -> None:
    """For each band of risk: release at once, hold, limit or refuse; and the levels, by cohort."""
    with open_store(context.obj) as store, working(f"working out {name}"):
        found = store.release(name, since=day(since), until=day(until), as_of=instant(as_of))
        if figure is not None:
            figure.parent.mkdir(parents=True, exist_ok=True)
            figure.write_bytes(store.release_figure(name, found))
    lines = [*release_lines(found), *([f"figure: {figure}"] if figure else [])]
    say(context.obj, plain(found), "\n".join(lines))
