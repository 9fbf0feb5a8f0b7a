from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import httpx
import pytest

from data.errors import InfrastructureError, SettingsError, UnreachableError
from pipelines.flows.server import QUIET, on_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  - its name in the standard library
        """Log nothing."""


@contextmanager
def healthy_server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Healthy) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/api"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with healthy_server() as url:
        monkeypatch.setenv("PREFECT_API_URL", url)
        for name in ("PREFECT_HOME", "PREFECT_LOGGING_LEVEL", *QUIET):
            monkeypatch.setenv(name, "")  # so that monkeypatch restores them at the end
        yield url


def test_the_block_gets_the_address_of_the_server(address: str, tmp_path: Path) -> None:
    with on_server(tmp_path, verbose=False) as yielded:
        assert yielded == address


def test_a_server_that_stops_during_a_flow_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="does not answer: refused"), on_server(tmp_path, verbose=False):
        raise httpx.ConnectError("refused")


def test_a_server_that_answers_but_not_as_prefect_is_named(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="has no Prefect API"), on_server(tmp_path, verbose=False):
        raise RuntimeError("Failed to reach API at http://127.0.0.1")


def test_an_error_that_is_not_the_servers_is_raised_unchanged(tmp_path: Path) -> None:
    with pytest.raises(KeyError), on_server(tmp_path, verbose=False):
        raise KeyError("x")


def test_without_an_address_there_is_no_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PREFECT_API_URL")
    with pytest.raises(SettingsError, match="PREFECT_API_URL is not set"), on_server(tmp_path, verbose=False):
        pass
