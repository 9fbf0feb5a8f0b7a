"""The bucket table as dense arrays, one row a node and one column a bucket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data.schema import BUCKET_END, LATENESS, NODE, bucket_column
from features.grid import Grid, Index, locate, to_times

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import polars as pl

    from features.grid import Array

BLOCK_CELLS = 1 << 15  # nodes x buckets that are worked on at once: a few such arrays fit in a core's cache


@dataclass(frozen=True, slots=True)
class BucketLayout:
    """The rows of a bucket table by lateness, each with its position in a flat array of nodes x buckets."""

    grid: Grid
    node_count: int
    rows: dict[int, Index]  # by lateness, in order of position
    positions: dict[int, Index]  # of these rows

    @classmethod
    def of(cls, table: pl.DataFrame, names: Sequence[str], grid: Grid) -> BucketLayout:
        """Lay out a bucket table on the grid; rows of unknown nodes or other times are left out."""
        node = locate(table[NODE], names)
        bucket = grid.position(to_times(table[BUCKET_END]))
        keep = (node >= 0) & (bucket >= 0) & (bucket < grid.count)
        position, lateness = node * grid.count + bucket, table[LATENESS].to_numpy()
        rows: dict[int, Index] = {}
        for late in sorted({0, *np.unique(lateness[keep]).tolist()}):
            selected = np.flatnonzero(keep & (lateness == late))
            rows[late] = selected[np.argsort(position[selected], kind="stable")]
        return cls(grid, len(names), rows, {late: position[selected] for late, selected in rows.items()})

    def panel(self, table: pl.DataFrame, metric: str, aggregates: Sequence[str]) -> Panel:
        """Return some aggregates of one metric of the table."""
        values: dict[str, dict[int, Array]] = {}
        for aggregate in aggregates:
            column = table[bucket_column(metric, aggregate)].to_numpy().astype(np.float64, copy=False)
            values[aggregate] = {late: column[rows] for late, rows in self.rows.items()}
        return Panel(self.grid, range(self.node_count), self.positions, values)


@dataclass(frozen=True, slots=True)
class Panel:
    """One metric's buckets for a range of nodes."""

    grid: Grid
    nodes: range
    positions: dict[int, Index]  # by lateness: in a flat array of all nodes x buckets, ascending
    values: dict[str, dict[int, Array]]  # by aggregate and lateness

    @property
    def latenesses(self) -> list[int]:
        """How many buckets late parts can be, ascending; the first one is 0, on time."""
        return list(self.positions)

    def dense(self, aggregate: str, *, lateness: int = 0) -> Array:
        """Return one aggregate as an array of nodes x buckets; NaN where there is no such part."""
        out = np.full((len(self.nodes), self.grid.count), np.nan)
        out.ravel()[self.positions[lateness] - self.nodes.start * self.grid.count] = self.values[aggregate][lateness]
        return out

    def cells(self, lateness: int) -> tuple[Index, Index]:
        """Return the node and the bucket of each part of one lateness, as indices."""
        node, bucket = np.divmod(self.positions[lateness], max(self.grid.count, 1))
        return node - self.nodes.start, bucket

    def blocks(self) -> Iterator[tuple[slice, Panel]]:
        """Split the nodes into blocks that are worked on at once."""
        step = max(BLOCK_CELLS // max(self.grid.count, 1), 1)
        for first in range(0, len(self.nodes), step):
            last = min(first + step, len(self.nodes))
            yield slice(first, last), self._block(range(self.nodes.start + first, self.nodes.start + last))

    def _block(self, nodes: range) -> Panel:
        edges = np.array([nodes.start, nodes.stop]) * self.grid.count
        slices = {late: slice(*np.searchsorted(position, edges)) for late, position in self.positions.items()}
        positions = {late: self.positions[late][part] for late, part in slices.items()}
        values = {
            name: {late: by_lateness[late][part] for late, part in slices.items()}
            for name, by_lateness in self.values.items()
        }
        return Panel(self.grid, nodes, positions, values)
