"""A fleet's folder with a Prefect server and a process worker of its own, on a port that is free."""

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
LOCK_TIMEOUT: Final = timedelta(seconds=150)
_PAUSE_SECONDS: Final = 0.3
ENDED: Final = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


@dataclass(slots=True)
class Site:
    """Where the server listens, the processes that run, and what they log."""

    folder: Path
    port: int
    database: str
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start_server(self) -> None:
        """Start the server and wait until it answers."""
        self._spawn("server", "-m", "prefect", "server", "start", "--host", HOST, "--port", str(self.port))
        await_truth(self._answers, "the Prefect server answers")

    def start_worker(self, pool: str) -> None:
        """Start a worker in a folder that is not the fleet's."""
        self._spawn("worker", "-m", "prefect", "worker", "start", "--pool", pool, "--limit", "2")

    def kill(self, name: str) -> None:
        """End a process and its children at once: workers do not heed gentler signals."""
        process = self.processes.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def command(self, *arguments: str) -> str:
        """Run one command of Nodeward's in the fleet's folder, and give what it printed."""
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

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:  # noqa: ANN401  - JSON
        """Post to the server's API."""
        url = f"http://{HOST}:{self.port}/api{path}"
        return httpx.post(url, json=body or {}, trust_env=False, timeout=30).raise_for_status().json()

    def deployments(self) -> dict[str, dict[str, Any]]:
        """Find the deployments by the module of their flow."""
        return {one["entrypoint"].split(".")[1]: one for one in self.ask("/deployments/filter")}

    def schedule(self, flow: str, late: timedelta = timedelta(0), **extra: object) -> str:
        """Have the server schedule a run that was due some time ago, and give its id."""
        due = (datetime.now(UTC) - late).isoformat()
        state = {"type": "SCHEDULED", "state_details": {"scheduled_time": due}}
        path = f"/deployments/{self.deployments()[flow]['id']}/create_flow_run"
        return str(self.ask(path, {"state": state, **extra})["id"])

    def runs(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Look runs up."""
        found: list[dict[str, Any]] = self.ask("/flow_runs/filter", {"flow_runs": {"id": {"any_": list(ids)}}})
        return sorted(found, key=lambda run: run["expected_start_time"])

    def await_end(self, *ids: str) -> list[dict[str, Any]]:
        """Wait until runs have ended."""
        await_truth(lambda: all(run["state"]["type"] in ENDED for run in self.runs(ids)), f"runs {ids} end")
        return self.runs(ids)

    def await_state(self, run: str, state: str) -> None:
        """Wait until a run is in a state."""
        await_truth(lambda: self.runs([run])[0]["state"]["name"] == state, f"run {run} is {state}")

    def artifact(self, run: dict[str, Any]) -> str:
        """Read what a run left, beside what its steps gave."""
        wanted = {"artifacts": {"flow_run_id": {"any_": [run["id"]]}, "type": {"any_": ["markdown"]}}}
        return "\n".join(one["data"] for one in self.ask("/artifacts/filter", wanted))

    def logs(self) -> str:
        """Give the end of what server and worker logged."""
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
def site(folder: Path, database: str) -> Iterator[Site]:
    """Have a server on a PostgreSQL database for the block; what runs at its end is killed, logs tell of a failure."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        found = Site(folder, free.getsockname()[1], database.replace("postgresql:", "postgresql+asyncpg:"))
    try:
        found.start_server()
        yield found
    except BaseException as error:
        error.add_note(found.logs())
        raise
    finally:
        for name in list(found.processes):
            found.kill(name)


def await_truth(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds."""
    end = time.monotonic() + LOCK_TIMEOUT.total_seconds()
    while not holds():
        assert time.monotonic() < end, f"waited {LOCK_TIMEOUT} in vain until {what}"
        time.sleep(_PAUSE_SECONDS)
