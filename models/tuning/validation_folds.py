"""Examines settings on folds: what a model of each fold's past would have said of the rows that came after it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data.errors import TooLittleDataError
from features.grid import Times, to_datetime
from features.training.labels import Outcomes
from features.training.person_periods import Periods
from models.hazard import fit
from models.hazard.model import Covariates, base_log_odds, blend
from models.hazard.walk_forward import walk_forward

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from data.view import View
    from features.training.training_set import TrainingSet
    from models.hazard.fit import FoldData
    from models.setup import Recipe

Floats = NDArray[np.float64]
Chosen = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Truth:
    """What came of some rows, rows x intervals; each interval weighs one failure as one, as calibration does."""

    base: Floats
    outcome: Floats  # 0 where it is not known, which weighs nothing
    weight: Floats

    @classmethod
    def of(cls, training: TrainingSet, periods: Periods, tested: Chosen, recipe: Recipe) -> Truth:
        """Take some rows of a training set, with their outcomes as known at a time."""
        told, widths = periods.take(tested), np.diff(np.array([0.0, *periods.horizons_days]))
        weight = training.weight[tested][:, None] * told.exposure / fit.rows_per_failure(widths, recipe)
        base = base_log_odds(training.fleet_rate[tested][:, None], widths)
        return cls(base, np.nan_to_num(told.outcome), np.where(np.isnan(told.outcome), 0.0, weight))

    @classmethod
    def joined(cls, parts: Sequence[Truth]) -> Truth:
        """Put the truths of several folds one after another."""
        told = zip(*((part.base, part.outcome, part.weight) for part in parts), strict=True)
        return cls(*(np.concatenate(column) for column in told))

    def losses(self, score: Floats | float) -> Floats:
        """Give each row's negative log-likelihood in nats, under what a model adds to the base."""
        log_odds = self.base + score
        return np.asarray((self.weight * (np.logaddexp(0, log_odds) - self.outcome * log_odds)).sum(axis=1))

    @property
    def failures(self) -> Floats:
        """Give how much of a failure each row is."""
        return np.asarray((self.weight * self.outcome).sum(axis=1))


@dataclass(frozen=True, slots=True)
class Exam:
    """A fold's lesson, and the rows that its model is examined on."""

    lesson: FoldData
    tested: Chosen
    seen: Covariates
    truth: Truth
    lines: dict[float, Floats] = field(default_factory=dict)  # what a line says: its only setting is the half-life

    def answer(self, recipe: Recipe) -> Floats:
        """Give what a model of these settings adds to the base: uncalibrated, rows x intervals."""
        trees, share = self.lesson.fit_trees(recipe.params).scores(self.seen), recipe.params.trees_share
        return trees if share == 1 else blend(trees, self._line(recipe), share)

    def _line(self, recipe: Recipe) -> Floats:
        half_life = recipe.params.half_life_days
        if half_life not in self.lines:
            self.lines[half_life] = self.lesson.fit_linear(recipe).scores(self.seen.features)
        return self.lines[half_life]


@dataclass(frozen=True, slots=True)
class Course:
    """Folds that walk forward through a training set: settings are chosen on the older half, confirmed on the newer."""

    training: TrainingSet
    view: View
    recipe: Recipe
    starts: Times

    @classmethod
    def of(cls, training: TrainingSet, view: View, recipe: Recipe) -> Course:
        """Cut twice as many folds as calibration does; one seed is enough to compare settings.

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
        """Count the folds of the older half."""
        return len(self.starts) // 2

    @property
    def chosen_from(self) -> datetime:
        """Give when the first fold that settings are chosen on begins."""
        return to_datetime(self.starts[0])

    @property
    def confirmed_from(self) -> datetime:
        """Give when the newer half begins: nothing that was known later has a say in what is chosen."""
        return to_datetime(self.starts[self.half])

    def older(self) -> list[Exam]:
        """Prepare the folds that settings are chosen on, labelled by what was known when the newer ones begin."""
        known = Outcomes.of(self.view.narrow(self.confirmed_from), self.training.rows.names)
        periods = Periods.of(self.training.rows, known, self.training.periods.horizons_days)
        return list(self._exams(range(1, self.half + 1), periods))

    def newer(self) -> Iterator[Exam]:
        """Prepare the folds that settings are confirmed on, one after another."""
        return self._exams(range(self.half + 1, len(self.starts) + 1), self.training.periods)

    def _exams(self, numbers: range, periods: Periods) -> Iterator[Exam]:
        for number in numbers:
            fold = fit.make_fold(self.training, self.view, self.starts, number)
            if fold is not None:
                seen = fit.covariates_of(self.training).take(fold.test_rows)
                truth = Truth.of(self.training, periods, fold.test_rows, self.recipe)
                yield Exam(fold.data, fold.test_rows, seen, truth)
