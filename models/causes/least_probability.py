"""From which probability on the leading cause is told: where it held on failures that no model had seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.causes.blend import Blend, HeldOutFailures

STEP: Final = 0.05
FEWEST: Final = 5.0  # failures that an answer was given for
STANDARD_ERRORS: Final = 1.0
NEVER: Final = 2.0  # no probability is as high


def least_probability(folds: Sequence[HeldOutFailures], mixed: Blend, wanted: float) -> float:
    """Give the lowest probability, from `wanted` on, above which at least `wanted` of the answers were right.

    By a standard error more than that, to be sure; NEVER if there is none.
    """
    leading, is_right, weight = (np.concatenate(parts) for parts in zip(*(_told(f, mixed) for f in folds), strict=True))
    for least in np.arange(wanted, 1.0, STEP):
        answered = weight * (leading >= least)
        count = float(answered.sum())
        if count < FEWEST:
            break
        share = float(np.sum(answered * is_right)) / count
        if share - STANDARD_ERRORS * np.sqrt(share * (1 - share) / count) >= wanted:
            return round(float(least), 2)
    return NEVER


def _told(fold: HeldOutFailures, mixed: Blend) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    chance = mixed.probabilities(fold.shares, fold.scores)
    return chance.max(axis=1), chance.argmax(axis=1) == fold.cause, fold.weight
