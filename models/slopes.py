"""The calibration slope of every resample at once, since a thousand regressions one by one take minutes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import expit

from models.measures import SLOPE_C

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STEPS: Final = 40
_LONGEST_STEP: Final = 2.0  # in standardised log odds: keeps the first steps of a rare label from overshooting
_DONE: Final = 1e-7


@dataclass(frozen=True, slots=True)
class BinnedLabels:
    """Rows and failing rows by bin of the logit: `logit` is (bins,), the counts are (bins, resamples)."""

    logit: NDArray[np.float64]
    rows: NDArray[np.float64]
    positives: NDArray[np.float64]


def binned_slopes(binned: BinnedLabels) -> NDArray[np.float64]:
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


def _newton(binned: BinnedLabels, ridge: float) -> NDArray[np.float64]:
    total, failing = binned.rows.sum(axis=0), binned.positives.sum(axis=0)
    intercept, slope = np.log(failing / (total - failing)), np.zeros(len(total))
    design = np.stack([np.ones_like(binned.logit), binned.logit, np.square(binned.logit)])
    is_flat = np.zeros(len(total), dtype=bool)
    for _ in range(_STEPS):
        chance = expit(intercept + np.multiply.outer(binned.logit, slope))
        pull, tilt = design[:2] @ (binned.positives - binned.rows * chance)
        h00, h01, h11 = design @ (binned.rows * chance * (1 - chance))
        tilt, h11 = tilt - ridge * slope, h11 + ridge
        determinant = h00 * h11 - np.square(h01)
        is_flat |= determinant <= 1e-12 * h00 * h11
        safe = np.where(is_flat, 1.0, determinant)
        steps = np.stack([h11 * pull - h01 * tilt, h00 * tilt - h01 * pull]) / safe
        steps = np.where(is_flat, 0.0, np.clip(steps, -_LONGEST_STEP, _LONGEST_STEP))
        intercept, slope = intercept + steps[0], slope + steps[1]
        if np.abs(steps).max() < _DONE:
            break
    return np.where(is_flat, np.nan, slope)
