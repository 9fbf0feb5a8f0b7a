"""Keeps numerical libraries to one thread, since tests run side by side, and gives slow machines time."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

# Read when NumPy is loaded: a pool of threads, once there, moves last bits.
os.environ["OPENBLAS_NUM_THREADS"] = "1"  # noqa: TID251  - tests set what a shell would

import lightgbm  # noqa: F401  - its threads can be limited once it is loaded
import pytest
from hypothesis import settings
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

if TYPE_CHECKING:
    from collections.abc import Iterator

settings.register_profile("nodeward", deadline=None)  # a loaded machine is no defect
settings.load_profile("nodeward")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `make endurance` run the longest loops whole."""
    parser.addoption("--endurance", action="store_true", help="run the loops of endurance tests whole")


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    with threadpool_limits(limits=1):
        yield


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that skipped anything: a skipped test hides a gap."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
