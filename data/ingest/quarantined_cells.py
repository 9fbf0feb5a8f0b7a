"""Fills quarantined cells into their rows, once they are in the range of their metric or the source reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from data.schema import AVAILABLE_AT, MONTH, NODE, TS
from data.validation.value_ranges import possible_range

if TYPE_CHECKING:
    from collections.abc import Callable

    from data.schema import Metric

KEYS: Final = (NODE, TS, AVAILABLE_AT)
CELL: Final = "is_cell"


def is_cell(row: str) -> pl.Expr:
    """Return whether a quarantined row is a cell: its field `metric` is a text, and metrics of rows are numbers."""
    return pl.col(row).str.contains('"metric":"', literal=True)


def is_possible(cells: pl.DataFrame, describe: Callable[[str], Metric]) -> pl.Series:
    """Return which cells have a value in the present range of their metric."""
    metrics = cells["metric"].unique().sort()
    ranges = pl.DataFrame(
        [(metric, *possible_range(describe(metric))) for metric in metrics],
        schema={"metric": pl.String, "low": pl.Float64, "high": pl.Float64},
        orient="row",
    )
    value = pl.col("value").cast(pl.Float64, strict=False)
    joined = cells.join(ranges, on="metric", how="left", maintain_order="left")
    fits = value.is_finite() & value.is_between("low", "high") & pl.col(AVAILABLE_AT).is_not_null()
    return joined.select(fits.fill_null(value=False).alias("fits")).to_series()


def is_stored(cells: pl.DataFrame, stored: pl.DataFrame) -> pl.Series:
    """Return which cells have a value in the stored rows: the source was corrected and read again."""
    metrics = [name for name in cells["metric"].unique() if name in stored.columns]
    filled = (
        stored.filter(pl.col(name).is_not_null()).select(NODE, TS, pl.lit(name).alias("metric")) for name in metrics
    )
    keys = pl.concat([cells.select(NODE, TS, "metric").clear(), *filled])
    marked = keys.with_columns(pl.lit(value=True).alias("is_stored"))
    joined = cells.join(marked, on=[NODE, TS, "metric"], how="left", maintain_order="left")
    return joined["is_stored"].fill_null(value=False)


def stored_rows(cells: pl.DataFrame, table: pl.LazyFrame) -> pl.DataFrame:
    """Return the stored rows of cells."""
    keys = cells.lazy().select(NODE, TS).unique()
    return table.join(keys, on=[NODE, TS], how="semi").drop(MONTH).collect()


def fill_cells(cells: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of cells with the cells filled in; a cell without a stored row becomes a new row."""
    value = pl.col("value").cast(pl.Float64)
    wide = cells.with_columns(value).pivot("metric", index=KEYS, values="value", aggregate_function="last")
    rows = stored.join(wide.select(KEYS), on=KEYS, how="semi")
    cast = wide.cast({name: dtype for name, dtype in stored.schema.items() if name in wide.columns})
    return (
        pl.concat([rows, cast], how="diagonal").group_by(KEYS, maintain_order=True).agg(pl.all().drop_nulls().first())
    )
