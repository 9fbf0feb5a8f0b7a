"""The protocol's measures of a forecast, row by row, so that training and evaluation mean the same by them.

Each takes labels (1 or 0) and probabilities of equal length, and returns None where it is undefined.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Final

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from models.metrics.bins import equal_count_bins

if TYPE_CHECKING:
    from features.grid import Array

CALIBRATION_BINS: Final = 15
SLOPE_C: Final = 1e6  # scikit-learn's inverse penalty: as good as none
SLOPE_TOLERANCE = 1e-10  # of the gradient, where the fit has converged
_EDGE: Final = 1e-6  # probabilities are kept this far from 0 and 1 before the logit


def quotient(numerator: float, denominator: float) -> float | None:
    """Divide; None where the denominator is 0."""
    return float(numerator / denominator) if denominator else None


def base_rate(label: Array) -> float | None:
    """Return the share of rows that fail."""
    return quotient(label.sum(), len(label))


def roc_auc(label: Array, probability: Array) -> float | None:
    """Return the probability that a failing row ranks above one that does not fail; ties count half."""
    hits, misses = _operating_points(label, probability)
    area = np.trapezoid(np.r_[0.0, hits], np.r_[0.0, misses])
    return quotient(float(area), hits[-1] * misses[-1]) if len(hits) else None


def average_precision(label: Array, probability: Array) -> float | None:
    """Return the area under precision and recall as the sum of precision times the step in recall."""
    hits, misses = _operating_points(label, probability)
    if not len(hits) or not hits[-1]:
        return None
    return float(np.sum(np.diff(hits, prepend=0.0) * hits / (hits + misses)) / hits[-1])


def brier(label: Array, probability: Array) -> float | None:
    """Return the mean squared error of the probabilities."""
    return quotient(float(np.square(probability - label).sum()), len(label))


def observed_over_expected(label: Array, probability: Array) -> float | None:
    """Return the number of failing rows over the number that was forecast."""
    return quotient(label.sum(), probability.sum())


def calibration_error(label: Array, probability: Array) -> float | None:
    """Return the expected calibration error over equal-count bins."""
    surplus = np.bincount(equal_count_bins(probability, CALIBRATION_BINS), weights=label - probability, minlength=1)
    return quotient(float(np.abs(surplus).sum()), len(label))


def logit(probability: Array) -> Array:
    """Return the log-odds, with probabilities held a millionth away from 0 and 1."""
    clipped = np.clip(probability, _EDGE, 1 - _EDGE)
    return np.log(clipped / (1 - clipped))


def slope(label: Array, probability: Array) -> float | None:
    """Return the slope of the label's logistic regression on the logit: 1 is calibrated, below 1 overconfident."""
    log_odds = logit(probability)
    if not len(label) or label.min() == label.max() or not np.ptp(log_odds) > 0:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # separable labels: the last step is the protocol's figure
        model = LogisticRegression(C=SLOPE_C, solver="newton-cholesky", tol=SLOPE_TOLERANCE).fit(
            log_odds[:, None], label
        )
    return float(model.coef_[0, 0])


def _operating_points(label: Array, probability: Array) -> tuple[Array, Array]:
    """Count hits and misses at or above each distinct probability, from the highest down."""
    order = np.argsort(-probability, kind="stable")
    descending = probability[order]
    last = np.flatnonzero(np.r_[descending[1:] != descending[:-1], np.ones(min(len(order), 1), dtype=bool)])
    hits = np.cumsum(label[order])[last]
    return hits, last + 1 - hits
