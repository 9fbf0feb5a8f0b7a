"""Fits a calibrated hazard model to a training set, walking forward in time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from data.time_grid import DAY, in_days
from features.grid import Times, to_datetime, to_step
from features.training.labels import Outcomes
from features.training.walk_forward import walk_forward
from models.hazard import base_strength, calibration, rank_logistic
from models.hazard.boosting import BinnedPeriods
from models.hazard.calibration import IntervalPredictions
from models.hazard.model import Covariates, HazardModel, base_log_odds, blend, interval_widths

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data.view import View
    from features.training.person_periods import Periods
    from features.training.training_set import TrainingSet
    from models.hazard.rank_logistic import RankLogistic
    from models.setup import Params, Recipe

CHOICES: Final = (0.5, 0.65, 0.85)  # of the trees' share: with less, LANL's folds chose worse than the usual one
USUAL_SHARE: Final = 0.65  # of the trees, where there are no folds to choose it on


@dataclass(frozen=True, slots=True)
class OutOfFoldPredictions:
    """Predictions of training rows by models that had not learned from them: base and scores are rows x intervals."""

    rows: NDArray[np.int64]  # their indices in the training set
    fold: NDArray[np.int64]
    base: NDArray[np.float64]
    trees: NDArray[np.float64]
    linear: NDArray[np.float64]  # 0 where the trees are alone
    trees_share: float

    @property
    def score(self) -> NDArray[np.float64]:
        """What trees and linear model add to the base."""
        return blend(self.trees, self.linear, self.trees_share)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A calibrated model, and the out-of-fold predictions that calibrated it; None without folds."""

    model: HazardModel
    out_of_fold: OutOfFoldPredictions | None


@dataclass(frozen=True, slots=True)
class FoldData:
    """Rows to learn from, with their outcomes as known at a time; binned once per number of bins."""

    covariates: Covariates
    periods: Periods
    weight: NDArray[np.float64]
    ts: Times
    feature_names: tuple[str, ...]
    base_strength: float  # learned from these rows alone
    binned: dict[int, BinnedPeriods] = field(default_factory=dict)

    @classmethod
    def of(cls, training: TrainingSet, periods: Periods, is_kept: NDArray[np.bool_]) -> FoldData:
        """Keep some rows of a training set, with these outcomes."""
        return cls(
            covariates_of(training).take(is_kept),
            periods.take(is_kept),
            training.weight[is_kept],
            training.rows.ts[is_kept],
            training.catalogue.names,
            base_strength.fit(training, periods, is_kept),
        )

    def fit(self, recipe: Recipe) -> HazardModel:
        """Fit the trees, and the linear model where the recipe leaves it a share; uncalibrated."""
        model, trees_share = self.fit_trees(recipe), recipe.params.trees_share or USUAL_SHARE
        return model if trees_share == 1 else replace(model, linear=self.fit_linear(recipe), trees_share=trees_share)

    def fit_trees(self, recipe: Recipe) -> HazardModel:
        """Fit the trees alone; a failure weighs as much as if the fleet was scored once a day, or less often."""
        params, widths = recipe.params, interval_widths(self.periods.horizons)
        repeats = rows_per_failure(widths, recipe)
        daily_repeats = rows_per_failure(widths, replace(recipe, every=max(recipe.every, DAY)))
        if params.bins not in self.binned:
            self.binned[params.bins] = BinnedPeriods.of(
                self.covariates, self.periods, self.feature_names, params.bins, self.base_strength
            )
        return self.binned[params.bins].fit(self._recent_weight(params)[:, None] * (daily_repeats / repeats), params)

    def fit_linear(self, recipe: Recipe) -> RankLogistic:
        """Fit the linear model alone."""
        widths = interval_widths(self.periods.horizons)
        weight = self._recent_weight(recipe.params)[:, None] * self.periods.exposure / rows_per_failure(widths, recipe)
        base = base_log_odds(self.covariates.fleet_rate.at_strength(self.base_strength)[:, None], widths)
        return rank_logistic.fit(self.covariates.features, base, self.periods.outcome, weight)

    def _recent_weight(self, params: Params) -> NDArray[np.float64]:
        return self.weight * recency_weights(self.ts, params.half_life_days)


@dataclass(frozen=True, slots=True)
class Fold:
    """What a fold's model learns from, and the training set's rows that it is tested on."""

    data: FoldData
    test_rows: NDArray[np.int64]


def train(training: TrainingSet, view: View, recipe: Recipe) -> Fitted:
    """Fit on everything that the view knows, calibrated on walk-forward folds.

    Where the recipe leaves the trees' share to the folds, it is the choice with the lowest log-loss after calibration.
    """
    model = FoldData.of(training, training.periods, np.ones(len(training.rows), dtype=bool)).fit(recipe)
    predictions = predict_out_of_fold(training, view, recipe)
    if predictions is None:
        return Fitted(model, None)
    share = recipe.params.trees_share
    choices = [replace(predictions, trees_share=choice) for choice in ((share,) if share else CHOICES)]
    calibrated = [_calibrate(model, training, choice, recipe) for choice in choices]
    return min(calibrated, key=lambda choice: choice.loss).fitted


@dataclass(frozen=True, slots=True)
class _Calibrated:
    """A calibrated model, and the log-loss of its out-of-fold predictions."""

    fitted: Fitted
    loss: float


def _calibrate(
    model: HazardModel, training: TrainingSet, predictions: OutOfFoldPredictions, recipe: Recipe
) -> _Calibrated:
    """Give a model the trees' share of its out-of-fold predictions, and the calibration that fits them."""
    intervals = _interval_predictions(training, predictions, recipe)
    fitted = calibration.fit(intervals)
    blended = replace(model, trees_share=predictions.trees_share).with_calibration(fitted)
    return _Calibrated(Fitted(blended, predictions), calibration.loss(intervals, fitted))


def predict_out_of_fold(training: TrainingSet, view: View, recipe: Recipe) -> OutOfFoldPredictions | None:
    """Predict each fold by a model that knew only what was known before it; None without folds."""
    recipe, parts = replace(recipe, params=replace(recipe.params, seeds=1)), []
    starts = walk_forward(training.rows.ts[training.periods.fails], recipe.folds)
    for number in range(1, len(starts) + 1):
        fold = make_fold(training, view, starts, number)
        if fold is not None:
            model, covariates = fold.data.fit(recipe), covariates_of(training).take(fold.test_rows)
            parts.append(_predict(model, covariates, fold.test_rows, number))
    return _concatenate(parts) if parts else None


def _predict(model: HazardModel, covariates: Covariates, rows: NDArray[np.int64], fold: int) -> OutOfFoldPredictions:
    trees, base = model.tree_scores(covariates), model.base(covariates.fleet_rate)
    linear = model.linear.scores(covariates.features) if model.linear else np.zeros_like(trees)
    return OutOfFoldPredictions(rows, np.full(len(rows), fold), base, trees, linear, model.trees_share)


def make_fold(training: TrainingSet, view: View, starts: Times, number: int) -> Fold | None:
    """Make a fold, counted from 1: it learns from what was known at its start, and is tested up to the next one's.

    None if no failure was known at its start: a model of no failures has nothing to do with the final one.
    """
    start, fold_of_row = starts[number - 1], np.searchsorted(starts, training.rows.ts, side="right")
    outcomes = Outcomes.of(view.narrow(to_datetime(start)), training.rows.names)
    periods = training.periods.observe_again(training.rows, outcomes)
    is_learned = (fold_of_row < number) & periods.is_known
    if not np.any(periods.fails[is_learned]):
        return None
    return Fold(FoldData.of(training, periods, is_learned), np.flatnonzero(fold_of_row == number))


def _concatenate(parts: list[OutOfFoldPredictions]) -> OutOfFoldPredictions:
    return OutOfFoldPredictions(
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.fold for part in parts]),
        np.concatenate([part.base for part in parts]),
        np.concatenate([part.trees for part in parts]),
        np.concatenate([part.linear for part in parts]),
        parts[0].trees_share,
    )


def covariates_of(training: TrainingSet) -> Covariates:
    """Return what a model knows of a training set's rows."""
    return Covariates(training.features, training.fleet_rate)


def recency_weights(ts: Times, half_life_days: float) -> NDArray[np.float64]:
    """Weigh rows by age: half as much each half-life before the newest one, 1 on average."""
    if not len(ts):
        return np.empty(0)
    weight = np.exp2(-((ts.max() - ts) / to_step(DAY)) / half_life_days)
    return np.asarray(weight / weight.mean())


def rows_per_failure(widths_days: NDArray[np.float64], recipe: Recipe) -> NDArray[np.float64]:
    """Compute how many rows have the same failure as their outcome, for each interval."""
    return np.maximum(widths_days / in_days(recipe.every), 1.0)


def _interval_predictions(
    training: TrainingSet, predictions: OutOfFoldPredictions, recipe: Recipe
) -> list[IntervalPredictions]:
    periods, weight = training.periods.take(predictions.rows), training.weight[predictions.rows]
    repeats = rows_per_failure(interval_widths(periods.horizons), recipe)
    intervals = []
    for interval, repeat in enumerate(repeats):
        is_known = ~np.isnan(periods.outcome[:, interval])
        intervals.append(
            IntervalPredictions(
                predictions.base[is_known, interval],
                predictions.score[is_known, interval],
                periods.outcome[is_known, interval],
                weight[is_known] * periods.exposure[is_known, interval] / repeat,
                predictions.fold[is_known],
            )
        )
    return intervals
