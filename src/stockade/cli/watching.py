"""Commands that watch what runs, and say why."""

from pathlib import Path
from typing import Annotated

import typer

from stockade.cli.frame import Day, Exit, app, day, open_store, plain, say, working, write_page


@app.command()
def monitor(
    context: typer.Context,
    model: Annotated[
        str | None, typer.Argument(help="whose gate the exit code is; without it, any model's")
    ] = None,
    *,
    since: Day,
    until: Day,
    sample: Annotated[
        int, typer.Option(min=1, help="decisions a day whose features are computed again")
    ] = 5_000,
) -> None:
    """Watch the days from SINCE up to, not including, UNTIL; exit code 2 if a model must learn.

    Writes the monitor_ tables: the same days again replace what was written.
    """
    from stockade.lines import alert_lines

    with open_store(context.obj) as store, working("watching"):
        if model is not None:
            store.registry.model(model)
        found = store.monitor(since=day(since), until=day(until), sample=sample)
    alerts = [
        {
            "day": one.day, "alert": alert.alert_id, "severity": alert.severity,
            "root": alert.root, "causes": [cause.document() for cause in causes],
            "signals": [signal.text for signal in alert.signals],
        }
        for one in found.days
        for alert, causes in one.alerts
    ]  # fmt: skip
    gates = (
        found.retrain if model is None else {m: w for m, w in found.retrain.items() if m == model}
    )
    data = {
        "days": len(found.days), "alerts": alerts, "retrain": bool(gates), "gates": dict(gates),
        "unwatched": dict(found.unwatched), "models": list(gates), "count": len(gates),
    }  # fmt: skip
    say(context.obj, data, "\n".join(alert_lines(found)))
    # A task that shares its result must succeed for the task after it to read that.
    open_gate = bool(gates) and not context.obj.shared
    raise typer.Exit(Exit.CHANGES if open_gate else Exit.DONE)


@app.command()
def diagnose(context: typer.Context, alert: str) -> None:
    """Rank what may have caused an alert, with what the measures would be without it."""
    from stockade.watching.diagnosis import diagnosis_lines

    with open_store(context.obj) as store:
        found = store.diagnose(alert)
    say(context.obj, plain(found), "\n".join(diagnosis_lines(found)))


@app.command(name="report")
def report_(
    context: typer.Context,
    *,
    out: Annotated[Path, typer.Option(help="the file to write")] = Path("report.html"),
) -> None:
    """Write what is on record as one HTML file: summary, models, views, health, alert queue."""
    with open_store(context.obj) as store, working("reading what is on record"):
        page = store.report()
    write_page(out, page)
    say(context.obj, {"file": str(out), "bytes": len(page.encode())}, str(out))
