"""Folds that walk forward in time: settings are chosen on the older half and confirmed on the newer one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data.errors import TooLittleDataError
from features.grid import Times, to_datetime
from features.training.labels import Outcomes
from features.training.walk_forward import walk_forward
from models.hazard import fit
from models.hazard.logistic_loss import log_loss
from models.hazard.model import Covariates, base_log_odds, blend, interval_widths

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from data.view import View
    from features.training.person_periods import Periods
    from features.training.training_set import TrainingSet
    from models.hazard.fit import FoldData
    from models.setup import Recipe

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class IntervalOutcomes:
    """Outcomes of some rows, rows x intervals, weighted so that a failure counts once in each, as in calibration."""

    base: Floats
    outcome: Floats  # 0 where unknown, with no weight
    weight: Floats

    @classmethod
    def of(
        cls, training: TrainingSet, periods: Periods, rows: Indices, recipe: Recipe, base_strength: float
    ) -> IntervalOutcomes:
        """Return some rows of a training set, with their outcomes as known at a time."""
        taken, widths = periods.take(rows), interval_widths(periods.horizons)
        weight = training.weight[rows][:, None] * taken.exposure / fit.rows_per_failure(widths, recipe)
        base = base_log_odds(training.fleet_rate.take(rows).at_strength(base_strength)[:, None], widths)
        return cls(base, np.nan_to_num(taken.outcome), np.where(np.isnan(taken.outcome), 0.0, weight))

    @classmethod
    def concatenated(cls, parts: Sequence[IntervalOutcomes]) -> IntervalOutcomes:
        """Concatenate the outcomes of several folds."""
        return cls(
            np.concatenate([part.base for part in parts]),
            np.concatenate([part.outcome for part in parts]),
            np.concatenate([part.weight for part in parts]),
        )

    def losses(self, score: Floats | float) -> Floats:
        """Compute each row's negative log-likelihood in nats, if a model adds this score to the base."""
        return np.asarray(log_loss(self.base + score, self.outcome, self.weight).sum(axis=1))

    @property
    def failures(self) -> Floats:
        """How many failures each row counts for."""
        return np.asarray((self.weight * self.outcome).sum(axis=1))


@dataclass(frozen=True, slots=True)
class ValidationFold:
    """What a fold's model learns from, and the rows that it is tested on."""

    data: FoldData
    test_rows: Indices
    covariates: Covariates  # of the test rows, as the outcomes are
    outcomes: IntervalOutcomes
    linear_scores: dict[float, Floats] = field(default_factory=dict)  # by half-life, the linear model's only setting

    def scores(self, recipe: Recipe) -> Floats:
        """Compute what a model of these settings adds to the base: uncalibrated, rows x intervals."""
        trees = self.data.fit_trees(recipe).scores(self.covariates)
        trees_share = recipe.params.trees_share or fit.USUAL_SHARE
        return trees if trees_share == 1 else blend(trees, self._linear_scores(recipe), trees_share)

    def _linear_scores(self, recipe: Recipe) -> Floats:
        half_life = recipe.params.half_life_days
        if half_life not in self.linear_scores:
            self.linear_scores[half_life] = self.data.fit_linear(recipe).scores(self.covariates.features)
        return self.linear_scores[half_life]


@dataclass(frozen=True, slots=True)
class TuningSplit:
    """Folds of a training set: the older half for the selection of settings, the newer half for their confirmation."""

    training: TrainingSet
    view: View
    recipe: Recipe
    starts: Times

    @classmethod
    def of(cls, training: TrainingSet, view: View, recipe: Recipe) -> TuningSplit:
        """Split into twice as many folds as calibration uses; a single seed is enough to compare settings.

        Raises:
            TooLittleDataError: if failures come at too few times to be cut in two.
        """
        starts = walk_forward(training.rows.ts[training.periods.fails], 2 * recipe.folds)
        if len(starts) < 2:  # noqa: PLR2004  - one to choose on, one to confirm on
            raise TooLittleDataError(
                f"the failures known by {view.at:%Y-%m-%d %H:%M} UTC make {len(starts)} fold: two are needed",
                fix="tune when there are more failures, or set model.folds higher",
            )
        return cls(training, view, replace(recipe, params=replace(recipe.params, seeds=1)), starts)

    @property
    def half(self) -> int:
        """How many folds the older half has."""
        return len(self.starts) // 2

    @property
    def selection_start(self) -> datetime:
        """When the first fold of the selection begins."""
        return to_datetime(self.starts[0])

    @property
    def confirmation_start(self) -> datetime:
        """When the newer half begins: nothing that became known later influences the selection."""
        return to_datetime(self.starts[self.half])

    def selection_folds(self) -> list[ValidationFold]:
        """Prepare the older folds, labelled by what was known when the newer ones begin."""
        outcomes = Outcomes.of(self.view.narrow(self.confirmation_start), self.training.rows.names)
        periods = self.training.periods.observe_again(self.training.rows, outcomes)
        return list(self._folds(range(1, self.half + 1), periods))

    def confirmation_folds(self) -> Iterator[ValidationFold]:
        """Prepare the newer folds, one after another."""
        return self._folds(range(self.half + 1, len(self.starts) + 1), self.training.periods)

    def _folds(self, numbers: range, periods: Periods) -> Iterator[ValidationFold]:
        for number in numbers:
            fold = fit.make_fold(self.training, self.view, self.starts, number)
            if fold is not None:
                covariates = fit.covariates_of(self.training).take(fold.test_rows)
                outcomes = IntervalOutcomes.of(
                    self.training, periods, fold.test_rows, self.recipe, fold.data.base_strength
                )
                yield ValidationFold(fold.data, fold.test_rows, covariates, outcomes)
