"""Proposes how often to score and over which horizons, by how often nodes are sampled and how long outages last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import polars as pl

from data.outages import merge_failures
from data.schema import NODE, TS
from data.time_grid import DAY, HOUR
from data.validation.cells import metrics_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipelines.settings.schema import MetricSettings, Settings

MINUTE: Final = timedelta(minutes=1)
HORIZONS: Final = {
    15 * MINUTE: (15 * MINUTE, HOUR, 6 * HOUR, DAY),
    HOUR: (HOUR, 6 * HOUR, DAY),
    6 * HOUR: (6 * HOUR, DAY, 3 * DAY, 7 * DAY),
    DAY: (DAY, 3 * DAY, 7 * DAY, 14 * DAY),
}  # by how often scores are due
STALE_AFTER: Final = ("policy", "stale_after")
STALE_STEPS: Final = 3  # scores that were due since the newest one, at most, if it is acted on
STALE_DAILY: Final = 36 * HOUR
FEWEST_OUTAGES: Final = 10
TOLERANCE: Final = 0.9  # of the time between samples, since clocks are not exact
MOST_NODES: Final = 50  # of which the telemetry is looked at
FEWEST_GAPS: Final = 200  # between samples
MOST_BATCHES: Final = 20

Key = tuple[str, str]
Proposal = dict[Key, timedelta | tuple[timedelta, ...]]


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often nodes are sampled, and how long outages last; None: not known."""

    sampled_every: timedelta | None = None  # the median; of sampled metrics
    outage_median: timedelta | None = None
    outage_90_percent: timedelta | None = None  # nine of ten are no longer


def sample_times(batch: pl.DataFrame, metrics: MetricSettings) -> pl.DataFrame:
    """Return node and time of the samples of a few nodes in a batch of telemetry; none of metrics that send changes."""
    sampled = [name for name in metrics_of(batch) if metrics.metric(name).sampling == "sampled"]
    rows = batch.filter(pl.any_horizontal(pl.col(name).is_not_null() for name in sampled)) if sampled else batch.clear()
    times = rows.select(NODE, TS).drop_nulls()
    return times.filter(pl.col(NODE).is_in(times[NODE].unique(maintain_order=True).head(MOST_NODES).implode()))


def is_enough(batches: Sequence[pl.DataFrame]) -> bool:
    """Return whether more batches of `sample_times` would say little more about how often nodes are sampled."""
    if not batches:
        return False
    return batches[-1].is_empty() or len(batches) >= MOST_BATCHES or len(_gaps(batches)) >= FEWEST_GAPS


def rhythm_of(batches: Sequence[pl.DataFrame], events: pl.DataFrame) -> Rhythm:
    """Measure how often nodes are sampled and how long outages last; those without an end, or of no length, aside."""
    outages = merge_failures(events, timedelta(0)).select(length=pl.col("end") - pl.col("start"))["length"]
    lengths = outages.filter(outages > timedelta(0))
    if len(lengths) < FEWEST_OUTAGES:
        return Rhythm(_length(_gaps(batches).median()))
    return Rhythm(_length(_gaps(batches).median()), _length(lengths.median()), _length(lengths.quantile(0.9)))


def propose(rhythm: Rhythm, settings: Settings) -> Proposal:
    """Return the settings that fit a rhythm and differ from those that there are; nothing where these are fine enough.

    Scores are due (forecast.every) as often as the longest of 15m, 1h, 6h and 1d that is no longer than the median
    outage; at least every 15m, and no oftener than nodes are sampled. Buckets are as wide as that. The horizons are
    those of HORIZONS for this cadence. Decisions use the shortest one that nine of ten outages are no longer than,
    or else the longest; and scores that are no older than three more were due, or 36h where they are due once a day.

    Settings whose cadence is at least as fine are left as they are, unless scores are due oftener than nodes are
    sampled, or scores are acted on that are older than the horizon of decisions.
    """
    if rhythm.sampled_every is None or rhythm.outage_median is None or rhythm.outage_90_percent is None:
        return _without_stale_scores(settings)
    shortest, most = TOLERANCE * rhythm.sampled_every, rhythm.outage_90_percent
    every = next((step for step in HORIZONS if step >= shortest), DAY)
    every = max([every, *(step for step in HORIZONS if step <= rhythm.outage_median)])
    if shortest <= settings.forecast.every < 2 * every:
        return _without_stale_scores(settings)
    horizons = HORIZONS[every]
    wanted: Proposal = {
        ("buckets", "width"): every,
        ("forecast", "horizons"): horizons,
        ("forecast", "every"): every,
        ("policy", "horizon"): next((horizon for horizon in horizons if horizon >= most), horizons[-1]),
        STALE_AFTER: _stale_after(every),
    }
    return {key: value for key, value in wanted.items() if _current(settings, key) != value}


def _without_stale_scores(settings: Settings) -> Proposal:
    wanted = _stale_after(settings.forecast.every)
    return {STALE_AFTER: wanted} if settings.policy.stale_after > max(settings.policy.horizon, wanted) else {}


def _stale_after(every: timedelta) -> timedelta:
    return STALE_DAILY if every == DAY else STALE_STEPS * every


def _current(settings: Settings, key: Key) -> object:
    section, name = key
    return getattr(getattr(settings, section), name)


def _gaps(batches: Sequence[pl.DataFrame]) -> pl.Series:
    """Return the times from each sample of a node to its next."""
    if not batches:
        return pl.Series(dtype=pl.Duration("us"))
    times = pl.concat(batches, how="vertical_relaxed").unique().sort(NODE, TS)
    return times.select(pl.col(TS).diff().over(NODE)).to_series().drop_nulls()


def _length(value: object) -> timedelta | None:
    return value if isinstance(value, timedelta) else None
