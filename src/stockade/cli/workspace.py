"""Commands for schedules: what there is to work on, and the jobs of a Databricks workspace."""

import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stockade.cli.frame import Exit, app, bars, load_registry, open_store, pair, plain, say
from stockade.definitions.model import ModelSpec
from stockade.definitions.view import FeatureView
from stockade.errors import UnknownNameError, hint

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from stockade.workspace import JobRun

jobs = typer.Typer(no_args_is_help=True, help="Run, look at and repair jobs of a workspace.")
app.add_typer(jobs, name="jobs")

Hours = Annotated[float, typer.Option(min=0, help="how long to look on; the run itself goes on")]


@app.command()
def views(
    context: typer.Context,
    cadence: Annotated[str | None, typer.Option(help="daily or hourly; without it, all")] = None,
) -> None:
    """List the views that are materialised; starts no Spark."""
    if cadence not in (None, "daily", "hourly"):
        raise UnknownNameError(f"cadence '{cadence}': {hint(cadence, ('daily', 'hourly'))}")
    declared = load_registry(context.obj).all(FeatureView)
    names = [view.name for view in declared if cadence in (None, view.cadence)]
    say(context.obj, {"views": names, "count": len(names)}, "\n".join(names))


@app.command()
def models(
    context: typer.Context,
    champions: Annotated[bool, typer.Option("--champions", help="only those with one")] = False,
) -> None:
    """List the models that are declared."""
    names = [model.name for model in load_registry(context.obj).all(ModelSpec)]
    if champions and names:
        with open_store(context.obj) as store:
            names = [name for name in names if store.champion(name) is not None]
    say(context.obj, {"models": names, "count": len(names)}, "\n".join(names))


@jobs.command()
def run(
    context: typer.Context,
    job: Annotated[str, typer.Argument(help="the bundle's name of it, or its number")],
    param: Annotated[list[str] | None, typer.Option(help="NAME=VALUE; repeat for more")] = None,
    hours: Hours = 24.0,
) -> None:
    """Start a job and follow it; exit code 1 if it fails."""
    from stockade.workspace import Workspace

    given = dict(pair(text, what="parameter") for text in param or [])
    with _watched() as watch:
        _report(context, Workspace().run(job, parameters=given, watch=watch, timeout=hours * 3600))


@jobs.command()
def status(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="number of a run, or name of a job: its newest run")],
) -> None:
    """A run, task by task, with why tasks failed; exit code 1 if it did."""
    from stockade.workspace import Workspace

    workspace = Workspace()
    _report(context, workspace.status(int(run)) if run.isdigit() else workspace.latest(run))


@jobs.command()
def repair(
    context: typer.Context,
    run: Annotated[int, typer.Argument(help="number of a run")],
    hours: Hours = 24.0,
) -> None:
    """Run the failed tasks of a run again, and those behind them; exit code 1 if it fails."""
    from stockade.workspace import Workspace

    with _watched() as watch:
        _report(context, Workspace().repair(run, watch=watch, timeout=hours * 3600))


@app.command()
def init(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="where to; made, or empty")],
    name: Annotated[str | None, typer.Option(help="of the package; else the folder's")] = None,
    cloud: Annotated[str, typer.Option(help="aws, azure or gcp: names machines")] = "aws",
) -> None:
    """Write a starter project: definitions, tests, bundle and workflow."""
    from stockade.starter import write

    package = name or re.sub(r"\W+", "_", folder.resolve().name.lower())
    files = write(folder, package=package, cloud=cloud)
    say(
        context.obj,
        {"files": [str(path) for path in files]},
        f"{len(files)} files in {folder}; next: cd {folder} && stockade check && pytest",
    )


@contextmanager
def _watched() -> "Generator[Callable[[JobRun], None]]":
    """A bar of tasks on a terminal; nothing elsewhere."""
    with bars() as report:
        yield lambda seen: report(seen.job, seen.done, max(len(seen.tasks), 1))


def _report(context: typer.Context, found: "JobRun") -> None:
    lines = [f"{task.state:10s} {task.key}" for task in found.tasks]
    for task in found.tasks:
        if task.message:
            lines.append(f"{task.key}: {task.message.strip().splitlines()[-1]}")
    lines.append(f"run {found.id} of '{found.job}': {found.state}  {found.url}")
    if found.ended and not found.succeeded:
        lines.append(f"when its cause is mended: stockade jobs repair {found.id}")
    say(context.obj, plain(found), "\n".join(lines))
    raise typer.Exit(Exit.FAULT if found.ended and not found.succeeded else Exit.DONE)
