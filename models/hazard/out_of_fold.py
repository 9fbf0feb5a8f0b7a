"""Out-of-fold forecasts of a trained model by horizon, and their metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from data.durations import format_duration
from features.training.labels import Outcomes, label
from models.hazard.model import calibrated_hazards, cumulative_probabilities

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from models.hazard.train import Trained

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class OutOfFoldForecast:
    """Out-of-fold probabilities of one horizon, their labels, and how many rows each sampled row stands for."""

    probability: Floats
    label: Floats
    weight: Floats

    @property
    def observed_over_expected(self) -> float:
        """The failures that were observed, over those that were forecast."""
        return float(np.average(self.label, weights=self.weight) / np.average(self.probability, weights=self.weight))


def forecasts(trained: Trained) -> dict[timedelta, OutOfFoldForecast]:
    """Compute the out-of-fold forecasts of every horizon that has both failures and survivals."""
    predictions, training = trained.fitted.out_of_fold, trained.training
    if predictions is None:
        return {}
    rows, outcomes = training.rows.take(predictions.rows), Outcomes.of(trained.view, training.rows.names)
    hazards = calibrated_hazards(predictions.base, predictions.score, trained.model.calibration)
    probabilities, weight = cumulative_probabilities(hazards), training.weight[predictions.rows]
    by_horizon = {}
    for column, horizon in enumerate(trained.model.horizons):
        labels = label(rows, outcomes, horizon, trained.setup.design.repeat_within(horizon)).label
        is_known = ~np.isnan(labels)
        if 0 < labels[is_known].sum() < np.count_nonzero(is_known):
            by_horizon[horizon] = OutOfFoldForecast(probabilities[is_known, column], labels[is_known], weight[is_known])
    return by_horizon


def metrics(by_horizon: Mapping[timedelta, OutOfFoldForecast]) -> dict[str, float]:
    """Compute the metrics of out-of-fold forecasts, row by row; a sampled row counts as often as its weight says."""
    return {
        f"{name}_{format_duration(horizon)}": value
        for horizon, forecast in by_horizon.items()
        for name, value in (
            ("pr_auc", _average_precision(forecast)),
            ("roc_auc", _roc_auc(forecast)),
            ("observed_over_expected", forecast.observed_over_expected),
        )
    }


def _average_precision(forecast: OutOfFoldForecast) -> float:
    return float(average_precision_score(forecast.label, forecast.probability, sample_weight=forecast.weight))


def _roc_auc(forecast: OutOfFoldForecast) -> float:
    return float(roc_auc_score(forecast.label, forecast.probability, sample_weight=forecast.weight))
