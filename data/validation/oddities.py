"""Counts oddities of telemetry that invalidate no row but are worth a remark."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import polars as pl

from data.schema import NODE, TS, MetricKind
from data.validation.cells import metrics_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from data.schema import Metric

JUMPED_BACK: Final = (
    "rows are older than the one before of the same node: a clock that jumped back, or rows out of order; "
    "each is kept under its own time"
)


def count_oddities(rows: pl.DataFrame, valid: pl.DataFrame, describe: Callable[[str], Metric]) -> Counter[str]:
    """Count jumps back in time in the rows as read and falls of counters in the valid rows, by their description."""
    oddities = Counter({JUMPED_BACK: _jumps_back(rows)})
    counters = [name for name in metrics_of(valid) if describe(name).kind is MetricKind.COUNTER]
    ordered = valid.select(NODE, TS, *counters).sort(NODE, TS) if counters else valid
    for name in counters:
        oddities[describe_falls(name)] = _falls(ordered.select(NODE, name).drop_nulls(), name)
    return +oddities


def describe_falls(metric: str) -> str:
    """Return the description of falls of a counter."""
    return f"values of {metric} fell, as a counter does when it is reset: it counts on from zero"


def _jumps_back(rows: pl.DataFrame) -> int:
    """Count the rows, in the order of the source, that are older than the previous row of their node."""
    if rows[TS].is_sorted():
        return 0
    times = pl.col(TS).to_physical()
    return int(rows.select((times < times.shift().over(NODE)).sum()).item())


def _falls(rows: pl.DataFrame, metric: str) -> int:
    is_same = pl.col(NODE) == pl.col(NODE).shift()
    return int(rows.select((is_same & (pl.col(metric) < pl.col(metric).shift())).sum()).item())
