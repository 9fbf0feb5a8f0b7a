"""Who fails when, on the rows of a forecast, and the same with the nodes permuted: the null of every ranking."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from features.grid import Array, Index
    from models.evaluation.evaluation_set import EvaluationSet

MOST_ROWS: Final = 150_000
PERMUTATIONS: Final = 199
MIN_FAILING_NODES: Final = 10  # of a test that compares failing nodes with the others


@dataclass(frozen=True, slots=True)
class LabelledCases:
    """Cases that have a label: their node and scoring time, and who fails within the horizon: nodes x times."""

    case: Index  # positions among all cases
    node: Index
    step: Index  # positions among the scoring times
    failing: NDArray[np.bool_]

    @classmethod
    def of(cls, cases: EvaluationSet, rng: np.random.Generator) -> LabelledCases:
        """Select the labelled ones of some cases; of a large fleet, every node that fails and a draw of the others."""
        times, step = np.unique(cases.ts, return_inverse=True)
        failing = np.zeros((len(cases.names), len(times)), dtype=bool)
        for node, start in zip(cases.failure_node, cases.failure_start, strict=True):
            if node >= 0:
                first, last = np.searchsorted(times, [start - cases.horizon, start])
                failing[node, first:last] = True
        kept = np.flatnonzero(cases.is_kept)
        node = cases.node[kept].astype(np.int64)
        drawn = _drawn(node, failing, rng)
        nodes, node_number = np.unique(node[drawn], return_inverse=True)
        return cls(kept[drawn], node_number.astype(np.int64), step[kept[drawn]].astype(np.int64), failing[nodes])

    @property
    def positives(self) -> Index:
        """Return the positions of those that fail."""
        return np.flatnonzero(self.failing[self.node, self.step])

    @property
    def failing_nodes(self) -> int:
        """Count the nodes that fail at any of these cases."""
        return len(np.unique(self.node[self.positives]))

    def permuted(self, rng: np.random.Generator) -> LabelledCases:
        """Assign to each node the failures of another node, at the times at which they happened."""
        return replace(self, failing=self.failing[rng.permutation(len(self.failing))])

    def shifted(self, rng: np.random.Generator) -> LabelledCases:
        """Move each node's failures by its own random time, from the window's end on to its start."""
        count = self.failing.shape[1]
        shift = rng.integers(0, count, len(self.failing))[:, None]
        return replace(self, failing=np.take_along_axis(self.failing, (np.arange(count) + shift) % count, axis=1))

    def permuted_positives(self, rng: np.random.Generator, count: int = PERMUTATIONS) -> list[Index]:
        """Return the positives of each of many permutations of the nodes."""
        return [self.permuted(rng).positives for _ in range(count)]


def _drawn(node: Index, failing: NDArray[np.bool_], rng: np.random.Generator) -> Index:
    if len(node) <= MOST_ROWS:
        return np.arange(len(node))
    order = rng.permutation(len(failing))
    order = order[np.argsort(~failing[order].any(axis=1), kind="stable")]  # those that fail come first
    count = np.bincount(node, minlength=len(failing))[order]
    drawn = order[np.cumsum(count) <= max(MOST_ROWS, count[0])]
    return np.flatnonzero(np.isin(node, drawn))


@dataclass(frozen=True, slots=True)
class RanksByTime:
    """Rows ranked within their times, from 1; equal values share their mean rank, missing ones rank lowest."""

    rank: Array
    step: Index
    size: Index  # rows of each time

    @classmethod
    def of(cls, step: Index, values: Array) -> RanksByTime:
        """Rank values."""
        filled = np.where(np.isnan(values), -np.inf, values)
        order = np.lexsort((filled, step))
        starts = _run_starts(step[order], filled[order])
        lengths, size = np.diff(np.r_[starts, len(order)]), np.bincount(step)
        rank = np.empty(len(order))
        rank[order] = np.repeat(starts + (lengths + 1) / 2, lengths)
        return cls(rank - (np.cumsum(size) - size)[step], step, size)

    @property
    def inverted(self) -> RanksByTime:
        """Rank the other way round."""
        return replace(self, rank=self.size[self.step] + 1 - self.rank)

    @property
    def relative(self) -> Array:
        """Return each row's rank relative to the number of rows of its time, 0 to 1."""
        return np.asarray((self.rank - 0.5) / self.size[self.step])

    def roc_auc(self, positives: Index) -> float:
        """Return the probability that a failing row ranks above another of its time, ties count half; NaN without any.

        Mann and Whitney's U, summed over the times, over the pairs of a time. Values that only reveal when the whole
        fleet fails more often score one half.
        """
        hits = np.bincount(self.step[positives], minlength=len(self.size)).astype(np.float64)
        pairs = float(np.sum(hits * (self.size - hits)))
        return float((self.rank[positives].sum() - np.sum(hits * (hits + 1)) / 2) / pairs) if pairs else float("nan")

    def null_distribution(self, permutations: list[Index]) -> Array:
        """Return the ROC-AUC of each permutation of the failures, without those in which it is undefined."""
        areas = np.array([self.roc_auc(positives) for positives in permutations])
        return np.asarray(areas[~np.isnan(areas)])

    def mean_by_failing_node(self, cases: LabelledCases) -> dict[int, float]:
        """Return each failing node's mean relative rank over its rows that fail."""
        positives, relative = cases.positives, self.relative
        nodes = cases.node[positives]
        return {int(node): float(relative[positives[nodes == node]].mean()) for node in np.unique(nodes)}


def _run_starts(step: Index, values: Array) -> Index:
    """Return the first position of each run of equal values within a time."""
    is_new = np.ones(len(step), dtype=bool)
    is_new[1:] = (step[1:] != step[:-1]) | (values[1:] != values[:-1])
    return np.flatnonzero(is_new)
