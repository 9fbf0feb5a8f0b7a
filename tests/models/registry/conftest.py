from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.models.registry.made_up import made_up_bundle

if TYPE_CHECKING:
    from models.registry.bundle import Bundle


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return made_up_bundle()
