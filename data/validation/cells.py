"""Finds invalid cells of telemetry, so that an invalid cell does not invalidate its row."""

from __future__ import annotations

from itertools import compress
from math import isfinite
from typing import TYPE_CHECKING, Final

import polars as pl
import polars.selectors as cs

from data.schema import TELEMETRY_KEYS, UNREADABLE
from data.validation.value_ranges import possible_range

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from data.schema import Metric

INFINITE: Final = "holds an infinite value"
OUT_OF_RANGE: Final = "holds a value outside its metric's range"
Faults = dict[str, pl.Expr]


def null_invalid_cells(
    rows: pl.DataFrame, describe: Callable[[str], Metric]
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Set invalid cells and NaN to null; return the rows, and the invalid cells as keys, metric, value and reason."""
    cells = list(_unreadable_cells(rows))
    rows = rows.drop(UNREADABLE, strict=False)
    for reason, faults in ((INFINITE, _infinities(rows)), (OUT_OF_RANGE, _outliers(rows, describe))):
        present = _present_faults(rows, faults)
        cells += [_cells(rows.filter(is_invalid), metric, reason) for metric, is_invalid in present.items()]
        rows = rows.with_columns(
            pl.when(~is_invalid).then(metric).alias(metric) for metric, is_invalid in present.items()
        )
    return rows.with_columns(cs.float().fill_nan(None)), cells


def metrics_of(rows: pl.DataFrame) -> list[str]:
    """Return the columns of telemetry that are metrics."""
    return [name for name in rows.columns if name not in TELEMETRY_KEYS and name != UNREADABLE]


def _unreadable_cells(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield the cells that a source could not read, if there are any."""
    if UNREADABLE in rows.columns:
        cells = rows.select(*TELEMETRY_KEYS, UNREADABLE).explode(UNREADABLE).unnest(UNREADABLE).drop_nulls("fault")
        yield cells.rename({"column": "metric", "fault": "reason"})


def _infinities(rows: pl.DataFrame) -> Faults:
    return {name: pl.col(name).is_infinite() for name in metrics_of(rows)}


def _outliers(rows: pl.DataFrame, describe: Callable[[str], Metric]) -> Faults:
    """Return for each metric with a range what is outside; NaN, which compares as larger than everything, is not."""
    ranges = {name: possible_range(describe(name)) for name in metrics_of(rows)}
    return {
        name: (pl.col(name) < low) | ((pl.col(name) > high) & pl.col(name).is_not_nan())
        for name, (low, high) in ranges.items()
        if isfinite(low) or isfinite(high)
    }


def _present_faults(rows: pl.DataFrame, faults: Mapping[str, pl.Expr]) -> Faults:
    """Return the faults that at least one row has."""
    if not faults:
        return {}
    is_present = rows.select(is_invalid.any().alias(name) for name, is_invalid in faults.items()).row(0)
    return dict(compress(faults.items(), is_present))


def _cells(rows: pl.DataFrame, metric: str, reason: str) -> pl.DataFrame:
    value = pl.col(metric).cast(pl.String).alias("value")
    return rows.select(*TELEMETRY_KEYS, pl.lit(metric).alias("metric"), value, pl.lit(reason).alias("reason"))
