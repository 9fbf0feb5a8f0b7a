"""Outages: failures of one node that belong together, counted once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import polars as pl

from data.schema import NODE, EventKind
from data.time_grid import DAY

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
    reach = pl.max_horizontal("start", pl.col("end").fill_null(NEVER)).cum_max().over(NODE)
    reached = failures.with_columns(end=reach, before=reach.shift(1).over(NODE))
    begins = pl.col("before").is_null() | (pl.col("start") > pl.col("before") + repeat)
    outages = reached.group_by(NODE, outage=begins.cum_sum(), maintain_order=True).agg(
        pl.col("start").first(), pl.col("end").last()
    )
    return outages.select(NODE, "start", end=pl.when(pl.col("end") < NEVER).then("end"))
