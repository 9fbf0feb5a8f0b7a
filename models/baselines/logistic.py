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
    from models.baselines.labelled import Floats, Labelled, Matrix

ROWS_AT_ONCE = 20_000  # of a forecast by a pipeline that copies its input at every step


def logistic(training: Labelled, features: Matrix, seed: int) -> Floats:
    """Fit scikit-learn's logistic regression on standardised features, medians in place of missing ones."""
    if not training.has_both or not len(features):  # scikit-learn refuses to forecast nothing
        return np.full(len(features), training.rate)
    usable = ~np.all(np.isnan(training.features), axis=0)
    model = make_pipeline(
        SimpleImputer(strategy="median"),
        StandardScaler(),
        LogisticRegression(C=0.1, max_iter=300, tol=1e-3, random_state=seed),
    )
    model.fit(training.features[:, usable], training.label, logisticregression__sample_weight=training.weight)
    *scaling, (_, line) = model.steps
    told = []
    for at in range(0, len(features), ROWS_AT_ONCE):
        part = features[at : at + ROWS_AT_ONCE, usable].astype(np.float64)
        for _, step in scaling:
            part = step.transform(part)
        # Summed row by row: BLAS rounds a row otherwise when others stand beside it.
        told.append(expit((part * line.coef_[0]).sum(axis=1) + line.intercept_[0]))
    return np.concatenate(told)
