"""Finds since when a node has been outside of the normal range, from its buckets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.schema import NODE, bucket_column
from data.time_grid import DAY, EPOCH, MICROSECOND
from features.feature import Origin, Peer
from features.grid import to_times
from features.telemetry.peers import fleet_ratio, quantiles
from serving.explanation.recent_levels import LEVELS, TimeSlices, read
from serving.explanation.signal import NORMAL_SHARES, Onset, sides

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from numpy.typing import NDArray

    from data.view import View
    from features.grid import Index
    from serving.explanation.recent_levels import MetricLevel
    from serving.explanation.signal import Signal

Key = tuple[str, str]  # a node, and the name of the feature that is shown
INCREASE: Final = "increase"
NO_ONSET: Final = {"max": -1.0, "min": 1.0, INCREASE: -1.0}  # a day without a peak does not show when peaks ended


@dataclass(frozen=True, slots=True)
class LookBack:
    """Where to search: all nodes (sorted), their racks, and as far back as the longest window."""

    view: View
    names: tuple[str, ...]
    rack: Index
    longest: timedelta


def find_onsets(signals: Iterable[Signal], look_back: LookBack) -> dict[Key, Onset]:
    """Find since when each value has been outside of its normal range, or when a missing one was last reported.

    A slice of time is compared with the range of the nodes in that slice, and an on-change metric with today's
    range. A slice without a sample ends no run. A value inside its range, or one that is not a level, has no onset.
    """
    outside = [signal for signal in signals if signal.side != 0 and not signal.shown.combines]  # combined: no buckets
    sampled = _by_level(signal for signal in outside if signal.shown.origin is Origin.SAMPLED)
    on_change = _by_level(signal for signal in outside if signal.shown.origin is Origin.ON_CHANGE)
    return {**_sampled_onsets(sampled, look_back), **_on_change_onsets(on_change, look_back.view)}


def _by_level(signals: Iterable[Signal]) -> dict[MetricLevel, list[Signal]]:
    """Group by metric and by the level statistic that represents the signal's statistic."""
    groups: dict[MetricLevel, list[Signal]] = {}
    for signal in signals:
        level = "mean" if np.isnan(signal.value) else signal.shown.statistic.name
        if level in LEVELS and signal.side != NO_ONSET.get(level):
            groups.setdefault((signal.shown.metric, level), []).append(signal)
    return groups


def _sampled_onsets(groups: dict[MetricLevel, list[Signal]], look_back: LookBack) -> dict[Key, Onset]:
    slices = TimeSlices.of(look_back.view, look_back.longest)
    position = {name: index for index, name in enumerate(look_back.names)}
    observed_from = to_times(look_back.view.nodes()["observed_from"]).astype(np.int64)
    onsets: dict[Key, Onset] = {}
    for key, levels in read(look_back.view, look_back.names, groups, slices) if groups else ():
        kinds = {_compared_with(signal) for signal in groups[key]}
        side_of = {kind: _slice_sides(levels.values, kind, look_back.rack) for kind in kinds}
        for signal in groups[key]:
            node = position[signal.node]
            past = _NodePast(slices, levels.first[node], levels.last[node], int(observed_from[node]))
            onset = past.onset(signal, levels.values[node], side_of[_compared_with(signal)][node])
            if onset:
                onsets[signal.node, signal.shown.name] = onset
    return onsets


def _compared_with(signal: Signal) -> Peer:
    return Peer.RACK if signal.normal.is_of_rack else signal.shown.peer


def _slice_sides(values: NDArray[np.float64], peer: Peer, rack: Index) -> NDArray[np.float64]:
    """Return on which side of the normal range, of the fleet or of its rack, each node was in each slice."""
    if peer is not Peer.RACK:
        compared = fleet_ratio(values) if peer is Peer.RATIO else values
        return sides(compared, *quantiles(compared, NORMAL_SHARES))
    side = np.full_like(values, np.nan)
    for number in np.unique(rack):
        in_rack = values[rack == number]
        side[rack == number] = sides(in_rack, *quantiles(in_rack, NORMAL_SHARES))
    return side


@dataclass(frozen=True, slots=True)
class _NodePast:
    """The slices of one node: the times of their first and last samples, and since when the node is observed."""

    slices: TimeSlices
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    observed_from: int  # these times in microseconds since 1970

    def onset(self, signal: Signal, values: NDArray[np.float64], side: NDArray[np.float64]) -> Onset | None:
        """Find since when a signal has been outside of its normal range, or missing."""
        if np.isnan(signal.value):
            return self._missing_since(np.flatnonzero(~np.isnan(values)))
        positions = np.flatnonzero(~np.isnan(side))
        if signal.shown.statistic.name == INCREASE:
            begin = _first_rise(positions[side[positions] == signal.side], signal, self.slices)
        else:
            begin = _run_start(side, positions, signal.side)
        return None if begin is None else self._since(begin, is_first=begin == positions[0])

    def _missing_since(self, sampled: Index) -> Onset | None:
        if not len(sampled):
            return Onset(self.slices.start, or_earlier=True) if self._was_present else None
        is_now = sampled[-1] == self.slices.count - 1
        return None if is_now else Onset(_time(self.last[sampled[-1]]))

    def _since(self, begin: int, *, is_first: bool) -> Onset:
        if is_first and self._was_present:
            return Onset(self.slices.start, or_earlier=True)
        first = _time(self.first[begin])
        return Onset(first if self.slices.step * self.slices.width < DAY else first - (first - EPOCH) % DAY)

    @property
    def _was_present(self) -> bool:
        return _time(self.observed_from) <= self.slices.start


def _run_start(side: NDArray[np.float64], positions: Index, run_side: float) -> int | None:
    """Find the start of the run on one side that continues to the end."""
    interruptions = np.flatnonzero(side[positions] != run_side)
    begin = interruptions[-1] + 1 if len(interruptions) else 0
    return int(positions[begin]) if begin < len(positions) else None


def _first_rise(rises: Index, signal: Signal, slices: TimeSlices) -> int | None:
    """Find the first rise of a series in which no gap is longer than the window."""
    window = signal.shown.window
    if not len(rises) or window is None:
        return None
    gaps = np.flatnonzero(np.diff(rises) * slices.step * slices.width > window)
    return int(rises[gaps[-1] + 1 if len(gaps) else 0])


def _on_change_onsets(groups: dict[MetricLevel, list[Signal]], view: View) -> dict[Key, Onset]:
    onsets: dict[Key, Onset] = {}
    for metric in sorted({metric for metric, _ in groups}):
        signals = [signal for (name, _), group in groups.items() if name == metric for signal in group]
        changes = _changes(view, metric, {signal.node for signal in signals})
        for signal in signals:
            onset = _since_change(signal, *changes[signal.node], view.at) if signal.node in changes else None
            if onset:
                onsets[signal.node, signal.shown.name] = onset
    return onsets


def _changes(view: View, metric: str, nodes: set[str]) -> dict[str, tuple[NDArray[np.float64], NDArray[np.int64]]]:
    """Read a metric's values and their times, by node."""
    value, time = bucket_column(metric, "last"), bucket_column(metric, "last_ts")
    table = view.buckets([value, time]).filter(pl.col(NODE).is_in(sorted(nodes)) & pl.col(value).is_not_null())
    by_node = table.sort(NODE, time).partition_by(NODE, as_dict=True)
    return {str(node): (changes[value].to_numpy(), changes[time].to_numpy()) for (node,), changes in by_node.items()}


def _since_change(signal: Signal, values: NDArray[np.float64], times: NDArray[np.int64], now: datetime) -> Onset | None:
    statistic = signal.shown.statistic.name
    if statistic == INCREASE:
        assert signal.shown.window is not None, "a rise is counted within a window"
        begin = (now - signal.shown.window - EPOCH) // MICROSECOND
        rises = times[np.flatnonzero(np.diff(values, prepend=values[:1]) > 0)]
        rises = rises[rises > begin]
        return Onset(_time(rises[0])) if len(rises) else None
    level = np.maximum.accumulate(values) if statistic == "max" else values
    side = sides(level, signal.normal.low, signal.normal.high)
    first = _run_start(side, np.flatnonzero(~np.isnan(side)), signal.side)
    return None if first is None else Onset(_time(times[first]))


def _time(microseconds: int) -> datetime:
    return EPOCH + int(microseconds) * MICROSECOND
