"""How well a model forecast the folds that it had not seen: the figures and plots of a training run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from features.dataset import days
from features.grid import to_numpy, to_times
from features.labels import Outcomes, label, merge_failures
from models import plots
from models.hazard import calibrated, cumulative

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from models.hazard import HazardModel
    from models.training import Trained

Floats = NDArray[np.float64]
BUDGETS = (0.005, 0.01, 0.02)


@dataclass(frozen=True, slots=True)
class Forecast:
    """Out-of-fold probabilities of one horizon, their labels, and what each sampled row stands for."""

    probability: Floats
    label: Floats
    weight: Floats

    @property
    def observed_over_expected(self) -> float:
        """Give the failures that came, over those that were forecast."""
        return float(np.average(self.label, weights=self.weight) / np.average(self.probability, weights=self.weight))


@dataclass(frozen=True, slots=True)
class Review:
    """Figures by name, and plots by name."""

    metrics: dict[str, float]
    figures: dict[str, Figure]


def forecasts(trained: Trained) -> dict[float, Forecast]:
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
            out[horizon] = Forecast(probability[known, at], labels[known], training.weight[told.chosen][known])
    return out


def metrics(told: dict[float, Forecast]) -> dict[str, float]:
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


def _average_precision(forecast: Forecast) -> float:
    return float(average_precision_score(forecast.label, forecast.probability, sample_weight=forecast.weight))


def _roc_auc(forecast: Forecast) -> float:
    return float(roc_auc_score(forecast.label, forecast.probability, sample_weight=forecast.weight))


def review(trained: Trained) -> Review:
    """Judge a trained model by its folds, and draw what people ask first."""
    told = forecasts(trained)
    figures = {"importance": plots.draw_importance(gains(trained.model), "What the trees gained most by")}
    if told:
        curves = {f"{horizon:g} days": plots.curve(forecast) for horizon, forecast in told.items()}
        figures["reliability"] = plots.draw_reliability(told, "Forecast against what happened, on unseen folds")
        figures["caught"] = plots.draw_curves(curves, "Failing node-days caught, on unseen folds", BUDGETS)
    starts = to_times(merge_failures(trained.view.events())["start"])
    figures["failures"] = plots.draw_timeline(
        starts, {"trained until": to_numpy(trained.view.at)}, "Failures that were learned from"
    )
    return Review(metrics(told), figures)


def gains(model: HazardModel) -> dict[str, float]:
    """Give what each feature gained the trees of all seeds together."""
    total = np.zeros(len(model.feature_names))
    for booster in model.boosters:
        total += booster.feature_importance("gain")[: len(total)]
    return dict(zip(model.feature_names, total.tolist(), strict=True))
