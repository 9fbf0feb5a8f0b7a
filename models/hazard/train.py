"""Trains a model on everything that a view knows: from records to a calibrated hazard model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from data.errors import TooLittleDataError
from features.catalogue.catalogue import build
from features.catalogue.fleet_capabilities import capabilities_of
from features.feature import Catalogue, Origin
from features.grid import to_numpy
from features.population.at_risk import AtRisk, assess
from features.training import training_set
from features.training.labels import Outcomes, merge_failures
from features.training.training_set import TrainingSet, cutoffs_until
from models.hazard import fit
from models.hazard.fit import Fitted
from models.hazard.model import HazardModel, pooled

if TYPE_CHECKING:
    from data.view import View
    from features.catalogue.fleet_capabilities import FleetCapabilities
    from features.grid import Times
    from models.setup import Setup


@dataclass(frozen=True, slots=True)
class Trained:
    """A model, what it was trained on, and how far it can be trusted."""

    setup: Setup
    view: View
    capabilities: FleetCapabilities
    risk: AtRisk
    training: TrainingSet
    fitted: Fitted
    failures: int  # in training: those that a row was followed by

    @property
    def model(self) -> HazardModel:
        """The model itself."""
        return self.fitted.model

    @property
    def is_supported(self) -> bool:
        """Tell whether there were enough failures to learn from."""
        return self.failures >= self.setup.min_failures

    @property
    def support(self) -> str:
        """Say 'ok', or 'low support': history and pooled rates instead of a model."""
        return "ok" if self.is_supported else "low support"


def train(view: View, setup: Setup) -> Trained:
    """Train on what the view knows; with too few failures, fall back to history and pooled rates.

    Raises:
        TooLittleDataError: if the view knows no failure, or no row at risk.
    """
    capabilities, risk, training = gather(view, setup)
    failures = count_failures(training, view)
    if failures < setup.min_failures:
        fitted = Fitted(pooled(training.catalogue.names, setup.design.horizons_days), None)
    else:
        fitted = fit.train(training, view, setup.recipe)
    return Trained(setup, view, capabilities, risk, training, fitted, failures)


def gather(view: View, setup: Setup) -> tuple[FleetCapabilities, AtRisk, TrainingSet]:
    """Draw the training set of what a view knows.

    Raises:
        TooLittleDataError: if the view knows no failure, or no row at risk.
    """
    _require_failure(view)
    risk = assess(view, cutoffs(view, setup), setup.design.coverage)
    rng = np.random.default_rng(setup.recipe.params.random_seed)
    capabilities = capabilities_of(view, setup.metrics, setup.windows)
    training = training_set.build(view, risk, build(capabilities), setup.design, rng)
    _require_rows(training, view)
    return capabilities, risk, training


def cutoffs(view: View, setup: Setup) -> Times:
    """List the cutoffs at which training looks: every step back from the view's time to the start of the history."""
    first = setup.history_start or view.nodes()["observed_from"].min()
    return cutoffs_until(view, to_numpy(first if isinstance(first, datetime) else view.at), setup.design.every_days)


def count_failures(training: TrainingSet, view: View) -> int:
    """Count the failures that the rows of a training set are followed by; those that nobody could see coming are not.

    That is what there is to learn from: a failure during another one's repair, before the history's start or of a
    node that was not reporting is in no row.
    """
    fails = training.rows.take(training.periods.fails)
    ahead = Outcomes.of(view, fails.names).next_failure(fails)
    return len(set(zip(fails.node.tolist(), ahead.tolist(), strict=True)))


def _require_failure(view: View) -> None:
    if merge_failures(view.events()).is_empty():
        raise TooLittleDataError(
            f"the records hold no failure (kind = 'failure') known by {view.at:%Y-%m-%d %H:%M} UTC",
            fix="record failures as events, or choose a later start",
        )


def _require_rows(training: TrainingSet, view: View) -> None:
    if not len(training.rows):
        raise TooLittleDataError(
            f"no node was at risk and seen before {view.at:%Y-%m-%d %H:%M} UTC",
            fix="check forecast.coverage_metric and forecast.history_start, and that observed_from and telemetry "
            "begin before the first failures",
        )


def history_of(trained: Trained) -> HazardModel:
    """Train the 'history' baseline: the same trees on event history and uptime alone."""
    full = trained.training.catalogue
    small = Catalogue(tuple(f for f in full.features if f.origin is Origin.HISTORY or f.stat == "uptime"))
    if not trained.is_supported:
        return pooled(small.names, trained.setup.design.horizons_days)
    recipe = trained.setup.recipe
    trees = replace(recipe, params=replace(recipe.params, trees_share=1.0))
    return fit.train(trained.training.only(small), trained.view, trees).model
