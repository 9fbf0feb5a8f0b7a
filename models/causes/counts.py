"""How often each cause has struck a node, its rack, its hardware model and the fleet, as each row knows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.events.history import FLEET, groups_of
from features.population.event_arrays import EventArrays, KnownEvents, UnitCutoffs
from features.population.exposure import Presence
from models.causes.labels import known_causes

if TYPE_CHECKING:
    from data.view import View
    from features.population.at_risk import Rows
    from models.causes.labels import Causes

Floats = NDArray[np.float64]
OWN: Final = "node"
GROUPS: Final = (FLEET, "hardware", "rack", OWN)  # from the widest to the node itself
WINDOWS: Final = (None, timedelta(days=365))


@dataclass(frozen=True, slots=True)
class CountLevel:
    """Past failures of a row's group that began in the window before its cutoff; None: all of them."""

    group: str
    window: timedelta | None


LEVELS: Final = tuple(CountLevel(group, window) for group in GROUPS for window in WINDOWS)


def tally(view: View, rows: Rows, causes: Causes) -> dict[CountLevel, Floats]:
    """Count past failures by cause at every level: rows x causes.

    Every event counts, repeats too: whole numbers of what was known at the cutoff, so what comes later changes
    no bit of them.
    """
    facts = facts_of(view, rows, causes)
    groups = {**groups_of(view, rows), OWN: np.arange(len(rows.names))}
    return {
        level: np.column_stack([_count(one, rows, groups[level.group], level.window) for one in facts])
        for level in LEVELS
    }


def facts_of(view: View, rows: Rows, causes: Causes) -> list[EventArrays]:
    """Give the failures of each cause."""
    told = known_causes(view.events(), causes.unknown)
    number = pl.Series(causes.numbers(told["cause"]))
    observed_from = Presence.of(view, rows.names, rows.cutoffs).observed_from
    return [EventArrays.of(told.filter(number == at), rows.names, observed_from) for at in range(len(causes.names))]


def _count(facts: EventArrays, rows: Rows, group: NDArray[np.int64], window: timedelta | None) -> Floats:
    places = UnitCutoffs(rows.cutoffs, group[rows.node], rows.cutoff)
    return KnownEvents.of(facts.of_groups(group), places).count(window).astype(np.float64)
