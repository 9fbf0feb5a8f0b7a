"""A ridge logistic regression on ranked features: less flexible than the trees, so its errors differ from theirs.

From few failures, boosted trees learn thresholds that the next months do not repeat; a linear model of all features,
each with a small weight, is what such little data still supports (Hoerl and Kennard 1970).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from models.hazard.logistic_loss import derivatives, log_loss
from models.hazard.newton import Halved, newton

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
PRIOR_SD = 0.25  # of the sum of all features' terms in log-odds, before the fit
INTERCEPT_PRECISION = 1e-3  # hardly any: a standard deviation of 32
MIN_VALUES = 50  # of a feature, before its ranks mean anything
TAIL_QUANTILES = np.geomspace(1e-4, 0.5, 40)
KNOT_QUANTILES = np.unique(np.concatenate([TAIL_QUANTILES, 1 - TAIL_QUANTILES, np.linspace(0, 1, 65)]))
MAX_STEPS = 30
TOLERANCE = 1e-3  # nats
BLOCK = 16_384  # rows


@dataclass(frozen=True, slots=True)
class RankTransform:
    """Turns a feature into the normal score of its rank among the training rows; missing is 0, the mean."""

    knots: Floats  # rising
    scores: Floats

    @classmethod
    def of(cls, values: Matrix) -> RankTransform:
        """Learn from training values; a feature that hardly varies, or is mostly missing, becomes 0."""
        ordered = np.sort(values[~np.isnan(values)]).astype(np.float64)
        if len(ordered) < MIN_VALUES or ordered[0] == ordered[-1]:
            return cls(np.zeros(1), np.zeros(1))
        knots = np.unique(ordered[(KNOT_QUANTILES * (len(ordered) - 1)).astype(np.int64)])
        twice_the_rank = np.searchsorted(ordered, knots, "left") + np.searchsorted(ordered, knots, "right")
        scores = ndtri(twice_the_rank / 2 / len(ordered))
        unscaled = np.interp(ordered, knots, scores)
        return cls(knots, (scores - unscaled.mean()) / unscaled.std())

    def apply(self, values: Matrix) -> Matrix:
        """Compute the normal scores of values."""
        scores = np.interp(values.astype(np.float64), self.knots, self.scores)
        return np.where(np.isnan(values), 0.0, scores).astype(np.float32)


@dataclass(frozen=True, slots=True)
class RankLogistic:
    """A weight per feature, shared by all hazards, and an intercept per interval."""

    transforms: tuple[RankTransform, ...]
    weights: Floats
    intercepts: Floats

    def contributions(self, features: Matrix) -> Floats:
        """Compute what each feature adds to the log-odds: rows x features."""
        return rank_transformed(self.transforms, features) * self.weights

    def scores(self, features: Matrix) -> Floats:
        """Compute what is added to the base: rows x intervals.

        Summed feature by feature, since a matrix product's rounding of a row depends on the other rows.
        """
        total = np.zeros(len(features))
        for column, (transform, weight) in enumerate(zip(self.transforms, self.weights, strict=True)):
            total += weight * transform.apply(features[:, column])
        return np.asarray(self.intercepts + total[:, None])


def rank_transformed(transforms: tuple[RankTransform, ...], features: Matrix) -> Matrix:
    """Turn every feature into normal scores."""
    out = np.empty_like(features)
    for column, transform in enumerate(transforms):
        out[:, column] = transform.apply(features[:, column])
    return out


def fit(features: Matrix, base: Floats, outcome: Floats, weight: Floats) -> RankLogistic:
    """Fit to person-period rows above their base by Newton's method with step halving; all rows x intervals.

    An unknown outcome (NaN) has no weight.
    """
    transforms = tuple(RankTransform.of(features[:, column]) for column in range(features.shape[1]))
    weight = np.where(np.isnan(outcome), 0.0, weight)
    beta = _Problem(rank_transformed(transforms, features), base, np.nan_to_num(outcome), weight).solve()
    return RankLogistic(transforms, beta[base.shape[1] :], beta[: base.shape[1]])


@dataclass(frozen=True, slots=True)
class _Problem:
    """A penalised likelihood of `beta`, intercepts before weights; all intervals share the rows."""

    matrix: Matrix
    base: Floats
    outcome: Floats
    weight: Floats  # rows x intervals, 0 where not at risk

    @property
    def precision(self) -> Floats:
        """The prior's precision."""
        intervals, features = self.base.shape[1], self.matrix.shape[1]
        return np.concatenate([np.full(intervals, INTERCEPT_PRECISION), np.full(features, features / PRIOR_SD**2)])

    def solve(self) -> Floats:
        """Return the most likely `beta`."""
        return newton(self._derivatives, np.zeros(len(self.precision)), Halved(self._loss, TOLERANCE), MAX_STEPS)

    def _log_odds(self, beta: Floats) -> Floats:
        intervals = self.base.shape[1]
        terms = [(self.matrix[block] * beta[intervals:]).sum(axis=1) for block in self._blocks()]
        return np.asarray(self.base + beta[:intervals] + np.concatenate(terms)[:, None])

    def _loss(self, beta: Floats) -> float:
        losses = log_loss(self._log_odds(beta), self.outcome, self.weight)
        return float(np.sum(losses) + self.precision @ beta**2 / 2)

    def _derivatives(self, beta: Floats) -> tuple[Floats, Floats]:
        """Compute the gradient, and the Hessian with the sign changed."""
        slope, curvature = derivatives(self._log_odds(beta), self.outcome, self.weight)
        feature_sums = self._feature_sums(np.column_stack([slope.sum(axis=1), curvature]))
        gradient = np.concatenate([slope.sum(axis=0), feature_sums[:, 0]]) - self.precision * beta
        mixed, products = feature_sums[:, 1:], self._feature_products(curvature.sum(axis=1))
        hessian = np.block([[np.diag(curvature.sum(axis=0)), mixed.T], [mixed, products]])
        return gradient, hessian + np.diag(self.precision)

    def _feature_sums(self, weights: Floats) -> Floats:
        """Sum the features under each column of row weights: features x columns.

        Not by BLAS, whose rounding depends on where a matrix is in memory.
        """
        total = np.zeros((self.matrix.shape[1], weights.shape[1]))
        for block in self._blocks():
            for column, weight in enumerate(weights[block].T):
                total[:, column] += (self.matrix[block] * weight[:, None]).sum(axis=0)
        return total

    def _feature_products(self, weight: Floats) -> Floats:
        """Sum the weighted products of features, block by block: no second matrix in memory."""
        root, total = np.sqrt(weight).astype(np.float32)[:, None], np.zeros((self.matrix.shape[1],) * 2)
        for block in self._blocks():
            scaled = self.matrix[block] * root[block]
            total += scaled.T @ scaled
        return total

    def _blocks(self) -> list[slice]:
        return [slice(start, start + BLOCK) for start in range(0, len(self.matrix), BLOCK)]
