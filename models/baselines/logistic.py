"""The 'logistic' baseline: scikit-learn's logistic regression on the model's own features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

if TYPE_CHECKING:
    from models.baselines.labelled_rows import Floats, Forecast, LabelledRows, Matrix

BLOCK_ROWS = 20_000  # of a forecast: the pipeline copies its input at every step


def fit_logistic(training: LabelledRows, seed: int) -> Forecast:
    """Fit on standardised features, medians in place of missing ones."""
    if not training.has_both:
        return training.forecast_share
    usable = ~np.all(np.isnan(training.features), axis=0)
    model = make_pipeline(
        SimpleImputer(strategy="median"),
        StandardScaler(),
        LogisticRegression(C=0.1, max_iter=300, tol=1e-3, random_state=seed),
    )
    model.fit(training.features[:, usable], training.label, logisticregression__sample_weight=training.weight)
    *transforms, (_, regression) = model.steps

    def forecast(features: Matrix) -> Floats:
        probability = np.empty(len(features))
        for start in range(0, len(features), BLOCK_ROWS):
            block = features[start : start + BLOCK_ROWS, usable].astype(np.float64)
            for _, transform in transforms:
                block = transform.transform(block)
            # Summed row by row: BLAS's rounding of a row depends on the other rows.
            log_odds = (block * regression.coef_[0]).sum(axis=1) + regression.intercept_[0]
            probability[start : start + BLOCK_ROWS] = expit(log_odds)
        return probability

    return forecast
