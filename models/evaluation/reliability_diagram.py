"""The reliability diagram: the observed share of failures by forecast, with intervals over nodes and weeks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.sparse import coo_array

from models.metrics.bins import equal_expectation_bins
from models.metrics.estimate import Estimate, divide

if TYPE_CHECKING:
    from features.grid import Array, Index
    from models.evaluation.context import BootstrapCells, EvaluationContext

MOST_BINS: Final = 12
FEWEST_BINS: Final = 3
FAILING_ROWS_A_BIN: Final = 25  # a failure is in several rows: as many as there are steps in a horizon


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Rows of similar probability: their mean forecast, the share of them that failed, and their number."""

    forecast: float
    observed: Estimate
    rows: int
    failing: int


def reliability_diagram(context: EvaluationContext, probability: Array) -> tuple[ReliabilityBin, ...]:
    """Split the labelled rows, ordered by probability, into bins that expect equally many failures."""
    label, kept = context.label, probability[context.kept]
    bins = int(np.clip(label.sum() // FAILING_ROWS_A_BIN, FEWEST_BINS, MOST_BINS))
    bin_of_row = equal_expectation_bins(kept, bins)
    rows, failing, expected = (
        np.bincount(bin_of_row, weights=weights, minlength=bins) for weights in (np.ones(len(kept)), label, kept)
    )
    draws = _observed_draws(bin_of_row, label, context.bootstrap, bins) if context.bootstrap else None
    return tuple(
        ReliabilityBin(
            float(expected[i] / rows[i]),
            Estimate(float(failing[i] / rows[i]), None if draws is None else draws[i]),
            int(rows[i]),
            int(failing[i]),
        )
        for i in np.flatnonzero(rows)
    )


def _observed_draws(bin_of_row: Index, label: Array, bootstrap: BootstrapCells, bins: int) -> Array:
    """Return the share of failing rows of each bin in each resample: bins x resamples."""
    coordinates = (np.concatenate([bin_of_row, bins + bin_of_row]), np.tile(bootstrap.of_kept, 2))
    values = np.concatenate([label, np.ones(len(label))])
    matrix = coo_array((values, coordinates), shape=(2 * bins, len(bootstrap.distinct.node))).tocsc()
    sums = np.concatenate(list(bootstrap.resampler.sums(matrix, bootstrap.distinct)), axis=1)
    return divide(sums[:bins], sums[bins:])
