"""A state that the previous version wrote works with this one.

`version_1.tar.xz` was written by commit 90b16e6 (SQL tables of version 1): the folder of tests/pipelines/records.py
after `ingest`, `train`, `score` and `decide`, in a folder that no longer exists, without the model's plots. Its
settings counted days (tests/pipelines/test_settings_in_days.py) and are converted.
"""

import json
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.operations.test_ingest import Ran, run

ARCHIVE = Path(__file__).with_name("version_1.tar.xz")
SCRIPT = """
from pipelines.main import main
source = ["--set", "clock.now=data"]
elsewhere = ["--set", "state.path=elsewhere/var"]
codes = [
    main(["status", *source, "--json", "status.json"]),
    main(["score", *source, "--json", "score.json"]),
    main(["decide", *source]),
    main(["ingest", "--json", "ingest.json"]),
    main(["train", *source, "--json", "train.json"]),
    main(["maintain", *source, "--set", "retention.telemetry=30d", "--json", "maintain.json"]),
    main(["backup", "b.tar.zst", "--json", "backup.json"]),
    main(["restore", "b.tar.zst"]),
    main(["restore", "b.tar.zst", "--into", "elsewhere/var", "--json", "restore.json"]),
    main(["score", *source, *elsewhere, "--model", "1", "--json", "again.json"]),
    main(["maintain", *source, *elsewhere]),
    main(["status", *source, *elsewhere, "--json", "restored.json"]),
    main(["backup", "var/inside.tar.zst"]),
    main(["backup", "b.zip"]),
]
print(codes)
"""
ROWS = {"nodes": 40, "events": 117, "blind": 1, "telemetry": 3150, "buckets": 3150, "scores": 117}
RECORDS = ("nodes", "events", "blind", "latest_scores", "decisions")


def stored(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    with closing(sqlite3.connect(folder / "var" / "nodeward.db")) as database:
        return {name: sorted(database.execute(f"SELECT * FROM {name}"), key=str) for name in RECORDS}  # noqa: S608  - own names


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[tuple[Any, ...]]]]:
    folder = tmp_path_factory.mktemp("upgrade")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    settings = folder / "nodeward.toml"
    settings.write_text(settings.read_text().replace("horizons_days = [1, 3, 7]", 'horizons = ["1d", "3d", "7d"]'))
    return folder, stored(folder)


@pytest.fixture(scope="module")
def ran(before: tuple[Path, dict[str, list[tuple[Any, ...]]]]) -> Ran:
    folder, _ = before
    process = run(folder, "-c", SCRIPT)
    return Ran(folder, process.stdout, process.stderr)


def report_of(ran: Ran, name: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((ran.folder / f"{name}.json").read_text())
    return report


def test_every_command_runs_on_the_old_state(ran: Ran) -> None:
    assert ran.out.endswith("[0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 2]\n"), ran.err
    assert "var: is a state already\n  → restore --into another folder, or replace this one with --force" in ran.err
    assert "var/inside.tar.zst: is inside the state that it would contain" in ran.err
    assert "b.zip: unknown kind of archive" in ran.err


def test_every_row_is_still_there(ran: Ran, before: tuple[Path, dict[str, list[tuple[Any, ...]]]]) -> None:
    tables = report_of(ran, "status")["tables"]
    assert {name: tables[name]["rows"] for name in ROWS} == ROWS
    _, old = before
    new = stored(ran.folder)
    assert [len(old[name]) for name in RECORDS] == [40, 117, 1, 117, 39]
    assert [new[name] == old[name] for name in ("events", "blind")] == [True, True]


def test_the_same_records_ingested_again_change_nothing(ran: Ran) -> None:
    tables = report_of(ran, "ingest")["tables"]
    assert {name: tables[name]["inserted"] for name in tables} == dict.fromkeys(tables, 0)
    assert {name: tables[name]["unchanged"] for name in ("events", "telemetry")} == {"events": 117, "telemetry": 3150}


def test_the_model_is_found_in_another_folder_and_scores_as_before(ran: Ran) -> None:
    assert report_of(ran, "score")["model_version"] == "1"
    first, again = (
        [(score["node"], score["probability"]) for score in report_of(ran, name)["scores"]]
        for name in ("score", "again")
    )
    assert len(first) > 0
    assert again == first


def test_retention_drops_telemetry_but_keeps_buckets_and_versions_that_models_cite(ran: Ran) -> None:
    report = report_of(ran, "maintain")
    assert report["dropped_until"] == "2024-02-20T00:00:00+00:00"
    assert report["tables"]["telemetry"]["after"]["rows"] < ROWS["telemetry"]
    assert report["tables"]["buckets"]["after"]["rows"] == ROWS["buckets"]
    assert 0 in report["spared"]["telemetry"]


def test_the_restored_state_is_the_one_that_was_backed_up(ran: Ran) -> None:
    assert report_of(ran, "backup") == report_of(ran, "restore")
    telemetry_rows = report_of(ran, "maintain")["tables"]["telemetry"]["after"]["rows"]
    rows = {name: table["rows"] for name, table in report_of(ran, "restored")["tables"].items()}
    assert {name: rows[name] for name in ROWS} == ROWS | {"telemetry": telemetry_rows, "scores": rows["scores"]}
    assert {alias for model in report_of(ran, "restored")["models"] for alias in model["aliases"]} == {
        "champion",
        "challenger",
    }
