"""How often each cause made a node, its rack, its hardware model and the fleet fail, as known at each row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from features.events.history import groups_of
from features.feature import FLEET
from features.population.event_arrays import EventArrays, KnownEvents, UnitCutoffs
from features.population.exposure import Exposure
from models.causes.labels import known_causes

if TYPE_CHECKING:
    from data.view import View
    from features.grid import Array, Index
    from features.population.at_risk import Rows
    from models.causes.labels import Causes

NODE_ITSELF: Final = "node"
GROUPS: Final = (FLEET, "hardware", "rack", NODE_ITSELF)  # from the widest to the node itself
WINDOWS: Final = (None, timedelta(days=365))


@dataclass(frozen=True, slots=True)
class CountLevel:
    """Past failures of a row's group that began in the window before its cutoff; None: all of them."""

    group: str
    window: timedelta | None


LEVELS: Final = tuple(CountLevel(group, window) for group in GROUPS for window in WINDOWS)


def cause_counts(view: View, rows: Rows, causes: Causes) -> dict[CountLevel, Array]:
    """Count past failures by cause at every level: rows x causes.

    Every event counts, repeats too. Counts are whole numbers of what was known at the cutoff, so events that come
    later change no bit of them.
    """
    by_cause = events_by_cause(view, rows, causes)
    groups = {**groups_of(view, rows), NODE_ITSELF: np.arange(len(rows.names))}
    return {
        level: np.column_stack([_count(events, rows, groups[level.group], level.window) for events in by_cause])
        for level in LEVELS
    }


def events_by_cause(view: View, rows: Rows, causes: Causes) -> list[EventArrays]:
    """Return the failures of each cause."""
    failures = known_causes(view.events(), causes.unknown)
    code = pl.Series(causes.codes(failures["cause"]))
    observed_from = Exposure.of(view, rows.names, rows.cutoffs).observed_from
    return [EventArrays.of(failures.filter(code == i), rows.names, observed_from) for i in range(len(causes.names))]


def _count(events: EventArrays, rows: Rows, group: Index, window: timedelta | None) -> Array:
    cutoffs = UnitCutoffs(rows.cutoffs, group[rows.node], rows.cutoff)
    return KnownEvents.of(events.of_groups(group), cutoffs).count(window).astype(np.float64)
