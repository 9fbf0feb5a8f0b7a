"""Which slices are shown on their own, and which are pooled: a fleet of 500 racks has to fit on a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.evaluation.slices.groups import NO_GROUP
from models.evaluation.slices.sums import SliceAssignment

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from features.grid import Array, Index
    from models.evaluation.slices.groups import Grouping
    from models.evaluation.slices.sums import SliceSums

OTHERS: Final = "others"
MOST_SHOWN: Final = 12  # up to so many slices of a grouping are all shown
MOST_FAILED: Final = 8  # where there are more: those with the most failures,
MOST_SIGNIFICANT: Final = 8  # and those whose p-value is the lowest; the others are pooled


@dataclass(frozen=True, slots=True)
class SliceLayout:
    """The slices of a grouping that are shown, in their order; the last one may pool several groups."""

    assignment: SliceAssignment
    labels: tuple[str, ...]
    pooled: tuple[int, ...]  # groups in each slice; 0: a single group of its own
    sums: SliceSums
    is_significant: NDArray[np.bool_]


def lay_out(grouping: Grouping, sums: SliceSums, p_value: Array, is_significant: NDArray[np.bool_]) -> SliceLayout:
    """Choose which groups are shown: those with the most failures, and those that are significant."""
    filled = non_empty(sums)
    is_short = grouping.is_ordered or len(filled) <= MOST_SHOWN
    shown = filled if is_short else _chosen(filled, sums, p_value, is_significant)
    if not grouping.is_ordered:
        shown = shown[np.lexsort((-sums["expected"][shown], -sums["failures"][shown]))]
    slice_of_group = np.full(len(grouping.labels), NO_GROUP, dtype=np.int64)
    slice_of_group[filled] = len(shown)  # the others
    slice_of_group[shown] = np.arange(len(shown))
    others = len(filled) - len(shown)
    size = len(shown) + bool(others)

    def pooled(values: Array) -> Array:
        return np.bincount(slice_of_group[filled], weights=values[filled], minlength=size).astype(np.float64)

    return SliceLayout(
        SliceAssignment(grouping, slice_of_group),
        tuple(grouping.labels[group] for group in shown) + (OTHERS,) * bool(others),
        (0,) * len(shown) + (others,) * bool(others),
        {name: pooled(values) for name, values in sums.items()},
        np.append(is_significant[shown], [False] * bool(others)).astype(bool),
    )


def non_empty(sums: SliceSums) -> Index:
    """Return the groups that have any row or failure; the only group of the whole fleet always counts."""
    return np.flatnonzero((sums["rows"] > 0) | (sums["failures"] > 0) | (len(sums["rows"]) == 1))


def _chosen(filled: Index, sums: SliceSums, p_value: Array, is_significant: NDArray[np.bool_]) -> Index:
    most_failed = filled[np.argsort(-sums["failures"][filled], kind="stable")][:MOST_FAILED]
    significant = filled[is_significant[filled]]
    most_significant = significant[np.argsort(p_value[significant], kind="stable")][:MOST_SIGNIFICANT]
    return np.union1d(most_failed, most_significant)
