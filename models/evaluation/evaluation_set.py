"""The rows that a forecast is judged on, so that every model is counted on the same nodes at the same times."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from data.durations import format_duration
from data.errors import DataError
from features.grid import to_step

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from numpy.typing import NDArray

    from features.grid import Array, Index, Times


@dataclass(frozen=True, slots=True)
class EvaluationSet:
    """The cases of one horizon: every (node, time) at risk, sorted by node name, then time.

    `label` is 1 (fails within the horizon), 0, or NaN (dropped, for the reasons counted in `dropped`). A row that
    `can_alarm` is not on probation as known at its time. The failures are the outages of the whole record; the node of
    one that is not in `names` is -1: it counts, but no alarm could have preceded it. Times are UTC, `datetime64[us]`.
    """

    names: tuple[str, ...]
    node: NDArray[np.int32]
    ts: Times
    label: Array
    can_alarm: NDArray[np.bool_]
    times: Times  # at which the fleet is scored, whether or not a node is at risk
    failure_node: NDArray[np.int32]
    failure_start: Times
    horizon: timedelta
    every: timedelta
    repeat: timedelta  # how soon after another one's end a failure belongs to the same outage
    dropped: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths = {len(self.node), len(self.ts), len(self.label), len(self.can_alarm)}
        self._reject(len(lengths) > 1, "node, ts, label and can_alarm differ in length")
        self._reject(bool((self.times[1:] <= self.times[:-1]).any()), "the scoring times don't ascend")
        self._reject(not np.isin(self.ts, self.times).all(), "a row's time is no scoring time")
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
                f"cases of horizon {format_duration(self.horizon)}: {why}",
                fix="build them from rows that are unique and sorted by (node, ts), with names sorted",
            )

    @property
    def is_kept(self) -> NDArray[np.bool_]:
        """Mark the rows that have a label."""
        return ~np.isnan(self.label)

    @property
    def horizon_step(self) -> np.timedelta64:
        """Return the horizon as a span of time."""
        return to_step(self.horizon)


@dataclass(frozen=True, slots=True)
class ScoringTimes:
    """The scoring times of an evaluation set, and the position of each row's time among them.

    `key` is `node * len(distinct) + of_row` and rises with the rows, so a bisection finds any (node, time).
    """

    distinct: Times
    of_row: Index
    key: Index

    @classmethod
    def of(cls, cases: EvaluationSet) -> ScoringTimes:
        """Index the rows of an evaluation set by scoring time."""
        of_row = np.searchsorted(cases.times, cases.ts)
        return cls(cases.times, of_row, cases.node.astype(np.int64) * len(cases.times) + of_row)


@dataclass(frozen=True, slots=True)
class Failures:
    """Failures of the test window: nodes as in `EvaluationSet`, and when they start."""

    node: NDArray[np.int32]
    start: Times


def window_failures(cases: EvaluationSet) -> Failures:
    """Select the failures that start in (first scoring time, last scoring time + horizon]."""
    is_inside = is_in_window(cases)
    return Failures(cases.failure_node[is_inside], cases.failure_start[is_inside])


def is_in_window(cases: EvaluationSet) -> NDArray[np.bool_]:
    """Mark the failures of the record that start in the window."""
    start = cases.failure_start
    if not len(cases.times):
        return np.zeros(len(start), dtype=bool)
    return np.asarray((start > cases.times[0]) & (start <= cases.times[-1] + cases.horizon_step))
