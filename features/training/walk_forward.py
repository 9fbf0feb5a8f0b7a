"""Splits by time, never shuffled: each fold is tested on what came after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from features.grid import Times

FIRST_SHARE = 0.5  # of the failing rows, before the first fold's start: with fewer, its model is unlike the final one


def walk_forward(failing_cutoffs: Times, folds: int) -> Times:
    """Split the later half of the time line so that every fold tests on equally many failing rows.

    Returns:
        The starts of the folds, fewer than requested where few cutoffs fail: fold i trains on what is known at
        its start, and is tested up to the next one's, the last fold to the end.
    """
    if not len(failing_cutoffs):
        return failing_cutoffs
    first = int(FIRST_SHARE * len(failing_cutoffs))
    ranks = first + (len(failing_cutoffs) - first) * np.arange(folds) // folds
    return np.unique(np.sort(failing_cutoffs)[ranks])
