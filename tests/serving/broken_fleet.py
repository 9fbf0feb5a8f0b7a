"""A small fleet with hourly samples, in which tests break one part at a known time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.schema import AVAILABLE_AT, TS, Metric, MetricKind
from features.catalogue.catalogue import build
from features.catalogue.fleet_capabilities import FleetCapabilities
from features.compute import batch
from features.grid import to_numpy
from features.population.at_risk import assess
from serving.explanation.explain import ScoredRows, explain
from tests.features.fleets import DAY, START, fleet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from serving.explanation.reason import Reason
    from tests.features.fleets import Fleet

HOUR: Final = timedelta(hours=1)
WIDTH: Final = 6 * HOUR
NOW: Final = START + 12 * DAY
NAMES: Final = tuple(f"n{number:02d}" for number in range(12))
METRICS: Final = (
    Metric("fan", MetricKind.GAUGE, unit="RPM", label="fan speed"),
    Metric("ecc", MetricKind.COUNTER, unit="errors", label="corrected memory errors"),
    Metric("seen_n", MetricKind.COUNT, unit="samples"),
    Metric("sectors", MetricKind.COUNTER, "on_change", "sectors"),
)
WINDOWS: Final = (DAY, 7 * DAY)
CATALOGUE: Final = build(FleetCapabilities(METRICS, WINDOWS, has_racks=True, has_hardware=False, causes=("memory",)))


def healthy(hours: int = 24 * 12) -> pl.DataFrame:
    """Sample every node every hour: fans from 5,000 to 6,100 RPM, no errors, all samples."""
    node, hour = (axis.ravel() for axis in np.meshgrid(np.arange(len(NAMES)), np.arange(1, hours + 1), indexing="ij"))
    ts = pl.Series(to_numpy(START) + hour * np.timedelta64(3600, "s")).dt.replace_time_zone("UTC")
    return pl.DataFrame(
        {
            "node": np.array(NAMES)[node],
            TS: ts.cast(pl.Datetime("us", "UTC")),
            AVAILABLE_AT: ts.cast(pl.Datetime("us", "UTC")),
            "fan": 5_000.0 + 100.0 * node,
            "ecc": np.zeros(len(node)),
            "seen_n": np.full(len(node), 60.0),
            "sectors": np.where(hour == 1, 0.0, np.nan),
        }
    )


def with_fault(telemetry: pl.DataFrame, node: str, since: datetime, **values: object) -> pl.DataFrame:
    """Set some metrics of a node from a time on; a value may be an expression."""
    is_faulty = (pl.col("node") == node) & (pl.col(TS) >= since)
    return telemetry.with_columns(
        pl.when(is_faulty)
        .then(value if isinstance(value, pl.Expr) else pl.lit(value, pl.Float64))
        .otherwise(name)
        .alias(name)
        for name, value in values.items()
    )


def fleet_of(
    telemetry: pl.DataFrame,
    events: Sequence[Mapping[str, object]] = (),
    observed_from: Mapping[str, datetime] | None = None,
    only: Sequence[str] = NAMES,
) -> Fleet:
    """Build a fleet of two racks; nodes are observed from a month before START, or from a given time."""
    since = dict.fromkeys(NAMES, START - 30 * DAY) | dict(observed_from or {})
    nodes = [
        {"node": name, "rack": f"r{number % 2}", "hardware": "x", "observed_from": since[name]}
        for number, name in enumerate(only)
    ]
    return replace(fleet(events, nodes, telemetry=telemetry, metrics=METRICS), width=WIDTH)


def reasons_of(
    records: Fleet, node: str, log_odds_by_feature: Mapping[str, float], at: datetime = NOW
) -> tuple[Reason, ...]:
    """Explain the score of one node, given what some features contribute to its log-odds."""
    view = records.view(at)
    risk = assess(view, np.array([to_numpy(at)]), None)
    rows = risk.rows()
    features = batch.compute(CATALOGUE, view, risk, rows)
    contributions = np.zeros(features.shape)
    row = [rows.names[number] for number in rows.node].index(node)
    for name, log_odds in log_odds_by_feature.items():
        contributions[row, CATALOGUE.names.index(name)] = log_odds
    scored = ScoredRows(CATALOGUE, rows, features, contributions, contributions.sum(axis=1))
    return explain(view, scored, METRICS)[row]
