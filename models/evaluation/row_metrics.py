"""The measures of a forecast over all kept rows, and the same measures of every resample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.sparse import coo_array

from models.metrics import metrics
from models.metrics.bins import equal_count_bins
from models.metrics.estimate import divide
from models.metrics.ranking_bootstrap import cut_segments, resampled_ranking

if TYPE_CHECKING:
    from scipy.sparse import csc_array

    from features.grid import Array
    from models.evaluation.context import BootstrapCells
    from models.metrics.ranking_bootstrap import RankingSegments

KEPT: Final = "kept"
# Rows of the sums: squared error, expectation, the surplus of each calibration bin, then hits and misses by segment.
_BINS_FROM: Final = 2
_SEGMENTS_FROM: Final = _BINS_FROM + metrics.CALIBRATION_BINS


def row_values(label: Array, probability: Array) -> dict[str, float | None]:
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


def row_draws(label: Array, probability: Array, bootstrap: BootstrapCells) -> dict[str, Array]:
    """Measure every resample of the kept rows; `kept` is the weight of all of them."""
    segments = cut_segments(label, probability)
    matrix = _contributions(label, probability, segments, bootstrap)
    blocks = [_measures(sums, segments) for sums in bootstrap.resampler.sums(matrix, bootstrap.distinct)]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def _contributions(label: Array, probability: Array, segments: RankingSegments, bootstrap: BootstrapCells) -> csc_array:
    """Return what the rows of each cell (columns) add to each sum (rows)."""
    surplus = label - probability
    bin_row = _BINS_FROM + equal_count_bins(probability, metrics.CALIBRATION_BINS)
    segment_row = _SEGMENTS_FROM + segments.of_row + np.where(label == 1, 0, segments.count)
    zero = np.zeros(len(label), dtype=np.int32)
    rows = np.concatenate([zero, zero + 1, bin_row, segment_row], dtype=np.int32, casting="same_kind")
    columns = np.tile(bootstrap.of_kept.astype(np.int32), 4)
    values = np.concatenate([np.square(surplus), probability, surplus, np.ones(len(label))])
    shape = (_SEGMENTS_FROM + 2 * segments.count, len(bootstrap.distinct.node))
    return coo_array((values, (rows, columns)), shape=shape).tocsc()


def _measures(sums: Array, segments: RankingSegments) -> dict[str, Array]:
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
