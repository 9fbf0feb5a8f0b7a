"""Computes the window features of sampled metrics for rows, and compares them with their peers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data.schema import bucket_column
from features.events.history import groups_of
from features.feature import Peer, by_metric
from features.grid import Grid, to_step
from features.telemetry import peers, windows
from features.telemetry.panel import BucketLayout
from features.telemetry.window_statistics import DerivedStatistic, WindowStatistic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import timedelta

    import polars as pl
    from numpy.typing import NDArray

    from data.view import View
    from features.feature import Feature
    from features.grid import Array, Index
    from features.population.at_risk import AtRisk, Rows
    from features.telemetry.aggregates import Stops
    from features.telemetry.windows import Request

SPAN_CELLS = 1 << 24  # nodes x buckets that are laid out at once
READ_CELLS = 1 << 23  # bucket aggregates that are read at once
MOST_STOPS = 2  # windows that are computed for each one that is requested
MetricFeatures = tuple[str, "list[Feature]"]


@dataclass(frozen=True, slots=True)
class SampledBuckets:
    """The buckets, the cutoffs among them, and the position of each row in an array of nodes x cutoffs."""

    view: View
    names: tuple[str, ...]
    grid: Grid
    stops: Stops
    position: Index  # of each row, in a flat array of nodes x cutoffs
    present: NDArray[np.bool_]
    rack: Index

    @classmethod
    def of(cls, view: View, risk: AtRisk, rows: Rows, longest: timedelta) -> SampledBuckets:
        """Lay out the buckets that the longest window reaches, and the cutoffs that rows use."""
        used = np.unique(rows.cutoff)
        cutoffs = rows.cutoffs[used]
        first = cutoffs[0] - to_step(longest - view.width)
        grid = Grid.spanning(first, cutoffs[-1], view.width)
        stops, stop = _stops(grid.position(cutoffs))
        present = np.zeros((len(rows.names), int(stop[-1]) + 1), dtype=np.bool_)
        present[:, stop] = risk.present[:, used]
        position = rows.node * present.shape[1] + stop[np.searchsorted(used, rows.cutoff)]
        return cls(view, rows.names, grid, stops, position, present, groups_of(view, rows)["rack"])

    def read_runs(self, features: Iterable[Feature]) -> Iterator[list[MetricFeatures]]:
        """Group the metrics into runs whose buckets are read at once."""
        most = READ_CELLS // max(len(self.names) * self.grid.count, 1)
        run: list[MetricFeatures] = []
        for metric, group in by_metric(features):
            if run and sum(len(aggregates_of(read)) for _, read in run) + len(aggregates_of(group)) > most:
                yield run
                run = []
            run.append((metric, group))
        yield run

    def read(self, metrics: list[MetricFeatures]) -> MetricRun:
        """Read the buckets of a run of metrics."""
        columns = [bucket_column(metric, name) for metric, features in metrics for name in aggregates_of(features)]
        table = self.view.buckets(columns, self.grid.start, self.grid.end)
        return MetricRun(self, table, BucketLayout.of(table, self.names, self.grid))

    def of_rows(self, values: Array, peer: Peer) -> Array:
        """Compare the values of nodes x cutoffs with their peers, and return those of the rows."""
        if peer is not Peer.NONE:
            values = self._compared(np.where(self.present, values, np.nan), peer)
        return np.take(values, self.position)

    def _compared(self, values: Array, peer: Peer) -> Array:
        match peer:
            case Peer.FLEET:
                return peers.fleet_deviation(values)
            case Peer.RATIO:
                return peers.fleet_ratio(values)
            case Peer.RANK:
                return peers.fleet_rank(values)
            case _:
                return peers.group_deviation(values, self.rack)


@dataclass(frozen=True, slots=True)
class MetricRun:
    """A run of metrics whose buckets have been read."""

    buckets: SampledBuckets
    table: pl.DataFrame
    layout: BucketLayout

    def compute(self, job: MetricFeatures, put: Callable[[Feature, Array], None]) -> None:
        """Compute the features of one metric, and put each into the matrix."""
        (metric, features), grid = job, self.buckets.grid
        panel = self.layout.panel(self.table, metric, aggregates_of(features))
        requests = {feature: request_of(feature, grid) for feature in features}
        values = windows.compute(panel, dict.fromkeys(requests.values()), self.buckets.stops)
        for feature, request in requests.items():
            put(feature, self.buckets.of_rows(values[request], feature.peer))


def request_of(feature: Feature, grid: Grid) -> Request:
    """Return a feature's statistic and the length of its window in buckets."""
    assert isinstance(feature.statistic, WindowStatistic | DerivedStatistic), "its origin is SAMPLED"
    assert feature.window is not None, "a window over samples has a length"
    return feature.statistic, grid.length(feature.window)


def spans(rows: Rows, width: timedelta, longest: timedelta) -> Iterator[Index]:
    """Split the rows by time, so that the buckets of a span, and of the window before it, fit in memory at once."""
    before = Grid.clock(width).length(longest)
    buckets = max(SPAN_CELLS // max(len(rows.names), 1), 2 * before) - before
    span_of_cutoff = (rows.cutoffs - rows.cutoffs[0]) // to_step(buckets * width)
    for span in np.unique(span_of_cutoff[rows.cutoff]):
        yield np.flatnonzero(span_of_cutoff[rows.cutoff] == span)


def aggregates_of(features: Iterable[Feature]) -> list[str]:
    """List the bucket aggregates that features of one metric are computed from."""
    statistics = [feature.statistic for feature in features]
    return windows.columns_of(
        (statistic, 1) for statistic in statistics if isinstance(statistic, WindowStatistic | DerivedStatistic)
    )


def _stops(positions: Index) -> tuple[Stops, Index]:
    """Return stops for ascending positions, and the stop of each; as a slice, which copies nothing, if it adds few."""
    step = max(int(np.gcd.reduce(np.diff(positions))), 1)
    stop = (positions - positions[0]) // step
    if stop[-1] >= MOST_STOPS * len(positions):
        return positions, np.arange(len(positions))
    return slice(int(positions[0]), int(positions[-1]) + 1, step), stop
