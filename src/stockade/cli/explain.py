"""Commands that say why: a value down to its events, a decision down to its values."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from stockade.cli.frame import (
    Day,
    app,
    day,
    instant,
    open_store,
    pair,
    plain,
    say,
    working,
    write_page,
)
from stockade.lines import decision_lines, explanation_lines


class _OrValue(TyperGroup):
    """`explain VIEW.FEATURE` is `explain value VIEW.FEATURE`: what is no command is a feature."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command in where none is named."""
        if args and args[0] not in (*self.commands, "--help"):
            args = ["value", *args]
        return super().parse_args(ctx, args)


explain = typer.Typer(
    cls=_OrValue,
    no_args_is_help=True,
    help="Say why a feature has its value (explain VIEW.FEATURE), or why a decision was made.",
)
app.add_typer(explain, name="explain")

Html = Annotated[Path | None, typer.Option("--html", help="write it as one HTML file, too")]


@explain.command()
def value(
    context: typer.Context,
    feature: Annotated[str, typer.Argument(help="VIEW.FEATURE")],
    *,
    key: Annotated[list[str], typer.Option(help="KEY=VALUE; repeat for several")],
    at: Day,
    misses: Annotated[int, typer.Option(min=0, help="near misses to list")] = 20,
    html: Html = None,
) -> None:
    """Show the events that make up a value, and those that nearly did."""
    with open_store(context.obj) as store, working(f"explaining {feature}"):
        found = store.explain(feature, keys=dict(map(pair, key)), at=instant(at), misses=misses)
    if html is not None:
        from stockade.reporting.explanation import value_html

        write_page(html, value_html(found))
    say(context.obj, plain(found), "\n".join(explanation_lines(found)))


@explain.command()
def decision(
    context: typer.Context,
    of: Annotated[
        list[str], typer.Argument(metavar="ID", help="the id; COLUMN=VALUE where it has several")
    ],
    *,
    model: Annotated[
        str | None, typer.Option(help="whose; without it, the one model that has scored it")
    ] = None,
    on: Annotated[str | None, typer.Option(help="the day it was made; reads fewer files")] = None,
    reasons: Annotated[int, typer.Option(min=1, help="how many")] = 3,
    html: Html = None,
) -> None:
    """Show a decision's score, policy and action, its reasons, and the events behind each."""
    named = of[0] if len(of) == 1 and "=" not in of[0] else dict(pair(one, what="id") for one in of)
    with open_store(context.obj) as store, working("explaining a decision"):
        found = store.explain_decision(
            named, model=model, day=None if on is None else day(on), reasons=reasons
        )
    if html is not None:
        from stockade.reporting.explanation import decision_html

        write_page(html, decision_html(found))
    say(context.obj, plain(found), "\n".join(decision_lines(found)))
