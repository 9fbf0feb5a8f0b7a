"""How the reports of maintain, backup and restore look, on a terminal and in Prefect's artifacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from pipelines.artifacts import markdown_table

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from data.maintenance.backup import BackupReport
    from data.maintenance.retention import MaintainReport

COLUMNS: Final = ("table", "rows", "files", "size", "old files removed")
KILO: Final = 1000


def show_maintain(report: MaintainReport, console: Console) -> None:
    """Show each table's size before and after."""
    table = Table(*COLUMNS, box=None, header_style="bold", padding=(0, 2, 0, 0))
    for column in table.columns[1:]:
        column.justify = "right"
    for row in _rows(report):
        table.add_row(*row)
    console.print(table)
    for line in _lines(report):
        console.print(Text(line), soft_wrap=True)


def maintain_markdown(report: MaintainReport) -> str:
    """Write an upkeep's report."""
    lines = (f"- {line}" for line in _lines(report))
    return "\n".join(["# Maintain", "", *markdown_table(COLUMNS, _rows(report)), "", *lines])


def show_backup(report: BackupReport, file: Path, console: Console) -> None:
    """Show what an archive holds, and the command that restores it."""
    for line in backup_lines(report):
        console.print(Text(line), soft_wrap=True)
    console.print(
        Text(f"wrote {file} ({size_in_words(file.stat().st_size)}); nodeward restore {file} puts it back"),
        soft_wrap=True,
    )


def show_restore(report: BackupReport, folder: Path, console: Console) -> None:
    """Show what was restored, and where."""
    for line in backup_lines(report):
        console.print(Text(line), soft_wrap=True)
    console.print(Text(f"restored into {folder}"), soft_wrap=True)


def backup_lines(report: BackupReport) -> list[str]:
    """Say what an archive holds."""
    held = {name: told["rows"] for name, told in report.tables.items()} | dict(report.records)
    rows = ", ".join(f"{name} {count:,}" for name, count in held.items())
    return [
        f"{report.fleet}: state of {report.made_at}, {report.files:,} files of {size_in_words(report.bytes)}",
        f"rows: {rows}",
    ]


def size_in_words(count: float) -> str:
    """Write a number of bytes as people read it."""
    for unit in ("B", "kB", "MB"):
        if count < KILO:
            return f"{count:.3g} {unit}"
        count /= KILO
    return f"{count:.3g} GB" if count < KILO else f"{count:,.0f} GB"


def _rows(report: MaintainReport) -> list[tuple[str, ...]]:
    return [
        (
            name,
            _change(f"{one.before.rows:,}", f"{one.after.rows:,}"),
            _change(f"{one.before.files:,}", f"{one.after.files:,}"),
            _change(size_in_words(one.before.bytes), size_in_words(one.after.bytes)),
            f"{one.removed_files:,}",
        )
        for name, one in report.tables.items()
    ]


def _change(before: str, after: str) -> str:
    return before if before == after else f"{before} → {after}"


def _lines(report: MaintainReport) -> list[str]:
    lines = [f"{report.decisions:,} decisions forgotten"]
    if report.dropped_until is not None:
        lines.append(f"telemetry is dropped up to {report.dropped_until:%Y-%m-%d %H:%M} UTC; its buckets stay")
    spared = (f"{name} {', '.join(map(str, versions))}" for name, versions in report.spared.items())
    return [*lines, f"versions spared: {'; '.join(spared)}"] if report.spared else lines
