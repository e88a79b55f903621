"""Faults of a bundle, also those that `databricks bundle validate --strict` lets pass.

`databricks-bundles` (Databricks License) gives the typed models; it is used in tests only.
"""

import importlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch
from zoneinfo import available_timezones

import typer
from databricks.bundles.core import Resource
from databricks.bundles.dashboards import Dashboard
from databricks.bundles.experiments import MlflowExperiment
from databricks.bundles.jobs import Job
from databricks.bundles.registered_models import RegisteredModel
from databricks.bundles.schemas import Schema
from databricks.bundles.volumes import Volume

from stockade import cli
from stockade.cli import frame
from stockade.errors import StockadeError, hint
from tests.bundle.files import Bundle, merged, read, resolved, texts

MODELS: Mapping[str, type[Resource]] = {
    "dashboards": Dashboard,
    "experiments": MlflowExperiment,
    "jobs": Job,
    "registered_models": RegisteredModel,
    "schemas": Schema,
    "volumes": Volume,
}
PACKAGE = "stockade"
DYNAMIC = re.compile(r"\{\{\s*([^}]*?)\s*\}\}")
# Dynamic values that the Jobs API documents and that this bundle may use.
VALUES = {
    "job.id", "job.name", "job.run_id", "job.repair_count",
    "job.start_time.iso_date", "job.start_time.iso_datetime", "job.start_time.timestamp_ms",
    "job.trigger.type", "job.trigger.file_arrival.location",
    "task.name", "task.run_id", "task.execution_count",
    "workspace.id", "workspace.url",
}  # fmt: skip
# The groups that are always there, in a workspace and in an account.
OF_THE_WORKSPACE = {"users", "admins"}
OF_THE_ACCOUNT = {"account users"}
MOMENTS = {"start", "end", "since", "until", "as_of", "at"}


def check(root: Path, scripts: Mapping[str, str]) -> list[str]:
    """Every fault of the bundle; `scripts` are the console scripts of its wheel."""
    bundle = read(root)
    targets = bundle.top.get("targets", {})
    seen: dict[tuple[str, str], list[object]] = {}
    for target in targets:
        whole = resolved(bundle, target)
        _resources(bundle, target, whole, scripts, seen)
        found = [f"target '{target}', {fault}" for fault in _people(whole)]
        bundle.faults += dict.fromkeys(found)
    _targets(bundle)
    _wheels(bundle)
    return bundle.faults


def tasks_of(job: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Each task, and after it the one that it does for each of its inputs."""
    for task in job.get("tasks", []):
        yield task
        if "for_each_task" in task:
            yield task["for_each_task"].get("task", {})


def command_of(script: str) -> str:
    """The command of `stockade` that a console script runs."""
    module, _, function = script.partition(":")
    asked: list[str] = []
    with patch.object(cli, "main", asked.append):
        getattr(importlib.import_module(module), function)()
    return asked[0]


def filled(text: str, job: Mapping[str, Any], given: Mapping[str, str]) -> str:
    """A parameter as a run would see it: job parameters by `given`, else by their defaults."""
    defaults = {one["name"]: str(one["default"]) for one in job.get("parameters", [])}
    known = {f"job.parameters.{name}": value for name, value in {**defaults, **given}.items()}
    known |= {key: value for key, value in given.items() if "." in key or key == "input"}
    for _ in range(3):
        text = DYNAMIC.sub(lambda found: known.get(found[1], found[0]), text)
    return text


def accepted(command: str, parameters: Sequence[str]) -> str | None:
    """None where the command's own parser takes the parameters, else what it says."""
    group: Any = typer.main.get_command(frame.app)
    try:
        context = group.make_context("stockade", frame._arguments(command, parameters))
        name, found, rest = group.resolve_command(
            context, [*context._protected_args, *context.args]
        )
        if found is None:
            return f"no command '{command}'"
        inner = found.make_context(name, rest, parent=context)
        for option, value in inner.params.items():
            if option in MOMENTS and value is not None:
                frame.instant(value)
    except StockadeError as fault:
        return str(fault)
    except Exception as fault:
        # Typer's click is its own in some versions, and the installed one in others.
        said = getattr(fault, "format_message", None)
        if said is None:
            raise
        return str(said())
    return None


def _resources(
    bundle: Bundle,
    target: str,
    whole: Mapping[str, Any],
    scripts: Mapping[str, str],
    seen: dict[tuple[str, str], list[object]],
) -> None:
    """Each resource of a target that no target before it had in the same words."""
    written = merged(bundle, target)
    for kind, found in whole.items():
        if kind == "target":
            continue
        model = MODELS.get(kind)
        if model is None:
            bundle.faults.append(f"no kind of resource is called '{kind}': {hint(kind, MODELS)}")
            continue
        for key, value in found.items():
            before = seen.setdefault((kind, key), [])
            if written[kind][key] in before:
                continue
            before.append(written[kind][key])
            where = f"{bundle.files[kind, key].name}, {key}"
            faults = [*_typed(model, value), *_settings(bundle, kind, key, value)]
            if kind == "jobs":
                faults += _job(value, whole, scripts)
            said = dict.fromkeys(f"{where}: {fault}" for fault in faults)
            bundle.faults += [fault for fault in said if fault not in bundle.faults]


def _people(whole: Mapping[str, Any]) -> Iterator[str]:
    """Groups and addresses that are not known where the target is deployed."""
    target = whole["target"]
    anywhere = target.get("mode") == "development"
    resources = [one for kind, found in whole.items() if kind != "target" for one in found.items()]
    for key, one in resources:
        for grant in one.get("grants", []):
            who = grant.get("principal")
            if who in OF_THE_WORKSPACE:
                yield f"{key}: '{who}' is the workspace's own; Unity Catalog knows the account's"
            elif anywhere and who not in OF_THE_ACCOUNT:
                yield f"{key}: {_stranger(who)}: grant it in the targets that have it"
        for mail in texts(one.get("email_notifications", {})):
            if "@" not in mail:
                yield f"{key}: mail to '{mail}', who is no address: name a person or a list"
    for key, one in [*resources, ("permissions", target)]:
        for allowed in one.get("permissions", []):
            who = allowed.get("group_name")
            if anywhere and who is not None and who not in OF_THE_WORKSPACE:
                yield f"{key}: {_stranger(who)}: allow it in the targets that have it"


def _stranger(who: str) -> str:
    return f"not every account has a group '{who}', and development is deployed by anybody"


def _typed(model: type[Resource], value: Mapping[str, Any]) -> Iterator[str]:
    try:
        parsed = model.from_dict(value)  # type: ignore[arg-type]
    except (ValueError, TypeError) as fault:
        yield f"not a {model.__name__}: {str(fault).splitlines()[0]}"
        return
    yield from _misfits(value, parsed, model.__name__)


def _misfits(given: Mapping[str, Any], parsed: object, where: str) -> Iterator[str]:
    """Lists and mappings that `from_dict` made a string of, where it wants one."""
    for name, value in given.items():
        made = getattr(parsed, name, None)
        if isinstance(value, list | dict) and isinstance(made, str):
            yield f"{where}.{name} is a {type(value).__name__}, and must be a string"
        pairs = zip(value, made, strict=False) if isinstance(made, list) else [(value, made)]
        for inner, typed in pairs:
            if isinstance(inner, dict) and is_dataclass(typed):
                yield from _misfits(inner, typed, f"{where}.{name}")


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _settings(bundle: Bundle, kind: str, key: str, value: Mapping[str, Any]) -> Iterator[str]:
    if kind == "jobs":
        for holder in ("schedule", "trigger", "continuous"):
            if "pause_status" in value.get(holder, {}):
                yield f"{holder} has a pause_status, which would run in dev too: leave it out"
        yield from _schedule(value.get("schedule"))
    path = value.get("file_path")
    if path is not None and not (bundle.files[kind, key].parent / path).exists():
        yield f"file '{path}' does not exist"


def _schedule(schedule: Mapping[str, str] | None) -> Iterator[str]:
    if schedule is None:
        return
    cron, zone = schedule.get("quartz_cron_expression", ""), schedule.get("timezone_id", "")
    parts = cron.split()
    if len(parts) not in (6, 7) or not all(re.fullmatch(r"[\w*?/,#-]+", part) for part in parts):
        yield f"schedule '{cron}' has {len(parts)} fields: Quartz wants six or seven, seconds first"
    elif (parts[3] == "?") == (parts[5] == "?"):
        yield f"schedule '{cron}': one of day of month and day of week must be '?'"
    if zone not in _zones():
        yield f"no time zone is called '{zone}': {hint(zone, _zones())}"


def _job(
    job: Mapping[str, Any], whole: Mapping[str, Any], scripts: Mapping[str, str]
) -> Iterator[str]:
    keys = [task.get("task_key", "?") for task in tasks_of(job)]
    for key in {key for key in keys if keys.count(key) > 1}:
        yield f"two tasks are called '{key}': a deploy would merge them"
    places = {
        "environment_key": [one.get("environment_key") for one in job.get("environments", [])],
        "job_cluster_key": [one.get("job_cluster_key") for one in job.get("job_clusters", [])],
    }
    declared = {one.get("name") for one in job.get("parameters", [])}
    for task in tasks_of(job):
        who = f"task '{task.get('task_key')}'"
        for before in task.get("depends_on", []):
            if before["task_key"] not in keys:
                yield f"{who} depends on '{before['task_key']}': {hint(before['task_key'], keys)}"
        for name, known in places.items():
            if name in task and task[name] not in known:
                yield f"{who}: no {name} '{task[name]}': {hint(task[name], map(str, known))}"
        yield from (f"{who}: {fault}" for fault in _dynamic(task, job, declared))
        if "python_wheel_task" in task:
            yield from (f"{who}: {fault}" for fault in _wheel(task, job, scripts))
        if "run_job_task" in task:
            yield from (f"{who}: {fault}" for fault in _called(task["run_job_task"], whole))
        for kind, name in (
            ("notebook_task", "notebook_path"),
            ("spark_python_task", "python_file"),
        ):
            if kind in task:
                yield f"{who}: a {kind} ('{task[kind].get(name)}'): tasks run the wheel"


def _dynamic(task: Mapping[str, Any], job: Mapping[str, Any], declared: set[str]) -> Iterator[str]:
    own = {key: value for key, value in task.items() if key != "for_each_task"}
    outer = next((one for one in job["tasks"] if _inner(one) is task), None)
    if "for_each_task" in task:
        own["inputs"] = task["for_each_task"].get("inputs")
    for text in texts(own):
        for name in DYNAMIC.findall(text):
            if name in VALUES or (name == "input" and outer is not None):
                continue
            if name.startswith("job.parameters."):
                parameter = name.removeprefix("job.parameters.")
                if parameter not in declared:
                    yield f"no job parameter '{parameter}': {hint(parameter, map(str, declared))}"
            elif value := re.fullmatch(r"tasks\.(\w+)\.values\.(\w+)", name):
                yield from _value(value[1], value[2], outer or task, job)
            else:
                yield f"no dynamic value '{{{{{name}}}}}': {hint(name, VALUES)}"


def _inner(task: Mapping[str, Any]) -> object:
    return task.get("for_each_task", {}).get("task")


def _value(of: str, name: str, task: Mapping[str, Any], job: Mapping[str, Any]) -> Iterator[str]:
    by_key = {one["task_key"]: one for one in job["tasks"]}
    upstream: set[str] = set()
    todo = [task]
    while todo:
        for before in todo.pop().get("depends_on", []):
            if before["task_key"] in by_key and before["task_key"] not in upstream:
                upstream.add(before["task_key"])
                todo.append(by_key[before["task_key"]])
    if of not in upstream:
        yield f"reads a value of task '{of}', which it does not depend on"
        return
    parameters = by_key[of].get("python_wheel_task", {}).get("parameters", [])
    shared = [b for a, b in pairwise(parameters) if a == "--share"]
    if name not in shared:
        yield f"task '{of}' shares no value '{name}': {hint(name, shared)}"


def _wheel(
    task: Mapping[str, Any], job: Mapping[str, Any], scripts: Mapping[str, str]
) -> Iterator[str]:
    wheel = task["python_wheel_task"]
    if wheel.get("package_name") != PACKAGE:
        yield f"package_name '{wheel.get('package_name')}' is not the wheel's: '{PACKAGE}'"
    if not {"environment_key", "job_cluster_key"} & set(task):
        yield "a wheel task needs an environment_key or a job_cluster_key"
    if "job_cluster_key" in task and not task.get("libraries"):
        yield "a wheel task on a cluster needs the wheel among its libraries"
    script = scripts.get(wheel.get("entry_point"))
    if script is None:
        point = wheel.get("entry_point")
        yield f"entry point '{point}' is not in the wheel: {hint(str(point), scripts)}"
        return
    try:
        command = command_of(script)
    except (ImportError, AttributeError) as fault:
        yield f"entry point '{wheel['entry_point']}' does not import: {fault}"
        return
    named = [f"--{k}={v}" for k, v in wheel.get("named_parameters", {}).items()]
    # Required ones have an empty default: whoever starts the job names the model.
    given = {"job.start_time.iso_date": "2026-03-01", "input": "some_name", "model": "some_model"}
    parameters = [filled(str(one), job, given) for one in [*wheel.get("parameters", []), *named]]
    said = accepted(command, parameters)
    if said is not None:
        yield f"`stockade {command}` refuses its parameters: {said}"


def _called(call: Mapping[str, Any], whole: Mapping[str, Any]) -> Iterator[str]:
    key = re.sub(r"\$\{resources\.jobs\.(\w+)\.id\}", r"\1", str(call.get("job_id")))
    job = whole["jobs"].get(key)
    if job is None:
        yield f"runs job '{key}', which is none of the bundle's"
        return
    declared = [one["name"] for one in job.get("parameters", [])]
    for name in call.get("job_parameters", {}):
        if name not in declared:
            yield f"job '{key}' has no parameter '{name}': {hint(name, declared)}"


def _wheels(bundle: Bundle) -> None:
    """Each wheel that a task wants is where the bundle's build puts it."""
    built = {
        name: str(one.get("build", ""))
        for name, one in bundle.top.get("artifacts", {}).items()
        if one.get("type") == "whl"
    }
    place = (bundle.root / "dist" / "*.whl").resolve()
    named = [(bundle.root / "databricks.yml", text) for text in texts(bundle.top["variables"])]
    named += [
        (bundle.files[kind, key], text)
        for kind, found in bundle.resources.items()
        for key, one in found.items()
        for text in texts(one)
    ]
    for path, text in named:
        if text.endswith(".whl") and (path.parent / text).resolve() != place:
            bundle.faults.append(
                f"{path.name}: '{text}' is not where the wheel is built, the bundle's dist/"
            )
        if text.endswith(".whl") and not any("--wheel" in command for command in built.values()):
            bundle.faults.append(f"{path.name}: '{text}': no artifact of the bundle builds a wheel")
        if text.startswith("-r ") and not (path.parent / text.removeprefix("-r ")).exists():
            bundle.faults.append(f"{path.name}: '{text}': there is no such file")


def _targets(bundle: Bundle) -> None:
    targets = bundle.top.get("targets", {})
    catalogs: dict[str, str] = {}
    for name, target in targets.items():
        catalog = target.get("variables", {}).get("catalog")
        if catalog is None:
            bundle.faults.append(f"target '{name}' names no catalog")
        elif catalog in catalogs:
            bundle.faults.append(
                f"targets '{catalogs[catalog]}' and '{name}' share catalog '{catalog}'"
            )
        catalogs[catalog] = name
        if target.get("mode") not in ("development", "production"):
            bundle.faults.append(f"target '{name}' must be of mode development or production")
        if target.get("mode") != "production":
            continue
        root = target.get("workspace", {}).get("root_path", "")
        if not root.startswith("/Workspace/Users/"):
            bundle.faults.append(f"target '{name}' needs a root_path below a home, not '{root}'")
        for wanted in ("run_as", "permissions"):
            if not target.get(wanted):
                bundle.faults.append(
                    f"target '{name}' has no {wanted}: whoever deploys would run it"
                )
        levels = {one.get("level") for one in target.get("permissions", [])}
        for level in levels - {"CAN_VIEW", "CAN_MANAGE", "CAN_RUN"}:
            bundle.faults.append(f"target '{name}': no permission level '{level}'")
