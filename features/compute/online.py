"""Runs the catalogue for a live fleet at its newest time: the other executor of the features that batch.py defines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from data.schema import NODE
from features.compute import batch
from features.compute.sampled import Sampled
from features.events.history import groups_of
from features.feature import Catalogue, Origin, by_metric
from features.grid import Grid
from features.telemetry import windows
from features.telemetry.derived import DERIVED
from features.telemetry.partial_windows import family_of
from features.telemetry.sliding_windows import Needs, SlidingWindows, bases

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from data.view import View
    from features.feature import Feature
    from features.grid import Array
    from features.population.at_risk import AtRisk, Rows
    from features.telemetry.partial_windows import PartialWindows
    from features.telemetry.sliding_windows import WindowCache


def compute(catalogue: Catalogue, view: View, risk: AtRisk, rows: Rows, shelf: WindowCache) -> NDArray[np.float32]:
    """Compute the catalogue for rows at one cutoff, the view's time, from what the shelf holds and what is new.

    The features are those of `batch.compute`. Windows are merged in another order there, so they differ by rounding:
    a window of k samples by at most about k x 1e-16 of its largest value.

    Returns:
        Array of shape rows x features, as `batch.compute` gives it.
    """
    sampled = [feature for feature in catalogue.features if feature.origin is Origin.WINDOW]
    windows = SlidingWindows(Needs.of(catalogue, view.width), view, shelf).windows()
    out = np.empty((len(rows), len(catalogue.features)), dtype=np.float32, order="F")
    asked = batch.FeatureRequest(view, risk, rows, {name: at for at, name in enumerate(catalogue.names)}, out)
    others = Catalogue(tuple(feature for feature in catalogue.features if feature.origin is not Origin.WINDOW))
    out[:, [asked.column[name] for name in others.names]] = batch.compute(others, view, risk, rows)
    if len(rows):
        _put(asked, sampled, _of_nodes(windows, rows))
    return out


def _of_nodes(windows: Mapping[int, PartialWindows], rows: Rows) -> dict[int, PartialWindows]:
    names = pl.Series(NODE, rows.names, pl.String)
    return {length: folds.of_nodes(names) for length, folds in windows.items()}


def _put(asked: batch.FeatureRequest, features: list[Feature], windows: Mapping[int, PartialWindows]) -> None:
    """Turn windows into features, and set them beside their peers."""
    view, rows = asked.view, asked.rows
    clock, now = Grid.clock(view.width), np.array([view.at.timestamp()])
    only = Sampled(
        view, rows.names, clock, slice(0, 1, 1), rows.node, asked.risk.present[:, -1:], groups_of(view, rows)["rack"]
    )
    for metric, own in by_metric(features):
        for feature in own:
            assert feature.window is not None, "a window has a length"
            parts = [
                _value(windows[length], metric, statistic, length, view)
                for statistic, length in bases(feature.stat, clock.length(feature.window))
            ]
            values = DERIVED[feature.stat].combine(parts, now) if feature.stat in DERIVED else parts[0]
            asked.put(feature, only.of_rows(values, feature.peer))


def _value(folds: PartialWindows, metric: str, statistic: str, length: int, view: View) -> Array:
    per_day = 86_400 / view.width.total_seconds()
    parts = folds.parts[metric, family_of(statistic)]
    return windows.statistic(statistic).value(parts, length, per_day)[:, None]
