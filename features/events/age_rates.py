"""How often nodes of an age fail, from the past known at each cutoff: infant mortality and wear."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features.events.history import DAY_SECONDS, PRIOR_DAYS, PRIOR_RATE, shrunk
from features.feature import FLEET
from features.grid import DAY
from features.population.event_arrays import EventArrays, KnownEvents, UnitCutoffs
from features.population.interval_counts import IntervalCounts
from features.population.time_spans import TimeSpans

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from features.events.history import History
    from features.grid import Array, Index

BANDS = np.array([0, 7, 30, 90, 180, 365, 730, 1095, 1460]) * DAY  # the age at which each band begins
COUNT = len(BANDS)


def relative_rate(history: History) -> Array:
    """Return how often nodes of each row's age failed relative to the fleet that is present, shrunk towards 1.

    It is 1 for a fleet whose nodes are all of one age: age does not distinguish them.
    """
    rows, fleet = history.rows, history.groups[FLEET]
    shape = COUNT, len(rows.cutoffs)
    failures, days = _at_age(history, fleet, UnitCutoffs.of_groups(COUNT, rows.cutoffs))
    rate = shrunk(failures.reshape(shape), days.reshape(shape) * history.rate_by_cutoff())
    spans = _age_spans(history, fleet)
    nodes = IntervalCounts(COUNT, rows.cutoffs).count_active(spans.unit, spans.begin, spans.end)
    present = nodes.sum(axis=0)
    mean = np.where(present > 0, (nodes * rate).sum(axis=0) / np.maximum(present, 1), 1.0)
    return np.asarray((rate / mean)[_band_of_rows(history), rows.cutoff])


def relative_rate_of_hardware(history: History) -> Array:
    """Return how often the row's hardware failed at the row's age relative to all nodes of that age, shrunk to 1."""
    failures, days = _at_age_of_rows(history, history.groups["hardware"])
    fleet_failures, fleet_days = _at_age_of_rows(history, history.groups[FLEET])
    rate = (fleet_failures + PRIOR_RATE * PRIOR_DAYS) / (fleet_days + PRIOR_DAYS)
    return shrunk(failures, days * rate)


def _at_age_of_rows(history: History, group: Index) -> tuple[Index, Array]:
    rows = history.rows
    units = group[rows.node] * COUNT + _band_of_rows(history)
    return _at_age(history, group, UnitCutoffs(rows.cutoffs, units, rows.cutoff))


def _at_age(history: History, group: Index, unit_cutoffs: UnitCutoffs) -> tuple[Index, Array]:
    """Count failures and node-days up to each cutoff; the units are bands of each group, `group` is each node's."""
    failures = history.failures.events
    band = _band(failures.start - history.exposure.observed_from[failures.unit])
    by_band = EventArrays(
        group[failures.unit] * COUNT + band, failures.start, failures.end, failures.known_at, failures.end_known_at
    )
    count = KnownEvents.of(by_band, unit_cutoffs).count(None)
    return count, _age_spans(history, group).seconds(unit_cutoffs) / DAY_SECONDS


def _band_of_rows(history: History) -> Index:
    return _band(history.rows.ts - history.exposure.observed_from[history.rows.node])


def _band(age: NDArray[np.timedelta64]) -> Index:
    return np.asarray(np.maximum(np.searchsorted(BANDS, age, side="right") - 1, 0))


def _age_spans(history: History, group: Index) -> TimeSpans:
    """Split the time in which each node was observed by its age."""
    first, last = history.exposure.observed_from[:, None], history.exposure.observed_until[:, None]
    begin = first + BANDS
    end = np.fmin(np.append(begin[:, 1:], np.full_like(first, "NaT"), axis=1), last)
    unit = group[:, None] * COUNT + np.arange(COUNT)
    is_real = np.isnat(end) | (end > begin)
    return TimeSpans(unit[is_real], begin[is_real], end[is_real])
