"""Calibration of hazards: two numbers per interval, fitted to out-of-fold predictions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.hazard.logistic_loss import derivatives, log_loss
from models.hazard.model import Calibration
from models.hazard.newton import Clipped, newton

Floats = NDArray[np.float64]
PRIOR_SD = np.array([0.3, 0.05])  # of the offset around 0 and of the scale around 1: narrow, since failures are few
MAX_STEPS = 50
TOLERANCE = 1e-9  # of the largest step
LONGEST_STEP = 1.0


@dataclass(frozen=True, slots=True)
class IntervalPredictions:
    """Out-of-fold predictions of one interval, weighted so that a failure counts once, however many rows it follows."""

    base: Floats
    score: Floats
    outcome: Floats
    weight: Floats
    fold: NDArray[np.int64]

    def take(self, is_kept: NDArray[np.bool_]) -> IntervalPredictions:
        """Keep some rows."""
        return IntervalPredictions(
            self.base[is_kept], self.score[is_kept], self.outcome[is_kept], self.weight[is_kept], self.fold[is_kept]
        )


def fit(intervals: list[IntervalPredictions]) -> Calibration:
    """Fit every interval."""
    scales = [fit_interval(predictions)[1] for predictions in intervals]
    offsets = [shrunk_offset(predictions, scale) for predictions, scale in zip(intervals, scales, strict=True)]
    return Calibration(np.array(offsets), np.array(scales))


def loss(intervals: list[IntervalPredictions], calibration: Calibration) -> float:
    """Return the weighted log-loss of calibrated predictions in nats: a failure counts once in each interval."""
    parameters = zip(intervals, calibration.offset, calibration.scale, strict=True)
    return sum(
        float(log_loss(part.base + offset + scale * part.score, part.outcome, part.weight).sum())
        for part, offset, scale in parameters
    )


def fit_interval(predictions: IntervalPredictions) -> tuple[float, float]:
    """Fit offset and scale by penalised maximum likelihood (Platt 1999, with a normal prior around no change).

    The scale is at least 0: scores that rank rows the wrong way round are ignored.
    """
    design = np.column_stack([np.ones_like(predictions.score), predictions.score])
    prior_mean, precision = np.array([0.0, 1.0]), np.diag(1.0 / PRIOR_SD**2)

    def penalised(beta: Floats) -> tuple[Floats, Floats]:
        log_odds = predictions.base + beta[0] + beta[1] * predictions.score
        slope, curvature = derivatives(log_odds, predictions.outcome, predictions.weight)
        gradient = _weighted_sum(design, slope) - precision @ (beta - prior_mean)
        hessian = np.column_stack([_weighted_sum(design, curvature * column) for column in design.T]) + precision
        return gradient, hessian

    beta = newton(penalised, prior_mean, Clipped(LONGEST_STEP, TOLERANCE), MAX_STEPS)
    if beta[1] < 0:
        return fit_interval(replace(predictions, score=np.zeros_like(predictions.score)))[0], 0.0
    return float(beta[0]), float(beta[1])


def _weighted_sum(design: Floats, weight: Floats) -> Floats:
    """Sum weighted rows without BLAS, whose rounding depends on where its input is in memory."""
    return np.asarray((design * weight[:, None]).sum(axis=0))


def shrunk_offset(predictions: IntervalPredictions, scale: float) -> float:
    """Estimate the part of the offset that the folds agree on: the next window has a level of its own too.

    The mean of the folds' offsets, shrunk by how much they vary (random effects, DerSimonian and Laird 1986).
    """
    scaled = replace(
        predictions, base=predictions.base + scale * predictions.score, score=np.zeros_like(predictions.score)
    )
    folds = np.unique(predictions.fold)
    offsets = np.array([fit_interval(scaled.take(predictions.fold == fold))[0] for fold in folds])
    if not len(offsets):
        return 0.0
    variance = np.var(offsets, ddof=1) if len(offsets) > 1 else PRIOR_SD[0] ** 2
    return float(offsets.mean() * PRIOR_SD[0] ** 2 / (PRIOR_SD[0] ** 2 + variance))
