"""Commands from definitions and files to training sets."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stockade.cli.frame import (
    Day,
    Exit,
    app,
    bars,
    day,
    instant,
    load_registry,
    open_store,
    pair,
    plain,
    say,
    working,
)
from stockade.definitions.source import Files
from stockade.definitions.view import FeatureView
from stockade.errors import DefinitionError
from stockade.lines import erased_lines, plural, restatement_lines, version_line

if TYPE_CHECKING:
    from stockade.building.upkeep import TableState
    from stockade.feature_store import FeatureStore


@app.command()
def check(context: typer.Context) -> None:
    """Load all definitions and report every fault; starts no Spark."""
    registry = load_registry(context.obj)
    counts = {
        kind: sum(of == kind for of, _ in registry.definitions)
        for kind in sorted({of for of, _ in registry.definitions})
    }
    features = sum(len(view.features()) for view in registry.views())
    found = ", ".join(f"{n} {plural(kind, n)}" for kind, n in counts.items()) or "none"
    say(
        context.obj,
        {"definitions": counts, "features": features, "fingerprint": registry.fingerprint()},
        f"definitions are sound: {found}; {features} features",
    )


@app.command()
def plan(context: typer.Context) -> None:
    """Compare declared views with those that were applied; exit code 2 if they differ."""
    with open_store(context.obj) as store:
        found = store.plan()
    steps, lines = found.steps, [*found.lines()]
    lines.append(
        f"{len(steps)} {plural('change', len(steps))}. Apply with: stockade apply {found.id}"
        if steps
        else "nothing to do: what is declared was applied"
    )
    say(context.obj, plain(found), "\n".join(lines))
    raise typer.Exit(Exit.CHANGES if steps else Exit.DONE)


@app.command()
def apply(
    context: typer.Context,
    plan_id: Annotated[
        str | None, typer.Argument(help="as `plan` printed it; without it, the plan as it is now")
    ] = None,
    *,
    keep_until: Annotated[
        str | None, typer.Option(help="when the use of what is replaced ends; without it, today")
    ] = None,
) -> None:
    """Record the declared views as the current ones: that plan, or nothing if it has moved."""
    end = None if keep_until is None else day(keep_until)
    with open_store(context.obj) as store, working("applying"):
        found, versions = store.apply(plan_id, keep_until=end)
    lines = [*found.lines(), *map(version_line, versions)]
    data = {"plan": plain(found), "versions": [one.document() for one in versions]}
    say(context.obj, data, "\n".join(lines) or "nothing to do: what is declared was applied")


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
    names = dict(pair(text) for text in rename or [])
    files = Files(path=path, format=file_format, schema=schema)  # type: ignore[arg-type]
    with open_store(context.obj) as store, working(f"loading {table}"):
        written = store.ingest(files, table, naive_utc=naive_utc or (), rename=names)
    say(context.obj, asdict(written), f"{written.rows} rows in table '{written.name}'")


@app.command()
def materialize(
    context: typer.Context,
    views: Annotated[list[str] | None, typer.Argument(help="views; without any, all")] = None,
    *,
    start: Day,
    end: Day,
    rebuild: Annotated[bool, typer.Option(help="replace a table of another definition")] = False,
    force: Annotated[bool, typer.Option(help="write days that are done, too")] = False,
    allow_empty: Annotated[bool, typer.Option(help="sources may be without any row")] = False,
) -> None:
    """Write snapshots of views for the days from START up to, not including, END."""
    with open_store(context.obj) as store:
        done: list[Any] = []
        with bars() as progress:
            for view in _to_write(store, views):
                done.append(
                    store.materialize(
                        view,
                        start=day(start),
                        end=day(end),
                        rebuild=rebuild,
                        force=force,
                        allow_empty=allow_empty,
                        progress=progress,
                    )
                )
    text = "\n".join(
        f"{one.view}: {one.rows} rows of {len(one.written)} days written, "
        f"{one.skipped} days done already, {len(one.waiting)} waiting"
        for one in done
    )
    say(context.obj, {"views": [plain(one) for one in done]}, text)
    waits = any(one.waiting for one in done)
    raise typer.Exit(Exit.CHANGES if waits else Exit.DONE)


def _to_write(store: "FeatureStore", names: list[str] | None) -> Iterator[str | FeatureView]:
    """The named views or all that are declared, each with its deprecated versions."""
    declared = [view.name for view in store.registry.all(FeatureView)]
    old = store.deprecated()
    for name in names or [*dict.fromkeys([*declared, *(view.name for view in old)])]:
        versions = [view for view in old if view.name == name]
        if name in declared or not versions:
            yield name
        yield from versions


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
    with open_store(context.obj) as store, working(f"building {training_set}"):
        built = store.build(
            training_set, start=instant(start), end=instant(end), as_of=instant(as_of)
        )
    states = built.manifest["label_states"]
    say(
        context.obj,
        dict(built.manifest),
        f"{built.manifest['rows']} rows in table '{built.name}': "
        + ", ".join(f"{n} {state}" for state, n in states.items()),
    )


@app.command()
def audit(context: typer.Context, training_set: str) -> None:
    """Check every row of a written training set: no value later than its decision."""
    with open_store(context.obj) as store, working(f"auditing {training_set}"):
        found = store.audit(training_set)
    lines = [
        f"{'FAIL' if broken else 'ok  '} {rule}: {broken} rows"
        for rule, broken in found.checks.items()
    ]
    lines += [f"look {gap}" for gap in found.gaps]
    verdict = "no value is later than its decision" if found.passed else "hindsight found"
    text = "\n".join([*lines, f"{found.rows} rows of '{found.training_set}': {verdict}"])
    gaps = [plain(gap) for gap in found.gaps]
    say(context.obj, {"rows": found.rows, "checks": dict(found.checks), "gaps": gaps}, text)
    raise typer.Exit(Exit.DONE if found.passed else Exit.FAULT)


@app.command()
def rebuild(
    context: typer.Context,
    training_set: str,
    into: Annotated[str | None, typer.Option(help="a table for the rows")] = None,
) -> None:
    """Make a training set again from its manifest; exit code 1 if one bit differs."""
    with open_store(context.obj) as store, working(f"rebuilding {training_set}"):
        found = store.rebuild(training_set, into=into)
    same = "identical, bit for bit" if found.identical else "NOT what was written"
    text = f"{found.rows} rows of '{training_set}' made again: {same}"
    if found.written is not None:
        text += f"; written to table '{found.written.name}'"
    if found.erasures:
        rows, times = found.erased_rows, found.erasures
        text += (
            f"; without {rows} {plural('row', rows)} that {times} {plural('erasure', times)} "
            "took out since it was built"
        )
    say(context.obj, {**plain(found), "identical": found.identical}, text)
    raise typer.Exit(Exit.DONE if found.identical else Exit.FAULT)


@app.command()
def restate(
    context: typer.Context,
    training_set: str,
    as_of: Annotated[str | None, typer.Option(help="another build date")] = None,
) -> None:
    """What a training set would be today, and why; exit code 2 if it would differ."""
    moment = None if as_of is None else instant(as_of)
    with open_store(context.obj) as store, working(f"restating {training_set}"):
        found = store.restate(training_set, as_of=moment)
    say(context.obj, plain(found), "\n".join(restatement_lines(found)))
    raise typer.Exit(Exit.CHANGES if found.changes else Exit.DONE)


@app.command()
def verify(
    context: typer.Context,
    training_set: Annotated[str | None, typer.Argument(help="whose decisions")] = None,
    *,
    tables: Annotated[
        bool, typer.Option("--tables", help="hold every written table against the ledger instead")
    ] = False,
    sample: Annotated[int, typer.Option(min=1, help="decisions to compare")] = 500,
    show: Annotated[
        bool, typer.Option(help="print values that differ: they may be personal")
    ] = False,
) -> None:
    """Compute features of sampled decisions by engine and by oracle, and compare."""
    if tables == (training_set is not None):
        raise DefinitionError("verify: name a training set, or say --tables")
    if training_set is None:
        with open_store(context.obj) as store, working("verifying tables"):
            states = store.verify_tables()
        _say_states(context, states, {})
        return
    with open_store(context.obj) as store, working(f"verifying {training_set}"):
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
    say(context.obj, data, "\n".join(lines))
    raise typer.Exit(Exit.FAULT if differing else Exit.DONE)


@app.command()
def maintain(context: typer.Context) -> None:
    """Compact tables, remove files that nothing needs, and hold them against the ledger."""
    with open_store(context.obj) as store, working("maintaining tables"):
        found = store.maintain()
    lines = [f"left alone: {name}: {why}" for name, why in found.left.items()]
    lines.append(f"{len(found.compacted)} {plural('table', len(found.compacted))} compacted")
    more = {"compacted": list(found.compacted), "left": found.left}
    _say_states(context, found.states, more, lines)


def _say_states(
    context: typer.Context,
    states: "Sequence[TableState]",
    more: dict[str, Any],
    before: Sequence[str] = (),
) -> None:
    lines = [*before]
    for one in states:
        said = one.fault or ", ".join(f"{day} differs" for day in one.differing)
        lines.append(
            f"{'ok  ' if one.sound else 'FAIL'} {one.table}: {one.days} days {said}".strip()
        )
    sound = all(one.sound for one in states)
    say(context.obj, {**more, "tables": [plain(one) for one in states]}, "\n".join(lines))
    raise typer.Exit(Exit.DONE if sound else Exit.FAULT)


@app.command()
def erase(
    context: typer.Context,
    entity: Annotated[str, typer.Argument(help="its kind: account")],
    *,
    key: Annotated[list[str], typer.Option(help="KEY=VALUE; repeat for several")],
) -> None:
    """Take one entity out of every table that is written here, and keep it out."""
    with open_store(context.obj) as store, working(f"erasing one {entity}"):
        found = store.erase(entity, dict(pair(text, what="key") for text in key))
    say(context.obj, plain(found), "\n".join(erased_lines(found)))
