"""Lays out lines and tables alike in every terminal view."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from rich.console import Console


def print_lines(console: Console, lines: Iterable[str]) -> None:
    """Print each line as it is: wrapped by the terminal, without markup."""
    for line in lines:
        console.print(Text(line), soft_wrap=True)


def numeric_table(*columns: str) -> Table:
    """Return a table whose columns after the first are aligned to the right."""
    table = Table(*columns, box=None, header_style="bold", padding=(0, 2, 0, 0))
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def minute(time: datetime | None) -> str:
    """Return a time to the minute; empty for none."""
    return "" if time is None else f"{time:%Y-%m-%d %H:%M}"
