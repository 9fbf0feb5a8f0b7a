"""The 'logistic' baseline: scikit-learn's logistic regression on the model's own features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.baselines.labelled_rows import Floats, Forecast, LabelledRows, Matrix

BLOCK_ROWS = 20_000  # of a forecast: the pipeline copies its input at every step


def fit_logistic(training: LabelledRows, seed: int) -> Forecast:
    """Fit on standardised features, medians in place of missing ones."""
    if not training.has_both:
        return training.forecast_share
    medians = _medians(training.features)
    usable = ~np.isnan(medians)
    medians = medians[usable]
    scaler = StandardScaler(copy=False)
    regression = LogisticRegression(C=0.1, max_iter=300, tol=1e-3, random_state=seed)
    values = scaler.fit_transform(_filled(training.features[:, usable], medians))
    regression.fit(values, training.label, sample_weight=training.weight)

    def forecast(features: Matrix) -> Floats:
        probability = np.empty(len(features))
        for start in range(0, len(features), BLOCK_ROWS):
            block = scaler.transform(_filled(features[start : start + BLOCK_ROWS, usable].astype(np.float64), medians))
            # Summed row by row: BLAS's rounding of a row depends on the other rows.
            log_odds = (block * regression.coef_[0]).sum(axis=1) + regression.intercept_[0]
            probability[start : start + BLOCK_ROWS] = expit(log_odds)
        return probability

    return forecast


def _medians(features: Matrix) -> Matrix:
    """Compute each column's median of the known values; NaN where there is none.

    One column at a time: scikit-learn's imputer copies the whole matrix several times.
    """
    known = (column[~np.isnan(column)] for column in features.T)
    return np.array([np.median(column) if len(column) else np.nan for column in known], dtype=np.float32)


def _filled(values: NDArray[np.floating], medians: Matrix) -> NDArray[np.floating]:
    """Put the medians in place of missing values."""
    for column, median in enumerate(medians):
        values[np.isnan(values[:, column]), column] = median
    return values
