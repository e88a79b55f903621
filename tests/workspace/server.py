"""A workspace on this machine: the endpoints that Stockade uses, over HTTP, with a memory."""

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

Answer = tuple[int, dict[str, Any]]


@dataclass
class FakeWorkspace:
    """What the server remembers; a test looks at it, and says what is to go wrong.

    `failing` holds the names of tasks that fail, `faults` answers that come first on a path.
    A run needs two looks to end.
    """

    jobs: dict[int, dict[str, Any]] = field(default_factory=dict)
    runs: dict[int, dict[str, Any]] = field(default_factory=dict)
    tags: dict[tuple[str, str, str], str] = field(default_factory=dict)
    grants: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)
    lineage: dict[str, dict[str, Any]] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    faults: dict[str, list[Answer]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    endless: bool = False
    host: str = ""

    def deploy(self, name: str, *tasks: str, parameters: dict[str, str] | None = None) -> int:
        number = 100 + len(self.jobs)
        self.jobs[number] = {"name": name, "tasks": tasks, "parameters": parameters or {}}
        return number

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Answer:
        self.seen.append(f"{method} {path}")
        for start, answers in self.faults.items():
            if path.startswith(start) and answers:
                return answers.pop(0)
        version, _, rest = path.removeprefix("/api/").partition("/")
        if version not in ("2.0", "2.1", "2.2"):
            return missing("ENDPOINT_NOT_FOUND", path)
        for start, found in (
            ("jobs/", self._jobs),
            ("unity-catalog/", self._catalog),
            ("lineage-tracking/", self._lineage),
        ):
            if rest.startswith(start):
                return found(method, rest.removeprefix(start), query, body)
        return missing("ENDPOINT_NOT_FOUND", path)

    def _jobs(self, _method: str, rest: str, query: dict[str, str], body: Any) -> Answer:
        match rest:
            case "list":
                jobs = [
                    {"job_id": n, "settings": {"name": j["name"]}} for n, j in self.jobs.items()
                ]
                return 200, {"jobs": jobs}
            case "run-now":
                if body["job_id"] not in self.jobs:
                    return missing(
                        "INVALID_PARAMETER_VALUE", f"Job {body['job_id']} does not exist."
                    )
                return 200, {"run_id": self._start(body["job_id"], body.get("job_parameters", {}))}
            case "runs/repair":
                return self._repair(body)
            case "runs/list":
                ids = [n for n, run in self.runs.items() if run["job"] == int(query["job_id"])]
                return 200, {"runs": [{"run_id": n} for n in reversed(ids)]}
            case "runs/get":
                return self._get(int(query["run_id"]))
            case "runs/get-output":
                task = int(query["run_id"]) % 100
                return 200, {"error": f"error: task {task} found its table missing"}
            case _:
                return missing("ENDPOINT_NOT_FOUND", rest)

    def _start(self, job: int, parameters: dict[str, str]) -> int:
        number = 1000 + len(self.runs)
        tasks = {name: "" for name in self.jobs[job]["tasks"]}
        given = {**self.jobs[job]["parameters"], **parameters}
        self.runs[number] = {"job": job, "given": given, "tasks": tasks, "looks": 0, "repairs": []}
        return number

    def _repair(self, body: Any) -> Answer:
        run = self.runs[body["run_id"]]
        newest = run["repairs"][-1] if run["repairs"] else None
        if body.get("latest_repair_id") != newest:
            text = "latest_repair_id must be that of the newest repair"
            return 400, {"error_code": "INVALID_PARAMETER_VALUE", "message": text}
        run["repairs"].append(7 + len(run["repairs"]))
        run["looks"] = 0
        run["tasks"] = {k: "" if v != "SUCCESS" else v for k, v in run["tasks"].items()}
        return 200, {"repair_id": run["repairs"][-1]}

    def _get(self, number: int) -> Answer:
        run = self.runs.get(number)
        if run is None:
            return missing("RESOURCE_DOES_NOT_EXIST", f"Run {number} does not exist.")
        run["looks"] += 1
        ended = run["looks"] > 2 and not self.endless
        if ended:
            failed = False
            for name, state in run["tasks"].items():
                if state == "SUCCESS":
                    continue
                run["tasks"][name] = (
                    "UPSTREAM_FAILED" if failed else "FAILED" if name in self.failing else "SUCCESS"
                )
                failed = failed or name in self.failing
        bad = any(state != "SUCCESS" for state in run["tasks"].values())
        whole: dict[str, Any] = {"life_cycle_state": "TERMINATED" if ended else "RUNNING"}
        if ended:
            whole["result_state"] = "FAILED" if bad else "SUCCESS"
        return 200, {
            "run_id": number,
            "run_name": self.jobs[run["job"]]["name"],
            "run_page_url": f"{self.host}/jobs/{run['job']}/runs/{number}",
            "state": whole,
            "job_parameters": [{"name": k, "value": v} for k, v in run["given"].items()],
            "repair_history": [{"type": "ORIGINAL"}, *({"id": n} for n in run["repairs"])],
            "tasks": [
                {"task_key": name, "run_id": number * 100 + i, "state": _task(state)}
                for i, (name, state) in enumerate(run["tasks"].items())
            ],
        }

    def _catalog(self, method: str, rest: str, _query: dict[str, str], body: Any) -> Answer:
        parts = rest.split("/")
        if parts[0] == "permissions":
            holder = self.grants.setdefault("/".join(parts[1:]), {})
            for change in body["changes"]:
                holder.setdefault(change["principal"], []).extend(change.get("add", []))
            return 200, {}
        if parts[0] == "models":
            self.comments[f"{parts[1]}/{parts[3]}"] = body["comment"]
            return 200, {}
        if parts[0] == "entity-tag-assignments" and method == "POST":
            key = (body["entity_type"], body["entity_name"], body["tag_key"])
            if key in self.tags:
                return 409, {"error_code": "RESOURCE_ALREADY_EXISTS", "message": "exists"}
            self.tags[key] = body["tag_value"]
            return 200, body
        if parts[0] == "entity-tag-assignments":
            self.tags[parts[1], parts[2], parts[4]] = body["tag_value"]
            return 200, body
        return missing("ENDPOINT_NOT_FOUND", rest)

    def _lineage(self, _method: str, _rest: str, query: dict[str, str], _body: Any) -> Answer:
        name = query["table_name"]
        if name not in self.lineage:
            return missing(
                "RESOURCE_DOES_NOT_EXIST", f"Catalog '{name.split('.')[0]}' does not exist."
            )
        return 200, self.lineage[name]


def missing(code: str, text: str) -> Answer:
    return 404, {"error_code": code, "message": text}


def denied(text: str) -> Answer:
    return 403, {"error_code": "PERMISSION_DENIED", "message": text}


LIMITED: Answer = (429, {"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "slow down"})
EXPIRED: Answer = (401, {"error_code": "UNAUTHENTICATED", "message": "token expired"})


def _task(state: str) -> dict[str, str]:
    return {"life_cycle_state": "TERMINATED", "result_state": state} if state else {
        "life_cycle_state": "RUNNING"
    }  # fmt: skip


@contextmanager
def serving(workspace: FakeWorkspace) -> Generator[str]:
    """The workspace at an address of 127.0.0.1, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            split = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            query = dict(parse_qsl(split.query))
            status, found = workspace.answer(self.command, unquote(split.path), query, body)
            data = json.dumps(found).encode()
            self.send_response(status)
            if status == 429:
                self.send_header("Retry-After", "1")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_PUT = _any

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    workspace.host = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield workspace.host
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
