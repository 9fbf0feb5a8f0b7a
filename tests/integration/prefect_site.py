"""A fleet's folder with its own Prefect server and process worker, on a free port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ROOT: Final = Path(__file__).parents[2]
HOST: Final = "127.0.0.1"
TIMEOUT: Final = timedelta(seconds=150)
_PAUSE_SECONDS: Final = 0.3
ENDED: Final = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


@dataclass(slots=True)
class PrefectSite:
    """The folder, the port of the server, its database, and the running processes."""

    folder: Path
    port: int
    database: str
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start_server(self) -> None:
        """Start the server and wait until it answers."""
        self._spawn("server", "-m", "prefect", "server", "start", "--host", HOST, "--port", str(self.port))
        wait_until(self._answers, "the Prefect server answers")

    def start_worker(self, pool: str) -> None:
        """Start a worker in another folder than the fleet's."""
        self._spawn("worker", "-m", "prefect", "worker", "start", "--pool", pool, "--limit", "2")

    def kill(self, name: str) -> None:
        """Kill a process and its children: workers ignore other signals."""
        process = self.processes.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def command(self, *arguments: str) -> str:
        """Run a command of Nodeward in the fleet's folder and return its output."""
        done = subprocess.run(  # noqa: S603  - the interpreter that runs this test
            [sys.executable, "-m", "pipelines.main", *arguments],
            cwd=self.folder,
            env=self._variables(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:  # noqa: ANN401  - JSON
        """Post to the server's API."""
        url = f"http://{HOST}:{self.port}/api{path}"
        return httpx.post(url, json=body or {}, trust_env=False, timeout=30).raise_for_status().json()

    def deployments(self) -> dict[str, dict[str, Any]]:
        """Return the deployments by the function of their flow."""
        return {each["entrypoint"].rpartition(".")[2]: each for each in self.post("/deployments/filter")}

    def schedule(self, flow: str, late: timedelta = timedelta(0), **extra: object) -> str:
        """Schedule a run that was due some time ago and return its id."""
        due = (datetime.now(UTC) - late).isoformat()
        state = {"type": "SCHEDULED", "state_details": {"scheduled_time": due}}
        path = f"/deployments/{self.deployments()[flow]['id']}/create_flow_run"
        return str(self.post(path, {"state": state, **extra})["id"])

    def runs(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Return runs in the order of their start times."""
        runs: list[dict[str, Any]] = self.post("/flow_runs/filter", {"flow_runs": {"id": {"any_": list(ids)}}})
        return sorted(runs, key=lambda run: run["expected_start_time"])

    def await_end(self, *ids: str) -> list[dict[str, Any]]:
        """Wait until runs have ended."""
        wait_until(lambda: all(run["state"]["type"] in ENDED for run in self.runs(ids)), f"runs {ids} end")
        return self.runs(ids)

    def await_state(self, run: str, state: str) -> None:
        """Wait until a run is in a state."""
        wait_until(lambda: self.runs([run])[0]["state"]["name"] == state, f"run {run} is {state}")

    def artifact(self, run: dict[str, Any]) -> str:
        """Return the markdown artifacts of a run."""
        query = {"artifacts": {"flow_run_id": {"any_": [run["id"]]}, "type": {"any_": ["markdown"]}}}
        return "\n".join(artifact["data"] for artifact in self.post("/artifacts/filter", query))

    def logs(self) -> str:
        """Return the ends of the logs of server and worker."""
        return "\n".join(f"--- {log.name}\n{log.read_text()[-4000:]}" for log in sorted(self.folder.glob("*.log")))

    def _answers(self) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(f"http://{HOST}:{self.port}/api/health", trust_env=False).is_success
        return False

    def _spawn(self, name: str, *arguments: str) -> None:
        elsewhere = self.folder / "elsewhere"
        elsewhere.mkdir(exist_ok=True)
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(  # noqa: S603  - the interpreter that runs this test
                [sys.executable, *arguments],
                cwd=elsewhere,
                env=self._variables(),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _variables(self) -> dict[str, str]:
        return {
            "PATH": os.defpath,
            "HOME": str(self.folder),
            "PYTHONPATH": str(ROOT),
            "PREFECT_HOME": str(self.folder / "prefect"),
            "PREFECT_API_URL": f"http://{HOST}:{self.port}/api",
            "PREFECT_API_DATABASE_CONNECTION_URL": self.database,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
            "PREFECT_SERVER_SERVICES_LATE_RUNS_AFTER_SECONDS": "600",  # marking one late can race with its start
            "PREFECT_WORKER_QUERY_SECONDS": "2",
            "DO_NOT_TRACK": "1",
            "NO_PROXY": HOST,
        }


@contextmanager
def site(folder: Path, database: str) -> Iterator[PrefectSite]:
    """Run a server on a PostgreSQL database during the block; a failure of the block shows the logs."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        running = PrefectSite(folder, free.getsockname()[1], database.replace("postgresql:", "postgresql+asyncpg:"))
    try:
        running.start_server()
        yield running
    except BaseException as error:
        error.add_note(running.logs())
        raise
    finally:
        for name in list(running.processes):
            running.kill(name)


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition is true."""
    end = time.monotonic() + TIMEOUT.total_seconds()
    while not condition():
        assert time.monotonic() < end, f"waited {TIMEOUT} in vain until {what}"
        time.sleep(_PAUSE_SECONDS)
