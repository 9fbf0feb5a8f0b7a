"""Puts quarantined cells back into their rows, once their metric's range allows them or the source reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from data.schema import AVAILABLE_AT, MONTH, NODE, TS
from data.validation.value_ranges import possible

if TYPE_CHECKING:
    from collections.abc import Callable

    from data.schema import Metric

KEYS: Final = (NODE, TS, AVAILABLE_AT)
CELL: Final = "is_cell"


def is_cell(row: str) -> pl.Expr:
    """Tell quarantined cells, whose metric is a text, from rows, which have none but numbers."""
    return pl.col(row).str.contains('"metric":"', literal=True)


def is_possible(cells: pl.DataFrame, describe: Callable[[str], Metric]) -> pl.Series:
    """Say which cells hold a value that their metric can have now."""
    names = cells["metric"].unique().sort()
    bounds = [(name, *possible(describe(name))) for name in names]
    ranges = pl.DataFrame(bounds, schema={"metric": pl.String, "low": pl.Float64, "high": pl.Float64}, orient="row")
    value = pl.col("value").cast(pl.Float64, strict=False)
    told = cells.join(ranges, on="metric", how="left", maintain_order="left")
    fits = value.is_finite() & value.is_between("low", "high") & pl.col(AVAILABLE_AT).is_not_null()
    return told.select(fits.fill_null(value=False).alias("fits")).to_series()


def is_settled(cells: pl.DataFrame, stored: pl.DataFrame) -> pl.Series:
    """Say which cells have a value in the stored rows: the source was mended and read again."""
    metrics = [name for name in cells["metric"].unique() if name in stored.columns]
    held = (
        stored.filter(pl.col(name).is_not_null()).select(NODE, TS, pl.lit(name).alias("metric")) for name in metrics
    )
    marked = pl.concat([cells.select(NODE, TS, "metric").clear(), *held]).with_columns(pl.lit(value=True).alias("held"))
    told = cells.join(marked, on=[NODE, TS, "metric"], how="left", maintain_order="left")
    return told["held"].fill_null(value=False)


def rows_of(cells: pl.DataFrame, table: pl.LazyFrame) -> pl.DataFrame:
    """Read the stored rows that cells are of."""
    keys = cells.lazy().select(NODE, TS).unique()
    return table.join(keys, on=[NODE, TS], how="semi").drop(MONTH).collect()


def filled(cells: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
    """Fill cells into the rows that they came from; one whose row is not there is a row of its own."""
    value = pl.col("value").cast(pl.Float64)
    wide = cells.with_columns(value).pivot("metric", index=KEYS, values="value", aggregate_function="last")
    own = stored.join(wide.select(KEYS), on=KEYS, how="semi")
    fitted = wide.cast({name: kind for name, kind in stored.schema.items() if name in wide.columns})
    both = pl.concat([own, fitted], how="diagonal")
    return both.group_by(KEYS, maintain_order=True).agg(pl.all().drop_nulls().first())
