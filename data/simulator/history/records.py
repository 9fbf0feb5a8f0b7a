"""What people and tools wrote down about simulated nodes: events with their delays, inventory, jobs, blind periods."""

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
    from data.simulator.history.node_life import Down, Life
    from data.simulator.history.site_events import Site

SOURCE: Final = "simulated"
NOTICED: Final = Lognormal(0.1, 0.8)  # hours until a failure is written down
TYPED_SHARE: Final = 0.08  # of failures, which somebody enters by hand later
TYPED: Final = Lognormal(9.0, 0.7)
CLOSED: Final = Lognormal(0.15, 0.8)
PLANNED: Final = 5 * DAY_HOURS  # ahead of the work
MOMENTS: Final = ("start", "end", "recorded_at", "end_recorded_at")


def events(plan: SimulationPlan, node: Node, life: Life, site: Site) -> pl.DataFrame:
    """Write down a node's failures and maintenance, as far as the records reach."""
    rng = plan.rng(Stream.LIFE, node.index, 1)
    rows = [_event(plan, node, down, site, rng) for down in life.downs if down.start < plan.hours]
    kept = [(down, row) for down, row in rows if row[2] <= plan.hours]
    table = np.array([row for _, row in kept]).reshape(len(kept), len(MOMENTS))
    return pl.DataFrame(
        {
            NODE: pl.Series([node.name] * len(kept), dtype=pl.String),
            "kind": pl.Series([down.kind for down, _ in kept], dtype=pl.String),
            "cause": pl.Series([down.cause for down, _ in kept], dtype=pl.String),
            "source": pl.Series([SOURCE] * len(kept), dtype=pl.String),
            **{name: _moments(plan, table[:, at]) for at, name in enumerate(MOMENTS)},
        }
    )


def _event(
    plan: SimulationPlan, node: Node, down: Down, site: Site, rng: np.random.Generator
) -> tuple[Down, tuple[float, float, float, float]]:
    """Give the four moments of an event; nan where the records end before."""
    if down.kind == EventKind.MAINTENANCE:
        recorded = max(down.start - PLANNED, 0.0)
    else:
        delay = NOTICED.draw(rng) + (TYPED.draw(rng) if rng.random() < TYPED_SHARE else 0.0)
        recorded = _seen(down.start, site) + delay
    end = min(down.end, node.until)
    closed = max(_seen(end, site) + CLOSED.draw(rng), recorded)
    is_over = closed <= plan.hours
    return down, (down.start, end if is_over else np.nan, recorded, closed if is_over else np.nan)


def _seen(moment: float, site: Site) -> float:
    """Give when the collectors first could see something: while they are down they see nothing."""
    return next((span.end for span in site.blind if span.start <= moment < span.end), moment)


def inventory(plan: SimulationPlan, node: Node) -> pl.DataFrame:
    """Write down a node's place and kind; `observed_until` is null while it is there."""
    until = node.until if node.until < plan.hours else np.nan
    return pl.DataFrame(
        {
            NODE: [node.name],
            "rack": [f"sim-rack-{node.rack:05d}"],
            "hardware": [node.hardware.name],
            "partition": [node.hardware.partition],
            "slot": [node.slot],
            "cooling_unit": [f"sim-crah-{node.unit:04d}"],
            "in_service_since": _moments(plan, np.array([node.since - node.age_days * DAY_HOURS])),
            "observed_from": _moments(plan, np.array([node.since])),
            "observed_until": _moments(plan, np.array([until])),
        }
    )


def job_list(plan: SimulationPlan, node: Node, jobs: Jobs) -> pl.DataFrame:
    """Write down a node's jobs."""
    count = len(jobs.start)
    return pl.DataFrame(
        {
            NODE: pl.Series([node.name], dtype=pl.String).new_from_index(0, count),
            "job": pl.Series([f"{node.index}-{number}" for number in range(count)], dtype=pl.String),
            "start": _moments(plan, jobs.start),
            "end": _moments(plan, jobs.end),
            "outcome": pl.Series(jobs.outcome, dtype=pl.String),
        }
    )


def blind(plan: SimulationPlan, site: Site) -> pl.DataFrame:
    """Write down when the collectors were down for the whole fleet; known once they are back."""
    start, end = (np.array([getattr(span, side) for span in site.blind]) for side in ("start", "end"))
    frame = {"start": _moments(plan, start), "end": _moments(plan, end), "recorded_at": _moments(plan, end)}
    return pl.DataFrame(frame, schema=BLIND_SCHEMA)


def _moments(plan: SimulationPlan, hours: Floats) -> pl.Series:
    return pl.Series(plan.moments(hours)).dt.replace_time_zone("UTC").cast(UTC)
