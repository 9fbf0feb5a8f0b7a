"""Probation: the time after a failure in which another one would be part of the same outage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from data.schema import NODE, EventKind
from features.grid import locate, to_step, to_times
from features.population.interval_counts import IntervalCounts

if TYPE_CHECKING:
    from datetime import timedelta

    from numpy.typing import NDArray

    from data.view import View
    from features.population.at_risk import Rows

_INSTANT = np.timedelta64(1, "us")


def on_probation(view: View, rows: Rows, repeat: timedelta) -> NDArray[np.bool_]:
    """Return which rows are at most `repeat` after the end of a failure that was known to be over at their cutoff.

    Only what was recorded by the cutoff counts: the failure, and its end.
    """
    over = view.events().filter((pl.col("kind") == EventKind.FAILURE) & pl.col("end").is_not_null())
    end = over.select(pl.max_horizontal("start", "end")).to_series()
    known = over.select(pl.max_horizontal("start", "end", "recorded_at", "end_recorded_at")).to_series()
    counts = IntervalCounts(len(rows.names), rows.cutoffs)
    until = to_times(end) + to_step(repeat) + _INSTANT
    return np.asarray(counts.count_active(locate(over[NODE], rows.names), to_times(known), until) > 0)[
        rows.node, rows.cutoff
    ]
