"""The rows that a forecast is judged on, so that every model is counted on the same nodes at the same times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class EvaluationSet:
    """Every (node, time) at risk for one horizon, sorted by node name, then time.

    `label` is 1 (fails within the horizon), 0, or NaN (dropped). The failures are the merged ones of the
    whole record; a node that is not in `names` is -1: its failures count, but nobody could have caught them.
    Times are UTC, `datetime64[us]`.
    """

    names: tuple[str, ...]
    node: NDArray[np.int32]
    ts: NDArray[np.datetime64]
    label: NDArray[np.float64]
    failure_node: NDArray[np.int32]
    failure_start: NDArray[np.datetime64]
    horizon_days: int
    every_days: int

    def __post_init__(self) -> None:
        self._reject(len({len(self.node), len(self.ts), len(self.label)}) > 1, "node, ts and label differ in length")
        self._reject(len(self.failure_node) != len(self.failure_start), "failure_node and failure_start differ")
        self._reject(any(a >= b for a, b in zip(self.names, self.names[1:], strict=False)), "names aren't sorted")
        for node in (self.node, self.failure_node):
            self._reject(bool((node >= len(self.names)).any()), "a node's index is beyond names")
        self._reject(bool((self.node < 0).any()), "a row's node is below 0")
        later = (self.node[1:] == self.node[:-1]) & (self.ts[1:] > self.ts[:-1])
        self._reject(not (later | (self.node[1:] > self.node[:-1])).all(), "rows aren't sorted, or one occurs twice")

    def _reject(self, is_wrong: bool, why: str) -> None:  # noqa: FBT001  - the claim is the argument
        if is_wrong:
            raise DataError(
                f"cases of horizon {self.horizon_days} days: {why}",
                fix="build them from rows that are unique and sorted by (node, ts), with names sorted",
            )

    @property
    def is_kept(self) -> NDArray[np.bool_]:
        """Tell which rows have a label."""
        return ~np.isnan(self.label)

    @property
    def horizon(self) -> np.timedelta64:
        """Give the horizon as a span of time."""
        return days(self.horizon_days)


@dataclass(frozen=True, slots=True)
class ScoringTimes:
    """The scoring times of some cases, and where each row stands among them.

    `key` is `node * len(times) + step` and rises with the rows, so a bisection finds any (node, time).
    """

    times: NDArray[np.datetime64]
    step: NDArray[np.int64]
    key: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Failures:
    """Failures of the test window: nodes as in `Cases`, and when they start."""

    node: NDArray[np.int32]
    start: NDArray[np.datetime64]


def days(count: int) -> np.timedelta64:
    """Give so many days as a span of time in microseconds."""
    return np.timedelta64(count * 86_400_000_000, "us")


def timeline(cases: EvaluationSet) -> ScoringTimes:
    """Index the rows of the cases by scoring time."""
    times, step = np.unique(cases.ts, return_inverse=True)
    step = step.astype(np.int64)
    return ScoringTimes(times, step, cases.node.astype(np.int64) * len(times) + step)


def window_failures(cases: EvaluationSet) -> Failures:
    """Select the failures that start in (first scoring time, last scoring time + horizon]."""
    inside = is_in_window(cases)
    return Failures(cases.failure_node[inside], cases.failure_start[inside])


def is_in_window(cases: EvaluationSet) -> NDArray[np.bool_]:
    """Tell which failures of the record are the window's."""
    start = cases.failure_start
    if not len(cases.ts):
        return np.zeros(len(start), dtype=bool)
    return np.asarray((start > cases.ts.min()) & (start <= cases.ts.max() + cases.horizon))
