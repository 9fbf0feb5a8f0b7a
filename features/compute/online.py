"""Computes the catalogue for a live fleet at its newest time: the same features as batch.py, at a lower cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from data.schema import NODE
from features.compute import batch
from features.compute.request import FeatureRequest
from features.compute.sampled import SampledBuckets, request_of
from features.events.history import groups_of
from features.feature import Catalogue, Origin
from features.grid import Grid
from features.telemetry.sliding_windows import SlidingWindows, WindowNeeds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from data.view import View
    from features.feature import Feature
    from features.grid import Array
    from features.population.at_risk import AtRisk, Rows
    from features.telemetry.partial_windows import PartialWindows
    from features.telemetry.sliding_windows import WindowCache
    from features.telemetry.windows import BaseRequest


def compute(catalogue: Catalogue, view: View, risk: AtRisk, rows: Rows, cache: WindowCache) -> NDArray[np.float32]:
    """Compute the catalogue for rows at one cutoff, the view's time, from cached windows and new buckets.

    The features are those of `batch.compute`. Windows are merged in another order there, so they differ by rounding:
    a window of k samples by at most about k x 1e-16 of its largest value.

    Returns:
        Array of shape rows x features, as `batch.compute` returns it.
    """
    sampled = [feature for feature in catalogue.features if feature.origin is Origin.SAMPLED]
    windows = SlidingWindows(WindowNeeds.of(catalogue, view.width), view, cache).windows()
    request = FeatureRequest.of(catalogue, view, risk, rows)
    others = catalogue.only(Origin.HISTORY, Origin.ON_CHANGE)
    request.matrix[:, [request.column[name] for name in others.names]] = batch.compute(others, view, risk, rows)
    if len(rows):
        _put(request, sampled, _of_nodes(windows, rows))
    return request.matrix


def _of_nodes(windows: Mapping[int, PartialWindows], rows: Rows) -> dict[int, PartialWindows]:
    names = pl.Series(NODE, rows.names, pl.String)
    return {length: window.of_nodes(names) for length, window in windows.items()}


def _put(request: FeatureRequest, features: list[Feature], windows: Mapping[int, PartialWindows]) -> None:
    """Turn windows into features, compared with their peers."""
    view, rows = request.view, request.rows
    clock, now = Grid.clock(view.width), np.array([view.at.timestamp()])
    present, rack = request.risk.present[:, -1:], groups_of(view, rows)["rack"]
    buckets = SampledBuckets(view, rows.names, clock, slice(0, 1, 1), rows.node, present, rack)
    for feature in features:
        statistic, length = request_of(feature, clock)
        values = [_value(windows, feature.metric, base, view) for base in statistic.bases(length)]
        request.put(feature, buckets.of_rows(statistic.combined(values, now), feature.peer))


def _value(windows: Mapping[int, PartialWindows], metric: str, base: BaseRequest, view: View) -> Array:
    statistic, length = base
    parts = windows[length].parts[metric, statistic.family]
    return statistic.value(parts, length, 86_400 / view.width.total_seconds())[:, None]
