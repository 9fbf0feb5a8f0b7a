"""Writes a folder on which the other commands can run: a simulated fleet's records, and settings that describe them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import polars as pl

from data.disk.atomic_write import atomic_file
from data.durations import format_duration
from data.errors import SettingsError
from data.schema import Metric, MetricKind
from data.simulator.signals.gauges import METRICS
from data.simulator.writer import write_fleet
from pipelines.output.progress import progress_bars
from serving.formats import pluralize

if TYPE_CHECKING:
    from datetime import datetime

    from data.simulator.history.plan import SimulationPlan

CONFIG: Final = "nodeward.toml"
FLEET: Final = "simulated fleet"
STATE: Final = "var"
TRAINED_SHARE: Final = 2 / 3  # of the records, in the backtest that is suggested


@dataclass(frozen=True, slots=True)
class SimulateReport:
    """What was written, and a time to try a backtest from."""

    fleet: str
    folder: Path
    config: Path
    start: datetime
    end: datetime
    rows: dict[str, int]
    failures: int
    test_start: datetime


def simulate(plan: SimulationPlan, folder: Path, *, force: bool = False) -> SimulateReport:
    """Simulate a fleet into a folder; a run that breaks off leaves the folder as it was.

    Raises:
        SettingsError: if the folder can't be made, or it is not empty and `force` is not set.
        DiskFullError: if the disk is full.
    """
    _prepare_folder(folder, force=force)
    with TemporaryDirectory(dir=folder, prefix=".simulating-") as work, progress_bars() as advance:
        rows = write_fleet(plan, Path(work), progress=lambda done: advance("nodes", done, plan.nodes))
        for file in sorted(Path(work).iterdir()):
            file.replace(folder / file.name)
    with atomic_file(folder / CONFIG) as part:
        part.write_text(settings_text(plan, folder), encoding="utf-8")
    failures = pl.scan_parquet(folder / "events.parquet").filter(pl.col("kind") == "failure").select(pl.len())
    test_start = plan.start + timedelta(days=round(plan.days * TRAINED_SHARE))
    return SimulateReport(
        FLEET, folder, folder / CONFIG, plan.start, plan.end, rows, int(failures.collect().item()), test_start
    )


def settings_text(plan: SimulationPlan, folder: Path) -> str:
    """Return the settings file of a simulated fleet: what differs from the defaults, and why."""
    return f"""\
# A simulated fleet: `nodeward simulate` wrote it, and none of it happened.
# {_size(plan)}, a sample every {format_duration(plan.interval)}, seed {plan.seed}.
# What is left out here keeps its default; `nodeward init` writes a file with every key.

[fleet]
name = {_quoted(FLEET)}

[source]
path = {_quoted(folder.absolute())}

[state]
path = {_quoted(folder.absolute() / STATE)}

[clock]
now = "data"                      # the records have ended: now is the newest time that they hold

[buckets]
width = "1d"

[forecast]
horizons = ["1d", "3d", "7d"]
every = "1d"
coverage_metric = "samples"       # readings behind each sample: a node without them is not seen
coverage_share = 0.9

[model]
min_child = 20                    # rows in a leaf: a small fleet has few failures of each cause

[metrics.columns]
{chr(10).join(_column(metric) for metric in METRICS)}
"""


def _size(plan: SimulationPlan) -> str:
    return f"{pluralize(plan.nodes, 'node')}, {pluralize(plan.days, 'day')} from {plan.start:%Y-%m-%d}"


def _column(metric: Metric) -> str:
    kind = "" if metric.kind is MetricKind.GAUGE else f"kind = {_quoted(metric.kind.value)}, "
    label = f", label = {_quoted(metric.label)}" if metric.label else ""
    idle = "" if metric.idle_below is None else f", idle_below = {metric.idle_below:g}"
    return f"{metric.name} = {{ {kind}unit = {_quoted(metric.unit)}{label}{idle} }}"


def _quoted(text: object) -> str:
    """Quote a string for TOML, whose basic strings are those of JSON."""
    return json.dumps(str(text), ensure_ascii=False)


def _prepare_folder(folder: Path, *, force: bool) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, FileNotFoundError, NotADirectoryError, PermissionError) as fault:
        raise SettingsError(
            f"{folder}: is no folder, and can't be made one ({fault.strerror})", fix="name another folder"
        ) from fault
    if any(folder.iterdir()) and not force:
        raise SettingsError(
            f"{folder}: is not empty",
            fix="name a new folder, or empty this one; `nodeward simulate --force` replaces the records in it",
        )
