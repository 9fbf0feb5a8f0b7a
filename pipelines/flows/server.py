"""Connects to the Prefect server that PREFECT_API_URL names, and turns its faults into clear errors."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import httpx

from data.errors import InfrastructureError, SettingsError, UnreachableError
from data.redaction import redact
from pipelines.settings.environment import PREFECT_API_URL, set_default_variables, variable
from pipelines.wiring.reachability import require_answer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUIET: Final = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",  # a failed step's error is stored: not as a pickle
}
_SERVER: Final = "the Prefect server (PREFECT_API_URL)"
_NO_API: Final = "Failed to reach API"  # the start of the error of Prefect's client for a server that is not Prefect's


@contextmanager
def on_server(state: Path, *, verbose: bool) -> Iterator[str]:
    """Let the block use the Prefect server that PREFECT_API_URL names; yield its address.

    Prefect reads its variables when it is imported: import it, and the flows, inside the block.

    Raises:
        SettingsError: if PREFECT_API_URL is not set.
        UnreachableError: if the server does not answer.
    """
    address = variable(PREFECT_API_URL)
    if not address:
        raise SettingsError(
            f"{PREFECT_API_URL} is not set: schedules need a Prefect server that keeps running",
            fix=f"start one (`prefect server start`), and set {PREFECT_API_URL}=http://HOST:4200/api",
        )
    set_defaults(state / "prefect", verbose=verbose)
    require_answer(_SERVER, address)
    try:
        with _naming_faults(address):
            yield address
    except httpx.TransportError as fault:
        raise UnreachableError(_SERVER, redact(address), str(fault) or type(fault).__name__) from fault


def set_defaults(home: Path, *, verbose: bool) -> None:
    """Set variables that Prefect reads when it is imported, unless the user set them: folder, analytics, logs."""
    home.mkdir(parents=True, exist_ok=True)
    set_default_variables(
        {
            "PREFECT_HOME": str(home.absolute()),
            "PREFECT_LOGGING_LEVEL": "INFO" if verbose else "CRITICAL",  # errors are printed once, at the end
            **QUIET,
        }
    )


@contextmanager
def _naming_faults(address: str) -> Iterator[None]:
    """Turn the faults of a Prefect server into InfrastructureError, and raise others unchanged."""
    try:
        yield
    except httpx.HTTPStatusError as fault:
        raise _refused(address, f"answers {fault.response.status_code}") from fault
    except RuntimeError as fault:
        if not str(fault).startswith(_NO_API):
            raise
        raise _refused(address, "has no Prefect API") from fault


def _refused(address: str, why: str) -> InfrastructureError:
    return InfrastructureError(
        f"{_SERVER} at {redact(address)} {why}",
        fix="name the address of its API, such as http://host:4200/api, or read its log",
    )
