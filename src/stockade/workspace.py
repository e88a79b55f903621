"""Jobs, lineage, tags and grants of a Databricks workspace; the only importer of databricks-sdk."""

import os
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from stockade.errors import StockadeError, UnknownNameError, hint

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.service.jobs import JobParameter, Run, RunState

Securable = Literal["catalog", "schema", "table", "volume", "function"]
Watcher = Callable[["JobRun"], None]

# The bundle's jobs are called so; development mode puts "[dev someone] " before it.
_PREFIX = "stockade-"
_ENDED = ("TERMINATED", "SKIPPED", "INTERNAL_ERROR")
_LINEAGE = "/api/2.0/lineage-tracking/table-lineage"
_LOGIN = "log in with `databricks auth login`, or set DATABRICKS_HOST and how to authenticate"


class WorkspaceError(StockadeError):
    """Raised when a workspace refuses, lacks or does not answer; says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRun:
    """One task of a run: its newest attempt.

    Attributes:
        key: the task's name in its job.
        state: SUCCESS, FAILED, SKIPPED..., or RUNNING, PENDING... while it has not ended.
        message: why it failed; empty else.
    """

    key: str
    state: str
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRun:
    """A run of a job, as it is now.

    Attributes:
        id: of the run; stays the same when it is repaired.
        job: the job's name.
        state: as a task's.
        ended: whether nothing of it runs any more.
        url: its page.
        parameters: the job parameters that it has.
        tasks: in the order of the job.
    """

    id: int
    job: str
    state: str
    ended: bool
    url: str
    parameters: Mapping[str, str]
    tasks: tuple[TaskRun, ...]

    @property
    def succeeded(self) -> bool:
        """Whether it has ended well."""
        return self.state == "SUCCESS"

    @property
    def done(self) -> int:
        """How many tasks have ended."""
        return sum(task.state not in ("RUNNING", "PENDING", "BLOCKED") for task in self.tasks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """What a table is made of and what is made of it, as Unity Catalog saw it.

    Attributes:
        table: `catalog.schema.table`.
        upstream, downstream: full names of tables.
        job_runs: runs that read or wrote it with them: (job id, run id).
    """

    table: str
    upstream: tuple[str, ...]
    downstream: tuple[str, ...]
    job_runs: tuple[tuple[str, str], ...]


def share(values: Mapping[str, object]) -> None:
    """Set task values, which later tasks of the same run read; off Databricks nothing happens."""
    if "DATABRICKS_RUNTIME_VERSION" not in os.environ:
        return
    # Without credentials this import raises: only where the runtime brings them.
    from databricks.sdk.runtime import dbutils

    for key, value in values.items():
        dbutils.jobs.taskValues.set(key=key, value=value)


class Workspace:
    """A Databricks workspace, reached with the SDK's unified authentication."""

    def __init__(
        self,
        client: "WorkspaceClient | None" = None,
        *,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Connect.

        Args:
            client: by default one that finds host and login as the Databricks CLI does: the
                environment, a profile, or the runtime.
            pause: how to wait between two looks at a run.

        Raises:
            WorkspaceError: there is no host or login.
        """
        self._client = client or _connect()
        self._pause = pause

    def run(
        self,
        job: str,
        *,
        parameters: Mapping[str, str] | None = None,
        watch: Watcher | None = None,
        timeout: float = 86_400,
    ) -> JobRun:
        """Start a job and follow it to its end.

        Args:
            job: its name, with or without `stockade-`, or its number.
            parameters: job parameters, instead of their defaults.
            watch: called with the run each time that one looks.
            timeout: seconds until one stops looking; the run itself goes on.
        """
        number = self._job(job)
        with _faults(f"run job '{job}'"):
            started = self._client.jobs.run_now(number, job_parameters=dict(parameters or {}))
        return self._follow(int(started.run_id), watch, timeout)

    def repair(self, run: int, *, watch: Watcher | None = None, timeout: float = 86_400) -> JobRun:
        """Run the failed tasks of a run again, and those behind them; with the same parameters."""
        with _faults(f"repair run {run}"):
            found = self._client.jobs.get_run(run, include_history=True)
            repairs = [one.id for one in found.repair_history or [] if one.id is not None]
            self._client.jobs.repair_run(
                run,
                rerun_all_failed_tasks=True,
                latest_repair_id=repairs[-1] if repairs else None,
            )
        return self._follow(run, watch, timeout)

    def status(self, run: int) -> JobRun:
        """A run as it is now, with the reason of each task that failed."""
        with _faults(f"run {run}"):
            found = self._client.jobs.get_run(run)
            return _job_run(found, self._reason)

    def latest(self, job: str) -> JobRun:
        """The newest run of a job.

        Raises:
            WorkspaceError: it never ran.
        """
        number = self._job(job)
        with _faults(f"runs of job '{job}'"):
            newest = next(iter(self._client.jobs.list_runs(job_id=number, limit=1)), None)
        if newest is None:
            raise WorkspaceError(f"job '{job}' never ran: start it with `stockade jobs run {job}`")
        return self.status(_given(newest.run_id))

    def lineage(self, table: str) -> Lineage:
        """What Unity Catalog saw a table being read and written with."""
        query = {"table_name": table, "include_entity_lineage": True}
        with _faults(f"lineage of table '{table}'"):
            found: Any = self._client.api_client.do("GET", _LINEAGE, query=query)
        sides = {side: found.get(side, []) for side in ("upstreams", "downstreams")}
        runs = {
            (str(info["job_id"]), str(info["job_run_id"]))
            for entries in sides.values()
            for entry in entries
            for info in entry.get("jobInfos", [])
            if "job_run_id" in info
        }
        return Lineage(
            table=table,
            upstream=_tables(sides["upstreams"]),
            downstream=_tables(sides["downstreams"]),
            job_runs=tuple(sorted(runs)),
        )

    def tag(self, kind: str, name: str, tags: Mapping[str, str]) -> None:
        """Set Unity Catalog tags, the rest stays; `kind` is `tables`, `schemas` or `columns`."""
        from databricks.sdk.errors import AlreadyExists, ResourceAlreadyExists, ResourceConflict
        from databricks.sdk.service.catalog import EntityTagAssignment

        assignments = self._client.entity_tag_assignments
        for key, value in tags.items():
            wanted = EntityTagAssignment(
                entity_type=kind, entity_name=name, tag_key=key, tag_value=value
            )
            with _faults(f"tag '{key}' of '{name}'"):
                try:
                    assignments.create(wanted)
                except (AlreadyExists, ResourceAlreadyExists, ResourceConflict):
                    assignments.update(kind, name, key, wanted, update_mask="tag_value")

    def grant(self, kind: Securable, name: str, principal: str, privileges: Sequence[str]) -> None:
        """Add privileges on a table, schema, volume, or model (whose kind is `function`)."""
        from databricks.sdk.service.catalog import PermissionsChange, Privilege

        try:
            added = [Privilege(one) for one in privileges]
        except ValueError:
            known = [one.value for one in Privilege]
            wrong = next(one for one in privileges if one not in known)
            raise UnknownNameError(f"no privilege '{wrong}': {hint(wrong, known)}") from None
        with _faults(f"grant on {kind} '{name}'"):
            self._client.grants.update(
                kind, name, changes=[PermissionsChange(principal=principal, add=added)]
            )

    def link(
        self, run: JobRun, *, tables: Sequence[str] = (), model: tuple[str, int] | None = None
    ) -> None:
        """Make a run findable from what it wrote.

        Tables get the tags `stockade_job` and `stockade_run`; a model's version gets a comment that
        names job, run and page.
        """
        for table in tables:
            self.tag("tables", table, {"stockade_job": run.job, "stockade_run": str(run.id)})
        if model is not None:
            name, version = model
            comment = f"made by run {run.id} of job '{run.job}': {run.url}"
            with _faults(f"version {version} of model '{name}'"):
                self._client.model_versions.update(name, version, comment=comment)

    def _follow(self, run: int, watch: Watcher | None, timeout: float) -> JobRun:
        until = time.monotonic() + timeout
        wait = 1.0
        while True:
            with _faults(f"run {run}"):
                found = _job_run(self._client.jobs.get_run(run))
            if watch is not None:
                watch(found)
            if found.ended:
                return found if found.succeeded else self.status(run)
            if time.monotonic() >= until:
                raise WorkspaceError(
                    f"run {run} of job '{found.job}' has not ended after {timeout:g} seconds and "
                    f"goes on: look again with `stockade jobs status {run}`"
                )
            self._pause(wait)
            wait = min(wait * 1.5, 15.0)

    def _job(self, given: str) -> int:
        if given.isdigit():
            return int(given)
        wanted = (given, _PREFIX + given)
        with _faults("list of jobs"):
            found = {
                _given(job.job_id): (job.settings.name or "") if job.settings else ""
                for job in self._client.jobs.list()
            }
        exact = [number for number, name in found.items() if name in wanted]
        mine = exact or [n for n, name in found.items() if name.rpartition("] ")[2] in wanted]
        if len(mine) == 1:
            return mine[0]
        if mine:
            numbers = ", ".join(f"{number} '{found[number]}'" for number in mine)
            raise WorkspaceError(f"{len(mine)} jobs are called '{given}': give a number: {numbers}")
        bare = {name.rpartition("] ")[2].removeprefix(_PREFIX) for name in found.values()}
        raise UnknownNameError(
            f"no job is called '{given}', or none that you may see: {hint(given, bare)}"
        )

    def _reason(self, task: int) -> str:
        output = self._client.jobs.get_run_output(task)
        return output.error or ""


def _connect() -> "WorkspaceClient":
    from databricks.sdk import WorkspaceClient

    try:
        return WorkspaceClient(product="stockade")
    except ValueError as fault:
        # The SDK's own text lists what it tried, over many lines.
        raise WorkspaceError(f"no way into a Databricks workspace: {_LOGIN}") from fault


def _job_run(found: "Run", reason: Callable[[int], str] | None = None) -> JobRun:
    tasks: dict[str, TaskRun] = {}
    for task in found.tasks or []:
        state = _state(task.state)
        message = ""
        if reason is not None and state in ("FAILED", "TIMEDOUT") and task.run_id is not None:
            message = reason(task.run_id)
        # A task that was repaired is listed once for each attempt, the newest last.
        tasks[task.task_key] = TaskRun(key=task.task_key, state=state, message=message)
    parameters = {one.name or "": one.value or one.default or "" for one in _parameters(found)}
    return JobRun(
        id=_given(found.run_id),
        job=found.run_name or "",
        state=_state(found.state),
        ended=_life(found.state) in _ENDED,
        url=found.run_page_url or "",
        parameters=parameters,
        tasks=tuple(tasks.values()),
    )


def _parameters(found: "Run") -> "Sequence[JobParameter]":
    return found.job_parameters or []


def _state(state: "RunState | None") -> str:
    if state is None:
        return "PENDING"
    return state.result_state.value if state.result_state else _life(state)


def _life(state: "RunState | None") -> str:
    life = None if state is None else state.life_cycle_state
    return life.value if life else "PENDING"


def _tables(entries: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    infos = [entry["tableInfo"] for entry in entries if "tableInfo" in entry]
    parts = ("catalog_name", "schema_name", "name")
    return tuple(sorted({".".join(str(info.get(part, "?")) for part in parts) for info in infos}))


def _given(number: int | None) -> int:
    if number is None:
        raise WorkspaceError("the workspace's answer lacks a number that it always has")
    return number


@contextmanager
def _faults(what: str) -> Generator[None]:
    """Say what the workspace refused in the words of who asked."""
    import requests
    from databricks.sdk import errors
    from databricks.sdk.errors.base import DatabricksError

    try:
        yield
    except errors.Unauthenticated as fault:
        raise WorkspaceError(f"{what}: the login is missing or expired: {_LOGIN}") from fault
    except errors.PermissionDenied as fault:
        raise WorkspaceError(
            f"{what}: permission denied: ask its owner for the right to do so "
            f"(the workspace says: {_line(fault)})"
        ) from fault
    except errors.NotFound as fault:
        said = _line(fault)
        remedy = "is it deployed to this workspace, and may you see it?"
        if "atalog" in said:
            remedy = "create the catalog, or name another with the bundle's variable 'catalog'"
        raise WorkspaceError(f"{what}: not found ({said}): {remedy}") from fault
    except errors.TooManyRequests as fault:
        raise WorkspaceError(f"{what}: too many requests: try again in a minute") from fault
    except TimeoutError as fault:
        limited = isinstance(fault.__cause__, errors.TooManyRequests)
        why = "too many requests" if limited else "no answer in time"
        raise WorkspaceError(f"{what}: {why}: try again in a minute") from fault
    except DatabricksError as fault:
        raise WorkspaceError(f"{what}: {_line(fault)}") from fault
    except requests.exceptions.RequestException as fault:
        kind = type(fault).__name__
        raise WorkspaceError(f"{what}: the workspace cannot be reached ({kind})") from fault
    except ValueError as fault:
        # The SDK asks for a token late, and says so with this.
        if "auth" not in str(fault):
            raise
        raise WorkspaceError(f"{what}: the login is missing or expired: {_LOGIN}") from fault


def _line(fault: Exception) -> str:
    lines = str(fault).strip().splitlines()
    return lines[0][:300].rstrip(".") if lines else type(fault).__name__
