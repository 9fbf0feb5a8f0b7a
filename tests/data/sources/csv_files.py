"""Writes tables as CSV with times in ISO 8601, to compare them with Parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import polars.selectors as cs

if TYPE_CHECKING:
    from pathlib import Path


def write_as_csv(folder: Path, target: Path) -> Path:
    """Write a folder of Parquet files as CSV."""
    target.mkdir(parents=True)
    for file in folder.glob("*.parquet"):
        table = pl.read_parquet(file)
        table.with_columns(cs.datetime().dt.to_string("iso:strict")).write_csv(target / f"{file.stem}.csv")
    return target
