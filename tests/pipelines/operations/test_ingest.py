"""Ingests by the command line, in a separate process."""

import json
import os
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
print("prefect:", "prefect" in sys.modules)
print(codes)
"""


@dataclass(frozen=True, slots=True)
class Ran:
    folder: Path
    out: str
    err: str


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


def test_each_ingest_ends_with_the_exit_code_of_its_fault(ran: Ran) -> None:
    assert ran.out.endswith("[0, 0, 3, 3]\n"), ran.err


def test_without_a_server_prefect_is_not_imported_and_writes_nothing(ran: Ran) -> None:
    assert "prefect: False" in ran.out
    assert not (ran.folder / "var" / "prefect").exists()
    assert not (ran.folder / ".prefect").exists()


def test_a_second_ingest_of_the_same_changes_nothing(ran: Ran) -> None:
    first, second = (json.loads((ran.folder / f"{name}.json").read_text()) for name in ("first", "second"))
    assert first["tables"]["telemetry"]["inserted"] == 30
    assert {table["inserted"] + table["replaced"] for table in second["tables"].values()} == {0}
    assert second["buckets"] == 0


def test_bad_data_is_named_once_and_leaves_no_output(ran: Ran) -> None:
    assert ran.err.count("error: ") == 2
    assert "none: no such folder" in ran.err
    assert "no column nope" in ran.err
    assert "Traceback" not in ran.err
    assert not (ran.folder / "none.json").exists()


def test_a_prefect_server_that_does_not_answer_is_4(tmp_path: Path) -> None:
    (tmp_path / "nodeward.toml").write_text(template())
    write_records(tmp_path / "records")
    process = run(tmp_path, "-m", "pipelines.main", "ingest", PREFECT_API_URL="http://127.0.0.1:1/api")
    assert process.returncode == 4
    assert process.stderr.startswith("error: the Prefect server (PREFECT_API_URL) at http://127.0.0.1:1/api")
