"""Partial windows: the merged aggregates of a run of buckets, for all nodes, as a table that can be kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from data.schema import NODE, SEPARATOR, bucket_column
from features.grid import locate
from features.telemetry.aggregates import AggregateFamily
from features.telemetry.panel import BucketLayout

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from features.grid import Grid
    from features.telemetry.aggregates import Parts

Key = tuple[str, AggregateFamily]  # a metric, and the aggregates that are kept of it


@dataclass(frozen=True, slots=True)
class PartialWindows:
    """Merged aggregates of the same buckets: by metric and family, one value per node for each part."""

    names: pl.Series  # sorted
    parts: Mapping[Key, Parts]

    @classmethod
    def empty(cls, keys: Iterable[Key]) -> PartialWindows:
        """Return windows without nodes."""
        no_nodes = np.empty(0)
        return cls(pl.Series(NODE, [], pl.String), {key: tuple(no_nodes for _ in key[1].empty) for key in keys})

    @classmethod
    def of(cls, table: pl.DataFrame, keys: Iterable[Key]) -> PartialWindows:
        """Read the metrics and families of `keys` that a kept table holds."""
        stored = [key for key in keys if _column(key, 0) in table.columns]
        parts = {key: tuple(table[_column(key, i)].to_numpy() for i in range(len(key[1].empty))) for key in stored}
        return cls(table[NODE], parts)

    def table(self) -> pl.DataFrame:
        """Return a table to keep: node, and a column for each metric, family and part."""
        columns = {_column(key, i): part for key, parts in self.parts.items() for i, part in enumerate(parts)}
        return pl.DataFrame({NODE: self.names, **columns})

    def only(self, keys: Collection[Key]) -> PartialWindows:
        """Keep some metrics and families."""
        return PartialWindows(self.names, {key: self.parts[key] for key in keys})

    def of_nodes(self, names: pl.Series) -> PartialWindows:
        """Return the aggregates of some nodes, in their order; those of an unknown node are empty."""
        if names.equals(self.names):
            return self
        position = locate(names, self.names)
        filled = {
            key: tuple(np.append(part, empty)[position] for part, empty in zip(parts, key[1].empty, strict=True))
            for key, parts in self.parts.items()
        }
        return PartialWindows(names, filled)

    def followed_by(self, newer: PartialWindows) -> PartialWindows:
        """Merge with the buckets that come next; keep the metrics and families that both have."""
        names = self.names
        if not names.equals(newer.names):
            names = pl.concat([names, newer.names]).unique().sort()
        old, new = self.of_nodes(names).parts, newer.of_nodes(names).parts
        with np.errstate(over="ignore", invalid="ignore"):  # a value that is too large to square has no spread
            return PartialWindows(names, {key: key[1].merge(old[key], new[key]) for key in old if key in new})


def _column(key: Key, part: int) -> str:
    metric, family = key
    return SEPARATOR.join((metric, family.name, str(part)))


def columns_of(keys: Iterable[Key]) -> list[str]:
    """List the bucket columns that metrics and families are computed from."""
    return sorted({bucket_column(metric, column) for metric, family in keys for column in family.columns})


def each_bucket(table: pl.DataFrame, grid: Grid, keys: Collection[Key]) -> Iterator[PartialWindows]:
    """Yield every bucket of a grid, the oldest first, each with all of its parts that the table holds."""
    names = table[NODE].unique().sort()
    layout = BucketLayout.of(table, names.to_list(), grid)
    joined = {key: _joined(layout, table, key) for key in keys}
    for bucket in range(grid.count):
        yield PartialWindows(names, {key: tuple(part[bucket] for part in parts) for key, parts in joined.items()})


def _joined(layout: BucketLayout, table: pl.DataFrame, key: Key) -> Parts:
    """Join what came on time with what came late: buckets x nodes."""
    metric, family = key
    panel = layout.panel(table, metric, family.columns)
    joined: Parts = ()
    for lateness in panel.latenesses:
        raw = tuple(panel.dense(name, lateness=lateness) for name in family.columns)
        part = family.lift(raw, panel.grid.numbers)
        with np.errstate(over="ignore", invalid="ignore"):
            joined = family.join(joined, part) if joined else part
    return tuple(np.ascontiguousarray(part.T) for part in joined)
