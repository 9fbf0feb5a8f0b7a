"""Alarms under a budget: the nodes with the highest probabilities at each scoring time, and what they precede."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import numpy as np

from features.grid import to_step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from features.grid import Array, Index, Times
    from models.evaluation.evaluation_set import EvaluationSet, Failures, ScoringTimes

ROUNDING: Final = 1e-9  # of a number of alarms


class TieBreaker:
    """Ranks rows of equal probability by SHA-256 of `node|time`; a row is hashed once, when it is first compared."""

    def __init__(self, cases: EvaluationSet, scoring_times: ScoringTimes) -> None:
        self._names = cases.names
        self._node = cases.node
        self._time_of_row = scoring_times.of_row
        moments: list[datetime] = scoring_times.distinct.astype("datetime64[us]").tolist()
        self._times = [moment.replace(tzinfo=UTC).isoformat(timespec="seconds") for moment in moments]
        self._digest = np.zeros(len(cases.node), dtype=np.uint64)
        self._is_hashed = np.zeros(len(cases.node), dtype=bool)

    def digests(self, rows: NDArray[np.intp]) -> NDArray[np.uint64]:
        """Return the first 64 bits of each row's hash, which order as the whole hash does."""
        new = rows[~self._is_hashed[rows]]
        self._digest[new] = np.frombuffer(b"".join(map(self._hash, new.tolist())), dtype=">u8")
        self._is_hashed[new] = True
        return self._digest[rows]

    def _hash(self, row: int) -> bytes:
        text = f"{self._names[self._node[row]]}|{self._times[self._time_of_row[row]]}"
        return hashlib.sha256(text.encode()).digest()[:8]


@dataclass(frozen=True, slots=True)
class RowsByTime:
    """The rows that can be alarmed, grouped by scoring time: the same for all models of an evaluation set."""

    rows: NDArray[np.intp]  # in the order of their times
    time: Index  # of each of `rows`: its position among the scoring times
    count: Index  # of rows at each time
    ties: TieBreaker

    @classmethod
    def of(cls, cases: EvaluationSet, scoring_times: ScoringTimes) -> RowsByTime:
        """Group the rows of an evaluation set."""
        rows = np.flatnonzero(cases.can_alarm)
        rows = rows[np.argsort(scoring_times.of_row[rows], kind="stable")]
        time = scoring_times.of_row[rows]
        count = np.bincount(time, minlength=len(scoring_times.distinct))
        return cls(rows, time, count, TieBreaker(cases, scoring_times))


def alarmed_rows(
    rows_by_time: RowsByTime, probability: Array, shares: Sequence[float]
) -> dict[float, NDArray[np.intp]]:
    """Return, for each share s, the rows among the ceil(s n) highest probabilities of their time, in ascending order.

    n is the number of rows at that time that can be alarmed.
    """
    ordered = probability[rows_by_time.rows]
    budgets = {share: np.ceil(share * rows_by_time.count - ROUNDING).astype(np.int64) for share in shares}
    thresholds = _thresholds(rows_by_time, ordered, list(budgets.values()))
    return {
        share: _select(rows_by_time, ordered, budget, threshold)
        for (share, budget), threshold in zip(budgets.items(), thresholds, strict=True)
    }


def _thresholds(rows_by_time: RowsByTime, ordered: Array, budgets: Sequence[Index]) -> Array:
    """Return the lowest probability that is alarmed, for each budget (first axis) and time."""
    ends = np.cumsum(rows_by_time.count)
    thresholds = np.full((len(budgets), len(ends)), np.inf)
    for time, (end, count) in enumerate(zip(ends, rows_by_time.count, strict=True)):
        if count:
            ranks = [int(count - budget[time]) for budget in budgets]
            thresholds[:, time] = np.partition(ordered[end - count : end], ranks)[ranks]
    return thresholds


def _select(rows_by_time: RowsByTime, ordered: Array, budget: Index, threshold: Array) -> NDArray[np.intp]:
    """Return the rows above the threshold and those at it; by hash where more are at it than the budget allows."""
    time, threshold_of_row = rows_by_time.time, threshold[rows_by_time.time]
    above = np.flatnonzero(ordered > threshold_of_row)
    tied = np.flatnonzero(ordered == threshold_of_row)
    remaining = budget - np.bincount(time[above], minlength=len(budget))
    is_contested = (np.bincount(time[tied], minlength=len(budget)) > remaining)[time[tied]]
    contested = tied[is_contested]
    digests = rows_by_time.ties.digests(rows_by_time.rows[contested])
    contested = contested[np.lexsort((digests, time[contested]))]
    contested_time = time[contested]
    rank = np.arange(len(contested)) - np.searchsorted(contested_time, contested_time)
    chosen = np.concatenate([above, tied[~is_contested], contested[rank < remaining[contested_time]]])
    return np.sort(rows_by_time.rows[chosen])


@dataclass(frozen=True, slots=True)
class EpisodeLabels:
    """Episodes, each a node's alarms with no gap over two steps: the row that opens it, and its highest label."""

    first_row: NDArray[np.intp]
    label: Array  # NaN where every alarm of it was dropped


def label_episodes(cases: EvaluationSet, alarmed: NDArray[np.intp]) -> EpisodeLabels:
    """Join a node's consecutive alarms, given as ascending rows, to episodes."""
    node, ts = cases.node[alarmed], cases.ts[alarmed]
    is_new = np.ones(len(alarmed), dtype=bool)
    is_new[1:] = (node[1:] != node[:-1]) | (ts[1:] - ts[:-1] > 2 * to_step(cases.every))
    first = np.flatnonzero(is_new)
    return EpisodeLabels(alarmed[first], np.fmax.reduceat(cases.label[alarmed], first) if len(first) else np.empty(0))


def earliest_warnings(
    rows: NDArray[np.intp], failures: Failures, scoring_times: ScoringTimes, horizon: np.timedelta64
) -> Times:
    """Return the time of the first of some rows of each failure's node in [start - horizon, start); NaT if none."""
    width, key = len(scoring_times.distinct), scoring_times.key[rows]
    base = failures.node.astype(np.int64) * width
    begin = base + np.searchsorted(scoring_times.distinct, failures.start - horizon)
    end = base + np.searchsorted(scoring_times.distinct, failures.start)
    earliest = np.r_[key, np.iinfo(np.int64).max][np.searchsorted(key, begin)]
    is_warned = (failures.node >= 0) & (earliest < end)
    warning = np.full(len(begin), np.datetime64("NaT", "us"))
    warning[is_warned] = scoring_times.distinct[(earliest - base)[is_warned]]
    return warning
