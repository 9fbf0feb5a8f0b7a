"""Which failures a model can learn from: those of nodes that were up and seen before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from data.time_grid import floor_time
from data.view import hindsight
from features.grid import days, to_numpy
from features.population.at_risk import Coverage, assess
from features.training.labels import NextEvents, Outcomes, observe
from features.training.training_set import cutoffs_until

if TYPE_CHECKING:
    from datetime import datetime

    from data.delta.buckets import Buckets
    from data.view import RecordFrames
    from pipelines.settings.schema import Settings


def count_learnable(records: RecordFrames, buckets: Buckets | None, until: datetime, settings: Settings) -> int:
    """Count the failures that a training until then would have rows before; without buckets everyone counts as seen.

    Training asks the same of each interval of the horizons; of all of them together, that is to fail before
    the last one's end, and before maintenance or an action, while somebody looked.
    """
    forecast = settings.forecast
    view = hindsight(records, settings.buckets.width, buckets).narrow(floor_time(until, settings.buckets.width))
    first: datetime | None = forecast.history_start_time or view.nodes().select(pl.col("observed_from").min()).item()
    cutoffs = cutoffs_until(view, to_numpy(first or view.at), forecast.every_days)
    coverage = Coverage(forecast.coverage_metric, forecast.coverage_share) if buckets else None
    rows = assess(view, cutoffs, coverage).rows()
    outcomes = Outcomes.of(view, rows.names)
    outcome, _ = observe(NextEvents.of(rows, outcomes), outcomes, days(0), days(forecast.horizons_days[-1]))
    fails = rows.take(outcome == 1)
    return len(set(zip(fails.node.tolist(), outcomes.next_failure(fails).tolist(), strict=True)))
