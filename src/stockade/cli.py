"""The command `stockade`: from definitions and files to scored and judged decisions."""

import json
import sys
import tomllib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, is_dataclass
from datetime import UTC, date, datetime
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from stockade.definitions.registry import Registry
from stockade.definitions.source import Files
from stockade.definitions.view import FeatureView
from stockade.errors import DefinitionError, StockadeError
from stockade.lines import (
    evaluation_lines,
    explanation_lines,
    plural,
    replay_lines,
    restatement_lines,
)

if TYPE_CHECKING:
    from stockade.feature_store import FeatureStore

DEFAULT_DEFINITIONS = ("trust_safety.features", "trust_safety.models")


class Exit(IntEnum):
    """What the exit code says."""

    DONE = 0
    FAULT = 1
    CHANGES = 2


app = typer.Typer(
    name="stockade",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Features and labels that are exactly what was known at the moment of decision.",
)
_screen = Console(stderr=True)


@dataclass(frozen=True, slots=True)
class _Options:
    definitions: tuple[str, ...]
    target: str | None
    as_json: bool


Day = Annotated[str, typer.Option(help="a day or an instant (UTC): 2026-03-01, 2026-03-01T12:00")]


@app.callback()
def options(
    context: typer.Context,
    definitions: Annotated[
        list[str] | None,
        typer.Option(
            "--definitions",
            "-d",
            help="module or package of definitions; repeat for more. Without it: "
            "[tool.stockade] definitions in pyproject.toml, else trust_safety.",
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(help="folder, or catalog.schema; without it STOCKADE_TARGET or .stockade/"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON document on stdout")] = False,
) -> None:
    """Read what every command takes."""
    context.obj = _Options(tuple(definitions or _configured()), target, as_json)


@app.command()
def check(context: typer.Context) -> None:
    """Load all definitions and report every fault; starts no Spark."""
    registry = _registry(context.obj)
    counts = {
        kind: sum(of == kind for of, _ in registry.definitions)
        for kind in sorted({of for of, _ in registry.definitions})
    }
    features = sum(len(view.features()) for view in registry.views())
    found = ", ".join(f"{n} {plural(kind, n)}" for kind, n in counts.items()) or "none"
    _say(
        context.obj,
        {"definitions": counts, "features": features, "fingerprint": registry.fingerprint()},
        f"definitions are sound: {found}; {features} features",
    )


@app.command()
def plan(context: typer.Context) -> None:
    """Compare declared views with materialised tables; exit code 2 if they differ."""
    with _store(context.obj) as store:
        steps = store.plan().steps
    lines = [step.line() for step in steps]
    lines.append(
        f"{len(steps)} {plural('change', len(steps))}. Write with: stockade materialize VIEW"
        if steps
        else "nothing to do: tables and definitions agree"
    )
    _say(context.obj, {"steps": [asdict(step) for step in steps]}, "\n".join(lines))
    raise typer.Exit(Exit.CHANGES if steps else Exit.DONE)


@app.command()
def ingest(
    context: typer.Context,
    path: Annotated[str, typer.Argument(help="file or folder")],
    table: Annotated[str, typer.Argument(help="the table's name")],
    file_format: Annotated[str, typer.Option("--format")] = "parquet",
    schema: Annotated[str | None, typer.Option(help="DDL: 'id bigint, paid_at timestamp'")] = None,
    naive_utc: Annotated[
        list[str] | None, typer.Option(help="time column without a zone that means UTC; repeat")
    ] = None,
    rename: Annotated[
        list[str] | None, typer.Option(help="FROM=TO, the column's name here; repeat")
    ] = None,
) -> None:
    """Load files into a Delta table, types checked; refused whole when anything is wrong."""
    names = dict(_pair(text) for text in rename or [])
    files = Files(path=path, format=file_format, schema=schema)  # type: ignore[arg-type]
    with _store(context.obj) as store, _working(f"loading {table}"):
        written = store.ingest(files, table, naive_utc=naive_utc or (), rename=names)
    _say(context.obj, asdict(written), f"{written.rows} rows in table '{written.name}'")


@app.command()
def materialize(
    context: typer.Context,
    views: Annotated[list[str] | None, typer.Argument(help="views; without any, all")] = None,
    *,
    start: Day,
    end: Day,
    rebuild: Annotated[bool, typer.Option(help="replace a table of another definition")] = False,
) -> None:
    """Write snapshots of views for the days from START up to, not including, END."""
    with _store(context.obj) as store:
        declared = [view.name for view in store.registry.all(FeatureView)]
        done: list[Any] = []
        with _bars() as progress:
            for name in views or declared:
                done.append(
                    store.materialize(
                        name, start=_day(start), end=_day(end), rebuild=rebuild, progress=progress
                    )
                )
    text = "\n".join(f"{one.rows} rows in table '{one.view}'" for one in done)
    _say(context.obj, {"views": [_plain(one) for one in done]}, text)


@app.command()
def build(
    context: typer.Context,
    training_set: str,
    *,
    start: Day,
    end: Day,
    as_of: Annotated[str, typer.Option(help="build date: labels known later are not seen")],
) -> None:
    """Write a training set and its manifest."""
    with _store(context.obj) as store, _working(f"building {training_set}"):
        built = store.build(
            training_set, start=_instant(start), end=_instant(end), as_of=_instant(as_of)
        )
    states = built.manifest["label_states"]
    _say(
        context.obj,
        dict(built.manifest),
        f"{built.manifest['rows']} rows in table '{built.name}': "
        + ", ".join(f"{n} {state}" for state, n in states.items()),
    )


@app.command()
def audit(context: typer.Context, training_set: str) -> None:
    """Check every row of a written training set: no value later than its decision."""
    with _store(context.obj) as store, _working(f"auditing {training_set}"):
        found = store.audit(training_set)
    lines = [
        f"{'FAIL' if broken else 'ok  '} {rule}: {broken} rows"
        for rule, broken in found.checks.items()
    ]
    verdict = "no value is later than its decision" if found.passed else "hindsight found"
    text = "\n".join([*lines, f"{found.rows} rows of '{found.training_set}': {verdict}"])
    _say(context.obj, {"rows": found.rows, "checks": dict(found.checks)}, text)
    raise typer.Exit(Exit.DONE if found.passed else Exit.FAULT)


@app.command()
def rebuild(
    context: typer.Context,
    training_set: str,
    into: Annotated[str | None, typer.Option(help="a table for the rows")] = None,
) -> None:
    """Make a training set again from its manifest; exit code 1 if one bit differs."""
    with _store(context.obj) as store, _working(f"rebuilding {training_set}"):
        found = store.rebuild(training_set, into=into)
    same = "identical, bit for bit" if found.identical else "NOT what was written"
    text = f"{found.rows} rows of '{training_set}' made again: {same}"
    if found.written is not None:
        text += f"; written to table '{found.written.name}'"
    _say(context.obj, {**_plain(found), "identical": found.identical}, text)
    raise typer.Exit(Exit.DONE if found.identical else Exit.FAULT)


@app.command()
def restate(
    context: typer.Context,
    training_set: str,
    as_of: Annotated[str | None, typer.Option(help="another build date")] = None,
) -> None:
    """What a training set would be today, and why; exit code 2 if it would differ."""
    moment = None if as_of is None else _instant(as_of)
    with _store(context.obj) as store, _working(f"restating {training_set}"):
        found = store.restate(training_set, as_of=moment)
    _say(context.obj, _plain(found), "\n".join(restatement_lines(found)))
    raise typer.Exit(Exit.CHANGES if found.changes else Exit.DONE)


@app.command()
def verify(
    context: typer.Context,
    training_set: str,
    sample: Annotated[int, typer.Option(min=1, help="decisions to compare")] = 500,
    show: Annotated[
        bool, typer.Option(help="print values that differ: they may be personal")
    ] = False,
) -> None:
    """Compute features of sampled decisions by engine and by oracle, and compare."""
    with _store(context.obj) as store, _working(f"verifying {training_set}"):
        found = store.verify(training_set, sample=sample)
    differing = sorted({difference.feature for difference in found.differences})
    lines = [f"differs: {name}" for name in differing]
    if show:
        lines += [
            f"{dict(d.id)} {d.feature}: engine {d.engine}, oracle {d.oracle}"
            for d in found.differences
        ]
    lines.append(
        f"{found.rows} decisions x {found.features} features: {len(found.differences)} differences"
    )
    data = {"rows": found.rows, "features": found.features, "differing": differing}
    _say(context.obj, data, "\n".join(lines))
    raise typer.Exit(Exit.FAULT if differing else Exit.DONE)


@app.command()
def explain(
    context: typer.Context,
    feature: Annotated[str, typer.Argument(help="VIEW.FEATURE")],
    *,
    key: Annotated[list[str], typer.Option(help="KEY=VALUE; repeat for several")],
    at: Day,
    misses: Annotated[int, typer.Option(min=0, help="near misses to list")] = 20,
) -> None:
    """Show the events that make up a value, and those that nearly did."""
    with _store(context.obj) as store, _working(f"explaining {feature}"):
        found = store.explain(feature, keys=dict(map(_pair, key)), at=_instant(at), misses=misses)
    _say(context.obj, _plain(found), "\n".join(explanation_lines(found)))


@app.command()
def train(
    context: typer.Context,
    model: str,
    trials: Annotated[int | None, typer.Option(min=1, help="points to try")] = None,
    parallelism: Annotated[int, typer.Option(min=1, help="trials at a time")] = 2,
    runner: Annotated[str, typer.Option(help="batch, spark (SparkTrials) or serial")] = "batch",
) -> None:
    """Search, fit and register a model on its newest training set; it becomes the challenger."""
    with _store(context.obj) as store, _bars() as progress:
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
    _say(context.obj, _plain(trained), text)


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
    with _store(context.obj) as store, _working(f"replaying {model}"):
        found = store.backtest(
            model,
            since=_day(since),
            until=_day(until),
            every=every,  # type: ignore[arg-type] -- checked where it is used
        )
    _say(context.obj, _plain(found), "\n".join(replay_lines(found)))


@app.command(name="promote")
def promote_(context: typer.Context, model: str) -> None:
    """Make the challenger champion, if every gate lets it; exit code 1 if not."""
    with _store(context.obj) as store:
        found = store.promote(model)
    lines = [
        f"{'pass' if check.passed else 'FAIL'}  {check.gate:11s} {check.said}"
        for check in found.checks
    ]
    end = "is champion" if found.promoted else "stays challenger"
    lines.append(f"'{found.model}' version {found.version} {end}")
    _say(context.obj, _plain(found), "\n".join(lines))
    raise typer.Exit(Exit.DONE if found.promoted else Exit.FAULT)


@app.command(name="rollback")
def rollback_(context: typer.Context, model: str) -> None:
    """Give the champion's alias back to the version that had it before."""
    with _store(context.obj) as store:
        found = store.rollback(model)
    text = f"'{found.model}' version {found.version} is champion again, not {found.previous}"
    _say(context.obj, _plain(found), text)


@app.command(name="withdraw")
def withdraw_(context: typer.Context, model: str) -> None:
    """Take the champion's alias away: nothing scores until a version is promoted."""
    with _store(context.obj) as store:
        version = store.withdraw(model)
    _say(context.obj, {"version": version}, f"'{model}' version {version} is no longer champion")


@app.command(name="history")
def history_(context: typer.Context, model: str) -> None:
    """Every version of a model, the latest first, and what became of it."""
    with _store(context.obj) as store:
        found = store.history(model)
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
    _say(context.obj, {"versions": [_plain(one) for one in found]}, "\n".join(lines))


@app.command()
def document(
    context: typer.Context,
    model: str,
    *,
    out: Annotated[Path, typer.Option(help="a folder; made where it is missing")],
    year: Annotated[int | None, typer.Option(help="also the review of this year")] = None,
) -> None:
    """Write the champion's model-risk document, and a yearly review, as Markdown and HTML."""
    with _store(context.obj) as store:
        found = store.documents(model, year=year)
    out.mkdir(parents=True, exist_ok=True)
    for name, content in found.items():
        (out / name).write_text(content, encoding="utf-8")
    written = [str(out / name) for name in found]
    _say(context.obj, {"files": written}, "\n".join(written))


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
    with _store(context.obj) as store, _working(f"scoring with {model}"):
        scored = store.score(
            model, since=_day(since), until=_day(until), explain=explain, shadow=shadow
        )
    _say(
        context.obj,
        _plain(scored),
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
    with _store(context.obj) as store, _working(f"evaluating {model}"):
        found = store.evaluate(model, since=_day(since), until=_day(until), as_of=_instant(as_of))
    _say(context.obj, asdict(found), "\n".join(evaluation_lines(f"{found.rows} decisions", found)))


def main(command: str | None = None) -> None:
    """Run the command line, or one command of it with the command line's options.

    Faults go to stderr, one line each, with exit code 1.
    """
    # A console script's sys.path lacks the folder it is run in, where definitions often are.
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        app(None if command is None else _arguments(command, sys.argv[1:]))
    except* StockadeError as group:
        for fault in _leaves(group):
            _screen.print(
                f"error: {fault}", style=None, highlight=False, markup=False, soft_wrap=True
            )
        raise SystemExit(Exit.FAULT) from None


def _arguments(command: str, given: Sequence[str]) -> list[str]:
    """The command's arguments, with the options of every command before its name."""
    common: list[str] = []
    own: list[str] = []
    rest = iter(given)
    for text in rest:
        name = text.split("=", maxsplit=1)[0]
        if name in ("--definitions", "-d", "--target"):
            common += [text] if "=" in text else [text, next(rest, "")]
        else:
            (common if name == "--json" else own).append(text)
    return [*common, command, *own]


def _leaves(group: BaseExceptionGroup[StockadeError]) -> Iterator[BaseException]:
    for fault in group.exceptions:
        if isinstance(fault, BaseExceptionGroup):
            yield from _leaves(fault)  # pyright: ignore[reportUnknownArgumentType]
        else:
            yield fault


def _configured() -> tuple[str, ...]:
    """Definitions named in the pyproject.toml of the current folder."""
    path = Path("pyproject.toml")
    if not path.exists():
        return DEFAULT_DEFINITIONS
    tool = tomllib.loads(path.read_text()).get("tool", {})
    return tuple(tool.get("stockade", {}).get("definitions", DEFAULT_DEFINITIONS))


def _registry(chosen: _Options) -> Registry:
    return Registry.load(*chosen.definitions)


@contextmanager
def _store(chosen: _Options) -> Generator["FeatureStore"]:
    registry = _registry(chosen)
    # Spark and MLflow take seconds to import: help, `check` and faults of a load must not wait.
    from stockade.feature_store import FeatureStore
    from stockade.session import session
    from stockade.target import Target

    place = Target.parse(chosen.target) if chosen.target else Target.from_environment()
    with _working("starting Spark"):
        spark = session(place)
    yield FeatureStore(registry, place, spark)


@contextmanager
def _working(what: str) -> Generator[None]:
    """A spinner with the time on a terminal; nothing elsewhere."""
    if not _screen.is_terminal:
        yield
        return
    columns = (TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=_screen, transient=True) as bar:
        bar.add_task(what, total=None)
        yield


@contextmanager
def _bars() -> Generator[Callable[[str, int, int], None]]:
    """A progress bar per subject on a terminal; nothing elsewhere."""
    if not _screen.is_terminal:
        yield lambda _subject, _done, _total: None
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=_screen) as bar:
        tasks: dict[str, Any] = {}

        def report(subject: str, done: int, total: int) -> None:
            if subject not in tasks:
                tasks[subject] = bar.add_task(subject, total=total)
            bar.update(tasks[subject], completed=done)

        yield report


def _say(chosen: _Options, data: Mapping[str, Any], text: str) -> None:
    typer.echo(json.dumps(data, default=str, ensure_ascii=False) if chosen.as_json else text)


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def _pair(text: str) -> tuple[str, str]:
    name, equals, new = text.partition("=")
    if not (name and equals and new):
        raise DefinitionError(f"rename '{text}' must read FROM=TO")
    return name, new


def _instant(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise DefinitionError(
            f"'{text}' is no time: write 2026-03-01 or 2026-03-01T12:00"
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _day(text: str) -> date:
    moment = _instant(text)
    if moment.time() != datetime.min.time():
        raise DefinitionError(f"'{text}' must be a whole day: 2026-03-01")
    return moment.date()
