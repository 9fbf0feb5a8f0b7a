"""The 'rule' baseline: the best single metric and direction on training data, ranked by value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

if TYPE_CHECKING:
    from models.baselines.labelled_rows import Floats, Forecast, LabelledRows, Matrix

MIN_SLOPE = 1e-3
RANK_WEIGHT = 1e-5  # over 2^32 ranks, that is twenty times the steps between doubles near 1


@dataclass(frozen=True, slots=True)
class Rule:
    """One column, ranked upwards or downwards."""

    column: int
    sign: float

    def values(self, features: Matrix) -> Matrix:
        """Compute each row's value in the direction of risk."""
        return np.asarray(self.sign * features[:, self.column] + 0.0, dtype=np.float32)  # + 0: -0 is 0


def choose_rule(training: LabelledRows) -> Rule:
    """Choose the column and direction with the best average precision on training data; missing ranks last."""
    rules = [Rule(column, sign) for column in range(training.features.shape[1]) for sign in (1.0, -1.0)]
    return max(rules, key=lambda rule: _average_precision(rule, training))


def _average_precision(rule: Rule, training: LabelledRows) -> float:
    rank = _float_rank(rule.values(training.features))
    return float(average_precision_score(training.label, rank, sample_weight=training.weight))


def fit_rule(rule: Rule, training: LabelledRows) -> Forecast:
    """Fit the probability of failing to the rule's value, with which it rises; missing ranks last.

    The probability is a logistic curve over asinh of the value in robust units, fitted on training data, plus a
    little of the value's rank among all float32 numbers, so that no two values are tied where the curve is flat.
    """
    curve = _fit_curve(rule.values(training.features), training)

    def forecast(features: Matrix) -> Floats:
        values = rule.values(features)
        return np.asarray((1 - RANK_WEIGHT) * curve.probability(values) + RANK_WEIGHT * _float_rank(values))

    return forecast


def _float_rank(values: Matrix) -> Floats:
    """Compute each value's rank among all float32 numbers, scaled to between 0 and 1; missing is 0."""
    bits = values.view(np.int32).astype(np.int64)
    rank = np.where(bits >= 0, bits, -(2**31) - bits) + 2**31
    return np.where(np.isnan(values), 0.0, rank / 2**32)


@dataclass(frozen=True, slots=True)
class _Curve:
    """Log-odds that rise with asinh of a value; a missing value counts as the lowest."""

    middle: float
    spread: float
    intercept: float
    slope: float

    def scaled(self, values: Matrix) -> Floats:
        filled = np.where(np.isnan(values), np.finfo(np.float32).min, values).astype(np.float64)
        return np.asarray(np.arcsinh((filled - self.middle) / self.spread))

    def probability(self, values: Matrix) -> Floats:
        return np.asarray(expit(self.intercept + self.slope * self.scaled(values)))


def _fit_curve(values: Matrix, training: LabelledRows) -> _Curve:
    """Fit the curve to the rows that have a value."""
    is_known = ~np.isnan(values)
    levels, label, weight = values[is_known], training.label[is_known], training.weight[is_known]
    low, middle, high = np.quantile(levels.astype(np.float64), (0.1, 0.5, 0.9)) if len(levels) else (0.0, 0.0, 0.0)
    flat = _Curve(float(middle), max(float(high - low), 1.0), float(logit(training.failing_share)), MIN_SLOPE)
    if not (np.any(label == 1) and np.any(label == 0)):
        return flat
    fitted = LogisticRegression(C=1e3, max_iter=1000).fit(flat.scaled(levels)[:, None], label, weight)
    return replace(flat, intercept=float(fitted.intercept_[0]), slope=max(float(fitted.coef_[0, 0]), MIN_SLOPE))
