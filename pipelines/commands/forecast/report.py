"""`nodeward report`: writes the HTML report."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from data.disk.atomic_write import check_output_file
from pipelines.commands.dataclass_options import flattened
from pipelines.commands.options import Shared
from pipelines.commands.times import DATES, utc

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.report.build import ReportSummary

Page = Annotated[Path, typer.Argument(metavar="FILE.html", help="The page to write.")]
Start = Annotated[
    datetime | None,
    typer.Option(
        "--test-start",
        formats=DATES,
        metavar="DATE",
        help="Evaluate from then on (UTC); default: report.days before the records' end.",
    ),
]


@flattened
def report(shared: Shared, page: Page, test_start: Start = None) -> None:
    """Replay the last part of the state's records, and show it with the newest scores on one HTML page."""
    invocation = shared.invoke()
    check_output_file(page, "FILE.html")
    from pipelines.operations.report import report as operation

    invocation.present(invocation.run(operation, utc(test_start), str(page)), _show)


def _show(summary: ReportSummary, console: Console) -> None:
    """Print the top of the page, and where the page is."""
    from rich.text import Text

    simulated = " (simulated)" if summary.is_simulated else ""
    console.print(Text(f"{summary.fleet}{simulated}: {summary.headline}", "bold"), soft_wrap=True)
    for line in summary.story:
        console.print(Text(line), soft_wrap=True)
    for line in summary.warnings:
        console.print(Text(f"warning: {line}", "yellow"), soft_wrap=True)
    console.print(Text(f"report: {summary.path}"), soft_wrap=True)
