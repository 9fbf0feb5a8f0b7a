"""How often nodes of an age fail, as the past told by each cutoff: infant mortality and wear."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features.events.history import DAY_SECONDS, FLEET, PRIOR_DAYS, PRIOR_RATE, shrunk
from features.population.event_arrays import EventArrays, KnownEvents, UnitCutoffs
from features.population.interval_counts import IntervalCounts
from features.population.time_spans import TimeSpans

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from features.events.history import Floats, History
    from features.grid import Index

DAY = np.timedelta64(86_400_000_000, "us")
BANDS = np.array([0, 7, 30, 90, 180, 365, 730, 1095, 1460]) * DAY  # the age at which each band begins
COUNT = len(BANDS)


def relative_rate(history: History) -> Floats:
    """Give how often nodes of each row's age failed beside the fleet that is there now, shrunk towards 1.

    A fleet whose nodes are all of one age has 1: its age tells no node from another.
    """
    rows, fleet = history.rows, history.groups[FLEET]
    shape = COUNT, len(rows.cutoffs)
    failures, days = _at_age(history, fleet, UnitCutoffs.of_groups(COUNT, rows.cutoffs))
    rate = shrunk(failures.reshape(shape), days.reshape(shape) * history.rate_by_cutoff())
    spans = _spans(history, fleet)
    nodes = IntervalCounts(COUNT, rows.cutoffs).count_active(spans.unit, spans.begin, spans.end)
    present = nodes.sum(axis=0)
    mean = np.where(present > 0, (nodes * rate).sum(axis=0) / np.maximum(present, 1), 1.0)
    return np.asarray((rate / mean)[_own_band(history), rows.cutoff])


def relative_rate_of_hardware(history: History) -> Floats:
    """Give how often the row's hardware model failed at the row's age beside all nodes of that age, shrunk to 1."""
    failures, days = _at_own_age(history, history.groups["hardware"])
    of_all, days_of_all = _at_own_age(history, history.groups[FLEET])
    rate = (of_all + PRIOR_RATE * PRIOR_DAYS) / (days_of_all + PRIOR_DAYS)
    return shrunk(failures, days * rate)


def _at_own_age(history: History, group: Index) -> tuple[Index, Floats]:
    rows = history.rows
    return _at_age(
        history, group, UnitCutoffs(rows.cutoffs, group[rows.node] * COUNT + _own_band(history), rows.cutoff)
    )


def _at_age(history: History, group: Index, places: UnitCutoffs) -> tuple[Index, Floats]:
    """Count failures and node-days up to each place, whose units are bands of each group; `group` is each node's."""
    facts = history.failures.facts
    band = _band(facts.start - history.presence.observed_from[facts.unit])
    struck = EventArrays(group[facts.unit] * COUNT + band, facts.start, facts.end, facts.known, facts.over)
    return KnownEvents.of(struck, places).count(None), _spans(history, group).seconds(places) / DAY_SECONDS


def _own_band(history: History) -> Index:
    return _band(history.rows.ts - history.presence.observed_from[history.rows.node])


def _band(age: NDArray[np.timedelta64]) -> Index:
    return np.asarray(np.maximum(np.searchsorted(BANDS, age, side="right") - 1, 0))


def _spans(history: History, group: Index) -> TimeSpans:
    """Cut the time in which each node was observed by its age."""
    came, left = history.presence.observed_from[:, None], history.presence.observed_until[:, None]
    begin = came + BANDS
    end = np.fmin(np.append(begin[:, 1:], np.full_like(came, "NaT"), axis=1), left)
    unit = group[:, None] * COUNT + np.arange(COUNT)
    real = np.isnat(end) | (end > begin)
    return TimeSpans(unit[real], begin[real], end[real])
