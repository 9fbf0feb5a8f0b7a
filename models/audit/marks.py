"""Who fails when, on the rows of a forecast, and the same with the nodes exchanged: the null of every ranking."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from models.cases import Cases

MOST_ROWS: Final = 150_000
SHUFFLES: Final = 199


@dataclass(frozen=True, slots=True)
class Marks:
    """Rows that have a label: node and scoring time as positions; who fails within the horizon: nodes x times.

    `row` is each one's position among the rows of the cases.
    """

    row: NDArray[np.int64]
    node: NDArray[np.int64]
    step: NDArray[np.int64]
    failing: NDArray[np.bool_]

    @classmethod
    def of(cls, cases: Cases, rng: np.random.Generator) -> Marks:
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

    def exchanged(self, rng: np.random.Generator) -> Marks:
        """Give each node another one's failures, at the times at which they struck."""
        return replace(self, failing=self.failing[rng.permutation(len(self.failing))])

    def moved(self, rng: np.random.Generator) -> Marks:
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


def ranks(step: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rank values within each time, from 1; equal ones share their mean rank, missing ones rank lowest."""
    known = np.where(np.isnan(values), -np.inf, values)
    order = np.lexsort((known, step))
    ordered, time = known[order], step[order]
    is_new_time = np.r_[True, time[1:] != time[:-1]][: len(order)]
    opens = np.flatnonzero(is_new_time | np.r_[True, ordered[1:] != ordered[:-1]][: len(order)])
    sizes = np.diff(np.r_[opens, len(order)])
    begins = np.flatnonzero(is_new_time)
    offset = np.repeat(begins, np.diff(np.r_[begins, len(order)]))
    out = np.empty(len(order))
    out[order] = np.repeat(opens + (sizes + 1) / 2, sizes) - offset
    return out


def roc_auc(rank: NDArray[np.float64], step: NDArray[np.int64], positives: NDArray[np.int64]) -> float:
    """Give the chance that a failing row outranks another of its time, ties counting half; NaN without any.

    Mann and Whitney's U, summed over the times, over the pairs of a time. What tells only when the whole fleet
    fails more often scores one half.
    """
    size = np.bincount(step)
    hits = np.bincount(step[positives], minlength=len(size)).astype(np.float64)
    pairs = float(np.sum(hits * (size - hits)))
    return float((rank[positives].sum() - np.sum(hits * (hits + 1)) / 2) / pairs) if pairs else float("nan")


def null_aucs(
    rank: NDArray[np.float64], step: NDArray[np.int64], shuffles: list[NDArray[np.int64]]
) -> NDArray[np.float64]:
    """Give the same for shuffled failures, without those that no row was followed by."""
    told = np.array([roc_auc(rank, step, positives) for positives in shuffles])
    return np.asarray(told[~np.isnan(told)])


def placements(rank: NDArray[np.float64], marks: Marks) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Give each failing node's places, 0 to 1, among the rows of their times."""
    positives, size = marks.positives, np.bincount(marks.step)
    place = (rank[positives] - 0.5) / size[marks.step[positives]]
    for node in np.unique(marks.node[positives]):
        yield int(node), place[marks.node[positives] == node]
