"""Times training for scores every hour and every day, from the same hours of 1,000 nodes over two years.

`python -m tests.benchmarks.bench_cadence`. Failures are drawn: each node fails once or twice a year, half of the time
within days of its last failure. A temperature is the only metric, its hourly buckets computed when they are read.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.schema import AGGREGATE_TYPES, BUCKET_KEYS, Metric, bucket_column
from data.time_grid import DAY, HOUR
from data.view import hindsight
from features.grid import Grid, to_numpy
from features.training.training_set import Design
from models.hazard.train import train
from models.setup import Params, Recipe, Setup
from tests.benchmarks.tables import HEADER, table
from tests.features.fleets import event, fleet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from data.view import View

NODES: Final = 1000
DAYS: Final = 730
FAILURES: Final = 1.5  # a node and year
START: Final = datetime(2023, 1, 1, tzinfo=UTC)
END: Final = START + DAYS * DAY
HOURLY: Final = (HOUR, 6 * HOUR, DAY, 7 * DAY)
DAILY: Final = (DAY, 3 * DAY, 7 * DAY, 14 * DAY)
TARGET: Final = 1.5


@dataclass(frozen=True, slots=True)
class ComputedBuckets:
    """Hourly buckets of one metric that nothing stores: a sample an hour, warmer by day."""

    names: tuple[str, ...]
    metric: str

    def read(self, columns: Sequence[str], until: datetime, start: datetime | None = None) -> pl.DataFrame:
        """Compute the requested aggregates of the buckets that end in a period."""
        begin = max(start or START, START)
        grid = Grid.spanning(to_numpy(begin), to_numpy(min(until, END)), HOUR)
        hour = np.tile(grid.numbers, len(self.names))
        node = np.repeat(np.arange(len(self.names)), grid.count)
        value = 40 + 3 * np.sin(hour * 2 * np.pi / 24) + np.sin(node * 7.0 + hour / 50)
        ends = (hour * 3.6e9).astype(np.int64)
        known: dict[str, NDArray[np.number]] = {
            "n": np.ones(len(hour), np.uint32),
            "m2": np.zeros(len(hour)),
            "first_ts": ends,
            "last_ts": ends,
        }
        keys = (
            pl.Series(self.names, dtype=pl.String).gather(node).alias("node"),
            pl.Series("bucket_end", ends).cast(pl.Datetime("us", "UTC")),
            pl.Series("lateness", np.zeros(len(hour), np.int64)).cast(BUCKET_KEYS["lateness"]),
        )
        aggregates = {column: column.removeprefix(bucket_column(self.metric, "")) for column in columns}
        return pl.DataFrame(keys).with_columns(
            pl.Series(column, known.get(aggregate, value)).cast(AGGREGATE_TYPES[aggregate])
            for column, aggregate in aggregates.items()
        )


def view() -> View:
    """Draw the failures."""
    rng = np.random.default_rng(1)
    names = tuple(f"n{number:04}" for number in range(NODES))
    events = []
    for name in names:
        for _ in range(rng.poisson(FAILURES * DAYS / 365 / 2)):
            first = START + DAYS * float(rng.random()) * DAY
            again = first + timedelta(hours=float(rng.exponential(60.0)) + 6)
            events += [event(name, moment, moment + 2 * HOUR) for moment in (first, again) if moment < END]
    nodes = [{"node": name, "rack": name[:4], "observed_from": START} for name in names]
    records = fleet(events, nodes)
    frames = hindsight(records.view()._records, HOUR, ComputedBuckets(names, "temperature"))
    return frames.narrow(END)


def setup(horizons: tuple[timedelta, ...], every: timedelta) -> Setup:
    """Return the settings' defaults at a cadence."""
    return Setup(
        design=Design(horizons, every, None, 30.0),
        recipe=Recipe(Params(trees=150), 3, every),
        metrics=(Metric("temperature"),),
        windows=(HOUR, 6 * HOUR, DAY) if every < DAY else (DAY, 7 * DAY, 30 * DAY),
        rule=(),
        min_failures=50,
        history_start=None,
    )


def rows() -> list[tuple[str, str, str]]:
    """Train at both cadences in turn, twice, and divide the faster times."""
    records, sizes = view(), dict[str, str]()
    seconds: dict[str, list[float]] = {"hour": [], "day": []}
    for _ in range(2):
        for name, of_cadence in (("day", setup(DAILY, DAY)), ("hour", setup(HOURLY, HOUR))):
            began = time.perf_counter()
            trained = train(records, of_cadence)
            seconds[name].append(time.perf_counter() - began)
            sizes[name] = f"{len(trained.risk.cutoffs):,} cutoffs, {len(trained.training.rows):,} rows"
    fastest = {name: min(times) for name, times in seconds.items()}
    return [
        *((f"scored every {name}: {sizes[name]}", f"{fastest[name]:.1f} s", "") for name in seconds),
        ("hourly over daily", f"{fastest['hour'] / fastest['day']:.2f} times", f"< {TARGET:g} times"),
    ]


def main() -> None:
    """Print the table."""
    sys.stdout.write(table(HEADER, rows()))


if __name__ == "__main__":
    main()
