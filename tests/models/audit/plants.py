"""A clean made-up fleet that can be forecast, and functions that plant one problem in its records."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from data.outages import merge_failures
from data.schema import AVAILABLE_AT, BLIND_SCHEMA, EVENT_SCHEMA, NODE_SCHEMA, TS, Metric, MetricKind
from features.training.training_set import Design
from models.audit.arrivals import Arrivals
from models.audit.context import AuditMaterial
from models.backtest.replay import BacktestWindow
from models.setup import Params, Recipe, Setup
from tests.features.fleets import DAY, START, Fleet

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.audit.finding import Finding

HOUR = timedelta(hours=1)
NODES, DAYS, TEST = 100, 160, 110
WINDOW = BacktestWindow(START + TEST * DAY, START + DAYS * DAY)
HORIZONS = (DAY, 3 * DAY, 7 * DAY)
METRICS = (
    Metric("temperature", MetricKind.GAUGE, unit="°C"),
    Metric("load", MetricKind.GAUGE, idle_below=0.8),
    Metric("errors", MetricKind.COUNTER, unit="errors"),
    Metric("seen", MetricKind.COUNT, unit="samples"),
)
WARM = timedelta(days=4)  # before a failure
FALSE_ALARMS = 400


def names() -> NDArray[np.str_]:
    return np.array([f"n{number:03d}" for number in range(NODES)])


@cache
def clean() -> Fleet:
    """Draw nodes that differ in how often they fail, and mostly get warm before they do."""
    rng = np.random.default_rng(11)
    events = _events(rng)
    return Fleet(events, inventory(), pl.DataFrame(schema=BLIND_SCHEMA), _telemetry(rng, events), METRICS)


def inventory() -> pl.DataFrame:
    rows = {
        "node": names(),
        "rack": [f"r{node // 10}" for node in range(NODES)],
        "observed_from": [START - 30 * DAY] * NODES,
    }
    return pl.DataFrame(rows, schema_overrides={"observed_from": NODE_SCHEMA["observed_from"]}).select(
        *(pl.col(name) if name in rows else pl.lit(None, kind).alias(name) for name, kind in NODE_SCHEMA.items())
    )


def failures(node: NDArray[np.str_], day: NDArray[np.float64], late_hours: NDArray[np.float64]) -> pl.DataFrame:
    """Record failures of two hours each, so many hours late."""
    start = [START + timedelta(days=float(begin)) for begin in day]
    late = [timedelta(hours=float(hours)) for hours in late_hours]
    rows = [
        {
            "node": str(name),
            "start": begin,
            "end": begin + 2 * HOUR,
            "kind": "failure",
            "recorded_at": begin + delay,
            "end_recorded_at": begin + 2 * HOUR + delay,
        }
        for name, begin, delay in zip(node, start, late, strict=True)
    ]
    return pl.DataFrame([{name: row.get(name) for name in EVENT_SCHEMA} for row in rows], schema=dict(EVENT_SCHEMA))


def _events(rng: np.random.Generator) -> pl.DataFrame:
    rate = rng.gamma(0.5, 0.04, NODES)
    node = np.repeat(names(), rng.poisson(rate * DAYS))
    return failures(node, rng.uniform(0, DAYS, len(node)), rng.lognormal(-0.5, 0.8, len(node)))


def _telemetry(rng: np.random.Generator, events: pl.DataFrame) -> pl.DataFrame:
    node, day = (axis.ravel() for axis in np.meshgrid(np.arange(NODES), np.arange(DAYS + 1), indexing="ij"))
    warmth = rng.normal(40, 2, len(node))
    index = {name: i for i, name in enumerate(names().tolist())}
    spells = [(index[name], (start - START) / DAY) for name, start, _ in merge_failures(events).iter_rows()]
    spells += zip(
        rng.integers(0, NODES, FALSE_ALARMS).tolist(), rng.uniform(0, DAYS, FALSE_ALARMS).tolist(), strict=True
    )
    for warm_node, end in spells:
        in_spell = (node == warm_node) & (end > day) & (end - day < WARM / DAY)
        warmth[in_spell] += 7 * (rng.random() < 1 / 2)
    moments = [START + int(number) * DAY for number in day]
    return pl.DataFrame(
        {
            "node": names()[node],
            TS: moments,
            AVAILABLE_AT: moments,
            "temperature": warmth,
            "load": rng.normal(1, 0.3, len(node)),
            "errors": rng.poisson(0.3, (NODES, DAYS + 1)).cumsum(axis=1).ravel().astype(np.float64),
            "seen": rng.integers(95, 100, len(node)).astype(np.float64),
        }
    ).with_columns(pl.col(TS, AVAILABLE_AT).cast(EVENT_SCHEMA["start"]))


def ahead_of_failure(fleet: Fleet, days: float) -> pl.Series:
    """Mark the rows of telemetry whose node fails within so many days."""
    begins = merge_failures(fleet.events).select("node", pl.col("start").alias("next")).sort("next")
    rows = fleet.telemetry.with_row_index("row").sort(TS)
    joined = rows.join_asof(begins, left_on=TS, right_on="next", by="node", strategy="forward", check_sortedness=False)
    return (
        joined.sort("row")
        .select((pl.col("next") - pl.col(TS) <= timedelta(days=days)).fill_null(value=False))
        .to_series()
    )


def setup_of(metrics: tuple[Metric, ...] = METRICS) -> Setup:
    return Setup(
        design=Design(HORIZONS, DAY, None, 5.0),
        recipe=Recipe(Params(leaves=4, min_child=10, seeds=1), 0, DAY),
        metrics=metrics,
        windows=(DAY, 3 * DAY, 7 * DAY),
        rule=(),
        min_failures=10,
        history_start=None,
    )


def material(fleet: Fleet, window: BacktestWindow = WINDOW) -> AuditMaterial:
    return AuditMaterial(fleet.view(), window, setup_of(fleet.metrics), Arrivals(fleet.telemetry.height, 0, 0, 0), 0.02)


def with_metric(fleet: Fleet, name: str, values: pl.Series | pl.Expr) -> Fleet:
    """Add a column of telemetry."""
    return replace(
        fleet,
        telemetry=fleet.telemetry.with_columns(values.alias(name)),
        metrics=(*fleet.metrics, Metric(name)),
    )


def named(findings: tuple[Finding, ...], name: str) -> Finding:
    return next(finding for finding in findings if finding.name == name)


def at(day: float) -> datetime:
    return START + timedelta(days=day)
