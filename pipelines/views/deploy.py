"""How deployments look on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.flows.deploy import DeployReport


def show_deploy(report: DeployReport, console: Console) -> None:
    """Show what was registered, and the command that starts a worker for it."""
    table = Table("deployment", "schedule (UTC)", "", box=None, header_style="bold", padding=(0, 2, 0, 0))
    for one in report.deployments:
        table.add_row(Text(one.name), one.cron or "not scheduled", "paused" if one.is_paused else "")
    console.print(table)
    lines = (
        f"runs read {report.config} and work in {report.folder}",
        *(f"warning: {notice}" for notice in report.notices),
        f"a worker runs them, with Nodeward installed beside it: prefect worker start --pool '{report.pool}'",
    )
    for line in lines:
        console.print(Text(line), soft_wrap=True)


def show_removed(names: tuple[str, ...], console: Console) -> None:
    """Show what was taken away."""
    told = f"removed {', '.join(names)}" if names else "nothing to remove"
    console.print(Text(told), soft_wrap=True)
