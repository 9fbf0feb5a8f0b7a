from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression

from models.hazard.rank_logistic import PRIOR_SD, RankLogistic, Scale, fit, ranked

Floats = NDArray[np.float64]


def drawn(rng: np.random.Generator, count: int = 4_000) -> tuple[NDArray[np.float32], Floats]:
    """Draw features of which the first raises the odds and the second does nothing."""
    features = rng.normal(size=(count, 2)).astype(np.float32)
    return features, (rng.random(count) < expit(-2 + 0.8 * features[:, 0])).astype(np.float64)


def fitted(features: NDArray[np.float32], outcome: Floats) -> RankLogistic:
    each = outcome[:, None]
    return fit(features, np.full_like(each, -2.0), each, np.ones_like(each))


def test_a_normal_feature_is_its_own_normal_score() -> None:
    values = norm.ppf((np.arange(1_000) + 0.5) / 1_000).astype(np.float32)
    told = Scale.of(values).apply(values)
    assert told == pytest.approx(values, abs=0.02)


def test_a_scale_keeps_the_order_whatever_the_units() -> None:
    values = np.random.default_rng(1).normal(size=500).astype(np.float32)
    told = Scale.of(values).apply(values)
    assert Scale.of(np.exp(values)).apply(np.exp(values)) == pytest.approx(told, abs=0.05)
    assert (np.diff(told[np.argsort(values)]) >= 0).all()
    assert (told.mean(), told.std()) == pytest.approx((0, 1), abs=1e-5)


def test_values_beyond_the_training_ones_count_as_the_farthest_of_these() -> None:
    scale = Scale.of(np.arange(100, dtype=np.float32))
    told = scale.apply(np.array([-1e9, 0, 99, np.inf], np.float32))
    assert told[0] == told[1]
    assert told[2] == told[3]


@pytest.mark.parametrize("values", [[], [np.nan] * 200, [3.0] * 200, [1.0, 2.0]])
def test_a_feature_that_hardly_varies_or_is_hardly_known_says_nothing(values: list[float]) -> None:
    scale = Scale.of(np.array(values, np.float32))
    assert scale.apply(np.array([-5, 3, np.nan], np.float32)).tolist() == [0, 0, 0]


def test_what_is_missing_counts_as_the_mean() -> None:
    values = np.random.default_rng(2).exponential(size=500).astype(np.float32)
    values[::7] = np.nan
    told = Scale.of(values).apply(values)
    assert (told[::7] == 0).all()
    assert told[~np.isnan(values)].mean() == pytest.approx(0, abs=1e-5)


def test_the_fit_is_that_of_a_ridge_regression() -> None:
    features, outcome = drawn(np.random.default_rng(3))
    told = fitted(features, outcome)
    matrix = ranked(told.scales, features).astype(np.float64)
    oracle = LogisticRegression(C=PRIOR_SD**2 / 2, tol=1e-8).fit(matrix, outcome)
    assert told.weights == pytest.approx(oracle.coef_[0], abs=2e-3)
    assert told.intercepts - 2 == pytest.approx(oracle.intercept_, abs=2e-3)


def test_intervals_share_the_weights_and_have_their_own_level() -> None:
    features, outcome = drawn(np.random.default_rng(4))
    both = np.column_stack([outcome, np.zeros_like(outcome)])
    told = fit(features, np.full_like(both, -2.0), both, np.ones_like(both))
    scores = told.scores(features)
    assert scores.shape == (4_000, 2)
    assert np.ptp(scores[:, 0] - scores[:, 1]) == pytest.approx(0, abs=1e-9)
    assert told.intercepts[0] > told.intercepts[1] + 2


def test_a_row_out_of_risk_says_nothing() -> None:
    features, outcome = drawn(np.random.default_rng(5), 2_000)
    lost = outcome.copy()
    lost[1_000:] = np.nan
    each = lost[:, None]
    zero = np.where(np.isnan(each), 0.0, 1.0)
    base = np.full_like(each, -2.0)
    told, without = fit(features, base, each, np.ones_like(each)), fit(features, base, np.nan_to_num(each), zero)
    assert told.weights.tolist() == without.weights.tolist()


def test_contributions_and_the_intervals_own_part_add_up_to_the_score() -> None:
    features, outcome = drawn(np.random.default_rng(6), 500)
    told = fitted(features, outcome)
    assert told.contributions(features).sum(axis=1) + told.intercepts[0] == pytest.approx(
        told.scores(features)[:, 0], abs=1e-5
    )


def test_separated_classes_leave_the_weights_finite() -> None:
    features = np.linspace(-1, 1, 400, dtype=np.float32)[:, None]
    told = fitted(features, (features[:, 0] > 0).astype(np.float64))
    assert np.isfinite(told.weights).all()
    assert told.weights[0] > 0


def test_a_row_scores_the_same_to_the_last_bit_whatever_stands_beside_it() -> None:
    features, outcome = drawn(np.random.default_rng(8), 500)
    told = fitted(features, outcome)
    alone = np.concatenate([told.scores(features[at : at + 1]) for at in range(500)])
    assert told.scores(features).tobytes() == alone.tobytes()
