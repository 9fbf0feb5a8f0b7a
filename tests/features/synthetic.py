"""A made-up fleet with every kind of metric, samples that come late and events that are recorded late."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from data.schema import AVAILABLE_AT, BLIND_SCHEMA, EVENT_SCHEMA, NODE_SCHEMA, TS, Metric, MetricKind
from features.grid import to_numpy
from tests.features.fleets import DAY, START, Fleet

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDTH = timedelta(hours=6)
METRICS = (
    Metric("temperature", MetricKind.GAUGE, unit="°C", idle_below=20.5),
    Metric("ecc", MetricKind.COUNTER, unit="errors"),
    Metric("seen_n", MetricKind.COUNT, unit="samples"),
    Metric("boot", MetricKind.BOOT_TIME, unit="s"),
    Metric("hours", MetricKind.AGE, unit="h"),
    Metric("reallocated", MetricKind.COUNTER, "on_change", "sectors"),
    Metric("power_on", MetricKind.AGE, "on_change", "h"),
    Metric("pending", MetricKind.GAUGE, "on_change", "sectors"),
)
HOUR = np.timedelta64(3_600_000_000, "us")
TICK = pl.duration(microseconds=1)


def synthetic(rng: np.random.Generator, nodes: int = 30, days: int = 50) -> Fleet:
    """Draw a fleet with telemetry from START on, for so many days."""
    names = np.array([f"n{number:03d}" for number in range(nodes)])
    return Fleet(
        _events(rng, names, days),
        _nodes(rng, names, days),
        _blind(),
        _telemetry(rng, names, days),
        METRICS,
        WIDTH,
    )


def faster(fleet: Fleet, factor: int) -> Fleet:
    """Let everything happen so many times as fast, from START on: at 72, buckets are 5 minutes wide."""

    def soon(table: pl.DataFrame) -> pl.DataFrame:
        times = [name for name, kind in table.schema.items() if isinstance(kind, pl.Datetime)]
        return table.with_columns(
            (pl.lit(START) + ((pl.col(name) - START).dt.total_microseconds() // factor * TICK)).alias(name)
            for name in times
        )

    boot = START.timestamp() + (pl.col("boot") - START.timestamp()) / factor
    events, nodes, blind, telemetry = map(soon, (fleet.events, fleet.nodes, fleet.blind, fleet.telemetry))
    return Fleet(events, nodes, blind, telemetry.with_columns(boot=boot), fleet.metrics, fleet.width / factor)


def at_width(fleet: Fleet, width: timedelta) -> Fleet:
    """Return the fleet with buckets of a width: at a speed at which they hold as much as before, or wider ones."""
    return faster(fleet, fleet.width // width) if width <= fleet.width else replace(fleet, width=width)


def _times(hours: NDArray[np.float64]) -> pl.Series:
    spans = np.where(np.isnan(hours), np.timedelta64("NaT", "us"), np.nan_to_num(hours * 3.6e9).astype("m8[us]"))
    return pl.Series(to_numpy(START) + spans).dt.replace_time_zone("UTC")


def _nodes(rng: np.random.Generator, names: NDArray[np.str_], days: int) -> pl.DataFrame:
    count = len(names)
    first_hour = np.where(rng.random(count) < 0.8, -240.0, rng.integers(0, days * 12, count))
    last_hour = np.where(rng.random(count) < 0.7, np.nan, rng.integers(days * 12, days * 24, count))
    return pl.DataFrame(
        {
            "node": names,
            "rack": [f"r{number % 3}" for number in range(count)],
            "hardware": rng.choice(["old", "new"], count),
            "partition": None,
            "labels": None,
            "observed_from": _times(first_hour),
            "observed_until": _times(last_hour),
            "as_of": None,
            "revised_at": None,
        },
        schema=NODE_SCHEMA,
    )


def _events(rng: np.random.Generator, names: NDArray[np.str_], days: int) -> pl.DataFrame:
    count = len(names) * 4
    start = rng.integers(-200, days * 24, count) + rng.random(count)
    length = rng.choice([0.0, 0.3, 7.7, 60.0, np.nan], count, p=[0.2, 0.3, 0.3, 0.19, 0.01])
    delay = rng.choice([0.0, 0.0, 11.0, 100.0], (2, count))
    return pl.DataFrame(
        {
            "node": rng.choice(names, count),
            "start": _times(start),
            "end": _times(start + length),
            "kind": rng.choice(["failure", "failure", "maintenance", "action", "note"], count),
            "cause": rng.choice(["fan", "gpu", "disk"], count),
            "source": "made up",
            "recorded_at": _times(start + delay[0]),
            "end_recorded_at": _times(start + length + delay[1]),
            "labels": None,
        },
        schema=EVENT_SCHEMA,
    )


def _blind() -> pl.DataFrame:
    spans = [(10, 11.5), (30, 31)]
    rows = [(START + begin * DAY, START + end * DAY, START + (end + 1) * DAY) for begin, end in spans]
    return pl.DataFrame(rows, schema=BLIND_SCHEMA, orient="row")


def _telemetry(rng: np.random.Generator, names: NDArray[np.str_], days: int) -> pl.DataFrame:
    """Draw a sample about every 3 hours, with gaps, missing values and resets; one in five is up to two days late."""
    steps = days * 8
    node, step = (axis.ravel() for axis in np.meshgrid(np.arange(len(names)), np.arange(steps), indexing="ij"))
    count = len(node)
    values = _values(rng, node, step)
    for column in values.values():
        column[rng.random(count) < 0.1] = np.nan
    late = np.where(rng.random(count) < 0.2, rng.integers(0, 48, count), 0)
    ts = to_numpy(START) + (step * 3 + rng.choice([0, 0, 0, 1], count)) * HOUR
    frame = pl.DataFrame({"node": names[node], TS: ts, AVAILABLE_AT: ts + late * HOUR, **values})
    utc = [pl.col(name).dt.replace_time_zone("UTC") for name in (TS, AVAILABLE_AT)]
    return frame.with_columns(utc).filter(rng.random(count) < 0.85)


def _values(
    rng: np.random.Generator, node: NDArray[np.int64], step: NDArray[np.int64]
) -> dict[str, NDArray[np.float64]]:
    count = len(node)
    rises = rng.poisson(0.3, count).cumsum() % 50
    return {
        "temperature": np.where(rng.random(count) < 0.1, rng.choice([0.0, -0.0], count), 20 + rng.normal(0, 3, count)),
        "ecc": rises.astype(np.float64),
        "seen_n": rng.integers(40, 100, count).astype(np.float64),
        "boot": START.timestamp() + 3_600.0 * (step // 40) * (node % 5),
        "hours": 1_000.0 + step * 3,
        "reallocated": np.where(rng.random(count) < 0.1, rises, np.nan),
        "power_on": np.where(rng.random(count) < 0.2, 500.0 + step * 3, np.nan),
        "pending": np.where(rng.random(count) < 0.05, rng.choice([0.0, 0.0, 1.0, 8.0], count), np.nan),
    }
