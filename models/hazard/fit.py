"""Fits a calibrated hazard model to a training set, walking forward in time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from features.grid import DAY, Times, to_datetime
from features.training.labels import Outcomes
from features.training.person_periods import Periods
from models.hazard import calibration, rank_logistic
from models.hazard.calibration import Predictions
from models.hazard.model import Binned, Covariates, HazardModel, base_log_odds
from models.hazard.walk_forward import walk_forward

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data.view import View
    from features.training.training_set import TrainingSet
    from models.hazard.rank_logistic import RankLogistic
    from models.setup import Params, Recipe


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


@dataclass(frozen=True, slots=True)
class FoldData:
    """Rows to learn from, with their outcomes as known at a time; binned once for all recipes of as many bins."""

    seen: Covariates
    told: Periods
    weight: NDArray[np.float64]
    ts: Times
    names: tuple[str, ...]
    binned: dict[int, Binned] = field(default_factory=dict)

    @classmethod
    def of(cls, training: TrainingSet, periods: Periods, chosen: NDArray[np.bool_]) -> FoldData:
        """Take some rows of a training set."""
        seen, told = covariates(training).take(chosen), periods.take(chosen)
        return cls(seen, told, training.weight[chosen], training.rows.ts[chosen], training.catalogue.names)

    def teach(self, recipe: Recipe) -> HazardModel:
        """Fit trees, and a line beside them where the recipe leaves it a share; uncalibrated."""
        model, share = self.trees(recipe.params), recipe.params.trees_share
        return model if share == 1 else replace(model, line=self.line(recipe), trees_share=share)

    def trees(self, params: Params) -> HazardModel:
        """Fit the trees alone."""
        if params.bins not in self.binned:
            self.binned[params.bins] = Binned.of(self.seen, self.told, self.names, params.bins)
        return self.binned[params.bins].fit(self._recent(params), params)

    def line(self, recipe: Recipe) -> RankLogistic:
        """Fit the line alone."""
        widths = np.diff(np.array([0.0, *self.told.horizons_days]))
        once = self._recent(recipe.params)[:, None] * self.told.exposure / repeats(widths, recipe)
        base = base_log_odds(self.seen.fleet_rate[:, None], widths)
        return rank_logistic.fit(self.seen.features, base, self.told.outcome, once)

    def _recent(self, params: Params) -> NDArray[np.float64]:
        return self.weight * recency(self.ts, params.half_life_days)


@dataclass(frozen=True, slots=True)
class Fold:
    """What a fold's model learns from, and the rows that it is tested on."""

    lesson: FoldData
    tested: NDArray[np.int64]


def train(training: TrainingSet, view: View, recipe: Recipe) -> Fitted:
    """Fit on everything that the view knows, calibrated on walk-forward folds."""
    model = FoldData.of(training, training.periods, np.ones(len(training.rows), dtype=bool)).teach(recipe)
    told = out_of_fold(training, view, recipe)
    if told is None:
        return Fitted(model, None)
    return Fitted(model.calibrate(calibration.fit(_predictions(training, told, recipe))), told)


def out_of_fold(training: TrainingSet, view: View, recipe: Recipe) -> OutOfFold | None:
    """Predict each fold by a model that knew only what was known before it; None without folds."""
    recipe, parts = replace(recipe, params=replace(recipe.params, seeds=1)), []
    starts = walk_forward(training.rows.ts[training.periods.fails], recipe.folds)
    for number in range(1, len(starts) + 1):
        fold = fold_of(training, view, starts, number)
        if fold is not None:
            model, seen = fold.lesson.teach(recipe), covariates(training).take(fold.tested)
            of_fold = np.full(len(fold.tested), number)
            parts.append(OutOfFold(fold.tested, model.base(seen.fleet_rate), model.scores(seen), of_fold))
    return _joined(parts) if parts else None


def fold_of(training: TrainingSet, view: View, starts: Times, number: int) -> Fold | None:
    """Give a fold, counted from 1: it learns from what was known at its start, and is tested up to the next one's.

    None if no failure was known at its start: a model that saw none says nothing about one that did.
    """
    start, place = starts[number - 1], np.searchsorted(starts, training.rows.ts, side="right")
    known = Outcomes.of(view.narrow(to_datetime(start)), training.rows.names)
    periods = Periods.of(training.rows, known, training.periods.horizons_days)
    learned = (place < number) & periods.is_known
    if not np.any(periods.fails[learned]):
        return None
    return Fold(FoldData.of(training, periods, learned), np.flatnonzero(place == number))


def _joined(parts: list[OutOfFold]) -> OutOfFold:
    return OutOfFold(
        np.concatenate([part.chosen for part in parts]),
        np.concatenate([part.base for part in parts]),
        np.concatenate([part.score for part in parts]),
        np.concatenate([part.fold for part in parts]),
    )


def covariates(training: TrainingSet) -> Covariates:
    """Give what a model sees of a training set."""
    return Covariates(training.features, training.fleet_rate)


def recency(ts: Times, half_life_days: float) -> NDArray[np.float64]:
    """Weigh rows by age: half as much each half-life before the newest one, 1 on average."""
    if not len(ts):
        return np.empty(0)
    weight = np.exp2(-((ts.max() - ts) / DAY) / half_life_days)
    return np.asarray(weight / weight.mean())


def repeats(widths_days: NDArray[np.float64], recipe: Recipe) -> NDArray[np.float64]:
    """Give in how many rows one failure counts as each interval's."""
    return np.maximum(widths_days / recipe.every_days, 1.0)


def _predictions(training: TrainingSet, told: OutOfFold, recipe: Recipe) -> list[Predictions]:
    periods, weight = training.periods.take(told.chosen), training.weight[told.chosen]
    widths = np.diff(np.array([0.0, *periods.horizons_days]))
    out = []
    for at, times in enumerate(repeats(widths, recipe)):
        known = ~np.isnan(periods.outcome[:, at])
        out.append(
            Predictions(
                told.base[known, at],
                told.score[known, at],
                periods.outcome[known, at],
                weight[known] * periods.exposure[known, at] / times,
                told.fold[known],
            )
        )
    return out
