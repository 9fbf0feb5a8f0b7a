"""Splits by time, never shuffled: each fold is tested on what came after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from features.grid import Times


FIRST_SHARE = 0.5  # of the rows that fail, before the first fold is tested: less makes a model unlike the last one


def walk_forward(failing_cutoffs: Times, folds: int) -> Times:
    """Cut the later half of the time line so that every fold tests on as many rows that fail as the next.

    Returns:
        folds + 1 times or fewer: fold i trains on what is known at time i and is tested up to time i + 1.
    """
    shares = np.linspace(FIRST_SHARE, 1.0, folds + 1)
    ranked = np.sort(failing_cutoffs)
    if not len(ranked):
        return ranked
    return np.unique(ranked[np.minimum((shares * len(ranked)).astype(np.int64), len(ranked) - 1)])
