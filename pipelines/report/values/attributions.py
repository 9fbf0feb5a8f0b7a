"""Why the model gave nodes their probabilities at one time of a replay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from features.compute import batch
from features.events.base_rates import steady_rate
from features.feature import Origin
from features.grid import to_datetime
from features.population.at_risk import assess
from models.hazard.model import Covariates
from serving.explanation.explain import ScoredRows, explain

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from data.view import View
    from features.feature import Catalogue
    from models.backtest.replay import Replay


@dataclass(frozen=True, slots=True)
class Why:
    """A node's reasons in words, and the telemetry that raised its risk, the strongest first."""

    reasons: tuple[str, ...]
    metrics: tuple[str, ...]


NOTHING = Why((), ())


@dataclass(frozen=True, slots=True)
class Scope:
    """Which nodes are to be explained, and which ones stand for the fleet."""

    wanted: Collection[str]
    peers: Collection[str]


def why(replay: Replay, hindsight: View, moment: np.datetime64, scope: Scope) -> dict[str, Why]:
    """Explain some nodes at a time, as the scorer would have then; those that were not at risk are left out."""
    now, catalogue = hindsight.narrow(to_datetime(moment)), replay.trained.training.catalogue
    risk = assess(now, np.array([moment]), replay.setup.design.coverage)
    everyone = risk.rows()
    names = pl.Series(everyone.names, dtype=pl.String).gather(everyone.node)
    rows = everyone.take(names.is_in([*scope.wanted, *scope.peers]).to_numpy())
    is_wanted = pl.Series(rows.names, dtype=pl.String).gather(rows.node).is_in(list(scope.wanted)).to_numpy()
    if not is_wanted.any():
        return {}
    features = batch.compute(catalogue, now, risk, rows)
    rate = np.full(np.count_nonzero(is_wanted), steady_rate(now, risk, replay.setup.design.every_days)[-1])
    added = np.zeros(features.shape)  # the rest of the fleet only says what is normal
    added[is_wanted] = replay.trained.model.contributions(Covariates(features[is_wanted], rate))
    told = explain(
        now, ScoredRows(catalogue, rows, features, added, is_wanted.astype(np.float64)), replay.setup.metrics
    )
    return {
        rows.names[rows.node[at]]: Why(tuple(map(str, told[at])), _strongest(catalogue, added[at]))
        for at in np.flatnonzero(is_wanted)
    }


def _strongest(catalogue: Catalogue, added: NDArray[np.float64]) -> tuple[str, ...]:
    """Name the telemetry that raises a score, the strongest first."""
    total: dict[str, float] = {}
    for feature, share in zip(catalogue.features, added.tolist(), strict=True):
        if feature.origin is not Origin.HISTORY and not feature.combines:  # several metrics have no trace
            total[feature.metric] = total.get(feature.metric, 0.0) + share
    return tuple(sorted((metric for metric in total if total[metric] > 0), key=lambda metric: -total[metric]))
