"""Labels: what happened after a cutoff, as far as a view knows.

Training reads them from the view at the split, so that no label depends on what became known after it; evaluation
reads them in hindsight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from data.outages import merge_failures
from data.schema import NODE, EventKind
from features.grid import Times, locate, to_numpy, to_times

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

    from data.view import View
    from features.population.at_risk import Rows

MAX_BLIND_SHARE = 0.4  # of a label's interval in which nothing could be observed
_NEVER = np.datetime64("NaT", "us")


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What a view knows of the time after past cutoffs: failures, ends of observation, blind periods."""

    failure_node: NDArray[np.int64]
    failure_start: Times
    stop_node: NDArray[np.int64]
    stop_start: Times
    observed_until: Times  # of each node
    blind_start: Times
    blind_end: Times
    known_until: np.datetime64

    @classmethod
    def of(cls, view: View, names: tuple[str, ...], known_until: datetime | None = None) -> Outcomes:
        """Read the outcomes from a view; labels that reach past `known_until` (the view's time) are censored."""
        events = view.events()
        failures = merge_failures(events)
        stops = events.filter(
            pl.col("kind").is_in([EventKind.MAINTENANCE, EventKind.ACTION])
            & (pl.col("end").is_null() | (pl.col("end") > pl.col("start")))
        ).sort(NODE, "start")
        nodes, blind = view.nodes(), view.blind()
        position = locate(pl.Series(names, dtype=pl.String), nodes[NODE])
        return cls(
            locate(failures[NODE], names),
            to_times(failures["start"]),
            locate(stops[NODE], names),
            to_times(stops["start"]),
            np.append(to_times(nodes["observed_until"]), _NEVER)[position],
            to_times(blind["start"]),
            to_times(blind["end"]),
            to_numpy(known_until or view.at),
        )

    def next_failure(self, rows: Rows) -> Times:
        """Return the start of the first failure after each row's cutoff, or NaT."""
        return _next(rows, self.failure_node, self.failure_start)

    def next_stop(self, rows: Rows) -> Times:
        """Return when each row's node stops being observed: maintenance, an action, or leaving for good."""
        stop = _next(rows, self.stop_node, self.stop_start)
        return np.fmin(stop, self.observed_until[rows.node])

    def is_blind(self, times: Times) -> NDArray[np.bool_]:
        """Return which times are in a period in which nothing could be observed."""
        inside = np.zeros(len(times), dtype=bool)
        for begin, stop in zip(self.blind_start, self.blind_end, strict=True):
            inside |= (times > begin) & (times <= stop)
        return inside

    def blind_share(self, start: Times, end: Times) -> NDArray[np.float64]:
        """Return the share of each (start, end] in which nothing could be observed; overlapping periods add up."""
        blind = np.zeros(len(start), dtype="timedelta64[us]")
        for begin, stop in zip(self.blind_start, self.blind_end, strict=True):
            blind += np.maximum(np.minimum(end, stop) - np.maximum(start, begin), np.timedelta64(0, "us"))
        return np.asarray(blind / np.maximum(end - start, np.timedelta64(1, "us")), dtype=np.float64)


def _next(rows: Rows, node: NDArray[np.int64], start: Times) -> Times:
    """Return, of the starts of each row's node, the first one after the row's cutoff, or NaT."""
    if not len(start):
        return np.full(len(rows), _NEVER)
    order = np.lexsort((start, node))
    times = np.sort(np.concatenate([start, rows.cutoffs]))
    span = len(times) + 1
    keys = node[order] * span + np.searchsorted(times, start[order])
    row_keys = rows.node * span + np.searchsorted(times, rows.cutoffs)[rows.cutoff]
    position = np.searchsorted(keys, row_keys, side="right")
    next_start = np.append(start[order], _NEVER)[position]
    is_same_node = np.append(node[order], -1)[position] == rows.node
    return np.where(is_same_node, next_start, _NEVER)


def label(rows: Rows, outcomes: Outcomes, horizon: np.timedelta64) -> NDArray[np.float64]:
    """Label each row for (cutoff, cutoff + horizon], as the evaluation protocol does.

    1: a failure starts in the interval. 0: the node was observed to its end without one. NaN: the node left or went
    into maintenance before its end, too much of it was blind, or it reaches past what is known. In that last case
    rows with a known failure are NaN too: no such row could be labelled 0, so the newest ones would all be failures.
    """
    failure, limit = outcomes.next_failure(rows), rows.ts + horizon
    is_censored = (outcomes.next_stop(rows) <= limit) | (outcomes.blind_share(rows.ts, limit) > MAX_BLIND_SHARE)
    labels = np.where(failure <= limit, 1.0, np.where(is_censored, np.nan, 0.0))
    return np.where(limit > outcomes.known_until, np.nan, labels)


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
        return cls(rows.ts, failure, ~outcomes.is_blind(failure), stop)


def observe(
    next_events: NextEvents, outcomes: Outcomes, begin: np.timedelta64, end: np.timedelta64
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the hazard's outcome in the interval (cutoff + begin, cutoff + end] of each row.

    Returns:
        Outcome: 1 failed, 0 did not while it was observed, NaN not at risk or not observed at all.
        Exposure: the share of the interval in which a failure would have been observed; 1 for failures. With a
        constant hazard inside the interval, surviving a share f of it has probability (1 - h)^f, so f is
        the weight of its 0 in the likelihood (piecewise exponential model, Friedman 1982).
    """
    start, limit = next_events.ts + begin, next_events.ts + end
    observed_until = np.fmin(limit, next_events.stop)
    is_at_risk = ~(next_events.failure <= start) & (observed_until > start)
    fails = is_at_risk & (next_events.failure <= observed_until)
    exposure = np.where(is_at_risk, (observed_until - start) / (end - begin), 0.0)
    exposure *= np.maximum(1.0 - outcomes.blind_share(start, np.maximum(observed_until, start)), 0.0)
    outcome = np.where(exposure > 0, 0.0, np.nan)
    return np.where(fails, np.where(next_events.failure_is_observed, 1.0, np.nan), outcome), np.where(
        fails, 1.0, exposure
    )
