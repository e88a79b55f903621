"""What every command has: options, a store, progress, output, faults and exit codes."""

import json
import re
import sys
import tomllib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, is_dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from stockade.definitions.registry import Registry
from stockade.errors import DefinitionError, StockadeError, UnknownNameError, hint

if TYPE_CHECKING:
    from stockade.feature_store import FeatureStore

_RELATIVE = re.compile(r"(\d{1,5}) (day|hour)s? (before|after) (.+)")
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
class Options:
    """What every command takes."""

    definitions: tuple[str, ...]
    target: str | None
    as_json: bool
    shared: tuple[str, ...] = ()
    experiment: str | None = None


Day = Annotated[
    str,
    typer.Option(
        help="a day or an instant (UTC): 2026-03-01, 2026-03-01T12:00, '7 days before 2026-03-01'"
    ),
]

# Of commands that write many files.
NoTables = Annotated[
    bool, typer.Option("--no-tables", help="tell definitions only; starts no Spark")
]
To = Annotated[Path, typer.Option(help="the folder to write")]


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
    share: Annotated[
        list[str] | None,
        typer.Option(
            help="name of a result, as in --json, that later tasks of a Databricks job read as "
            "{{tasks.NAME.values.RESULT}}; elsewhere without effect; repeat for more"
        ),
    ] = None,
    experiment: Annotated[
        str | None,
        typer.Option(help="MLflow experiment of all models; else /trust_safety/MODEL"),
    ] = None,
) -> None:
    """Read what every command takes."""
    chosen = tuple(definitions or _configured())
    context.obj = Options(chosen, target, as_json, tuple(share or ()), experiment)


def main(command: str | None = None) -> None:
    """Run the command line, or one command of it with the command line's options.

    Faults go to stderr, one line each, with exit code 1. After success it returns: Databricks
    takes any `SystemExit` of a wheel's entry point for a failure.
    """
    # A console script's sys.path lacks the folder it is run in, where definitions often are.
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        _run(None if command is None else _arguments(command, sys.argv[1:]))
    except* StockadeError as group:
        for fault in _leaves(group):
            _screen.print(
                f"error: {fault}", style=None, highlight=False, markup=False, soft_wrap=True
            )
        raise SystemExit(Exit.FAULT) from None


def _run(arguments: list[str] | None) -> None:
    try:
        app(arguments)
    except SystemExit as end:
        if end.code:
            raise


def _arguments(command: str, given: Sequence[str]) -> list[str]:
    """The command's arguments, with the options of every command before its name."""
    common: list[str] = []
    own: list[str] = []
    rest = iter(given)
    for text in rest:
        name = text.split("=", maxsplit=1)[0]
        if name in ("--definitions", "-d", "--target", "--share", "--experiment"):
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


def load_registry(chosen: Options) -> Registry:
    """The definitions that were named."""
    return Registry.load(*chosen.definitions)


@contextmanager
def open_store(chosen: Options) -> Generator["FeatureStore"]:
    """The store of the named target, with Spark started."""
    registry = load_registry(chosen)
    # Spark and MLflow take seconds to import: help, `check` and faults of a load must not wait.
    from stockade.feature_store import FeatureStore
    from stockade.session import session
    from stockade.target import Target

    place = Target.parse(chosen.target) if chosen.target else Target.from_environment()
    place = replace(place, all_models=chosen.experiment)
    with working("starting Spark"):
        spark = session(place)
    yield FeatureStore(registry, place, spark)


@contextmanager
def working(what: str) -> Generator[None]:
    """A spinner with the time on a terminal; nothing elsewhere."""
    if not _screen.is_terminal:
        yield
        return
    columns = (TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=_screen, transient=True) as bar:
        bar.add_task(what, total=None)
        yield


@contextmanager
def bars() -> Generator[Callable[[str, int, int], None]]:
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


def say(chosen: Options, data: Mapping[str, Any], text: str) -> None:
    """Print a result: the data as JSON where that was asked for, else the text."""
    for name in chosen.shared:
        if name not in data:
            raise UnknownNameError(f"share '{name}': no such result: {hint(name, data)}")
    typer.echo(json.dumps(data, default=str, ensure_ascii=False) if chosen.as_json else text)
    if chosen.shared:
        from stockade.workspace import share

        share({name: plain(data[name]) for name in chosen.shared})


def write_page(file: Path, page: str) -> None:
    """Write a page of HTML, and the folder it is to be in."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(page, encoding="utf-8")


def plain(value: Any) -> Any:
    """A dataclass as a mapping; anything else as it is."""
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def pair(text: str, *, what: str = "rename") -> tuple[str, str]:
    """`A=B` taken apart."""
    name, equals, new = text.partition("=")
    if not (name and equals and new):
        raise DefinitionError(f"{what} '{text}' must read FROM=TO")
    return name, new


def instant(text: str) -> datetime:
    """A moment in UTC; without a zone, UTC is meant.

    Schedules know one moment, their own: `N days before MOMENT`, `N hours after MOMENT` are others.
    """
    relative = _RELATIVE.fullmatch(text.strip())
    if relative is not None:
        number, unit, side, other = relative.groups()
        distance = timedelta(**{f"{unit}s": int(number)})
        return instant(other) - distance if side == "before" else instant(other) + distance
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise DefinitionError(
            f"'{text}' is no time: write 2026-03-01, 2026-03-01T12:00 or '7 days before 2026-03-01'"
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def day(text: str) -> date:
    """A whole day."""
    moment = instant(text)
    if moment.time() != datetime.min.time():
        raise DefinitionError(f"'{text}' must be a whole day: 2026-03-01")
    return moment.date()
