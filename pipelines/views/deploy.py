"""Prints deployments that were registered or removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from pipelines.views.tables import print_lines

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.flows.deploy import DeployReport


def show_deploy(report: DeployReport, console: Console) -> None:
    """Print what was registered, and the command that starts a worker for it."""
    table = Table("deployment", "schedule (UTC)", "", box=None, header_style="bold", padding=(0, 2, 0, 0))
    for deployment in report.deployments:
        paused = "paused" if deployment.is_paused else ""
        table.add_row(Text(deployment.name), deployment.cron or "not scheduled", paused)
    console.print(table)
    lines = (
        f"runs read {report.config} and work in {report.folder}",
        *(f"warning: {notice}" for notice in report.notices),
        f"a worker runs them, with Nodeward installed next to it: prefect worker start --pool '{report.pool}'",
    )
    print_lines(console, lines)


def show_removed(names: tuple[str, ...], console: Console) -> None:
    """Print the names of deployments that were removed."""
    print_lines(console, [f"removed {', '.join(names)}" if names else "nothing to remove"])
