"""Events as arrays, and which of them were known at any time, by node or group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from data.schema import NODE
from features.grid import locate, to_step, to_times
from features.population.asof_lookup import AsOfLookup, Known, running_max
from features.population.interval_counts import IntervalCounts

if TYPE_CHECKING:
    from datetime import timedelta

    from features.grid import Index, Times
    from features.population.at_risk import Rows

NEVER = np.datetime64("NaT", "us")


@dataclass(frozen=True, slots=True)
class EventArrays:
    """Events of one kind, each of a unit (a node, or a group of nodes)."""

    unit: Index
    start: Times
    end: Times
    known_at: Times
    end_known_at: Times  # NaT while it is open

    @classmethod
    def of(cls, events: pl.DataFrame, names: tuple[str, ...], observed_from: Times) -> EventArrays:
        """Turn events of known nodes into arrays.

        An event counts from when it was recorded, but not before its node was first observed: the node was unknown
        until then.
        """
        unit = locate(events[NODE], names)
        of_units, unit = events.filter(pl.Series(unit >= 0)), unit[unit >= 0]
        end_known = pl.when(pl.col("end").is_not_null()).then(pl.max_horizontal("end", "end_recorded_at"))
        table = of_units.with_columns(known_at=pl.max_horizontal("recorded_at", "start"), end_known_at=end_known)
        start, end, known_at, end_known_at = (
            to_times(table[name]) for name in ("start", "end", "known_at", "end_known_at")
        )
        known_at = np.maximum(known_at, observed_from[unit])
        return cls(unit, start, end, known_at, np.maximum(end_known_at, known_at))

    def of_groups(self, group: Index) -> EventArrays:
        """Return the same events by group: `group` maps each node to its group."""
        return EventArrays(group[self.unit], self.start, self.end, self.known_at, self.end_known_at)

    def ended(self) -> EventArrays:
        """Keep the events whose end is known, each known from when its end was."""
        ended = self.take(np.flatnonzero(~np.isnat(self.end_known_at)))
        return EventArrays(ended.unit, ended.start, ended.end, ended.end_known_at, ended.end_known_at)

    def take(self, positions: Index) -> EventArrays:
        """Keep some events, in this order."""
        times = (self.start, self.end, self.known_at, self.end_known_at)
        return EventArrays(self.unit[positions], *(column[positions] for column in times))


@dataclass(frozen=True, slots=True)
class UnitCutoffs:
    """Pairs (unit, cutoff) at which known events are looked up."""

    cutoffs: Times
    unit: Index
    cutoff: Index

    @classmethod
    def of_rows(cls, rows: Rows) -> UnitCutoffs:
        """Return nodes at their cutoffs."""
        return cls(rows.cutoffs, rows.node, rows.cutoff)

    @classmethod
    def of_groups(cls, count: int, cutoffs: Times) -> UnitCutoffs:
        """Return every group at every cutoff."""
        unit, cutoff = np.divmod(np.arange(count * len(cutoffs)), max(len(cutoffs), 1))
        return cls(cutoffs, unit, cutoff)


@dataclass(frozen=True, slots=True)
class KnownEvents:
    """Events as known at each (unit, cutoff)."""

    unit_cutoffs: UnitCutoffs
    events: EventArrays
    step: Index  # of each event: the first cutoff at which it is known
    known: Known

    @classmethod
    def of(cls, events: EventArrays, unit_cutoffs: UnitCutoffs) -> KnownEvents:
        """Look up which events are known at each (unit, cutoff)."""
        step = IntervalCounts(0, unit_cutoffs.cutoffs).steps(events.known_at)
        order = np.lexsort((step, events.unit))
        lookup = AsOfLookup(events.unit[order], step[order])
        known_up_to = lookup.known(unit_cutoffs.unit, unit_cutoffs.cutoff)
        return cls(unit_cutoffs, events.take(order), step[order], known_up_to)

    def count(self, window: timedelta | None) -> Index:
        """Count the known events that began in the window before each cutoff."""
        if window is None:
            return self.known.count
        past_window = IntervalCounts(0, self.unit_cutoffs.cutoffs).steps(self.events.start + to_step(window))
        leave = np.maximum(past_window, self.step)
        order = np.lexsort((leave, self.events.unit))
        lookup = AsOfLookup(self.events.unit[order], leave[order])
        return self.known.count - lookup.known(self.unit_cutoffs.unit, self.unit_cutoffs.cutoff).count

    def latest_start(self) -> Times:
        """Return the latest start of the known events, or NaT."""
        return self.known.newest(running_max(self.events.unit, self.events.start), NEVER)

    def latest_end(self) -> Times:
        """Return the latest end of the known events, or NaT."""
        return self.known.newest(running_max(self.events.unit, self.events.end), NEVER)

    def microseconds(self) -> Index:
        """Sum the lengths of the known events."""
        return self.known.total((self.events.end - self.events.start).astype(np.int64))
