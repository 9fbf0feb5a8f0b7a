"""Trees that predict the cause from a node's features: a rise of memory errors points to the memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import lightgbm as lgb
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from features.grid import Array, Index

ROUNDS: Final = 40
GROWTH: Final[dict[str, Any]] = {
    "learning_rate": 0.05,
    "num_leaves": 4,
    "min_data_in_leaf": 20,
    "feature_fraction": 0.2,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 10.0,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


def fit(features: NDArray[np.float32], cause: Index, weight: Array, shares: Array, seed: int) -> lgb.Booster:
    """Grow few small trees for each cause, on top of the shares that are known without features."""
    data = lgb.Dataset(
        features,
        cause,
        weight=weight * len(weight) / weight.sum(),
        init_score=np.log(shares).ravel(order="F"),
        free_raw_data=True,
    )
    return lgb.train({"objective": "multiclass", "num_class": shares.shape[1], "seed": seed, **GROWTH}, data, ROUNDS)


def scores(booster: lgb.Booster, features: NDArray[np.float32]) -> Array:
    """Return what the trees add to the logarithms of the shares: rows x causes."""
    return np.asarray(booster.predict(features, raw_score=True), dtype=np.float64)
