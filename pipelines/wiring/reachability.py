"""Checks whether a server answers, without a long wait."""

from __future__ import annotations

from typing import Final

from data.errors import UnreachableError
from data.redaction import redact

_TIMEOUT_SECONDS: Final = 10.0


def require_answer(what: str, address: str) -> None:
    """Request a server's health endpoint.

    Raises:
        UnreachableError: if it does not answer, or answers with an error.
    """
    import httpx  # noqa: PLC0415 - only where a server is configured

    try:
        httpx.get(f"{address.rstrip('/')}/health", timeout=_TIMEOUT_SECONDS).raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UnreachableError(what, redact(address), str(error)) from error
