"""Trees as tables: LightGBM's own scores to the last bit, and its own SHAP values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.hazard.tree_tables import BLOCK_ROWS, MOST_SPLITS, Forest, forests

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEATURES = 5  # and the constant one


def values(rng: np.random.Generator, rows: int) -> NDArray[np.float32]:
    """Draw features: few and many values, missing ones, and one that is never missing in training."""
    told = rng.normal(size=(rows, FEATURES)).astype(np.float32)
    told[:, 1] = rng.integers(-2, 3, rows)
    told[:, 2] *= np.float32(1e30)
    told[:, :3][rng.random((rows, 3)) < 0.2] = np.nan
    return told


def booster(seed: int, leaves: int = 8, trees: int = 12, **more: int) -> lgb.Booster:
    rng = np.random.default_rng(seed)
    told, constant = values(rng, 600), rng.integers(0, 3, 600)
    chance = 0.2 + 0.3 * (np.nan_to_num(told[:, 0]) > 0.3) + 0.1 * np.isnan(told[:, 1]) + 0.1 * constant
    options = {"objective": "binary", "num_leaves": leaves, "min_data_in_leaf": 5, "verbose": -1}
    data = lgb.Dataset(np.column_stack([told, constant]), label=(rng.random(600) < chance).astype(float))
    return lgb.train({**options, **more}, data, trees)


def beside(features: NDArray[np.float32], constant: float) -> NDArray[np.float32]:
    return np.column_stack([features, np.full(len(features), constant, np.float32)])


def forest(of: lgb.Booster) -> Forest:
    told = Forest.of(of)
    assert told is not None
    return told


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.integers(2, MOST_SPLITS + 1), st.integers(0, 40))
def test_scores_have_lightgbms_bits(seed: int, leaves: int, rows: int) -> None:
    own, asked = booster(seed, leaves), values(np.random.default_rng(seed + 1), rows + 1)
    asked[0] = np.nan  # also where nothing was missing in training
    asked[-1, 0] = np.inf
    told = forest(own).scores(asked, range(3))
    for constant in range(3):
        expected = np.asarray(own.predict(beside(asked, constant), raw_score=True))
        assert np.ascontiguousarray(told[:, constant]).tobytes() == expected.tobytes()


def test_a_value_at_a_threshold_goes_the_way_it_goes_in_lightgbm() -> None:
    own = booster(3)
    text = own.model_to_string()
    thresholds = [
        float(one) for line in text.splitlines() if line.startswith("threshold=") for one in line[10:].split()
    ]
    near = np.array(thresholds, dtype=np.float32)
    told = np.concatenate([near, np.nextafter(near, np.float32(np.inf)), np.nextafter(near, np.float32(-np.inf))])
    asked = np.repeat(told[:, None], FEATURES, axis=1)
    expected = np.asarray(own.predict(beside(asked, 1), raw_score=True))
    assert np.ascontiguousarray(forest(own).scores(asked, [1])[:, 0]).tobytes() == expected.tobytes()


@pytest.mark.parametrize("leaves", [2, 8, MOST_SPLITS + 1])
def test_what_features_add_is_lightgbms_shap(leaves: int) -> None:
    own, asked = booster(leaves, leaves), values(np.random.default_rng(9), 50)
    weights = {0.0: 0.5, 1.0: 0.1, 2.0: 1.3}
    told = np.zeros(asked.shape)
    forest(own).add(told, asked, weights)
    every = {one: np.asarray(own.predict(beside(asked, one), pred_contrib=True)) for one in weights}
    expected = sum(weight * every[one][:, :FEATURES] for one, weight in weights.items())
    assert told == pytest.approx(expected, abs=1e-12)


def test_blocks_of_rows_and_the_order_of_memory_change_no_bit() -> None:
    own, asked = forest(booster(1, trees=3)), values(np.random.default_rng(2), BLOCK_ROWS + 7)
    whole = own.scores(np.asfortranarray(asked), [0])
    assert own.scores(asked, [0]).tobytes() == whole.tobytes()
    assert own.scores(asked[BLOCK_ROWS - 3 :], [0]).tobytes() == np.ascontiguousarray(whole[BLOCK_ROWS - 3 :]).tobytes()


def test_a_tree_that_never_split_says_the_same_to_all() -> None:
    own = booster(1, trees=2, min_data_in_leaf=500)
    asked = values(np.random.default_rng(1), 4)
    assert forest(own).scores(asked, [0])[:, 0] == pytest.approx(
        np.asarray(own.predict(beside(asked, 0), raw_score=True))
    )
    added = np.zeros(asked.shape)
    forest(own).add(added, asked, {0.0: 1.0})
    assert not added.any()


@pytest.mark.parametrize("odd", [{"leaves": MOST_SPLITS + 8}, {"zero_as_missing": True}, {"linear_tree": True}])
def test_other_trees_are_left_to_lightgbm(odd: dict[str, int]) -> None:
    assert forests((booster(1), booster(1, **odd))) is None


def test_no_booster_makes_no_forest() -> None:
    assert forests(()) is None
