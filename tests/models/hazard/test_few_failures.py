"""The forecast from too few failures: a signal is used only where it proved itself on failures that came later."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from data.time_grid import in_days
from models.hazard import few_failures
from models.hazard.fit import covariates_of
from models.hazard.model import POOLED_FEATURE
from models.hazard.train import train
from tests.models.replays import SPLIT, made_up, setup_of, trained

if TYPE_CHECKING:
    from models.hazard.few_failures import Fallback

VIEW = made_up().view(SPLIT)
RECIPE = setup_of().recipe
Floats = NDArray[np.float64]


def fitted(column: int, values: Floats) -> Fallback:
    """Fit with one column of the features replaced, and all others without information."""
    training = trained().training
    features = np.zeros_like(training.features)
    features[:, training.catalogue.names.index(POOLED_FEATURE)] = 1.0
    features[:, column] = values
    return few_failures.fit(replace(training, features=features), VIEW, RECIPE)


def column_of_a_metric() -> int:
    return few_failures._candidates(trained().training)[1][0]


def test_a_metric_that_rises_before_failures_is_used() -> None:
    training, noise = trained().training, np.random.default_rng(1).normal(size=len(trained().training.rows))
    column = column_of_a_metric()
    fallback = fitted(column, noise + 3 * training.periods.fails)
    assert fallback.signal == training.catalogue.names[column]
    features = np.ones_like(training.features)
    features[:, column] = noise
    probabilities = fallback.model.probabilities(covariates_of(replace(training, features=features)))
    order = np.argsort(noise)
    assert probabilities[order[-1], 0] > probabilities[order[0], 0]


def test_a_metric_without_information_is_not_used_and_every_node_has_the_fleets_risk() -> None:
    training, column = trained().training, column_of_a_metric()
    fallback = fitted(column, np.random.default_rng(2).normal(size=len(training.rows)))
    assert fallback.signal == ""
    covariates = covariates_of(training)
    rate = covariates.fleet_rate.at_strength(fallback.model.base_strength)
    widths = [in_days(horizon) for horizon in training.periods.horizons]
    expected = -np.expm1(-np.outer(rate, widths))
    assert fallback.model.probabilities(covariates) == pytest.approx(expected)
    assert not fallback.model.contributions(covariates).any()


def test_past_failures_are_used_where_they_forecast_later_ones() -> None:
    training = trained().training
    noise = np.random.default_rng(3).uniform(0.5, 1.5, len(training.rows))
    column = training.catalogue.names.index(POOLED_FEATURE)
    assert fitted(column, noise + 2 * training.periods.fails).signal == POOLED_FEATURE


def test_nodes_that_failed_often_are_never_ranked_as_the_safest() -> None:
    training = trained().training
    noise = np.random.default_rng(4).uniform(2.5, 3.5, len(training.rows))
    column = training.catalogue.names.index(POOLED_FEATURE)
    assert fitted(column, noise - 2 * training.periods.fails).signal == ""


def test_too_few_failures_are_forecast_by_it() -> None:
    scarce = train(VIEW, setup_of(min_failures=10_000))
    assert not scarce.is_supported
    assert scarce.basis.startswith("the fleet's rate")
