"""The reliability diagram: what happened where so much was forecast, with intervals over nodes and weeks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.sparse import coo_array

from models.metrics.estimate import Estimate, divide

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.evaluation.context import EvaluationContext, Strata

MOST_BINS: Final = 12
FEWEST_BINS: Final = 3
FAILING_ROWS_A_BIN: Final = 25  # a failure is in several rows: as many as there are steps in a horizon


@dataclass(frozen=True, slots=True)
class Bin:
    """Forecasts of about one probability: their mean, the share of them that came true, and how many there were."""

    forecast: float
    observed: Estimate
    rows: int
    failing: int


def diagram(bench: EvaluationContext, probability: NDArray[np.float64]) -> tuple[Bin, ...]:
    """Cut the kept rows, from the lowest probability to the highest, into bins that expect equally many failures."""
    label, kept = bench.label, probability[bench.kept]
    bins = int(np.clip(label.sum() // FAILING_ROWS_A_BIN, FEWEST_BINS, MOST_BINS))
    number = expectation_bins(kept, bins)
    rows, failing, expected = (
        np.bincount(number, weights=weights, minlength=bins) for weights in (np.ones(len(kept)), label, kept)
    )
    draws = _observed_draws(number, label, bench.strata, bins) if bench.strata else None
    return tuple(
        Bin(
            float(expected[at] / rows[at]),
            Estimate(float(failing[at] / rows[at]), None if draws is None else draws[at]),
            int(rows[at]),
            int(failing[at]),
        )
        for at in np.flatnonzero(rows)
    )


def expectation_bins(probability: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
    """Number each row's bin so that every bin expects about as many failures."""
    order = np.argsort(probability, kind="stable")
    expected = np.cumsum(probability[order])
    total = max(float(expected[-1]), np.finfo(np.float64).tiny) if len(expected) else 1.0
    number = np.empty(len(probability), dtype=np.int64)
    number[order] = np.minimum(bins * expected / total, bins - 1).astype(np.int64)
    return number


def _observed_draws(
    number: NDArray[np.int64], label: NDArray[np.float64], strata: Strata, bins: int
) -> NDArray[np.float64]:
    """Give the share of failing rows of each bin in each resample: bins x resamples."""
    cells = (np.concatenate([number, bins + number]), np.tile(strata.of_kept, 2))
    values = np.concatenate([label, np.ones(len(label))])
    matrix = coo_array((values, cells), shape=(2 * bins, len(strata.distinct.node))).tocsc()
    sums = np.concatenate(list(strata.resampler.sums(matrix, strata.distinct)), axis=1)
    return divide(sums[:bins], sums[bins:])
