"""Runs the baselines on the model's rows: each is trained on what the model was trained on, and no more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from features.catalogue.catalogue import newest_values
from features.compute import batch
from features.events.base_rates import base_rate
from features.grid import to_step
from features.training.labels import Outcomes, label
from models.baselines.base_rate import base_rate_probabilities
from models.baselines.history import train_history_model
from models.baselines.labelled_rows import LabelledRows
from models.baselines.logistic import fit_logistic
from models.baselines.raw_lightgbm import fit_lightgbm_raw, minus_fleet_median
from models.baselines.rule import Rule, choose_rule, fit_rule

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from data.view import View
    from features.feature import Catalogue
    from features.population.at_risk import AtRisk, Rows
    from features.training.training_set import Design
    from models.baselines.labelled_rows import Forecast
    from models.hazard.model import Covariates
    from models.hazard.train import Trained

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
STEPS_BACK = 7  # of the difference that lightgbm_raw knows
YEAR_COUNT = "failures__count__365d"
MAX_RAW_ROWS = 1_000_000


@dataclass(frozen=True, slots=True)
class ForecastBlock:
    """Rows of the test window whose cutoffs follow each other, with the model's features and the fleet's rate."""

    view: View  # at the end of the test window
    risk: AtRisk
    rows: Rows
    covariates: Covariates
    positions: NDArray[np.int64]  # of its rows among all

    @classmethod
    def of(
        cls, view: View, risk: AtRisk, rows: Rows, positions: NDArray[np.int64], covariates: Covariates
    ) -> ForecastBlock:
        """Select some rows, whose cutoffs follow each other."""
        cutoff = rows.cutoff[positions]
        run = range(int(cutoff.min()), int(cutoff.max()) + 1)
        return cls(view, risk.during(run), rows.take(positions).during(run), covariates, positions)


Baseline = Callable[[ForecastBlock], Floats]  # from a block to probabilities: rows x horizons


@dataclass(frozen=True, slots=True)
class BaselineRunner:
    """A trained model, whose baselines are trained on the same rows."""

    trained: Trained

    def trainers(self, view: View, risk: AtRisk, rows: Rows) -> dict[str, Callable[[], Baseline]]:
        """Map each baseline's name to a function that trains it and returns it.

        `view`, `risk` and `rows` are those of the whole test window; the risk begins with the training's cutoffs.
        """
        trainers: dict[str, Callable[[], Baseline]] = {
            "random": lambda: self._random(len(rows)),
            "base_rate": lambda: self._base_rate(view, risk, rows),
            "rule": self._rule,
            "history": self._history,
            "logistic": self._logistic,
        }
        return {**trainers, "lightgbm_raw": self._lightgbm_raw} if self.trained.setup.metrics else trainers

    @property
    def _horizons(self) -> tuple[timedelta, ...]:
        return self._design.horizons

    @property
    def _design(self) -> Design:
        return self.trained.setup.design

    @property
    def _seed(self) -> int:
        return self.trained.setup.recipe.params.random_seed

    def _random(self, rows: int) -> Baseline:
        drawn = np.random.default_rng(self._seed).random((rows, len(self._horizons)))
        return lambda block: drawn[block.positions]

    def _base_rate(self, view: View, risk: AtRisk, rows: Rows) -> Baseline:
        def within(horizon: timedelta) -> Floats:
            rate = base_rate(view, risk, self._design.every, self._design.repeat_within(horizon))
            return base_rate_probabilities(rate, rows.cutoff, horizon)

        probabilities = np.column_stack([within(horizon) for horizon in self._horizons])
        return lambda block: probabilities[block.positions]

    def _history(self) -> Baseline:
        model, columns = train_history_model(self.trained), self.trained.training.catalogue.columns
        own = [columns[name] for name in model.feature_names]
        return lambda block: model.probabilities(replace(block.covariates, features=block.covariates.features[:, own]))

    def _logistic(self) -> Baseline:
        training = self.trained.training
        forecast = self._each_horizon(
            training.rows, training.features, training.weight, lambda labelled: fit_logistic(labelled, self._seed)
        )
        return lambda block: forecast(block.covariates.features)

    def _rule(self) -> Baseline:
        training = self.trained.training
        learned = self._rule_values(training.rows, self.trained.view, self.trained.risk, training.features)
        rule = self._choose_rule(training.rows, learned, training.weight)
        forecast = self._each_horizon(
            training.rows, learned, training.weight, lambda labelled: fit_rule(rule, labelled)
        )
        return lambda block: forecast(self._rule_values(block.rows, block.view, block.risk, block.covariates.features))

    def _rule_values(self, rows: Rows, view: View, risk: AtRisk, features: Matrix) -> Matrix:
        """Compute the rule's candidates: newest values, the count of some above zero, or the count of past failures."""
        setup = self.trained.setup
        if not setup.metrics:
            return features[:, [self.trained.training.catalogue.names.index(YEAR_COUNT)]]
        values = batch.compute(self._newest_values(setup.rule), view, risk, rows)
        return np.sum(values > 0, axis=1, keepdims=True).astype(np.float32) if setup.rule else values

    def _choose_rule(self, rows: Rows, values: Matrix, weight: Floats) -> Rule:
        """Choose the best metric; a count of failures or of errors is risky when it is high, whatever the data show."""
        setup = self.trained.setup
        labelled = self._labelled(rows, values, weight, self._horizons[len(self._horizons) // 2])
        is_count = setup.rule or not setup.metrics
        return choose_rule(labelled) if labelled.has_both and not is_count else Rule(0, 1.0)

    def _lightgbm_raw(self) -> Baseline:
        rows, weight = self._raw_rows()
        learned = self._raw_values(rows, self.trained.view, self.trained.risk)
        forecast = self._each_horizon(rows, learned, weight, lambda labelled: fit_lightgbm_raw(labelled, self._seed))
        return lambda block: forecast(self._raw_values(block.rows, block.view, block.risk))

    def _raw_rows(self) -> tuple[Rows, Floats]:
        """Select all training rows; if they are too many, all failing ones, and a weighted sample of the rest."""
        rows, longest = self.trained.risk.rows(), self._horizons[-1]
        outcomes = Outcomes.of(self.trained.view, rows.names)
        fails = label(rows, outcomes, longest, self._design.repeat_within(longest)).label == 1
        share = min(1.0, MAX_RAW_ROWS / max(len(rows), 1))
        is_drawn = fails | (np.random.default_rng(self._seed).random(len(rows)) < share)
        drawn = rows.take(is_drawn)
        weight = np.where(fails[is_drawn], 1.0, 1.0 / share) * self.trained.training.cutoff_weight[drawn.cutoff]
        return drawn, weight

    def _raw_values(self, rows: Rows, view: View, risk: AtRisk) -> Matrix:
        """Compute newest values, their difference to seven steps before, and their distance from the fleet's median."""
        catalogue = self._newest_values(())
        now = batch.compute(catalogue, view, risk, rows)
        back = to_step(STEPS_BACK * self._design.every)
        before = batch.compute(
            catalogue,
            view,
            replace(risk, cutoffs=risk.cutoffs - back),
            replace(rows, cutoffs=rows.cutoffs - back),
        )
        return np.hstack([now, now - before, minus_fleet_median(now, rows.cutoff)])

    def _newest_values(self, names: Sequence[str]) -> Catalogue:
        """List the newest value of each metric, or of the named ones."""
        setup = self.trained.setup
        metrics = [metric for metric in setup.metrics if not names or metric.name in names]
        return newest_values(metrics, setup.windows[0])

    def _each_horizon(
        self, rows: Rows, values: Matrix, weight: Floats, fit: Callable[[LabelledRows], Forecast]
    ) -> Forecast:
        """Fit a forecast for each horizon; together they return rows x horizons."""
        forecasts = [fit(self._labelled(rows, values, weight, horizon)) for horizon in self._horizons]
        return lambda tested: np.column_stack([forecast(tested) for forecast in forecasts])

    def _labelled(self, rows: Rows, values: Matrix, weight: Floats, horizon: timedelta) -> LabelledRows:
        repeat = self._design.repeat_within(horizon)
        labels = label(rows, Outcomes.of(self.trained.view, rows.names), horizon, repeat).label
        is_known = ~np.isnan(labels)
        return LabelledRows(values[is_known], labels[is_known], weight[is_known])
