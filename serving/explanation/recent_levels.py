"""The recent values of a metric on every node, one per slice of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.schema import BUCKET_END, NODE, bucket_column
from data.time_grid import MICROSECOND
from features.grid import locate

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime, timedelta

    from numpy.typing import NDArray

    from data.view import View

MOST_SLICES: Final = 720  # of more buckets than that, several are merged into a slice
READ_CELLS: Final = 1 << 23  # bucket aggregates that are read at once
SLICE: Final = "slice"
FIRST, LAST = "first_ts", "last_ts"
MetricLevel = tuple[str, str]  # a metric, and a statistic of LEVELS


@dataclass(frozen=True, slots=True)
class LevelStatistic:
    """A statistic of one slice: the bucket aggregates that it is computed from, and how."""

    columns: tuple[str, ...]
    value: pl.Expr


_BEFORE: Final = pl.col("last").shift().over(NODE)
_RISE: Final = pl.when(pl.col("first") >= _BEFORE).then(pl.col("first") - _BEFORE).otherwise("first")
_RISEN: Final = pl.col("increase") + pl.when(_BEFORE.is_null()).then(0.0).otherwise(_RISE)  # a fall is a reset to zero
LEVELS: Final = {
    "mean": LevelStatistic(("n", "mean"), (pl.col("mean") * pl.col("n")).sum() / pl.col("n").sum()),
    "max": LevelStatistic(("max",), pl.col("max").max()),
    "min": LevelStatistic(("min",), pl.col("min").min()),
    "last": LevelStatistic(("last",), pl.col("last").last()),
    "increase": LevelStatistic(("first", "last", "increase"), pl.col("risen").sum()),
}


@dataclass(frozen=True, slots=True)
class TimeSlices:
    """Slices of equal length that end now, the oldest one first."""

    now: datetime
    count: int
    width: timedelta  # of a bucket
    step: int  # buckets in a slice

    @classmethod
    def of(cls, view: View, longest: timedelta) -> TimeSlices:
        """Divide the longest window, up to now, into slices."""
        buckets = max(longest // view.width, 1)
        step = -(-buckets // MOST_SLICES)
        return cls(view.at, -(-buckets // step), view.width, step)

    @property
    def start(self) -> datetime:
        """The start of the oldest slice."""
        return self.now - self.count * self.step * self.width

    def slice_of_bucket(self) -> pl.Expr:
        """Return the index of the slice that holds a bucket."""
        age = (pl.lit(self.now) - pl.col(BUCKET_END)).dt.total_microseconds()
        return (self.count - 1 - age // (self.step * self.width // MICROSECOND)).cast(pl.Int64)


@dataclass(frozen=True, slots=True)
class SliceValues:
    """One statistic of one metric: nodes x slices, NaN where a slice holds no sample."""

    values: NDArray[np.float64]
    first: NDArray[np.int64]  # time of each slice's first sample, microseconds since 1970
    last: NDArray[np.int64]


def read(
    view: View, names: Sequence[str], requested: Collection[MetricLevel], slices: TimeSlices
) -> Iterator[tuple[MetricLevel, SliceValues]]:
    """Read the recent values of some metrics on all nodes."""
    for run in _runs(requested, len(names) * slices.count * slices.step):
        columns = {bucket_column(metric, name) for metric, level in run for name in _columns(level)}
        table = view.buckets(sorted(columns), slices.start + slices.width)
        located = table.with_columns(slices.slice_of_bucket().alias(SLICE), pl.Series(NODE, locate(table[NODE], names)))
        for metric, level in run:
            aggregates = {name: pl.col(bucket_column(metric, name)) for name in _columns(level)}
            yield (metric, level), _dense(located.select(NODE, SLICE, **aggregates), level, (len(names), slices.count))


def _columns(level: str) -> tuple[str, ...]:
    return (*LEVELS[level].columns, FIRST, LAST)


def _runs(requested: Collection[MetricLevel], cells: int) -> Iterator[list[MetricLevel]]:
    """Split what is requested into runs whose buckets are read at once."""
    run: list[MetricLevel] = []
    for metric_level in sorted(requested):
        if run and sum(len(_columns(level)) for _, level in (*run, metric_level)) * cells > READ_CELLS:
            yield run
            run = []
        run.append(metric_level)
    if run:
        yield run


def _dense(table: pl.DataFrame, level: str, shape: tuple[int, int]) -> SliceValues:
    ordered = table.filter((pl.col(NODE) >= 0) & pl.col(FIRST).is_not_null()).sort(NODE, SLICE, FIRST)
    if level == "increase":
        ordered = ordered.with_columns(risen=_RISEN)
    by_slice = ordered.group_by(NODE, SLICE).agg(
        LEVELS[level].value.alias("value"), pl.col(FIRST).min(), pl.col(LAST).max()
    )
    where = by_slice[NODE].to_numpy(), by_slice[SLICE].to_numpy()
    values, first, last = np.full(shape, np.nan), np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for array, name in ((values, "value"), (first, FIRST), (last, LAST)):
        array[where] = by_slice[name].to_numpy()
    return SliceValues(values, first, last)
