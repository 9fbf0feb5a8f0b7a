"""Alarms under a budget: which nodes a forecast names at each scoring time, and which failures that catches."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from models.evaluation.evaluation_set import days

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.evaluation.evaluation_set import EvaluationSet, Failures, ScoringTimes


class TieBreaker:
    """Ranks rows of equal probability by SHA-256 of `node|time`, hashing a row once and only when it is asked for."""

    def __init__(self, cases: EvaluationSet, line: ScoringTimes) -> None:
        self._names = cases.names
        self._node = cases.node
        self._step = line.step
        moments: list[datetime] = line.times.astype("datetime64[us]").tolist()
        self._times = [moment.replace(tzinfo=UTC).isoformat() for moment in moments]
        self._digest = np.zeros(len(cases.node), dtype=np.uint64)
        self._is_known = np.zeros(len(cases.node), dtype=bool)

    def digests(self, rows: NDArray[np.intp]) -> NDArray[np.uint64]:
        """Give the first 64 bits of each row's hash, which order as the whole hash does."""
        fresh = rows[~self._is_known[rows]]
        self._digest[fresh] = np.frombuffer(b"".join(map(self._hash, fresh.tolist())), dtype=">u8")
        self._is_known[fresh] = True
        return self._digest[rows]

    def _hash(self, row: int) -> bytes:
        text = f"{self._names[self._node[row]]}|{self._times[self._step[row]]}"
        return hashlib.sha256(text.encode()).digest()[:8]


@dataclass(frozen=True, slots=True)
class Roster:
    """The rows at risk, grouped by scoring time, made once for all models."""

    step: NDArray[np.int64]
    by_step: NDArray[np.intp]  # rows, grouped by scoring time
    size: NDArray[np.int64]  # rows at risk at each time
    ties: TieBreaker


def roster(cases: EvaluationSet, line: ScoringTimes) -> Roster:
    """Group the rows at risk by scoring time."""
    size = np.bincount(line.step, minlength=len(line.times))
    return Roster(line.step, np.argsort(line.step, kind="stable"), size, TieBreaker(cases, line))


def alarmed_rows(
    group: Roster, probability: NDArray[np.float64], shares: Sequence[float]
) -> dict[float, NDArray[np.intp]]:
    """Name, for each share s, the rows among the ceil(s n) highest probabilities of their time, in ascending order."""
    places = {share: np.ceil(share * group.size).astype(np.int64) for share in shares}
    limits = _limits(group, probability, list(places.values()))
    return {
        share: _fill(group, probability, count, limit)
        for (share, count), limit in zip(places.items(), limits, strict=True)
    }


def _limits(
    group: Roster, probability: NDArray[np.float64], places: Sequence[NDArray[np.int64]]
) -> NDArray[np.float64]:
    """Find the lowest probability that has a place, for each budget (first axis) and time."""
    ordered, ends = probability[group.by_step], np.cumsum(group.size)
    lowest = np.empty((len(places), len(ends)))
    for step, (end, size) in enumerate(zip(ends, group.size, strict=True)):
        ranks = [int(size - count[step]) for count in places]
        lowest[:, step] = np.partition(ordered[end - size : end], ranks)[ranks]
    return lowest


def _fill(
    group: Roster, probability: NDArray[np.float64], places: NDArray[np.int64], limit: NDArray[np.float64]
) -> NDArray[np.intp]:
    """Take the rows above the limit, then rows at the limit, by hash where there are more of them than places."""
    limit_of_row = limit[group.step]
    above = np.flatnonzero(probability > limit_of_row)
    level = np.flatnonzero(probability == limit_of_row)
    room = places - np.bincount(group.step[above], minlength=len(places))
    is_contested = (np.bincount(group.step[level], minlength=len(places)) > room)[group.step[level]]
    contested = level[is_contested]
    contested = contested[np.lexsort((group.ties.digests(contested), group.step[contested]))]
    step = group.step[contested]
    place = np.arange(len(step)) - np.searchsorted(step, step)
    return np.sort(np.concatenate([above, level[~is_contested], contested[place < room[step]]]))


@dataclass(frozen=True, slots=True)
class Episodes:
    """Runs of a node's alarms with no gap over two steps: the row that opens each, and its highest label."""

    first_row: NDArray[np.intp]
    label: NDArray[np.float64]  # NaN where every alarm of it was dropped


def episodes(cases: EvaluationSet, alarmed: NDArray[np.intp]) -> Episodes:
    """Join a node's consecutive alarms to episodes."""
    node, ts = cases.node[alarmed], cases.ts[alarmed]
    is_new = np.ones(len(alarmed), dtype=bool)
    is_new[1:] = (node[1:] != node[:-1]) | (ts[1:] - ts[:-1] > 2 * days(cases.every_days))
    opens = np.flatnonzero(is_new)
    return Episodes(alarmed[opens], np.fmax.reduceat(cases.label[alarmed], opens) if len(opens) else np.empty(0))


def earliest(
    rows: NDArray[np.intp], failures: Failures, line: ScoringTimes, horizon: np.timedelta64
) -> NDArray[np.datetime64]:
    """Find each failure's earliest row of its node in [start - horizon, start); NaT where there is none."""
    width, key = len(line.times), line.key[rows]
    base = failures.node.astype(np.int64) * width
    begin = base + np.searchsorted(line.times, failures.start - horizon)
    end = base + np.searchsorted(line.times, failures.start)
    found = np.r_[key, np.iinfo(np.int64).max][np.searchsorted(key, begin)]
    is_found = (failures.node >= 0) & (found < end)
    when = np.full(len(begin), np.datetime64("NaT", "us"))
    when[is_found] = line.times[(found - base)[is_found]]
    return when
