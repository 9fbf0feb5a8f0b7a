"""`nodeward simulate`: simulates a fleet on which the other commands can be tried."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.commands.dataclass_options import flattened
from pipelines.commands.options import Json
from pipelines.commands.times import DATES, in_utc

if TYPE_CHECKING:
    from rich.console import Console

    from data.simulator.history.plan import SimulationPlan
    from pipelines.operations.simulate import SimulateReport

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the records and a nodeward.toml go.")]
Nodes = Annotated[int, typer.Option("--nodes", help="How many nodes, from tens to 100,000 and more.")]
Days = Annotated[int, typer.Option("--days", help="How many days of records.")]
Seed = Annotated[int, typer.Option("--seed", help="The same seed gives the same fleet.")]
Start = Annotated[datetime, typer.Option("--start", formats=DATES, metavar="DATE", help="First day (UTC).")]
Interval = Annotated[str, typer.Option("--interval", metavar="LENGTH", help="Between samples: 10m, 30m, 1h.")]
Force = Annotated[bool, typer.Option("--force", help="Replace the records in a folder that is not empty.")]


@dataclass(frozen=True, slots=True)
class FleetOptions:
    """Which fleet to simulate, and for how long."""

    nodes: Nodes = 400
    days: Days = 180
    seed: Seed = 1
    start: Start = datetime(2025, 1, 1)  # noqa: DTZ001  - read as UTC, like any time that is typed; a constant
    interval: Interval = "1h"

    def plan(self) -> SimulationPlan:
        """Turn the options into a plan."""
        from data.simulator.history.plan import SimulationPlan

        return SimulationPlan(self.nodes, self.days, self.seed, in_utc(self.start), _length(self.interval))


@flattened
def simulate(folder: Folder, fleet: FleetOptions, json: Json = None, *, force: Force = False) -> None:
    """Simulate a fleet: telemetry, failures, jobs and a nodeward.toml to run the other commands with."""
    from rich.console import Console

    from data.disk.atomic_write import STDOUT, check_output_file
    from pipelines.operations.simulate import simulate as simulate_fleet
    from pipelines.output.json_files import write_json

    check_output_file(json, "--json")
    report = simulate_fleet(fleet.plan(), folder, force=force)
    if json is not None:
        write_json(json, report)
    if json != STDOUT:
        _show(report, Console())


def _length(text: str) -> timedelta:
    from data.durations import parse_duration
    from data.errors import SettingsError

    try:
        return parse_duration(text)
    except ValueError as fault:
        raise SettingsError(f"--interval {text}: {fault}", fix="write it as 10m, 30m or 1h") from fault


def _show(report: SimulateReport, console: Console) -> None:
    from serving.formats import pluralize

    rows, span = report.rows, f"{report.start:%Y-%m-%d} to {report.end:%Y-%m-%d}"
    failures, jobs = pluralize(report.failures, "failure"), pluralize(rows["jobs"], "job")
    console.print(
        f"{report.fleet}: {pluralize(rows['nodes'], 'node')}, {span}, {failures}, "
        f"{pluralize(rows['telemetry'], 'row')} of telemetry, {jobs}, all simulated",
        soft_wrap=True,
    )
    console.print(f"next: {_next(report)}", soft_wrap=True, markup=False)


def _next(report: SimulateReport) -> str:
    if not report.failures:
        return "simulate more --nodes or --days: no node failed, so there is nothing to learn from"
    return f"nodeward backtest -c {report.config} --test-start {report.test_start:%Y-%m-%d}"
