"""Refuses names of columns and metrics that tables, expressions or features would take for something else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from data.errors import ColumnError
from data.schema import COUNTERS, MONTH, SEPARATOR, TELEMETRY_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterable

RESERVED: Final = frozenset({COUNTERS, MONTH, *TELEMETRY_KEYS})
EXPRESSION: Final = re.compile(r"\*|\^.*\$", re.DOTALL)  # polars reads these as many columns
PANDAS_INDEX: Final = re.compile(r"__index_level_\d+__")  # how pandas writes the numbers of rows


def is_row_number(column: str) -> bool:
    """Say whether a column holds no more than pandas' numbers of rows."""
    return PANDAS_INDEX.fullmatch(column) is not None


def require_columns(where: object, columns: Iterable[str]) -> None:
    """Check that each column of a file has a name that stands for itself.

    Raises:
        ColumnError: if one has no name, or one that stands for many columns.
    """
    for name in columns:
        fault = _column_fault(name)
        if fault is not None:
            raise ColumnError(f"{where}: {fault}", fix="name the column, or leave it out of the file")


def _column_fault(name: str) -> str | None:
    if not name.strip():
        return "a column has no name"
    if "\0" in name:
        return f"the name {name!r} has the character zero, where others end"
    return f"the name {name!r} stands for many columns" if EXPRESSION.fullmatch(name) else None


def require_metrics(where: object, metrics: Iterable[str]) -> None:
    """Check the names of metrics, each on its own and beside the others.

    Raises:
        ColumnError: if one can't be a metric's name, or two differ in upper and lower case alone.
    """
    seen: dict[str, str] = {}
    for name in sorted(metrics):
        fault = _fault(name, seen.get(name.lower()))
        if fault is not None:
            raise ColumnError(
                f"{where}: metric {name!r} {fault}",
                fix="give it another name, in the file or under [source.columns.telemetry] in the settings",
            )
        seen[name.lower()] = name


def _fault(name: str, twin: str | None) -> str | None:
    if SEPARATOR in name:
        return f"has {SEPARATOR!r} in its name, which parts a metric from its statistics"
    if name.lower() in RESERVED:
        return "has a name that tables or features need for themselves"
    return None if twin is None else f"differs from {twin!r} in upper and lower case alone, which tables can't tell"
