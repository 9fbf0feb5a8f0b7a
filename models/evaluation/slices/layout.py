"""Which slices are shown apart, and which are pooled: a fleet of 500 racks has to fit on a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.evaluation.slices.groups import NOBODY
from models.evaluation.slices.sums import SliceNumbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from features.grid import Index
    from models.evaluation.slices.groups import Division
    from models.evaluation.slices.sums import Floats, Sums

OTHERS: Final = "others"
MOST_SHOWN: Final = 12  # slices of a division that are all told apart
MOST_FAILED: Final = 8  # where there are more: those with the most failures,
MOST_ODD: Final = 8  # and those that stand out most; the others are pooled


@dataclass(frozen=True, slots=True)
class SliceLayout:
    """The slices of a division that are shown, in their order; the last one may pool several groups."""

    places: SliceNumbers
    labels: tuple[str, ...]
    pooled: tuple[int, ...]  # groups in each slice; 0: a group of its own
    sums: Sums
    is_odd: NDArray[np.bool_]


def lay_out(division: Division, sums: Sums, chance: Floats, is_odd: NDArray[np.bool_]) -> SliceLayout:
    """Choose what is shown of a division's groups: those with the most failures, and those that stand out."""
    there = is_there(sums)
    shown = there if division.is_ordered or len(there) <= MOST_SHOWN else _chosen(there, sums, chance, is_odd)
    if not division.is_ordered:
        shown = shown[np.lexsort((-sums["expected"][shown], -sums["failures"][shown]))]
    place = np.full(len(division.labels), NOBODY, dtype=np.int64)
    place[there] = len(shown)  # the others
    place[shown] = np.arange(len(shown))
    others = len(there) - len(shown)
    size = len(shown) + bool(others)

    def pooled(own: Floats) -> Floats:
        return np.bincount(place[there], weights=own[there], minlength=size).astype(np.float64)

    return SliceLayout(
        SliceNumbers(division, place),
        tuple(division.labels[group] for group in shown) + (OTHERS,) * bool(others),
        (0,) * len(shown) + (others,) * bool(others),
        {name: pooled(own) for name, own in sums.items()},
        np.append(is_odd[shown], [False] * bool(others)).astype(bool),
    )


def is_there(sums: Sums) -> Index:
    """Give the groups that hold any row or failure; the whole fleet is always there."""
    return np.flatnonzero((sums["rows"] > 0) | (sums["failures"] > 0) | (len(sums["rows"]) == 1))


def _chosen(there: Index, sums: Sums, chance: Floats, is_odd: NDArray[np.bool_]) -> Index:
    failed = there[np.argsort(-sums["failures"][there], kind="stable")][:MOST_FAILED]
    odd = there[is_odd[there]]
    return np.union1d(failed, odd[np.argsort(chance[odd], kind="stable")][:MOST_ODD])
