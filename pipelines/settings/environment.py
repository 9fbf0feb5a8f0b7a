"""The only place that reads and sets environment variables."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from pipelines.settings.layers import NESTING, PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

# LightGBM's threads spin while they wait for each other: on a machine that is busy with anything else, a fit then takes
# many times as long. So few spins cost an idle machine nothing; no spins at all would double the time of a fit.
# OpenMP reads the variable when it is loaded.
THREAD_DEFAULTS: Final = {"GOMP_SPINCOUNT": "3000"}


PREFECT_API_URL: Final = "PREFECT_API_URL"


def environment() -> Mapping[str, str]:
    """Return every environment variable."""
    return os.environ


def variable(name: str) -> str:
    """Return an environment variable that belongs to another program; empty if it is not set."""
    return os.environ.get(name, "")


def override_names() -> tuple[str, ...]:
    """Return the names of the environment variables that override settings, sorted."""
    return tuple(sorted(name for name in os.environ if name.startswith(PREFIX) and NESTING in name))


def set_default_variables(defaults: Mapping[str, str]) -> None:
    """Set environment variables for libraries that have no other configuration, unless the user has set them."""
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
