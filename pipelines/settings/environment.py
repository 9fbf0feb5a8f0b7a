"""The only place that reads and sets environment variables."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from pipelines.settings.layers import NESTING, PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

# LightGBM's threads spin while they wait for each other: on a machine that does anything else at the time, a fit takes
# many times as long. So few turns cost an idle machine nothing; none would double a fit. Read as OpenMP is loaded.
PATIENT_THREADS: Final = {"GOMP_SPINCOUNT": "3000"}


def environment() -> Mapping[str, str]:
    """Give every environment variable."""
    return os.environ


def variable(name: str) -> str:
    """Read an environment variable of another program's; empty if it is not set."""
    return os.environ.get(name, "")


def variables() -> tuple[str, ...]:
    """Name the environment variables that override settings."""
    return tuple(sorted(name for name in os.environ if name.startswith(PREFIX) and NESTING in name))


def set_default_variables(defaults: Mapping[str, str]) -> None:
    """Set environment variables of libraries that read nothing else, where the user has not set them."""
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


def reach_without_proxy(host: str) -> None:
    """Add a host to those that no proxy stands before."""
    for name in ("no_proxy", "NO_PROXY"):
        hosts = [known for known in os.environ.get(name, "").split(",") if known]
        if host not in hosts:
            os.environ[name] = ",".join([*hosts, host])
