"""The measures of a forecast over all kept rows, and the same measures of every resample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.sparse import coo_array

from models.metrics import metrics
from models.metrics.estimate import divide
from models.metrics.ranking_bootstrap import cut_segments, resampled_ranking

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csc_array

    from models.evaluation.context import Strata
    from models.metrics.ranking_bootstrap import Segments

KEPT: Final = "kept"
_BINS_FROM: Final = 2
_SEGMENTS_FROM: Final = _BINS_FROM + metrics.CALIBRATION_BINS


def row_values(label: NDArray[np.float64], probability: NDArray[np.float64]) -> dict[str, float | None]:
    """Measure a forecast on kept rows, in their order."""
    return {
        "base_rate": metrics.base_rate(label),
        "roc_auc": metrics.roc_auc(label, probability),
        "pr_auc": metrics.average_precision(label, probability),
        "brier": metrics.brier(label, probability),
        "ece": metrics.calibration_error(label, probability),
        "slope": metrics.slope(label, probability),
        "observed_over_expected": metrics.observed_over_expected(label, probability),
    }


def row_draws(
    label: NDArray[np.float64], probability: NDArray[np.float64], strata: Strata
) -> dict[str, NDArray[np.float64]]:
    """Measure every resample of the kept rows; `kept` is the weight of all of them."""
    segments = cut_segments(label, probability)
    matrix = _contributions(label, probability, segments, strata)
    blocks = [_measured(sums, segments) for sums in strata.resampler.sums(matrix, strata.distinct)]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def _contributions(
    label: NDArray[np.float64], probability: NDArray[np.float64], segments: Segments, strata: Strata
) -> csc_array:
    """Sum what the rows of each cell add: squared error, expectation, surplus by bin, rows by segment and label."""
    surplus = label - probability
    bin_row = _BINS_FROM + metrics.equal_count_bins(probability)
    segment_row = _SEGMENTS_FROM + segments.of_row + np.where(label == 1, 0, segments.count)
    zero = np.zeros(len(label), dtype=np.int32)
    rows = np.concatenate([zero, zero + 1, bin_row, segment_row], dtype=np.int32, casting="same_kind")
    columns = np.tile(strata.of_kept.astype(np.int32), 4)
    values = np.concatenate([np.square(surplus), probability, surplus, np.ones(len(label))])
    shape = (_SEGMENTS_FROM + 2 * segments.count, len(strata.distinct.node))
    return coo_array((values, (rows, columns)), shape=shape).tocsc()


def _measured(sums: NDArray[np.float64], segments: Segments) -> dict[str, NDArray[np.float64]]:
    hits, misses = np.split(sums[_SEGMENTS_FROM:], [segments.count])
    failing = hits.sum(axis=0)
    kept = failing + misses.sum(axis=0)
    return {
        KEPT: kept,
        "base_rate": divide(failing, kept),
        "brier": divide(sums[0], kept),
        "ece": divide(np.abs(sums[_BINS_FROM:_SEGMENTS_FROM]).sum(axis=0), kept),
        "observed_over_expected": divide(failing, sums[1]),
        **resampled_ranking(segments, hits, misses),
    }
