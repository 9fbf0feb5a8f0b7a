"""When rows were written and how many, whatever values they hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.schema import BUCKET_END, LATENESS, NODE, bucket_column
from features.grid import Grid, locate, to_step, to_times
from models.audit.permutation import RanksByTime

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from numpy.typing import NDArray

    from data.view import View
    from features.grid import Array, Index, Times
    from features.population.at_risk import Rows

HOUR: Final = 3_600_000_000  # microseconds
MINUTE: Final = 60_000_000
WINDOWS: Final = (1, 7, 30)  # steps between forecasts


@dataclass(frozen=True, slots=True)
class ArrivalCounts:
    """Rows of telemetry in the order of node and the bucket in which they became known."""

    grid: Grid
    span: int  # buckets of each node in `key`
    key: Index  # node * span + bucket, ascending
    before: Index  # rows before each entry of `key`, and all rows at the end
    newest: Index  # the newest sample's time in microseconds

    @classmethod
    def of(cls, table: pl.DataFrame, names: Sequence[str], grid: Grid) -> ArrivalCounts:
        """Count buckets with `n` and `last_ts` (see `read_counts`)."""
        node, bucket = locate(table[NODE], names), grid.position(to_times(table[BUCKET_END]))
        known_in = bucket + table[LATENESS].to_numpy()
        span = int(known_in.max(initial=0)) + 2
        kept = np.flatnonzero(node >= 0)
        key = (node * span + known_in)[kept]
        order = np.argsort(key, kind="stable")
        count = table["n"].to_numpy().astype(np.int64)[kept][order]
        return cls(grid, span, key[order], np.r_[0, np.cumsum(count)], table["last_ts"].to_numpy()[kept][order])

    def count(self, rows: Rows, buckets: int) -> Array:
        """Count the rows that became known in so many buckets before each cutoff."""
        low, high = self._known_before(rows, -buckets), self._known_before(rows, 0)
        return (self.before[high] - self.before[low]).astype(np.float64)

    def age_hours(self, rows: Rows) -> Array:
        """Return the hours since each row's newest sample; NaN where there was none."""
        newest = self._newest(rows)
        return np.where(newest < 0, np.nan, (rows.ts.astype(np.int64) - newest) / HOUR)

    def past_the_hour(self, rows: Rows) -> Array:
        """Return the minutes past the hour of the newest sample; NaN where there was none."""
        newest = self._newest(rows)
        return np.where(newest < 0, np.nan, newest % HOUR / MINUTE)

    def _newest(self, rows: Rows) -> Index:
        end = self._known_before(rows, 0)
        newest = np.r_[-1, self.newest][end]
        return np.where(end > self._position(rows.node * self.span), newest, -1)

    def _known_before(self, rows: Rows, buckets: int) -> Index:
        """Return the end of the entries that were known to each row's node so many buckets after its cutoff."""
        bucket = np.clip(self.grid.position(rows.cutoffs)[rows.cutoff] + buckets, -1, self.span - 1)
        return self._position(rows.node * self.span + bucket + 1)

    def _position(self, key: Index) -> Index:
        return np.searchsorted(self.key, key, "left")


def read_counts(view: View, metrics: Sequence[str]) -> pl.DataFrame:
    """Read node, bucket_end, lateness, each metric's n, and over all of them n and last_ts."""
    counts, times = ([bucket_column(metric, part) for metric in metrics] for part in ("n", "last_ts"))
    table = view.buckets([*counts, *times])
    joined = table.with_columns(n=pl.max_horizontal(counts), last_ts=pl.max_horizontal(times)).drop(times)
    return joined.filter(pl.col("n") > 0)


def time_features(arrivals: ArrivalCounts, rows: Rows) -> NDArray[np.float32]:
    """Return features that depend only on when rows were written."""
    return np.column_stack([arrivals.age_hours(rows), arrivals.past_the_hour(rows)]).astype(np.float32)


def count_features(arrivals: ArrivalCounts, rows: Rows, every: timedelta, width: np.timedelta64) -> NDArray[np.float32]:
    """Return features that depend only on how many rows were written: counts, and their ranks in the fleet."""
    step = max(round(to_step(every) / width), 1)
    counts = [arrivals.count(rows, step * window) for window in WINDOWS]
    ranks = [RanksByTime.of(rows.cutoff, count).relative for count in counts]
    return np.column_stack([*counts, *ranks]).astype(np.float32)


def reporting_nodes(table: pl.DataFrame) -> tuple[Times, Index]:
    """Count the nodes that wrote a row in each bucket, in the order of time."""
    by_bucket = table.group_by(BUCKET_END).agg(nodes=pl.col(NODE).n_unique()).sort(BUCKET_END)
    return to_times(by_bucket[BUCKET_END]), by_bucket["nodes"].to_numpy().astype(np.int64)


@dataclass(frozen=True, slots=True)
class Arrivals:
    """How telemetry arrived: rows in all, known before their own time, known at it, and known in bulk.

    In bulk: rows that became known at one moment together with others whose `ts` lies further apart than a span.
    """

    rows: int
    early: int  # and so kept out, in quarantine
    at_once: int
    bulk: int
    early_examples: tuple[tuple[str, datetime], ...] = ()
