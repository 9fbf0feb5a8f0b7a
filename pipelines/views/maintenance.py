"""Prints the reports of maintain, backup and restore."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.output.markdown import MAINTAIN_COLUMNS, format_size, maintain_lines, maintain_rows
from pipelines.views.tables import numeric_table, print_lines

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from data.maintenance.backup import BackupReport
    from data.maintenance.retention import MaintainReport


def show_maintain(report: MaintainReport, console: Console) -> None:
    """Print each table's size before and after, then what else was done."""
    table = numeric_table(*MAINTAIN_COLUMNS)
    for row in maintain_rows(report):
        table.add_row(*row)
    console.print(table)
    print_lines(console, maintain_lines(report))


def show_backup(report: BackupReport, file: Path, console: Console) -> None:
    """Print what an archive holds, and the command that restores it."""
    size = format_size(file.stat().st_size)
    print_lines(console, [*_backup_lines(report), f"wrote {file} ({size}); nodeward restore {file} restores it"])


def show_restore(report: BackupReport, folder: Path, console: Console) -> None:
    """Print what was restored, and where."""
    print_lines(console, [*_backup_lines(report), f"restored into {folder}"])


def _backup_lines(report: BackupReport) -> list[str]:
    counts = {name: table["rows"] for name, table in report.tables.items()} | dict(report.records)
    rows = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    return [
        f"{report.fleet}: state of {report.made_at}, {report.files:,} files of {format_size(report.bytes)}",
        f"rows: {rows}",
    ]
