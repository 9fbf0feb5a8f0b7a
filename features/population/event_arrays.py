"""Events as arrays, and what was known of them by node or group at any time."""

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
    """Events of one sort: whom they struck, when they began and ended, when each became known."""

    unit: Index
    start: Times
    end: Times
    known: Times
    over: Times  # when its end became known; NaT while it is open

    @classmethod
    def of(cls, events: pl.DataFrame, names: tuple[str, ...], observed_from: Times) -> EventArrays:
        """Turn events of known nodes into arrays.

        An event counts from when it was recorded, but not before its node was first observed: until then
        nobody knew whose it was.
        """
        unit = locate(events[NODE], names)
        own, unit = events.filter(pl.Series(unit >= 0)), unit[unit >= 0]
        over = pl.when(pl.col("end").is_not_null()).then(pl.max_horizontal("end", "end_recorded_at"))
        table = own.with_columns(known=pl.max_horizontal("recorded_at", "start"), over=over)
        start, end, known, ended = (to_times(table[name]) for name in ("start", "end", "known", "over"))
        known = np.maximum(known, observed_from[unit])
        return cls(unit, start, end, known, np.maximum(ended, known))

    def of_groups(self, group: Index) -> EventArrays:
        """See the same facts by group: `group` maps each node to its group."""
        return EventArrays(group[self.unit], self.start, self.end, self.known, self.over)

    def ended(self) -> EventArrays:
        """Keep those whose end is known, counting from when it was."""
        done = self.take(np.flatnonzero(~np.isnat(self.over)))
        return EventArrays(done.unit, done.start, done.end, done.over, done.over)

    def take(self, chosen: Index) -> EventArrays:
        """Keep some facts, in this order."""
        start, end, known, over = (part[chosen] for part in (self.start, self.end, self.known, self.over))
        return EventArrays(self.unit[chosen], start, end, known, over)


@dataclass(frozen=True, slots=True)
class UnitCutoffs:
    """Units at cutoffs: where a look is taken at what was known."""

    cutoffs: Times
    unit: Index
    cutoff: Index

    @classmethod
    def of_rows(cls, rows: Rows) -> UnitCutoffs:
        """Take nodes at their cutoffs."""
        return cls(rows.cutoffs, rows.node, rows.cutoff)

    @classmethod
    def of_groups(cls, count: int, cutoffs: Times) -> UnitCutoffs:
        """Take every group at every cutoff."""
        unit, cutoff = np.divmod(np.arange(count * len(cutoffs)), max(len(cutoffs), 1))
        return cls(cutoffs, unit, cutoff)


@dataclass(frozen=True, slots=True)
class KnownEvents:
    """Facts as places know them."""

    places: UnitCutoffs
    facts: EventArrays
    step: Index  # of each fact: the first cutoff at which it is known
    known: Known

    @classmethod
    def of(cls, facts: EventArrays, places: UnitCutoffs) -> KnownEvents:
        """Look up what each place knows of the facts."""
        step = IntervalCounts(0, places.cutoffs).steps(facts.known)
        order = np.lexsort((step, facts.unit))
        timeline = AsOfLookup(facts.unit[order], step[order])
        return cls(places, facts.take(order), step[order], timeline.known(places.unit, places.cutoff))

    def count(self, window: timedelta | None) -> Index:
        """Count the facts that began in the window before each place's cutoff."""
        if window is None:
            return self.known.count
        passed = IntervalCounts(0, self.places.cutoffs).steps(self.facts.start + to_step(window))
        gone = np.maximum(passed, self.step)
        order = np.lexsort((gone, self.facts.unit))
        timeline = AsOfLookup(self.facts.unit[order], gone[order])
        return self.known.count - timeline.known(self.places.unit, self.places.cutoff).count

    def latest_start(self) -> Times:
        """Give the latest start of the facts that each place knows, or NaT."""
        return self.known.newest(running_max(self.facts.unit, self.facts.start), NEVER)

    def latest_end(self) -> Times:
        """Give the latest end of the facts that each place knows, or NaT."""
        return self.known.newest(running_max(self.facts.unit, self.facts.end), NEVER)

    def microseconds(self) -> Index:
        """Sum the lengths of the facts that each place knows."""
        return self.known.total((self.facts.end - self.facts.start).astype(np.int64))
