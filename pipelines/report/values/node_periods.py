"""Periods in which nodes were down or under maintenance, or the collectors were down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.schema import NODE, EventKind
from features.grid import Times, to_times

if TYPE_CHECKING:
    from collections.abc import Collection

    from data.view import View

NO_END: Final = np.datetime64("9000-01-01", "us")


@dataclass(frozen=True, slots=True)
class NodePeriods:
    """Periods by start and end."""

    start: Times
    end: Times

    def within(self, start: np.datetime64, end: np.datetime64) -> NodePeriods:
        """Return the periods that overlap (start, end), cut off at its ends."""
        overlaps = (self.start < end) & (self.end > start)
        return NodePeriods(np.maximum(self.start[overlaps], start), np.minimum(self.end[overlaps], end))


def event_periods(hindsight: View, nodes: Collection[str], kind: EventKind) -> dict[str, NodePeriods]:
    """Return the periods of each node's events of a kind; an event without an end lasts until NO_END."""
    events = hindsight.events().filter((pl.col("kind") == kind) & pl.col(NODE).is_in(list(nodes)))
    by_node = {str(name): _periods(of_node) for (name,), of_node in events.group_by(NODE)}
    none = NodePeriods(np.empty(0, NO_END.dtype), np.empty(0, NO_END.dtype))
    return {name: by_node.get(name, none) for name in nodes}


def blind_periods(hindsight: View) -> NodePeriods:
    """Return the periods in which the collectors were down."""
    return _periods(hindsight.blind())


def _periods(table: pl.DataFrame) -> NodePeriods:
    end = to_times(table["end"])
    return NodePeriods(to_times(table["start"]), np.where(np.isnat(end), NO_END, end))
