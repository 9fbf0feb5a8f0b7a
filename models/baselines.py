"""The protocol's fixed baselines: what any model has to beat before anybody should believe it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
NEVER = 1e-12
ROWS_AT_ONCE = 20_000  # of a forecast by a pipeline that copies its input at every step
LEAST_SLOPE = 1e-3
UNTYING = 1e-5  # over 2^32 places, that is twenty times the steps between doubles near 1


@dataclass(frozen=True, slots=True)
class Labelled:
    """Training rows of one horizon: features, label (0 or 1) and weight."""

    features: Matrix
    label: Floats
    weight: Floats

    @property
    def has_both(self) -> bool:
        """Tell whether some rows fail and some do not."""
        return bool(np.any(self.label == 1) and np.any(self.label == 0))

    @property
    def rate(self) -> float:
        """Give the weighted share of rows that fail."""
        return float(np.average(self.label, weights=self.weight)) if len(self.label) else NEVER


def base_rate(rate: Floats, cutoff: NDArray[np.int64], horizon_days: float) -> Floats:
    """Give every row the fleet's recent failures a node-day, turned into a probability over the horizon."""
    return -np.expm1(-np.nan_to_num(rate)[cutoff] * horizon_days)


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


def lightgbm_raw(training: Labelled, features: Matrix, seed: int) -> Floats:
    """Fit LightGBM with 300 trees at a rate of 0.05 and its own defaults otherwise, as anybody would first."""
    if not training.has_both:
        return np.full(len(features), training.rate)
    model = lgb.LGBMClassifier(
        n_estimators=300,
        learning_rate=0.05,
        random_state=seed,
        n_jobs=0,  # as many threads as OpenMP is allowed
        deterministic=True,
        force_row_wise=True,  # else the faster way is found by timing, and their sums differ
        verbose=-1,
    )
    model.fit(training.features, training.label, sample_weight=training.weight)
    return np.asarray(model.booster_.predict(features), dtype=np.float64)


def beside_fleet(values: Matrix, cutoff: NDArray[np.int64]) -> Matrix:
    """Give each row's distance from the median of all rows of its cutoff: rows x columns."""
    out = np.empty_like(values)
    order = np.argsort(cutoff, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(cutoff[order])) + 1):
        out[rows] = values[rows] - _median(values[rows])
    return out


def _median(values: Matrix) -> Matrix:
    """Give each column's median of the values that are there; NaN where there is none."""
    if not len(values):
        return np.full(values.shape[1], np.nan, dtype=np.float32)
    ranked = np.sort(values.astype(np.float64), axis=0)  # NaN sorts last
    count, column = np.sum(~np.isnan(values), axis=0), np.arange(values.shape[1])
    low, high = np.maximum(count - 1, 0) // 2, np.minimum(count // 2, len(values) - 1)
    return np.asarray((ranked[low, column] + ranked[high, column]) / 2, dtype=np.float32)
