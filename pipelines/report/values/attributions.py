"""Explains why the model gave nodes their probabilities at one time of a replay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from features.compute import batch
from features.events.base_rates import FleetRate
from features.feature import Origin
from features.grid import to_datetime
from features.population.at_risk import assess
from models.hazard.model import Covariates
from serving.explanation.explain import ScoredRows, explain

if TYPE_CHECKING:
    from collections.abc import Collection

    from data.view import View
    from features.feature import Catalogue
    from features.grid import Array, Index
    from models.backtest.replay import Replay


@dataclass(frozen=True, slots=True)
class Attribution:
    """A node's reasons as text, and the telemetry that raised its risk, the strongest first."""

    reasons: tuple[str, ...]
    metrics: tuple[str, ...]


NO_ATTRIBUTION: Final = Attribution((), ())


def attribute(
    replay: Replay, hindsight: View, time: np.datetime64, nodes: Collection[str], peers: Collection[str]
) -> dict[str, Attribution]:
    """Explain nodes at a time as the scorer would have then; leave out those that were not at risk.

    The peers stand for the fleet: they define what is normal.
    """
    now, catalogue = hindsight.narrow(to_datetime(time)), replay.trained.training.catalogue
    design = replay.setup.design
    risk = assess(now, np.array([time]), design.coverage)
    all_rows = risk.rows()
    rows = all_rows.take(_names(all_rows.names, all_rows.node).is_in([*nodes, *peers]).to_numpy())
    is_explained = _names(rows.names, rows.node).is_in(list(nodes)).to_numpy()
    if not is_explained.any():
        return {}
    features = batch.compute(catalogue, now, risk, rows)
    rate = FleetRate.of(now, risk, design.every, design.repeats[0]).take(np.full(np.count_nonzero(is_explained), -1))
    contributions = np.zeros(features.shape)  # none are needed of the peers
    contributions[is_explained] = replay.trained.model.contributions(Covariates(features[is_explained], rate))
    scored = ScoredRows(catalogue, rows, features, contributions, is_explained.astype(np.float64))
    reasons = explain(now, scored, replay.setup.metrics)
    return {
        rows.names[rows.node[row]]: Attribution(
            tuple(map(str, reasons[row])), _strongest_metrics(catalogue, contributions[row])
        )
        for row in np.flatnonzero(is_explained)
    }


def _names(names: tuple[str, ...], node: Index) -> pl.Series:
    return pl.Series(names, dtype=pl.String).gather(node)


def _strongest_metrics(catalogue: Catalogue, contributions: Array) -> tuple[str, ...]:
    """Return the metrics that raise a score, the strongest first."""
    total: dict[str, float] = {}
    for feature, contribution in zip(catalogue.features, contributions.tolist(), strict=True):
        if feature.origin is not Origin.HISTORY and not feature.combines:  # several metrics have no trace
            total[feature.metric] = total.get(feature.metric, 0.0) + contribution
    return tuple(sorted((metric for metric in total if total[metric] > 0), key=lambda metric: -total[metric]))
