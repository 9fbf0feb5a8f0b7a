"""The machine and the versions that a benchmark ran on, since a time means nothing without them."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Final

from tests.benchmarks.tables import table

PACKAGES: Final = ("nodeward", "numpy", "pandas", "polars", "scikit-learn", "lightgbm")
LEARNERS: Final = ("xgboost-cpu", "catboost", "lifelines")
GIBIBYTE: Final = 2.0**30


def machine_table() -> str:
    """Return the machine, its load and the versions as a table."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIBIBYTE
    rows = [
        ("processor", f"{_processor()}, {len(os.sched_getaffinity(0))} cores for this process"),
        ("memory", f"{memory:.0f} GiB"),
        ("system", f"{platform.system()} {platform.release()}, {platform.machine()}"),
        ("Python", platform.python_version()),
        *((name, _version(name)) for name in (*PACKAGES, *LEARNERS)),
        ("begun", f"{datetime.now(tz=UTC):%Y-%m-%d %H:%M} UTC, with a load of {os.getloadavg()[0]:.1f}"),
    ]
    return table(("what", "which"), rows)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    """Return the processor's name, on Linux from /proc."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
