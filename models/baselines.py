"""The protocol's fixed baselines: what any model has to beat before anybody should believe it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

if TYPE_CHECKING:
    from collections.abc import Sequence

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
NEVER = 1e-12
LEAST_SLOPE = 1e-3


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


def choose_rule(training: Labelled) -> Rule:
    """Choose the column and direction with the best average precision on training data; missing ranks last."""
    options = [Rule(column, sign) for column in range(training.features.shape[1]) for sign in (1.0, -1.0)]
    return max(options, key=lambda rule: _average_precision(rule, training))


def _average_precision(rule: Rule, training: Labelled) -> float:
    ranked = _ranked(rule, training.features)
    return float(average_precision_score(training.label, ranked, sample_weight=training.weight))


def _ranked(rule: Rule, features: Matrix) -> Floats:
    values = rule.sign * features[:, rule.column].astype(np.float64)
    known = values[~np.isnan(values)]
    return np.where(np.isnan(values), (known.min() if len(known) else 0.0) - 1.0, values)


def apply_rule(rule: Rule, training: Labelled, features: Matrix) -> Floats:
    """Rank rows by the rule's value and give each a probability that rises with it.

    The probability is a logistic curve over asinh of the value in robust units, fitted on training data.
    """
    seen = _ranked(rule, training.features)
    middle, spread = np.median(seen), max(float(np.subtract(*np.quantile(seen, (0.9, 0.1)))), 1.0)

    def squeeze(values: Floats) -> Floats:
        return np.asarray(np.arcsinh((values - middle) / spread))

    if not training.has_both:
        return np.full(len(features), training.rate)
    curve = LogisticRegression(C=1e6).fit(squeeze(seen)[:, None], training.label, training.weight)
    slope = max(float(curve.coef_[0, 0]), LEAST_SLOPE)
    log_odds = float(curve.intercept_[0]) + slope * squeeze(_ranked(rule, features))
    return np.asarray(1.0 / (1.0 + np.exp(-log_odds)))


def logistic(training: Labelled, features: Matrix, seed: int) -> Floats:
    """Fit scikit-learn's logistic regression on standardised features, medians in place of missing ones."""
    if not training.has_both:
        return np.full(len(features), training.rate)
    usable = ~np.all(np.isnan(training.features), axis=0)
    model = make_pipeline(
        SimpleImputer(strategy="median"),
        StandardScaler(),
        LogisticRegression(C=0.1, max_iter=300, tol=1e-3, random_state=seed),
    )
    model.fit(training.features[:, usable], training.label, logisticregression__sample_weight=training.weight)
    return np.asarray(model.predict_proba(features[:, usable])[:, 1], dtype=np.float64)


def lightgbm_raw(training: Labelled, features: Matrix, seed: int) -> Floats:
    """Fit LightGBM with 300 trees at a rate of 0.05 and its own defaults otherwise, as anybody would first."""
    if not training.has_both:
        return np.full(len(features), training.rate)
    model = lgb.LGBMClassifier(n_estimators=300, learning_rate=0.05, random_state=seed, verbose=-1)
    model.fit(training.features, training.label, sample_weight=training.weight)
    return np.asarray(model.booster_.predict(features), dtype=np.float64)


def beside_fleet(values: Matrix, cutoff: NDArray[np.int64]) -> Matrix:
    """Give each row's distance from the median of all rows of its cutoff: rows x columns."""
    out = np.empty_like(values)
    order = np.argsort(cutoff, kind="stable")
    edges = np.flatnonzero(np.diff(cutoff[order], prepend=-1))
    for begin, end in zip(edges, np.append(edges[1:], len(order)), strict=True):
        rows = order[begin:end]
        out[rows] = values[rows] - _median(values[rows])
    return out


def _median(values: Matrix) -> Matrix:
    ranked = np.sort(values, axis=0)  # NaN sorts last
    count = np.sum(~np.isnan(values), axis=0)
    low, high = np.maximum((count - 1) // 2, 0), np.maximum(count // 2, 0).clip(max=len(values) - 1)
    column: Sequence[int] = range(values.shape[1])
    middle = (ranked[low, column] + ranked[high, column]) / 2
    return np.where(count > 0, middle, np.nan).astype(np.float32)
