"""The records about simulated nodes: events with their delays, inventory, jobs and blind periods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.schema import BLIND_SCHEMA, NODE, UTC, EventKind
from data.simulator.history.failure_modes import Lognormal
from data.simulator.history.plan import DAY_HOURS, SimulationPlan, Stream

if TYPE_CHECKING:
    from data.simulator.history.arrays import Floats
    from data.simulator.history.jobs import Jobs
    from data.simulator.history.layout import Node
    from data.simulator.history.node_life import Downtime, NodeLife
    from data.simulator.history.site_events import SiteEvents

SOURCE: Final = "simulated"
DETECTION_HOURS: Final = Lognormal(0.1, 0.8)  # until a failure is recorded
MANUAL_SHARE: Final = 0.08  # of failures, which are entered by hand later
MANUAL_HOURS: Final = Lognormal(9.0, 0.7)
CLOSING_HOURS: Final = Lognormal(0.15, 0.8)
PLANNING_HOURS: Final = 5 * DAY_HOURS  # ahead of the work
TIME_COLUMNS: Final = ("start", "end", "recorded_at", "end_recorded_at")


def events(plan: SimulationPlan, node: Node, life: NodeLife, site: SiteEvents) -> pl.DataFrame:
    """Return the failures and maintenance of a node that were recorded before the end of the records."""
    rng = plan.rng(Stream.LIFE, node.index, 1)
    rows = [_event(plan, node, down, site, rng) for down in life.downtimes if down.start < plan.hours]
    recorded = [(down, times) for down, times in rows if times[2] <= plan.hours]
    table = np.array([times for _, times in recorded]).reshape(len(recorded), len(TIME_COLUMNS))
    return pl.DataFrame(
        {
            NODE: pl.Series([node.name] * len(recorded), dtype=pl.String),
            "kind": pl.Series([down.kind for down, _ in recorded], dtype=pl.String),
            "cause": pl.Series([down.cause for down, _ in recorded], dtype=pl.String),
            "source": pl.Series([SOURCE] * len(recorded), dtype=pl.String),
            **{name: _times(plan, table[:, i]) for i, name in enumerate(TIME_COLUMNS)},
        }
    )


def _event(
    plan: SimulationPlan, node: Node, down: Downtime, site: SiteEvents, rng: np.random.Generator
) -> tuple[Downtime, tuple[float, float, float, float]]:
    """Return the four times of an event; nan where the records end before."""
    if down.kind == EventKind.MAINTENANCE:
        recorded = max(down.start - PLANNING_HOURS, 0.0)
    else:
        delay = DETECTION_HOURS.draw(rng) + (MANUAL_HOURS.draw(rng) if rng.random() < MANUAL_SHARE else 0.0)
        recorded = _first_visible(down.start, site) + delay
    end = min(down.end, node.until)
    closed = max(_first_visible(end, site) + CLOSING_HOURS.draw(rng), recorded)
    is_over = closed <= plan.hours
    return down, (down.start, end if is_over else np.nan, recorded, closed if is_over else np.nan)


def _first_visible(time: float, site: SiteEvents) -> float:
    """Return when the collectors can first observe something that happens at a time: not in a blind period."""
    return next((span.end for span in site.blind if span.start <= time < span.end), time)


def inventory(plan: SimulationPlan, node: Node) -> pl.DataFrame:
    """Return the inventory row of a node; `observed_until` is null if it is observed until the end."""
    until = node.until if node.until < plan.hours else np.nan
    return pl.DataFrame(
        {
            NODE: [node.name],
            "rack": [f"sim-rack-{node.rack:05d}"],
            "hardware": [node.hardware.name],
            "partition": [node.hardware.partition],
            "slot": [node.slot],
            "cooling_unit": [f"sim-crah-{node.cooling_unit:04d}"],
            "in_service_since": _times(plan, np.array([node.since - node.age_days * DAY_HOURS])),
            "observed_from": _times(plan, np.array([node.since])),
            "observed_until": _times(plan, np.array([until])),
        }
    )


def job_list(plan: SimulationPlan, node: Node, jobs: Jobs) -> pl.DataFrame:
    """Return the jobs of a node as a table."""
    count = len(jobs.start)
    return pl.DataFrame(
        {
            NODE: pl.Series([node.name], dtype=pl.String).new_from_index(0, count),
            "job": pl.Series([f"{node.index}-{number}" for number in range(count)], dtype=pl.String),
            "start": _times(plan, jobs.start),
            "end": _times(plan, jobs.end),
            "outcome": pl.Series(jobs.outcome, dtype=pl.String),
        }
    )


def blind(plan: SimulationPlan, site: SiteEvents) -> pl.DataFrame:
    """Return the blind periods of the whole fleet, each recorded at its end."""
    start, end = (np.array([getattr(span, name) for span in site.blind]) for name in ("start", "end"))
    frame = {"start": _times(plan, start), "end": _times(plan, end), "recorded_at": _times(plan, end)}
    return pl.DataFrame(frame, schema=BLIND_SCHEMA)


def _times(plan: SimulationPlan, hours: Floats) -> pl.Series:
    return pl.Series(plan.to_times(hours)).dt.replace_time_zone("UTC").cast(UTC)
