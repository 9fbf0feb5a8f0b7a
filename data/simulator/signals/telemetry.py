"""The telemetry of a node: what its sensors report while the node is up and the collector works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.schema import NODE, TS, MetricKind
from data.simulator.history.plan import SimulationPlan, Stream
from data.simulator.signals.counters import boot_times, simulate_counters
from data.simulator.signals.gauges import METRICS, SensorInputs, simulate_gauges
from data.simulator.signals.sensor_faults import add_sensor_faults
from data.simulator.signals.symptoms import severities

if TYPE_CHECKING:
    from collections.abc import Iterable

    from data.simulator.history.arrays import Bools, Floats
    from data.simulator.history.jobs import Jobs
    from data.simulator.history.layout import Node
    from data.simulator.history.node_life import NodeLife
    from data.simulator.history.site_events import HourSpan

READING_HOURS: Final = 20 / 3600  # a sample aggregates readings every 20 s, as on M100
LOST_ROWS: Final = 0.0015
LOST_READINGS: Final = 0.002
MAX_UPTIME_HOURS: Final = 60 * 24.0
BOOT_TIME: Final = "boot_time"


def simulate_telemetry(
    plan: SimulationPlan, node: Node, life: NodeLife, jobs: Jobs, environment: tuple[Floats, Iterable[HourSpan]]
) -> pl.DataFrame:
    """Return the telemetry of a node; `environment` is the air temperature at its rack and the silences."""
    rng = plan.rng(Stream.TELEMETRY, node.index)
    (air, silences), times = environment, plan.sample_times()
    inputs = SensorInputs(node, times, air, jobs, severities(life.precursors, times), plan.step)
    values = add_sensor_faults(simulate_gauges(inputs, rng), times, plan.hours, rng)
    values |= simulate_counters(inputs, life.downtimes, rng)
    readings = max(round(plan.step / READING_HOURS), 1)
    values["samples"] = np.maximum(rng.binomial(readings, 1.0 - LOST_READINGS, len(times)), 1).astype(np.float64)
    values[BOOT_TIME] = boot_times(inputs, life.downtimes, float(rng.uniform(0.0, MAX_UPTIME_HOURS)))
    received = is_received(node, life, silences, times) & (rng.random(len(times)) >= LOST_ROWS)
    return _to_frame(plan, node, times[received], {name: series[received] for name, series in values.items()})


def is_received(node: Node, life: NodeLife, silences: Iterable[HourSpan], times: Floats) -> Bools:
    """Return at which times a row is received: the node exists and is up, and the collector works."""
    received = (times > node.since) & (times < node.until)
    missing = [(down.start, down.end) for down in life.downtimes] + [(span.start, span.end) for span in silences]
    for start, end in missing:
        low, high = np.searchsorted(times, (start, end))
        received[low:high] = False
    return received


def _to_frame(plan: SimulationPlan, node: Node, times: Floats, values: dict[str, Floats]) -> pl.DataFrame:
    """Return the columns in their order: Float32, except for Unix times, which need Float64."""
    values[BOOT_TIME] = np.round(values[BOOT_TIME] * 3600.0) + plan.start.timestamp()
    columns = [pl.Series(NODE, [node.name], pl.String).new_from_index(0, len(times))]
    columns += [pl.Series(TS, plan.to_times(times)).dt.replace_time_zone("UTC")]
    for metric in METRICS:
        dtype = pl.Float64 if metric.kind is MetricKind.BOOT_TIME else pl.Float32
        columns.append(pl.Series(metric.name, values[metric.name]).cast(dtype).fill_nan(None))
    return pl.DataFrame(columns)
