from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl

from data.schema import AVAILABLE_AT, TS, Metric, MetricKind
from features.catalogue.catalogue import build
from features.catalogue.fleet_capabilities import FleetCapabilities
from features.compute import batch
from features.feature import Catalogue, Origin
from features.population.at_risk import assess
from tests.benchmarks import pandas_features
from tests.features.fleets import DAY, START, fleet
from tests.features.protocol import daily

NODES, DAYS = 14, 40
METRICS = (Metric("heat", MetricKind.GAUGE), Metric("seen", MetricKind.COUNT))


def test_pandas_and_nodeward_compute_the_same_features() -> None:
    rng = np.random.default_rng(5)
    names = [f"n{number:02d}" for number in range(NODES)]
    keys = [(name, START + day * DAY) for name in names for day in range(DAYS)]
    values = {metric.name: rng.normal(50, 5, len(keys)) for metric in METRICS}
    samples = pl.DataFrame({"node": [n for n, _ in keys], TS: [t for _, t in keys], **values}).with_columns(
        pl.col(TS).dt.cast_time_unit("us"),
        pl.when(pl.int_range(pl.len()) % 11 > 0).then("heat").alias("heat"),
    )
    nodes = [
        {"node": name, "rack": f"r{number % 2}", "observed_from": START - timedelta(days=1)}
        for number, name in enumerate(names)
    ]
    view = fleet(nodes=nodes, telemetry=samples.with_columns(pl.col(TS).alias(AVAILABLE_AT)), metrics=METRICS).view()
    catalogue = build(FleetCapabilities(METRICS, (DAY, 7 * DAY, 30 * DAY), has_racks=True, has_hardware=False))
    features = tuple(f for f in catalogue.features if f.origin is Origin.SAMPLED and pandas_features.covers(f))
    risk = assess(view, daily(START, DAYS), None)
    matrix = batch.compute(Catalogue(features), view, risk, risk.rows())
    frame = samples.join(pl.DataFrame(nodes).select("node", "rack"), on="node").to_pandas()
    expected = pandas_features.compute(frame, features).to_numpy()
    assert len(features) == 25
    for column, feature in enumerate(features):
        np.testing.assert_allclose(expected[:, column], matrix[:, column], rtol=1e-3, atol=1e-4, err_msg=feature.name)
