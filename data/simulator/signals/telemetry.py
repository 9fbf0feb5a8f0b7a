"""One node's telemetry: what its sensors say, where it was up and its collector listened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.schema import NODE, TS, MetricKind
from data.simulator.history.plan import SimulationPlan, Stream
from data.simulator.signals.counters import boot_times, counts
from data.simulator.signals.gauges import METRICS, Body, levels
from data.simulator.signals.sensor_faults import distort
from data.simulator.signals.symptoms import severities

if TYPE_CHECKING:
    from collections.abc import Iterable

    from data.simulator.history.arrays import Bools, Floats
    from data.simulator.history.jobs import Jobs
    from data.simulator.history.layout import Node
    from data.simulator.history.node_life import Life
    from data.simulator.history.site_events import Span

READING_HOURS: Final = 20 / 3600  # a sample stands for readings every 20 s, as on M100
LOST_ROWS: Final = 0.0015
LOST_READINGS: Final = 0.002
LONGEST_UPTIME: Final = 60 * 24.0
BOOT_TIME: Final = "boot_time"


def measure(
    plan: SimulationPlan, node: Node, life: Life, jobs: Jobs, surroundings: tuple[Floats, Iterable[Span]]
) -> pl.DataFrame:
    """Give a node's telemetry; `surroundings` are the air at its rack's foot, and when nobody listened."""
    rng = plan.rng(Stream.TELEMETRY, node.index)
    (air, silences), times = surroundings, plan.grid()
    body = Body(node, times, air, jobs, severities(life.precursors, times), plan.step)
    told = distort(levels(body, rng), times, plan.hours, rng)
    told |= counts(body, life.downs, rng)
    readings = max(round(plan.step / READING_HOURS), 1)
    told["samples"] = np.maximum(rng.binomial(readings, 1.0 - LOST_READINGS, len(times)), 1).astype(np.float64)
    told[BOOT_TIME] = boot_times(body, life.downs, float(rng.uniform(0.0, LONGEST_UPTIME)))
    heard = is_heard(node, life, silences, times) & (rng.random(len(times)) >= LOST_ROWS)
    return _frame(plan, node, times[heard], {name: values[heard] for name, values in told.items()})


def is_heard(node: Node, life: Life, silences: Iterable[Span], times: Floats) -> Bools:
    """Tell at which times a row arrives: the node is there and up, and somebody listens."""
    heard = (times > node.since) & (times < node.until)
    missing = [(down.start, down.end) for down in life.downs] + [(span.start, span.end) for span in silences]
    for start, end in missing:
        low, high = np.searchsorted(times, (start, end))
        heard[low:high] = False
    return heard


def _frame(plan: SimulationPlan, node: Node, times: Floats, told: dict[str, Floats]) -> pl.DataFrame:
    """Put the columns in their order: floats at half width, but for Unix times, which need all of it."""
    told[BOOT_TIME] = np.round(told[BOOT_TIME] * 3600.0) + plan.start.timestamp()
    columns = [pl.Series(NODE, [node.name], pl.String).new_from_index(0, len(times))]
    columns += [pl.Series(TS, plan.moments(times)).dt.replace_time_zone("UTC")]
    for metric in METRICS:
        width = pl.Float64 if metric.kind is MetricKind.BOOT_TIME else pl.Float32
        columns.append(pl.Series(metric.name, told[metric.name]).cast(width).fill_nan(None))
    return pl.DataFrame(columns)
