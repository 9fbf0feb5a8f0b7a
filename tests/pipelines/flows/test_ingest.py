"""The flow under a real Prefect server, in a process of its own: Prefect reads its settings when it is imported."""

import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines.settings.template import template
from tests.pipelines.made_up import write_records

ROOT = Path(__file__).parents[3]
SCRIPT = """
import sys
from pipelines.main import main
codes = [
    main(["ingest", "--json", "first.json"]),
    main(["ingest", "--json", "second.json"]),
    main(["ingest", "--set", "source.path=none"]),
    main(["ingest", "--set", "source.columns.events.cause=nope", "--json", "none.json"]),
]
print(codes)
"""


@dataclass(frozen=True, slots=True)
class Ran:
    folder: Path
    out: str
    err: str

    def query(self, sql: str) -> list[tuple[object, ...]]:
        with sqlite3.connect(self.folder / "var" / "prefect" / "prefect.db") as database:
            rows = database.execute(sql).fetchall()
        database.close()
        return rows


def run(folder: Path, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    python = [sys.executable, "-W", "error", *command]
    variables = {"PATH": os.defpath, "PYTHONPATH": str(ROOT), "HOME": str(folder), **environ}
    return subprocess.run(python, cwd=folder, env=variables, capture_output=True, text=True, check=False)  # noqa: S603  - the interpreter that runs this test


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Four ingests by the command line: one that writes, the same again, and two that fail."""
    folder = tmp_path_factory.mktemp("ingest")
    (folder / "nodeward.toml").write_text(template())
    write_records(folder / "records")
    process = run(folder, "-c", SCRIPT)
    return Ran(folder, process.stdout, process.stderr)


def test_an_ingest_through_the_command_line_is_a_recorded_flow_with_an_artifact(ran: Ran) -> None:
    assert ran.out.endswith("[0, 0, 3, 3]\n"), ran.err
    runs = ran.query("select name, state_name from flow_run order by created")
    assert runs == [("ingest nodeward.toml", state) for state in ("Completed", "Completed", "Failed", "Failed")]
    ((markdown,), *_) = ran.query("select data from artifact where key = 'ingest' order by created")
    assert "| telemetry | 30 | 0 | 0 |" in str(markdown)


def test_a_second_ingest_of_the_same_changes_nothing(ran: Ran) -> None:
    first, second = (json.loads((ran.folder / f"{name}.json").read_text()) for name in ("first", "second"))
    assert first["tables"]["telemetry"]["inserted"] == 30
    assert {table["inserted"] + table["replaced"] for table in second["tables"].values()} == {0}
    assert second["buckets"] == 0


def test_bad_data_is_said_once_is_not_tried_again_and_leaves_no_output(ran: Ran) -> None:
    assert ran.err.count("error: ") == 2
    assert "none: no such folder" in ran.err
    assert "no column nope" in ran.err
    assert "Traceback" not in ran.err
    assert ran.query("select max(run_count) from task_run") == [(1,)]
    assert not (ran.folder / "none.json").exists()


def test_prefect_keeps_to_the_state_folder_and_pickles_nothing(ran: Ran) -> None:
    assert not (ran.folder / ".prefect").exists()
    for stored in (ran.folder / "var" / "prefect" / "storage").iterdir():
        assert json.loads(stored.read_text())["__exc_type__"].startswith("data.errors.")


def test_a_prefect_server_that_does_not_answer_is_4(tmp_path: Path) -> None:
    (tmp_path / "nodeward.toml").write_text(template())
    write_records(tmp_path / "records")
    process = run(tmp_path, "-m", "pipelines.main", "ingest", PREFECT_API_URL="http://127.0.0.1:1/api")
    assert process.returncode == 4
    assert process.stderr.startswith("error: the Prefect server (PREFECT_API_URL) at http://127.0.0.1:1/api")


def test_records_of_prefects_that_can_not_be_opened_are_4(tmp_path: Path) -> None:
    (tmp_path / "nodeward.toml").write_text(template())
    write_records(tmp_path / "records")
    (tmp_path / "var" / "prefect").mkdir(parents=True)
    (tmp_path / "var" / "prefect" / "prefect.db").write_text("this is no database")
    process = run(tmp_path, "-m", "pipelines.main", "ingest")
    assert process.returncode == 4
    assert process.stderr.startswith("error: Prefect's records in var/prefect can't be opened")
    assert "Traceback" not in process.stderr
