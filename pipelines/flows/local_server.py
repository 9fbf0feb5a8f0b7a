"""Runs flows under Prefect: on the server that PREFECT_API_URL names, or else on one inside this process.

Prefect's own temporary server is a second process that imports everything anew, 8 s before a flow
begins; the same application on a thread of this process is up in 3 s.
"""

from __future__ import annotations

import socket
import tempfile
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import httpx

from data.disk.disk_full import is_full
from data.errors import DiskFullError, InfrastructureError, SettingsError, UnreachableError
from data.redaction import redact
from pipelines.settings.environment import bypass_proxy, set_default_variables
from pipelines.wiring.reachability import require_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import uvicorn

LOOPBACK: Final = "127.0.0.1"
QUIET: Final = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",  # a failed step's error is stored: not as a pickle
}
_SERVER: Final = "the Prefect server (PREFECT_API_URL)"
_STOP_SECONDS: Final = 10.0
_PAUSE_SECONDS: Final = 0.02
_LEAST_FREE_BYTES: Final = 1 << 23  # an empty database and its journal
_NO_API: Final = "Failed to reach API"  # how Prefect's client begins to say that a server is none of Prefect's


@contextmanager
def running(state: Path, *, verbose: bool) -> Iterator[None]:
    """Have flows that are called inside the block recorded by a Prefect server.

    Raises:
        UnreachableError: if the server that PREFECT_API_URL names does not answer.
        InfrastructureError: if none is named and the local one does not start.
    """
    _prepare(state / "prefect", verbose=verbose)
    from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings  # noqa: PLC0415 - reads the variables just set

    if address := PREFECT_API_URL.value():
        with _reaching(address):
            yield
        return
    with (
        _naming(lambda _: _why_not(state / "prefect")),
        _local_server(state / "prefect", verbose=verbose) as local,
        # no beat: nothing outlives this process to miss it, and its thread would hold each flow's end for 1 s
        temporary_settings({PREFECT_API_URL: local, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
    ):
        yield


@contextmanager
def on_server(state: Path, *, verbose: bool) -> Iterator[str]:
    """Have the block talk to the Prefect server that PREFECT_API_URL names, and give its address.

    Raises:
        SettingsError: if none is named.
        UnreachableError: if it does not answer.
    """
    _prepare(state / "prefect", verbose=verbose)
    from prefect.settings import PREFECT_API_URL  # noqa: PLC0415 - reads the variables just set

    address = PREFECT_API_URL.value()
    if not address:
        raise SettingsError(
            "PREFECT_API_URL is not set: schedules need a Prefect server that stays up",
            fix="start one (`prefect server start`), and set PREFECT_API_URL=http://HOST:4200/api",
        )
    with _reaching(address):
        yield address


@contextmanager
def _reaching(address: str) -> Iterator[None]:
    """Name what goes wrong with a server that is not this process's own."""
    require_answer(_SERVER, address)
    try:
        with _naming(lambda why: _refused(address, why)):
            yield
    except httpx.TransportError as fault:
        raise UnreachableError(_SERVER, redact(address), str(fault) or type(fault).__name__) from fault


def _prepare(home: Path, *, verbose: bool) -> None:
    """Set what Prefect reads when it is imported, where the user has not: its folder, no analytics, few logs."""
    home.mkdir(parents=True, exist_ok=True)
    set_default_variables(
        {
            "PREFECT_HOME": str(home.absolute()),
            "PREFECT_LOGGING_LEVEL": "INFO" if verbose else "CRITICAL",  # errors are told once, at the end
            "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
            **QUIET,
        }
    )


@contextmanager
def _local_server(home: Path, *, verbose: bool) -> Iterator[str]:
    import uvicorn  # noqa: PLC0415 - only when a flow runs
    from prefect.server.api.server import create_app  # noqa: PLC0415 - takes 2 s

    bypass_proxy(LOOPBACK)
    app = create_app(ephemeral=True, ignore_cache=True)  # an app runs once: its lifespan is tied to the thread's loop
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, log_level="error" if verbose else "critical", lifespan="on")
    )
    with socket.socket() as listening:
        listening.bind((LOOPBACK, 0))
        thread = threading.Thread(target=server.run, args=([listening],), name="prefect-server", daemon=True)
        thread.start()
        try:
            _await_start(server, thread, home)
            yield f"http://{LOOPBACK}:{listening.getsockname()[1]}/api"
        finally:
            _send_what_waits()
            server.should_exit = True
            thread.join(_STOP_SECONDS)


def _send_what_waits() -> None:
    """Deliver queued events and logs while there is a server: at exit, Prefect tries each for seconds."""
    from prefect.events.worker import EventsWorker  # noqa: PLC0415 - as the server
    from prefect.logging.handlers import APILogWorker  # noqa: PLC0415 - as the server

    for worker in (APILogWorker, EventsWorker):
        worker.drain_all(timeout=_STOP_SECONDS, at_exit=False)


def _await_start(server: uvicorn.Server, thread: threading.Thread, home: Path) -> None:
    while not server.started:
        if not thread.is_alive():
            raise _why_not(home)
        time.sleep(_PAUSE_SECONDS)


@contextmanager
def _naming(name: Callable[[str], InfrastructureError]) -> Iterator[None]:
    """Give the faults of a Prefect server their name here, and let others pass."""
    try:
        yield
    except httpx.HTTPStatusError as fault:
        raise name(f"answers {fault.response.status_code}") from fault
    except RuntimeError as fault:
        if not str(fault).startswith(_NO_API):
            raise
        raise name("does not speak its API") from fault


def _refused(address: str, why: str) -> InfrastructureError:
    return InfrastructureError(
        f"{_SERVER} at {redact(address)} {why}",
        fix="name the address of its API, such as http://host:4200/api, or look into its log",
    )


def _why_not(home: Path) -> InfrastructureError:
    """Guess why the server did not start or go on, by a trial that quotas meet too; it only logs the reason."""
    try:
        with tempfile.TemporaryFile(dir=home) as probe:
            probe.write(bytes(_LEAST_FREE_BYTES))
    except OSError as fault:
        if is_full(fault):
            return DiskFullError(home, "no space left for Prefect's records")
    return InfrastructureError(
        f"Prefect's records in {home} can't be opened",
        fix="move that folder away, or set PREFECT_API_URL to a server; --verbose shows more",
    )
