"""Statistics of metrics that report only when they change: a value holds until the next one is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.schema import BUCKET_END, LATENESS, NODE, bucket_column
from features.grid import bucket_numbers, locate
from features.merging import Array

if TYPE_CHECKING:
    from collections.abc import Sequence

Numbers = NDArray[np.int64]  # whole bucket widths since the epoch


@dataclass(frozen=True, slots=True)
class Held:
    """One metric's changes, by node and by the bucket in which each became known.

    A value that became known after a newer one had is left out: it was never the newest that anyone knew.
    """

    width: timedelta
    node: Numbers
    known: Numbers
    columns: dict[str, Array]

    @classmethod
    def of(cls, table: pl.DataFrame, metric: str, names: Sequence[str], width: timedelta) -> Held:
        """Read a metric's changes from a bucket table."""
        end = bucket_numbers(table[BUCKET_END], width)
        changes = (
            pl.DataFrame(
                {
                    "node": locate(table[NODE], names),
                    "end": end,
                    "known": end + table[LATENESS].to_numpy(),
                    "value": table[bucket_column(metric, "last")].cast(pl.Float64).fill_nan(None),
                }
            )
            .filter((pl.col("node") >= 0) & pl.col("value").is_not_null())
            .sort("node", "known", "end")
            .filter(pl.col("end") == pl.col("end").cum_max().over("node"))
        )
        told = changes.with_columns(_accumulated())
        columns = {name: told[name].cast(pl.Float64).to_numpy() for name in told.columns if name not in ("node", "end")}
        return cls(width, told["node"].to_numpy(), told["known"].to_numpy(), columns)

    def find(self, node: Numbers, bucket: Numbers) -> Numbers:
        """Give the position of the newest change known at each (node, bucket), -1 where there is none."""
        low = int(min(self.known.min(initial=0), bucket.min(initial=0)))
        span = int(max(self.known.max(initial=0), bucket.max(initial=0))) - low + 1
        position = (
            np.searchsorted(self.node * span + (self.known - low), node * span + (bucket - low), side="right") - 1
        )
        return np.where(np.append(self.node, -1)[position] == node, position, -1)

    def take(self, column: str, position: Numbers, missing: float = np.nan) -> Array:
        """Gather a column at positions that `find` gave."""
        return np.append(self.columns[column], missing)[position]


def _accumulated() -> list[pl.Expr]:
    """Running facts of each node's changes; every one depends on the changes up to it alone."""
    value, known = pl.col("value"), pl.col("known")
    before, age = value.shift().over("node"), known - known.shift().over("node")
    step = pl.when(value >= before).then(value - before).when(before.is_not_null()).then(value).otherwise(0.0)
    return [
        step.cum_sum().over("node").alias("risen"),
        (step > 0).cast(pl.Float64).cum_sum().over("node").alias("rises"),
        pl.when(step > 0).then(known).forward_fill().over("node").alias("last_rise"),
        value.cum_max().over("node").alias("highest"),
        (before * age).fill_null(0.0).cum_sum().over("node").alias("area"),
    ]


Statistic = Callable[["Held", Numbers, Numbers, int], Array]  # held, node, bucket, window in buckets


def _last(held: Held, node: Numbers, bucket: Numbers, _length: int) -> Array:
    return held.take("value", held.find(node, bucket))


def _highest(held: Held, node: Numbers, bucket: Numbers, _length: int) -> Array:
    return held.take("highest", held.find(node, bucket))


def _growth(column: str) -> Statistic:
    """Difference of a running sum over the window; a node without an earlier value counts from its first."""

    def growth(held: Held, node: Numbers, bucket: Numbers, length: int) -> Array:
        now = held.take(column, held.find(node, bucket))
        return now - held.take(column, held.find(node, bucket - length), missing=0.0)

    return growth


def _mean(held: Held, node: Numbers, bucket: Numbers, length: int) -> Array:
    """Mean of the held value, weighted by how long each value held inside the window."""
    area_now, area_then = _area(held, node, bucket), np.nan_to_num(_area(held, node, bucket - length))
    return (area_now - area_then) / _held_for(held, node, bucket, length)


def _area(held: Held, node: Numbers, bucket: Numbers) -> Array:
    position = held.find(node, bucket)
    return held.take("area", position) + held.take("value", position) * (bucket - held.take("known", position))


def _held_for(held: Held, node: Numbers, bucket: Numbers, length: int) -> Array:
    """Buckets of the window in which a value was held; NaN where none was."""
    starts = np.searchsorted(held.node, node)
    first = np.append(held.known, np.iinfo(np.int64).max)[starts]
    span = np.minimum(bucket - first, length).astype(np.float64)
    return np.where(span > 0, span, np.nan)


def _days_since_rise(held: Held, node: Numbers, bucket: Numbers, _length: int) -> Array:
    rose = held.take("last_rise", held.find(node, bucket))
    return (bucket - rose) * (held.width / timedelta(days=1))


def _days_since_change(held: Held, node: Numbers, bucket: Numbers, _length: int) -> Array:
    changed = held.take("known", held.find(node, bucket))
    return (bucket - changed) * (held.width / timedelta(days=1))


def _running(held: Held, node: Numbers, bucket: Numbers, length: int) -> Array:
    """Give the value of a clock that goes on while nothing is reported, in hours."""
    return _last(held, node, bucket, length) + 24 * _days_since_change(held, node, bucket, length)


STATISTICS: dict[str, Statistic] = {
    "last": _last,
    "max": _highest,
    "mean": _mean,
    "increase": _growth("risen"),
    "rises": _growth("rises"),
    "days_since_rise": _days_since_rise,
    "days_since_change": _days_since_change,
    "running": _running,
}
