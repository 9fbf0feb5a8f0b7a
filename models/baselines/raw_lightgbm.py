"""The 'lightgbm_raw' baseline: LightGBM with its defaults on the newest raw values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lightgbm as lgb
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.baselines.labelled_rows import Forecast, LabelledRows, Matrix


def fit_lightgbm_raw(training: LabelledRows, seed: int) -> Forecast:
    """Fit 300 trees at a rate of 0.05 with LightGBM's defaults otherwise, the usual first try."""
    if not training.has_both:
        return training.forecast_share
    model = lgb.LGBMClassifier(
        n_estimators=300,
        learning_rate=0.05,
        random_state=seed,
        n_jobs=0,  # as many threads as OpenMP is allowed
        deterministic=True,
        force_row_wise=True,  # else LightGBM times both ways and takes the faster one, and their sums differ
        verbose=-1,
    )
    model.fit(training.features, training.label, sample_weight=training.weight)
    return lambda features: np.asarray(model.booster_.predict(features), dtype=np.float64)


def minus_fleet_median(values: Matrix, cutoff: NDArray[np.int64]) -> Matrix:
    """Subtract from each row the median of all rows of its cutoff: rows x columns."""
    differences = np.empty_like(values)
    order = np.argsort(cutoff, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(cutoff[order])) + 1):
        differences[rows] = values[rows] - _median(values[rows])
    return differences


def _median(values: Matrix) -> Matrix:
    """Compute each column's median of the known values; NaN where there is none."""
    if not len(values):
        return np.full(values.shape[1], np.nan, dtype=np.float32)
    ordered = np.sort(values.astype(np.float64), axis=0)  # NaN sorts last
    count, column = np.sum(~np.isnan(values), axis=0), np.arange(values.shape[1])
    low, high = np.maximum(count - 1, 0) // 2, np.minimum(count // 2, len(values) - 1)
    return np.asarray((ordered[low, column] + ordered[high, column]) / 2, dtype=np.float32)
