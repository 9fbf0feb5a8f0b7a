"""Counts what is odd in telemetry and yet no fault: it costs no row, but a person may want to know."""

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


def count_oddities(rows: pl.DataFrame, good: pl.DataFrame, describe: Callable[[str], Metric]) -> Counter[str]:
    """Count rows as they came that go back in time, and falls of counters in the good ones, by what they are."""
    found = Counter({JUMPED_BACK: _jumps_back(rows)})
    counters = [name for name in metrics_of(good) if describe(name).kind is MetricKind.COUNTER]
    ordered = good.select(NODE, TS, *counters).sort(NODE, TS) if counters else good
    for name in counters:
        found[fell(name)] = _falls(ordered.select(NODE, name).drop_nulls(), name)
    return +found


def fell(metric: str) -> str:
    """Say what a counter's falls mean."""
    return f"values of {metric} fell, as a counter does when it is reset: it counts on from zero"


def _jumps_back(rows: pl.DataFrame) -> int:
    """Count the rows, in the order of the source, that are older than the one before of their node."""
    if rows[TS].is_sorted():
        return 0
    times = pl.col(TS).to_physical()
    return int(rows.select((times < times.shift().over(NODE)).sum()).item())


def _falls(rows: pl.DataFrame, metric: str) -> int:
    is_same = pl.col(NODE) == pl.col(NODE).shift()
    return int(rows.select((is_same & (pl.col(metric) < pl.col(metric).shift())).sum()).item())
