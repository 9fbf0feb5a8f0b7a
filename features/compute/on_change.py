"""Computes the features of on-change metrics for rows: each metric alone, ranked among its peers, and combined."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from data.schema import bucket_column
from features.compute.peer_ranks import PresentPeers
from features.compute.request import run_in_threads
from features.feature import Peer
from features.grid import Grid
from features.telemetry.on_change import AGGREGATES, CombinedStatistic, OnChangeSeries, OnChangeStatistic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from features.compute.request import FeatureRequest
    from features.feature import Feature
    from features.grid import Array
    from features.population.at_risk import Rows


def compute_on_change(request: FeatureRequest, features: list[Feature]) -> None:
    """Compute every metric once, for its own features and for the combined features that it is part of."""
    jobs: dict[str, list[Feature]] = {}
    for feature in features:
        for metric in feature.combines or (feature.metric,):
            jobs.setdefault(metric, []).append(feature)
        if feature.combines:
            request.matrix[:, request.column[feature.name]] = np.nan
    lock, has_peers = Lock(), any(feature.peer is not Peer.NONE for feature in features)
    peers = PresentPeers.of(request.view, request.risk, request.rows) if has_peers else None
    run_in_threads(lambda job: _MetricJob(request, peers, lock, job[0]).compute(job[1]), jobs.items())


@dataclass(frozen=True, slots=True)
class _MetricJob:
    """One on-change metric of some rows, and the peers that were present."""

    request: FeatureRequest
    peers: PresentPeers | None
    lock: Lock
    metric: str

    def compute(self, features: list[Feature]) -> None:
        request, series = self.request, self._series()
        plain = [feature for feature in features if feature.peer is Peer.NONE]
        for feature, values in _values(series, request.rows, plain):
            if isinstance(feature.statistic, CombinedStatistic):
                with self.lock:
                    self._merge(feature, feature.statistic, values)
            else:
                request.put(feature, values)
        if self.peers:
            compared = [feature for feature in features if feature.peer]
            for feature, values in _values(series, self.peers.rows, compared):
                request.put(feature, self.peers.ranks_of_rows(values, feature.peer))

    def _merge(self, feature: Feature, statistic: CombinedStatistic, values: Array) -> None:
        """Merge this metric's values into a combined feature of all rows."""
        column = self.request.matrix[:, self.request.column[feature.name]]
        column[:] = statistic.merge(column, statistic.each(values).astype(np.float32))

    def _series(self) -> OnChangeSeries:
        request = self.request
        if self.metric not in request.series:
            table = request.view.buckets([bucket_column(self.metric, aggregate) for aggregate in AGGREGATES])
            request.series[self.metric] = OnChangeSeries.of(table, self.metric, request.rows.names, request.view.width)
        return request.series[self.metric]


def _values(series: OnChangeSeries, rows: Rows, features: list[Feature]) -> Iterator[tuple[Feature, Array]]:
    """Yield the statistic of each feature for all rows; of a combined one, its base statistic of this metric."""
    if not features:
        return
    clock = Grid.clock(series.width)
    bucket = clock.position(rows.ts)
    now = series.at(rows.node, bucket)
    for window in {feature.window for feature in features}:
        then = now if window is None else series.at(rows.node, bucket - clock.length(window))
        for feature in features:
            if feature.window == window:
                yield feature, _base(feature).value(now, then)


def _base(feature: Feature) -> OnChangeStatistic:
    statistic = feature.statistic
    base = statistic.base if isinstance(statistic, CombinedStatistic) else statistic
    assert isinstance(base, OnChangeStatistic), "its origin is ON_CHANGE"
    return base
