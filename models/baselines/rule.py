"""The 'rule' baseline: the best single metric and direction on training data, ranked by value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

if TYPE_CHECKING:
    from models.baselines.labelled import Floats, Labelled, Matrix

LEAST_SLOPE = 1e-3
UNTYING = 1e-5  # over 2^32 places, that is twenty times the steps between doubles near 1


@dataclass(frozen=True, slots=True)
class Rule:
    """One column, ranked upwards or downwards."""

    column: int
    sign: float

    def values(self, features: Matrix) -> Matrix:
        """Give each row's value in the direction of risk."""
        return np.asarray(self.sign * features[:, self.column] + 0.0, dtype=np.float32)  # + 0: -0 is 0


def choose_rule(training: Labelled) -> Rule:
    """Choose the column and direction with the best average precision on training data; missing ranks last."""
    options = [Rule(column, sign) for column in range(training.features.shape[1]) for sign in (1.0, -1.0)]
    return max(options, key=lambda rule: _average_precision(rule, training))


def _average_precision(rule: Rule, training: Labelled) -> float:
    place = _place(rule.values(training.features))
    return float(average_precision_score(training.label, place, sample_weight=training.weight))


def apply_rule(rule: Rule, training: Labelled, features: Matrix) -> Floats:
    """Rank rows by the rule's value and give each a probability that rises with it; missing ranks last.

    The probability is a logistic curve over asinh of the value in robust units, fitted on training data, with
    so much of the value's place among all float32 numbers that no two of them are tied where the curve is flat.
    """
    curve, values = _fit_curve(rule.values(training.features), training), rule.values(features)
    return np.asarray((1 - UNTYING) * curve.probability(values) + UNTYING * _place(values))


def _place(values: Matrix) -> Floats:
    """Give each value's place among all float32 numbers, from 0 to 1; missing is 0."""
    bits = values.view(np.int32).astype(np.int64)
    rank = np.where(bits >= 0, bits, -(2**31) - bits) + 2**31
    return np.where(np.isnan(values), 0.0, rank / 2**32)


@dataclass(frozen=True, slots=True)
class _Curve:
    """Log-odds that rise with asinh of a value; missing stands below all."""

    middle: float
    spread: float
    intercept: float
    slope: float

    def scaled(self, values: Matrix) -> Floats:
        told = np.where(np.isnan(values), np.finfo(np.float32).min, values).astype(np.float64)
        return np.asarray(np.arcsinh((told - self.middle) / self.spread))

    def probability(self, values: Matrix) -> Floats:
        return np.asarray(expit(self.intercept + self.slope * self.scaled(values)))


def _fit_curve(values: Matrix, training: Labelled) -> _Curve:
    """Fit the curve to the rows that have a value."""
    known = ~np.isnan(values)
    seen, label, weight = values[known], training.label[known], training.weight[known]
    low, middle, high = np.quantile(seen.astype(np.float64), (0.1, 0.5, 0.9)) if len(seen) else (0.0, 0.0, 0.0)
    flat = _Curve(float(middle), max(float(high - low), 1.0), float(logit(training.rate)), LEAST_SLOPE)
    if not (np.any(label == 1) and np.any(label == 0)):
        return flat
    fitted = LogisticRegression(C=1e3, max_iter=1000).fit(flat.scaled(seen)[:, None], label, weight)
    return replace(flat, intercept=float(fitted.intercept_[0]), slope=max(float(fitted.coef_[0, 0]), LEAST_SLOPE))
