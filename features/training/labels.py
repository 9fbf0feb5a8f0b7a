"""Labels: what happened after a cutoff, as far as the view that is asked can tell.

Training asks the view at the split, so that no label crosses it; judging asks in hindsight.
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
MAX_BLIND_SHARE = 0.4  # of a label's span in which nothing could be seen
_NEVER = np.datetime64("NaT", "us")


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What a view knows of the future of its past: next failures, ends of observation, blind periods."""

    failure_node: NDArray[np.int64]
    failure_start: Times
    stop_node: NDArray[np.int64]
    stop_start: Times
    left: Times
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
        of_name = locate(pl.Series(names, dtype=pl.String), nodes[NODE])
        return cls(
            locate(failures[NODE], names),
            to_times(failures["start"]),
            locate(stops[NODE], names),
            to_times(stops["start"]),
            np.append(to_times(nodes["observed_until"]), _NEVER)[of_name],
            to_times(blind["start"]),
            to_times(blind["end"]),
            to_numpy(known_until or view.at),
        )

    def next_failure(self, rows: Rows) -> Times:
        """Give the first failure after each row's cutoff, or NaT."""
        return _next(rows, self.failure_node, self.failure_start)

    def next_stop(self, rows: Rows) -> Times:
        """Give when each row's node stops being observed: maintenance, an action, or leaving for good."""
        stop = _next(rows, self.stop_node, self.stop_start)
        return np.fmin(stop, self.left[rows.node])

    def is_blind(self, moments: Times) -> NDArray[np.bool_]:
        """Tell which moments lie in a period in which nothing could be seen."""
        inside = np.zeros(len(moments), dtype=bool)
        for begin, stop in zip(self.blind_start, self.blind_end, strict=True):
            inside |= (moments > begin) & (moments <= stop)
        return inside

    def blind_share(self, start: Times, end: Times) -> NDArray[np.float64]:
        """Give the share of each (start, end] in which nothing could be seen; where periods overlap, they add up."""
        lost = np.zeros(len(start), dtype="timedelta64[us]")
        for begin, stop in zip(self.blind_start, self.blind_end, strict=True):
            lost += np.maximum(np.minimum(end, stop) - np.maximum(start, begin), np.timedelta64(0, "us"))
        return np.asarray(lost / np.maximum(end - start, np.timedelta64(1, "us")), dtype=np.float64)


def _next(rows: Rows, node: NDArray[np.int64], start: Times) -> Times:
    """Find each row's first `start` after its cutoff among its node's, or NaT."""
    if not len(start):
        return np.full(len(rows), _NEVER)
    order = np.lexsort((start, node))
    moments = np.unique(np.concatenate([start, rows.cutoffs]))
    span = len(moments) + 1
    keys = node[order] * span + np.searchsorted(moments, start[order])
    asked = rows.node * span + np.searchsorted(moments, rows.cutoffs)[rows.cutoff]
    position = np.searchsorted(keys, asked, side="right")
    found = np.append(start[order], _NEVER)[position]
    same = np.append(node[order], -1)[position] == rows.node
    return np.where(same, found, _NEVER)


def label(rows: Rows, outcomes: Outcomes, horizon: np.timedelta64) -> NDArray[np.float64]:
    """Label each row for (cutoff, cutoff + horizon], as the protocol judges it.

    1: a failure starts in it. 0: it was seen to its end without one. NaN: the node left or went into
    maintenance before its end, too much of it was blind, or it reaches past what is known; then also where a failure
    is known already, since of such rows none could be told to survive: the newest ones would all be failures.
    """
    failure, limit = outcomes.next_failure(rows), rows.ts + horizon
    lost = (outcomes.next_stop(rows) <= limit) | (outcomes.blind_share(rows.ts, limit) > MAX_BLIND_SHARE)
    told = np.where(failure <= limit, 1.0, np.where(lost, np.nan, 0.0))
    return np.where(limit > outcomes.known_until, np.nan, told)


@dataclass(frozen=True, slots=True)
class NextEvents:
    """When each row's node next fails and next stops being observed."""

    ts: Times
    failure: Times
    failure_is_seen: NDArray[np.bool_]  # not inside a blind period
    stop: Times

    @classmethod
    def of(cls, rows: Rows, outcomes: Outcomes) -> NextEvents:
        """Look both up; what is known ends there too."""
        failure = outcomes.next_failure(rows)
        stop = np.fmin(outcomes.next_stop(rows), outcomes.known_until)
        return cls(rows.ts, failure, ~outcomes.is_blind(failure), stop)


def observe(
    fates: NextEvents, outcomes: Outcomes, begin: np.timedelta64, end: np.timedelta64
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Tell what happened in the interval (cutoff + begin, cutoff + end] of each row: the hazard's outcome.

    Returns:
        Outcome: 1 failed, 0 did not while it was seen, NaN not at risk or not seen at all.
        Exposure: the share of the interval in which a failure would have been seen; 1 for failures. With a
        constant hazard inside the interval, surviving a share f of it has probability (1 - h)^f, so f is
        the weight of its 0 in the likelihood (piecewise exponential model, Friedman 1982).
    """
    start, limit = fates.ts + begin, fates.ts + end
    seen_until = np.fmin(limit, fates.stop)
    is_at_risk = ~(fates.failure <= start) & (seen_until > start)
    fails = is_at_risk & (fates.failure <= seen_until)
    exposure = np.where(is_at_risk, (seen_until - start) / (end - begin), 0.0)
    exposure *= np.maximum(1.0 - outcomes.blind_share(start, np.maximum(seen_until, start)), 0.0)
    outcome = np.where(exposure > 0, 0.0, np.nan)
    return np.where(fails, np.where(fates.failure_is_seen, 1.0, np.nan), outcome), np.where(fails, 1.0, exposure)
