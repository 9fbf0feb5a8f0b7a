"""Outages: failures of one node that belong together, counted once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import polars as pl

from data.schema import NODE, EventKind
from data.time_grid import DAY, MICROSECOND

LONGEST_REPEAT: Final = DAY
NEVER: Final = datetime(9000, 1, 1, tzinfo=UTC)  # the end of an outage that has not ended


def repeat_within(horizon: timedelta) -> timedelta:
    """Return how soon after another one's end a failure belongs to it, for forecasts over a horizon.

    The smaller of 24 hours and the horizon: two failures of a node three hours apart are two to a forecast of the
    next hour, and one to a forecast of the next week.
    """
    return min(LONGEST_REPEAT, horizon)


def merge_failures(events: pl.DataFrame, repeat: timedelta = LONGEST_REPEAT) -> pl.DataFrame:
    """Return each outage once: node, start and end (null: not over), sorted by node and start.

    A failure that starts inside an open one of its node, or within `repeat` (inclusive) after the latest end of those
    before it, belongs to it.
    """
    failures = events.filter(pl.col("kind") == EventKind.FAILURE).select(NODE, "start", "end").sort(NODE, "start")
    is_new, ends = _merge(failures, repeat // MICROSECOND)
    outages = failures.filter(pl.Series(is_new, dtype=pl.Boolean))
    end = pl.Series(ends, dtype=pl.Int64).cast(failures.schema["end"])
    return outages.select(NODE, "start", end=pl.when(end < NEVER).then(end))


def _merge(failures: pl.DataFrame, repeat: int) -> tuple[list[bool], list[int]]:
    """Return whether each failure, sorted by node and start, begins an outage; and when each outage ends."""
    is_new: list[bool] = []
    ends: list[int] = []
    moments = failures.select("start", pl.col("end").fill_null(NEVER)).cast(pl.Int64)
    previous = None
    for node, start, end in zip(failures[NODE], moments["start"], moments["end"], strict=True):
        is_new.append(node != previous or start > ends[-1] + repeat)
        if is_new[-1]:
            ends.append(max(start, end))
        else:
            ends[-1] = max(ends[-1], end)
        previous = node
    return is_new, ends
