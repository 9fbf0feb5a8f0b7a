"""Trains a calibrated hazard model from the records of a view."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from data.errors import TooLittleDataError
from data.outages import merge_failures
from data.time_grid import DAY
from features.catalogue.catalogue import build
from features.catalogue.fleet_capabilities import capabilities_of
from features.grid import to_numpy
from features.population.at_risk import AtRisk, cutoffs_until
from features.training import training_set
from features.training.labels import Outcomes
from features.training.training_set import RiskSample
from models.hazard import few_failures, fit
from models.hazard.fit import Fitted

if TYPE_CHECKING:
    from data.view import View
    from features.catalogue.fleet_capabilities import FleetCapabilities
    from features.grid import Times
    from features.training.training_set import TrainingSet
    from models.hazard.model import HazardModel
    from models.setup import Setup


@dataclass(frozen=True, slots=True)
class Trained:
    """A model, what it was trained on, and how many failures support it."""

    setup: Setup
    view: View
    capabilities: FleetCapabilities
    risk: AtRisk
    training: TrainingSet
    fitted: Fitted
    failures: int  # that follow a training row
    signal: str = ""  # with too few failures: the feature that nodes are ranked by; empty: none earned it

    @property
    def model(self) -> HazardModel:
        """The calibrated model."""
        return self.fitted.model

    @property
    def is_supported(self) -> bool:
        """Whether there were enough failures to learn from."""
        return self.failures >= self.setup.min_failures

    @property
    def support(self) -> str:
        """'ok', or 'low support': `basis` instead of a model."""
        return "ok" if self.is_supported else "low support"

    @property
    def basis(self) -> str:
        """What the forecast is made from with too few failures for a model."""
        return f"the fleet's rate and {self.signal}" if self.signal else "the fleet's rate, the same for every node"


def train(view: View, setup: Setup) -> Trained:
    """Train on what the view knows; with too few failures, fall back to the fleet's rate and what has earned its place.

    Raises:
        TooLittleDataError: if the view knows no failure, or no row at risk.
    """
    capabilities, risk, training = gather_training_set(view, setup)
    failures = count_failures(training, view)
    if failures >= setup.min_failures:
        return Trained(setup, view, capabilities, risk, training, fit.train(training, view, setup.recipe), failures)
    fallback = few_failures.fit(training, view, setup.recipe)
    fitted = Fitted(fallback.model, None)
    return Trained(setup, view, capabilities, risk, training, fitted, failures, fallback.signal)


def gather_training_set(view: View, setup: Setup) -> tuple[FleetCapabilities, AtRisk, TrainingSet]:
    """Draw the training set from what a view knows, with the capabilities and the risk that it was drawn by.

    Raises:
        TooLittleDataError: if the view knows no failure, or no row at risk.
    """
    _require_failure(view)
    rng, design = np.random.default_rng(setup.recipe.params.random_seed), setup.design
    sample = RiskSample.draw(view, history_start(view, setup), design, rng)
    capabilities = capabilities_of(view, setup.metrics, setup.windows, setup.history)
    training = training_set.build(view, sample, build(capabilities), design, rng)
    _require_rows(training, view)
    return capabilities, sample.risk, training


def history_start(view: View, setup: Setup) -> np.datetime64:
    """Return when the history begins that a model learns from."""
    first = setup.history_start or view.nodes()["observed_from"].min()
    return to_numpy(first if isinstance(first, datetime) else view.at)


def rate_cutoffs(view: View, setup: Setup) -> tuple[Times, timedelta]:
    """List the cutoffs by which the fleet's rate of failure is counted up to the view's time, and their step.

    A day's step is enough for a rate over months, however often the fleet is scored.
    """
    step = max(setup.design.every, DAY)
    return cutoffs_until(view, history_start(view, setup), step), step


def count_failures(training: TrainingSet, view: View) -> int:
    """Count the failures that follow the rows of a training set: those that a model can learn from.

    No row precedes a failure during another one's repair, before the history's start or of a node that was not
    reporting.
    """
    failing_rows = training.rows.take(training.periods.fails)
    starts = Outcomes.of(view, failing_rows.names).next_failure(failing_rows)
    return len(set(zip(failing_rows.node.tolist(), starts.tolist(), strict=True)))


def _require_failure(view: View) -> None:
    if merge_failures(view.events()).is_empty():
        raise TooLittleDataError(
            f"the records hold no failure (kind = 'failure') known by {view.at:%Y-%m-%d %H:%M} UTC",
            fix="record failures as events, or choose a later start",
        )


def _require_rows(training: TrainingSet, view: View) -> None:
    if not len(training.rows):
        raise TooLittleDataError(
            f"no node was at risk and observed before {view.at:%Y-%m-%d %H:%M} UTC",
            fix="check forecast.coverage_metric and forecast.history_start, and that observed_from and telemetry "
            "begin before the first failures",
        )
