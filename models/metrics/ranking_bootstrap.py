"""A ranking cut into segments, so that a resample costs a sum over segments instead of a sort of the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.metrics.calibration_slope import BinnedLabels, binned_slopes
from models.metrics.metrics import logit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from features.grid import Array

_TOP_CUTS: Final = 512  # the highest scores of failing rows, where precision is decided, are never merged
_LOWER_CUTS: Final = 512
_ROW_CUTS: Final = 256
_SLOPE_BINS: Final = 500


@dataclass(frozen=True, slots=True)
class RankingSegments:
    """Segments of a ranking, in ascending order; rows of one segment count as tied.

    A score that is a cut is a segment of its own, and so is each gap between cuts. Where every distinct score
    of a failing row is a cut (up to 1,024 of them), a resample of roc_auc or pr_auc is exact.
    """

    of_row: NDArray[np.intp]
    count: int
    slope_bin_start: NDArray[np.intp]  # segments are merged further for the slope
    slope_bin_logit: Array


def cut_segments(label: Array, probability: Array) -> RankingSegments:
    """Split a ranking at scores of failing rows and at quantiles of all rows."""
    cuts = np.unique(np.concatenate([_positive_cuts(np.unique(probability[label == 1])), _row_cuts(probability)]))
    of_row = np.searchsorted(cuts, probability, "left") + np.searchsorted(cuts, probability, "right")
    count = 2 * len(cuts) + 1
    starts = _slope_bin_starts(of_row, label, count)
    rows = np.add.reduceat(np.bincount(of_row, minlength=count), starts)
    total = np.add.reduceat(np.bincount(of_row, weights=logit(probability), minlength=count), starts)
    return RankingSegments(of_row, count, starts, total / np.maximum(rows, 1))


def _positive_cuts(scores: Array) -> Array:
    """Return every score of a failing row; where there are too many, the highest ones and quantiles of the rest."""
    if len(scores) <= _TOP_CUTS + _LOWER_CUTS:
        return scores
    lower = np.linspace(0, len(scores) - _TOP_CUTS - 1, _LOWER_CUTS).astype(np.intp)
    return np.concatenate([scores[lower], scores[-_TOP_CUTS:]])


def _row_cuts(probability: Array) -> Array:
    ranks = np.linspace(0, len(probability) - 1, _ROW_CUTS).astype(np.intp)
    return np.partition(probability, np.unique(ranks))[ranks]


def _slope_bin_starts(of_row: NDArray[np.intp], label: Array, count: int) -> NDArray[np.intp]:
    """Merge segments to bins of about equal size, where all rows weigh half and the failing rows weigh half."""
    rows = np.bincount(of_row, minlength=count) / len(of_row)
    failing = np.bincount(of_row, weights=label, minlength=count) / max(label.sum(), 1.0)
    before = np.cumsum(rows + failing) - (rows + failing)
    bins = np.floor(before / 2 * _SLOPE_BINS)
    return np.flatnonzero(np.diff(bins, prepend=-1.0) > 0)


def resampled_ranking(segments: RankingSegments, hits: Array, misses: Array) -> dict[str, Array]:
    """Return roc_auc, pr_auc and slope of each resample from its failing and other rows, each (segments, resamples)."""
    starts = segments.slope_bin_start
    failing = np.add.reduceat(hits, starts, axis=0)
    rows = failing + np.add.reduceat(misses, starts, axis=0)
    roc_auc, pr_auc = _areas(hits[::-1], misses[::-1])
    slopes = binned_slopes(BinnedLabels(segments.slope_bin_logit, rows, failing))
    return {"roc_auc": roc_auc, "pr_auc": pr_auc, "slope": slopes}


def _areas(hits: Array, misses: Array) -> tuple[Array, Array]:
    """Return roc_auc and average precision from descending segments; NaN where a class has no weight."""
    true_positives, false_positives = np.cumsum(hits, axis=0), np.cumsum(misses, axis=0)
    outranked = false_positives[-1] - false_positives + misses / 2
    precision = true_positives / np.maximum(true_positives + false_positives, 1.0)  # a weight is whole: below 1 is none
    with np.errstate(invalid="ignore"):
        roc_auc = (hits * outranked).sum(axis=0) / (true_positives[-1] * false_positives[-1])
        return roc_auc, (hits * precision).sum(axis=0) / true_positives[-1]
