"""The probability from which the leading cause is given: where it was right often enough on held-out failures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from features.grid import Array
    from models.causes.blend import Blend, HeldOutFailures

STEP: Final = 0.05
MIN_FAILURES: Final = 5.0  # failures for which a cause is given
STANDARD_ERRORS: Final = 1.0
NEVER: Final = 2.0  # no probability is as high


def least_probability(folds: Sequence[HeldOutFailures], blend: Blend, required: float) -> float:
    """Return the lowest probability, from `required` on, above which at least `required` of the causes are right.

    The share of right causes has to exceed `required` by a standard error; NEVER if it does at no probability.
    """
    parts = zip(*(_leading_causes(fold, blend) for fold in folds), strict=True)
    leading, is_right, weight = (np.concatenate(part) for part in parts)
    for least in np.arange(required, 1.0, STEP):
        given = weight * (leading >= least)
        count = float(given.sum())
        if count < MIN_FAILURES:
            break
        share = float(np.sum(given * is_right)) / count
        if share - STANDARD_ERRORS * np.sqrt(share * (1 - share) / count) >= required:
            return round(float(least), 2)
    return NEVER


def _leading_causes(fold: HeldOutFailures, blend: Blend) -> tuple[Array, NDArray[np.bool_], Array]:
    """Return the leading cause's probability in each row, whether it was right, and the row's weight."""
    probabilities = blend.probabilities(fold.shares, fold.scores)
    return probabilities.max(axis=1), probabilities.argmax(axis=1) == fold.cause, fold.weight
