from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.evaluation.alarm_budgets import weighted_medians


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12))
def test_a_weighted_median_is_the_median_of_the_repeated_values(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 6, count).astype(np.float64)
    weights = rng.poisson(0.8, (count, 5)).astype(np.float64)
    medians = weighted_medians(values, weights)
    assert len(medians) == 5
    for resample, median in enumerate(medians):
        repeated = np.repeat(values, weights[:, resample].astype(int))
        assert median == pytest.approx(np.median(repeated) if len(repeated) else np.nan, nan_ok=True)


def test_no_values_have_no_median() -> None:
    assert np.isnan(weighted_medians(np.zeros(0), np.zeros((0, 3)))).tolist() == [True] * 3
