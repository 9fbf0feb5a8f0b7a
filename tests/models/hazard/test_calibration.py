from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from models.hazard.calibration import PRIOR_SD, Predictions, fit, fit_interval, lasting_offset

Floats = NDArray[np.float64]


def predictions(rng: np.random.Generator, count: int, offset: float, scale: float) -> Predictions:
    """Draw forecasts whose true log-odds are offset + base + scale x score."""
    base, score = rng.normal(-4, 0.3, count), rng.normal(0, 1.5, count)
    fails = rng.random(count) < expit(base + offset + scale * score)
    return Predictions(base, score, fails.astype(np.float64), rng.uniform(0.2, 2, count), np.arange(count) % 3)


def loss(beta: Floats, told: Predictions) -> float:
    """Give the penalised negative log likelihood."""
    log_odds = told.base + beta[0] + beta[1] * told.score
    likelihood = told.weight * (told.outcome * log_odds - np.logaddexp(0, log_odds))
    return float(-likelihood.sum() + (((beta - [0, 1]) / PRIOR_SD) ** 2).sum() / 2)


def oracle(told: Predictions) -> Floats:
    found = minimize(loss, np.array([0.0, 1.0]), args=(told,), bounds=[(None, None), (0, None)], tol=1e-14)
    return np.asarray(found.x)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 400), st.floats(-3, 3), st.floats(-2, 3), st.floats(0.01, 100))
def test_the_fit_is_that_of_scipy(seed: int, count: int, offset: float, scale: float, weight: float) -> None:
    told = predictions(np.random.default_rng(seed), count, offset, scale)
    told = replace(told, weight=told.weight * weight)
    assert fit_interval(told) == pytest.approx(oracle(told), abs=2e-4)
    assert loss(np.array(fit_interval(told)), told) <= loss(oracle(told), told) + 1e-6


def test_a_calibrated_forecast_is_left_alone() -> None:
    offset, scale = fit_interval(predictions(np.random.default_rng(0), 60_000, 0.0, 1.0))
    assert offset == pytest.approx(0, abs=0.1)
    assert scale == pytest.approx(1, abs=0.05)


def test_an_over_confident_forecast_is_pulled_in_and_a_timid_one_stretched() -> None:
    rng = np.random.default_rng(1)
    assert fit_interval(predictions(rng, 60_000, 0.0, 0.5))[1] == pytest.approx(0.5, abs=0.07)
    assert fit_interval(predictions(rng, 60_000, 0.0, 1.5))[1] == pytest.approx(1.5, abs=0.07)


def test_a_forecast_that_is_too_high_is_lowered() -> None:
    offset, scale = fit_interval(predictions(np.random.default_rng(2), 60_000, -1.0, 1.0))
    assert offset == pytest.approx(-1, abs=0.1)
    assert scale == pytest.approx(1, abs=0.07)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_handful_of_rows_changes_next_to_nothing(count: int) -> None:
    offset, scale = fit_interval(predictions(np.random.default_rng(3), count, 2.0, 0.0))
    assert abs(offset) < 0.3
    assert scale == pytest.approx(1, abs=0.05)
    assert (offset, scale) == (0.0, 1.0) or count > 0


def test_scores_that_point_the_wrong_way_get_no_say() -> None:
    told = predictions(np.random.default_rng(4), 60_000, 0.5, -1.0)
    told = replace(told, weight=told.weight * 100)
    offset, scale = fit_interval(told)
    assert scale == 0
    assert offset == pytest.approx(oracle(told)[0], abs=1e-4)


@pytest.mark.parametrize("outcome", [0.0, 1.0])
def test_outcomes_of_one_kind_give_finite_numbers(outcome: float) -> None:
    told = replace(predictions(np.random.default_rng(5), 500, 0, 1), outcome=np.full(500, outcome))
    assert np.isfinite(fit_interval(told)).all()


@pytest.mark.parametrize("size", [1.0, 1e3, 1e6])
def test_separable_outcomes_and_extreme_scores_give_finite_numbers(size: float) -> None:
    score = np.linspace(-size, size, 400)
    told = Predictions(np.full(400, -5.0), score, (score > 0).astype(np.float64), np.ones(400), np.zeros(400, np.int64))
    assert np.isfinite(fit_interval(told)).all()
    assert np.isfinite(fit_interval(replace(told, outcome=1 - told.outcome))).all()


def test_each_interval_has_its_own_two_numbers() -> None:
    rng = np.random.default_rng(6)
    told = [predictions(rng, 500, offset, 1.0) for offset in (-1.0, 1.0)]
    found = fit(told)
    assert found.scale.tolist() == [fit_interval(one)[1] for one in told]
    assert found.offset.tolist() == [lasting_offset(one, scale) for one, scale in zip(told, found.scale, strict=True)]
    assert found.offset[0] < found.offset[1]


def folds(*offsets: float) -> Predictions:
    """Give calm forecasts whose true level differs from fold to fold by these offsets."""
    rng, parts = np.random.default_rng(7), []
    for fold, offset in enumerate(offsets):
        told = predictions(rng, 40_000, offset, 1.0)
        parts.append(replace(told, fold=np.full(40_000, fold)))
    return Predictions(
        np.concatenate([part.base for part in parts]),
        np.concatenate([part.score for part in parts]),
        np.concatenate([part.outcome for part in parts]),
        np.concatenate([part.weight for part in parts]),
        np.concatenate([part.fold for part in parts]),
    )


def test_an_offset_that_the_folds_agree_on_lasts() -> None:
    assert lasting_offset(folds(0.6, 0.6, 0.6), 1.0) == pytest.approx(0.6, abs=0.06)


def test_an_offset_that_differs_from_fold_to_fold_is_not_expected_of_the_next_window() -> None:
    assert abs(lasting_offset(folds(1.2, 0.0, 0.6), 1.0)) < 0.15
    assert abs(lasting_offset(folds(-0.6, 0.6), 1.0)) < 0.1


def test_one_fold_is_believed_by_half() -> None:
    assert lasting_offset(folds(0.6), 1.0) == pytest.approx(0.3, abs=0.05)


def test_without_rows_there_is_no_offset() -> None:
    nothing = folds(0.0).take(np.zeros(40_000, dtype=bool))
    assert lasting_offset(nothing, 1.0) == 0.0
