"""A workspace over HTTP, through the SDK's real client: runs, repairs, and what goes wrong."""

import json
from collections.abc import Iterator

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config
from typer.testing import CliRunner

from stockade.cli import frame
from stockade.errors import UnknownNameError
from stockade.workspace import JobRun, Workspace, WorkspaceError
from tests.workspace.server import EXPIRED, LIMITED, FakeWorkspace, denied, serving

TASKS = ("build_training_set", "audit", "train", "promote")


@pytest.fixture
def there() -> Iterator[FakeWorkspace]:
    found = FakeWorkspace()
    found.deploy("stockade-train", *TASKS, parameters={"model": "", "as_of": "2026-03-01"})
    found.deploy("[dev ann] stockade-score", "score")
    with serving(found):
        yield found


def client_of(host: str) -> WorkspaceClient:
    login = {"token": "t", "auth_type": "pat"}
    return WorkspaceClient(config=Config(host=host, retry_timeout_seconds=2, **login))


@pytest.fixture
def workspace(there: FakeWorkspace) -> Workspace:
    return Workspace(client_of(there.host), pause=lambda _seconds: None)


def test_a_run_is_followed_to_its_end(workspace: Workspace) -> None:
    seen: list[JobRun] = []

    found = workspace.run("train", parameters={"model": "ach_return"}, watch=seen.append)

    assert found.succeeded
    assert [task.key for task in found.tasks] == list(TASKS)
    assert found.parameters == {"model": "ach_return", "as_of": "2026-03-01"}
    assert [one.done for one in seen] == [0, 0, 4]


def test_a_job_is_found_by_its_name_in_development_and_by_its_number(workspace: Workspace) -> None:
    assert workspace.run("stockade-score").job == "[dev ann] stockade-score"
    assert workspace.run("101").job == "[dev ann] stockade-score"
    with pytest.raises(UnknownNameError, match=r"no job is called 'trian'.*did you mean 'train'"):
        workspace.run("trian")


def test_jobs_of_one_name_are_told_apart_by_number(
    there: FakeWorkspace, workspace: Workspace
) -> None:
    there.deploy("[dev bob] stockade-score", "score")

    with pytest.raises(WorkspaceError, match="2 jobs are called 'score': give a number: 101"):
        workspace.run("score")


def test_a_failed_run_says_why_and_its_repair_redoes_what_failed(
    there: FakeWorkspace, workspace: Workspace
) -> None:
    there.failing = {"audit"}
    failed = workspace.run("train")
    again = workspace.repair(failed.id)  # its cause is still there
    there.failing = set()
    mended = workspace.repair(failed.id)

    assert (failed.state, again.state, mended.state) == ("FAILED", "FAILED", "SUCCESS")
    assert {task.key: task.state for task in failed.tasks} == {
        "build_training_set": "SUCCESS", "audit": "FAILED",
        "train": "UPSTREAM_FAILED", "promote": "UPSTREAM_FAILED",
    }  # fmt: skip
    assert failed.tasks[1].message == "error: task 1 found its table missing"
    assert mended.id == failed.id
    assert mended.parameters == failed.parameters


def test_looking_on_ends_and_the_run_goes_on(there: FakeWorkspace, workspace: Workspace) -> None:
    there.endless = True

    with pytest.raises(WorkspaceError, match="has not ended after 0 seconds and goes on: look"):
        workspace.run("train", timeout=0)


def test_the_newest_run_of_a_job(workspace: Workspace) -> None:
    with pytest.raises(WorkspaceError, match="job 'train' never ran: start it with"):
        workspace.latest("train")
    workspace.run("train")
    second = workspace.run("train", parameters={"model": "two"})

    assert workspace.latest("train").id == second.id


def test_metadata_is_deployed_and_deployed_again(
    there: FakeWorkspace, workspace: Workspace
) -> None:
    for fingerprint in ("aa", "bb"):
        tags = {"owner": "risk", "fingerprint": fingerprint}
        workspace.tag("tables", "prod.ts.account_logins", tags)
    workspace.grant("function", "prod.ts.ach_return", "analysts", ["EXECUTE"])
    run = workspace.run("train")
    workspace.link(run, tables=["prod.ts.account_logins"], model=("prod.ts.ach_return", 3))

    tags = {key: value for (_, _, key), value in there.tags.items()}
    assert tags == {
        "owner": "risk", "fingerprint": "bb",
        "stockade_job": "stockade-train", "stockade_run": str(run.id),
    }  # fmt: skip
    assert there.grants == {"function/prod.ts.ach_return": {"analysts": ["EXECUTE"]}}
    assert run.url in there.comments["prod.ts.ach_return/3"]
    with pytest.raises(UnknownNameError, match="no privilege 'SELEC': did you mean 'SELECT'"):
        workspace.grant("table", "prod.ts.account_logins", "analysts", ["SELEC"])


def test_lineage_names_tables_and_runs(there: FakeWorkspace, workspace: Workspace) -> None:
    table = {"catalog_name": "prod", "schema_name": "bronze", "name": "logins"}
    entry = {"tableInfo": table, "jobInfos": [{"job_id": 100, "job_run_id": 1000}]}
    there.lineage["prod.ts.account_logins"] = {"upstreams": [entry, {"fileInfo": {}}]}

    found = workspace.lineage("prod.ts.account_logins")

    assert (found.upstream, found.downstream) == (("prod.bronze.logins",), ())
    assert found.job_runs == (("100", "1000"),)


def test_a_missing_catalog_is_named_with_its_remedy(workspace: Workspace) -> None:
    with pytest.raises(WorkspaceError, match=r"Catalog 'prd' does not exist.*variable 'catalog'"):
        workspace.lineage("prd.ts.account_logins")


def test_a_missing_permission_is_said(there: FakeWorkspace, workspace: Workspace) -> None:
    there.faults["/api/2.2/jobs/run-now"] = [denied("User ann does not have Manage Run.")]

    with pytest.raises(WorkspaceError, match="run job 'train': permission denied: ask its owner"):
        workspace.run("train")
    assert there.runs == {}


def test_a_run_that_is_gone_is_said(workspace: Workspace) -> None:
    with pytest.raises(WorkspaceError, match="run 5: not found"):
        workspace.status(5)


def test_an_expired_login_is_said(there: FakeWorkspace, workspace: Workspace) -> None:
    there.faults["/api/2.2/jobs/list"] = [EXPIRED]

    with pytest.raises(WorkspaceError, match="login is missing or expired: log in with `databr"):
        workspace.run("train")


def test_a_rate_limit_is_waited_out(there: FakeWorkspace, workspace: Workspace) -> None:
    there.faults["/api/2.2/jobs/list"] = [LIMITED]

    assert workspace.run("train").succeeded
    assert there.seen.count("GET /api/2.2/jobs/list") == 2


@pytest.mark.slow
def test_a_rate_limit_that_stays_is_said(there: FakeWorkspace, workspace: Workspace) -> None:
    there.faults["/api/2.2/jobs/list"] = [LIMITED] * 9

    with pytest.raises(WorkspaceError, match="too many requests: try again in a minute"):
        workspace.run("train")


@pytest.mark.slow
def test_a_workspace_that_does_not_answer_is_said() -> None:

    with pytest.raises(WorkspaceError, match=r"the workspace cannot be reached|no answer in time"):
        Workspace(client_of("http://127.0.0.1:9")).latest("100")


def test_without_a_login_one_is_told_how_to_log_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABRICKS_HOST", "DATABRICKS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", "/nowhere")

    with pytest.raises(WorkspaceError, match="no way into a Databricks workspace: log in with"):
        Workspace()


@pytest.mark.slow
def test_the_command_runs_looks_and_repairs(
    there: FakeWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", there.host)
    monkeypatch.setenv("DATABRICKS_TOKEN", "t")
    monkeypatch.setattr("time.sleep", lambda _seconds: None)

    def command(*arguments: str) -> tuple[int, str]:
        found = CliRunner().invoke(frame.app, ["-d", "json", *arguments])
        return found.exit_code, found.stdout

    there.failing = {"train"}
    code, said = command("jobs", "run", "train", "--param", "model=ach_return")
    assert code == 1
    assert "train: error: task 2 found its table missing" in said
    assert "stockade jobs repair 1000" in said
    code, said = command("--json", "jobs", "status", "train")
    assert (code, json.loads(said)["parameters"]["model"]) == (1, "ach_return")
    there.failing = set()
    code, said = command("jobs", "repair", "1000")
    assert code == 0
    assert "run 1000 of 'stockade-train': SUCCESS" in said
