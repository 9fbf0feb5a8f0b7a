"""A small forecast, trained before a time and told after it, for the tests that need one to look at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from features.catalogue.catalogue import newest_values
from features.compute import batch
from features.events.base_rates import steady_rate
from features.grid import to_datetime, to_numpy
from features.population.at_risk import assess
from models.backtest.replay import BacktestWindow, Replay, label_cases, window_cutoffs
from models.hazard.boosting import fit
from models.hazard.model import Covariates
from models.hazard.train import train

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data.schema import MetricKind
    from data.view import View
    from features.population.at_risk import Rows
    from features.training.person_periods import Periods
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
    rate: NDArray[np.float64]
    cases: EvaluationSet
    judged: NDArray[np.int64]  # rows of the cases, among the replay's

    @property
    def horizon_days(self) -> float:
        """Give the horizon that the tests look at."""
        return middle(self.replay.setup)

    @property
    def scores(self) -> NDArray[np.float64]:
        """Give the forecast for the rows of the cases."""
        return self.replay.of_horizon(self.horizon_days)[1]["model"]

    @property
    def rows(self) -> Rows:
        """Give the rows of the cases."""
        return self.replay.rows.take(self.judged)

    def newest(self, rows: Rows, *kinds: MetricKind) -> NDArray[np.float32]:
        """Give the newest value of each metric, or of those of some kinds, for some rows."""
        wanted = [metric for metric in self.replay.setup.metrics if not kinds or metric.kind in kinds]
        return batch.compute(newest_values(wanted, self.replay.setup.windows[0]), self.view, self.replay.risk, rows)

    def learn(
        self,
        seen: NDArray[np.float32],
        told: tuple[NDArray[np.float32], NDArray[np.int64]],
        periods: Periods | None = None,
    ) -> NDArray[np.float64]:
        """Train on other features of the same training rows, or other outcomes, and score some rows of the cases."""
        training, setup = self.replay.trained.training, self.replay.setup
        features, chosen = told
        model = fit(
            Covariates(seen, training.fleet_rate),
            periods or training.periods,
            training.weight,
            tuple(f"f{at}" for at in range(seen.shape[1])),
            setup.recipe.params,
        )
        column = setup.design.horizons_days.index(self.horizon_days)
        return model.probabilities(Covariates(features, self.rate[self.judged[chosen]]))[:, column]


def middle(setup: Setup) -> float:
    """Give the middle one of the horizons of whole days, which is what forecasts are judged over."""
    whole = [days for days in setup.design.horizons_days if days == int(days)]
    return whole[len(whole) // 2]


def rehearse(hindsight: View, window: BacktestWindow, setup: Setup) -> ProbeForecast:
    """Train a small, uncalibrated model at the window's start and forecast at every step of it.

    Raises:
        TooLittleDataError: if no failure is known at the window's start, or no step of it can be judged.
    """
    small = _small(setup)
    cutoffs = window_cutoffs(window, small)
    trained = train(hindsight.narrow(window.start), small)
    view = hindsight.narrow(to_datetime(cutoffs[-1]))
    risk = assess(view, np.concatenate([trained.risk.cutoffs[:-1], cutoffs]), small.design.coverage)
    rows = risk.rows()
    rows = rows.take(rows.ts >= to_numpy(window.start))
    features = batch.compute(trained.training.catalogue, view, risk, rows)
    rate = steady_rate(view, risk, small.design.every_days)[rows.cutoff]
    told = {"model": trained.model.probabilities(Covariates(features, rate))}
    replay = Replay(window, small, trained, risk, rows, told)
    judged = np.flatnonzero(replay.is_judged(middle(small)))
    return ProbeForecast(replay, view, features, rate, label_cases(replay, hindsight, middle(small)), judged)


def _small(setup: Setup) -> Setup:
    params = replace(setup.recipe.params, trees=TREES, seeds=1, learning_rate=LEARNING_RATE)
    return replace(setup, recipe=replace(setup.recipe, params=params, folds=0))
