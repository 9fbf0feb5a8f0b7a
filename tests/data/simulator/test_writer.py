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


def test_the_folder_is_a_source_without_rejected_rows(tmp_path: Path) -> None:
    counts = write_fleet(PLAN, tmp_path)
    source = ParquetSource(tmp_path, {}, timedelta(0))
    preflight = run_preflight(source, Bounds("simulated", PLAN.end, pl.Series([], dtype=pl.String)))
    assert [table.rejected.height for table in (preflight.nodes, preflight.events, preflight.blind)] == [0, 0, 0]
    assert preflight.telemetry.rows == counts["telemetry"]
    assert preflight.newest == PLAN.end
    assert preflight.telemetry.empty_metrics == frozenset()


def test_the_counts_are_those_of_the_files_and_no_other_file_remains(tmp_path: Path) -> None:
    counts = write_fleet(PLAN, tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {f"{name}.parquet" for name in FILES}
    assert counts == {name: pl.read_parquet(tmp_path / f"{name}.parquet").height for name in FILES}


def test_the_size_of_blocks_does_not_change_the_files(tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    for folder, size in ((small, 3), (large, None)):
        folder.mkdir()
        write_fleet(PLAN, folder, size)
    assert pl.read_parquet(small / "telemetry.parquet").height > 0
    for name in FILES:
        assert_frame_equal(*(pl.read_parquet(folder / f"{name}.parquet") for folder in (small, large)))


def test_telemetry_is_sorted_by_month_and_has_each_sample_once(tmp_path: Path) -> None:
    write_fleet(PLAN, tmp_path, 10)
    telemetry = pl.read_parquet(tmp_path / "telemetry.parquet")
    assert telemetry.select(NODE, TS).is_unique().all()
    ordered = telemetry.with_columns(pl.col(TS).dt.strftime("%Y-%m").alias("month")).sort("month", NODE, TS)
    assert_frame_equal(ordered.drop("month"), telemetry)


def test_progress_is_the_number_of_finished_nodes(tmp_path: Path) -> None:
    steps: list[int] = []
    write_fleet(PLAN, tmp_path, 10, steps.append)
    assert steps == [10, 20, 25]


def test_memory_does_not_grow_with_the_fleet(tmp_path: Path) -> None:
    ran = subprocess.run(  # noqa: S603 - the script above
        [sys.executable, "-B", "-c", CHILD, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    small, large = (float(megabytes) for megabytes in ran.stdout.split())
    assert large < small + 60.0
