"""Commands that keep declared and deployed in step."""

from typing import Annotated

import typer

from stockade.cli.frame import Exit, app, open_store, plain, say, working
from stockade.lines import contract_lines


@app.command()
def contracts(
    context: typer.Context,
    source: Annotated[str | None, typer.Argument(help="a source; without it, all")] = None,
) -> None:
    """Hold sources against their contracts; exit code 1 if one would stop a run now."""
    with open_store(context.obj) as store, working("checking contracts"):
        found = store.contracts(source)
    say(context.obj, {"contracts": [plain(one) for one in found]}, "\n".join(contract_lines(found)))
    raise typer.Exit(Exit.FAULT if any(state.faults for state in found) else Exit.DONE)
