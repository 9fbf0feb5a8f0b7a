"""How results look on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from pipelines.evidence import CAUGHT_SHARE, FEWEST_FOR_AN_INTERVAL
from pipelines.report import INGEST_COLUMNS, ingest_remarks, ingest_rows

if TYPE_CHECKING:
    from rich.console import Console

    from data.ingest import IngestReport
    from pipelines.check import CheckReport
    from pipelines.evidence import Evidence


def show_check(report: CheckReport, console: Console) -> None:
    """Show what works, and what the records can prove."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for finding in report.findings:
        mark = Text("✗", "red") if finding.error else Text("✓", "green")
        table.add_row(mark, finding.what, Text(finding.detail, overflow="fold"))
    console.print(table)
    if report.evidence:
        console.print(Text(evidence_in_words(report.evidence)), soft_wrap=True)


def show_ingest(report: IngestReport, console: Console) -> None:
    """Show what became of each table's rows."""
    table = Table(*INGEST_COLUMNS, box=None, header_style="bold", padding=(0, 2, 0, 0))
    for column in table.columns[1:]:
        column.justify = "right"
    for row in ingest_rows(report):
        table.add_row(*row)
    console.print(table)
    for remark in ingest_remarks(report):
        console.print(Text(remark), soft_wrap=True)


def evidence_in_words(found: Evidence) -> str:
    """Say what the failures allow, with the numbers behind it."""
    enough = (
        "enough to train on"
        if found.is_enough_to_train
        else f"fewer than model.min_failures = {found.failures_needed}: low support, history and pooled rates only"
    )
    span = f"{found.start:%Y-%m-%d} to {found.end:%Y-%m-%d}"
    first = f"{found.failures} failures of {found.nodes} nodes, {span}: {enough}."
    late = f"A backtest on the last quarter would be judged on {found.failures_in_last_quarter} failures: "
    if found.half_width is None:
        return f"{first}\n{late}too few for an interval (under {FEWEST_FOR_AN_INTERVAL})."
    width = f"a caught share of {CAUGHT_SHARE:.2f} would be known to ±{found.half_width:.3f} (95%, Wilson's interval)."
    return f"{first}\n{late}{width}"
