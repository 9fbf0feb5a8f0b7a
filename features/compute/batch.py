"""Computes the catalogue for history: features for any (node, cutoff) pairs, as known at each cutoff."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from features.compute.on_change import compute_on_change
from features.compute.request import FeatureRequest, run_in_threads
from features.compute.sampled import SampledBuckets, spans
from features.events.history import EventStatistic, History
from features.feature import Origin
from features.grid import to_datetime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from data.view import View
    from features.feature import Catalogue, Feature
    from features.grid import Index
    from features.population.at_risk import AtRisk, Rows
    from features.telemetry.on_change import OnChangeSeries

BLOCK_CELLS = 1 << 24  # features of a block: 64 MiB


def compute(catalogue: Catalogue, view: View, risk: AtRisk, rows: Rows) -> NDArray[np.float32]:
    """Compute the catalogue for `rows`, whose nodes and cutoffs are those of `risk`.

    Returns:
        Array of shape rows x features, column by column in memory; NaN where a feature is unknown, and where
        it is too large for float32.

    Raises:
        FutureError: if a cutoff comes after the view.
    """
    return _compute(catalogue, view, risk, rows, {})


def blocks(
    catalogue: Catalogue, view: View, risk: AtRisk, rows: Rows, cells: int = BLOCK_CELLS
) -> Iterator[tuple[Index, NDArray[np.float32]]]:
    """Compute the catalogue for a few cutoffs at a time, so that a history of any length fits in memory.

    The rows of a cutoff stay together: peers are compared at the same time.

    Yields:
        The positions of a block's rows among `rows`, and their features as `compute` returns them: no more than
        `cells`, unless one cutoff has more.

    Raises:
        FutureError: if a cutoff comes after the view.
    """
    series: dict[str, OnChangeSeries] = {}
    counts = np.bincount(rows.cutoff, minlength=len(rows.cutoffs)) * len(catalogue.features)
    for cutoffs in _runs(counts.tolist(), cells):
        positions = np.flatnonzero((rows.cutoff >= cutoffs.start) & (rows.cutoff < cutoffs.stop))
        if len(positions):
            of_block = rows.take(positions).during(cutoffs)
            yield positions, _compute(catalogue, view, risk.during(cutoffs), of_block, series)


def _runs(counts: list[int], most: int) -> Iterator[range]:
    """Split the positions of `counts` into runs whose counts add up to at most `most`; a larger one is a run alone."""
    first = total = 0
    for index, count in enumerate(counts):
        if index > first and total + count > most:
            yield range(first, index)
            first, total = index, 0
        total += count
    yield range(first, len(counts))


def _compute(
    catalogue: Catalogue, view: View, risk: AtRisk, rows: Rows, series: dict[str, OnChangeSeries]
) -> NDArray[np.float32]:
    if len(rows.cutoffs):
        view.require(to_datetime(rows.cutoffs.max()))
    request = FeatureRequest.of(catalogue, view, risk, rows, series)
    for origin, execute in _EXECUTORS.items():
        features = [feature for feature in catalogue.features if feature.origin is origin]
        if features and len(rows):
            execute(request, features)
    return request.matrix


def _compute_history(request: FeatureRequest, features: list[Feature]) -> None:
    history = History.of(request.view, request.rows)

    def compute_feature(feature: Feature) -> None:
        assert isinstance(feature.statistic, EventStatistic), "its origin is HISTORY"
        request.put(feature, feature.statistic.value(history, feature.window))

    run_in_threads(compute_feature, features)


def _compute_sampled(request: FeatureRequest, features: list[Feature]) -> None:
    longest = max(feature.window for feature in features if feature.window is not None)
    for positions in spans(request.rows, request.view.width, longest):
        buckets = SampledBuckets.of(request.view, request.risk, request.rows.take(positions), longest)
        for metrics in buckets.read_runs(features):
            put = partial(request.put, positions=positions)
            run_in_threads(partial(buckets.read(metrics).compute, put=put), metrics)


_EXECUTORS = {
    Origin.HISTORY: _compute_history,
    Origin.ON_CHANGE: compute_on_change,
    Origin.SAMPLED: _compute_sampled,
}
