from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from models.baselines.base_rate import base_rate_probabilities


def test_the_base_rate_by_hand() -> None:
    rate, cutoff = np.array([0.0, 0.01, np.nan]), np.array([1, 1, 0, 2])
    expected = [1 - np.exp(-0.07), 1 - np.exp(-0.07), 0, 0]
    assert base_rate_probabilities(rate, cutoff, timedelta(days=7)).tolist() == pytest.approx(expected)
    hourly = [1 - np.exp(-0.01 / 24), 1 - np.exp(-0.01 / 24), 0, 0]
    assert base_rate_probabilities(rate, cutoff, timedelta(hours=1)).tolist() == pytest.approx(hourly)
