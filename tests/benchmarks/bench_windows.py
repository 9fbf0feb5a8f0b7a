"""Times window features against pandas and Polars rolling at full rate: `python -m tests.benchmarks.bench_windows`.

200 nodes, 3 days, a sample a minute, 10 metrics; mean, standard deviation, minimum and maximum over 1, 6 and 24
hours, at each hour. Nodeward reads every sample too: the rollup is part of its time.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.delta.rollup import rollup
from data.schema import BLIND_SCHEMA, BUCKET_END, BUCKET_KEYS, EVENT_SCHEMA, NODE, NODE_SCHEMA, TS
from data.schema import UTC as TIMES
from data.view import BucketReader, RecordFrames, View, hindsight
from features.catalogue.gauges import STD
from features.compute import batch
from features.feature import Catalogue, Feature
from features.grid import to_numpy
from features.population.at_risk import assess
from features.telemetry.window_statistics import MAX, MEAN, MIN
from tests.benchmarks.tables import HEADER, table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

START: Final = datetime(2025, 1, 1, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
DAYS: Final = 3
NODES: Final = 200
METRICS: Final = tuple(f"metric{number}" for number in range(10))
STATISTICS: Final = ("mean", "std", "min", "max")
WINDOWS: Final = (HOUR, 6 * HOUR, 24 * HOUR)
CATALOGUE: Final = Catalogue(
    tuple(
        Feature(metric, statistic, window, "", "a benchmark")
        for metric in METRICS
        for statistic in (MEAN, STD, MIN, MAX)
        for window in WINDOWS
    )
)
REPEATS: Final = 3


@dataclass(frozen=True, slots=True)
class InMemoryBuckets:
    """A bucket table in memory, as a view reads it."""

    table: pl.DataFrame

    def read(self, columns: Sequence[str], until: datetime, start: datetime | None = None) -> pl.DataFrame:
        """Read some columns of the buckets that end in a span of time."""
        end, table = pl.col(BUCKET_END), self.table.select(*BUCKET_KEYS, *columns)
        return table.filter(end <= until) if start is None else table.filter(end.is_between(start, until))


def made_up(nodes: int) -> pl.DataFrame:
    """Draw telemetry: random walks, a sample a minute."""
    rng, samples = np.random.default_rng(0), DAYS * 24 * 60
    minutes = to_numpy(START) + np.arange(1, samples + 1) * np.timedelta64(60_000_000, "us")
    ts = pl.Series(TS, np.tile(minutes, nodes)).cast(TIMES)
    walks = {name: 50 + 0.01 * rng.normal(size=nodes * samples).cumsum() for name in METRICS}
    return pl.DataFrame({NODE: np.repeat(names(nodes), samples), TS: ts, "available_at": ts, **walks})


def names(nodes: int) -> list[str]:
    """Return the names of nodes."""
    return [f"node{number:05d}" for number in range(nodes)]


def by_nodeward(telemetry: pl.DataFrame) -> NDArray[np.float32]:
    """Roll the samples up into hours, and compute the catalogue at each hour: (nodes x hours) x features."""
    nodes = telemetry[NODE].unique(maintain_order=True)
    view = view_of(InMemoryBuckets(rollup(telemetry, METRICS, HOUR)), nodes).narrow(START + timedelta(days=DAYS))
    cutoffs = to_numpy(START) + np.arange(1, DAYS * 24 + 1) * np.timedelta64(3_600_000_000, "us")
    risk = assess(view, cutoffs, None)
    return batch.compute(CATALOGUE, view, risk, risk.rows())


def view_of(buckets: BucketReader, nodes: pl.Series) -> View:
    """Return a view of buckets of nodes that are always observed and never fail."""
    inventory = pl.DataFrame({NODE: nodes}).with_columns(
        pl.lit(START - HOUR).cast(TIMES).alias("observed_from"), pl.lit(START).cast(TIMES).alias("as_of")
    )
    unknown = [pl.lit(None, dtype).alias(name) for name, dtype in NODE_SCHEMA.items() if name not in inventory.columns]
    inventory = inventory.with_columns(unknown).select(*NODE_SCHEMA)
    records = RecordFrames(pl.DataFrame(schema=EVENT_SCHEMA), inventory, pl.DataFrame(schema=BLIND_SCHEMA))
    return hindsight(records, HOUR, buckets)


def by_polars(telemetry: pl.DataFrame) -> pl.DataFrame:
    """Roll over every sample with Polars, and keep the hours."""
    rolled = [
        getattr(pl.col(metric), f"rolling_{statistic}_by")(TS, window).over(NODE).alias(f"{metric}{statistic}{window}")
        for metric in METRICS
        for statistic in STATISTICS
        for window in WINDOWS
    ]
    return telemetry.select(NODE, TS, *rolled).filter(pl.col(TS).dt.minute() == 0)


def by_pandas(telemetry: pl.DataFrame) -> object:
    """Roll over every sample with pandas."""
    frame = telemetry.drop("available_at").to_pandas().set_index(TS)
    rolling = [frame.groupby(NODE)[list(METRICS)].rolling(window) for window in WINDOWS]
    return [getattr(windows, statistic)() for windows in rolling for statistic in STATISTICS]


def seconds(work: Callable[[pl.DataFrame], object], telemetry: pl.DataFrame, repeats: int) -> float:
    """Time the fastest of a few runs."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work(telemetry)
        times.append(time.perf_counter() - began)
    return min(times)


def largest_difference(telemetry: pl.DataFrame) -> float:
    """Compute the largest difference between Nodeward's means over 6 hours and Polars', relative to their size."""
    means = by_nodeward(telemetry)[:, CATALOGUE.names.index(f"{METRICS[0]}__mean__6h")]
    rolling = pl.col(METRICS[0]).rolling_mean_by(TS, 6 * HOUR).over(NODE)
    expected = telemetry.select(rolling, hour=pl.col(TS).dt.minute() == 0).filter("hour")[METRICS[0]].to_numpy()
    return float(np.max(np.abs(means - expected) / np.abs(expected)))


def rows() -> list[tuple[str, str, str]]:
    """Measure how much faster Nodeward is, and what ten times the nodes cost."""
    telemetry = made_up(NODES)
    base = seconds(by_nodeward, telemetry, REPEATS)
    polars, pandas = seconds(by_polars, telemetry, 2), seconds(by_pandas, telemetry, 1)
    tenfold = seconds(by_nodeward, made_up(10 * NODES), REPEATS) / seconds(by_nodeward, telemetry, REPEATS)
    return [
        ("rollup and 120 features of 14,400 rows", f"{base * 1e3:.0f} ms", ""),
        ("over pandas groupby().rolling()", f"{pandas / base:.1f} times ({pandas:.2f} s)", "at least 40"),
        ("over Polars rolling_*_by().over()", f"{polars / base:.1f} times ({polars:.2f} s)", "at least 10"),
        ("10 times the nodes take", f"{tenfold:.1f} times as long", "at most 11"),
        ("largest relative difference of a mean to Polars'", f"{largest_difference(telemetry):.1e}", ""),
    ]


def main() -> None:
    """Print the table."""
    sys.stdout.write(table(HEADER, rows()))


if __name__ == "__main__":
    main()
