"""Calibration of hazards: two numbers an interval, from predictions that no fold had trained on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from models.hazard import Calibration

Floats = NDArray[np.float64]
PRIOR_SD = np.array([0.3, 0.05])  # of the offset around 0 and of the scale around 1: few failures say little
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the trees in the score, to choose from
SHARE_SD = 0.25  # of that share around what was expected of it
STEPS = 50
CONVERGED = 1e-9


@dataclass(frozen=True, slots=True)
class Predictions:
    """Out-of-fold predictions of one interval; `weight` counts failures, not the rows that repeat them."""

    base: Floats
    score: Floats
    outcome: Floats
    weight: Floats


def fit_interval(predictions: Predictions) -> tuple[float, float]:
    """Fit offset and scale by penalised maximum likelihood (Platt 1999, with a normal prior around no change).

    The scale is at least 0: scores that point the wrong way are given no say.
    """
    design = np.column_stack([np.ones_like(predictions.score), predictions.score])
    prior_mean, precision = np.array([0.0, 1.0]), np.diag(1.0 / PRIOR_SD**2)
    beta = prior_mean.copy()
    for _ in range(STEPS):
        chance = expit(predictions.base + design @ beta)
        gradient = design.T @ (predictions.weight * (predictions.outcome - chance)) - precision @ (beta - prior_mean)
        curvature = (design * (predictions.weight * chance * (1 - chance))[:, None]).T @ design + precision
        step = np.linalg.solve(curvature, gradient)
        beta = beta + np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < CONVERGED:
            break
    if beta[1] < 0:
        return fit_interval(replace(predictions, score=np.zeros_like(predictions.score)))[0], 0.0
    return float(beta[0]), float(beta[1])


def choose_share(options: dict[float, list[Predictions]], expected: float) -> float:
    """Choose the trees' share by penalised likelihood once calibrated, with a normal prior around what was expected."""
    if len(options) == 1:
        return next(iter(options))
    prior = {share: ((share - expected) / SHARE_SD) ** 2 / 2 for share in options}
    return min(options, key=lambda share: prior[share] + sum(_surprise(told) for told in options[share]))


def _surprise(told: Predictions) -> float:
    """Give what is left to explain after calibration, the calibration's own prior included, in nats."""
    offset, scale = fit_interval(told)
    log_odds = told.base + offset + scale * told.score
    prior = np.sum(((np.array([offset, scale - 1])) / PRIOR_SD) ** 2) / 2
    return float(np.sum(told.weight * (np.logaddexp(0, log_odds) - told.outcome * log_odds)) + prior)


def fit(intervals: list[Predictions]) -> Calibration:
    """Fit every interval."""
    fitted = np.array([fit_interval(predictions) for predictions in intervals])
    return Calibration(fitted[:, 0], fitted[:, 1])
