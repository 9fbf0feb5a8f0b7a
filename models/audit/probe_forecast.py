"""A small forecast, trained before a time and made after it, for the checks that examine a forecast."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from features.catalogue.catalogue import newest_values
from features.compute import batch
from features.events.base_rates import FleetRate
from features.grid import to_datetime, to_numpy
from features.population.at_risk import assess
from models.backtest.replay import BacktestWindow, Replay, label_cases, window_cutoffs
from models.evaluation.evaluate import MODEL
from models.hazard.boosting import fit
from models.hazard.model import Covariates
from models.hazard.train import train

if TYPE_CHECKING:
    from datetime import timedelta

    from numpy.typing import NDArray

    from data.schema import MetricKind
    from data.view import View
    from features.grid import Array, Index
    from features.population.at_risk import Rows
    from features.training.person_periods import Periods
    from features.training.training_set import TrainingSet
    from models.evaluation.evaluation_set import EvaluationSet
    from models.setup import Setup

TREES = 50
LEARNING_RATE = 0.1


@dataclass(frozen=True, slots=True)
class ProbeForecast:
    """The forecast's rows after the split with their features, and their labels at the middle horizon."""

    replay: Replay
    view: View  # at the end of the test
    features: NDArray[np.float32]
    fleet_rate: FleetRate  # of each row
    cases: EvaluationSet
    case_rows: Index  # the row of each case, among the replay's

    @property
    def training(self) -> TrainingSet:
        """Return what the model was trained on."""
        return self.replay.trained.training

    @property
    def horizon(self) -> timedelta:
        """Return the horizon that the checks examine."""
        return middle_horizon(self.replay.setup)

    @property
    def scores(self) -> Array:
        """Return the forecast for the rows of the cases."""
        return self.replay.of_horizon(self.horizon)[1][MODEL]

    @property
    def rows(self) -> Rows:
        """Return the rows of the cases."""
        return self.replay.rows.take(self.case_rows)

    def newest_values(self, rows: Rows, *kinds: MetricKind) -> NDArray[np.float32]:
        """Return the newest value of each metric, or of those of some kinds, for some rows."""
        metrics = [metric for metric in self.replay.setup.metrics if not kinds or metric.kind in kinds]
        catalogue = newest_values(metrics, self.replay.setup.windows[0])
        return batch.compute(catalogue, self.view, self.replay.risk, rows)

    def refit(
        self,
        training_features: NDArray[np.float32],
        features: NDArray[np.float32],
        cases: Index,
        periods: Periods | None = None,
    ) -> Array:
        """Score some cases by a model fitted to other features of the same training rows, or to other outcomes.

        `features` are those of the cases.
        """
        training, setup = self.training, self.replay.setup
        model = fit(
            Covariates(training_features, training.fleet_rate),
            periods or training.periods,
            training.weight,
            tuple(f"f{column}" for column in range(training_features.shape[1])),
            setup.recipe.params,
            base_strength=self.replay.trained.model.base_strength,
        )
        fleet_rate = self.fleet_rate.take(self.case_rows[cases])
        column = setup.design.horizons.index(self.horizon)
        return model.probabilities(Covariates(features, fleet_rate))[:, column]


def middle_horizon(setup: Setup) -> timedelta:
    """Return the middle one of the horizons, or the one after it."""
    return setup.design.horizons[len(setup.design.horizons) // 2]


def make_probe(hindsight: View, window: BacktestWindow, setup: Setup) -> ProbeForecast:
    """Train a small, uncalibrated model at the window's start and forecast at every step of it.

    Raises:
        TooLittleDataError: if no failure is known at the window's start, or no step of it can be judged.
    """
    small = _small(setup)
    cutoffs = window_cutoffs(window, small)
    trained = train(hindsight.narrow(window.start), small)
    view = hindsight.narrow(to_datetime(cutoffs[-1]))
    learned = trained.risk.cutoffs[trained.risk.cutoffs < cutoffs[0]]
    risk = assess(view, np.concatenate([learned, cutoffs]), small.design.coverage)
    rows = risk.rows()
    rows = rows.take(rows.ts >= to_numpy(window.start))
    features = batch.compute(trained.training.catalogue, view, risk, rows)
    fleet_rate = FleetRate.of(view, risk, small.design.every, small.design.repeats[0]).take(rows.cutoff)
    probabilities = {MODEL: trained.model.probabilities(Covariates(features, fleet_rate))}
    replay = Replay(window, small, trained, risk, rows, probabilities)
    horizon = middle_horizon(small)
    cases = label_cases(replay, hindsight, horizon)
    return ProbeForecast(replay, view, features, fleet_rate, cases, np.flatnonzero(replay.is_judged(horizon)))


def _small(setup: Setup) -> Setup:
    params = replace(setup.recipe.params, trees=TREES, seeds=1, learning_rate=LEARNING_RATE)
    return replace(setup, recipe=replace(setup.recipe, params=params, folds=0))
