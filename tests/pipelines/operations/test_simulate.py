from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

import polars as pl
import pytest

from data.ingest.ingest import ingest
from data.schema import MetricKind
from data.simulator.signals.gauges import METRICS
from data.time_grid import DAY
from pipelines.main import main
from pipelines.operations.simulate import CONFIG
from pipelines.settings.load import load
from pipelines.wiring import wiring

if TYPE_CHECKING:
    from pathlib import Path

SMALL = ["--nodes", "30", "--days", "40", "--interval", "6h"]


def simulate(folder: Path, *more: str) -> int:
    return main(["simulate", str(folder), *SMALL, *more])


def test_the_folder_can_be_ingested_with_the_settings_in_it(tmp_path: Path) -> None:
    assert simulate(tmp_path / "fleet") == 0
    settings = load(tmp_path / "fleet" / CONFIG, ())
    assert settings.fleet.name == "simulated fleet"
    assert (settings.forecast.horizons, settings.forecast.every) == ((DAY, 3 * DAY, 7 * DAY), DAY)
    with wiring.records(settings) as records:
        report = ingest(wiring.source(settings), wiring.store(settings), records, wiring.wall_clock)
        assert records.nodes().height == 30
        assert wiring.clock(settings, records)() == report.newest
    assert not report.notices
    assert sum(sum(table.rejected.values()) for table in report.tables.values()) == 0
    assert report.buckets >= 25 * 38


def test_the_settings_describe_each_metric(tmp_path: Path) -> None:
    assert simulate(tmp_path) == 0
    settings = load(tmp_path / CONFIG, ())
    assert [settings.metrics.metric(metric.name) for metric in METRICS] == list(METRICS)
    assert settings.metrics.metric(settings.forecast.coverage_metric).kind is MetricKind.COUNT
    columns = pl.read_parquet_schema(tmp_path / "telemetry.parquet")
    assert set(columns) == {"node", "ts", *(metric.name for metric in METRICS)}


def test_a_folder_of_an_odd_name_is_quoted(tmp_path: Path) -> None:
    folder = tmp_path / 'a "fleet" ü'
    assert simulate(folder) == 0
    assert tomllib.loads((folder / CONFIG).read_text())["source"]["path"] == str(folder)


def test_output_and_files_are_marked_as_simulated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate(tmp_path / "fleet", "--json", str(tmp_path / "report.json")) == 0
    printed = capsys.readouterr().out
    assert "simulated" in printed
    assert f"nodeward backtest -c {tmp_path / 'fleet' / CONFIG} --test-start 2025-01-28" in printed.replace("\n", "")
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["fleet"] == "simulated fleet"
    assert report["rows"]["nodes"] == 30


def test_records_are_not_overwritten_unless_forced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "events.parquet").write_text("mine")
    assert simulate(tmp_path) == 2
    assert "is not empty" in capsys.readouterr().err
    assert (tmp_path / "events.parquet").read_text() == "mine"
    assert simulate(tmp_path, "--force") == 0
    assert pl.read_parquet(tmp_path / "nodes.parquet").height == 30


def test_a_path_that_can_not_be_a_folder_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "fleet"):
        assert simulate(folder) == 2
        assert f"{folder}: is no folder" in capsys.readouterr().err.replace("\n", "")


@pytest.mark.parametrize(
    ("option", "value", "named"),
    [("--interval", "soon", "--interval soon"), ("--interval", "7h", "divides a day"), ("--nodes", "0", "--nodes = 0")],
)
def test_a_wrong_option_is_named_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, value: str, named: str
) -> None:
    assert main(["simulate", str(tmp_path / "fleet"), option, value]) == 2
    assert named in capsys.readouterr().err
    assert not (tmp_path / "fleet").exists()


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    folders = (tmp_path / "first", tmp_path / "second")
    assert [simulate(folder, "--seed", "3") for folder in folders] == [0, 0]
    first, second = ({file.name: file.read_bytes() for file in folder.glob("*.parquet")} for folder in folders)
    assert {"events.parquet", "nodes.parquet", "telemetry.parquet"} <= first.keys()
    assert first == second


def test_a_fleet_in_which_no_node_failed_suggests_a_larger_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", str(tmp_path / "fleet"), "--nodes", "1", "--days", "1", "--interval", "6h"]) == 0
    out = capsys.readouterr().out
    assert "1 node, 2025-01-01 to 2025-01-02, 0 failures, 4 rows of telemetry" in out
    assert "next: simulate more --nodes or --days" in out
    assert "# 1 node, 1 day from 2025-01-01, a sample every 6h, seed 1." in (tmp_path / "fleet" / CONFIG).read_text()
