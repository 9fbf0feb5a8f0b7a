"""When rows were written and how many, without a look at what they hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.schema import BUCKET_END, LATENESS, NODE, bucket_column
from features.grid import Grid, locate, to_times
from models.audit.permutation import RanksByTime

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from data.view import View
    from features.population.at_risk import Rows

HOUR: Final = 3_600_000_000  # microseconds
MINUTE: Final = 60_000_000
WINDOWS: Final = (1, 7, 30)  # steps between forecasts


@dataclass(frozen=True, slots=True)
class ArrivalCounts:
    """Rows that became known, in the order of node and the bucket in which they did; `before` counts those before."""

    grid: Grid
    span: int
    key: NDArray[np.int64]
    before: NDArray[np.int64]
    newest: NDArray[np.int64]  # the newest sample's time in microseconds

    @classmethod
    def of(cls, table: pl.DataFrame, names: Sequence[str], grid: Grid) -> ArrivalCounts:
        """Read it from buckets with `n` and `last_ts` (see `read`)."""
        node, bucket = locate(table[NODE], names), grid.position(to_times(table[BUCKET_END]))
        known = bucket + table[LATENESS].to_numpy()
        span = int(known.max(initial=0)) + 2
        keep = np.flatnonzero(node >= 0)
        key = (node * span + known)[keep]
        order = np.argsort(key, kind="stable")
        count = table["n"].to_numpy().astype(np.int64)[keep][order]
        return cls(grid, span, key[order], np.r_[0, np.cumsum(count)], table["last_ts"].to_numpy()[keep][order])

    def count(self, rows: Rows, buckets: int) -> NDArray[np.float64]:
        """Count the rows that became known in so many buckets before each cutoff."""
        low, high = self._until(rows, -buckets), self._until(rows, 0)
        return (self.before[high] - self.before[low]).astype(np.float64)

    def age_hours(self, rows: Rows) -> NDArray[np.float64]:
        """Give the time since each row's newest sample; NaN where there was none."""
        newest = self._newest(rows)
        return np.where(newest < 0, np.nan, (rows.ts.astype(np.int64) - newest) / HOUR)

    def past_the_hour(self, rows: Rows) -> NDArray[np.float64]:
        """Give the minutes past the hour of the newest sample; NaN where there was none."""
        newest = self._newest(rows)
        return np.where(newest < 0, np.nan, newest % HOUR / MINUTE)

    def _newest(self, rows: Rows) -> NDArray[np.int64]:
        at = self._until(rows, 0)
        found = np.r_[-1, self.newest][at]
        return np.where(at > self._place(rows.node * self.span), found, -1)

    def _until(self, rows: Rows, buckets: int) -> NDArray[np.int64]:
        bucket = np.clip(self.grid.position(rows.cutoffs)[rows.cutoff] + buckets, -1, self.span - 1)
        return self._place(rows.node * self.span + bucket + 1)

    def _place(self, key: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.searchsorted(self.key, key, "left")


def read(view: View, metrics: Sequence[str]) -> pl.DataFrame:
    """Read node, bucket_end, lateness, each metric's n, and over all of them n and last_ts."""
    counts, times = ([bucket_column(metric, part) for metric in metrics] for part in ("n", "last_ts"))
    table = view.buckets([*counts, *times])
    joined = table.with_columns(n=pl.max_horizontal(counts), last_ts=pl.max_horizontal(times)).drop(times)
    return joined.filter(pl.col("n") > 0)


def timing(traffic: ArrivalCounts, rows: Rows) -> NDArray[np.float32]:
    """Give what tells only when rows were written."""
    return np.column_stack([traffic.age_hours(rows), traffic.past_the_hour(rows)]).astype(np.float32)


def counting(traffic: ArrivalCounts, rows: Rows, every_days: float, width: np.timedelta64) -> NDArray[np.float32]:
    """Give what tells only how many rows were written, and its place in the fleet."""
    step = max(round(every_days * 24 * HOUR / int(width.astype(np.int64))), 1)
    counts = [traffic.count(rows, step * window) for window in WINDOWS]
    places = [RanksByTime.of(rows.cutoff, count).place for count in counts]
    return np.column_stack([*counts, *places]).astype(np.float32)


def reporting(table: pl.DataFrame) -> tuple[NDArray[np.datetime64], NDArray[np.int64]]:
    """Count the nodes that wrote a row in each bucket, in the order of time."""
    told = table.group_by(BUCKET_END).agg(nodes=pl.col(NODE).n_unique()).sort(BUCKET_END)
    return to_times(told[BUCKET_END]), told["nodes"].to_numpy().astype(np.int64)


@dataclass(frozen=True, slots=True)
class Arrivals:
    """How telemetry arrived: rows in all, known before their own time, known at it, and known in bulk.

    In bulk: rows that became known in one moment with others whose `ts` lies further apart than a span.
    """

    rows: int
    early: int  # and so kept out, in quarantine
    at_once: int
    bulk: int
    early_examples: tuple[tuple[str, datetime], ...] = ()
