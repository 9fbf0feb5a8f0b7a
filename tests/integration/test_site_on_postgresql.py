"""The whole path on PostgreSQL: records by state.url, models by tracking.uri, through the command line."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from data.sql.records import Records
from tests.pipelines.operations.test_ingest import Ran, run
from tests.pipelines.records import write_folder

if TYPE_CHECKING:
    from tests.integration.postgresql import Server

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys
from pipelines.main import main
other = sys.argv[1]
source = ["--set", "clock.now=data"]
moved = ["--set", "state.path=elsewhere", "--set", f"state.url={other}"]
codes = [
    main(["check", *source]),
    main(["ingest", "--json", "ingest.json"]),
    main(["train", *source]),
    main(["score", *source, "--json", "score.json"]),
    main(["decide", *source]),
    main(["maintain", *source, "--set", "retention.decisions=1d"]),
    main(["status", *source, "--json", "status.json"]),
    main(["backup", "b.tar.gz", "--json", "backup.json"]),
    main(["restore", "b.tar.gz", "--into", "elsewhere"]),
    main(["restore", "b.tar.gz", "--into", "elsewhere", "--set", f"state.url={other}", "--json", "restore.json"]),
    main(["status", *source, *moved, "--json", "restored.json"]),
    main(["ingest", *moved, "--json", "again.json"]),
    main(["restore", "b.tar.gz", "--into", "elsewhere", "--set", f"state.url={other}", "--force"]),
    main(["restore", "b.tar.gz", "--into", "plain", "--set", "state.url="]),
    main(["status", *source, "--set", "state.path=plain", "--set", "state.url=", "--json", "plain.json"]),
]
print(codes)
"""


@pytest.fixture(scope="module")
def ran(postgresql: Server, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("site")
    write_folder(folder)
    urls = {"NODEWARD_STATE__URL": postgresql.create(), "NODEWARD_TRACKING__URI": postgresql.create()}
    process = run(folder, "-c", SCRIPT, postgresql.create(), **urls)
    return Ran(folder, process.stdout, process.stderr)


def report_of(ran: Ran, name: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((ran.folder / f"{name}.json").read_text())
    return report


def test_every_command_runs_and_the_live_database_is_not_overwritten_by_a_restore(ran: Ran) -> None:
    assert ran.out.endswith("[0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0]\n"), ran.err
    assert "holds records already\n  → name another one in state.url" in ran.err


def test_models_are_in_mlflows_database_and_records_in_the_other(ran: Ran) -> None:
    assert sorted(path.name for path in (ran.folder / "var").glob("*.db")) == []
    assert report_of(ran, "status")["models"][0]["aliases"] == ["challenger", "champion"]
    assert report_of(ran, "status")["scores"]["nodes"] == report_of(ran, "score")["nodes"]


def test_a_backup_is_restored_to_another_server_and_to_sqlite(ran: Ran) -> None:
    assert report_of(ran, "backup") == report_of(ran, "restore")
    tables = report_of(ran, "status")["tables"]
    expected = {name: table["rows"] for name, table in tables.items()}
    for state in ("restored", "plain"):
        assert {name: table["rows"] for name, table in report_of(ran, state)["tables"].items()} == expected
    assert (
        report_of(ran, "restored")["scores"] == report_of(ran, "plain")["scores"] == report_of(ran, "status")["scores"]
    )
    assert {table["inserted"] for table in report_of(ran, "again")["tables"].values()} == {0}


def test_no_password_is_shown_anywhere(ran: Ran) -> None:
    assert "only-here" not in ran.out + ran.err


def test_two_hosts_that_ingest_simultaneously_into_one_database_lose_and_duplicate_nothing(
    postgresql: Server, tmp_path: Path
) -> None:
    url, hosts = postgresql.create(), [tmp_path / name for name in ("first", "second")]
    hosts[0].mkdir()
    write_folder(hosts[0])
    shutil.copytree(hosts[0], hosts[1])
    command = [sys.executable, "-c", "from pipelines.main import main; raise SystemExit(main(['ingest']))"]
    shared = {"PYTHONPATH": str(ROOT), "NODEWARD_STATE__URL": url}
    running = [subprocess.Popen(command, cwd=host, env={**shared, "HOME": str(host)}) for host in hosts]  # noqa: S603  - the command above
    assert [process.wait(300) for process in running] == [0, 0]
    records = Records.open(url)
    assert (records.nodes().height, records.events().height, records.blind().height) == (40, 117, 1)
    records.close()
