"""The metrics and plots of a training run: how well the model forecast rows that it had not learned from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data.durations import format_duration
from data.outages import merge_failures
from features.grid import to_numpy, to_times
from models.hazard.out_of_fold import forecasts, metrics
from models.registry import plots

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from models.hazard.model import HazardModel
    from models.hazard.train import Trained

BUDGETS = (0.005, 0.01, 0.02)


@dataclass(frozen=True, slots=True)
class TrainingReview:
    """Metrics by name, and plots by name."""

    metrics: dict[str, float]
    figures: dict[str, Figure]


def review_training(trained: Trained) -> TrainingReview:
    """Compute a trained model's out-of-fold metrics, and draw its plots."""
    by_horizon = forecasts(trained)
    figures = {"importance": plots.draw_importance(gains(trained.model), "What the trees gained most by")}
    if by_horizon:
        curves = {format_duration(horizon): plots.capture_curve(forecast) for horizon, forecast in by_horizon.items()}
        figures["reliability"] = plots.draw_reliability(by_horizon, "Forecast against what happened, on unseen folds")
        figures["caught"] = plots.draw_curves(curves, "Failing node-days caught, on unseen folds", BUDGETS)
    starts = to_times(merge_failures(trained.view.events())["start"])
    marks = {"trained until": to_numpy(trained.view.at)}
    figures["failures"] = plots.draw_timeline(starts, marks, "Failures in the records")
    return TrainingReview(metrics(by_horizon), figures)


def gains(model: HazardModel) -> dict[str, float]:
    """Sum what each feature gained the trees, over all seeds."""
    total = np.zeros(len(model.feature_names))
    for booster in model.boosters:
        total += booster.feature_importance("gain")[: len(total)]
    return dict(zip(model.feature_names, total.tolist(), strict=True))
