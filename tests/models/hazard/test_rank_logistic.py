from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression

from models.hazard.rank_logistic import PRIOR_SD, RankLogistic, RankTransform, fit, rank_transformed

Floats = NDArray[np.float64]


def drawn(rng: np.random.Generator, count: int = 4_000) -> tuple[NDArray[np.float32], Floats]:
    """Draw features of which the first raises the odds and the second does nothing."""
    features = rng.normal(size=(count, 2)).astype(np.float32)
    return features, (rng.random(count) < expit(-2 + 0.8 * features[:, 0])).astype(np.float64)


def fitted(features: NDArray[np.float32], outcome: Floats) -> RankLogistic:
    column = outcome[:, None]
    return fit(features, np.full_like(column, -2.0), column, np.ones_like(column))


def test_a_normal_feature_is_its_own_normal_score() -> None:
    values = norm.ppf((np.arange(1_000) + 0.5) / 1_000).astype(np.float32)
    assert RankTransform.of(values).apply(values) == pytest.approx(values, abs=0.02)


def test_a_transform_keeps_the_order_whatever_the_units() -> None:
    values = np.random.default_rng(1).normal(size=500).astype(np.float32)
    scores = RankTransform.of(values).apply(values)
    assert RankTransform.of(np.exp(values)).apply(np.exp(values)) == pytest.approx(scores, abs=0.05)
    assert (np.diff(scores[np.argsort(values)]) >= 0).all()
    assert (scores.mean(), scores.std()) == pytest.approx((0, 1), abs=1e-5)


def test_values_beyond_the_training_ones_count_as_the_farthest_of_these() -> None:
    transform = RankTransform.of(np.arange(100, dtype=np.float32))
    scores = transform.apply(np.array([-1e9, 0, 99, np.inf], np.float32))
    assert scores[0] == scores[1]
    assert scores[2] == scores[3]


@pytest.mark.parametrize("values", [[], [np.nan] * 200, [3.0] * 200, [1.0, 2.0]])
def test_a_feature_that_hardly_varies_or_is_mostly_missing_becomes_zero(values: list[float]) -> None:
    transform = RankTransform.of(np.array(values, np.float32))
    assert transform.apply(np.array([-5, 3, np.nan], np.float32)).tolist() == [0, 0, 0]


def test_a_missing_value_counts_as_the_mean() -> None:
    values = np.random.default_rng(2).exponential(size=500).astype(np.float32)
    values[::7] = np.nan
    scores = RankTransform.of(values).apply(values)
    assert (scores[::7] == 0).all()
    assert scores[~np.isnan(values)].mean() == pytest.approx(0, abs=1e-5)


def test_the_fit_is_that_of_a_ridge_regression() -> None:
    features, outcome = drawn(np.random.default_rng(3))
    model = fitted(features, outcome)
    matrix = rank_transformed(model.transforms, features).astype(np.float64)
    oracle = LogisticRegression(C=PRIOR_SD**2 / 2, tol=1e-8).fit(matrix, outcome)
    assert model.weights == pytest.approx(oracle.coef_[0], abs=2e-3)
    assert model.intercepts - 2 == pytest.approx(oracle.intercept_, abs=2e-3)


def test_intervals_share_the_weights_and_have_intercepts_of_their_own() -> None:
    features, outcome = drawn(np.random.default_rng(4))
    outcomes = np.column_stack([outcome, np.zeros_like(outcome)])
    model = fit(features, np.full_like(outcomes, -2.0), outcomes, np.ones_like(outcomes))
    scores = model.scores(features)
    assert scores.shape == (4_000, 2)
    assert np.ptp(scores[:, 0] - scores[:, 1]) == pytest.approx(0, abs=1e-9)
    assert model.intercepts[0] > model.intercepts[1] + 2


def test_an_unknown_outcome_weighs_nothing() -> None:
    features, outcome = drawn(np.random.default_rng(5), 2_000)
    unknown = outcome.copy()
    unknown[1_000:] = np.nan
    column = unknown[:, None]
    base, weight = np.full_like(column, -2.0), np.where(np.isnan(column), 0.0, 1.0)
    as_unknown = fit(features, base, column, np.ones_like(column))
    without_weight = fit(features, base, np.nan_to_num(column), weight)
    assert as_unknown.weights.tolist() == without_weight.weights.tolist()


def test_contributions_and_the_intervals_intercept_add_up_to_the_score() -> None:
    features, outcome = drawn(np.random.default_rng(6), 500)
    model = fitted(features, outcome)
    assert model.contributions(features).sum(axis=1) + model.intercepts[0] == pytest.approx(
        model.scores(features)[:, 0], abs=1e-5
    )


def test_separated_classes_leave_the_weights_finite() -> None:
    features = np.linspace(-1, 1, 400, dtype=np.float32)[:, None]
    model = fitted(features, (features[:, 0] > 0).astype(np.float64))
    assert np.isfinite(model.weights).all()
    assert model.weights[0] > 0


def test_a_rows_score_depends_on_no_other_row_to_the_last_bit() -> None:
    features, outcome = drawn(np.random.default_rng(8), 500)
    model = fitted(features, outcome)
    alone = np.concatenate([model.scores(features[row : row + 1]) for row in range(500)])
    assert model.scores(features).tobytes() == alone.tobytes()
