"""A ridge logistic regression on ranked features, beside the trees: it bends less, so it errs in other ways.

Few failures teach boosted trees thresholds that the next months do not repeat; a line through all features,
each with little say, is what is left when little can be known (Hoerl and Kennard 1970).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtri

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
PRIOR_SD = 0.25  # of what all features say together, in log-odds, before anything was learned
FEWEST = 50  # values of a feature, before its ranks mean anything
TAIL = np.geomspace(1e-4, 0.5, 40)
SHARES = np.unique(np.concatenate([TAIL, 1 - TAIL, np.linspace(0, 1, 65)]))
STEPS = 30
CONVERGED = 1e-3  # nats
BLOCK = 16_384  # rows


@dataclass(frozen=True, slots=True)
class Scale:
    """Turns a feature into its place among the training rows, as a normal score; missing is 0, the mean."""

    knots: Floats  # rising
    scores: Floats

    @classmethod
    def of(cls, values: Matrix) -> Scale:
        """Learn from training values; one that hardly varies, or is hardly known, says nothing."""
        known = np.sort(values[~np.isnan(values)]).astype(np.float64)
        if len(known) < FEWEST or known[0] == known[-1]:
            return cls(np.zeros(1), np.zeros(1))
        knots = np.unique(known[(SHARES * (len(known) - 1)).astype(np.int64)])
        middle = np.searchsorted(known, knots, "left") + np.searchsorted(known, knots, "right")
        scores = ndtri(middle / 2 / len(known))
        told = np.interp(known, knots, scores)
        return cls(knots, (scores - told.mean()) / told.std())

    def apply(self, values: Matrix) -> Matrix:
        """Give the normal scores of values."""
        told = np.interp(values.astype(np.float64), self.knots, self.scores)
        return np.where(np.isnan(values), 0.0, told).astype(np.float32)


@dataclass(frozen=True, slots=True)
class RankLogistic:
    """What each feature adds to the log-odds of every hazard, and each interval's own part."""

    scales: tuple[Scale, ...]
    weights: Floats
    intercepts: Floats

    def contributions(self, features: Matrix) -> Floats:
        """Give what each feature adds: rows x features."""
        return ranked(self.scales, features) * self.weights

    def scores(self, features: Matrix) -> Floats:
        """Give what is added to the base: rows x intervals.

        Summed feature by feature: a matrix product rounds a row otherwise when others stand beside it.
        """
        total = np.zeros(len(features))
        for at, (scale, weight) in enumerate(zip(self.scales, self.weights, strict=True)):
            total += weight * scale.apply(features[:, at])
        return np.asarray(self.intercepts + total[:, None])


def ranked(scales: tuple[Scale, ...], features: Matrix) -> Matrix:
    """Turn every feature into normal scores."""
    out = np.empty_like(features)
    for at, scale in enumerate(scales):
        out[:, at] = scale.apply(features[:, at])
    return out


def fit(features: Matrix, base: Floats, outcome: Floats, weight: Floats) -> RankLogistic:
    """Fit to person-period rows above their base by Newton's method with step halving; all rows x intervals.

    An unknown outcome (NaN) says nothing.
    """
    scales = tuple(Scale.of(features[:, at]) for at in range(features.shape[1]))
    weight = np.where(np.isnan(outcome), 0.0, weight)
    told = _Problem(ranked(scales, features), base, np.nan_to_num(outcome), weight).solve()
    return RankLogistic(scales, told[base.shape[1] :], told[: base.shape[1]])


@dataclass(frozen=True, slots=True)
class _Problem:
    """Penalised likelihood of intercepts and weights, laid one after the other; all intervals share the rows."""

    matrix: Matrix
    base: Floats
    outcome: Floats
    weight: Floats  # rows x intervals, 0 where not at risk

    @property
    def precision(self) -> Floats:
        """Give the prior's precision: hardly any on the intercepts."""
        intervals, features = self.base.shape[1], self.matrix.shape[1]
        return np.concatenate([np.full(intervals, 1e-3), np.full(features, features / PRIOR_SD**2)])

    def solve(self) -> Floats:
        beta = np.zeros(len(self.precision))
        loss = self._loss(beta)
        for _ in range(STEPS):
            step, share = self._step(beta), 1.0
            after = self._loss(beta + step)
            while after > loss and share > CONVERGED:
                share /= 2
                after = self._loss(beta + share * step)
            if loss - after < CONVERGED:
                break
            beta, loss = beta + share * step, after
        return beta

    def _log_odds(self, beta: Floats) -> Floats:
        intervals = self.base.shape[1]
        told = [(self.matrix[block] * beta[intervals:]).sum(axis=1) for block in self._blocks()]
        return np.asarray(self.base + beta[:intervals] + np.concatenate(told)[:, None])

    def _loss(self, beta: Floats) -> float:
        log_odds = self._log_odds(beta)
        surprise = np.logaddexp(0, log_odds) - self.outcome * log_odds
        return float(np.sum(self.weight * surprise) + self.precision @ beta**2 / 2)

    def _step(self, beta: Floats) -> Floats:
        chance = expit(self._log_odds(beta))
        pull, curve = self.weight * (self.outcome - chance), self.weight * chance * (1 - chance)
        across = self._across(np.column_stack([pull.sum(axis=1), curve]))
        gradient = np.concatenate([pull.sum(axis=0), across[:, 0]]) - self.precision * beta
        corner = across[:, 1:]
        hessian = np.block([[np.diag(curve.sum(axis=0)), corner.T], [corner, self._squared(curve.sum(axis=1))]])
        return np.linalg.solve(hessian + np.diag(self.precision), gradient)

    def _across(self, values: Floats) -> Floats:
        """Sum features times some columns over rows, one after the other: BLAS rounds as a matrix lies in memory."""
        total = np.zeros((self.matrix.shape[1], values.shape[1]))
        for block in self._blocks():
            for at, column in enumerate(values[block].T):
                total[:, at] += (self.matrix[block] * column[:, None]).sum(axis=0)
        return total

    def _squared(self, curve: Floats) -> Floats:
        """Sum the weighted products of features, a block of rows after the other: no second matrix in memory."""
        root, total = np.sqrt(curve).astype(np.float32)[:, None], np.zeros((self.matrix.shape[1],) * 2)
        for block in self._blocks():
            stretched = self.matrix[block] * root[block]
            total += stretched.T @ stretched
        return total

    def _blocks(self) -> list[slice]:
        return [slice(start, start + BLOCK) for start in range(0, len(self.matrix), BLOCK)]
