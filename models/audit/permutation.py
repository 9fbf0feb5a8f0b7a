"""Who fails when, on the rows of a forecast, and the same with the nodes exchanged: the null of every ranking."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.evaluation.evaluation_set import EvaluationSet

MOST_ROWS: Final = 150_000
SHUFFLES: Final = 199


@dataclass(frozen=True, slots=True)
class LabelledRows:
    """Rows that have a label: node and scoring time as positions; who fails within the horizon: nodes x times.

    `row` is each one's position among the rows of the cases.
    """

    row: NDArray[np.int64]
    node: NDArray[np.int64]
    step: NDArray[np.int64]
    failing: NDArray[np.bool_]

    @classmethod
    def of(cls, cases: EvaluationSet, rng: np.random.Generator) -> LabelledRows:
        """Take the labelled rows of some cases; of a large fleet, every node that fails and a draw of the others."""
        times, step = np.unique(cases.ts, return_inverse=True)
        failing = np.zeros((len(cases.names), len(times)), dtype=bool)
        for node, start in zip(cases.failure_node, cases.failure_start, strict=True):
            if node >= 0:
                first, last = np.searchsorted(times, [start - cases.horizon, start])
                failing[node, first:last] = True
        row = np.flatnonzero(cases.is_kept)
        node = cases.node[row].astype(np.int64)
        chosen = _drawn(node, failing, rng)
        used, own = np.unique(node[chosen], return_inverse=True)
        return cls(row[chosen], own.astype(np.int64), step[row[chosen]].astype(np.int64), failing[used])

    @property
    def positives(self) -> NDArray[np.int64]:
        """Give the rows that fail."""
        return np.flatnonzero(self.failing[self.node, self.step])

    @property
    def failing_nodes(self) -> int:
        """Count the nodes with a row that fails."""
        return len(np.unique(self.node[self.positives]))

    def exchanged(self, rng: np.random.Generator) -> LabelledRows:
        """Give each node another one's failures, at the times at which they struck."""
        return replace(self, failing=self.failing[rng.permutation(len(self.failing))])

    def moved(self, rng: np.random.Generator) -> LabelledRows:
        """Move each node's failures by a random time of its own, around the window's end to its start."""
        count = self.failing.shape[1]
        shift = rng.integers(0, count, len(self.failing))[:, None]
        return replace(self, failing=np.take_along_axis(self.failing, (np.arange(count) + shift) % count, axis=1))

    def shuffles(self, rng: np.random.Generator, count: int = SHUFFLES) -> list[NDArray[np.int64]]:
        """Give the rows that fail in each of many exchanges."""
        return [self.exchanged(rng).positives for _ in range(count)]


def _drawn(node: NDArray[np.int64], failing: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    if len(node) <= MOST_ROWS:
        return np.arange(len(node))
    order = rng.permutation(len(failing))
    order = order[np.argsort(~failing[order].any(axis=1), kind="stable")]  # those that fail come first
    count = np.bincount(node, minlength=len(failing))[order]
    wanted = order[np.cumsum(count) <= max(MOST_ROWS, count[0])]
    return np.flatnonzero(np.isin(node, wanted))


@dataclass(frozen=True, slots=True)
class RanksByTime:
    """Rows ranked within their times, from 1; equal values share their mean rank, missing ones rank lowest."""

    rank: NDArray[np.float64]
    step: NDArray[np.int64]
    size: NDArray[np.int64]  # rows of each time

    @classmethod
    def of(cls, step: NDArray[np.int64], values: NDArray[np.float64]) -> RanksByTime:
        """Rank values."""
        known = np.where(np.isnan(values), -np.inf, values)
        order = np.lexsort((known, step))
        opens = _openings(step[order], known[order])
        sizes, size = np.diff(np.r_[opens, len(order)]), np.bincount(step)
        rank = np.empty(len(order))
        rank[order] = np.repeat(opens + (sizes + 1) / 2, sizes)
        return cls(rank - (np.cumsum(size) - size)[step], step, size)

    @property
    def turned(self) -> RanksByTime:
        """Rank the other way round."""
        return replace(self, rank=self.size[self.step] + 1 - self.rank)

    @property
    def place(self) -> NDArray[np.float64]:
        """Give each row's place among the rows of its time, 0 to 1."""
        return np.asarray((self.rank - 0.5) / self.size[self.step])

    def roc_auc(self, positives: NDArray[np.int64]) -> float:
        """Give the chance that a failing row outranks another of its time, ties counting half; NaN without any.

        Mann and Whitney's U, summed over the times, over the pairs of a time. What tells only when the whole fleet
        fails more often scores one half.
        """
        hits = np.bincount(self.step[positives], minlength=len(self.size)).astype(np.float64)
        pairs = float(np.sum(hits * (self.size - hits)))
        return float((self.rank[positives].sum() - np.sum(hits * (hits + 1)) / 2) / pairs) if pairs else float("nan")

    def null(self, shuffles: list[NDArray[np.int64]]) -> NDArray[np.float64]:
        """Give the same for shuffled failures, without those that no row was followed by."""
        told = np.array([self.roc_auc(positives) for positives in shuffles])
        return np.asarray(told[~np.isnan(told)])

    def places_by_node(self, marks: LabelledRows) -> dict[int, float]:
        """Give each failing node's mean place over its rows that fail."""
        positives, place = marks.positives, self.place
        node = marks.node[positives]
        return {int(one): float(place[positives[node == one]].mean()) for one in np.unique(node)}


def _openings(step: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Give the first position of each run of equal values within a time."""
    is_new = np.ones(len(step), dtype=bool)
    is_new[1:] = (step[1:] != step[:-1]) | (values[1:] != values[:-1])
    return np.flatnonzero(is_new)
