"""Labels: what happened after a cutoff, as far as a view knows.

Training reads them from the view at the split, so that no label depends on what became known after it; evaluation
reads them in hindsight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.outages import NEVER, merge_failures
from data.schema import NODE, EventKind
from features.grid import Times, locate, to_numpy, to_step, to_times
from features.training.blind_time import BlindTime

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from numpy.typing import NDArray

    from data.view import View
    from features.grid import Index
    from features.population.at_risk import Rows

MAX_BLIND_SHARE = 0.4  # of a label's interval in which nothing could be observed
_NEVER = np.datetime64("NaT", "us")
_INSTANT: Final = np.timedelta64(0, "us")


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What a view knows of the time after past cutoffs: failures, ends of observation, blind periods.

    Failures that overlap are one, whatever the horizon.
    """

    failure_node: NDArray[np.int64]
    failure_start: Times
    failure_end: Times  # far in the future while it is not over
    stop_node: NDArray[np.int64]
    stop_start: Times
    observed_until: Times  # of each node
    blind: BlindTime
    known_until: np.datetime64

    @classmethod
    def of(cls, view: View, names: tuple[str, ...], known_until: datetime | None = None) -> Outcomes:
        """Read the outcomes from a view; labels that reach past `known_until` (the view's time) are censored."""
        events = view.events()
        failures = merge_failures(events, repeat=NEVER - NEVER)
        stops = events.filter(
            pl.col("kind").is_in([EventKind.MAINTENANCE, EventKind.ACTION])
            & (pl.col("end").is_null() | (pl.col("end") > pl.col("start")))
        ).sort(NODE, "start")
        nodes = view.nodes()
        position = locate(pl.Series(names, dtype=pl.String), nodes[NODE])
        return cls(
            locate(failures[NODE], names),
            to_times(failures["start"]),
            to_times(failures["end"].fill_null(NEVER)),
            locate(stops[NODE], names),
            to_times(stops["start"]),
            np.append(to_times(nodes["observed_until"]), _NEVER)[position],
            BlindTime.of(view.blind()),
            to_numpy(known_until or view.at),
        )

    def next_failure(self, rows: Rows) -> Times:
        """Return the start of the first failure after each row's cutoff, or NaT."""
        return _next(rows, self.failure_node, self.failure_start)

    def next_stop(self, rows: Rows) -> Times:
        """Return when each row's node stops being observed: maintenance, an action, or leaving for good."""
        return np.fmin(self.next_work(rows), self.observed_until[rows.node])

    def next_work(self, rows: Rows) -> Times:
        """Return when maintenance or an action next begins on each row's node, or NaT."""
        return _next(rows, self.stop_node, self.stop_start)

    def is_on_probation(self, rows: Rows, repeat: timedelta) -> NDArray[np.bool_]:
        """Return which rows are inside a failure, or at most `repeat` after its end: a new one would be part of it."""
        if not len(self.failure_start):
            return np.zeros(len(rows), dtype=bool)
        order, position = _first_after(rows, self.failure_node, self.failure_start)
        latest = np.append(order, -1)[position - 1]  # -1: none is before the first
        is_same_node = (latest >= 0) & (position > 0) & (self.failure_node[latest] == rows.node)
        return np.asarray(is_same_node & (rows.ts <= self.failure_end[latest] + to_step(repeat)))


def _first_after(rows: Rows, node: Index, start: Times) -> tuple[Index, Index]:
    """Order starts by node and time; and return the position in this order of the first one after each row."""
    order = np.lexsort((start, node))
    times = np.sort(np.concatenate([start, rows.cutoffs]))
    span = len(times) + 1
    keys = node[order] * span + np.searchsorted(times, start[order])
    row_keys = rows.node * span + np.searchsorted(times, rows.cutoffs)[rows.cutoff]
    return order, np.searchsorted(keys, row_keys, side="right")


def _next(rows: Rows, node: Index, start: Times) -> Times:
    """Return, of the starts of each row's node, the first one after the row's cutoff, or NaT."""
    if not len(start):
        return np.full(len(rows), _NEVER)
    order, position = _first_after(rows, node, start)
    next_start = np.append(start[order], _NEVER)[position]
    is_same_node = np.append(node[order], -1)[position] == rows.node
    return np.where(is_same_node, next_start, _NEVER)


@dataclass(frozen=True, slots=True)
class Labels:
    """The label of each row: 1 failed, 0 did not, NaN dropped; and how many were dropped for each reason."""

    label: NDArray[np.float64]
    dropped: dict[str, int]


def label(rows: Rows, outcomes: Outcomes, horizon: timedelta, repeat: timedelta) -> Labels:
    """Label each row for (cutoff, cutoff + horizon], as the evaluation protocol does.

    1: a failure starts in the interval. 0: the node was observed to its end without one. NaN: the row is on probation
    after a failure (`Outcomes.is_on_probation`); too much of its interval was blind; the node left or went into
    maintenance before its end without failing; or the interval reaches past what is known. In that last case rows with
    a known failure are NaN too: no such row could be labelled 0, so the newest ones would all be failures.
    """
    limit = rows.ts + to_step(horizon)
    fails = outcomes.next_failure(rows) <= limit
    reasons = {
        "probation": outcomes.is_on_probation(rows, repeat),
        "blind": outcomes.blind.share(rows.cutoffs, rows.cutoffs + to_step(horizon))[rows.cutoff] > MAX_BLIND_SHARE,
        "left": (outcomes.observed_until[rows.node] <= limit) & ~fails,
        "maintenance": (outcomes.next_work(rows) <= limit) & ~fails,
        "not_over": limit > outcomes.known_until,
    }
    dropped, is_kept = {}, np.ones(len(rows), dtype=bool)
    for reason, is_dropped in reasons.items():
        dropped[reason] = int(np.count_nonzero(is_kept & is_dropped))
        is_kept &= ~is_dropped
    return Labels(np.where(is_kept, fails.astype(np.float64), np.nan), dropped)


@dataclass(frozen=True, slots=True)
class NextEvents:
    """When each row's node next fails and next stops being observed."""

    ts: Times
    failure: Times
    failure_is_observed: NDArray[np.bool_]  # not inside a blind period
    stop: Times

    @classmethod
    def of(cls, rows: Rows, outcomes: Outcomes) -> NextEvents:
        """Look up both; observation stops at the latest where the outcomes end."""
        failure = outcomes.next_failure(rows)
        stop = np.fmin(outcomes.next_stop(rows), outcomes.known_until)
        return cls(rows.ts, failure, ~outcomes.blind.contains(failure), stop)


def observe(
    next_events: NextEvents, outcomes: Outcomes, begin: timedelta, end: timedelta
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the hazard's outcome in the interval (cutoff + begin, cutoff + end] of each row.

    Returns:
        Outcome: 1 failed, 0 did not while it was observed, NaN not at risk or not observed at all.
        Exposure: the share of the interval in which a failure would have been observed; 1 for failures. With a
        constant hazard inside the interval, surviving a share f of it has probability (1 - h)^f, so f is
        the weight of its 0 in the likelihood (piecewise exponential model, Friedman 1982).
    """
    start, limit = next_events.ts + to_step(begin), next_events.ts + to_step(end)
    observed_until = np.fmin(limit, next_events.stop)
    is_at_risk = ~(next_events.failure <= start) & (observed_until > start)
    fails = is_at_risk & (next_events.failure <= observed_until)
    exposure = np.where(is_at_risk, (observed_until - start) / to_step(end - begin), 0.0)
    exposure *= np.maximum(1.0 - outcomes.blind.share(start, np.maximum(observed_until, start)), 0.0)
    outcome = np.where(exposure > 0, 0.0, np.nan)
    return np.where(fails, np.where(next_events.failure_is_observed, 1.0, np.nan), outcome), np.where(
        fails, 1.0, exposure
    )
