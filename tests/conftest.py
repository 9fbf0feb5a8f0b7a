"""Keeps numerical libraries to one thread: tests run side by side, and their arrays are small."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lightgbm  # noqa: F401  - its threads can be limited once it is loaded
import pytest
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    with threadpool_limits(limits=1):
        yield
