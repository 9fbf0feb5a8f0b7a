"""Refuses names of columns and metrics that tables, expressions or features would misinterpret."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from data.errors import ColumnError
from data.schema import COUNTERS, MONTH, SEPARATOR, TELEMETRY_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterable

RESERVED: Final = frozenset({COUNTERS, MONTH, *TELEMETRY_KEYS})
EXPRESSION: Final = re.compile(r"\*|\^.*\$", re.DOTALL)  # polars interprets these as many columns
PANDAS_INDEX: Final = re.compile(r"__index_level_\d+__")  # the name that pandas gives to row numbers


def is_row_number(column: str) -> bool:
    """Return whether a column has pandas' row numbers."""
    return PANDAS_INDEX.fullmatch(column) is not None


def require_columns(where: object, columns: Iterable[str]) -> None:
    """Check that each column of a file has a name that stands for one column.

    Raises:
        ColumnError: if a column has no name, or one that stands for many columns.
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
    """Check the names of metrics.

    Raises:
        ColumnError: if a name is not allowed, or two names differ only in upper and lower case.
    """
    by_lower_case: dict[str, str] = {}
    for name in sorted(metrics):
        fault = _metric_fault(name, by_lower_case.get(name.lower()))
        if fault is not None:
            raise ColumnError(
                f"{where}: metric {name!r} {fault}",
                fix="give it another name, in the file or under [source.columns.telemetry] in the settings",
            )
        by_lower_case[name.lower()] = name


def _metric_fault(name: str, similar: str | None) -> str | None:
    if SEPARATOR in name:
        return f"has {SEPARATOR!r} in its name, which separates a metric from its statistics"
    if name.lower() in RESERVED:
        return "has a name that tables or features use"
    return None if similar is None else f"differs from {similar!r} only in upper and lower case, which tables ignore"
