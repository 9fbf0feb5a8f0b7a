"""The two ways to cut forecasts into bins, so that every measure and diagram cuts them alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from features.grid import Array, Index


def equal_count_bins(probability: Array, bins: int) -> Index:
    """Return each row's bin by the rank of its probability; equal probabilities are cut in the order of the rows."""
    bin_of_row = np.empty(len(probability), dtype=np.int64)
    bin_of_row[np.argsort(probability, kind="stable")] = np.arange(len(probability)) * bins // max(len(probability), 1)
    return bin_of_row


def equal_expectation_bins(probability: Array, bins: int, weight: Array | float = 1.0) -> Index:
    """Return each row's bin, from the lowest probability to the highest, so that bins expect as many failures each."""
    order = np.argsort(probability, kind="stable")
    expected = np.cumsum((weight * probability)[order])
    total = max(float(expected[-1]), np.finfo(np.float64).tiny) if len(expected) else 1.0
    bin_of_row = np.empty(len(probability), dtype=np.int64)
    bin_of_row[order] = np.minimum(bins * expected / total, bins - 1).astype(np.int64)
    return bin_of_row
