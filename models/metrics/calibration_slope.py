"""The calibration slope of every resample at once, since a thousand regressions one by one take minutes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import expit

from models.metrics.metrics import SLOPE_C

if TYPE_CHECKING:
    from features.grid import Array

_STEPS: Final = 40
_HALVINGS: Final = 30
_TOLERANCE: Final = 1e-7


@dataclass(frozen=True, slots=True)
class BinnedLabels:
    """Rows and failing rows by bin of the logit: `logit` is (bins,), the counts are (bins, resamples)."""

    logit: Array
    rows: Array
    positives: Array


def binned_slopes(binned: BinnedLabels) -> Array:
    """Fit the slope of the label on the logit for each resample by Newton's method; NaN where it is undefined.

    The penalty is the protocol's. Within a bin the logit is taken as constant, so the figures are close to
    those of the rows, not equal: use them for intervals only.
    """
    slopes = np.full(binned.rows.shape[1], np.nan)
    total, failing = binned.rows.sum(axis=0), binned.positives.sum(axis=0)
    rows_of_bin = binned.rows.sum(axis=1)
    mean = np.average(binned.logit, weights=rows_of_bin) if rows_of_bin.any() else 0.0
    deviation = np.sqrt(np.average(np.square(binned.logit - mean), weights=rows_of_bin)) if rows_of_bin.any() else 0.0
    is_varied = (binned.rows > 0).sum(axis=0) > 1
    defined = np.flatnonzero((failing > 0) & (failing < total) & is_varied)
    if deviation > _TOLERANCE and len(defined):
        scaled = BinnedLabels((binned.logit - mean) / deviation, binned.rows[:, defined], binned.positives[:, defined])
        slopes[defined] = _newton(scaled, ridge=1 / (SLOPE_C * deviation**2)) / deviation
    return slopes


def _newton(binned: BinnedLabels, ridge: float) -> Array:
    total, failing = binned.rows.sum(axis=0), binned.positives.sum(axis=0)
    beta = np.stack([np.log(failing / (total - failing)), np.zeros(len(total))])  # intercept, slope
    design = np.stack([np.ones_like(binned.logit), binned.logit, np.square(binned.logit)])
    is_singular = np.zeros(len(total), dtype=bool)
    for _ in range(_STEPS):
        probability = expit(beta[0] + np.multiply.outer(binned.logit, beta[1]))
        gradient0, gradient1 = design[:2] @ (binned.positives - binned.rows * probability)
        h00, h01, h11 = design @ (binned.rows * probability * (1 - probability))
        gradient1, h11 = gradient1 - ridge * beta[1], h11 + ridge
        determinant = h00 * h11 - np.square(h01)
        is_singular |= determinant <= 1e-12 * h00 * h11
        divisor = np.where(is_singular, np.inf, determinant)
        newton = np.stack([h11 * gradient0 - h01 * gradient1, h00 * gradient1 - h01 * gradient0]) / divisor
        steps = _damped(binned, ridge, beta, newton)
        beta = beta + steps
        if np.abs(steps).max() < _TOLERANCE:
            break
    return np.where(is_singular, np.nan, beta[1])


def _damped(binned: BinnedLabels, ridge: float, beta: Array, steps: Array) -> Array:
    """Halve the steps of the resamples whose loss they would raise.

    Where nearly all rows share one bin, a whole step overshoots so far that there is no way back.
    """
    before = _loss(binned, ridge, beta)
    for _ in range(_HALVINGS):
        rises = _loss(binned, ridge, beta + steps) > before * (1 + _TOLERANCE)
        if not rises.any():
            break
        steps = np.where(rises, steps / 2, steps)
    return steps


def _loss(binned: BinnedLabels, ridge: float, beta: Array) -> Array:
    """Return each resample's penalised negative log-likelihood."""
    log_odds = beta[0] + np.multiply.outer(binned.logit, beta[1])
    losses = binned.rows * np.logaddexp(0, log_odds) - binned.positives * log_odds
    return np.asarray(losses.sum(axis=0) + ridge * np.square(beta[1]) / 2)
