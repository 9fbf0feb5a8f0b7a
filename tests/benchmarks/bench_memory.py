"""Computes features over more telemetry than fits in memory: `python -m tests.benchmarks.bench_memory`.

A separate process, which may hold no more than LIMIT of data (RLIMIT_DATA: heap and anonymous maps, thread stacks
included, libraries not), rolls a Delta table of telemetry up, and writes the features of every node at every hour as
Parquet, block by block. Another process tries to read all of the telemetry at once, to show that the limit is too low.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.delta.store import Store
from data.delta.telemetry import TelemetryChange
from data.schema import AVAILABLE_AT, NODE, TS
from data.schema import UTC as TIMES
from features.compute import batch
from features.grid import to_numpy
from features.population.at_risk import assess
from tests.benchmarks.bench_windows import CATALOGUE, HOUR, METRICS, NODES, START, names, view_of
from tests.benchmarks.tables import HEADER, table

if TYPE_CHECKING:
    from numpy.typing import NDArray

LIMIT: Final = 768 << 20
ALLOCATORS: Final = (  # memory that they keep for later counts as data too
    "_RJEM_MALLOC_CONF=retain:false,dirty_decay_ms:0,muzzy_decay_ms:0,narenas:2",  # of Polars
    "MALLOC_ARENA_MAX=2",
)
BLOCK_CELLS: Final = 1 << 23  # 32 MiB
TIMES_LARGER: Final = 4
SAMPLES_A_DAY: Final = 24 * 60
BYTES_A_ROW: Final = 8 * (len(METRICS) + 1)  # the values and the time; the name is not counted
DAYS: Final = -(-TIMES_LARGER * LIMIT // (BYTES_A_ROW * NODES * SAMPLES_A_DAY))
WHOLE: Final = "whole"
MEBIBYTE: Final = 1 << 20
Row = tuple[str, str, str]


def write_fleet(folder: Path, days: int) -> int:
    """Write a telemetry table, a commit a day; return the bytes of its values and times."""
    rng, level = np.random.default_rng(0), np.full((len(METRICS), NODES), 50.0)
    store = Store.open(folder, HOUR)
    for day in range(days):
        store.telemetry.table.append(_day(rng, day, level))
    return days * NODES * SAMPLES_A_DAY * BYTES_A_ROW


def _day(rng: np.random.Generator, day: int, level: NDArray[np.float64]) -> pl.DataFrame:
    """Draw a day of random walks from `level`, node by node, and store their last values in it."""
    minutes = to_numpy(START + timedelta(days=day)) + np.arange(1, SAMPLES_A_DAY + 1) * np.timedelta64(60_000_000, "us")
    steps = 0.01 * rng.normal(size=(len(METRICS), NODES, SAMPLES_A_DAY))
    walks = level[..., None] + steps.cumsum(axis=2)
    level[:] = walks[..., -1]
    ts = pl.Series(TS, np.tile(minutes, NODES)).cast(TIMES)
    keys = {NODE: np.repeat(names(NODES), SAMPLES_A_DAY), TS: ts, AVAILABLE_AT: ts}
    return pl.DataFrame(keys | {name: walk.ravel() for name, walk in zip(METRICS, walks, strict=True)})


def compute(folder: Path) -> dict[str, float]:
    """Roll the table up, and write its features next to it, block by block; return rows, peak memory and seconds."""
    began = time.perf_counter()
    store = Store.open(folder, HOUR)
    spans = store.telemetry.spans()
    store.buckets.refresh(store.telemetry, TelemetryChange.none(store.telemetry.table.version()))
    rolled = time.perf_counter()
    view = view_of(store.buckets, pl.Series(NODE, names(NODES))).narrow(spans[-1][1])
    hours = (view.at - START) // HOUR
    risk = assess(view, to_numpy(START) + np.arange(1, hours + 1) * np.timedelta64(3_600_000_000, "us"), None)
    written = 0
    (folder / "features").mkdir()
    for number, (_, values) in enumerate(batch.blocks(CATALOGUE, view, risk, risk.rows(), BLOCK_CELLS)):
        pl.DataFrame(values, schema=list(CATALOGUE.names)).write_parquet(folder / f"features/{number:04d}.parquet")
        written += len(values)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"rows": written, "peak": peak, "rollup": rolled - began, "features": time.perf_counter() - rolled}


def run_under(limit: int, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run this module on a folder in a process with limited memory."""
    command = [
        "env",
        *ALLOCATORS,
        sys.executable,
        "-m",
        "tests.benchmarks.bench_memory",
        str(limit),
        str(folder),
        *arguments,
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  - our own module, by POSIX env


def rows() -> list[Row]:
    """Compute features over more telemetry than fits in memory, and try to read all of it at once."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        size = write_fleet(folder, DAYS)
        whole = run_under(LIMIT, folder, WHOLE)
        by_blocks = run_under(LIMIT, folder)
    by_blocks.check_returncode()
    result = json.loads(by_blocks.stdout)
    return [
        ("telemetry, over the limit of the process's data", f"{size / LIMIT:.2f} times {LIMIT // MEBIBYTE} MiB", "4"),
        ("reading it whole under the limit", "fails" if whole.returncode else "works", "fails"),
        (
            "rollup and features by blocks under the limit",
            f"{result['rows']:.0f} rows x {len(CATALOGUE.names)}",
            "works",
        ),
        ("peak resident memory, libraries included", f"{result['peak'] / MEBIBYTE:.0f} MiB", ""),
        ("rollup, features", f"{result['rollup']:.0f} s, {result['features']:.0f} s", ""),
    ]


def main() -> None:
    """Print the table; or, given a limit and a folder, work under that limit."""
    if len(sys.argv) == 1:
        sys.stdout.write(table(HEADER, rows()))
        return
    limit, folder, *arguments = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_DATA, (int(limit), int(limit)))
    measured = {"rows": Store.open(folder, HOUR).telemetry.read().height} if arguments else compute(Path(folder))
    sys.stdout.write(json.dumps(measured))


if __name__ == "__main__":
    main()
