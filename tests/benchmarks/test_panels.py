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
from tests.benchmarks import panels
from tests.features.fleets import DAY, START, fleet
from tests.features.protocol import daily

NODES, DAYS = 14, 40
METRICS = (Metric("heat", MetricKind.GAUGE), Metric("seen", MetricKind.COUNT))


def test_pandas_computes_the_features_that_ours_does() -> None:
    rng = np.random.default_rng(5)
    names = [f"n{number:02d}" for number in range(NODES)]
    keys = [(name, START + day * DAY) for name in names for day in range(DAYS)]
    values = {metric.name: rng.normal(50, 5, len(keys)) for metric in METRICS}
    samples = pl.DataFrame({"node": [n for n, _ in keys], TS: [t for _, t in keys], **values}).with_columns(
        pl.col(TS).dt.cast_time_unit("us"),
        pl.when(pl.int_range(pl.len()) % 11 > 0).then("heat").alias("heat"),
    )
    nodes = [
        {"node": name, "rack": f"r{at % 2}", "observed_from": START - timedelta(days=1)}
        for at, name in enumerate(names)
    ]
    view = fleet(nodes=nodes, telemetry=samples.with_columns(pl.col(TS).alias(AVAILABLE_AT)), metrics=METRICS).view()
    everything = build(FleetCapabilities(METRICS, (DAY, 7 * DAY, 30 * DAY), has_racks=True, has_hardware=False))
    wanted = tuple(f for f in everything.features if f.origin is Origin.SAMPLED and panels.covers(f))
    risk = assess(view, daily(START, DAYS), None)
    own = batch.compute(Catalogue(wanted), view, risk, risk.rows())
    frame = samples.join(pl.DataFrame(nodes).select("node", "rack"), on="node").to_pandas()
    theirs = panels.windows(frame, wanted).to_numpy()
    for at, feature in enumerate(wanted):
        np.testing.assert_allclose(theirs[:, at], own[:, at], rtol=1e-3, atol=1e-4, err_msg=feature.name)
