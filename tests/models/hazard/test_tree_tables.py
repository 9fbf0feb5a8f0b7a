"""Trees as tables: LightGBM's own scores to the last bit, and its own SHAP values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.hazard.tree_tables import BLOCK_ROWS, MAX_SPLITS, Forest, read_forests

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEATURES = 5  # and the constant one


def drawn(rng: np.random.Generator, rows: int) -> NDArray[np.float32]:
    """Draw features: few and many values, missing ones, and one that is never missing in training."""
    features = rng.normal(size=(rows, FEATURES)).astype(np.float32)
    features[:, 1] = rng.integers(-2, 3, rows)
    features[:, 2] *= np.float32(1e30)
    features[:, :3][rng.random((rows, 3)) < 0.2] = np.nan
    return features


def fitted(seed: int, leaves: int = 8, trees: int = 12, **more: int) -> lgb.Booster:
    rng = np.random.default_rng(seed)
    features, constant = drawn(rng, 600), rng.integers(0, 3, 600)
    probability = 0.2 + 0.3 * (np.nan_to_num(features[:, 0]) > 0.3) + 0.1 * np.isnan(features[:, 1]) + 0.1 * constant
    options = {"objective": "binary", "num_leaves": leaves, "min_data_in_leaf": 5, "verbose": -1}
    data = lgb.Dataset(np.column_stack([features, constant]), label=(rng.random(600) < probability).astype(float))
    return lgb.train({**options, **more}, data, trees)


def with_constant(features: NDArray[np.float32], constant: float) -> NDArray[np.float32]:
    return np.column_stack([features, np.full(len(features), constant, np.float32)])


def forest_of(booster: lgb.Booster) -> Forest:
    forest = Forest.of(booster)
    assert forest is not None
    return forest


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.integers(2, MAX_SPLITS + 1), st.integers(0, 40))
def test_scores_have_lightgbms_bits(seed: int, leaves: int, rows: int) -> None:
    booster, features = fitted(seed, leaves), drawn(np.random.default_rng(seed + 1), rows + 1)
    features[0] = np.nan  # also where nothing was missing in training
    features[-1, 0] = np.inf
    scores = forest_of(booster).scores(features, range(3))
    assert scores.shape == (rows + 1, 3)
    for constant in range(3):
        expected = np.asarray(booster.predict(with_constant(features, constant), raw_score=True))
        assert np.ascontiguousarray(scores[:, constant]).tobytes() == expected.tobytes()


def test_a_value_at_a_threshold_takes_the_branch_of_lightgbm() -> None:
    booster = fitted(3)
    lines = [line for line in booster.model_to_string().splitlines() if line.startswith("threshold=")]
    thresholds = np.array([float(number) for line in lines for number in line[10:].split()], dtype=np.float32)
    above, below = (np.nextafter(thresholds, np.float32(limit)) for limit in (np.inf, -np.inf))
    features = np.repeat(np.concatenate([thresholds, above, below])[:, None], FEATURES, axis=1)
    expected = np.asarray(booster.predict(with_constant(features, 1), raw_score=True))
    assert len(thresholds) > 12
    assert np.ascontiguousarray(forest_of(booster).scores(features, [1])[:, 0]).tobytes() == expected.tobytes()


@pytest.mark.parametrize("leaves", [2, 8, MAX_SPLITS + 1])
def test_contributions_are_lightgbms_shap_values(leaves: int) -> None:
    booster, features = fitted(leaves, leaves), drawn(np.random.default_rng(9), 50)
    weights = {0.0: 0.5, 1.0: 0.1, 2.0: 1.3}
    total = np.zeros(features.shape)
    forest_of(booster).add_contributions(total, features, weights)
    shap = {
        constant: np.asarray(booster.predict(with_constant(features, constant), pred_contrib=True))
        for constant in weights
    }
    expected = sum(weight * shap[constant][:, :FEATURES] for constant, weight in weights.items())
    assert total == pytest.approx(expected, abs=1e-12)


def test_blocks_of_rows_and_the_order_of_memory_change_no_bit() -> None:
    forest, features = forest_of(fitted(1, trees=3)), drawn(np.random.default_rng(2), BLOCK_ROWS + 7)
    whole = forest.scores(np.asfortranarray(features), [0])
    assert forest.scores(features, [0]).tobytes() == whole.tobytes()
    tail = slice(BLOCK_ROWS - 3, None)
    assert forest.scores(features[tail], [0]).tobytes() == np.ascontiguousarray(whole[tail]).tobytes()


def test_a_tree_without_a_split_has_the_same_value_for_all_rows() -> None:
    booster = fitted(1, trees=2, min_data_in_leaf=500)
    features = drawn(np.random.default_rng(1), 4)
    assert forest_of(booster).scores(features, [0])[:, 0] == pytest.approx(
        np.asarray(booster.predict(with_constant(features, 0), raw_score=True))
    )
    total = np.zeros(features.shape)
    forest_of(booster).add_contributions(total, features, {0.0: 1.0})
    assert not total.any()


@pytest.mark.parametrize("odd", [{"leaves": MAX_SPLITS + 8}, {"zero_as_missing": True}, {"linear_tree": True}])
def test_other_trees_are_left_to_lightgbm(odd: dict[str, int]) -> None:
    assert read_forests((fitted(1), fitted(1, **odd))) is None


def test_no_booster_makes_no_forest() -> None:
    assert read_forests(()) is None
