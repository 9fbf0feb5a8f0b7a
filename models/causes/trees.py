"""Trees that tell causes apart by a node's features: its memory errors rise, so it is the memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from models.causes.dirichlet import Index

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
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


def fit(features: Matrix, cause: Index, weight: Floats, shares: Floats, seed: int) -> lgb.Booster:
    """Grow few small trees for each cause, on top of shares that are known without them."""
    data = lgb.Dataset(
        features,
        cause,
        weight=weight * len(weight) / weight.sum(),
        init_score=np.log(shares).ravel(order="F"),
        free_raw_data=True,
    )
    return lgb.train({"objective": "multiclass", "num_class": shares.shape[1], "seed": seed, **GROWTH}, data, ROUNDS)


def scores(booster: lgb.Booster, features: Matrix) -> Floats:
    """Give what the trees add to the logarithms of the shares: rows x causes."""
    return np.asarray(booster.predict(features, raw_score=True), dtype=np.float64)
