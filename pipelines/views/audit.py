"""Prints an audit: the worst findings first, each with its figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from models.audit.finding import Finding, Severity
from serving.formats import date_or_minute

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
    """Print every finding, the worst first."""
    console.print(
        f"{report.fleet}: {len(report.findings)} tests of the forecasts from {date_or_minute(report.test_start)} to "
        f"{date_or_minute(report.test_end)}, in {report.seconds:.0f} s",
        soft_wrap=True,
        highlight=False,
        end="\n\n",
    )
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for verdict, style in STYLES.items():
        for finding in _with_verdict(report.findings, verdict):
            table.add_row(Text(verdict.value, style), _finding_text(finding))
    console.print(table)
    console.print(Text(summary(report)), soft_wrap=True)


def summary(report: AuditReport) -> str:
    """Return the number of findings of each verdict."""
    counts = ", ".join(f"{len(report.named(verdict))} {verdict.value}" for verdict in STYLES if report.named(verdict))
    return f"{counts}."


def _with_verdict(findings: Sequence[Finding], verdict: Severity) -> Iterator[Finding]:
    """Yield the findings of a verdict; inconclusive ones with the same reason as one."""
    selected = [finding for finding in findings if finding.verdict is verdict]
    if verdict is not Severity.INCONCLUSIVE:
        yield from selected
        return
    for reason in dict.fromkeys(finding.figure for finding in selected):
        names = (finding.name for finding in selected if finding.figure == reason)
        yield Finding(", ".join(names), verdict, reason)


def _finding_text(finding: Finding) -> Text:
    """Return a finding's name, its figure, its examples and its remedy."""
    text = Text(finding.name, "bold")
    text.append(f"\n{finding.figure}", "default")
    for example in finding.examples:
        text.append(f"\n  {example}", "default")
    if finding.fix:
        text.append(f"\n→ {finding.fix}", "default")
    return text
