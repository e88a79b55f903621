"""Faults of GitHub workflows that would show only on the runner, or in the workspace."""

import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from stockade.errors import hint
from tests.bundle.files import Bundle, Strict, read

EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
CONTEXTS = {"github", "vars", "env", "matrix", "runner", "needs", "steps", "inputs", "secrets"}
# What somebody who opens a pull request writes, and a shell would run.
UNTRUSTED = re.compile(r"github\.(event\.|head_ref)")
BUNDLE_COMMANDS = {"validate", "deploy", "summary", "run"}
LOGIN = {
    "DATABRICKS_AUTH_TYPE": "github-oidc",
    "DATABRICKS_HOST": "${{ vars.DATABRICKS_HOST }}",
    "DATABRICKS_CLIENT_ID": "${{ vars.DATABRICKS_CLIENT_ID }}",
}


def check_workflows(root: Path) -> list[str]:
    """Every fault of the workflows of a project, and of what they need of it."""
    bundle = read(root)
    paths = sorted((root / ".github" / "workflows").glob("*.yml"))
    if not paths:
        return ["there is no workflow"]
    return [f"{path.name}: {fault}" for path in paths for fault in _workflow(path, root, bundle)]


def _workflow(path: Path, root: Path, bundle: Bundle) -> Iterator[str]:
    try:
        flow = yaml.load(path.read_text(), Strict)  # noqa: S506 -- a SafeLoader
    except yaml.YAMLError as fault:
        yield str(getattr(fault, "problem", fault))
        return
    # YAML 1.1 reads the word `on` as true.
    starts = flow.get(True, flow.get("on"))
    if not starts:
        yield "nothing starts it"
    elif "pull_request_target" in starts:
        yield "pull_request_target would run a stranger's code with our rights"
    if flow.get("permissions") != {"contents": "read"}:
        yield "permissions must be contents: read, and more only where a job needs it"
    jobs = flow.get("jobs", {})
    for name, job in jobs.items():
        yield from (f"job '{name}': {fault}" for fault in _job(job, jobs, root, bundle))


def _job(
    job: Mapping[str, Any], jobs: Mapping[str, Any], root: Path, bundle: Bundle
) -> Iterator[str]:
    needs = job.get("needs", [])
    for before in [needs] if isinstance(needs, str) else needs:
        if before not in jobs:
            yield f"needs '{before}': {hint(before, jobs)}"
    if "uses" in job:
        called = job["uses"]
        if not (called.startswith("./") and (root / called).exists()):
            yield f"calls '{called}', which is no workflow here"
        return
    if "timeout-minutes" not in job:
        yield "has no timeout-minutes: what hangs would run six hours"
    yield from _python(job, root)
    done: list[str] = []
    for step in job.get("steps", []):
        yield from _step(step, done, root, bundle, job)
        done.append(step.get("uses", step.get("run", "")))
    if any("databricks bundle" in one for one in done):
        yield from _login(job, done, bundle)


def _python(job: Mapping[str, Any], root: Path) -> Iterator[str]:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    low, high = re.findall(r"3\.(\d+)", project.get("requires-python", ">=3.11,<3.14"))[:2]
    asked: list[object] = [*job.get("strategy", {}).get("matrix", {}).get("python", [])]
    asked += [step.get("with", {}).get("python-version") for step in job.get("steps", [])]
    for version in asked:
        if version is None or EXPRESSION.fullmatch(str(version)):
            continue
        found = re.fullmatch(r"3\.(\d+)", version) if isinstance(version, str) else None
        if found is None or not int(low) <= int(found[1]) < int(high):
            yield f"Python '{version}' is not one that the project takes: write \"3.12\""


def _step(
    step: Mapping[str, Any],
    before: Sequence[str],
    root: Path,
    bundle: Bundle,
    job: Mapping[str, Any],
) -> Iterator[str]:
    uses = step.get("uses")
    if uses is not None and not re.fullmatch(r"[\w-]+/[\w./-]+@v?\d[\w.]*", uses):
        yield f"action '{uses}' names no version"
    if uses and uses.startswith("actions/checkout") and not _forgets(step):
        yield "checkout leaves its token in .git: set persist-credentials: false"
    for text in [step.get("run", ""), *map(str, step.get("with", {}).values())]:
        for inner in EXPRESSION.findall(text):
            root_name = re.split(r"\W", inner)[0]
            if root_name not in CONTEXTS:
                yield f"'{inner}' is no context: {hint(root_name, CONTEXTS)}"
            if root_name == "secrets":
                yield f"'{inner}': a login is exchanged for the run's token, nothing is kept"
    script = step.get("run")
    if script is None:
        return
    if UNTRUSTED.search(script):
        yield "a script holds what the author of a pull request writes: pass it through env"
    yield from _script(script, before, root, bundle, job)


def _forgets(step: Mapping[str, Any]) -> bool:
    return step.get("with", {}).get("persist-credentials") is False


def _script(
    script: str, before: Sequence[str], root: Path, bundle: Bundle, job: Mapping[str, Any]
) -> Iterator[str]:
    plain = EXPRESSION.sub("x", script)
    parsed = subprocess.run(
        ["/bin/bash", "-n"], input=plain, text=True, capture_output=True, check=False
    )
    if parsed.returncode:
        yield f"the shell does not read '{script.splitlines()[0]}': {parsed.stderr.strip()}"
    for line in plain.splitlines():
        if line.startswith("make "):
            target = line.split()[1]
            known = re.findall(r"^([a-z-]+):", (root / "Makefile").read_text(), re.M)
            if target not in known:
                yield f"`{line}`: {hint(target, known)}"
        if line.startswith("databricks "):
            yield from _databricks(shlex.split(line), before, bundle, job)
        for file in re.findall(r"-[cr] (\S+\.txt)", line):
            if not (root / file).exists():
                yield f"`{line}`: no file '{file}'"


def _databricks(
    words: Sequence[str], before: Sequence[str], bundle: Bundle, job: Mapping[str, Any]
) -> Iterator[str]:
    line = " ".join(words)
    said = refused_by_bundle(words, bundle)
    if said:
        yield said
        return
    target, command = words[words.index("-t") + 1], words[2]
    if not any(done.startswith("databricks/setup-cli@") for done in before):
        yield f"`{line}` runs before setup-cli has brought the command"
    if command == "validate" and "--strict" not in words:
        yield f"`{line}`: without --strict an unknown field is let pass"
    if command != "deploy":
        return
    if job.get("environment") != target:
        yield f"`{line}` needs the environment '{target}', whose reviewers let it through"
    if not any(f"bundle validate --strict -t {target}" in done for done in before):
        yield f"`{line}` deploys what was not validated"
    builder = str(bundle.top.get("artifacts", {}).get("wheel", {}).get("build", ""))
    if "-m build" in builder and not any("pip install build" in done for done in before):
        yield f"`{line}` builds the wheel with '{builder}', which nothing has installed"
    if job.get("concurrency", {}).get("cancel-in-progress") is not False:
        yield f"`{line}` may be cancelled half-way, which leaves the deploy lock behind"


def refused_by_bundle(words: Sequence[str], bundle: Bundle) -> str | None:
    """None where `databricks bundle COMMAND [JOB] -t TARGET` is of this bundle, else why not."""
    line = " ".join(words)
    if words[1] != "bundle":
        return None
    if words[2] not in BUNDLE_COMMANDS | {"deployment", "destroy", "plan"}:
        return f"`{line}`: {hint(words[2], BUNDLE_COMMANDS)}"
    targets = bundle.top.get("targets", {})
    target = words[words.index("-t") + 1] if "-t" in words else "none"
    # In capitals it stands for any.
    if target not in targets and not target.isupper():
        return f"`{line}`: no target '{target}': {hint(target, targets)}"
    if words[2] == "run" and words[3] not in bundle.resources["jobs"]:
        return f"`{line}`: no job '{words[3]}': {hint(words[3], bundle.resources['jobs'])}"
    return None


def _login(job: Mapping[str, Any], steps: Sequence[str], bundle: Bundle) -> Iterator[str]:
    if job.get("permissions", {}).get("id-token") != "write":
        yield "a login by OIDC needs the permission id-token: write"
    if "environment" not in job:
        yield "a login by OIDC is trusted for an environment: name one"
    env = job.get("env", {})
    for name, value in LOGIN.items():
        if env.get(name) != value:
            yield f"{name} must be '{value}'"
    declared = bundle.top.get("variables", {})
    given = [name.removeprefix("BUNDLE_VAR_") for name in env if name.startswith("BUNDLE_VAR_")]
    for name in given:
        if name not in declared:
            yield f"BUNDLE_VAR_{name}: no such variable: {hint(name, declared)}"
    deploys = " ".join(step for step in steps if step.startswith("databricks bundle"))
    targets = {t: v for t, v in bundle.top.get("targets", {}).items() if f"-t {t}" in deploys}
    for name, target in targets.items():
        if "${var.service_principal}" in str(target) and "service_principal" not in given:
            yield f"target '{name}' runs as the service principal: set BUNDLE_VAR_service_principal"
