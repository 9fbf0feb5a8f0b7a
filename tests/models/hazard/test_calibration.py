from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import bernoulli

from models.hazard import calibration
from models.hazard.calibration import PRIOR_SD, IntervalPredictions, fit, fit_interval, shrunk_offset
from models.hazard.model import Calibration

Floats = NDArray[np.float64]


def drawn(rng: np.random.Generator, count: int, offset: float, scale: float) -> IntervalPredictions:
    """Draw forecasts whose true log-odds are offset + base + scale x score."""
    base, score = rng.normal(-4, 0.3, count), rng.normal(0, 1.5, count)
    fails = rng.random(count) < expit(base + offset + scale * score)
    return IntervalPredictions(base, score, fails.astype(np.float64), rng.uniform(0.2, 2, count), np.arange(count) % 3)


def loss(beta: Floats, predictions: IntervalPredictions) -> float:
    """Compute the penalised negative log-likelihood."""
    log_odds = predictions.base + beta[0] + beta[1] * predictions.score
    likelihood = predictions.weight * (predictions.outcome * log_odds - np.logaddexp(0, log_odds))
    return float(-likelihood.sum() + (((beta - [0, 1]) / PRIOR_SD) ** 2).sum() / 2)


def oracle(predictions: IntervalPredictions) -> Floats:
    result = minimize(loss, np.array([0.0, 1.0]), args=(predictions,), bounds=[(None, None), (0, None)], tol=1e-14)
    return np.asarray(result.x)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 400), st.floats(-3, 3), st.floats(-2, 3), st.floats(0.01, 100))
def test_the_fit_is_that_of_scipy(seed: int, count: int, offset: float, scale: float, weight: float) -> None:
    predictions = drawn(np.random.default_rng(seed), count, offset, scale)
    predictions = replace(predictions, weight=predictions.weight * weight)
    expected = oracle(predictions)
    assert fit_interval(predictions) == pytest.approx(expected, abs=2e-4)
    assert loss(np.array(fit_interval(predictions)), predictions) <= loss(expected, predictions) + 1e-6


@given(st.integers(0, 10_000), st.floats(-1, 1), st.floats(0, 2))
def test_the_loss_is_the_negative_log_likelihood_of_every_interval(seed: int, offset: float, scale: float) -> None:
    parts = [drawn(np.random.default_rng(seed + number), 30, 0.0, 1.0) for number in range(2)]
    expected = 0.0
    for number, part in enumerate(parts):
        probability = expit(part.base + offset + number + scale * part.score)
        expected -= (part.weight * bernoulli.logpmf(part.outcome, probability)).sum()
    shifted = Calibration(np.array([offset, offset + 1]), np.array([scale, scale]))
    assert calibration.loss(parts, shifted) == pytest.approx(expected)


def test_a_calibrated_forecast_is_left_alone() -> None:
    offset, scale = fit_interval(drawn(np.random.default_rng(0), 60_000, 0.0, 1.0))
    assert offset == pytest.approx(0, abs=0.1)
    assert scale == pytest.approx(1, abs=0.05)


def test_an_over_confident_forecast_is_pulled_in_and_a_timid_one_stretched() -> None:
    rng = np.random.default_rng(1)
    assert fit_interval(drawn(rng, 60_000, 0.0, 0.5))[1] == pytest.approx(0.5, abs=0.07)
    assert fit_interval(drawn(rng, 60_000, 0.0, 1.5))[1] == pytest.approx(1.5, abs=0.07)


def test_a_forecast_that_is_too_high_is_lowered() -> None:
    offset, scale = fit_interval(drawn(np.random.default_rng(2), 60_000, -1.0, 1.0))
    assert offset == pytest.approx(-1, abs=0.1)
    assert scale == pytest.approx(1, abs=0.07)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_handful_of_rows_changes_next_to_nothing(count: int) -> None:
    offset, scale = fit_interval(drawn(np.random.default_rng(3), count, 2.0, 0.0))
    assert abs(offset) < 0.3
    assert scale == pytest.approx(1, abs=0.05)
    assert (offset, scale) == (0.0, 1.0) or count > 0


def test_scores_that_rank_the_wrong_way_round_are_ignored() -> None:
    predictions = drawn(np.random.default_rng(4), 60_000, 0.5, -1.0)
    predictions = replace(predictions, weight=predictions.weight * 100)
    offset, scale = fit_interval(predictions)
    assert scale == 0
    assert offset == pytest.approx(oracle(predictions)[0], abs=1e-4)


@pytest.mark.parametrize("outcome", [0.0, 1.0])
def test_outcomes_of_one_kind_give_finite_numbers(outcome: float) -> None:
    predictions = replace(drawn(np.random.default_rng(5), 500, 0, 1), outcome=np.full(500, outcome))
    assert np.isfinite(fit_interval(predictions)).all()


@pytest.mark.parametrize("size", [1.0, 1e3, 1e6])
def test_separable_outcomes_and_extreme_scores_give_finite_numbers(size: float) -> None:
    score, fold = np.linspace(-size, size, 400), np.zeros(400, np.int64)
    separable = IntervalPredictions(np.full(400, -5.0), score, (score > 0).astype(np.float64), np.ones(400), fold)
    assert np.isfinite(fit_interval(separable)).all()
    assert np.isfinite(fit_interval(replace(separable, outcome=1 - separable.outcome))).all()


def test_each_interval_has_two_numbers_of_its_own() -> None:
    rng = np.random.default_rng(6)
    low, high = (drawn(rng, 500, offset, 1.0) for offset in (-1.0, 1.0))
    calibration = fit([low, high])
    scales = [fit_interval(low)[1], fit_interval(high)[1]]
    assert calibration.scale.tolist() == scales
    assert calibration.offset.tolist() == [shrunk_offset(low, scales[0]), shrunk_offset(high, scales[1])]
    assert calibration.offset[0] < calibration.offset[1]


def folds(*offsets: float) -> IntervalPredictions:
    """Draw calibrated forecasts but for the level, which differs from fold to fold by these offsets."""
    rng = np.random.default_rng(7)
    parts = [
        replace(drawn(rng, 40_000, offset, 1.0), fold=np.full(40_000, fold)) for fold, offset in enumerate(offsets)
    ]
    return IntervalPredictions(
        np.concatenate([part.base for part in parts]),
        np.concatenate([part.score for part in parts]),
        np.concatenate([part.outcome for part in parts]),
        np.concatenate([part.weight for part in parts]),
        np.concatenate([part.fold for part in parts]),
    )


def test_an_offset_that_the_folds_agree_on_is_kept() -> None:
    assert shrunk_offset(folds(0.6, 0.6, 0.6), 1.0) == pytest.approx(0.6, abs=0.06)


def test_an_offset_that_differs_from_fold_to_fold_is_not_expected_of_the_next_window() -> None:
    assert abs(shrunk_offset(folds(1.2, 0.0, 0.6), 1.0)) < 0.15
    assert abs(shrunk_offset(folds(-0.6, 0.6), 1.0)) < 0.1


def test_the_offset_of_a_single_fold_is_halved() -> None:
    assert shrunk_offset(folds(0.6), 1.0) == pytest.approx(0.3, abs=0.05)


def test_without_rows_there_is_no_offset() -> None:
    nothing = folds(0.0).take(np.zeros(40_000, dtype=bool))
    assert shrunk_offset(nothing, 1.0) == 0.0
