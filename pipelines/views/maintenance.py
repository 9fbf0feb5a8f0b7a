"""How the reports of maintain, backup and restore look, on a terminal and in Prefect's artifacts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from pipelines.output.markdown import MAINTAIN_COLUMNS, maintain_lines, maintain_rows, size_in_words

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from data.maintenance.backup import BackupReport
    from data.maintenance.retention import MaintainReport


def show_maintain(report: MaintainReport, console: Console) -> None:
    """Show each table's size before and after."""
    table = Table(*MAINTAIN_COLUMNS, box=None, header_style="bold", padding=(0, 2, 0, 0))
    for column in table.columns[1:]:
        column.justify = "right"
    for row in maintain_rows(report):
        table.add_row(*row)
    console.print(table)
    for line in maintain_lines(report):
        console.print(Text(line), soft_wrap=True)


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
