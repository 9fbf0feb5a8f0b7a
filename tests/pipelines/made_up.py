"""A small folder of records: three nodes, ten days, one failure, one blind day."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from data.ingest.ingest import IngestReport, ingest
from pipelines.settings.load import load
from pipelines.settings.schema import Settings
from pipelines.wiring import wiring

START = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
NODES = ("a", "b", "c")


def write_records(folder: Path) -> None:
    """Write all four files of records."""
    folder.mkdir(parents=True, exist_ok=True)
    pl.DataFrame({"node": NODES, "rack": ["r1", "r1", "r2"], "observed_from": [START] * 3}).write_parquet(
        folder / "nodes.parquet"
    )
    failed = START + 4 * DAY
    pl.DataFrame(
        {
            "node": ["a", "b"],
            "start": [failed, START + 6 * DAY],
            "end": [failed + DAY, START + 7 * DAY],
            "kind": ["failure", "maintenance"],
        }
    ).write_parquet(folder / "events.parquet")
    rows = [(node, START + day * DAY, 20.0 + day) for node in NODES for day in range(1, 11)]
    pl.DataFrame(rows, schema=["node", "ts", "temperature"], orient="row").write_parquet(folder / "telemetry.parquet")
    pl.DataFrame({"start": [START + 2 * DAY], "end": [START + 3 * DAY]}).write_parquet(folder / "blind.parquet")


def settings_of(folder: Path, *overrides: str) -> Settings:
    """Return settings with `records` and `var` under a folder, and the clock of the data."""
    config = folder / "nodeward.toml"
    config.write_text(f"source.path = '{folder / 'records'}'\nstate.path = '{folder / 'var'}'\nclock.now = 'data'\n")
    return load(config, overrides, {})


def ingest_all(settings: Settings) -> IngestReport:
    """Write the records and merge them into the state."""
    write_records(settings.source.path)
    return merge_all(settings)


def merge_all(settings: Settings) -> IngestReport:
    """Merge the records that were written into the state."""
    with wiring.records(settings) as records:
        return ingest(wiring.source(settings), wiring.store(settings), records, wiring.wall_clock)
