"""Runs the baselines on the model's rows: each is trained on what the model was trained on, and no more."""

from __future__ import annotations

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
from models.baselines.logistic import logistic
from models.baselines.raw_lightgbm import lightgbm_raw, minus_fleet_median
from models.baselines.rule import Rule, apply_rule, choose_rule
from models.hazard.model import Covariates

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    from data.view import View
    from features.feature import Catalogue
    from features.population.at_risk import AtRisk, Rows
    from features.training.training_set import Design
    from models.hazard.train import Trained

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
STEPS_BACK = 7  # of the difference that lightgbm_raw knows
YEAR_COUNT = "failures__count__365d"
MAX_RAW_ROWS = 1_000_000


@dataclass(frozen=True, slots=True)
class BaselineRunner:
    """A trained model, and the rows of the test window that its baselines forecast."""

    trained: Trained
    view: View  # at the end of the test window
    risk: AtRisk
    rows: Rows
    features: Matrix
    fleet_rate: Floats

    def baselines(self) -> dict[str, Callable[[], Floats]]:
        """Map each baseline's name to a function that trains it and computes probabilities: rows x horizons."""
        baselines = {
            "random": self._random,
            "base_rate": self._base_rate,
            "rule": self._rule,
            "history": self._history,
            "logistic": self._logistic,
        }
        return {**baselines, "lightgbm_raw": self._lightgbm_raw} if self.trained.setup.metrics else baselines

    @property
    def _horizons(self) -> tuple[timedelta, ...]:
        return self._design.horizons

    @property
    def _design(self) -> Design:
        return self.trained.setup.design

    @property
    def _seed(self) -> int:
        return self.trained.setup.recipe.params.random_seed

    def _random(self) -> Floats:
        return np.random.default_rng(self._seed).random((len(self.rows), len(self._horizons)))

    def _base_rate(self) -> Floats:
        return np.column_stack([self._base_rate_within(horizon) for horizon in self._horizons])

    def _base_rate_within(self, horizon: timedelta) -> Floats:
        rate = base_rate(self.view, self.risk, self._design.every, self._design.repeat_within(horizon))
        return base_rate_probabilities(rate, self.rows.cutoff, horizon)

    def _history(self) -> Floats:
        model = train_history_model(self.trained)
        columns = self.trained.training.catalogue.columns
        features = self.features[:, [columns[name] for name in model.feature_names]]
        return model.probabilities(Covariates(features, self.fleet_rate))

    def _logistic(self) -> Floats:
        training = self.trained.training
        return self._each_horizon(
            training.rows,
            training.features,
            training.weight,
            lambda labelled: logistic(labelled, self.features, self._seed),
        )

    def _rule(self) -> Floats:
        training = self.trained.training
        learned = self._rule_values(training.rows, self.trained.view, self.trained.risk, training.features)
        tested = self._rule_values(self.rows, self.view, self.risk, self.features)
        rule = self._choose_rule(training.rows, learned, training.weight)
        return self._each_horizon(
            training.rows, learned, training.weight, lambda labelled: apply_rule(rule, labelled, tested)
        )

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

    def _lightgbm_raw(self) -> Floats:
        rows, weight = self._raw_rows()
        learned = self._raw_values(rows, self.trained.view, self.trained.risk)
        tested = self._raw_values(self.rows, self.view, self.risk)
        return self._each_horizon(rows, learned, weight, lambda labelled: lightgbm_raw(labelled, tested, self._seed))

    def _raw_rows(self) -> tuple[Rows, Floats]:
        """Select all training rows; if they are too many, all failing ones, and a weighted sample of the rest."""
        rows, longest = self.trained.risk.rows(), self._horizons[-1]
        outcomes = Outcomes.of(self.trained.view, rows.names)
        fails = label(rows, outcomes, longest, self._design.repeat_within(longest)).label == 1
        share = min(1.0, MAX_RAW_ROWS / max(len(rows), 1))
        is_drawn = fails | (np.random.default_rng(self._seed).random(len(rows)) < share)
        return rows.take(is_drawn), np.where(fails[is_drawn], 1.0, 1.0 / share)

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
        self, rows: Rows, values: Matrix, weight: Floats, forecast: Callable[[LabelledRows], Floats]
    ) -> Floats:
        return np.column_stack([forecast(self._labelled(rows, values, weight, horizon)) for horizon in self._horizons])

    def _labelled(self, rows: Rows, values: Matrix, weight: Floats, horizon: timedelta) -> LabelledRows:
        repeat = self._design.repeat_within(horizon)
        labels = label(rows, Outcomes.of(self.trained.view, rows.names), horizon, repeat).label
        is_known = ~np.isnan(labels)
        return LabelledRows(values[is_known], labels[is_known], weight[is_known])
