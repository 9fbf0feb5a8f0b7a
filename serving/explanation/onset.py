"""Finds since when a node has been outside of the normal range, from its buckets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.schema import NODE, bucket_column
from features.feature import Origin, Peer
from features.grid import EPOCH, MICROSECOND, to_times
from features.telemetry.peers import fleet_ratio, quantiles
from serving.explanation.recent_levels import LEVELS, TimeSlices, read
from serving.explanation.signal import SHARES, Signal, Since, sides

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from numpy.typing import NDArray

    from data.view import View
    from features.grid import Index
    from serving.explanation.recent_levels import Wanted

Key = tuple[str, str]  # a node, and the name of the feature that is told
DAY: Final = timedelta(days=1)  # slices of a day and more tell no hour
RISES: Final = "increase"
NO_NEWS: Final = {"max": -1.0, "min": 1.0, RISES: -1.0}  # a day without a peak tells nothing of when peaks ended


@dataclass(frozen=True, slots=True)
class LookBack:
    """Where to look: all nodes (sorted), their racks, and as far back as the longest window."""

    view: View
    names: tuple[str, ...]
    rack: Index
    longest: timedelta


def date(told: Iterable[Signal], past: LookBack) -> dict[Key, Since]:
    """Say since when each value that is outside of its normal range has been so, or when a missing one was last seen.

    A slice of time is held against the range of the nodes in that slice, and a metric that tells only of changes
    against today's. A slice without a sample ends no run. What is inside its range, or is no level, has no date.
    """
    outside = [one for one in told if one.side != 0 and not one.own.of]  # several metrics have no buckets
    sampled = _by_wanted(one for one in outside if one.own.origin is Origin.WINDOW)
    held = _by_wanted(one for one in outside if one.own.origin is Origin.HELD)
    return {**_sampled(sampled, past), **_held(held, past.view)}


def _by_wanted(told: Iterable[Signal]) -> dict[Wanted, list[Signal]]:
    """Sort by metric and by the statistic of a moment that stands for what is told."""
    found: dict[Wanted, list[Signal]] = {}
    for one in told:
        stat = "mean" if np.isnan(one.value) else one.own.stat
        if stat in LEVELS and one.side != NO_NEWS.get(stat):
            found.setdefault((one.own.metric, stat), []).append(one)
    return found


def _sampled(wanted: dict[Wanted, list[Signal]], past: LookBack) -> dict[Key, Since]:
    clock, number = TimeSlices.of(past.view, past.longest), {name: at for at, name in enumerate(past.names)}
    came = to_times(past.view.nodes()["observed_from"]).astype(np.int64)
    dates: dict[Key, Since] = {}
    for key, slices in read(past.view, past.names, wanted, clock) if wanted else ():
        beside = {kind: _sides(slices.values, kind, past.rack) for kind in {_kind(one) for one in wanted[key]}}
        for one in wanted[key]:
            node = number[one.node]
            reach = _Reach(clock, slices.first[node], slices.last[node], int(came[node]))
            found = reach.find(one, slices.values[node], beside[_kind(one)][node])
            if found:
                dates[one.node, one.own.name] = found
    return dates


def _kind(told: Signal) -> Peer:
    return Peer.RACK if told.normal.is_of_rack else told.own.peer


def _sides(values: NDArray[np.float64], kind: Peer, rack: Index) -> NDArray[np.float64]:
    """Say where each node lay in each slice, beside the fleet or its rack."""
    if kind is not Peer.RACK:
        own = fleet_ratio(values) if kind is Peer.RATIO else values
        return sides(own, *quantiles(own, SHARES))
    out = np.full_like(values, np.nan)
    for one in np.unique(rack):
        out[rack == one] = sides(values[rack == one], *quantiles(values[rack == one], SHARES))
    return out


@dataclass(frozen=True, slots=True)
class _Reach:
    """How far back one node's slices reach, and the times of their first and last samples."""

    clock: TimeSlices
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    came: int

    def find(self, told: Signal, values: NDArray[np.float64], side: NDArray[np.float64]) -> Since | None:
        """Date one reason."""
        if np.isnan(told.value):
            return self._silence(np.flatnonzero(~np.isnan(values)))
        known = np.flatnonzero(~np.isnan(side))
        if told.own.stat == RISES:
            begin = _first_rise(known[side[known] == told.side], told, self.clock)
        else:
            begin = _run(side, known, told.side)
        return None if begin is None else self._since(begin, is_first=begin == known[0])

    def _silence(self, seen: Index) -> Since | None:
        if not len(seen):
            return Since(self.clock.start, or_earlier=True) if self._was_there else None
        is_now = seen[-1] == self.clock.count - 1
        return None if is_now else Since(_time(self.last[seen[-1]]))

    def _since(self, begin: int, *, is_first: bool) -> Since:
        if is_first and self._was_there:
            return Since(self.clock.start, or_earlier=True)
        first = _time(self.first[begin])
        return Since(first if self.clock.step * self.clock.width < DAY else first - (first - EPOCH) % DAY)

    @property
    def _was_there(self) -> bool:
        return _time(self.came) <= self.clock.start


def _run(side: NDArray[np.float64], known: Index, wanted: float) -> int | None:
    """Find where the run on the wanted side that goes on now began."""
    other = np.flatnonzero(side[known] != wanted)
    begin = other[-1] + 1 if len(other) else 0
    return int(known[begin]) if begin < len(known) else None


def _first_rise(rises: Index, told: Signal, clock: TimeSlices) -> int | None:
    """Find the first rise of a series in which none lies further from the next than the window is long."""
    window = told.own.window
    if not len(rises) or window is None:
        return None
    apart = np.flatnonzero(np.diff(rises) * clock.step * clock.width > window)
    return int(rises[apart[-1] + 1 if len(apart) else 0])


def _held(wanted: dict[Wanted, list[Signal]], view: View) -> dict[Key, Since]:
    dates: dict[Key, Since] = {}
    for metric in sorted({metric for metric, _ in wanted}):
        own = [one for (name, _), several in wanted.items() if name == metric for one in several]
        changes = _changes(view, metric, {one.node for one in own})
        for one in own:
            found = _since_change(one, *changes[one.node], view.at) if one.node in changes else None
            if found:
                dates[one.node, one.own.name] = found
    return dates


def _changes(view: View, metric: str, nodes: set[str]) -> dict[str, tuple[NDArray[np.float64], NDArray[np.int64]]]:
    """Read a metric's values and their times, by node."""
    value, when = bucket_column(metric, "last"), bucket_column(metric, "last_ts")
    table = view.buckets([value, when]).filter(pl.col(NODE).is_in(sorted(nodes)) & pl.col(value).is_not_null())
    parts = table.sort(NODE, when).partition_by(NODE, as_dict=True)
    return {str(node): (part[value].to_numpy(), part[when].to_numpy()) for (node,), part in parts.items()}


def _since_change(told: Signal, values: NDArray[np.float64], times: NDArray[np.int64], now: datetime) -> Since | None:
    if told.own.stat == RISES:
        assert told.own.window is not None, "what rises does so within a window"
        begin = (now - told.own.window - EPOCH) // MICROSECOND
        rises = times[np.flatnonzero(np.diff(values, prepend=values[:1]) > 0)]
        rises = rises[rises > begin]
        return Since(_time(rises[0])) if len(rises) else None
    level = np.maximum.accumulate(values) if told.own.stat == "max" else values
    side = sides(level, told.normal.low, told.normal.high)
    first = _run(side, np.flatnonzero(~np.isnan(side)), told.side)
    return None if first is None else Since(_time(times[first]))


def _time(microseconds: int) -> datetime:
    return EPOCH + int(microseconds) * MICROSECOND
