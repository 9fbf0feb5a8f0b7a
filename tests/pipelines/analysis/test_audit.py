import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from data.schema import AVAILABLE_AT, TS
from models.audit.checks import column_lifetimes, idle_failures, planned_work, recording_delays, revealing_columns
from models.audit.finding import Severity
from models.audit.run_all import CHECKS
from pipelines.analysis.audit import arrivals, audit
from pipelines.main import main
from pipelines.settings.load import load
from pipelines.settings.schema import Settings
from pipelines.wiring import wiring
from tests.features.fleets import DAY, Fleet
from tests.models.audit.plants import ahead_of_failure, at, clean, failures, names, with_metric
from tests.pipelines.made_up import merge_all

TEST_START = "2021-04-21"
SETTINGS = """
fleet.name = "made up"
source.path = "{0}/records"
state.path = "{0}/var"
clock.now = "data"
forecast.horizons = ["1d", "3d", "7d"]
forecast.alarm_shares = [0.02]
features.windows = ["1d", "3d", "7d"]
metrics.columns.errors = {{ kind = "counter" }}
metrics.columns.seen = {{ kind = "count" }}
model = {{ leaves = 4, min_child = 10, min_failures = 10, negatives_per_positive = 5.0 }}
"""
HOURS = (
    SETTINGS.replace('["1d", "3d", "7d"]', '["6h", "12h"]')
    + """
forecast.every = "6h"
buckets.width = "6h"
policy.horizon = "12h"
"""
)


def ingested(folder: Path, fleet: Fleet, settings_text: str = SETTINGS) -> Settings:
    (folder / "records").mkdir()
    (folder / "nodeward.toml").write_text(settings_text.format(folder))
    fleet.write(folder / "records")
    settings = load(folder / "nodeward.toml", (), {})
    merge_all(settings)
    return settings


def run(folder: Path, *more: str) -> int:
    return main(["audit", "-c", str(folder / "nodeward.toml"), "--test-start", TEST_START, *more])


def verdicts(folder: Path) -> dict[str, str]:
    report: dict[str, Any] = json.loads((folder / "audit.json").read_text())
    return {finding["name"]: finding["verdict"] for finding in report["findings"]}


@pytest.fixture(scope="module")
def traps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ingest a fleet with a flag written after the fact, failures known too soon, and reboots in a row."""
    folder, fleet = tmp_path_factory.mktemp("traps"), clean()
    wave = failures(names()[:40], np.arange(40) / 700 + 60.4, np.full(40, 0.1))
    events = pl.concat([fleet.events, wave]).with_columns(recorded_at="start")
    flag = ahead_of_failure(fleet, 5).cast(pl.Float64)
    ingested(folder, with_metric(replace(fleet, events=events), "is_failed", flag))
    return folder


def test_a_clean_fleet_passes_the_strict_audit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ingested(tmp_path, clean())
    assert run(tmp_path, "--strict", "--json", str(tmp_path / "audit.json")) == 0
    others = {name: verdict for name, verdict in verdicts(tmp_path).items() if verdict != "clear"}
    assert others == {idle_failures.NAME: "can't tell"}, "no metric defines when a node is idle"
    assert list(verdicts(tmp_path)) == list(CHECKS)
    assert "tests of the forecasts from 2021-04-21 to 2021-06-10" in capsys.readouterr().out


def test_planted_traps_are_found_shown_first_and_strictly_refused(
    traps: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(traps, "--strict", "--json", str(traps / "audit.json")) == 3
    names = {name for name, verdict in verdicts(traps).items() if verdict == "found"}
    assert {revealing_columns.NAME, recording_delays.AT_ONCE, planned_work.GROUPS} <= names
    output = capsys.readouterr()
    assert f"the audit found: {revealing_columns.NAME}" in output.err
    assert output.out.index("is_failed") < output.out.index(column_lifetimes.CONSTANT)
    assert max(map(len, output.out.splitlines()[1:])) <= 80
    assert f"{len(names)} found" in output.out


def test_what_is_found_is_no_error_unless_strict(traps: Path) -> None:
    late = ("--test-start", "2021-06-09", "--json", str(traps / "late.json"))  # too late to judge a forecast: quick
    assert main(["audit", "-c", str(traps / "nodeward.toml"), *late]) == 0
    assert "found" in (traps / "late.json").read_text()


def test_a_state_without_records_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "nodeward.toml").write_text(SETTINGS.format(tmp_path))
    assert run(tmp_path) == 3
    assert "nodeward ingest" in capsys.readouterr().err


def test_a_start_after_the_records_is_refused(traps: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "-c", str(traps / "nodeward.toml"), "--test-start", "2022-01-01"]) == 2
    assert "--test-start 2022-01-01" in capsys.readouterr().err


def test_horizons_of_hours_alone_are_audited(tmp_path: Path) -> None:
    ingested(tmp_path, clean(), HOURS)
    assert run(tmp_path, "--json", str(tmp_path / "audit.json")) == 0
    assert "found" not in verdicts(tmp_path).values()
    assert list(verdicts(tmp_path)) == list(CHECKS)


def test_a_forecast_that_has_nothing_to_learn_from_leaves_the_other_tests(traps: Path) -> None:
    report = audit(load(traps / "nodeward.toml", (), {}), at(0))
    assert revealing_columns.NAME in report.named(Severity.INCONCLUSIVE)
    assert recording_delays.AT_ONCE in report.named(Severity.FOUND)


def test_telemetry_that_was_available_too_early_or_in_bulk_is_counted(tmp_path: Path) -> None:
    rows = (
        clean()
        .telemetry.with_columns(
            pl.when(pl.col(TS) < at(100)).then(pl.lit(at(100))).otherwise(pl.col(AVAILABLE_AT)).alias(AVAILABLE_AT)
        )
        .with_columns(
            pl.when(pl.col(TS) == at(150))
            .then(pl.col(TS) - timedelta(hours=1))
            .otherwise(AVAILABLE_AT)
            .alias(AVAILABLE_AT)
        )
    )
    settings = ingested(tmp_path, replace(clean(), telemetry=rows))
    counts = arrivals(wiring.store(settings), 7 * DAY)
    assert (counts.rows, counts.early, counts.bulk) == (16_100, 100, 10_100)
    assert counts.early_examples[0][1] == at(150)
