"""The bucket table as dense arrays, one row a node and one column a bucket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data.schema import BUCKET_END, LATENESS, NODE, bucket_column
from features.grid import Grid, locate, to_times

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl
    from numpy.typing import NDArray

    from features.merging import Array


@dataclass(frozen=True, slots=True)
class Panel:
    """Where each row of a bucket table stands among nodes x buckets, by lateness."""

    grid: Grid
    node_count: int
    table: pl.DataFrame
    node: NDArray[np.int64]
    bucket: NDArray[np.int64]
    lateness: NDArray[np.int64]

    @classmethod
    def of(cls, table: pl.DataFrame, names: Sequence[str], grid: Grid) -> Panel:
        """Place a bucket table on the grid; rows of unknown nodes or other times are left out."""
        node = locate(table[NODE], names)
        bucket = grid.position(to_times(table[BUCKET_END]))
        keep = (node >= 0) & (bucket >= 0) & (bucket < grid.count)
        lateness = table[LATENESS].to_numpy().astype(np.int64)
        return cls(grid, len(names), table.filter(keep), node[keep], bucket[keep], lateness[keep])

    def latenesses(self) -> list[int]:
        """List how many buckets late the parts are that occur here, on time first."""
        return sorted({0, *np.unique(self.lateness).tolist()})

    def dense(self, metric: str, aggregate: str, *, lateness: int = 0) -> Array:
        """Spread one aggregate over nodes x buckets; NaN where there is no such part."""
        out = np.full((self.node_count, self.grid.count), np.nan)
        at = self.lateness == lateness
        values = self.table[bucket_column(metric, aggregate)].to_numpy().astype(np.float64)
        out[self.node[at], self.bucket[at]] = values[at]
        return out
