"""A disk that is really full: the kernel refuses to let any file grow past a limit."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest

from data.delta.store import Store
from data.ingest.ingest import ingest
from data.schema import BUCKET_KEYS
from data.sources.parquet_folder import ParquetSource
from data.sql.records import Records
from tests.data.made_up import HOUR, MINUTE, NOW, events, telemetry, write_folder

if TYPE_CHECKING:
    from pathlib import Path

NONE = timedelta(0)
SCRIPT = """
import resource, sys
from datetime import datetime, timedelta, UTC
from pathlib import Path
from data.errors import DiskFullError
from data.ingest.ingest import ingest
from data.sql.records import Records
from data.sources.parquet_folder import ParquetSource
from data.delta.store import Store

root, folder, limit = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
store, records = Store.open(root / "tables", timedelta(hours=1)), Records.open(f"sqlite:///{root / 'nodeward.db'}")
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    ingest(ParquetSource(folder, {}, timedelta(0)), store, records, lambda: datetime(2024, 6, 1, tzinfo=UTC))
except DiskFullError as fault:
    print(fault)
"""


def open_state(root: Path) -> tuple[Store, Records]:
    return Store.open(root / "tables", HOUR), Records.open(f"sqlite:///{root / 'nodeward.db'}")


def contents(store: Store, records: Records) -> dict[str, pl.DataFrame]:
    """Return every table, sorted."""
    tables = {
        "nodeward.db": records.events(),
        "tables/telemetry": store.telemetry.read().sort("node", "ts"),
        "tables/buckets": store.buckets.read().sort(*BUCKET_KEYS),
    }
    records.close()
    return tables


def ingest_folder(root: Path, folder: Path) -> tuple[Store, Records]:
    store, records = open_state(root)
    ingest(ParquetSource(folder, {}, NONE), store, records, lambda: NOW)
    return store, records


def ingest_on_full_disk(root: Path, folder: Path, limit: int) -> str:
    """Ingest in a process that can't write a file of more than `limit` bytes, and return its output."""
    command = [sys.executable, "-B", "-c", SCRIPT, str(root), str(folder), str(limit)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  - its own words
    return done.stdout


SMALL = telemetry([("n1", HOUR, NONE, 0.5)])
DENSE = telemetry([("n1", step * MINUTE, NONE, step**0.5) for step in range(20_000)])
# One row a bucket, in which a value occurs five times.
WIDE = telemetry([("n1", step * HOUR, NONE, step**0.5) for step in range(700)]).with_columns(
    (pl.col("load") / divisor).alias(f"load_{divisor}") for divisor in (3, 7, 11, 13, 17)
)
CASES = {
    "nodeward.db": (30_000, 3_000, SMALL),
    "tables/telemetry": (60_000, 1, DENSE),
    "tables/buckets": (80_000, 1, WIDE),
}


@pytest.mark.parametrize(("part", "limit", "event_count", "samples"), [(part, *case) for part, case in CASES.items()])
def test_a_full_disk_is_reported_and_every_table_stays_complete(
    tmp_path: Path, part: str, limit: int, event_count: int, samples: pl.DataFrame
) -> None:
    small = write_folder(tmp_path / "small" / "fleet", telemetry=SMALL)
    many = events([{"cause": f"cause {number}"} for number in range(event_count)]).drop("source", "labels")
    large = write_folder(tmp_path / "large" / "fleet", telemetry=samples, events=many)
    root = tmp_path / "var"
    before = contents(*ingest_folder(root, small))

    output = ingest_on_full_disk(root, large, limit)

    assert part in output
    assert "free some space, or move state.path to a larger disk" in output
    after = contents(*open_state(root))
    assert after[part].equals(before[part])
    ingest_folder(tmp_path / "roomy", small)
    whole, recovered = contents(*ingest_folder(tmp_path / "roomy", large)), contents(*ingest_folder(root, large))
    assert len(whole) == 3
    assert all(recovered[name].equals(whole[name]) for name in whole)
