"""Finds the cells of telemetry that can't be true, so that one of them costs itself and not its row."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Final

import polars as pl
import polars.selectors as cs

from data.schema import TELEMETRY_KEYS, UNREADABLE
from data.validation.value_ranges import possible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from data.schema import Metric

INFINITE: Final = "holds an infinite value"
OUT_OF_RANGE: Final = "holds a value outside its metric's range"
CELL: Final = ("metric", "value")  # what a quarantined cell says, besides its row's keys
Faults = dict[str, pl.Expr]


def clean(rows: pl.DataFrame, describe: Callable[[str], Metric]) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Make cells that can't be true null, as NaN is; give them as frames of keys, metric, value and reason."""
    told = list(_unread(rows))
    rows = rows.drop(UNREADABLE, strict=False)
    for reason, faults in ((INFINITE, _infinities(rows)), (OUT_OF_RANGE, _outliers(rows, describe))):
        found = _met(rows, faults)
        told += [_told(rows.filter(is_bad), metric, reason) for metric, is_bad in found.items()]
        rows = rows.with_columns(pl.when(~is_bad).then(metric).alias(metric) for metric, is_bad in found.items())
    return rows.with_columns(cs.float().fill_nan(None)), told


def metrics_of(rows: pl.DataFrame) -> list[str]:
    """Name the columns of telemetry that are metrics."""
    return [name for name in rows.columns if name not in TELEMETRY_KEYS and name != UNREADABLE]


def _unread(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """List the cells that a source could not read."""
    if UNREADABLE in rows.columns:
        every = rows.select(*TELEMETRY_KEYS, UNREADABLE).explode(UNREADABLE).unnest(UNREADABLE).drop_nulls("fault")
        yield every.rename({"column": "metric", "fault": "reason"})


def _infinities(rows: pl.DataFrame) -> Faults:
    return {name: pl.col(name).is_infinite() for name in metrics_of(rows)}


def _outliers(rows: pl.DataFrame, describe: Callable[[str], Metric]) -> Faults:
    """Say of each metric that has a range what lies outside; NaN, which is larger than everything, does not."""
    ranges = {name: possible(describe(name)) for name in metrics_of(rows)}
    return {
        name: (pl.col(name) < low) | ((pl.col(name) > high) & pl.col(name).is_not_nan())
        for name, (low, high) in ranges.items()
        if isfinite(low) or isfinite(high)
    }


def _met(rows: pl.DataFrame, faults: Mapping[str, pl.Expr]) -> Faults:
    """Keep the faults that some row has."""
    met = rows.select(is_bad.any().alias(name) for name, is_bad in faults.items()).row(0) if faults else ()
    return {name: is_bad for (name, is_bad), found in zip(faults.items(), met, strict=True) if found}


def _told(rows: pl.DataFrame, metric: str, reason: str) -> pl.DataFrame:
    value = pl.col(metric).cast(pl.String).alias("value")
    return rows.select(*TELEMETRY_KEYS, pl.lit(metric).alias("metric"), value, pl.lit(reason).alias("reason"))
