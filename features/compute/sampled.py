"""Computes the window features of sampled metrics for rows, and sets them beside their peers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data.schema import bucket_column
from features.events.history import groups_of
from features.feature import Peer, by_metric
from features.grid import Grid, to_step
from features.telemetry import derived, peers
from features.telemetry.panel import BucketLayout
from features.telemetry.windows import columns_of

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

SPAN_CELLS = 1 << 24  # nodes x buckets that are laid out at once
READ_CELLS = 1 << 23  # bucket aggregates that are read at once
MOST_STOPS = 2  # windows that are computed for each that is asked for
Metrics = list[tuple[str, "list[Feature]"]]


@dataclass(frozen=True, slots=True)
class Sampled:
    """The buckets, the cutoffs among them, and the rows among nodes x cutoffs."""

    view: View
    names: tuple[str, ...]
    grid: Grid
    at: Stops
    row: Index  # of each row: its place among nodes x cutoffs
    present: NDArray[np.bool_]
    rack: Index

    @classmethod
    def of(cls, view: View, risk: AtRisk, rows: Rows, longest: timedelta) -> Sampled:
        """Lay out the buckets that the longest window reaches, and the cutoffs that rows use."""
        used = np.unique(rows.cutoff)
        cutoffs = rows.cutoffs[used]
        first = cutoffs[0] - to_step(longest - view.width)
        grid = Grid.spanning(first, cutoffs[-1], view.width)
        at, stop = _stops(grid.position(cutoffs))
        present = np.zeros((len(rows.names), int(stop[-1]) + 1), dtype=np.bool_)
        present[:, stop] = risk.present[:, used]
        row = rows.node * present.shape[1] + stop[np.searchsorted(used, rows.cutoff)]
        return cls(view, rows.names, grid, at, row, present, groups_of(view, rows)["rack"])

    def readable(self, features: Iterable[Feature]) -> Iterator[Metrics]:
        """Cut the metrics into runs whose buckets are read at once."""
        room = READ_CELLS // max(len(self.names) * self.grid.count, 1)
        run: Metrics = []
        for metric, own in by_metric(features):
            if run and sum(len(aggregates_of(one)) for _, one in run) + len(aggregates_of(own)) > room:
                yield run
                run = []
            run.append((metric, own))
        yield run

    def read(self, metrics: Metrics) -> Work:
        """Read the buckets of a run of metrics."""
        columns = [bucket_column(metric, name) for metric, own in metrics for name in aggregates_of(own)]
        table = self.view.buckets(columns, self.grid.start, self.grid.end)
        return Work(self, table, BucketLayout.of(table, self.names, self.grid))

    def of_rows(self, values: Array, peer: Peer) -> Array:
        """Set nodes x cutoffs beside their peers, and pick the rows."""
        if peer is not Peer.NONE:
            values = self._beside(np.where(self.present, values, np.nan), peer)
        return np.take(values, self.row)

    def _beside(self, values: Array, peer: Peer) -> Array:
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
class Work:
    """A run of metrics whose buckets have been read."""

    sampled: Sampled
    table: pl.DataFrame
    layout: BucketLayout

    def compute(self, job: tuple[str, list[Feature]], put: Callable[[Feature, Array], None]) -> None:
        """Compute the features of one metric, and put each where it belongs."""
        (metric, features), grid = job, self.sampled.grid
        panel = self.layout.panel(self.table, metric, aggregates_of(features))
        wanted = {feature: (feature.stat, grid.length(feature.window)) for feature in features if feature.window}
        values = derived.compute(panel, dict.fromkeys(wanted.values()), self.sampled.at)
        for feature, key in wanted.items():
            put(feature, self.sampled.of_rows(values[key], feature.peer))


def spans(rows: Rows, width: timedelta, longest: timedelta) -> Iterator[Index]:
    """Part the rows by time, so that the buckets of a span, and of the window before it, can be held at once."""
    before = Grid.clock(width).length(longest)
    buckets = max(SPAN_CELLS // max(len(rows.names), 1), 2 * before) - before
    number = (rows.cutoffs - rows.cutoffs[0]) // to_step(buckets * width)
    for span in np.unique(number[rows.cutoff]):
        yield np.flatnonzero(number[rows.cutoff] == span)


def aggregates_of(features: Iterable[Feature]) -> list[str]:
    """List the bucket aggregates that features of one metric are made of."""
    return columns_of({stat for feature in features for stat in derived.base_statistics(feature.stat)})


def _stops(positions: Index) -> tuple[Stops, Index]:
    """Stop at rising positions, by a slice, which copies nothing, if it leaves few out; and say which stop each is."""
    step = max(int(np.gcd.reduce(np.diff(positions))), 1)
    stop = (positions - positions[0]) // step
    if stop[-1] >= MOST_STOPS * len(positions):
        return positions, np.arange(len(positions))
    return slice(int(positions[0]), int(positions[-1]) + 1, step), stop
