"""Calibration of hazards: two numbers an interval, from predictions that no fold had trained on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from models.hazard.model import Calibration

Floats = NDArray[np.float64]
PRIOR_SD = np.array([0.3, 0.05])  # of the offset around 0 and of the scale around 1: few failures say little
STEPS = 50
CONVERGED = 1e-9


@dataclass(frozen=True, slots=True)
class Predictions:
    """Out-of-fold predictions of one interval; `weight` counts failures, not the rows that repeat them."""

    base: Floats
    score: Floats
    outcome: Floats
    weight: Floats
    fold: NDArray[np.int64]

    def take(self, chosen: NDArray[np.bool_]) -> Predictions:
        """Keep some rows."""
        base, score, outcome, weight = (part[chosen] for part in (self.base, self.score, self.outcome, self.weight))
        return Predictions(base, score, outcome, weight, self.fold[chosen])


def fit_interval(predictions: Predictions) -> tuple[float, float]:
    """Fit offset and scale by penalised maximum likelihood (Platt 1999, with a normal prior around no change).

    The scale is at least 0: scores that point the wrong way are given no say.
    """
    design = np.column_stack([np.ones_like(predictions.score), predictions.score])
    prior_mean, precision = np.array([0.0, 1.0]), np.diag(1.0 / PRIOR_SD**2)
    beta = prior_mean.copy()
    for _ in range(STEPS):
        chance = expit(predictions.base + beta[0] + beta[1] * predictions.score)
        pull, curve = predictions.weight * (predictions.outcome - chance), predictions.weight * chance * (1 - chance)
        gradient = _summed(design, pull) - precision @ (beta - prior_mean)
        curvature = np.column_stack([_summed(design, curve * column) for column in design.T]) + precision
        step = np.linalg.solve(curvature, gradient)
        beta = beta + np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < CONVERGED:
            break
    if beta[1] < 0:
        return fit_interval(replace(predictions, score=np.zeros_like(predictions.score)))[0], 0.0
    return float(beta[0]), float(beta[1])


def _summed(design: Floats, weight: Floats) -> Floats:
    """Sum weighted rows; not by BLAS, which rounds as its input happens to lie in memory."""
    return np.asarray((design * weight[:, None]).sum(axis=0))


def fit(intervals: list[Predictions]) -> Calibration:
    """Fit every interval."""
    scales = [fit_interval(predictions)[1] for predictions in intervals]
    offsets = [lasting_offset(told, scale) for told, scale in zip(intervals, scales, strict=True)]
    return Calibration(np.array(offsets), np.array(scales))


def lasting_offset(told: Predictions, scale: float) -> float:
    """Give the part of the offset that the folds agree on: the next window has a level of its own too.

    The mean of the folds' own offsets, shrunk by how far they lie apart (random effects, DerSimonian and Laird 1986).
    """
    above = replace(told, base=told.base + scale * told.score, score=np.zeros_like(told.score))
    each = np.array([fit_interval(above.take(told.fold == fold))[0] for fold in np.unique(told.fold)])
    if not len(each):
        return 0.0
    spread = np.var(each, ddof=1) if len(each) > 1 else PRIOR_SD[0] ** 2
    return float(each.mean() * PRIOR_SD[0] ** 2 / (PRIOR_SD[0] ** 2 + spread))
