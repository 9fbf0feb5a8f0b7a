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
    from models.baselines.labelled_rows import Floats, LabelledRows, Matrix

BLOCK_ROWS = 20_000  # of a forecast: the pipeline copies its input at every step


def logistic(training: LabelledRows, features: Matrix, seed: int) -> Floats:
    """Fit on standardised features, medians in place of missing ones, and forecast the rows of `features`."""
    if not training.has_both or not len(features):  # scikit-learn refuses to forecast nothing
        return np.full(len(features), training.failing_share)
    usable = ~np.all(np.isnan(training.features), axis=0)
    model = make_pipeline(
        SimpleImputer(strategy="median"),
        StandardScaler(),
        LogisticRegression(C=0.1, max_iter=300, tol=1e-3, random_state=seed),
    )
    model.fit(training.features[:, usable], training.label, logisticregression__sample_weight=training.weight)
    *transforms, (_, regression) = model.steps
    probabilities = []
    for start in range(0, len(features), BLOCK_ROWS):
        block = features[start : start + BLOCK_ROWS, usable].astype(np.float64)
        for _, transform in transforms:
            block = transform.transform(block)
        # Summed row by row: BLAS's rounding of a row depends on the other rows.
        probabilities.append(expit((block * regression.coef_[0]).sum(axis=1) + regression.intercept_[0]))
    return np.concatenate(probabilities)
