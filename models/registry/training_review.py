"""The figures and plots of a training run: how well it forecast what it had not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from features.grid import to_numpy, to_times
from features.training.labels import merge_failures
from models.hazard.out_of_fold import forecasts, metrics
from models.registry import plots

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from models.hazard.model import HazardModel
    from models.hazard.train import Trained

BUDGETS = (0.005, 0.01, 0.02)


@dataclass(frozen=True, slots=True)
class Review:
    """Figures by name, and plots by name."""

    metrics: dict[str, float]
    figures: dict[str, Figure]


def review(trained: Trained) -> Review:
    """Judge a trained model by its folds, and draw what people ask first."""
    told = forecasts(trained)
    figures = {"importance": plots.draw_importance(gains(trained.model), "What the trees gained most by")}
    if told:
        curves = {
            "1 day" if horizon == 1 else f"{horizon:g} days": plots.curve(forecast)
            for horizon, forecast in told.items()
        }
        figures["reliability"] = plots.draw_reliability(told, "Forecast against what happened, on unseen folds")
        figures["caught"] = plots.draw_curves(curves, "Failing node-days caught, on unseen folds", BUDGETS)
    starts = to_times(merge_failures(trained.view.events())["start"])
    figures["failures"] = plots.draw_timeline(
        starts, {"trained until": to_numpy(trained.view.at)}, "Failures in the records"
    )
    return Review(metrics(told), figures)


def gains(model: HazardModel) -> dict[str, float]:
    """Give what each feature gained the trees of all seeds together."""
    total = np.zeros(len(model.feature_names))
    for booster in model.boosters:
        total += booster.feature_importance("gain")[: len(total)]
    return dict(zip(model.feature_names, total.tolist(), strict=True))
