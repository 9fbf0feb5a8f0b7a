"""What happened to nodes besides alarms: when they were down, under maintenance, or nobody could see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from data.schema import NODE, EventKind
from features.grid import Times, to_times

if TYPE_CHECKING:
    from collections.abc import Collection

    from data.view import View

ENDLESS = np.datetime64("9000-01-01", "us")


@dataclass(frozen=True, slots=True)
class NodePeriods:
    """Stretches of time, within some bounds."""

    start: Times
    end: Times

    def within(self, start: np.datetime64, end: np.datetime64) -> NodePeriods:
        """Keep what overlaps with (start, end), cut off at it."""
        inside = (self.start < end) & (self.end > start)
        return NodePeriods(np.maximum(self.start[inside], start), np.minimum(self.end[inside], end))


def down(hindsight: View, nodes: Collection[str], kind: EventKind) -> dict[str, NodePeriods]:
    """Give each node's events of a kind; one that is not over has no end yet."""
    events = hindsight.events().filter((pl.col("kind") == kind) & pl.col(NODE).is_in(list(nodes)))
    told = {str(name): _periods(own) for (name,), own in events.group_by(NODE)}
    return {name: told.get(name, NodePeriods(np.empty(0, ENDLESS.dtype), np.empty(0, ENDLESS.dtype))) for name in nodes}


def blind(hindsight: View) -> NodePeriods:
    """Give the periods in which the collectors were down."""
    return _periods(hindsight.blind())


def _periods(table: pl.DataFrame) -> NodePeriods:
    end = to_times(table["end"])
    return NodePeriods(to_times(table["start"]), np.where(np.isnat(end), ENDLESS, end))
