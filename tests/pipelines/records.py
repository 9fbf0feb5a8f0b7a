"""A folder of records that is large enough to train on: eighty days of forty nodes, of which six fail often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

START: Final = datetime(2024, 1, 1, tzinfo=UTC)
DAY: Final = timedelta(days=1)
NODES: Final = 40
DAYS: Final = 80
LAST_FAILURE_DAY: Final = 66  # days after START: no failure starts later
LEMONS: Final = 6  # nodes that fail often
SETTINGS: Final = """
fleet.name = "made up"
source.path = "records"
state.path = "var"
forecast.horizons = ["1d", "3d", "7d"]
forecast.coverage_metric = "seen_n"
features.windows = ["1d", "3d", "7d"]
metrics.columns.seen_n = { kind = "count" }
metrics.columns.errors = { kind = "counter" }
model = { trees = 10, leaves = 4, min_child = 5, seeds = 1, min_failures = 10, negatives_per_positive = 3.0 }
"""


def write_folder(folder: Path, every: timedelta = DAY) -> None:
    """Write settings and all four files of records, with a sample of telemetry every so often."""
    rng = np.random.default_rng(5)
    records = folder / "records"
    records.mkdir()
    (folder / "nodeward.toml").write_text(SETTINGS)
    names = np.array([f"n{number:02d}" for number in range(NODES)])
    failures = _failures(rng, names)
    tables = {
        "nodes": _nodes(names),
        "events": pl.concat([failures, _maintenance(rng, names)]),
        "telemetry": _telemetry(rng, names, failures, every),
        "blind": pl.DataFrame({"start": [START + 50 * DAY], "end": [START + 51.5 * DAY]}),
    }
    for name, table in tables.items():
        table.write_parquet(records / f"{name}.parquet")


def _nodes(names: NDArray[np.str_]) -> pl.DataFrame:
    leaves = [START + 58 * DAY if number == NODES - 1 else None for number in range(NODES)]
    return pl.DataFrame(
        {
            "node": names,
            "rack": [f"r{number % 4}" for number in range(NODES)],
            "observed_from": [START - 10 * DAY] * NODES,
            "observed_until": pl.Series(leaves, dtype=pl.Datetime("us", "UTC")),
        }
    )


def _failures(rng: np.random.Generator, names: NDArray[np.str_]) -> pl.DataFrame:
    often = np.repeat(names[:LEMONS], 12)
    node = np.concatenate([often, rng.choice(names, 25)])
    return _events(node, rng.uniform(0, LAST_FAILURE_DAY, len(node)), rng.uniform(0, 1.5, len(node)), "failure")


def _maintenance(rng: np.random.Generator, names: NDArray[np.str_]) -> pl.DataFrame:
    return _events(rng.choice(names, 20), rng.uniform(0, DAYS - 3, 20), rng.uniform(0, 2.5, 20), "maintenance")


def _events(node: NDArray[np.str_], start: NDArray[np.float64], length: NDArray[np.float64], kind: str) -> pl.DataFrame:
    starts = [START + day * DAY for day in start]
    ends = [begin + days * DAY for begin, days in zip(starts, length, strict=True)]
    late = timedelta(hours=5)
    return pl.DataFrame(
        {
            "node": node,
            "start": starts,
            "end": ends,
            "kind": [kind] * len(node),
            "cause": ["fan", "gpu"] * (len(node) // 2) + ["fan"] * (len(node) % 2),
            "recorded_at": [begin + late for begin in starts],
            "end_recorded_at": [end + late for end in ends],
        },
        schema_overrides=dict.fromkeys(("start", "end", "recorded_at", "end_recorded_at"), pl.Datetime("us", "UTC")),
    )


def _telemetry(
    rng: np.random.Generator, names: NDArray[np.str_], failures: pl.DataFrame, every: timedelta
) -> pl.DataFrame:
    """Draw samples of each node, warmer on the days before it fails; a few are missing or incomplete."""
    days = np.arange(0, DAYS + every / DAY, every / DAY)
    node, day = (axis.ravel() for axis in np.meshgrid(np.arange(NODES), days, indexing="ij"))
    number = {name: index for index, name in enumerate(names.tolist())}
    warmth = rng.normal(40, 2, len(node))
    for name, start in failures.select("node", "start").iter_rows():
        ahead = (start - START) / DAY - day
        warmth[(node == number[name]) & (ahead > 0) & (ahead < 3)] += 6
    return pl.DataFrame(
        {
            "node": names[node],
            "ts": [START + days * DAY for days in day.tolist()],
            "temperature": warmth,
            "errors": rng.poisson(0.2, len(node)).cumsum().astype(np.float64),
            "seen_n": rng.choice([100.0, 100.0, 99.0, 50.0], len(node), p=[0.5, 0.3, 0.17, 0.03]),
        }
    ).filter(rng.random(len(node)) < 0.97)
