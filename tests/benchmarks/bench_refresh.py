"""Times one more hour of a large fleet against the same from scratch: `python -m tests.benchmarks.bench_refresh`.

10,000 nodes, hourly buckets of 10 gauges for a month in a Delta table, windows of 1, 7 and 30 days, a model of 3 x 150
trees for 4 horizons. From scratch: reads every bucket that the windows hold, computes the catalogue with
`features.compute.batch`, and predicts with LightGBM. Refresh: opens what the last hour left on disk, reads the new hour
from the table, merges it, computes the catalogue with `features.compute.online`, predicts with the model's tables, and
saves. Both end with features and probabilities of all nodes. From raw samples (one a minute): the rollup of an hour is
timed, and added once to a refresh and 720 times to the other.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.delta.buckets import FINISHED_NOTE, WIDTH_NOTE
from data.delta.rollup import rollup
from data.delta.store import Store
from data.schema import AVAILABLE_AT, BLIND_SCHEMA, BUCKET_END, EVENT_SCHEMA, LATENESS, NODE, NODE_SCHEMA, TS, Metric
from data.schema import UTC as TIMES
from data.time_grid import MICROSECOND
from data.view import RecordFrames, View, hindsight
from features.catalogue.catalogue import build
from features.catalogue.fleet_capabilities import FleetCapabilities
from features.compute import batch, online
from features.events.base_rates import FleetRate
from features.grid import to_numpy
from features.population.at_risk import assess
from models.hazard.model import Covariates, HazardModel
from pipelines.wiring.model_features import ModelFeatures
from pipelines.wiring.window_cache import resume_windows
from tests.benchmarks.bench_score import LightGbm, made_up_model
from tests.benchmarks.bench_windows import HOUR, START, names
from tests.benchmarks.tables import HEADER, table

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

NODES: Final = 10_000
DAY: Final = 24
LONGEST: Final = 30 * DAY
EARLY: Final = 8 * DAY  # an hour of the refreshes after little history
LATE: Final = 31 * DAY  # an hour of the refreshes after much history
METRICS: Final = tuple(Metric(f"metric{number}") for number in range(10))
CATALOGUE: Final = build(
    FleetCapabilities(METRICS, tuple(timedelta(days=days) for days in (1, 7, 30)), has_racks=True, has_hardware=False)
)
FEATURES: Final = ModelFeatures(CATALOGUE, METRICS, (), ())


@dataclass(frozen=True, slots=True)
class BenchmarkFleet:
    """A fleet's records, the folder of its window cache, and a model."""

    store: Store
    folder: Path
    history: View
    model: HazardModel

    @classmethod
    def of(cls, folder: Path, nodes: int, model: HazardModel) -> BenchmarkFleet:
        """Fill a bucket table with a month: a commit a day, and a commit an hour around the refreshed hours."""
        store, rng = Store.open(folder / "tables", HOUR), np.random.default_rng(nodes)
        for day in range(LATE // DAY + 1):
            hours = range(day * DAY + 1, (day + 1) * DAY + 1)
            is_live = day * DAY in {EARLY - DAY, LATE - DAY, LATE}
            for part in ([hour] for hour in hours) if is_live else (list(hours),):
                store.buckets.table.append(_buckets(nodes, part, rng))
        finished = store.buckets.table.version() + 1
        store.buckets.table.write_notes({FINISHED_NOTE: finished, WIDTH_NOTE: HOUR // MICROSECOND})
        records = RecordFrames(pl.DataFrame(schema=EVENT_SCHEMA), _inventory(nodes), pl.DataFrame(schema=BLIND_SCHEMA))
        return cls(store, folder / "windows", hindsight(records, HOUR, store.buckets), model)

    def refresh(self, hour: int) -> NDArray[np.float64]:
        """Score an hour from the cached windows of the hour before."""
        view = self.history.narrow(START + hour * HOUR)
        risk = assess(view, np.array([to_numpy(view.at)]), None)
        with resume_windows(self.folder, self.store, view, FEATURES) as windows:
            assert windows.cache is not None, "hours are refreshed in order"
            features = online.compute(CATALOGUE, view, risk, risk.rows(), windows.cache)
            return self.model.probabilities(Covariates(features, FleetRate.constant(1e-3, len(features))))

    def score_from_scratch(self, hour: int) -> NDArray[np.float64]:
        """Score an hour from all buckets that its windows hold."""
        view = self.history.narrow(START + hour * HOUR)
        risk = assess(view, np.array([to_numpy(view.at)]), None)
        features = batch.compute(CATALOGUE, view, risk, risk.rows())
        return LightGbm(self.model).probabilities(Covariates(features, FleetRate.constant(1e-3, len(features))))


def _buckets(nodes: int, hours: list[int], rng: np.random.Generator) -> pl.DataFrame:
    """Draw buckets like the rollup of gauges with a sample a minute; only the aggregates that gauges need."""
    count, end = nodes * len(hours), START.timestamp() * 1e6 + np.array(hours) * (HOUR // MICROSECOND)
    ends = pl.Series(BUCKET_END, np.tile(end.astype(np.int64), nodes)).cast(TIMES)
    columns: dict[str, object] = {NODE: np.repeat(names(nodes), len(hours)), BUCKET_END: ends}
    columns |= {LATENESS: np.zeros(count, np.int32)}
    for metric in METRICS:
        mean = 50 + rng.normal(size=count)
        aggregates = {"n": np.full(count, 60, np.int32), "mean": mean, "m2": 60 * rng.random(count)}
        aggregates |= {"min": mean - rng.random(count), "max": mean + rng.random(count)}
        columns |= {f"{metric.name}__{name}": values for name, values in aggregates.items()}
    return pl.DataFrame(columns)


def _inventory(nodes: int) -> pl.DataFrame:
    racks = {NODE: names(nodes), "rack": [f"rack{number // 20}" for number in range(nodes)]}
    start = pl.lit(START - HOUR).cast(TIMES)
    inventory = pl.DataFrame(racks).with_columns(start.alias("observed_from"), start.alias("as_of"))
    unknown = [pl.lit(None, dtype).alias(name) for name, dtype in NODE_SCHEMA.items() if name not in inventory.columns]
    return inventory.with_columns(unknown).select(*NODE_SCHEMA)


def _hour_of_samples(nodes: int) -> pl.DataFrame:
    rng, minutes = np.random.default_rng(1), to_numpy(START) + np.arange(1, 61) * np.timedelta64(60_000_000, "us")
    ts = pl.Series(TS, np.tile(minutes, nodes)).cast(TIMES)
    walks = {metric.name: rng.normal(size=nodes * 60) for metric in METRICS}
    return pl.DataFrame({NODE: np.repeat(names(nodes), 60), TS: ts, AVAILABLE_AT: ts, **walks})


def seconds(work: Callable[[], object]) -> float:
    """Time a call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _hour(fleet: BenchmarkFleet, last: int) -> float:
    """Refresh three hours after a first one, all within a day; return the shortest time."""
    fleet.refresh(last - 4)
    return min(seconds(partial(fleet.refresh, hour)) for hour in (last - 3, last - 2, last - 1))


def _doubling(half: BenchmarkFleet, whole: BenchmarkFleet) -> float:
    """Compute how much longer an hour of twice the nodes takes: the median over hours of both in turn."""
    for fleet in (half, whole):
        fleet.refresh(LATE - 12)
    hours = range(LATE - 11, LATE - 4)
    return median(seconds(partial(whole.refresh, hour)) / seconds(partial(half.refresh, hour)) for hour in hours)


def rows() -> list[tuple[str, str, str]]:
    """Measure, next to the targets."""
    with TemporaryDirectory() as folder:
        model = made_up_model(len(CATALOGUE.names))
        half = BenchmarkFleet.of(Path(folder, "half"), NODES // 2, model)
        fleet = BenchmarkFleet.of(Path(folder, "whole"), NODES, model)
        early = _hour(fleet, EARLY)
        recomputed = seconds(partial(fleet.refresh, LATE - 13))
        doubled = _doubling(half, fleet)
        late = _hour(fleet, LATE)
        fleet.refresh(LATE)
        new_day = seconds(partial(fleet.refresh, LATE + 1))
        scratch = seconds(partial(fleet.score_from_scratch, LATE + 1))
        difference = float(np.max(np.abs(fleet.refresh(LATE + 1) - fleet.score_from_scratch(LATE + 1))))
        samples = _hour_of_samples(NODES)
        rolled = seconds(lambda: rollup(samples, [metric.name for metric in METRICS], HOUR))
    mean = (23 * late + new_day) / 24
    raw = (LONGEST * rolled + scratch) / (rolled + mean)
    return [
        ("an hour of 10,000 nodes, features and probabilities", f"{late:.2f} s", ""),
        ("the first hour of a day, which folds the day before", f"{new_day:.2f} s", ""),
        ("from scratch, from buckets", f"{scratch:.1f} s", ""),
        ("from scratch over an hour's refresh", f"{scratch / late:.0f} times", "≥ 50 times"),
        ("from scratch over the mean refresh of a day", f"{scratch / mean:.0f} times", "≥ 50 times"),
        ("the same from raw samples, an hour's rollup included", f"{raw:.0f} times", "≥ 50 times"),
        ("the window cache recomputed from all buckets, over an hour's refresh", f"{recomputed / late:.0f} times", ""),
        ("an hour of twice the nodes", f"{doubled:.1f} times", "≤ 2.2 times"),
        ("an hour after 31 days of history over one after 8 days", f"{late / early:.2f} times", "≤ 1.2 times"),
        ("largest difference between the two in a probability", f"{difference:.1e}", "≤ 1e-6"),
    ]


def main() -> None:
    """Print the table."""
    sys.stdout.write(table(HEADER, rows()))


if __name__ == "__main__":
    main()
