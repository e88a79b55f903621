"""Commands that keep declared and deployed in step."""

from typing import Annotated

import typer

from stockade.cli.frame import Exit, app, load_registry, open_store, plain, say, working
from stockade.definitions.grants import grants as grants_of
from stockade.errors import DefinitionError
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


@app.command()
def grants(
    context: typer.Context,
    principal: Annotated[str, typer.Argument(help="a group, or a service principal's id")],
) -> None:
    """Print what a jobs' principal must be granted, and no more; starts no Spark."""
    if context.obj.target is None:
        raise DefinitionError("grants: name the catalog and schema with --target")
    found = grants_of(load_registry(context.obj), schema=context.obj.target, principal=principal)
    say(context.obj, {"grants": list(found)}, "\n".join(f"{one};" for one in found))
