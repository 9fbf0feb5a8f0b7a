"""Fits a calibrated hazard model to a training set, walking forward in time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from features.dataset import DAY, Periods, TrainingSet
from features.grid import Times, to_datetime
from features.labels import Outcomes
from models import calibrate, hazard, linear
from models.calibrate import Predictions
from models.hazard import Covariates, HazardModel, Params
from models.splits import walk_forward

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data.view import View


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is trained: its trees, and the folds that calibrate it."""

    params: Params
    folds: int
    every_days: float


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """Predictions of rows that their model had not seen: base and score are rows x intervals."""

    chosen: NDArray[np.int64]
    base: NDArray[np.float64]
    score: NDArray[np.float64]
    fold: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A calibrated model, and the out-of-fold predictions that calibrated it; None without folds."""

    model: HazardModel
    told: OutOfFold | None


def train(training: TrainingSet, view: View, recipe: Recipe) -> Fitted:
    """Fit on everything that the view knows, calibrated on walk-forward folds."""
    model = _fit(training, training.periods, np.ones(len(training.rows), dtype=bool), recipe)
    told = out_of_fold(training, view, recipe)
    if told is None:
        return Fitted(model, None)
    return Fitted(model.calibrate(calibrate.fit(_predictions(training, told, recipe))), told)


def out_of_fold(training: TrainingSet, view: View, recipe: Recipe) -> OutOfFold | None:
    """Predict each fold by a model that knew only what was known before it; None without folds."""
    ts, recipe = training.rows.ts, replace(recipe, params=replace(recipe.params, seeds=1))
    starts = walk_forward(ts[training.periods.fails], recipe.folds)
    fold = np.searchsorted(starts, ts, side="right")  # 0: before the first one
    parts = []
    for number, start in enumerate(starts, start=1):
        known = Outcomes.of(view.narrow(to_datetime(start)), training.rows.names)
        periods = Periods.of(training.rows, known, training.periods.horizons_days)
        learned = (fold < number) & periods.is_known
        if not np.any(periods.fails[learned]):
            continue  # a model that saw no failure says nothing about one that did
        model, tested = _fit(training, periods, learned, recipe), np.flatnonzero(fold == number)
        seen = _covariates(training).take(tested)
        parts.append(OutOfFold(tested, model.base(seen.fleet_rate), model.scores(seen), fold[tested]))
    return _joined(parts) if parts else None


def _joined(parts: list[OutOfFold]) -> OutOfFold:
    return OutOfFold(
        np.concatenate([part.chosen for part in parts]),
        np.concatenate([part.base for part in parts]),
        np.concatenate([part.score for part in parts]),
        np.concatenate([part.fold for part in parts]),
    )


def _covariates(training: TrainingSet) -> Covariates:
    return Covariates(training.features, training.fleet_rate)


def recency(ts: Times, half_life_days: float) -> NDArray[np.float64]:
    """Weigh rows by age: half as much each half-life before the newest one, 1 on average."""
    if not len(ts):
        return np.empty(0)
    weight = np.exp2(-((ts.max() - ts) / DAY) / half_life_days)
    return np.asarray(weight / weight.mean())


def _fit(training: TrainingSet, periods: Periods, chosen: NDArray[np.bool_], recipe: Recipe) -> HazardModel:
    params, seen, told = recipe.params, _covariates(training).take(chosen), periods.take(chosen)
    weight = training.weight[chosen] * recency(training.rows.ts[chosen], params.half_life_days)
    model = hazard.fit(seen, told, weight, training.catalogue.names, params)
    if params.trees_share == 1:
        return model
    once = weight[:, None] * told.exposure / _repeats(model.widths_days, recipe)
    return replace(
        model,
        line=linear.fit(seen.features, model.base(seen.fleet_rate), told.outcome, once),
        trees_share=params.trees_share,
    )


def _repeats(widths_days: NDArray[np.float64], recipe: Recipe) -> NDArray[np.float64]:
    """Give in how many rows one failure counts as each interval's."""
    return np.maximum(widths_days / recipe.every_days, 1.0)


def _predictions(training: TrainingSet, told: OutOfFold, recipe: Recipe) -> list[Predictions]:
    periods, weight = training.periods.take(told.chosen), training.weight[told.chosen]
    widths = np.diff(np.array([0.0, *periods.horizons_days]))
    out = []
    for at, repeats in enumerate(_repeats(widths, recipe)):
        known = ~np.isnan(periods.outcome[:, at])
        out.append(
            Predictions(
                told.base[known, at],
                told.score[known, at],
                periods.outcome[known, at],
                weight[known] * periods.exposure[known, at] / repeats,
                told.fold[known],
            )
        )
    return out
