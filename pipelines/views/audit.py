"""How an audit looks on a terminal: what was found first, each with its figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from models.audit.finding import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from pipelines.analysis.audit import AuditReport

STYLES: Final = {
    Severity.FOUND: "bold red",
    Severity.SUSPICIOUS: "yellow",
    Severity.INCONCLUSIVE: "dim",
    Severity.CLEAR: "green",
}


def show_audit(report: AuditReport, console: Console) -> None:
    """Show every finding, the worst first."""
    console.print(
        f"{report.fleet}: forecasts from {report.test_start:%Y-%m-%d} to {report.test_end:%Y-%m-%d} in question, "
        f"{len(report.findings)} tests in {report.seconds:.0f} s",
        soft_wrap=True,
        highlight=False,
        end="\n\n",
    )
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for verdict, style in STYLES.items():
        for finding in _joined(report.findings, verdict):
            table.add_row(Text(verdict.value, style), in_words(finding))
    console.print(table)
    console.print(Text(summary(report)), soft_wrap=True)


def _joined(findings: Sequence[Finding], verdict: Severity) -> Iterator[Finding]:
    """Give the findings of a verdict; those that could not be told for one reason as one."""
    own = [finding for finding in findings if finding.verdict is verdict]
    if verdict is not Severity.INCONCLUSIVE:
        yield from own
        return
    for reason in dict.fromkeys(finding.figure for finding in own):
        names = (finding.name for finding in own if finding.figure == reason)
        yield Finding(", ".join(names), verdict, reason)


def in_words(finding: Finding) -> Text:
    """Write a finding: its name, its figure, its examples and how to mend it."""
    told = Text(finding.name, "bold")
    told.append(f"\n{finding.figure}", "default")
    for example in finding.examples:
        told.append(f"\n  {example}", "default")
    if finding.mend:
        told.append(f"\n→ {finding.mend}", "default")
    return told


def summary(report: AuditReport) -> str:
    """Count the verdicts."""
    counts = ", ".join(f"{len(report.named(verdict))} {verdict.value}" for verdict in STYLES if report.named(verdict))
    return f"{counts}."
