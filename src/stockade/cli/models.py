"""Commands from a training set to scored and judged decisions."""

from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from stockade.cli.frame import Day, Exit, app, bars, day, instant, open_store, plain, say, working
from stockade.lines import evaluation_lines, leak_lines, replay_lines, version_line


@app.command()
def train(
    context: typer.Context,
    model: str,
    trials: Annotated[int | None, typer.Option(min=1, help="points to try")] = None,
    parallelism: Annotated[int, typer.Option(min=1, help="trials at a time")] = 2,
    runner: Annotated[str, typer.Option(help="batch, spark (SparkTrials) or serial")] = "batch",
) -> None:
    """Search, fit and register a model on its newest training set; it becomes the challenger."""
    with open_store(context.obj) as store, bars() as progress:
        trained = store.train(
            model,
            trials=trials,
            parallelism=parallelism,
            runner=runner,  # type: ignore[arg-type] -- checked where it is used
            progress=progress,
        )
    text = "\n".join(
        [
            *evaluation_lines("test", trained.judgement.evaluation),
            *evaluation_lines("test, logistic baseline", trained.judgement.baseline),
            *evaluation_lines("validation", trained.validation),
            f"registered '{trained.name}' version {trained.version} as challenger: "
            f"`stockade promote {model}` asks the gates; runs in {store.target.tracking_uri}",
        ]
    )
    say(context.obj, plain(trained), text)


@app.command()
def backtest(
    context: typer.Context,
    model: str,
    *,
    since: Day,
    until: Day,
    every: Annotated[str, typer.Option(help="how often it is trained: day, week, month")] = "month",
) -> None:
    """Replay a model, trained again and again on what was known at each date."""
    with open_store(context.obj) as store, working(f"replaying {model}"):
        found = store.backtest(
            model,
            since=day(since),
            until=day(until),
            every=every,  # type: ignore[arg-type] -- checked where it is used
        )
    say(context.obj, plain(found), "\n".join(replay_lines(found)))


@app.command()
def leak(
    context: typer.Context,
    model: str,
    *,
    days: Annotated[
        float | None, typer.Option(help="how far beyond the decision; else the label's maturity")
    ] = None,
) -> None:
    """What features with hindsight would have promised, and what they would have kept."""
    with open_store(context.obj) as store, working(f"computing {model} with hindsight"):
        found = store.leak(model, ahead=None if days is None else timedelta(days=days))
    say(context.obj, plain(found), "\n".join(leak_lines(found)))


@app.command(name="promote")
def promote_(
    context: typer.Context,
    model: str,
    may_stay: Annotated[
        bool, typer.Option("--may-stay", help="exit code 0 also where it stays challenger")
    ] = False,
) -> None:
    """Make the challenger champion, if every gate lets it; exit code 1 if not."""
    with open_store(context.obj) as store:
        found = store.promote(model)
    lines = [
        f"{'pass' if check.passed else 'FAIL'}  {check.gate:11s} {check.said}"
        for check in found.checks
    ]
    end = "is champion" if found.promoted else "stays challenger"
    lines.append(f"'{found.model}' version {found.version} {end}")
    say(context.obj, plain(found), "\n".join(lines))
    raise typer.Exit(Exit.DONE if found.promoted or may_stay else Exit.FAULT)


@app.command(name="rollback")
def rollback_(context: typer.Context, model: str) -> None:
    """Give the champion's alias back to the version that had it before."""
    with open_store(context.obj) as store:
        found = store.rollback(model)
    text = f"'{found.model}' version {found.version} is champion again, not {found.previous}"
    say(context.obj, plain(found), text)


@app.command(name="withdraw")
def withdraw_(context: typer.Context, model: str) -> None:
    """Take the champion's alias away: nothing scores until a version is promoted."""
    with open_store(context.obj) as store:
        version = store.withdraw(model)
    say(context.obj, {"version": version}, f"'{model}' version {version} is no longer champion")


@app.command(name="history")
def history_(
    context: typer.Context, name: Annotated[str, typer.Argument(help="model or view")]
) -> None:
    """Every version of a model, the latest first, or of a view, and what became of it."""
    with open_store(context.obj) as store:
        if ("model", name) not in store.registry.definitions:
            versions = store.versions(name)
            lines = [line for one in versions for line in (version_line(one), f"    {one.reason}")]
            data = {"versions": [one.document() for one in versions]}
            say(context.obj, data, "\n".join(lines) or "never applied")
            return
        found = store.history(name)
    lines = [
        f"{one.version:>4}  registered {one.created_at:%Y-%m-%d %H:%M}  "
        + ", ".join(
            [
                *one.aliases,
                *([f"promoted {one.promoted_at}"] if one.promoted_at else []),
                *([f"withdrawn {one.withdrawn_at}"] if one.withdrawn_at else []),
                *(f"gate '{check.gate}' failed" for check in one.checks if not check.passed),
            ]
        )
        for one in found
    ]
    say(context.obj, {"versions": [plain(one) for one in found]}, "\n".join(lines))


@app.command()
def document(
    context: typer.Context,
    model: str,
    *,
    out: Annotated[Path, typer.Option(help="a folder; made where it is missing")],
    year: Annotated[int | None, typer.Option(help="also the review of this year")] = None,
) -> None:
    """Write the champion's model-risk document, and a yearly review, as Markdown and HTML."""
    with open_store(context.obj) as store:
        found = store.documents(model, year=year)
    out.mkdir(parents=True, exist_ok=True)
    for name, content in found.items():
        (out / name).write_text(content, encoding="utf-8")
    written = [str(out / name) for name in found]
    say(context.obj, {"files": written}, "\n".join(written))


@app.command()
def score(
    context: typer.Context,
    model: str,
    *,
    since: Day,
    until: Day,
    explain: Annotated[int, typer.Option(min=0, help="reasons to give for each decision")] = 0,
    shadow: Annotated[bool, typer.Option(help="the challenger, into a table of its own")] = False,
) -> None:
    """Score decisions from SINCE up to, not including, UNTIL with the champion."""
    with open_store(context.obj) as store, working(f"scoring with {model}"):
        scored = store.score(
            model, since=day(since), until=day(until), explain=explain, shadow=shadow
        )
    say(
        context.obj,
        plain(scored),
        f"{scored.rows} decisions scored by '{scored.model}' version {scored.version} "
        f"in table '{scored.table}'",
    )


@app.command()
def evaluate(
    context: typer.Context,
    model: str,
    *,
    since: Day,
    until: Day,
    as_of: Annotated[str, typer.Option(help="labels known later are not seen")],
) -> None:
    """Judge written predictions by the labels that are known by now."""
    with open_store(context.obj) as store, working(f"evaluating {model}"):
        found = store.evaluate(model, since=day(since), until=day(until), as_of=instant(as_of))
    say(context.obj, asdict(found), "\n".join(evaluation_lines(f"{found.rows} decisions", found)))
