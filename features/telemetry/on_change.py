"""Statistics of metrics that report only when they change: a value holds until the next one is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from data.errors import ModelMismatchError
from data.schema import BUCKET_END, LATENESS, NODE, bucket_column
from features.grid import Array, Grid, locate, to_times
from features.population.asof_lookup import AsOfLookup, Known, at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from features.grid import Index

AGGREGATES = ("last", "last_ts")
MICROSECONDS_PER_HOUR = 3_600e6


@dataclass(frozen=True, slots=True)
class OnChangeSeries:
    """One metric's changes, by node and by the bucket in which each became known.

    A value that became known after a newer one had is left out: it was never the newest that anyone knew.
    """

    width: timedelta
    timeline: AsOfLookup
    columns: dict[str, Array]

    @classmethod
    def of(cls, table: pl.DataFrame, metric: str, names: Sequence[str], width: timedelta) -> OnChangeSeries:
        """Read a metric's changes from a bucket table."""
        value, when = (bucket_column(metric, aggregate) for aggregate in AGGREGATES)
        end = Grid.clock(width).position(to_times(table[BUCKET_END]))
        changes = (
            pl.DataFrame(
                {
                    "node": locate(table[NODE], names),
                    "known": end + table[LATENESS].to_numpy(),
                    "at": table[when].cast(pl.Float64),
                    "value": table[value].cast(pl.Float64).fill_nan(None),
                }
            )
            .filter((pl.col("node") >= 0) & pl.col("value").is_not_null())
            .sort("node", "known", "at")
            .filter(pl.col("at") == pl.col("at").cum_max().over("node"))
        )
        told = _accumulated(changes).drop("rise")
        columns = {name: told[name].cast(pl.Float64).to_numpy() for name in told.columns if name != "node"}
        return cls(width, AsOfLookup(told["node"].to_numpy(), told["known"].to_numpy()), columns)

    def at(self, node: Index, bucket: Index) -> KnownValues:
        """Look up what was known of each node at the end of each bucket."""
        known = self.timeline.known(node, bucket)
        return KnownValues(self, bucket, known, known.last)


def _accumulated(changes: pl.DataFrame) -> pl.DataFrame:
    """Add running facts of each node's changes; every one depends on the changes up to it alone."""
    value, is_first = pl.col("value"), pl.col("node").ne_missing(pl.col("node").shift())
    before, held_for = value.shift(), pl.col("known") - pl.col("known").shift()
    rise = pl.when(is_first).then(0.0).when(value >= before).then(value - before).otherwise(value)
    told = changes.with_columns(rise=rise, area=pl.when(is_first).then(0.0).otherwise(before * held_for))
    return told.with_columns(
        pl.col("rise").cum_sum().over("node").alias("risen"),
        (pl.col("rise") > 0).cast(pl.Float64).cum_sum().over("node").alias("rises"),
        pl.when(pl.col("rise") > 0).then("at").forward_fill().over("node").alias("last_rise"),
        pl.when((value > 0) & (value.first().over("node") <= 0)).then("at").alias("above"),
        value.cum_max().over("node").alias("highest"),
        pl.col("area").cum_sum().over("node"),
    ).with_columns(pl.col("above").cum_min().forward_fill().over("node"))


@dataclass(frozen=True, slots=True)
class KnownValues:
    """What was known of some nodes, each at the end of its bucket."""

    held: OnChangeSeries
    bucket: Index
    known: Known
    last: Index  # where the newest change that was known stands

    def take(self, column: str, missing: float = np.nan) -> Array:
        """Give a fact of the newest change that was known."""
        return at(self.last, self.held.columns[column], missing)

    def area(self) -> Array:
        """Sum the held values up to now, each as long as it held; NaN before the first."""
        return self.take("area") + self.take("value") * (self.bucket - self.take("known"))

    def first_known(self) -> Array:
        """Give the bucket in which each node's first change became known; NaN if none has yet."""
        return at(np.where(self.last < 0, -1, self.known.first), self.held.columns["known"], np.nan)

    def hours_since(self, column: str) -> Array:
        """Give the hours from a moment of the newest change to the end of the bucket."""
        width = self.held.width / timedelta(microseconds=1)
        return np.asarray((self.bucket * width - self.take(column)) / MICROSECONDS_PER_HOUR)


OnChangeStatistic = Callable[[KnownValues, KnownValues], Array]  # at the end of the window, and at its start


def _taken(column: str) -> OnChangeStatistic:
    return lambda now, _: now.take(column)


def _growth(column: str) -> OnChangeStatistic:
    """Difference of a running sum over the window; a node without an earlier value counts from its first."""
    return lambda now, then: now.take(column) - then.take(column, missing=0.0)


def _mean(now: KnownValues, then: KnownValues) -> Array:
    """Mean of the held value, weighted by how long each value held inside the window."""
    span = np.minimum(now.bucket - now.first_known(), now.bucket - then.bucket)
    area = now.area() - np.nan_to_num(then.area())
    return np.asarray(area / np.where(span > 0, span, np.nan))


def _days_since(column: str) -> OnChangeStatistic:
    return lambda now, _: now.hours_since(column) / 24


def _running(now: KnownValues, _then: KnownValues) -> Array:
    """Give the value of a clock that goes on while nothing is reported, in hours."""
    return now.take("value") + now.hours_since("at")


def statistic(name: str) -> OnChangeStatistic:
    """Find a statistic by name.

    Raises:
        ModelMismatchError: if there is no such statistic.
    """
    if name not in STATISTICS:
        known = ", ".join(sorted(STATISTICS))
        raise ModelMismatchError(
            f"on-change metrics have no statistic {name}; they have {known}", fix="train the model anew"
        )
    return STATISTICS[name]


STATISTICS: dict[str, OnChangeStatistic] = {
    "last": _taken("value"),
    "max": _taken("highest"),
    "mean": _mean,
    "increase": _growth("risen"),
    "rises": _growth("rises"),
    "rises_so_far": _taken("rises"),
    "days_since_first": _days_since("above"),  # since it first was above zero; unknown if it was so when first seen
    "days_since_rise": _days_since("last_rise"),
    "days_since_change": _days_since("at"),
    "running": _running,
}
