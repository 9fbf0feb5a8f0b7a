"""Times the window features of Marconi100 against pandas: `python -m tests.benchmarks.bench_catalogue`.

Each side is a separate process: it reads the Parquet file, and computes the same features of every node and day. For
Backblaze, whose matrix is larger, Nodeward computes the whole weekly panel block by block.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pandas as pd
import polars as pl

from data.delta.rollup import rollup
from data.schema import AGGREGATES, NODE, TELEMETRY_KEYS, bucket_column
from data.view import RecordFrames, hindsight
from features.catalogue.catalogue import build
from features.catalogue.fleet_capabilities import FleetCapabilities, capabilities_of
from features.compute import batch
from features.feature import Catalogue, Origin
from features.grid import to_numpy
from features.population.at_risk import assess, cutoffs_until
from features.telemetry import on_change
from pipelines.settings.load import load
from pipelines.wiring import wiring
from pipelines.wiring.training_setup import training_setup
from tests.benchmarks import pandas_features
from tests.benchmarks.bench_windows import InMemoryBuckets
from tests.benchmarks.tables import HEADER, table

if TYPE_CHECKING:
    from data.view import View
    from features.population.at_risk import AtRisk

M100: Final = "examples/m100.toml"
BACKBLAZE: Final = "examples/backblaze.toml"
PANDAS_BACKBLAZE_GB: Final = 6.0  # of plain pandas when the target was set
GIGABYTE: Final = 1e9
Row = tuple[str, str, str]


def fleet(config: str) -> tuple[View, AtRisk, Catalogue]:
    """Read an example's records, roll them up, and list its cutoffs and features."""
    settings = load(Path(config))
    source = wiring.source(settings)
    samples = pl.concat(list(source.telemetry()), how="diagonal")
    metrics, newest = [name for name in samples.columns if name not in TELEMETRY_KEYS], samples["ts"].max()
    assert isinstance(newest, datetime), "there is telemetry"
    buckets = rollup(samples, metrics, settings.buckets.width)
    del samples
    setup = training_setup(settings, metrics)
    unused = [
        bucket_column(metric.name, aggregate)
        for metric in setup.metrics
        if metric.sampling == "on_change"
        for aggregate in set(AGGREGATES) - set(on_change.AGGREGATES)
    ]
    buckets = buckets.drop(unused)  # a view of Delta tables would not read them
    view = hindsight(
        RecordFrames(source.events(), source.nodes(), source.blind()), settings.buckets.width, InMemoryBuckets(buckets)
    )
    view = view.narrow(newest)
    first = view.nodes()["observed_from"].min()
    assert isinstance(first, datetime), "there are nodes"
    risk = assess(view, cutoffs_until(view, to_numpy(first), setup.design.every), setup.design.coverage)
    return view, risk, build(capabilities_of(view, setup.metrics, setup.windows))


def comparable(catalogue: Catalogue) -> Catalogue:
    """Keep the features that the pandas side knows."""
    features = catalogue.features
    return Catalogue(tuple(f for f in features if f.origin is Origin.SAMPLED and pandas_features.covers(f)))


def by_nodeward() -> tuple[int, int]:
    """Compute the comparable features of Marconi100; return the numbers of rows and features."""
    view, risk, catalogue = fleet(M100)
    matrix = batch.compute(comparable(catalogue), view, risk, risk.rows())
    return matrix.shape


def by_pandas() -> tuple[int, int]:
    """Compute the same with pandas."""
    settings = load(Path(M100))
    folder = settings.source.path
    frame = pd.read_parquet(folder / "telemetry.parquet")
    racks = pd.read_parquet(folder / "nodes.parquet", columns=[NODE, "rack"])
    metrics = tuple(settings.metrics.metric(name) for name in sorted(set(frame.columns) - {"node", "ts"}))
    capabilities = FleetCapabilities(metrics, settings.features.windows, has_racks=True, has_hardware=False)
    features = comparable(build(capabilities)).features
    return pandas_features.compute(frame.merge(racks, on=NODE, how="left"), features).shape


def by_blocks() -> tuple[int, int]:
    """Compute all features of Backblaze's weekly panel, block by block; return the numbers of rows and features."""
    view, risk, catalogue = fleet(BACKBLAZE)
    blocks = batch.blocks(catalogue, view, risk, risk.rows())
    return sum(len(values) for _, values in blocks), len(catalogue.names)


SIDES: Final = {"nodeward": by_nodeward, "pandas": by_pandas, "blocks": by_blocks}


def measured(side: str) -> dict[str, float]:
    """Run a side in a separate process."""
    command = ["env", "MALLOC_ARENA_MAX=2", sys.executable, "-m", "tests.benchmarks.bench_catalogue", side]
    process = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  - our own module, by POSIX env
    return json.loads(process.stdout)  # type: ignore[no-any-return]  # what main writes


def rows() -> list[Row]:
    """Measure both sides of Marconi100, and Backblaze's panel."""
    nodeward, pandas, drives = measured("nodeward"), measured("pandas"), measured("blocks")
    speedup, times = pandas["seconds"] / nodeward["seconds"], (nodeward["seconds"], pandas["seconds"])
    return [
        (
            f"Marconi100, {nodeward['features']:.0f} window features: over pandas",
            f"{speedup:.1f} times ({times[0]:.1f} s, {times[1]:.1f} s)",
            "at least 5",
        ),
        ("peak memory, Nodeward's and pandas'", f"{nodeward['gb']:.2f} GB, {pandas['gb']:.2f} GB", ""),
        (
            f"Backblaze, weekly panel of {drives['rows'] / 1e6:.1f} M x {drives['features']:.0f} by blocks",
            f"{drives['gb']:.2f} GB, {drives['seconds']:.0f} s",
            f"at most {PANDAS_BACKBLAZE_GB / 4} GB",
        ),
    ]


def main() -> None:
    """Print the table; or, given a side, run it and print its time and memory."""
    if len(sys.argv) == 1:
        sys.stdout.write(table(HEADER, rows()))
        return
    began = time.perf_counter()
    height, width = SIDES[sys.argv[1]]()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIGABYTE
    seconds = time.perf_counter() - began
    sys.stdout.write(json.dumps({"rows": height, "features": width, "seconds": seconds, "gb": peak}))


if __name__ == "__main__":
    main()
