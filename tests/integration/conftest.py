"""Servers that several integration tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.postgresql import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.postgresql import Server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    with serving() as server:
        yield server
