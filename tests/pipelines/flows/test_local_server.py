from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import httpx
import pytest

from data.errors import UnreachableError
from pipelines.flows.local_server import _reaching

if TYPE_CHECKING:
    from collections.abc import Iterator


class Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  - its name in the standard library
        """Log nothing."""


@contextmanager
def a_server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Healthy) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/api"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_a_server_that_goes_away_under_a_flow_is_named() -> None:
    with a_server() as address, pytest.raises(UnreachableError, match="does not answer: refused"), _reaching(address):
        raise httpx.ConnectError("refused")


def test_what_is_no_fault_of_the_servers_passes() -> None:
    with a_server() as address, pytest.raises(KeyError), _reaching(address):
        raise KeyError("x")
