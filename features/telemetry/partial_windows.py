"""Windows in the making: the merged aggregates of a run of buckets, for all nodes, as a table that can be kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from data.schema import NODE, SEPARATOR, bucket_column
from features.grid import locate
from features.telemetry import idle, windows
from features.telemetry.panel import BucketLayout
from features.telemetry.windows import STATISTICS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from features.grid import Array, Grid
    from features.telemetry.aggregates import AggregateFamily, Parts

Key = tuple[str, str]  # a metric, and a family of aggregates by the name of its first statistic


def family_of(statistic: str) -> str:
    """Name the family that a statistic is made of: by the first statistic of that family."""
    found = idle.parse(statistic)
    if found is not None:
        return idle.idle_share(found[1])
    wanted = STATISTICS[statistic].family
    return next(name for name, other in STATISTICS.items() if other.family is wanted)


def family(name: str) -> AggregateFamily:
    """Find a family by its name."""
    return windows.statistic(name).family


@dataclass(frozen=True, slots=True)
class PartialWindows:
    """Merged aggregates of the same buckets: by metric and family, one value a node for each part."""

    names: pl.Series  # sorted
    parts: Mapping[Key, Parts]

    @classmethod
    def nothing(cls, keys: Iterable[Key]) -> PartialWindows:
        """Fold no bucket of no node."""
        none = np.empty(0)
        return cls(pl.Series(NODE, [], pl.String), {key: tuple(none for _ in family(key[1]).empty) for key in keys})

    @classmethod
    def of(cls, table: pl.DataFrame) -> PartialWindows:
        """Take folds from the table that they were made."""
        parts: dict[Key, list[Array]] = {}
        for column in table.columns[1:]:
            metric, kind, _ = column.rsplit(SEPARATOR, 2)
            parts.setdefault((metric, kind), []).append(table[column].to_numpy())
        return cls(table[NODE], {key: tuple(own) for key, own in parts.items()})

    def table(self) -> pl.DataFrame:
        """Make a table: node, and a column for each metric, family and part."""
        columns = {
            SEPARATOR.join((*key, str(number))): part
            for key, own in self.parts.items()
            for number, part in enumerate(own)
        }
        return pl.DataFrame({NODE: self.names, **columns})

    def only(self, keys: Collection[Key]) -> PartialWindows:
        """Keep some metrics and families."""
        return PartialWindows(self.names, {key: self.parts[key] for key in keys})

    def of_nodes(self, names: pl.Series) -> PartialWindows:
        """Give the folds of some nodes, in their order; those of an unknown node are empty."""
        if names.equals(self.names):
            return self
        place = locate(names, self.names)
        filled = {
            key: tuple(np.append(part, empty)[place] for part, empty in zip(own, family(key[1]).empty, strict=True))
            for key, own in self.parts.items()
        }
        return PartialWindows(names, filled)

    def followed_by(self, newer: PartialWindows) -> PartialWindows:
        """Merge with the folds of the buckets that come next; keep the metrics and families that both have."""
        names = self.names
        if not names.equals(newer.names):
            names = pl.concat([names, newer.names]).unique().sort()
        old, new = self.of_nodes(names).parts, newer.of_nodes(names).parts
        with np.errstate(over="ignore", invalid="ignore"):  # what is too large to square has no spread
            return PartialWindows(names, {key: family(key[1]).merge(old[key], new[key]) for key in old if key in new})


def columns_of(keys: Iterable[Key]) -> list[str]:
    """List the bucket columns that metrics and families are made of."""
    return sorted({bucket_column(metric, name) for metric, kind in keys for name in family(kind).columns})


def each(table: pl.DataFrame, grid: Grid, keys: Collection[Key]) -> Iterator[PartialWindows]:
    """Give every bucket of a grid by itself, the oldest first, with all of its parts that the table holds."""
    names = table[NODE].unique().sort()
    layout = BucketLayout.of(table, names.to_list(), grid)
    joined = {key: _joined(layout, table, key) for key in keys}
    for at in range(grid.count):
        yield PartialWindows(names, {key: tuple(part[at] for part in parts) for key, parts in joined.items()})


def _joined(layout: BucketLayout, table: pl.DataFrame, key: Key) -> Parts:
    """Join what came on time with what came late: buckets x nodes."""
    metric, own = key[0], family(key[1])
    panel = layout.panel(table, metric, own.columns)
    known: Parts = ()
    for late in panel.latenesses:
        raw = tuple(panel.dense(name, lateness=late) for name in own.columns)
        part = own.lift(raw, panel.grid.numbers)
        with np.errstate(over="ignore", invalid="ignore"):
            known = own.join(known, part) if known else part
    return tuple(np.ascontiguousarray(part.T) for part in known)
