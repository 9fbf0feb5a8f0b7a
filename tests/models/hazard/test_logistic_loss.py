from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.stats import bernoulli

from models.hazard.logistic_loss import derivatives, log_loss

Floats = NDArray[np.float64]
LOG_ODDS = arrays(np.float64, 6, elements=st.floats(-10, 10))
OUTCOMES = np.array([0.0, 1.0, 0.0, 1.0, 0.0, 1.0])
WEIGHTS = np.array([1.0, 1.0, 0.3, 2.5, 0.0, 0.7])


@given(LOG_ODDS)
def test_the_loss_is_scipys_negative_log_likelihood(log_odds: Floats) -> None:
    expected = -WEIGHTS * bernoulli.logpmf(OUTCOMES, 1 / (1 + np.exp(-log_odds)))
    assert log_loss(log_odds, OUTCOMES, WEIGHTS) == pytest.approx(expected, abs=1e-9)


@given(LOG_ODDS)
def test_the_derivatives_are_those_of_finite_differences(log_odds: Floats) -> None:
    step = 1e-4
    low, middle, high = (log_loss(log_odds + shift, OUTCOMES, WEIGHTS) for shift in (-step, 0, step))
    slope, curvature = derivatives(log_odds, OUTCOMES, WEIGHTS)
    assert slope == pytest.approx((low - high) / (2 * step), abs=1e-6)
    assert curvature == pytest.approx((low + high - 2 * middle) / step**2, abs=1e-5)


@pytest.mark.parametrize("size", [1e3, 1e300])
def test_extreme_log_odds_give_finite_numbers(size: float) -> None:
    log_odds = np.array([size, -size])
    assert log_loss(log_odds, np.array([1.0, 0.0]), np.ones(2)).tolist() == [0.0, 0.0]
    assert np.isfinite(derivatives(log_odds, np.array([1.0, 0.0]), np.ones(2))).all()
