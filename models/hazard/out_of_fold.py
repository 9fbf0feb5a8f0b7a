"""Forecasts of the folds that a model had not seen, and how right they were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from features.grid import days
from features.training.labels import Outcomes, label
from models.hazard.model import calibrated, cumulative

if TYPE_CHECKING:
    from models.hazard.train import Trained

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class OutOfFoldForecast:
    """Out-of-fold probabilities of one horizon, their labels, and what each sampled row stands for."""

    probability: Floats
    label: Floats
    weight: Floats

    @property
    def observed_over_expected(self) -> float:
        """Give the failures that came, over those that were forecast."""
        return float(np.average(self.label, weights=self.weight) / np.average(self.probability, weights=self.weight))


def forecasts(trained: Trained) -> dict[float, OutOfFoldForecast]:
    """Give the out-of-fold forecasts of every horizon that has both outcomes."""
    told, training = trained.fitted.told, trained.training
    if told is None:
        return {}
    rows, outcomes = training.rows.take(told.chosen), Outcomes.of(trained.view, training.rows.names)
    probability = cumulative(calibrated(told.base, told.score, trained.model.calibration))
    out = {}
    for at, horizon in enumerate(trained.model.horizons_days):
        labels = label(rows, outcomes, days(horizon))
        known = ~np.isnan(labels)
        if 0 < labels[known].sum() < np.count_nonzero(known):
            out[horizon] = OutOfFoldForecast(probability[known, at], labels[known], training.weight[told.chosen][known])
    return out


def metrics(told: dict[float, OutOfFoldForecast]) -> dict[str, float]:
    """Judge out-of-fold forecasts, row by row; sampled rows count for those they stand for."""
    return {
        f"{name}_{horizon:g}d": value
        for horizon, forecast in told.items()
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
