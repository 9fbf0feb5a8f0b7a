from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import polars as pl
from polars.testing import assert_frame_equal

from data.ingest.preflight import run_preflight
from data.schema import NODE, TS
from data.simulator.writer import write_fleet
from data.sources.parquet_folder import ParquetSource
from data.validation.rows import Bounds
from tests.data.simulator.plans import plan

PLAN = plan(nodes=25, days=60, interval=timedelta(hours=6))
FILES = ("telemetry", "events", "nodes", "jobs", "blind")
ROOT = Path(__file__).resolve().parents[3]

CHILD = """
import resource, sys
from datetime import timedelta
from pathlib import Path
from data.simulator.writer import write_fleet
from data.simulator.history.plan import SimulationPlan
for nodes in (20, 400):
    plan = SimulationPlan(nodes, days=2, interval=timedelta(hours=1))
    write_fleet(plan, Path(sys.argv[1]), block_nodes=20)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def test_the_folder_is_a_source_of_which_no_row_is_rejected(tmp_path: Path) -> None:
    counts = write_fleet(PLAN, tmp_path)
    source = ParquetSource(tmp_path, {}, timedelta(0))
    found = run_preflight(source, Bounds("simulated", PLAN.end, pl.Series([], dtype=pl.String)))
    assert found.nodes.rejected.height == found.events.rejected.height == found.blind.rejected.height == 0
    assert found.telemetry.rows == counts["telemetry"]
    assert found.newest == PLAN.end
    assert found.telemetry.empty_metrics == frozenset()


def test_the_counts_are_those_of_the_files_and_nothing_else_is_left(tmp_path: Path) -> None:
    counts = write_fleet(PLAN, tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {f"{name}.parquet" for name in FILES}
    assert counts == {name: pl.read_parquet(tmp_path / f"{name}.parquet").height for name in FILES}


def test_files_are_the_same_whatever_the_size_of_blocks(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder, size in ((one, 3), (other, None)):
        folder.mkdir()
        write_fleet(PLAN, folder, size)
    for name in FILES:
        assert_frame_equal(*(pl.read_parquet(folder / f"{name}.parquet") for folder in (one, other)))


def test_telemetry_comes_month_by_month_and_each_sample_once(tmp_path: Path) -> None:
    write_fleet(PLAN, tmp_path, 10)
    found = pl.read_parquet(tmp_path / "telemetry.parquet")
    assert found.select(NODE, TS).is_unique().all()
    ordered = found.with_columns(pl.col(TS).dt.strftime("%Y-%m").alias("month")).sort("month", NODE, TS)
    assert_frame_equal(ordered.drop("month"), found)


def test_progress_tells_how_many_nodes_are_done(tmp_path: Path) -> None:
    told: list[int] = []
    write_fleet(PLAN, tmp_path, 10, told.append)
    assert told == [10, 20, 25]


def test_memory_stays_flat_as_the_fleet_grows(tmp_path: Path) -> None:
    ran = subprocess.run(  # noqa: S603 - this Python, on the text above
        [sys.executable, "-B", "-c", CHILD, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    small, large = (float(megabytes) for megabytes in ran.stdout.split())
    assert large < small + 60.0
