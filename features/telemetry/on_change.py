"""Metrics that report only when they change: a value holds until the next one is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.schema import BUCKET_END, LATENESS, NODE, bucket_column
from features.feature import Origin
from features.grid import Array, Grid, locate, to_times
from features.population.asof_lookup import AsOfLookup, Known, take

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from features.grid import Index

AGGREGATES = ("last", "last_ts")
MICROSECONDS_PER_HOUR = 3_600e6
Column = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class OnChangeSeries:
    """One metric's changes, by node and by the bucket in which each became known.

    A value that became known after a newer one had is left out: it was never the newest known value.
    """

    width: timedelta
    lookup: AsOfLookup
    columns: dict[str, Array]

    @classmethod
    def of(cls, table: pl.DataFrame, metric: str, names: Sequence[str], width: timedelta) -> OnChangeSeries:
        """Read a metric's changes from a bucket table."""
        value, time = (bucket_column(metric, aggregate) for aggregate in AGGREGATES)
        end = Grid.clock(width).position(to_times(table[BUCKET_END]))
        changes = (
            pl.DataFrame(
                {
                    "node": locate(table[NODE], names),
                    "known": end + table[LATENESS].to_numpy(),
                    "time": table[time].cast(pl.Float64),
                    "value": table[value].cast(pl.Float64).fill_nan(None),
                }
            )
            .filter((pl.col("node") >= 0) & pl.col("value").is_not_null())
            .sort("node", "known", "time")
            .filter(pl.col("time") == pl.col("time").cum_max().over("node"))
        )
        accumulated = _accumulated(changes).drop("rise")
        columns = {
            name: accumulated[name].cast(pl.Float64).to_numpy() for name in accumulated.columns if name != "node"
        }
        return cls(width, AsOfLookup(accumulated["node"].to_numpy(), accumulated["known"].to_numpy()), columns)

    def at(self, node: Index, bucket: Index) -> KnownValues:
        """Look up what was known of each node at the end of each bucket."""
        known_changes = self.lookup.known(node, bucket)
        return KnownValues(self, bucket, known_changes, known_changes.last)


def _accumulated(changes: pl.DataFrame) -> pl.DataFrame:
    """Add running values to each node's changes; each depends on the changes up to it alone."""
    value, is_first = pl.col("value"), pl.col("node").ne_missing(pl.col("node").shift())
    before, duration = value.shift(), pl.col("known") - pl.col("known").shift()
    rise = pl.when(is_first).then(0.0).when(value >= before).then(value - before).otherwise(value)
    risen = changes.with_columns(rise=rise, area=pl.when(is_first).then(0.0).otherwise(before * duration))
    return risen.with_columns(
        pl.col("rise").cum_sum().over("node").alias("risen"),
        (pl.col("rise") > 0).cast(pl.Float64).cum_sum().over("node").alias("rises"),
        pl.when(pl.col("rise") > 0).then("time").forward_fill().over("node").alias("last_rise"),
        pl.when((value > 0) & (value.first().over("node") <= 0)).then("time").alias("above"),
        value.cum_max().over("node").alias("highest"),
        pl.col("area").cum_sum().over("node"),
    ).with_columns(pl.col("above").cum_min().forward_fill().over("node"))


@dataclass(frozen=True, slots=True)
class KnownValues:
    """What was known of some nodes, each at the end of its bucket."""

    series: OnChangeSeries
    bucket: Index
    known: Known
    last: Index  # the position of the newest known change

    def take(self, column: str, missing: float = np.nan) -> Array:
        """Return a column of the newest known change."""
        return take(self.series.columns[column], self.last, missing)

    def area(self) -> Array:
        """Return the values up to now, each times the buckets for which it held, summed; NaN before the first."""
        return self.take("area") + self.take("value") * (self.bucket - self.take("known"))

    def first_known(self) -> Array:
        """Return the bucket in which each node's first change became known; NaN if none has yet."""
        first = np.where(self.last < 0, -1, self.known.first)
        return take(self.series.columns["known"], first, np.nan)

    def hours_since(self, column: str) -> Array:
        """Return the hours from a time of the newest known change to the end of the bucket."""
        width = self.series.width / timedelta(microseconds=1)
        return np.asarray((self.bucket * width - self.take(column)) / MICROSECONDS_PER_HOUR)


@dataclass(frozen=True, slots=True)
class OnChangeStatistic:
    """One number from what was known at the end of a window and at its start."""

    name: str
    value: Callable[[KnownValues, KnownValues], Array] = field(compare=False)
    origin: ClassVar[Origin] = Origin.ON_CHANGE


@dataclass(frozen=True, slots=True)
class CombinedStatistic:
    """One number from several metrics of a node: a statistic of each, merged in any order; NaN if none is known."""

    name: str
    base: OnChangeStatistic = field(compare=False)
    each: Callable[[Array], Array] = field(compare=False)
    merge: Callable[[Column, Column], Column] = field(compare=False)
    origin: ClassVar[Origin] = Origin.ON_CHANGE
