"""Measures how much the failures in the records can prove: enough to train on, and how narrow an interval they give."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.durations import format_duration
from data.outages import LONGEST_REPEAT, merge_failures
from data.schema import NODE, EventKind
from data.time_grid import DAY, floor_time
from data.view import hindsight
from features.grid import to_numpy
from features.training.labels import Outcomes
from features.training.person_periods import Periods
from features.training.training_set import RiskSample
from pipelines.settings.schema import ForecastSettings
from pipelines.wiring.training_setup import design_of

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from data.delta.buckets import Buckets
    from data.view import RecordFrames
    from pipelines.settings.schema import Settings

TEST_PART: Final = 0.25  # a backtest on the last quarter of the records
CAUGHT_SHARE: Final = 0.4  # a share of failures caught that a good model may reach
FEWEST_FOR_AN_INTERVAL: Final = 20  # the protocol gives no interval for fewer failures
FORECAST: Final = ForecastSettings()


@dataclass(frozen=True, slots=True)
class Evidence:
    """Failures in the records, repeats merged as for forecasts over the policy's horizon, and what they allow.

    `half_width` is that of the 95% interval around a caught share of 0.4, from the failures in the last
    quarter of the records; None if they are too few for an interval.
    """

    start: datetime
    end: datetime
    nodes: int
    failures: int
    failures_needed: int
    failures_in_last_quarter: int
    half_width: float | None
    ignored_kinds: dict[str, int] = field(default_factory=dict)  # events by kind, if the kind is unknown to Nodeward
    learnable: int | None = None  # failures of nodes that were up before; None: not counted
    is_seen: bool = False  # the learnable ones were also reporting, by forecast.coverage_metric
    unended: dict[str, int] = field(default_factory=dict)  # by node: failures during one of its failures without an end
    recorded: int = 0  # failures before any are merged
    outages: dict[str, int] = field(default_factory=dict)  # what they are merged into, by the repeat of each horizon
    alarm_gaps: dict[float, timedelta] = field(default_factory=dict)  # by rate, if an alarm is rarer than a score

    @property
    def is_enough_to_train(self) -> bool:
        """Whether there are enough failures to train a model, instead of using the fleet's rate."""
        return (self.failures if self.learnable is None else self.learnable) >= self.failures_needed


def evidence_of(
    events: pl.DataFrame,
    nodes: pl.DataFrame,
    failures_needed: int,
    forecast: ForecastSettings = FORECAST,
    horizon: timedelta = LONGEST_REPEAT,
) -> Evidence:
    """Count the failures of an event table, as forecasts over a horizon do; `nodes` has at least one row."""
    start: datetime = nodes.select(pl.col("observed_from").min()).item()
    is_planned = pl.col("kind") == EventKind.MAINTENANCE  # it may end long after the records do
    ended = pl.when(~is_planned).then("end_recorded_at")
    end: datetime = events.select(pl.max_horizontal("recorded_at", ended).max()).item() or start
    failures = merge_failures(events, forecast.repeat_within(horizon))
    repeats = dict.fromkeys(map(forecast.repeat_within, forecast.horizons))
    late = failures.filter(pl.col("start") > end - TEST_PART * (end - start)).height
    return Evidence(
        start=start,
        end=end,
        nodes=nodes["node"].n_unique(),
        failures=failures.height,
        failures_needed=failures_needed,
        failures_in_last_quarter=late,
        half_width=wilson_half_width(CAUGHT_SHARE, late) if late >= FEWEST_FOR_AN_INTERVAL else None,
        ignored_kinds=_ignored_kinds(events),
        unended=_unended(events),
        recorded=events.filter(pl.col("kind") == EventKind.FAILURE).unique([NODE, "start", "end"]).height,
        outages={format_duration(repeat): merge_failures(events, repeat).height for repeat in repeats},
        alarm_gaps=_alarm_gaps(_present(nodes, end), forecast),
    )


def count_learnable(records: RecordFrames, buckets: Buckets | None, until: datetime, settings: Settings) -> int:
    """Count the failures that training until a time would have rows before; without buckets every node is reporting."""
    width, design = settings.buckets.width, design_of(settings)
    if buckets is None:
        design = replace(design, coverage=None)
    view = hindsight(records, width, buckets).narrow(floor_time(until, width))
    first: datetime | None = (
        settings.forecast.history_start_time or view.nodes().select(pl.col("observed_from").min()).item()
    )
    drawn_as_in_training = np.random.default_rng(settings.model.random_seed)
    rows = RiskSample.draw(view, to_numpy(first or view.at), design, drawn_as_in_training).risk.rows()
    outcomes = Outcomes.of(view, rows.names)
    failing = rows.take(Periods.of(rows, outcomes, design.horizons, design.repeats).fails)
    return len(set(zip(failing.node.tolist(), outcomes.next_failure(failing).tolist(), strict=True)))


def wilson_half_width(share: float, trials: int, confidence: float = 0.95) -> float:
    """Return half the width of Wilson's score interval (1927) for a share observed in n trials.

    z / (1 + z²/n) · sqrt(p (1 - p) / n + z² / 4n²), with z the normal quantile of the confidence.
    """
    z, n = NormalDist().inv_cdf((1 + confidence) / 2), trials
    return z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))


def _present(nodes: pl.DataFrame, at: datetime) -> int:
    """Count the nodes that were there at a time, or all if none was."""
    is_present = (pl.col("observed_from") <= at) & (
        pl.col("observed_until").is_null() | (pl.col("observed_until") > at)
    )
    return nodes.filter(is_present)[NODE].n_unique() or nodes[NODE].n_unique()


def _alarm_gaps(nodes: int, forecast: ForecastSettings) -> dict[float, timedelta]:
    """Return the time from one alarm to the next for each rate that allows less than one alarm a score."""
    gaps = {rate: DAY / (rate * nodes) for rate in forecast.alarm_rates}
    return {rate: gap for rate, gap in gaps.items() if gap > forecast.every}


def _unended(events: pl.DataFrame) -> dict[str, int]:
    """Count, by node, the failures that start after one without an end, and so are part of it."""
    failures = events.filter(pl.col("kind") == EventKind.FAILURE)
    since = failures.filter(pl.col("end").is_null()).group_by(NODE).agg(pl.col("start").min().alias("since"))
    later = failures.join(since, on=NODE).filter(pl.col("start") > pl.col("since"))
    return dict(later.group_by(NODE).len().sort("len", NODE, descending=[True, False]).iter_rows())


def _ignored_kinds(events: pl.DataFrame) -> dict[str, int]:
    unknown = events.filter(~pl.col("kind").is_in(list(EventKind)))
    return dict(unknown.group_by("kind").len().sort("kind").iter_rows())
