from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from models.metrics.calibration_slope import BinnedLabels, binned_slopes


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_every_resamples_slope_is_scikit_learns_on_the_same_weights(seed: int) -> None:
    rng = np.random.default_rng(seed)
    logit = rng.normal(-3, 1.5, 30)
    rows = rng.integers(20, 200, (30, 4)).astype(np.float64)
    positives = rng.binomial(rows.astype(int), 1 / (1 + np.exp(-(0.7 * logit + 0.5)))[:, None]).astype(np.float64)
    design = np.tile(logit, 2)[:, None]
    slopes = binned_slopes(BinnedLabels(logit, rows, positives))
    assert len(slopes) == 4
    for resample, slope in enumerate(slopes):
        hits = positives[:, resample]
        model = LogisticRegression(C=1e6, tol=1e-10, solver="newton-cholesky")
        model.fit(design, np.repeat([1, 0], 30), np.r_[hits, rows[:, resample] - hits])
        assert slope == pytest.approx(model.coef_[0, 0], abs=1e-4)


@pytest.mark.parametrize("positives", [[0.0, 0.0], [5.0, 5.0]])
def test_a_resample_with_one_kind_of_label_has_no_slope(positives: list[float]) -> None:
    binned = BinnedLabels(np.array([-1.0, 1.0]), np.full((2, 1), 5.0), np.array(positives)[:, None])
    assert np.isnan(binned_slopes(binned)).all()


def test_one_logit_for_all_has_no_slope() -> None:
    binned = BinnedLabels(np.array([-1.0, -1.0]), np.full((2, 3), 5.0), np.ones((2, 3)))
    assert np.isnan(binned_slopes(binned)).all()


def test_a_resample_that_drew_one_logit_only_has_no_slope_and_spoils_no_other() -> None:
    rows = np.array([[10.0, 10.0], [0.0, 10.0]])
    positives = np.array([[2.0, 2.0], [0.0, 5.0]])
    slopes = binned_slopes(BinnedLabels(np.array([0.0, 1.0]), rows, positives))
    assert np.isnan(slopes[0])
    assert slopes[1] == pytest.approx(np.log(4.0), abs=1e-4)


def test_no_weight_at_all_has_no_slope() -> None:
    assert np.isnan(binned_slopes(BinnedLabels(np.array([0.0]), np.zeros((1, 2)), np.zeros((1, 2))))).all()


def test_a_slope_is_found_where_nearly_all_rows_share_one_logit() -> None:
    rng, logit = np.random.default_rng(0), np.array([-8.0, -8.0001, -1.0, 0.0, 1.0])
    rows = np.tile(np.array([5e5, 5e5, 300, 100, 50])[:, None], 50)
    positives = rng.binomial(rows.astype(int), 1 / (1 + np.exp(-logit))[:, None]).astype(np.float64)
    slopes = binned_slopes(BinnedLabels(logit, rows, positives))
    assert 0.9 < slopes.min() < 1 < slopes.max() < 1.1
