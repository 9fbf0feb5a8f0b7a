from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.special import expit, logit

from features.events.base_rates import FleetRate
from models.hazard import rank_logistic
from models.hazard.model import (
    Calibration,
    Covariates,
    HazardModel,
    base_log_odds,
    calibrated_hazards,
    cumulative_probabilities,
    pooled_model,
)
from tests.models.lifetimes import DAYS, HORIZONS, NAMES, QUICK, USUAL_RATE, Lifetimes, fitted, lifetimes

Floats = NDArray[np.float64]
HAZARDS = arrays(np.float64, (3, len(HORIZONS)), elements=st.floats(0, 1))


@given(HAZARDS)
def test_the_probability_rises_with_the_horizon_and_stays_a_probability(hazards: Floats) -> None:
    probabilities = cumulative_probabilities(hazards)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    assert (np.diff(probabilities, axis=1) >= 0).all()


def test_the_probability_is_one_minus_the_product_of_the_survivals() -> None:
    assert cumulative_probabilities(np.array([[0.1, 0.2, 0.5]])) == pytest.approx(np.array([[0.1, 0.28, 0.64]]))


@given(st.floats(1e-8, 2), st.floats(0.05, 30))
def test_the_base_is_the_log_odds_of_failing_at_the_fleets_rate(rate: float, width: float) -> None:
    base = base_log_odds(np.array([rate]), np.array([width]))
    assert expit(base) == pytest.approx(np.clip(1 - np.exp(-rate * width), 1e-9, 1 - 1e-9), rel=1e-6)


def test_the_base_by_hand() -> None:
    rate = np.array([[np.log(2)], [0.0]])
    assert base_log_odds(rate, np.array([1.0, 2.0]))[0] == pytest.approx([0.0, logit(0.75)])
    assert np.isfinite(base_log_odds(rate, np.array([1.0, 2.0]))).all()


def test_no_score_is_too_extreme() -> None:
    hazards = calibrated_hazards(np.zeros(2), np.array([-1e4, 1e4]), Calibration(np.zeros(1), np.ones(1)))
    assert hazards.tolist() == [0.0, 1.0]


def test_contributions_interval_and_base_add_up_to_the_log_odds_of_the_hazard() -> None:
    drawn = lifetimes(np.random.default_rng(2), 3_000)
    scale, offset = np.array([0.5, 1.0, 1.7]), np.array([0.1, 0.0, -0.3])
    model = fitted(drawn, replace(QUICK, trees=20, seeds=2)).with_calibration(Calibration(offset, scale))
    rows = drawn.covariates.take(np.arange(50))
    log_odds = logit(model.hazards(rows)).mean(axis=1)
    remainder = log_odds - (model.base(rows.fleet_rate) + offset).mean(axis=1) - model.contributions(rows).sum(axis=1)
    assert np.ptp(remainder) < 0.1 * np.ptp(log_odds)
    matrices = [np.column_stack([rows.features, np.full(50, interval, np.float32)]) for interval in range(3)]
    of_intervals = [
        scale[interval] * np.asarray(booster.predict(matrix, pred_contrib=True))[:, -2:].sum(axis=1)
        for booster in model.boosters
        for interval, matrix in enumerate(matrices)
    ]
    assert remainder == pytest.approx(np.mean(of_intervals, axis=0))


def test_scores_are_the_mean_of_the_seeds() -> None:
    rows = lifetimes(np.random.default_rng(3), 800)
    model = fitted(rows, replace(QUICK, trees=5, seeds=2))
    first, second = (replace(model, boosters=(booster,)).scores(rows.covariates) for booster in model.boosters)
    assert model.scores(rows.covariates) == pytest.approx((first + second) / 2)


def test_no_rows_have_no_probabilities_and_no_contributions() -> None:
    rows = lifetimes(np.random.default_rng(6), 300)
    no_rows = rows.covariates.take(np.zeros(0, dtype=np.int64))
    for model in (fitted(rows, replace(QUICK, trees=2)), pooled_model(NAMES, HORIZONS, 0.5)):
        assert model.probabilities(no_rows).shape == (0, 3)
        assert model.contributions(no_rows).shape == (0, 3)


def test_the_pooled_model_multiplies_the_fleets_odds_by_the_nodes_relative_rate() -> None:
    rows = Covariates(np.array([[0, 0, 1], [0, 0, 3]], np.float32), FleetRate.constant(USUAL_RATE, 2))
    model = pooled_model(NAMES, HORIZONS, 0.5)
    odds = model.hazards(rows) / (1 - model.hazards(rows))
    assert odds[1] == pytest.approx(3 * odds[0], rel=1e-6)
    assert model.probabilities(rows)[0] == pytest.approx(1 - np.exp(-USUAL_RATE * np.array(DAYS)))
    assert model.contributions(rows) == pytest.approx(np.array([[0, 0, 0], [0, 0, np.log(3)]]), rel=1e-6)


def test_a_calibration_shifts_and_stretches_what_sets_a_node_apart() -> None:
    rows = lifetimes(np.random.default_rng(8), 300)
    model = fitted(rows, replace(QUICK, trees=5))
    offset, scale = np.array([0.1, -0.2, 0.3]), np.array([0.5, 1.0, 2.0])
    log_odds = logit(model.with_calibration(Calibration(offset, scale)).hazards(rows.covariates))
    base = model.base(rows.covariates.fleet_rate)
    assert log_odds == pytest.approx(base + offset + scale * model.scores(rows.covariates))


def with_linear_model(rows: Lifetimes, trees_share: float = 0.3) -> HazardModel:
    model = fitted(rows, replace(QUICK, trees=5))
    base = model.base(rows.covariates.fleet_rate)
    linear = rank_logistic.fit(rows.covariates.features, base, rows.periods.outcome, rows.periods.exposure)
    return replace(model, linear=linear, trees_share=trees_share)


def test_trees_and_linear_model_are_averaged_in_log_odds() -> None:
    rows = lifetimes(np.random.default_rng(9), 500)
    model = with_linear_model(rows)
    assert model.linear is not None
    trees, linear = model.tree_scores(rows.covariates), model.linear.scores(rows.covariates.features)
    assert model.scores(rows.covariates) == pytest.approx(0.3 * trees + 0.7 * linear)


def test_contributions_of_trees_and_linear_model_add_up_to_the_log_odds_but_for_one_number() -> None:
    drawn = lifetimes(np.random.default_rng(10), 3_000)
    calibration = Calibration(np.array([0.1, 0.0, -0.3]), np.array([0.5, 0.5, 0.5]))
    model = with_linear_model(drawn).with_calibration(calibration)
    rows = drawn.covariates.take(np.arange(50))
    log_odds = logit(model.hazards(rows)).mean(axis=1) - model.base(rows.fleet_rate).mean(axis=1)
    remainder = log_odds - model.contributions(rows).sum(axis=1)
    assert np.ptp(remainder) < 0.05 * np.ptp(log_odds)
