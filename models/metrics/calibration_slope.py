"""The calibration slope of every resample at once, since a thousand regressions one by one take minutes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import expit

from models.metrics.metrics import SLOPE_C

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_STEPS: Final = 40
_HALVINGS: Final = 30
_DONE: Final = 1e-7


@dataclass(frozen=True, slots=True)
class BinnedLabels:
    """Rows and failing rows by bin of the logit: `logit` is (bins,), the counts are (bins, resamples)."""

    logit: Floats
    rows: Floats
    positives: Floats


def binned_slopes(binned: BinnedLabels) -> Floats:
    """Fit the slope of the label on the logit for each resample by Newton's method; NaN where it is undefined.

    The penalty is the protocol's. Within a bin the logit is taken as constant, so the figures are close to
    those of the rows, not equal: use them for intervals only.
    """
    slopes = np.full(binned.rows.shape[1], np.nan)
    total, failing = binned.rows.sum(axis=0), binned.positives.sum(axis=0)
    mass = binned.rows.sum(axis=1)
    centre = np.average(binned.logit, weights=mass) if mass.any() else 0.0
    spread = np.sqrt(np.average(np.square(binned.logit - centre), weights=mass)) if mass.any() else 0.0
    is_varied = (binned.rows > 0).sum(axis=0) > 1
    able = np.flatnonzero((failing > 0) & (failing < total) & is_varied)
    if spread > _DONE and len(able):
        scaled = BinnedLabels((binned.logit - centre) / spread, binned.rows[:, able], binned.positives[:, able])
        slopes[able] = _newton(scaled, ridge=1 / (SLOPE_C * spread**2)) / spread
    return slopes


def _newton(binned: BinnedLabels, ridge: float) -> Floats:
    total, failing = binned.rows.sum(axis=0), binned.positives.sum(axis=0)
    beta = np.stack([np.log(failing / (total - failing)), np.zeros(len(total))])  # intercept, slope
    design = np.stack([np.ones_like(binned.logit), binned.logit, np.square(binned.logit)])
    is_flat = np.zeros(len(total), dtype=bool)
    for _ in range(_STEPS):
        chance = expit(beta[0] + np.multiply.outer(binned.logit, beta[1]))
        pull, tilt = design[:2] @ (binned.positives - binned.rows * chance)
        h00, h01, h11 = design @ (binned.rows * chance * (1 - chance))
        tilt, h11 = tilt - ridge * beta[1], h11 + ridge
        determinant = h00 * h11 - np.square(h01)
        is_flat |= determinant <= 1e-12 * h00 * h11
        safe = np.where(is_flat, np.inf, determinant)
        steps = _damped(binned, ridge, beta, np.stack([h11 * pull - h01 * tilt, h00 * tilt - h01 * pull]) / safe)
        beta = beta + steps
        if np.abs(steps).max() < _DONE:
            break
    return np.where(is_flat, np.nan, beta[1])


def _damped(binned: BinnedLabels, ridge: float, beta: Floats, steps: Floats) -> Floats:
    """Halve the steps of the resamples whose loss they would raise.

    Where nearly all rows share one bin, a whole step overshoots so far that there is no way back.
    """
    before = _loss(binned, ridge, beta)
    for _ in range(_HALVINGS):
        rises = _loss(binned, ridge, beta + steps) > before * (1 + _DONE)
        if not rises.any():
            break
        steps = np.where(rises, steps / 2, steps)
    return steps


def _loss(binned: BinnedLabels, ridge: float, beta: Floats) -> Floats:
    """Give each resample's penalised negative log-likelihood."""
    log_odds = beta[0] + np.multiply.outer(binned.logit, beta[1])
    surprise = binned.rows * np.logaddexp(0, log_odds) - binned.positives * log_odds
    return np.asarray(surprise.sum(axis=0) + ridge * np.square(beta[1]) / 2)
