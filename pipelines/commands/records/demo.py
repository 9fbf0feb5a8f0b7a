"""`nodeward demo`: runs every step on a simulated fleet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.dataclass_options import flattened
from pipelines.commands.options import Session, Verbose, prepare

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the fleet, its state and the report go.")]
Nodes = Annotated[int, typer.Option("--nodes", help="How many nodes.")]
Days = Annotated[int, typer.Option("--days", help="How many days of records.")]
Seed = Annotated[int, typer.Option("--seed", help="The same seed gives the same fleet.")]


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """Which fleet to simulate."""

    nodes: Nodes = 300
    days: Days = 365
    seed: Seed = 7


@flattened
def demo(
    ctx: typer.Context, fleet: DemoOptions, folder: Folder = Path("var/demo"), *, verbose: Verbose = False
) -> None:
    """Run every step on a simulated fleet: records, model, scores, a dry-run drain list and a report."""
    from rich.console import Console

    from data.simulator.history.plan import SimulationPlan
    from pipelines.operations.demo import INTERVAL, START, run
    from pipelines.views.demo import announcing, show_demo

    session = ctx.find_object(Session)
    if session is not None:
        session.state = folder
    prepare(verbose=verbose)
    console, plan = Console(), SimulationPlan(fleet.nodes, fleet.days, fleet.seed, START, INTERVAL)
    console.print("Everything here is simulated: no node of this fleet exists.", style="bold")
    show_demo(run(plan, folder, announcing(console)), console)
